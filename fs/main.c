/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wconvfs: mount a checkpoint as it would be after conversion.
 *
 * Everything about the source is found out before the mount, in the
 * foreground; what fails ends with one sentence and the exit code of its
 * class (core/error.h).
 */
#define FUSE_USE_VERSION 312

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/source.h"
#include "fs/cmdline.h"
#include "fs/daemon.h"
#include "fs/keeper.h"
#include "fs/mount.h"
#include "fs/mountpoint.h"
#include "view/view.h"

/* clang-format off */
static const char help[] =
"Mount a model so that it shows as a checkpoint of the other framework:\n"
"\n"
"  wconvfs ~/Llama-3-8B mnt      then load_checkpoint(\"mnt/model.ckpt\")\n"
"  wconvfs --dtype=fp16 ~/Qwen2-7B mnt\n"
"  wconvfs --config=config.json llama.ckpt mnt  from_pretrained(\"mnt\")\n"
"  wconvfs -u mnt                unmount\n"
"\n"
"Usage: wconvfs [options] SOURCE MOUNTPOINT\n"
"       wconvfs -u MOUNTPOINT\n"
"SOURCE: a model directory, an index, a weight file, an adapter directory\n"
"\n"
"What is shown (wconv has the same options, and needs no mount):\n"
"  --model=NAME       the rule table; auto: as config.json says\n"
"  --to=SIDE          ms, hf or raw (the source as it is)\n"
"  --dtype=TYPE       source, fp32, fp16 or bf16\n"
"  --set=KEY=VALUE    an option of the rule table; may be repeated\n"
VIEW_OPTIONS_HELP
"  --shard-size=SIZE  size of shards, such as 5GB\n"
"The mount (man wconvfs says more):\n"
"  --cache=MODE       how a ckpt is read: page (through the page cache),\n"
"                     direct (past it), auto (direct when memory is short)\n"
"  --readahead=SIZE   of the kernel; 0: as it is (root only, who has 1M)\n"
"  -f                 stay in the foreground\n"
"  -d                 -f, and show each FUSE request\n"
"  -s                 one thread\n"
"  -o OPT[,OPT...]    allow_other, auto_unmount, nonempty, uid=N, gid=N,\n"
"                     max_threads=N, ... and all long options above\n"
"  -u                 unmount; as root, or what is yours\n"
"  -h, --help         -V, --version\n"
"Exit: 0, 1 usage, 2 source, 3 model unknown, 4 mapping, 5 mount failed\n";

/* clang-format on */

/* Descriptors 0-2 must not become a weight file that stderr is written to. */
static bool fill_std_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

static void print_warnings(const char *lines)
{
	while (*lines) {
		int n = (int)strcspn(lines, "\n");

		fprintf(stderr, "wconvfs: warning: %.*s\n", n, lines);
		lines += n;
		lines += *lines == '\n';
	}
}

static int serve_foreground(const struct mount *m, struct error *err)
{
	fprintf(stderr, "wconvfs: %s\n", view_summary(m->view));
	print_warnings(view_warnings(m->view));
	return mount_serve(m, err);
}

/* In the parent. */
static int wait_for_daemon(const struct mount *m, pid_t pid, struct error *err)
{
	struct strbuf warnings = STRBUF_INIT;
	int ret = daemon_wait(pid, m->report, m->mp, &warnings, err);

	if (!ret) {
		print_warnings(view_warnings(m->view));
		print_warnings(warnings.p ? warnings.p : "");
	}
	strbuf_release(&warnings);
	return ret;
}

static int start(struct mount *m, bool foreground, struct error *err)
{
	pid_t pid;

	if (foreground)
		return serve_foreground(m, err);
	pid = daemon_fork(&m->report, err);
	if (pid < 0)
		return pid;
	return pid ? wait_for_daemon(m, pid, err) : mount_serve(m, err);
}

static int run(struct cmdline *c, struct keeper *keeper, struct error *err)
{
	struct mountpoint mp = {.lock = -1};
	struct view *v = NULL;
	char *source = NULL;
	int ret = view_open(&v, &c->view, err);

	if (ret)
		return ret;
	source = realpath(c->view.source, NULL);
	if (!source) {
		ret = error_errno(err, ERR_SOURCE, errno, "%s", c->view.source);
		goto out;
	}
	ret = mountpoint_open(&mp, c->mountpoint, source, c->nonempty, err);
	if (!ret)
		ret = cmdline_finish(c, source, err);
	if (!ret)
		ret = start(&(struct mount){v, &mp, &c->mount, keeper, -1},
			    c->foreground, err);
out:
	mountpoint_release(&mp);
	free(source);
	view_free(v);
	return ret;
}

/* The keeper goes its own way before there is anything to inherit. */
static int run_kept(struct cmdline *c, struct error *err)
{
	struct keeper keeper;
	pid_t pid = keeper_fork(&keeper, err);
	int ret = 0;

	if (pid < 0)
		return pid;
	if (pid == 0)
		keeper_run(&keeper);
	else
		ret = run(c, &keeper, err);
	keeper_release(&keeper);
	return ret;
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct cmdline c;
	int ret;

	if (!fill_std_fds())
		return ERR_MOUNT;
	source_allow_many();
	ret = cmdline_parse(&c, argc, argv, &err);
	if (!ret && c.help)
		fputs(help, stdout);
	else if (!ret && c.version)
		printf("wconvfs " WCONVFS_VERSION "\nlibfuse %s\n",
		       fuse_pkgversion());
	else if (!ret && c.unmount)
		ret = mountpoint_unmount(c.mountpoint, &err);
	else if (!ret)
		ret = run_kept(&c, &err);
	/* a daemon's goes to /dev/null: it has told its parent */
	if (ret)
		fprintf(stderr, "wconvfs: %s\n", error_text(&err));
	ret = ret ? (int)err.class : 0;
	error_release(&err);
	cmdline_release(&c);
	return ret;
}
