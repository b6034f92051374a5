/* SPDX-License-Identifier: Apache-2.0 */
/* What may be shown to every user; see publish.h. */
#include "formats/publish.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether others may search all directories above an absolute path. */
static bool others_reach(const char *path)
{
	char dir[PATH_MAX];
	struct stat st;
	size_t n = strlen(path);

	if (n >= sizeof(dir))
		return false;
	memcpy(dir, path, n + 1);
	for (char *end = strrchr(dir, '/'); end; end = strrchr(dir, '/')) {
		end[end == dir] = '\0';
		if (stat(dir, &st) || !(st.st_mode & S_IXOTH))
			return false;
		*end = '\0';
	}
	return true;
}

bool may_publish(const char *path, const struct source *s)
{
	struct stat link, file;

	if (lstat(path, &link) || fstat(s->fd, &file))
		return false;
	if (!S_ISLNK(link.st_mode)) /* or another one by now */
		return link.st_dev == s->dev && link.st_ino == s->ino;
	return link.st_uid == geteuid() || link.st_uid == file.st_uid ||
	       (file.st_mode & S_IROTH && others_reach(s->path));
}
