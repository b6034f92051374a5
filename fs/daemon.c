/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon and its parent; see daemon.h. */
#include "fs/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"

enum message_kind { MSG_READY, MSG_WARNING, MSG_ERROR };

/* What a daemon tells its parent; written and read whole. */
struct message {
	enum message_kind kind;
	enum error_class class; /* of an error */
	char text[1024];
};

_Static_assert(sizeof(struct message) <= 4096, "atomic in a pipe");

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

pid_t daemon_fork(int *report, struct error *err)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(err, ERR_MOUNT, errno, "cannot make a pipe");
	pid = fork();
	if (pid < 0) {
		int why = errno;

		close(fds[0]);
		close(fds[1]);
		return error_errno(err, ERR_MOUNT, why, "cannot fork");
	}
	*report = fds[pid == 0];
	close(fds[pid != 0]);
	if (pid == 0)
		become_daemon();
	return pid;
}

static void send_message(int report, enum message_kind kind,
			 enum error_class class, const char *text)
{
	struct message m;
	ssize_t n;

	memset(&m, 0, sizeof(m));
	m.kind = kind;
	m.class = class;
	snprintf(m.text, sizeof(m.text), "%s", text);
	do {
		n = write(report, &m, sizeof(m));
	} while (n < 0 && errno == EINTR);
}

void daemon_warn(int report, const char *text)
{
	send_message(report, MSG_WARNING, ERR_MOUNT, text);
}

void daemon_ready(int report)
{
	send_message(report, MSG_READY, ERR_MOUNT, "");
}

void daemon_failed(int report, const struct error *err)
{
	send_message(report, MSG_ERROR, err->class, error_text(err));
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

int daemon_wait(pid_t pid, int report, const struct mountpoint *mp,
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
	kill(pid, SIGKILL); /* its keeper unmounts */
	return error_set(err, ERR_MOUNT,
			 "the mount at %s did not answer within %d seconds",
			 mp->path, START_SECONDS);
}
