/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch files that a test makes; see torch_case.h. */
#include "torch_case.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- pickles ---- */

static void add_le(struct strbuf *sb, uint64_t v, unsigned n)
{
	for (; n > 0; n--, v >>= 8)
		strbuf_addc(sb, (char)(v & 0xff));
}

void pickle_str(struct strbuf *sb, const char *s)
{
	strbuf_addc(sb, 'X');
	add_le(sb, strlen(s), 4);
	strbuf_adds(sb, s);
}

void pickle_int(struct strbuf *sb, uint64_t i)
{
	strbuf_add(sb, "\x8a\x8", 2);
	add_le(sb, i, 8);
}

static void add_tuple(struct strbuf *sb, unsigned n, const uint64_t *v)
{
	strbuf_addc(sb, '(');
	for (unsigned i = 0; i < n; i++)
		pickle_int(sb, v[i]);
	strbuf_addc(sb, 't');
}

void pickle_tensor(struct strbuf *sb, const char *class, const char *key,
		   uint64_t numel, uint64_t off, unsigned n,
		   const uint64_t *dims, const uint64_t *strides)
{
	strbuf_adds(sb, "ctorch._utils\n_rebuild_tensor_v2\n((");
	pickle_str(sb, "storage");
	strbuf_addf(sb, "ctorch\n%s\n", class);
	pickle_str(sb, key);
	pickle_str(sb, "cpu");
	pickle_int(sb, numel);
	strbuf_adds(sb, "tQ");
	pickle_int(sb, off);
	add_tuple(sb, n, dims);
	add_tuple(sb, n, strides);
	strbuf_adds(sb, "\x89"
			"ccollections\nOrderedDict\n)RtR");
}

static void add_plain_tensor(struct strbuf *sb)
{
	pickle_tensor(sb, "FloatStorage", "0", 6, 0, 1, (uint64_t[]){2},
		      (uint64_t[]){1});
}

/* A key, up to its colon, which is taken too. */
static void add_word(struct strbuf *sb, const char **at)
{
	char word[256];
	size_t n = strcspn(*at, ":");

	ck_assert_uint_lt(n, sizeof(word));
	memcpy(word, *at, n);
	word[n] = '\0';
	pickle_str(sb, word);
	*at += n + 1;
}

static void add_value(struct strbuf *sb, const char **at)
{
	char what = *(*at)++;
	bool is_dict = what == '{';

	switch (what) {
	case 'T':
		add_plain_tensor(sb);
		return;
	case 'S':
		pickle_tensor(sb, "FloatStorage", "0", 6, 0, 0, NULL, NULL);
		return;
	case 'N':
		strbuf_addc(sb, 'N');
		return;
	case '@':
		strbuf_add(sb, "h\0", 2);
		return;
	case 'O':
		strbuf_adds(sb, "cargparse\nNamespace\n)\x81}");
		pickle_str(sb, "hidden");
		add_plain_tensor(sb);
		strbuf_adds(sb, "sb");
		return;
	default:
		ck_assert_msg(is_dict || what == '[', "%c", what);
	}
	strbuf_adds(sb, is_dict ? "}" : "]");
	if (sb->len == 3) /* the outermost */
		strbuf_add(sb, "q\0", 2);
	strbuf_addc(sb, '(');
	for (; **at != '}' && **at != ']'; *at += strspn(*at, " ")) {
		if (is_dict)
			add_word(sb, at);
		add_value(sb, at);
	}
	++*at;
	strbuf_addc(sb, is_dict ? 'u' : 'e');
}

void pickle_of(struct strbuf *sb, const char *notation)
{
	strbuf_add(sb, "\x80\2", 2);
	add_value(sb, &notation);
	strbuf_addc(sb, '.');
}

/* ---- zip archives ---- */

static void put(struct zip_case *z, const void *bytes, size_t n)
{
	ck_assert_int_eq(pwrite(z->fd, bytes, n, (off_t)z->at), (ssize_t)n);
	z->at += n;
}

void zip_case_begin(struct zip_case *z, const char *path)
{
	*z = (struct zip_case){.dir = STRBUF_INIT};
	z->fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	ck_assert_int_ge(z->fd, 0);
}

/* The local header and the directory's entry, with zip64 sizes. */
static void begin_record(struct zip_case *z, const char *name, uint64_t n)
{
	size_t nname = strlen(name);
	struct strbuf head = STRBUF_INIT;

	strbuf_adds(&head, "PK\3\4");
	add_le(&head, 45, 2);
	add_le(&head, 0, 2 + 2 + 4 + 4); /* flags, stored, time, crc */
	add_le(&head, UINT64_MAX, 8);
	add_le(&head, nname, 2);
	add_le(&head, 20, 2);
	strbuf_adds(&head, name);
	add_le(&head, 1 | 16 << 16, 4);
	add_le(&head, n, 8);
	add_le(&head, n, 8);

	strbuf_adds(&z->dir, "PK\1\2");
	add_le(&z->dir, 45 | 45 << 16, 4);
	add_le(&z->dir, 0, 2 + 2 + 4);
	add_le(&z->dir, 0, 4);
	add_le(&z->dir, UINT64_MAX, 8);
	add_le(&z->dir, nname, 2);
	add_le(&z->dir, 28, 2);
	add_le(&z->dir, 0, 2 + 2 + 2 + 4);
	add_le(&z->dir, UINT32_MAX, 4);
	strbuf_adds(&z->dir, name);
	add_le(&z->dir, 1 | 24 << 16, 4);
	add_le(&z->dir, n, 8);
	add_le(&z->dir, n, 8);
	add_le(&z->dir, z->at, 8);

	put(z, head.p, head.len);
	strbuf_release(&head);
	z->n++;
}

void zip_case_add(struct zip_case *z, const char *name, const void *bytes,
		  size_t n)
{
	begin_record(z, name, n);
	put(z, bytes, n);
}

void zip_case_add_hole(struct zip_case *z, const char *name, uint64_t nbytes)
{
	begin_record(z, name, nbytes);
	z->at += nbytes;
}

void zip_case_end(struct zip_case *z)
{
	uint64_t dir = z->at, ndir = z->dir.len;
	struct strbuf end = STRBUF_INIT;

	put(z, z->dir.p, z->dir.len);
	strbuf_adds(&end, "PK\6\6");
	add_le(&end, 44, 8);
	add_le(&end, 45 | 45 << 16, 4);
	add_le(&end, 0, 8);
	add_le(&end, z->n, 8);
	add_le(&end, z->n, 8);
	add_le(&end, ndir, 8);
	add_le(&end, dir, 8);
	strbuf_adds(&end, "PK\6\7");
	add_le(&end, 0, 4);
	add_le(&end, dir + ndir, 8);
	add_le(&end, 1, 4);
	strbuf_adds(&end, "PK\5\6");
	add_le(&end, 0, 4);
	add_le(&end, UINT32_MAX, 4);
	add_le(&end, UINT64_MAX, 8);
	add_le(&end, 0, 2);
	put(z, end.p, end.len);
	strbuf_release(&end);
	strbuf_release(&z->dir);
	ck_assert_int_eq(close(z->fd), 0);
}

void torch_case_zip(const char *path, struct str pickle, const void *storage,
		    size_t n)
{
	struct zip_case z;

	zip_case_begin(&z, path);
	zip_case_add(&z, "m/data.pkl", pickle.p, pickle.n);
	zip_case_add(&z, "m/data/0", storage, n);
	zip_case_add(&z, "m/version", "3\n", 2);
	zip_case_end(&z);
}

/* ---- reading ---- */

void torch_case_init(struct torch_case *x)
{
	int fd;

	*x = (struct torch_case){"/tmp/wconv-test-XXXXXX", TENSOR_SET_INIT,
				 STRBUF_INIT, ERROR_INIT, 0};
	fd = mkstemp(x->path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

void torch_case_read(struct torch_case *x, const char *path, const char *key)
{
	struct torch_options opt = {key, false};
	struct source *s;

	tensor_set_release(&x->set);
	error_release(&x->err);
	strbuf_reset(&x->notes);
	ck_assert_int_eq(source_open(&s, path, &x->err), 0);
	ck_assert_int_eq(tensor_set_own(&x->set, s), 0);
	x->rc = torch_read(&x->set, s, &opt, &x->notes, &x->err);
}

void torch_case_release(struct torch_case *x)
{
	unlink(x->path);
	tensor_set_release(&x->set);
	strbuf_release(&x->notes);
	error_release(&x->err);
}

void torch_case_bytes(const struct tensor *t, uint64_t off, size_t n, void *buf)
{
	struct stats stats = {0};
	struct reader rd;

	ck_assert_int_eq(reader_init(&rd, 0, &stats, NULL), 0);
	ck_assert_int_eq(tensor_read(t, off, n, buf, &rd), 0);
	reader_release(&rd);
}
