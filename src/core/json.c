/* SPDX-License-Identifier: Apache-2.0 */
/* JSON by cJSON; see json.h. */
#include "core/json.h"

#include <errno.h>

int json_tree(cJSON **out, struct str text, const char **end)
{
	const char *stop = NULL;

	/* cJSON does not tell a text that is wrong from memory that is short;
	 * malloc does */
	errno = 0;
	*out = cJSON_ParseWithLengthOpts(text.p ? text.p : "", text.n, &stop,
					 false);
	if (!*out && errno == ENOMEM)
		return -ENOMEM;
	while (*out && stop < text.p + text.n && memchr(" \t\r\n", *stop, 4))
		stop++;
	if (end)
		*end = stop;
	if (*out && stop == text.p + text.n)
		return 0;
	cJSON_Delete(*out);
	*out = NULL;
	return -EINVAL;
}
