/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make a llama model of any size: config.json, shards, their index.
 *
 *   make_model [OPTION=NUMBER...] DIR
 *
 *   --layers=2 --hidden=512 --intermediate=1408 --heads=8 --kv-heads=2
 *   --vocab=1600 --shards=1
 *   --dtype=bf16      or fp16, fp32
 *   --fill            weights that look like weights, the same at every run;
 *                     without it the data is a hole and reads as zeros
 *
 * 90,003 tensors of 1.3 TB in 160 shards, which take 12 MB on disk:
 *
 *   make_model --layers=10000 --hidden=2048 --intermediate=8832 --heads=16 \
 *              --kv-heads=4 --vocab=32000 --shards=160 DIR
 *
 * 2.2 GB in 3 shards: --layers=22 --hidden=2048 --intermediate=5632
 *              --heads=32 --kv-heads=4 --vocab=32000 --shards=3 --fill
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PER_LAYER 9
#define CHUNK ((size_t)1 << 20)

enum number { LAYERS, HIDDEN, INTER, HEADS, KV_HEADS, VOCAB, SHARDS, NNUMBERS };

static const struct option longs[] = {
	{"layers", required_argument, NULL, LAYERS},
	{"hidden", required_argument, NULL, HIDDEN},
	{"intermediate", required_argument, NULL, INTER},
	{"heads", required_argument, NULL, HEADS},
	{"kv-heads", required_argument, NULL, KV_HEADS},
	{"vocab", required_argument, NULL, VOCAB},
	{"shards", required_argument, NULL, SHARDS},
	{"dtype", required_argument, NULL, 'd'},
	{"fill", no_argument, NULL, 'f'},
	{NULL, 0, NULL, 0},
};

static const struct type {
	const char *option, *safetensors, *torch;
	unsigned width;
	/* random bits | set: signs and mantissas of numbers about 0.01 */
	uint64_t random, set;
} types[] = {
	{"bf16", "BF16", "bfloat16", 2, 0x80ff80ff80ff80ff, 0x3c003c003c003c00},
	{"fp16", "F16", "float16", 2, 0x83ff83ff83ff83ff, 0x2000200020002000},
	{"fp32", "F32", "float32", 4, 0x807fffff807fffff, 0x3c0000003c000000},
};

struct model {
	uint64_t n[NNUMBERS];
	const struct type *type;
	bool fill;
	const char *dir;
	uint64_t nbytes; /* of all tensors */
};

/* Tensor i, in the order of the files. */
struct tensor {
	char name[96];
	uint64_t rows, cols; /* cols 0: one dimension */
	uint64_t nbytes;
};

static bool fail(const char *path)
{
	perror(path);
	return false;
}

static uint64_t count(const struct model *m)
{
	return 3 + PER_LAYER * m->n[LAYERS];
}

/* One of the nine of a layer. */
static void layer_tensor(const struct model *m, unsigned k, const char **name,
			 uint64_t *rows, uint64_t *cols)
{
	uint64_t h = m->n[HIDDEN], f = m->n[INTER];
	uint64_t kv = h / m->n[HEADS] * m->n[KV_HEADS];
	const struct {
		const char *name;
		uint64_t rows, cols;
	} v[PER_LAYER] = {
		{"input_layernorm", h, 0},
		{"mlp.down_proj", h, f},
		{"mlp.gate_proj", f, h},
		{"mlp.up_proj", f, h},
		{"post_attention_layernorm", h, 0},
		{"self_attn.k_proj", kv, h},
		{"self_attn.o_proj", h, h},
		{"self_attn.q_proj", h, h},
		{"self_attn.v_proj", kv, h},
	};

	*name = v[k].name;
	*rows = v[k].rows;
	*cols = v[k].cols;
}

static struct tensor tensor_at(const struct model *m, uint64_t i)
{
	struct tensor t = {.rows = m->n[VOCAB], .cols = m->n[HIDDEN]};
	const char *name = "lm_head";
	uint64_t layer = (i - 1) / PER_LAYER;

	if (i == 0) {
		name = "model.embed_tokens";
	} else if (layer < m->n[LAYERS]) {
		layer_tensor(m, (unsigned)((i - 1) % PER_LAYER), &name, &t.rows,
			     &t.cols);
	} else if (i == count(m) - 2) {
		name = "model.norm";
		t.rows = m->n[HIDDEN];
		t.cols = 0;
	}
	if (i > 0 && layer < m->n[LAYERS])
		snprintf(t.name, sizeof(t.name),
			 "model.layers.%" PRIu64 ".%s.weight", layer, name);
	else
		snprintf(t.name, sizeof(t.name), "%s.weight", name);
	t.nbytes = t.rows * (t.cols ? t.cols : 1) * m->type->width;
	return t;
}

/* The shard of the tensor that begins at that byte of all. */
static uint64_t shard_at(const struct model *m, uint64_t at)
{
	return (uint64_t)((double)at / (double)m->nbytes *
			  (double)m->n[SHARDS]);
}

static void shard_name(const struct model *m, uint64_t k, char *out, size_t n)
{
	if (m->n[SHARDS] == 1)
		snprintf(out, n, "model.safetensors");
	else
		snprintf(out, n,
			 "model-%05" PRIu64 "-of-%05" PRIu64 ".safetensors",
			 k + 1, m->n[SHARDS]);
}

static FILE *create(const struct model *m, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", m->dir, name);
	f = fopen(path, "w");
	if (!f)
		fail(path);
	return f;
}

/* The JSON text of tensors [from, to), padded to a multiple of 8. */
static char *header(const struct model *m, uint64_t from, uint64_t to,
		    size_t *n)
{
	uint64_t at = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, n);

	if (!f)
		return NULL;
	fputs("{\"__metadata__\":{\"format\":\"pt\"}", f);
	for (uint64_t i = from; i < to; i++) {
		struct tensor t = tensor_at(m, i);

		fprintf(f, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%" PRIu64,
			t.name, m->type->safetensors, t.rows);
		if (t.cols)
			fprintf(f, ",%" PRIu64, t.cols);
		fprintf(f, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at,
			at + t.nbytes);
		at += t.nbytes;
	}
	fputc('}', f);
	while (ftell(f) % 8)
		fputc(' ', f);
	fclose(f);
	return text;
}

/* A generator of our own (splitmix64): the same weights on every machine. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static bool write_weights(const struct model *m, FILE *f, uint64_t seed,
			  uint64_t nbytes)
{
	uint64_t *buf = malloc(CHUNK);

	while (buf && nbytes > 0) {
		size_t n = nbytes < CHUNK ? (size_t)nbytes : CHUNK;

		for (size_t i = 0; i < CHUNK / sizeof(*buf); i++)
			buf[i] = (next_random(&seed) & m->type->random) |
				 m->type->set;
		if (fwrite(buf, 1, n, f) != n)
			break;
		nbytes -= n;
	}
	free(buf);
	return nbytes == 0;
}

static bool write_shard(const struct model *m, uint64_t k, uint64_t from,
			uint64_t to, uint64_t nbytes)
{
	char name[64];
	size_t n = 0;
	char *text = header(m, from, to, &n);
	FILE *f;
	bool ok;

	shard_name(m, k, name, sizeof(name));
	f = create(m, name);
	ok = f && text;
	for (unsigned i = 0; ok && i < 64; i += 8)
		fputc((int)((uint64_t)n >> i & 0xff), f);
	ok = ok && fwrite(text, 1, n, f) == n;
	if (ok && m->fill)
		ok = write_weights(m, f, k, nbytes);
	ok = ok && fflush(f) == 0 &&
	     ftruncate(fileno(f), (off_t)(8 + n + nbytes)) == 0;
	if (f && fclose(f) != 0)
		ok = false;
	free(text);
	return ok ? true : fail(name);
}

static bool write_shards(const struct model *m)
{
	uint64_t i = 0, at = 0;

	for (uint64_t k = 0; k < m->n[SHARDS]; k++) {
		uint64_t from = i, start = at;

		while (i < count(m) && shard_at(m, at) == k)
			at += tensor_at(m, i++).nbytes;
		if (!write_shard(m, k, from, i, at - start))
			return false;
	}
	return true;
}

static bool write_index(const struct model *m)
{
	FILE *f = create(m, "model.safetensors.index.json");
	uint64_t at = 0;

	if (!f)
		return false;
	fprintf(f,
		"{\n  \"metadata\": {\"total_size\": %" PRIu64
		"},\n  \"weight_map\": {",
		m->nbytes);
	for (uint64_t i = 0; i < count(m); i++) {
		struct tensor t = tensor_at(m, i);
		char name[64];

		shard_name(m, shard_at(m, at), name, sizeof(name));
		fprintf(f, "%s\n    \"%s\": \"%s\"", i ? "," : "", t.name,
			name);
		at += t.nbytes;
	}
	fputs("\n  }\n}\n", f);
	return fclose(f) == 0 ? true : fail("the index");
}

static bool write_config(const struct model *m)
{
	FILE *f = create(m, "config.json");

	if (!f)
		return false;
	fprintf(f,
		"{\"architectures\": [\"LlamaForCausalLM\"],\n"
		" \"model_type\": \"llama\", \"torch_dtype\": \"%s\",\n"
		" \"num_hidden_layers\": %" PRIu64 ", \"hidden_size\": %" PRIu64
		",\n \"intermediate_size\": %" PRIu64
		", \"num_attention_heads\": %" PRIu64
		",\n \"num_key_value_heads\": %" PRIu64
		", \"vocab_size\": %" PRIu64
		",\n \"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0,\n"
		" \"tie_word_embeddings\": false}\n",
		m->type->torch, m->n[LAYERS], m->n[HIDDEN], m->n[INTER],
		m->n[HEADS], m->n[KV_HEADS], m->n[VOCAB]);
	return fclose(f) == 0 ? true : fail("config.json");
}

static bool write_model(struct model *m)
{
	if (mkdir(m->dir, 0777) < 0 && access(m->dir, W_OK) < 0)
		return fail(m->dir);
	for (uint64_t i = 0; i < count(m); i++)
		m->nbytes += tensor_at(m, i).nbytes;
	if (!write_shards(m) || !write_config(m))
		return false;
	if (m->n[SHARDS] > 1 && !write_index(m))
		return false;
	printf("%s: %" PRIu64 " tensors, %" PRIu64 " bytes, %" PRIu64
	       " shards\n",
	       m->dir, count(m), m->nbytes, m->n[SHARDS]);
	return true;
}

static bool take_option(struct model *m, int ch)
{
	char *end;

	if (ch == 'f')
		m->fill = true;
	if (ch == 'd') {
		m->type = NULL;
		for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
			if (strcmp(types[i].option, optarg) == 0)
				m->type = &types[i];
		return m->type;
	}
	if (ch >= NNUMBERS)
		return ch == 'f';
	m->n[ch] = strtoull(optarg, &end, 10);
	return *end == '\0' && m->n[ch] > 0 && m->n[ch] <= 10000000;
}

int main(int argc, char **argv)
{
	struct model m = {.n = {2, 512, 1408, 8, 2, 1600, 1},
			  .type = &types[0]};
	bool ok = true;
	int ch;

	while (ok && (ch = getopt_long(argc, argv, "", longs, NULL)) != -1)
		ok = take_option(&m, ch);
	if (!ok || optind + 1 != argc || m.n[HIDDEN] % m.n[HEADS]) {
		fprintf(stderr, "usage: see the first lines of make_model.c\n");
		return 2;
	}
	m.dir = argv[optind];
	return !write_model(&m);
}
