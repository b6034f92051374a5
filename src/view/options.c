/* SPDX-License-Identifier: Apache-2.0 */
/* The shared options; see options.h. */
#include "view/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/checked.h"

/* transformers' max_shard_size default. */
#define DEFAULT_SHARD_NBYTES UINT64_C(5000000000)

/* clang-format off */
const char *const view_option_values[] = {
	"model", "to", "dtype", "set", "rules", "config", "key", "strategy",
	"ranks", "tie", "shard-size", "template", "map", NULL,
};

/* clang-format on */

const char *const view_option_flags[] = {"partial", "keep-extra", "check-crc",
					 NULL};

bool view_is_raw(const struct view_options *o)
{
	return o->to && strcmp(o->to, VIEW_RAW) == 0;
}

void view_options_init(struct view_options *o)
{
	*o = (struct view_options){.shard_nbytes = DEFAULT_SHARD_NBYTES};
}

void view_options_release(struct view_options *o)
{
	free(o->set);
	o->set = NULL;
	o->nset = 0;
}

static bool size_unit(const char *unit, uint64_t *out)
{
	static const struct {
		const char *text;
		uint64_t nbytes;
	} units[] = {
		{"", 1},
		{"B", 1},
		{"KB", UINT64_C(1000)},
		{"MB", UINT64_C(1000000)},
		{"GB", UINT64_C(1000000000)},
		{"TB", UINT64_C(1000000000000)},
		{"K", UINT64_C(1) << 10},
		{"M", UINT64_C(1) << 20},
		{"G", UINT64_C(1) << 30},
		{"T", UINT64_C(1) << 40},
		{"KiB", UINT64_C(1) << 10},
		{"MiB", UINT64_C(1) << 20},
		{"GiB", UINT64_C(1) << 30},
		{"TiB", UINT64_C(1) << 40},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcasecmp(unit, units[i].text) == 0) {
			*out = units[i].nbytes;
			return true;
		}
	}
	return false;
}

bool option_is_value(char *const *argv, int next, const char *value)
{
	return value && value == argv[next - 1] && !strncmp(value, "--", 2);
}

bool parse_size(const char *text, uint64_t *out)
{
	uint64_t n = 0, unit;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++)
		if (mul_overflows(n, 10, &n) ||
		    add_overflows(n, (uint64_t)(*p - '0'), &n))
			return false;
	return p > text && size_unit(p, &unit) && !mul_overflows(n, unit, out);
}

static int take_dtype(struct view_options *o, const char *value,
		      struct error *err)
{
	static const struct {
		const char *word;
		enum dtype dtype;
	} words[] = {
		{"fp32", DT_F32},    {"float32", DT_F32}, {"fp16", DT_F16},
		{"float16", DT_F16}, {"bf16", DT_BF16},	  {"bfloat16", DT_BF16},
	};

	o->own_types = strcmp(value, "source") == 0;
	o->cast = !o->own_types;
	if (o->own_types)
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(value, words[i].word) == 0) {
			o->dtype = words[i].dtype;
			return 0;
		}
	}
	return error_set(err, ERR_USAGE,
			 "--dtype=%s: the types are source, fp32, fp16 and "
			 "bf16",
			 value);
}

static int add_setting(struct view_options *o, struct str key, struct str value,
		       struct error *err)
{
	struct setting *v = realloc(o->set, (o->nset + 1) * sizeof(*v));

	if (!v)
		return error_nomem(err);
	o->set = v;
	v[o->nset++] = (struct setting){key, value};
	return 0;
}

static int take_set(struct view_options *o, const char *value,
		    struct error *err)
{
	const char *eq = strchr(value, '=');

	if (!eq || eq == value)
		return error_set(err, ERR_USAGE,
				 "--set %s: it must be key=value", value);
	return add_setting(o, (struct str){value, (size_t)(eq - value)},
			   str_of(eq + 1), err);
}

static int take_shard_size(struct view_options *o, const char *value,
			   struct error *err)
{
	if (parse_size(value, &o->shard_nbytes))
		return 0;
	return error_set(err, ERR_USAGE,
			 "--shard-size=%s: it must be a size such as 5GB or "
			 "512M, or 0 for a single file",
			 value);
}

/* The options whose value is a text; "auto" is as good as none. */
static const char **text_option(struct view_options *o, const char *key)
{
	const struct {
		const char *key;
		const char **text;
	} texts[] = {
		{"model", &o->model},	    {"to", &o->to},
		{"key", &o->key},	    {"rules", &o->rules},
		{"config", &o->config},	    {"strategy", &o->strategy},
		{"ranks", &o->ranks},	    {"map", &o->map},
		{"template", &o->template},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(key, texts[i].key) == 0)
			return texts[i].text;
	return NULL;
}

int view_options_take(struct view_options *o, const char *key,
		      const char *value, struct error *err)
{
	const char **text = text_option(o, key);

	if (text)
		*text = strcmp(value, "auto") == 0 ? NULL : value;
	else if (strcmp(key, "partial") == 0)
		o->partial = true;
	else if (strcmp(key, "keep-extra") == 0)
		o->keep_extra = true;
	else if (strcmp(key, "check-crc") == 0)
		o->check_crc = true;
	else if (strcmp(key, "dtype") == 0)
		return take_dtype(o, value, err);
	else if (strcmp(key, "set") == 0)
		return take_set(o, value, err);
	else if (strcmp(key, "tie") == 0) /* of the rules, by another name */
		return add_setting(o, str_of(key), str_of(value), err);
	else if (strcmp(key, "shard-size") == 0)
		return take_shard_size(o, value, err);
	else
		return -ENOENT;
	return 0;
}
