/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay FILE... - run a fuzz target on files, where there is no libFuzzer. A
 * directory stands for the files in it. Each is named before it is run.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/slurp.h"
#include "tests/fuzz/fuzz.h"

#define MAX_NBYTES (UINT64_C(1) << 20)

static unsigned count;

static void run(const char *path)
{
	struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;
	uint8_t *exact;

	fprintf(stderr, "%s\n", path);
	FUZZ_CHECK(!slurp(&sb, path, MAX_NBYTES, &err));
	/* a block of its own and of that size: reads past it are seen */
	exact = malloc(sb.len + !sb.len);
	FUZZ_CHECK(exact);
	if (sb.len)
		memcpy(exact, sb.p, sb.len);
	LLVMFuzzerTestOneInput(exact, sb.len);
	free(exact);
	strbuf_release(&sb);
	count++;
}

static void run_dir(const char *path)
{
	struct dirent **v;
	int n = scandir(path, &v, NULL, alphasort);

	FUZZ_CHECK(n >= 0);
	for (int i = 0; i < n; i++) {
		char *file;

		FUZZ_CHECK(asprintf(&file, "%s/%s", path, v[i]->d_name) >= 0);
		if (v[i]->d_name[0] != '.')
			run(file);
		free(file);
		free(v[i]);
	}
	free(v);
}

/* Changing inputs is libFuzzer's; here nothing does. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t max)
{
	(void)data;
	(void)max;
	return n;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat st;

		FUZZ_CHECK(!stat(argv[i], &st));
		if (S_ISDIR(st.st_mode))
			run_dir(argv[i]);
		else
			run(argv[i]);
	}
	printf("%u inputs\n", count);
	return 0;
}
