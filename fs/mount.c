/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounting, serving, unmounting; see mount.h.
 *
 *   parent                       child (or the foreground process)
 *   ------                       -----
 *   fork ----------------------> mount, answer the kernel's INIT
 *   wait on the pipe             a thread of its own, from INIT on:
 *                                  stat the mount point (answered by us)
 *                                  set the readahead, which INIT resets
 *   <------ warnings, ready ------ tell the parent, end
 *   stat the mount point         serve ...
 *   exit 0                       unmount, exit 0
 *
 * The thread is needed because the loop must run for its stat to be answered.
 */
#define FUSE_USE_VERSION 312

#include "fs/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "fs/fs.h"

/* How long a mount may take to answer. */
#define START_SECONDS 10

/* Room for what libfuse and fusermount3 say when mounting fails. */
#define MESSAGE_MAX 512

enum message_kind { MSG_READY, MSG_WARNING, MSG_ERROR };

/* What a daemon tells its parent; written and read whole. */
struct message {
	enum message_kind kind;
	enum error_class class; /* of an error */
	char text[1024];
};

_Static_assert(sizeof(struct message) <= 4096, "atomic in a pipe");

struct server {
	const struct mountpoint *mp;
	const struct mount_options *opt;
	struct fuse_session *se;
	int report; /* -1: foreground, or told already */
	pthread_t settler;
	bool settling;	  /* settler is to be joined */
	struct error err; /* why the mount did not answer */
};

static void send_message(const struct server *s, enum message_kind kind,
			 enum error_class class, const char *text)
{
	struct message m;
	ssize_t n;

	memset(&m, 0, sizeof(m));
	m.kind = kind;
	m.class = class;
	snprintf(m.text, sizeof(m.text), "%s", text);
	do {
		n = write(s->report, &m, sizeof(m));
	} while (n < 0 && errno == EINTR);
}

static void warn(const struct server *s, const char *text)
{
	if (s->report >= 0)
		send_message(s, MSG_WARNING, ERR_MOUNT, text);
	else
		log_line("warning: %s", text);
}

static void set_readahead(const struct server *s)
{
	uint64_t kib = s->opt->readahead_nbytes >> 10;
	char text[MESSAGE_MAX];
	int ret;

	if (kib == 0)
		return;
	ret = mountpoint_readahead(s->mp, kib);
	if (ret == 0 || !s->opt->readahead_asked)
		return;
	snprintf(text, sizeof(text),
		 "cannot set the readahead to %llu KiB: %s%s",
		 (unsigned long long)kib, strerror(-ret),
		 ret == -EACCES ? " (only root may)" : "");
	warn(s, text);
}

static void *settle(void *arg)
{
	struct server *s = arg;

	if (mountpoint_verify(s->mp, &s->err)) {
		if (fuse_session_exited(s->se))
			error_release(&s->err); /* stopped meanwhile */
		fuse_session_exit(s->se);
		kill(getpid(), SIGTERM); /* wakes the loop */
		return NULL;
	}
	set_readahead(s);
	if (s->report >= 0) {
		send_message(s, MSG_READY, ERR_MOUNT, "");
		close(s->report);
		s->report = -1;
	}
	return NULL;
}

/* From the kernel's INIT, before it is answered. */
static void start_settling(void *arg)
{
	struct server *s = arg;
	sigset_t all, old;
	int ret;

	sigfillset(&all); /* signals are for the loop's thread */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&s->settler, NULL, settle, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->settling = ret == 0;
	if (ret) {
		error_errno(&s->err, ERR_MOUNT, ret, "cannot start a thread");
		fuse_session_exit(s->se);
	}
}

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
	    fuse_opt_add_arg(&args, s->opt->fuse) == 0)
		s->se = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), fs);
	fuse_opt_free_args(&args);
	return s->se ? 0 : -EINVAL;
}

static void session_free(struct server *s)
{
	if (!s->se)
		return;
	fuse_remove_signal_handlers(s->se);
	fuse_session_destroy(s->se);
	s->se = NULL;
}

/* libfuse and fusermount3 say on standard error why they fail. */
static int session_start(struct server *s, struct fs *fs, struct error *err)
{
	char text[MESSAGE_MAX];
	int saved, fd = capture_begin(&saved), ret;

	ret = session_new(s, fs);
	if (!ret && (fuse_set_signal_handlers(s->se) ||
		     fuse_session_mount(s->se, s->mp->path)))
		ret = -EIO;
	capture_end(fd, saved, text, sizeof(text));
	if (ret) {
		session_free(s);
		return error_set(err, ERR_MOUNT, "cannot mount at %s: %s",
				 s->mp->path,
				 *text ? text : "libfuse does not say why");
	}
	if (s->report >= 0)
		fuse_set_log_func(log_fuse);
	if (*text)
		log_line("%s", text);
	return 0;
}

static int loop(const struct server *s)
{
	struct fuse_loop_config *cfg;
	int ret;

	if (s->opt->single)
		return fuse_session_loop(s->se);
	cfg = fuse_loop_cfg_create();
	if (!cfg)
		return -ENOMEM;
	if (s->opt->max_threads)
		fuse_loop_cfg_set_max_threads(cfg, s->opt->max_threads);
	fuse_loop_cfg_set_clone_fd(cfg, s->opt->clone_fd);
	ret = fuse_session_loop_mt(s->se, cfg);
	fuse_loop_cfg_destroy(cfg);
	return ret;
}

static int serve(struct server *s, struct fs *fs, struct error *err)
{
	int ret = session_start(s, fs, err);

	if (ret)
		return ret;
	ret = loop(s); /* > 0: the signal that asked to stop */
	fuse_session_unmount(s->se);
	if (s->settling)
		pthread_join(s->settler, NULL);
	session_free(s);
	if (s->err.text)
		return error_set(err, ERR_MOUNT, "%s", s->err.text);
	if (ret < 0)
		return error_errno(err, ERR_MOUNT, -ret,
				   "the mount at %s broke", s->mp->path);
	return 0;
}

int mount_serve(struct view *v, const struct mountpoint *mp,
		const struct mount_options *opt, int report, struct error *err)
{
	struct server s = {
		.mp = mp, .opt = opt, .report = report, .err = ERROR_INIT};
	struct fs fs;
	int ret = fs_init(&fs, v);

	if (ret)
		return error_errno(err, ERR_MOUNT, -ret, "cannot start");
	fs.uid = opt->uid;
	fs.gid = opt->gid;
	fs.cache = opt->cache;
	fs.on_init = start_settling;
	fs.on_init_arg = &s;
	ret = serve(&s, &fs, err);
	fs_release(&fs);
	error_release(&s.err);
	if (s.report >= 0) {
		if (ret)
			send_message(&s, MSG_ERROR, err->class,
				     error_text(err));
		close(s.report);
	}
	return ret;
}

static void become_daemon(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/") < 0)
		log_line("cannot leave the working directory");
	for (int i = 0; i < 3 && fd >= 0; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
	log_to_syslog("wconvfs");
}

pid_t mount_fork(int *report, struct error *err)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(err, ERR_MOUNT, errno, "cannot make a pipe");
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return error_errno(err, ERR_MOUNT, errno, "cannot fork");
	}
	*report = fds[pid == 0];
	close(fds[pid != 0]);
	if (pid == 0)
		become_daemon();
	return pid;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The next message: 1, 0 at the end of the pipe, -ETIMEDOUT. */
static int receive(int fd, int64_t deadline, struct message *m)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left;
	ssize_t n;

	while ((left = deadline - now_ms()) > 0) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, m, sizeof(*m));
		if (n < 0 && errno == EINTR)
			continue;
		return n == (ssize_t)sizeof(*m);
	}
	return -ETIMEDOUT;
}

/* Why a daemon ended that did not say so. */
static int explain_end(pid_t pid, struct error *err)
{
	int status;

	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		return error_set(err, ERR_MOUNT,
				 "the daemon was killed by signal %d (%s) "
				 "before its mount answered",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	return error_set(err, ERR_MOUNT,
			 "the daemon ended before its mount answered");
}

int mount_wait(pid_t pid, int report, const struct mountpoint *mp,
	       struct strbuf *warnings, struct error *err)
{
	int64_t deadline = now_ms() + START_SECONDS * 1000;
	struct message m;
	int ret;

	while ((ret = receive(report, deadline, &m)) == 1) {
		if (m.kind != MSG_WARNING)
			break;
		strbuf_addf(warnings, "%s\n", m.text);
	}
	close(report);
	if (ret == 1 && m.kind == MSG_READY)
		return mountpoint_verify(mp, err);
	if (ret == 1)
		return error_set(err, m.class, "%s", m.text);
	if (ret == 0)
		return explain_end(pid, err);
	kill(pid, SIGTERM);
	return error_set(err, ERR_MOUNT,
			 "the mount at %s did not answer within %d seconds",
			 mp->path, START_SECONDS);
}
