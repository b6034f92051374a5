/* SPDX-License-Identifier: Apache-2.0 */
/* What is finished already; see manifest.h. */
#include "cli/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/slurp.h"

#define NAME ".wconv-manifest.tsv"
#define NEW_NAME NAME ".new"

/* A line has about 120 bytes; shards are at most some thousand. */
#define MAX_NBYTES (UINT64_C(64) << 20)

static void add_line(struct strbuf *sb, const struct output *o)
{
	strbuf_add_tsv(sb, str_of(o->name));
	strbuf_addf(sb, "\t%" PRIu64 "\t%lld.%09ld\t%s\n", o->bytes->nbytes,
		    (long long)o->mtime.tv_sec, o->mtime.tv_nsec, o->recipe);
}

static bool has_manifest(const struct outdir *dir)
{
	return faccessat(dir->fd, NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Its time; false where no such file can be finished. */
static bool take_time(const struct outdir *dir, struct output *o)
{
	struct stat st;

	if (fstatat(dir->fd, o->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode) || (uint64_t)st.st_size != o->bytes->nbytes)
		return false;
	o->mtime = st.st_mtim;
	return true;
}

/* text begins with a newline, so that each line has one before it. */
static int mark(const struct outdir *dir, const struct strbuf *text,
		struct output *v, size_t n, struct error *err)
{
	struct strbuf line = STRBUF_INIT;
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++) {
		if (!take_time(dir, &v[i]))
			continue;
		strbuf_reset(&line);
		strbuf_addc(&line, '\n');
		add_line(&line, &v[i]);
		if (line.failed)
			ret = error_nomem(err);
		else
			v[i].finished = memmem(text->p, text->len, line.p,
					       line.len) != NULL;
	}
	strbuf_release(&line);
	return ret;
}

int manifest_read(const struct outdir *dir, struct output *v, size_t n,
		  struct error *err)
{
	struct strbuf text = STRBUF_INIT, path = STRBUF_INIT;
	int ret = 0;

	if (!has_manifest(dir))
		return 0;
	strbuf_addf(&path, "%s/%s", dir->path, NAME);
	strbuf_addc(&text, '\n');
	if (path.failed || text.failed)
		ret = error_nomem(err);
	if (!ret)
		ret = slurp(&text, path.p, MAX_NBYTES, err);
	if (!ret)
		ret = mark(dir, &text, v, n, err);
	strbuf_release(&text);
	strbuf_release(&path);
	return ret;
}

static int failed(struct error *err)
{
	return error_errno(err, ERR_OUTPUT, errno, NAME ": cannot write it");
}

static int put(int fd, const struct strbuf *text, struct error *err)
{
	const char *p = text->p;
	size_t n = text->len;

	if (text->failed)
		return error_nomem(err);
	while (n > 0) {
		ssize_t got = write(fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed(err);
		p += got;
		n -= (size_t)got;
	}
	return fsync(fd) < 0 ? failed(err) : 0;
}

/* Under another name first: at no time is a finished file forgotten. */
int manifest_begin(struct manifest *m, const struct outdir *dir,
		   const struct output *v, size_t n, struct error *err)
{
	struct strbuf text = STRBUF_INIT;
	int ret;

	m->fd = openat(dir->fd, NEW_NAME,
		       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		       0666);
	if (m->fd < 0)
		return error_errno(err, ERR_OUTPUT, errno,
				   "%s: cannot create a file there", dir->path);
	for (size_t i = 0; i < n; i++)
		if (v[i].finished)
			add_line(&text, &v[i]);
	ret = put(m->fd, &text, err);
	if (!ret && renameat(dir->fd, NEW_NAME, dir->fd, NAME) < 0)
		ret = failed(err);
	strbuf_release(&text);
	return ret;
}

int manifest_add(struct manifest *m, const struct output *o, struct error *err)
{
	struct strbuf line = STRBUF_INIT;
	int ret;

	if (m->fd < 0)
		return 0;
	add_line(&line, o);
	ret = put(m->fd, &line, err);
	strbuf_release(&line);
	return ret;
}

void manifest_end(struct manifest *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}
