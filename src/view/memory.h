/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory a process on this machine can have. */
#ifndef WC_VIEW_MEMORY_H
#define WC_VIEW_MEMORY_H

#include <stdint.h>

/* The machine's memory, or the limit of our cgroup if that is less. */
uint64_t memory_limit(void);

#endif
