/* SPDX-License-Identifier: Apache-2.0 */
/* EROFS, whatever is asked for; see readonly.h. */
#define FUSE_USE_VERSION 312

#include "fs/readonly.h"

#include <errno.h>

/* The arguments do not matter. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

void readonly_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		      int to_set, struct fuse_file_info *fi)
{
	fuse_reply_err(req, EROFS);
}

void readonly_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		    mode_t mode, dev_t rdev)
{
	fuse_reply_err(req, EROFS);
}

void readonly_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		    mode_t mode)
{
	fuse_reply_err(req, EROFS);
}

void readonly_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode, struct fuse_file_info *fi)
{
	fuse_reply_err(req, EROFS);
}

void readonly_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fuse_reply_err(req, EROFS);
}

void readonly_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		      const char *name)
{
	fuse_reply_err(req, EROFS);
}

void readonly_rename(fuse_req_t req, fuse_ino_t from, const char *name,
		     fuse_ino_t to, const char *newname, unsigned flags)
{
	fuse_reply_err(req, EROFS);
}

void readonly_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
		   const char *name)
{
	fuse_reply_err(req, EROFS);
}

void readonly_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		       const char *value, size_t size, int flags)
{
	fuse_reply_err(req, EROFS);
}
