/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines; see log.h. */
#include "core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>

static bool use_syslog; /* set once, before any thread */

void log_to_syslog(const char *ident)
{
	openlog(ident, LOG_PID, LOG_DAEMON);
	use_syslog = true;
}

void log_line(const char *fmt, ...)
{
	char line[1024]; /* a path and a reason; no allocation while serving */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (use_syslog)
		syslog(LOG_ERR, "%s", line);
	else
		fprintf(stderr, "%s: %s\n", program_invocation_short_name,
			line);
}
