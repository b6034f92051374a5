/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filesystem with one file that costs nothing to read: what the kernel's
 * side of FUSE alone costs.
 *
 *   nullfs NBYTES MOUNTPOINT      /data is NBYTES of one repeated buffer
 *
 * It runs in the foreground, and asks the kernel for what wconvfs asks.
 */
#define FUSE_USE_VERSION 312

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DATA 2
#define FOREVER 1e9
#define BUFFER ((size_t)1 << 20)

static off_t nbytes;
static char buffer[BUFFER];

static bool attributes(fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){.st_ino = ino, .st_nlink = 1};
	st->st_mode = ino == DATA ? S_IFREG | 0444 : S_IFDIR | 0555;
	st->st_size = ino == DATA ? nbytes : 0;
	return ino == DATA || ino == FUSE_ROOT_ID;
}

static void init(void *ctx, struct fuse_conn_info *conn)
{
	(void)ctx;
	conn->max_readahead = BUFFER;
}

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {
		.ino = DATA, .attr_timeout = FOREVER, .entry_timeout = FOREVER};

	if (parent != FUSE_ROOT_ID || strcmp(name, "data") != 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	attributes(DATA, &e.attr);
	fuse_reply_entry(req, &e);
}

static void get_attributes(fuse_req_t req, fuse_ino_t ino,
			   struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (attributes(ino, &st))
		fuse_reply_attr(req, &st, FOREVER);
	else
		fuse_reply_err(req, ENOENT);
}

static void open_data(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void read_data(fuse_req_t req, fuse_ino_t ino, size_t n, off_t off,
		      struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	if (off >= nbytes)
		n = 0;
	else if ((off_t)n > nbytes - off)
		n = (size_t)(nbytes - off);
	fuse_reply_buf(req, buffer, n < BUFFER ? n : BUFFER);
}

static const struct fuse_lowlevel_ops ops = {
	.init = init,
	.lookup = lookup,
	.getattr = get_attributes,
	.open = open_data,
	.read = read_data,
};

int main(int argc, char **argv)
{
	char ro[] = "-oro,fsname=nullfs", *options[] = {argv[0], ro};
	struct fuse_args args = FUSE_ARGS_INIT(2, options);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	struct fuse_session *se;

	if (argc != 3 || !config) {
		fprintf(stderr, "usage: nullfs NBYTES MOUNTPOINT\n");
		return 1;
	}
	nbytes = (off_t)strtoll(argv[1], NULL, 10);
	se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!se || fuse_set_signal_handlers(se) ||
	    fuse_session_mount(se, argv[2]))
		return 1;
	fuse_session_loop_mt(se, config);
	fuse_session_unmount(se);
	fuse_session_destroy(se);
	fuse_loop_cfg_destroy(config);
	return 0;
}
