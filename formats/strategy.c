/* SPDX-License-Identifier: Apache-2.0 */
/* Strategy files, read: see strategy.h. */
#include "formats/strategy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/checked.h"
#include "core/json.h"
#include "core/slurp.h"
#include "formats/strategy.pb-c.h"

/* 10^5 parameters in some stages, 200 bytes each. */
#define STRATEGY_MAX_NBYTES (UINT64_C(64) << 20)

#define REFUSE(s, err, l, why, ...)                                            \
	error_set(err, ERR_SOURCE, "%s: parameter \"%.*s\": " why, (s)->path,  \
		  STR_ARG((l)->name), __VA_ARGS__)

/* A merged file has the stage in front of the name: "1-emb.weight". */
static void split_stage(struct strategy_layout *l, struct str name)
{
	size_t n = 0;
	uint32_t stage = 0;

	while (n < name.n && n < 6 && name.p[n] >= '0' && name.p[n] <= '9')
		stage = stage * 10 + (uint32_t)(name.p[n++] - '0');
	l->name = name;
	if (n == 0 || n == name.n || name.p[n] != '-')
		return;
	l->stage = stage;
	l->name = (struct str){name.p + n + 1, name.n - n - 1};
}

static int check_axes(const struct strategy *s, const struct strategy_layout *l,
		      struct error *err)
{
	for (unsigned j = 0; j < l->ndim; j++)
		for (unsigned i = 0; i < l->dims[j].n; i++) {
			int32_t m = l->dims[j].v[i];

			if (m < -1 || (m >= 0 && (unsigned)m >= l->ndev))
				return REFUSE(s, err, l,
					      "its tensor map names device "
					      "axis %" PRId32
					      " of a matrix of %u",
					      m, l->ndev);
		}
	return 0;
}

/* The devices of its matrix: the same for all parameters. */
static int check_devices(struct strategy *s, const struct strategy_layout *l,
			 struct error *err)
{
	uint64_t n = 1;

	for (unsigned i = 0; i < l->ndev && n <= STRATEGY_MAX_RANKS; i++)
		n *= l->dev[i];
	if (n == 0 || n > STRATEGY_MAX_RANKS || l->ndev > STRATEGY_MAX_NDEV)
		return REFUSE(s, err, l,
			      "its device matrix has no devices, or more than "
			      "%d, or over %d dimensions",
			      STRATEGY_MAX_RANKS, STRATEGY_MAX_NDEV);
	if (s->n == 0)
		s->ndevices = (uint32_t)n;
	if (n != s->ndevices)
		return REFUSE(s, err, l,
			      "its device matrix has %" PRIu64
			      " devices, that of \"%.*s\" %" PRIu32,
			      n, STR_ARG(s->v[0].name), s->ndevices);
	if (l->stage >= STRATEGY_MAX_RANKS / s->ndevices)
		return REFUSE(s, err, l,
			      "stage %" PRIu32 " of %" PRIu32
			      " devices: more than %d ranks",
			      l->stage, s->ndevices, STRATEGY_MAX_RANKS);
	if (l->stage >= s->nstages)
		s->nstages = l->stage + 1;
	return 0;
}

/* ---- the optimizer's shard ---- */

/* What the file says of it. */
struct shard_words {
	int64_t step, size;
};

static int refuse_shard(const struct strategy *s,
			const struct strategy_layout *l,
			const struct shard_words *w, struct error *err)
{
	return REFUSE(s, err, l,
		      "an optimizer shard of step %" PRId64 " and size %" PRId64
		      " does not fit the device axes that cut no dimension",
		      w->step, w->size);
}

static uint64_t axes_used(const struct strategy_layout *l)
{
	uint64_t used = 0;

	for (unsigned j = 0; j < l->ndim; j++)
		for (unsigned i = 0; i < l->dims[j].n; i++)
			if (l->dims[j].v[i] >= 0)
				used |= UINT64_C(1) << l->dims[j].v[i];
	return used;
}

/*
 * The unused axes from the last on, whose product is size, into v, which ends
 * before end: how many there are; 0 where there is no such product.
 */
static unsigned shard_axes(const struct strategy_layout *l, int64_t size,
			   struct strategy_shard *end)
{
	uint64_t used = axes_used(l);
	uint32_t stride = 1;
	unsigned n = 0;

	for (unsigned a = 0; a < l->ndev && size != 1; a++) {
		uint32_t d = l->dev[l->ndev - 1 - a];

		if (d > 1 && !(used & UINT64_C(1) << a)) {
			if (size > 0 && size < d && d % size == 0)
				d = (uint32_t)size;
			if (size > 0 && size % d)
				return 0;
			*(end - ++n) = (struct strategy_shard){stride, d};
			size = size > 0 ? size / d : size;
		}
		stride *= l->dev[l->ndev - 1 - a];
	}
	return size > 1 ? 0 : n;
}

static int take_shard(struct strategy *s, struct strategy_layout *l,
		      const struct shard_words *w, struct error *err)
{
	struct strategy_shard *v;

	if (w->step < 0 || w->size < -1)
		return refuse_shard(s, l, w, err);
	if (w->step == 0 || w->size == 0 || w->size == 1)
		return 0;
	v = arena_array(&s->arena, l->ndev, sizeof(*v));
	if (!v)
		return error_nomem(err);
	l->nshard = shard_axes(l, w->size, v + l->ndev);
	l->shard = v + l->ndev - l->nshard;
	/* of several axes, the ranks may not be one step apart */
	if (!l->ndim || (!l->nshard && w->size > 0) ||
	    (l->nshard == 1 && l->shard[0].stride != w->step))
		return refuse_shard(s, l, w, err);
	return 0;
}

/* ---- a layout ---- */

/* No more parts than there are devices to hold them. */
static int check_parts(const struct strategy *s,
		       const struct strategy_layout *l, struct error *err)
{
	uint64_t n = 1;

	for (unsigned i = 0; i < l->nshard; i++)
		n *= l->shard[i].n;
	for (unsigned j = 0; j < l->ndim; j++)
		for (unsigned i = 0; i < l->dims[j].n; i++) {
			int32_t m = l->dims[j].v[i];

			if (m >= 0 && n <= s->ndevices)
				n *= l->dev[l->ndev - 1 - (unsigned)m];
		}
	if (n > s->ndevices)
		return REFUSE(s, err, l,
			      "it is cut into more parts than the %" PRIu32
			      " devices have",
			      s->ndevices);
	return 0;
}

/* Take over a layout whose arrays are in the arena. */
static int add_layout(struct strategy *s, struct strategy_layout *l,
		      const struct shard_words *shard, struct error *err)
{
	int rc = check_devices(s, l, err);

	if (!rc)
		rc = check_axes(s, l, err);
	if (!rc)
		rc = take_shard(s, l, shard, err);
	if (!rc)
		rc = check_parts(s, l, err);
	if (!rc && l->ndim > TENSOR_MAX_NDIM)
		rc = REFUSE(s, err, l, "more than %d dimensions",
			    TENSOR_MAX_NDIM);
	if (rc)
		return rc;
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		struct strategy_layout *v = realloc(s->v, cap * sizeof(*v));

		if (!v)
			return error_nomem(err);
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = *l;
	return 0;
}

/* ---- protobuf ---- */

/* One map: a device axis for each dimension. More: one map for each. */
static int take_maps(struct strategy *s, const Straspb__ParallelLayouts *p,
		     struct strategy_layout *l)
{
	bool nested = p->n_tensor_map > 1;
	size_t ndim = nested ? p->n_tensor_map : p->tensor_map[0]->n_dim;
	struct strategy_axes *dims =
		arena_array(&s->arena, ndim, sizeof(*dims));

	if (!dims)
		return -ENOMEM;
	for (size_t j = 0; j < ndim; j++) {
		const Straspb__TensorMap *map = p->tensor_map[nested ? j : 0];
		size_t n = nested ? map->n_dim : 1;
		int32_t *v = arena_array(&s->arena, n, sizeof(*v));

		if (!v)
			return -ENOMEM;
		if (n)
			memcpy(v, map->dim + (nested ? 0 : j), n * sizeof(*v));
		dims[j] = (struct strategy_axes){(unsigned)n, v};
	}
	l->dims = dims;
	l->ndim = (unsigned)ndim;
	return 0;
}

static int take_item(struct strategy *s, const Straspb__ParallelLayoutItem *it,
		     struct error *err)
{
	const Straspb__ParallelLayouts *p = it->parallel_layouts;
	struct str name = arena_str(&s->arena, str_of(it->param_name));
	struct strategy_layout l = {.stage = 0};
	struct shard_words shard = {p->opt_weight_shard_step,
				    p->opt_weight_shard_size};
	uint32_t *dev;

	if (!name.p)
		return error_nomem(err);
	split_stage(&l, name);
	if (!p->n_dev_matrix || !p->n_tensor_map)
		return REFUSE(s, err, &l, "%s",
			      "it has no device matrix or no tensor map");
	l.ndev = (unsigned)p->dev_matrix[0]->n_dim;
	dev = arena_array(&s->arena, l.ndev, sizeof(*dev));
	if (!dev)
		return error_nomem(err);
	if (l.ndev)
		memcpy(dev, p->dev_matrix[0]->dim, l.ndev * sizeof(*dev));
	l.dev = dev;
	if (take_maps(s, p, &l))
		return error_nomem(err);
	return add_layout(s, &l, &shard, err);
}

static int read_protobuf(struct strategy *s, const struct strbuf *text,
			 struct error *err)
{
	Straspb__ParallelStrategyMap *map;
	int rc = 0;

	/* protobuf-c does not say why; malloc does */
	errno = 0;
	map = straspb__parallel_strategy_map__unpack(NULL, text->len,
						     (const uint8_t *)text->p);
	if (!map && errno == ENOMEM)
		return error_nomem(err);
	if (!map)
		return error_set(err, ERR_SOURCE,
				 "%s is damaged or no MindSpore strategy file",
				 s->path);
	for (size_t i = 0; i < map->n_parallel_layout_item && !rc; i++)
		rc = take_item(s, map->parallel_layout_item[i], err);
	straspb__parallel_strategy_map__free_unpacked(map, NULL);
	return rc;
}

/* ---- JSON ---- */

/* A whole number of 32 bits. */
static bool take_int(const cJSON *j, int64_t *out)
{
	double v = cJSON_IsNumber(j) ? j->valuedouble : INT32_MIN;

	if (!(v > INT32_MIN && v <= INT32_MAX))
		return false;
	*out = (int64_t)v;
	return (double)*out == v;
}

/* A number, or an array of them; NULL: something else, or no memory. */
static int32_t *take_ints(struct strategy *s, const cJSON *j, unsigned *n)
{
	const cJSON *each = cJSON_IsArray(j) ? j->child : j;
	size_t size = cJSON_IsArray(j) ? (size_t)cJSON_GetArraySize(j) : 1;
	int32_t *v = arena_array(&s->arena, size, sizeof(*v));
	int64_t value;

	for (*n = 0; v && *n < size; each = each->next) {
		if (!take_int(each, &value))
			return NULL;
		v[(*n)++] = (int32_t)value;
	}
	return v;
}

static bool take_json_maps(struct strategy *s, const cJSON *map,
			   struct strategy_layout *l)
{
	size_t ndim = (size_t)cJSON_GetArraySize(map);
	struct strategy_axes *dims =
		arena_array(&s->arena, ndim, sizeof(*dims));
	const cJSON *each;

	if (!dims || !cJSON_IsArray(map))
		return false;
	cJSON_ArrayForEach(each, map)
	{
		struct strategy_axes *a = &dims[l->ndim++];

		a->v = take_ints(s, each, &a->n);
		if (!a->v)
			return false;
	}
	l->dims = dims;
	return true;
}

static int take_json_item(struct strategy *s, const cJSON *item,
			  struct error *err)
{
	struct str name = arena_str(&s->arena, str_of(item->string));
	struct strategy_layout l = {.stage = 0};
	struct shard_words shard = {0, 0};
	const cJSON *dev, *map, *step, *size;
	int32_t *v;

	if (!name.p)
		return error_nomem(err);
	split_stage(&l, name);
	dev = cJSON_GetObjectItemCaseSensitive(item, "dev_matrix");
	map = cJSON_GetObjectItemCaseSensitive(item, "tensor_map");
	step = cJSON_GetObjectItemCaseSensitive(item, "opt_weight_shard_step");
	size = cJSON_GetObjectItemCaseSensitive(item, "opt_weight_shard_size");
	v = cJSON_IsArray(dev) ? take_ints(s, dev, &l.ndev) : NULL;
	if (!v || !take_json_maps(s, map, &l) ||
	    (step && !take_int(step, &shard.step)) ||
	    (size && !take_int(size, &shard.size)))
		return REFUSE(s, err, &l, "%s",
			      "dev_matrix, tensor_map or opt_weight_shard_* "
			      "are missing or no integers");
	for (unsigned i = 0; i < l.ndev; i++)
		if (v[i] < 0)
			return REFUSE(s, err, &l, "dev_matrix has a %" PRId32,
				      v[i]);
	l.dev = (const uint32_t *)v;
	return add_layout(s, &l, &shard, err);
}

static int read_json(struct strategy *s, const struct strbuf *text,
		     struct error *err)
{
	const cJSON *items, *item;
	cJSON *json;
	int rc = json_tree(&json, strbuf_str(text), NULL);

	items = cJSON_GetObjectItemCaseSensitive(json, "parallel_layout_item");
	if (rc == -ENOMEM)
		error_nomem(err);
	else if (rc)
		rc = error_set(err, ERR_SOURCE, "%s is not valid JSON",
			       s->path);
	else if (!cJSON_IsObject(items))
		rc = error_set(err, ERR_SOURCE,
			       "%s is no MindSpore strategy file: it has no "
			       "\"parallel_layout_item\"",
			       s->path);
	for (item = rc ? NULL : items->child; item && !rc; item = item->next)
		rc = take_json_item(s, item, err);
	cJSON_Delete(json);
	return rc;
}

/* ---- both ---- */

static int by_name(const void *a, const void *b)
{
	const struct strategy_layout *x = a, *y = b;
	int c = str_cmp(x->name, y->name);

	return c ? c : (x->stage > y->stage) - (x->stage < y->stage);
}

static int sort(struct strategy *s, struct error *err)
{
	if (!s->n)
		return error_set(err, ERR_SOURCE,
				 "%s holds no layout of any parameter: it is "
				 "no MindSpore strategy file, or an empty one",
				 s->path);
	qsort(s->v, s->n, sizeof(*s->v), by_name);
	for (size_t i = 1; i < s->n; i++)
		if (by_name(&s->v[i - 1], &s->v[i]) == 0)
			return REFUSE(s, err, &s->v[i],
				      "it is there twice in stage %" PRIu32,
				      s->v[i].stage);
	return 0;
}

int strategy_open(struct strategy *s, const char *path, struct error *err)
{
	struct strbuf text = STRBUF_INIT;
	int rc;

	*s = (struct strategy){.arena = ARENA_INIT};
	s->path = strdup(path);
	if (!s->path)
		return error_nomem(err);
	strbuf_reserve(&text, 1);
	rc = slurp(&text, path, STRATEGY_MAX_NBYTES, err);
	if (!rc)
		rc = str_ends(str_of(path), ".json")
			     ? read_json(s, &text, err)
			     : read_protobuf(s, &text, err);
	strbuf_release(&text);
	return rc ? rc : sort(s, err);
}

void strategy_release(struct strategy *s)
{
	arena_release(&s->arena);
	free(s->path);
	free(s->v);
	*s = (struct strategy){.arena = ARENA_INIT};
}

const struct strategy_layout *strategy_find(const struct strategy *s,
					    struct str name, uint32_t stage)
{
	struct strategy_layout key = {.name = name, .stage = stage};

	return s->n ? bsearch(&key, s->v, s->n, sizeof(*s->v), by_name) : NULL;
}

bool strategy_knows(const struct strategy *s, struct str name)
{
	for (uint32_t stage = 0; stage < s->nstages; stage++)
		if (strategy_find(s, name, stage))
			return true;
	return false;
}
