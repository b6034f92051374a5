/* SPDX-License-Identifier: Apache-2.0 */
/* The process that cleans up after a killed one; see keeper.h. */
#include "fs/keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/log.h"

/* Close all that our caller left open, but 0-2 and keep. */
static void close_others(int keep)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		int fd = (int)strtol(e->d_name, NULL, 10);

		if (fd > 2 && fd != keep && fd != dirfd(d))
			close(fd);
	}
	if (d)
		closedir(d);
}

/* Keep no file of others open, and no directory: that would make it busy. */
static void let_go(int keep)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	close_others(keep);
	if (chdir("/") < 0)
		log_line("cannot leave the working directory");
}

static void become_keeper(const struct keeper *k)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	setsid();
	prctl(PR_SET_NAME, "wconvfs-keeper");
	log_to_syslog("wconvfs");
	let_go(k->fd);
}

pid_t keeper_fork(struct keeper *k, struct error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(err, ERR_MOUNT, errno, "cannot make a pipe");
	k->pid = fork();
	if (k->pid < 0) {
		int why = errno;

		close(fds[0]);
		close(fds[1]);
		return error_errno(err, ERR_MOUNT, why, "cannot fork");
	}
	k->fd = fds[k->pid != 0];
	close(fds[k->pid == 0]);
	if (k->pid == 0)
		become_keeper(k);
	return k->pid;
}

/*
 * What it is told, of which the last counts: the mount, or one without a
 * number, and there is nothing to do. One as a whole; false at the end of the
 * pipe.
 */
static bool receive(int fd, struct mounted *m)
{
	char *p = (char *)m;
	size_t at = 0;

	while (at < sizeof(*m)) {
		ssize_t n = read(fd, p + at, sizeof(*m) - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static void tell(const struct keeper *k, const struct mounted *m)
{
	const char *p = (const char *)m;
	size_t at = 0;

	while (at < sizeof(*m)) {
		ssize_t n = write(k->fd, p + at, sizeof(*m) - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return; /* it was killed: we do without */
		at += (size_t)n;
	}
}

static void clean_up(const struct mounted *m)
{
	char path[PATH_MAX];
	int ret;

	if (!mountpoint_find(m, path) || !mountpoint_is_dead(path))
		return;
	ret = mountpoint_detach(path);
	if (ret)
		log_line("the process that served %s was killed, and it cannot "
			 "be unmounted: %s",
			 path, strerror(-ret));
	else
		log_line("the process that served %s was killed: unmounted",
			 path);
}

void keeper_run(const struct keeper *k)
{
	struct mounted m = {.id = 0}, next;

	while (receive(k->fd, &next))
		m = next;
	clean_up(&m);
}

void keeper_watch(const struct keeper *k, const struct mountpoint *mp)
{
	if (mp->now.id) /* whoever passed the device unmounts, too */
		tell(k, &mp->now);
}

void keeper_dismiss(const struct keeper *k)
{
	static const struct mounted nothing;

	tell(k, &nothing);
}

void keeper_end(struct keeper *k)
{
	keeper_release(k);
	waitpid(k->pid, NULL, 0); /* a daemon's is not its child */
}

void keeper_release(struct keeper *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}
