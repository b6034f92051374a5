/* SPDX-License-Identifier: Apache-2.0 */
/* A table of rules: checked by itself, and used on a model. */
#include "tests/fuzz/fuzz.h"

#include "models/check.h"

static const char config[] =
	"{\"model_type\": \"llama\", \"hidden_size\": 32,"
	" \"intermediate_size\": 48, \"num_attention_heads\": 4,"
	" \"num_key_value_heads\": 2, \"num_hidden_layers\": 1,"
	" \"vocab_size\": 64, \"tie_word_embeddings\": false}";

static void check(struct str text)
{
	struct strbuf wrong = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct check_result r;
	int rc = check_rules(&r, text, "a.json", &wrong, &err);

	FUZZ_CHECK(rc || (r.nwrong > 0) == (wrong.len > 0));
	fuzz_refused(rc, &err);
	check_release(&r);
	strbuf_release(&wrong);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str text = {(const char *)data, n};
	struct error err = ERROR_INIT;
	struct config *c;
	struct table *t;

	check(text);
	if (fuzz_refused(table_parse(&t, text, "a.json", &err), &err))
		return 0;
	FUZZ_CHECK(!config_parse(&c, str_of(config), "config.json", &err));
	fuzz_plan(t, c, true);
	fuzz_plan(t, NULL, false);
	config_free(c);
	table_free(t);
	return 0;
}
