/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether what lies beside the weights may be shown to every user. A source of
 * somebody else's may have a link to a file that only we can read, as root can
 * read any: to show that to all would be to lend them our rights.
 */
#ifndef WC_FORMATS_PUBLISH_H
#define WC_FORMATS_PUBLISH_H

#include <stdbool.h>

#include "core/source.h"

/*
 * s is what was opened as path. No link, a link that is ours or its target's
 * owner's, or to a file that everybody can read where it is, as a cache that
 * several people fill has them.
 */
bool may_publish(const char *path, const struct source *s);

#endif
