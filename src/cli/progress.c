/* SPDX-License-Identifier: Apache-2.0 */
/* How far a long command is; see progress.h. */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "core/strbuf.h"

#define BAR_WIDTH 20

void progress_start(struct progress *p, uint64_t total, bool quiet)
{
	*p = (struct progress){.total = total, .quiet = quiet};
	p->terminal = isatty(STDERR_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &p->start);
}

double progress_seconds(const struct progress *p)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - p->start.tv_sec) +
	       (double)(now.tv_nsec - p->start.tv_nsec) / 1e9;
}

static void add_time(struct strbuf *sb, double seconds)
{
	unsigned long s = (unsigned long)(seconds + 0.5);

	if (s >= 3600)
		strbuf_addf(sb, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60,
			    s % 60);
	else
		strbuf_addf(sb, "%lu:%02lu", s / 60, s % 60);
}

/* "45 %  12.3 GB of 27.1 GB  1.20 GB/s  0:12 left" */
static void add_state(struct strbuf *sb, const struct progress *p,
		      uint64_t nbytes, unsigned percent)
{
	double seconds = progress_seconds(p);

	strbuf_addf(sb, "%u %%  ", percent);
	strbuf_add_size(sb, nbytes);
	strbuf_adds(sb, " of ");
	strbuf_add_size(sb, p->total);
	if (seconds <= 0 || nbytes == 0)
		return;
	strbuf_adds(sb, "  ");
	strbuf_add_size(sb, (uint64_t)((double)nbytes / seconds));
	strbuf_adds(sb, "/s  ");
	add_time(sb, seconds * (double)(p->total - nbytes) / (double)nbytes);
	strbuf_adds(sb, " left");
}

/* "[#########...........] " */
static void add_bar(struct strbuf *sb, unsigned percent)
{
	strbuf_addc(sb, '[');
	for (unsigned at = 0; at < BAR_WIDTH; at++)
		strbuf_addc(sb, at < percent * BAR_WIDTH / 100 ? '#' : '.');
	strbuf_adds(sb, "] ");
}

void progress_show(struct progress *p, uint64_t nbytes)
{
	double part = (double)nbytes / ((double)p->total + 1e-9);
	unsigned percent = (unsigned)(100 * part + 1e-9);
	struct strbuf sb = STRBUF_INIT;

	if (p->quiet || !p->total ||
	    (!p->terminal && percent / 10 <= p->tenths))
		return;
	p->tenths = percent / 10;
	if (p->terminal)
		add_bar(&sb, percent);
	add_state(&sb, p, nbytes, p->terminal ? percent : p->tenths * 10);
	if (!sb.failed && p->terminal)
		fprintf(stderr, "\r%s\033[K", sb.p);
	else if (!sb.failed)
		fprintf(stderr, "wconv: %s\n", sb.p);
	strbuf_release(&sb);
}

void progress_end(const struct progress *p)
{
	if (!p->quiet && p->terminal)
		fputs("\r\033[K", stderr);
}
