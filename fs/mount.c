/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounting, serving, unmounting; see mount.h.
 *
 *   the loop                     the warden, a thread from INIT on
 *   --------                     ---------------------------------
 *   mount, tell the keeper
 *   answer the kernel's INIT --> stat the mount point (answered by the loop)
 *   serve ...                    set the readahead, which INIT resets
 *                                tell the parent, or log
 *                                wait for a signal
 *   <--- all files are closed -- unmount lazily; a second one: end at once
 *   end
 *
 * Signals are blocked in all threads: the warden alone takes them.
 */
#define FUSE_USE_VERSION 312

#include "fs/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "fs/daemon.h"
#include "fs/fs.h"

/* Room for what libfuse and fusermount3 say when mounting fails. */
#define MESSAGE_MAX 512

/* Ours: interrupts the loop, or tells the warden that the loop has ended. */
#define SIGNAL_WAKE SIGUSR1

struct server {
	const struct mount *m;
	struct fuse_session *se;
	int report; /* -1: foreground, or told already */
	pthread_t loop, warden;
	bool watched;	   /* the warden is to be joined */
	atomic_bool ended; /* the loop has */
	struct error err;  /* why the mount did not answer */
};

static void warn(const struct server *s, const char *text)
{
	if (s->report >= 0)
		daemon_warn(s->report, text);
	else
		log_line("warning: %s", text);
}

static void set_readahead(const struct server *s)
{
	const struct mount_options *opt = s->m->opt;
	uint64_t kib = opt->readahead_nbytes >> 10;
	char text[MESSAGE_MAX];
	int ret;

	if (kib == 0)
		return;
	ret = mountpoint_readahead(s->m->mp, kib);
	if (ret == 0 || !opt->readahead_asked)
		return;
	snprintf(text, sizeof(text),
		 "cannot set the readahead to %llu KiB: %s%s",
		 (unsigned long long)kib, strerror(-ret),
		 ret == -EACCES ? " (only root may)" : "");
	warn(s, text);
}

/* ---- signals ---- */

static void wake(int sig)
{
	(void)sig; /* what it interrupts is what it is for */
}

/*
 * What asks us to stop. A hang-up that is ignored stays so (nohup); shells also
 * ignore SIGINT for what they start in the background, which is not meant.
 */
static void stop_signals(sigset_t *set)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction sa;

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (signals[i] != SIGHUP ||
		    (sigaction(SIGHUP, NULL, &sa) == 0 &&
		     sa.sa_handler != SIG_IGN))
			sigaddset(set, signals[i]);
}

/* In the thread that all others are made by, before there is one. */
static void take_signals(void)
{
	struct sigaction sa = {.sa_handler = wake};
	sigset_t set;

	sigaction(SIGNAL_WAKE, &sa, NULL); /* no SA_RESTART */
	signal(SIGPIPE, SIG_IGN);
	stop_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* The next of them, or whatever woke us once the loop has ended. */
static int wait_for_signal(const struct server *s)
{
	sigset_t set;
	int sig;

	stop_signals(&set);
	sigaddset(&set, SIGNAL_WAKE);
	do {
		sig = SIGNAL_WAKE;
		sigwait(&set, &sig);
	} while (sig == SIGNAL_WAKE && !s->ended);
	return sig;
}

/* Have the loop end now: it may be just about to wait. */
static void interrupt_loop(struct server *s)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	fuse_session_exit(s->se);
	while (!s->ended) {
		pthread_kill(s->loop, SIGNAL_WAKE);
		nanosleep(&pause, NULL);
	}
}

/* The first signal. Where we cannot unmount lazily, the loop ends. */
static void stop(struct server *s)
{
	const struct mountpoint *mp = s->m->mp;
	char path[PATH_MAX];
	int ret;

	if (!mp->now.id) {
		interrupt_loop(s);
		return;
	}
	if (!mountpoint_find(&mp->now, path)) {
		log_line("something else is mounted over %s: served until that "
			 "and this are unmounted",
			 mp->path);
		return;
	}
	ret = mountpoint_detach(path);
	if (ret) {
		log_line("cannot unmount %s: %s", path, strerror(-ret));
		interrupt_loop(s);
	}
}

/* The second one: whatever a thread is waiting for, it is over. */
static void end_at_once(int sig)
{
	sigset_t set;

	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void await_signals(struct server *s)
{
	int sig = wait_for_signal(s);

	if (!s->ended)
		stop(s);
	if (!s->ended)
		sig = wait_for_signal(s);
	if (!s->ended)
		end_at_once(sig);
}

/* ---- the warden ---- */

static void *watch(void *arg)
{
	struct server *s = arg;

	if (mountpoint_verify(s->m->mp, &s->err)) {
		if (s->ended) /* unmounted meanwhile */
			error_release(&s->err);
		else
			interrupt_loop(s);
		return NULL;
	}
	set_readahead(s);
	if (s->report >= 0) {
		daemon_ready(s->report);
		close(s->report);
		s->report = -1;
	}
	await_signals(s);
	return NULL;
}

/*
 * Its first question waits until the kernel's INIT is answered; it fails where
 * libfuse had no memory for that, and would serve a mount that nobody can use.
 */
static int start_warden(struct server *s)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&s->warden, NULL, watch, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->watched = ret == 0;
	return ret ? error_errno(&s->err, ERR_MOUNT, ret,
				 "cannot start a thread")
		   : 0;
}

static void join_warden(struct server *s)
{
	if (!s->watched)
		return;
	pthread_kill(s->warden, SIGNAL_WAKE);
	pthread_join(s->warden, NULL);
}

/* ---- the session ---- */

/* What is written to standard error from here on goes to a file instead. */
static int capture_begin(int *saved)
{
	int fd = memfd_create("messages", MFD_CLOEXEC);

	*saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0 && *saved >= 0)
		dup2(fd, STDERR_FILENO);
	return fd;
}

/* ... to here. text gets it as one line. */
static void capture_end(int fd, int saved, char *text, size_t size)
{
	ssize_t n = fd < 0 ? 0 : pread(fd, text, size - 1, 0);

	if (saved >= 0)
		dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n > 0 ? n : 0] = '\0';
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ';';
}

static void log_fuse(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char line[MESSAGE_MAX];

	(void)level;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_line("%s", line);
}

static int session_new(struct server *s, struct fs *fs)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

	if (fuse_opt_add_arg(&args, "wconvfs") == 0 &&
	    fuse_opt_add_arg(&args, "-o") == 0 &&
	    fuse_opt_add_arg(&args, s->m->opt->fuse) == 0)
		s->se = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), fs);
	fuse_opt_free_args(&args);
	return s->se ? 0 : -EINVAL;
}

static void session_free(struct server *s)
{
	if (s->se)
		fuse_session_destroy(s->se);
	s->se = NULL;
}

/* What to do where a mount is refused for this reason. */
static const char *advice(const char *text)
{
	if (!strstr(text, strerror(EPERM)))
		return "";
	return geteuid() == 0 ? ": a container needs --cap-add SYS_ADMIN, or "
				"use wconv, which mounts nothing"
			      : ": fusermount3 must be setuid root, and a "
				"container needs --cap-add SYS_ADMIN; or use "
				"wconv, which mounts nothing";
}

/* libfuse and fusermount3 say on standard error why they fail. */
static int session_start(struct server *s, struct fs *fs, struct error *err)
{
	struct mountpoint *mp = s->m->mp;
	char text[MESSAGE_MAX];
	int saved, fd = capture_begin(&saved), ret;

	ret = session_new(s, fs);
	if (!ret && fuse_session_mount(s->se, mp->path))
		ret = -EIO;
	capture_end(fd, saved, text, sizeof(text));
	if (ret) {
		session_free(s);
		return error_set(err, ERR_MOUNT, "cannot mount at %s: %s%s",
				 mp->path,
				 *text ? text : "libfuse does not say why",
				 advice(text));
	}
	mountpoint_note(mp);
	keeper_watch(s->m->keeper, mp);
	if (s->report >= 0)
		fuse_set_log_func(log_fuse);
	if (*text)
		log_line("%s", text);
	return 0;
}

static int loop(const struct server *s)
{
	const struct mount_options *opt = s->m->opt;
	struct fuse_loop_config *cfg;
	int ret;

	if (opt->single)
		return fuse_session_loop(s->se);
	cfg = fuse_loop_cfg_create();
	if (!cfg)
		return -ENOMEM;
	if (opt->max_threads)
		fuse_loop_cfg_set_max_threads(cfg, opt->max_threads);
	fuse_loop_cfg_set_clone_fd(cfg, opt->clone_fd);
	ret = fuse_session_loop_mt(s->se, cfg);
	fuse_loop_cfg_destroy(cfg);
	return ret;
}

/*
 * The session has ended with ret: is the mount gone? One whose connection was
 * aborted is not, and is left to the keeper. An unmount may look like that.
 */
static int end_keeper(const struct server *s, int ret)
{
	char path[PATH_MAX];

	if (mountpoint_find(&s->m->mp->now, path)) {
		ret = -ECONNABORTED;
	} else {
		keeper_dismiss(s->m->keeper);
		if (ret == -ECONNABORTED)
			ret = 0;
	}
	keeper_end(s->m->keeper);
	return ret;
}

static int serve(struct server *s, struct fs *fs, struct error *err)
{
	int ret;

	take_signals();
	ret = session_start(s, fs, err);
	if (ret)
		return ret;
	ret = start_warden(s);
	if (!ret)
		ret = loop(s);
	s->ended = true;
	fuse_session_unmount(s->se); /* nothing, where it is unmounted */
	join_warden(s);
	session_free(s);
	ret = end_keeper(s, ret);
	if (s->err.text)
		return error_set(err, ERR_MOUNT, "%s", s->err.text);
	if (ret < 0)
		return error_errno(err, ERR_MOUNT, -ret,
				   "the mount at %s broke", s->m->mp->path);
	return 0;
}

int mount_serve(const struct mount *m, struct error *err)
{
	struct server s = {.m = m,
			   .report = m->report,
			   .loop = pthread_self(),
			   .err = ERROR_INIT};
	struct fs fs;
	int ret = fs_init(&fs, m->view);

	if (ret)
		return error_errno(err, ERR_MOUNT, -ret, "cannot start");
	fs.uid = m->opt->uid;
	fs.gid = m->opt->gid;
	fs.cache = m->opt->cache;
	ret = serve(&s, &fs, err);
	fs_release(&fs);
	error_release(&s.err);
	if (s.report >= 0) {
		if (ret)
			daemon_failed(s.report, err);
		close(s.report);
	}
	return ret;
}
