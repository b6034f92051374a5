/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of wconvfs, which is also that of a mount helper:
 * SOURCE MOUNTPOINT -o option,option=value */
#ifndef WC_FS_CMDLINE_H
#define WC_FS_CMDLINE_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/error.h"
#include "fs/mount.h"
#include "view/options.h"

struct cmdline {
	struct view_options view;
	struct mount_options mount;
	const char *mountpoint;
	bool help, version; /* asked for: nothing else is to be done */
	bool unmount;	    /* the same: unmount mountpoint */
	bool foreground, debug, nonempty;
	bool allow_other, default_permissions, fsname, subtype; /* -o had it */
	char *fuse_opts;      /* what -o passes on to libfuse; owned */
	struct arena strings; /* words of -o */
};

/*
 * Parse argv, which getopt may reorder; *c borrows its strings. Fails with
 * ERR_USAGE. cmdline_release in either case.
 */
int cmdline_parse(struct cmdline *c, int argc, char **argv, struct error *err);

/*
 * Complete mount.fuse: what every mount of ours has, and the source's
 * absolute path for the first column of mount(8) and df(1).
 */
int cmdline_finish(struct cmdline *c, const char *source, struct error *err);

void cmdline_release(struct cmdline *c);

#endif
