/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations that would change something. The mount is read-only, and the
 * kernel says EROFS by itself - until somebody remounts it read-write. Then
 * these do. (Nothing is ever open for writing: fs.c refuses that.)
 */
#ifndef WC_FS_READONLY_H
#define WC_FS_READONLY_H

#include <fuse_lowlevel.h>

void readonly_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		      int to_set, struct fuse_file_info *fi);
void readonly_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		    mode_t mode, dev_t rdev);
void readonly_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		    mode_t mode);
void readonly_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode, struct fuse_file_info *fi);
void readonly_remove(fuse_req_t req, fuse_ino_t parent, const char *name);
void readonly_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		      const char *name);
void readonly_rename(fuse_req_t req, fuse_ino_t from, const char *name,
		     fuse_ino_t to, const char *newname, unsigned flags);
void readonly_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
		   const char *name);
void readonly_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		       const char *value, size_t size, int flags);

#endif
