/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Low-level FUSE operations over a view; see fs.h.
 *
 * Content never changes while it is mounted, so the kernel may keep all it has
 * been told: attributes, entries (absent ones too), directories, pages. A READ
 * is answered in full or with EIO: a short answer before the end of the file
 * would shrink the file for every reader. Replies are one copy from a buffer
 * that is used again; splicing was measured and is slower for 1 MiB replies.
 *
 * What would change something is in readonly.h.
 */
#define FUSE_USE_VERSION 312

#include "fs/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include "core/prefetch.h"
#include "fs/readonly.h"

/* What one READ can ask for under libfuse's default max_write. */
#define READ_MAX ((size_t)1 << 20)

/* st_blksize: programs read in steps of it. */
#define BLKSIZE (1 << 20)

#define STATFS_BLOCK 4096

/* In seconds; libfuse and the kernel cut it to what they can hold. */
#define FOREVER DBL_MAX

/* READs in flight (the kernel's default is 12): a conversion uses all cores. */
#define MAX_BACKGROUND 64

/* Buffers that are kept for the next reads: memory follows from the tensors. */
#define MAX_WORKERS 4

/*
 * A read that begins this near the end of the last one goes on from there: the
 * kernel reads ahead, and several threads answer.
 */
#define NEAR_NBYTES (4 * READ_MAX)

/*
 * What it takes to answer a read. The thread that answers takes the one that
 * was used last, which is in the processor's cache still: the kernel wakes the
 * thread that has slept longest, and ten threads have ten buffers of 1 MiB.
 */
struct worker {
	struct reader rd;
	uint8_t *buf; /* [cap] */
	size_t cap;
	struct worker *next; /* of those that are not in use */
};

/*
 * An open file; fuse_file_info.fh. All are in a list, since an unmount does
 * not wait for those who have a file open, and then nobody releases it.
 */
struct handle {
	struct view_file *file;
	bool direct;		     /* past the page cache */
	atomic_uint nrefs;	     /* the open one, and who works ahead */
	atomic_bool worked_ahead;    /* by one thread at a time */
	atomic_uint_fast64_t end;    /* of the last read */
	struct handle *next, **link; /* link: what points to this one */
};

static struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void worker_free(struct worker *w)
{
	reader_release(&w->rd);
	if (w->buf)
		munmap(w->buf, w->cap);
	free(w);
}

static struct worker *worker_new(struct fs *fs)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	if (view_reader_init(fs->view, &w->rd)) {
		free(w);
		return NULL;
	}
	w->rd.prefetch = fs->prefetch;
	return w;
}

/* The end of worker_take. */
static void worker_give(struct fs *fs, struct worker *w)
{
	bool kept;

	pthread_mutex_lock(&fs->lock);
	kept = fs->nworkers < MAX_WORKERS;
	if (kept) {
		w->next = fs->workers;
		fs->workers = w;
		fs->nworkers++;
	}
	pthread_mutex_unlock(&fs->lock);
	if (!kept)
		worker_free(w);
}

/* Mapped: malloc would keep what is given back for this thread. */
static bool worker_grow(struct worker *w, size_t n)
{
	void *buf;

	if (n <= w->cap)
		return true;
	if (n < READ_MAX)
		n = READ_MAX;
	buf = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	if (buf == MAP_FAILED)
		return false;
	if (w->buf)
		munmap(w->buf, w->cap);
	w->buf = buf;
	w->cap = n;
	return true;
}

/* One with room for n bytes, or NULL: no memory. */
static struct worker *worker_take(struct fs *fs, size_t n)
{
	struct worker *w;

	pthread_mutex_lock(&fs->lock);
	w = fs->workers;
	if (w) {
		fs->workers = w->next;
		fs->nworkers--;
	}
	pthread_mutex_unlock(&fs->lock);
	if (!w)
		w = worker_new(fs);
	if (w && !worker_grow(w, n)) {
		worker_give(fs, w);
		return NULL;
	}
	return w;
}

static void fill_stat(const struct fs *fs, uint64_t node,
		      const struct node_stat *ns, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = node;
	st->st_mode = ns->is_dir ? S_IFDIR | 0555 : S_IFREG | 0444;
	st->st_nlink = ns->nlink;
	st->st_uid = fs->uid;
	st->st_gid = fs->gid;
	st->st_blksize = BLKSIZE;
	st->st_atim = st->st_mtim = st->st_ctim = ns->mtime;
	if (ns->is_dir)
		return;
	st->st_size = (off_t)ns->nbytes;
	/* 0 would make tar -S take the file for one hole */
	st->st_blocks = (blkcnt_t)(ns->nbytes / 512 + (ns->nbytes % 512 != 0));
}

/* False if there is no such node. */
static bool fill_entry(const struct fs *fs, uint64_t node,
		       struct fuse_entry_param *e)
{
	struct node_stat ns;

	memset(e, 0, sizeof(*e));
	e->attr_timeout = e->entry_timeout = FOREVER;
	if (!view_stat(fs->view, node, &ns))
		return false;
	e->ino = node;
	fill_stat(fs, node, &ns, &e->attr);
	return true;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				  FUSE_CAP_SPLICE_MOVE);
	conn->max_background = MAX_BACKGROUND;
	conn->congestion_threshold = MAX_BACKGROUND * 3 / 4;
}

/* Libraries probe for many files that are absent: ino 0 is cached as well. */
static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param e;

	fill_entry(fs, view_lookup(fs->view, parent, str_of(name)), &e);
	fuse_reply_entry(req, &e);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)ino;
	(void)nlookup;
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct fuse_entry_param e;

	(void)fi;
	if (!fill_entry(fs_of(req), ino, &e)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	fuse_reply_attr(req, &e.attr, FOREVER);
}

static void handle_list(struct fs *fs, struct handle *h)
{
	pthread_mutex_lock(&fs->lock);
	h->next = fs->handles;
	h->link = &fs->handles;
	if (h->next)
		h->next->link = &h->next;
	fs->handles = h;
	pthread_mutex_unlock(&fs->lock);
}

/* The end of an open file, or of a reference to it. */
static void handle_put(struct fs *fs, struct handle *h)
{
	if (atomic_fetch_sub(&h->nrefs, 1) > 1)
		return;
	pthread_mutex_lock(&fs->lock);
	*h->link = h->next;
	if (h->next)
		h->next->link = h->link;
	pthread_mutex_unlock(&fs->lock);
	view_close(h->file);
	free(h);
}

static int handle_open(struct fs *fs, uint64_t node, struct handle **out)
{
	struct handle *h;
	struct node_stat ns;
	int ret;

	if (!view_stat(fs->view, node, &ns))
		return -ENOENT;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	ret = view_open_file(fs->view, node, &h->file);
	if (ret) {
		free(h);
		return ret;
	}
	atomic_init(&h->nrefs, 1);
	h->direct = cache_is_direct(fs->cache, &ns, cache_mem_free());
	handle_list(fs, h);
	*out = h;
	return 0;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h;
	int ret;

	if ((fi->flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY) {
		fuse_reply_err(req, EROFS);
		return;
	}
	ret = handle_open(fs, ino, &h);
	if (ret) {
		fuse_reply_err(req, -ret);
		return;
	}
	fi->fh = (uintptr_t)h;
	/* pages of an older snapshot must not answer for a new one */
	fi->direct_io = h->direct || ino == fs->stats;
	fi->keep_cache = !fi->direct_io;
	/* an open that was interrupted is never released */
	if (fuse_reply_open(req, fi) == -ENOENT)
		handle_put(fs, h);
}

/*
 * Whether the thread that answers a read is to work ahead after it, for which
 * it then has a reference to the file: once answered, it may be closed.
 */
static bool ahead_begin(struct handle *h, uint64_t off, size_t n)
{
	uint64_t last = atomic_exchange(&h->end, off + n);

	if (off + NEAR_NBYTES < last || off > last + NEAR_NBYTES ||
	    atomic_exchange(&h->worked_ahead, true))
		return false;
	atomic_fetch_add(&h->nrefs, 1);
	return true;
}

static void ahead_run(struct fs *fs, struct handle *h, uint64_t off, size_t n,
		      struct worker *w)
{
	view_ahead(h->file, off + n, n, &w->rd);
	atomic_store(&h->worked_ahead, false);
	handle_put(fs, h);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct handle *h = (struct handle *)(uintptr_t)fi->fh;
	struct fs *fs = fs_of(req);
	struct worker *w = off < 0 ? NULL : worker_take(fs, size);
	bool ahead;
	ssize_t n;

	(void)ino;
	if (!w) {
		fuse_reply_err(req, EIO);
		return;
	}
	w->rd.uncached = h->direct;
	n = view_read(h->file, (uint64_t)off, size, w->buf, &w->rd);
	ahead = n > 0 && ahead_begin(h, (uint64_t)off, size);
	if (n < 0)
		fuse_reply_err(req, EIO);
	else
		fuse_reply_buf(req, (const char *)w->buf, (size_t)n);
	if (ahead)
		ahead_run(fs, h, (uint64_t)off, size, w);
	worker_give(fs, w);
}

static void op_release(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)ino;
	handle_put(fs_of(req), (struct handle *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)ino;
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

/* Directory entries of one reply. */
struct listing {
	fuse_req_t req;
	const struct fs *fs;
	bool plus; /* readdirplus: with attributes */
	char *buf; /* [size] */
	size_t size, used;
};

/* Add an entry; off is where a later call goes on. False when it is full. */
static bool listing_add(struct listing *l, const char *name, uint64_t node,
			off_t off)
{
	struct fuse_entry_param e;
	char *p = l->buf + l->used;
	size_t left = l->size - l->used, n;

	fill_entry(l->fs, node, &e);
	if (l->plus)
		n = fuse_add_direntry_plus(l->req, p, left, name, &e, off);
	else
		n = fuse_add_direntry(l->req, p, left, name, &e.attr, off);
	if (n > left)
		return false;
	l->used += n;
	return true;
}

/*
 * Offsets: 0 is ".", 1 is "..", then the children, at 1 more than the node
 * that they are behind: the root, which is before all, or the last one. 0 or
 * -errno.
 */
static int listing_fill(struct listing *l, uint64_t dir, uint64_t off)
{
	struct strbuf name = STRBUF_INIT;
	int ret = 0;

	if (off == 0 && listing_add(l, ".", dir, 1))
		off = 1;
	/* every directory of a view stands in its root */
	if (off == 1 && listing_add(l, "..", VIEW_ROOT, 2))
		off = 2;
	while (off >= 2) {
		uint64_t node;

		strbuf_reset(&name);
		node = view_next(l->fs->view, dir, off - 1, &name);
		if (!node)
			break;
		if (name.failed) {
			ret = -ENOMEM;
			break;
		}
		if (!listing_add(l, name.p, node, (off_t)(node + 1)))
			break;
		off = node + 1;
	}
	strbuf_release(&name);
	return ret;
}

static void reply_listing(fuse_req_t req, fuse_ino_t ino, size_t size,
			  off_t off, bool plus)
{
	struct fs *fs = fs_of(req);
	struct worker *w = off < 0 ? NULL : worker_take(fs, size);
	struct listing l = {.req = req, .fs = fs, .plus = plus, .size = size};
	int ret;

	if (!w) {
		fuse_reply_err(req, off < 0 ? EINVAL : ENOMEM);
		return;
	}
	l.buf = (char *)w->buf;
	ret = listing_fill(&l, ino, (uint64_t)off);
	if (ret)
		fuse_reply_err(req, -ret);
	else
		fuse_reply_buf(req, l.buf, l.used);
	worker_give(fs, w);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)fi;
	reply_listing(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	reply_listing(req, ino, size, off, true);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct fs *fs = fs_of(req);
	struct statvfs st;

	(void)ino;
	memset(&st, 0, sizeof(st));
	st.f_bsize = st.f_frsize = STATFS_BLOCK;
	st.f_blocks =
		fs->nbytes / STATFS_BLOCK + (fs->nbytes % STATFS_BLOCK != 0);
	st.f_files = view_nnodes(fs->view);
	st.f_namemax = 255;
	fuse_reply_statfs(req, &st);
}

/* Answer listxattr and getxattr, which may ask for the size only. */
static void reply_value(fuse_req_t req, const struct strbuf *value, size_t size)
{
	if (value->failed)
		fuse_reply_err(req, ENOMEM);
	else if (size == 0)
		fuse_reply_xattr(req, value->len);
	else if (value->len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value->p, value->len);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	const struct view *v = fs_of(req)->view;
	struct strbuf names = STRBUF_INIT;
	const char *name;

	for (unsigned k = 0; (name = view_xattr_name(v, ino, k)); k++)
		strbuf_add(&names, name, strlen(name) + 1);
	reply_value(req, &names, size);
	strbuf_release(&names);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			size_t size)
{
	struct strbuf value = STRBUF_INIT;
	int ret = view_xattr(fs_of(req)->view, ino, name, &value);

	if (ret)
		fuse_reply_err(req, -ret);
	else
		reply_value(req, &value, size);
	strbuf_release(&value);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.getattr = op_getattr,
	.open = op_open,
	.read = op_read,
	.release = op_release,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.statfs = op_statfs,
	.listxattr = op_listxattr,
	.getxattr = op_getxattr,
	.setattr = readonly_setattr,
	.mknod = readonly_mknod,
	.mkdir = readonly_mkdir,
	.create = readonly_create,
	.unlink = readonly_remove,
	.rmdir = readonly_remove,
	.symlink = readonly_symlink,
	.rename = readonly_rename,
	.link = readonly_link,
	.setxattr = readonly_setxattr,
	.removexattr = readonly_remove,
};

int fs_init(struct fs *fs, struct view *v)
{
	struct node_stat ns;

	memset(fs, 0, sizeof(*fs));
	fs->view = v;
	fs->stats = view_find(v, ".wconvfs/stats.json");
	for (uint64_t node = 1; node <= view_nnodes(v); node++)
		if (view_stat(v, node, &ns) && !ns.is_dir &&
		    __builtin_add_overflow(fs->nbytes, ns.nbytes, &fs->nbytes))
			fs->nbytes = UINT64_MAX;
	pthread_mutex_init(&fs->lock, NULL);
	/* without memory for it sources are read when they are asked for */
	fs->prefetch = prefetch_new();
	return 0;
}

void fs_release(struct fs *fs)
{
	for (struct worker *w; (w = fs->workers);) {
		fs->workers = w->next;
		worker_free(w);
	}
	prefetch_free(fs->prefetch);
	while (fs->handles)
		handle_put(fs, fs->handles);
	pthread_mutex_destroy(&fs->lock);
}
