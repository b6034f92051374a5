/* SPDX-License-Identifier: Apache-2.0 */
/* Memory limits; see memory.h. */
#include "view/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/checked.h"

/* The number in a file of one number; UINT64_MAX if there is none ("max"). */
static uint64_t read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	uint64_t n;

	if (!f)
		return UINT64_MAX;
	if (fscanf(f, "%" SCNu64, &n) != 1)
		n = UINT64_MAX;
	fclose(f);
	return n;
}

/* The limit of a cgroup v2 and of all above it: 0::/a/b */
static uint64_t cgroup_limit(char *group)
{
	uint64_t limit = UINT64_MAX;

	group[strcspn(group, "\n")] = '\0';
	for (;;) {
		char path[4096 + 64];
		char *slash = strrchr(group, '/');

		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max",
			 group);
		limit = min_u64(limit, read_number(path));
		if (!slash)
			return limit;
		*slash = '\0';
	}
}

static uint64_t own_cgroup_limit(void)
{
	/* cgroup v1 as containers see it: their own group is the root */
	uint64_t limit =
		read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes");
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[4096];

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "0::/", 4) == 0)
			limit = min_u64(limit, cgroup_limit(line + 3));
	if (f)
		fclose(f);
	return limit;
}

uint64_t memory_limit(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t machine = pages > 0 && size > 0
				   ? (uint64_t)pages * (uint64_t)size
				   : UINT64_MAX;

	return min_u64(machine, own_cgroup_limit());
}
