/* SPDX-License-Identifier: Apache-2.0 */
/* Serve-time log lines: standard error, or syslog once a daemon says so. */
#ifndef WC_CORE_LOG_H
#define WC_CORE_LOG_H

void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* From here on log lines go to syslog under this name. */
void log_to_syslog(const char *ident);

#endif
