/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch checkpoints: see torch.h. */
#include "formats/torch.h"

#include <errno.h>
#include <stdlib.h>

#include "formats/torch_priv.h"

static bool is_zip(struct cursor head)
{
	const uint8_t *p = cursor_bytes(&head, 4);

	return p && memcmp(p, "PK\3\4", 4) == 0;
}

bool torch_recognise(struct cursor head)
{
	const uint8_t *p = cursor_bytes(&head, 2);

	if (p && p[0] == 0x80 && p[1] >= 2 && p[1] <= 5)
		return true;
	return is_zip((struct cursor){head.begin, head.begin, head.end});
}

int torch_read(struct tensor_set *set, struct source *s,
	       const struct torch_options *opt, struct strbuf *notes,
	       struct error *err)
{
	struct torch_file f = {
		.set = set,
		.s = s,
		.opt = opt,
		.notes = notes,
		.err = err,
		.pickle = {.arena = ARENA_INIT},
	};
	uint8_t head[4];
	int rc = 0;

	if (s->nbytes < sizeof(head))
		rc = REFUSE_FILE(&f, "%s",
				 "it is too short for a PyTorch file");
	else if (source_read(s, 0, sizeof(head), head, false))
		rc = error_errno(err, ERR_SOURCE, EIO, "%s", s->path);
	else
		rc = is_zip(cursor_of(head, sizeof(head)))
			     ? torch_read_zip(&f)
			     : torch_read_legacy(&f);
	pickle_release(&f.pickle);
	free(f.text);
	free(f.v);
	return rc;
}
