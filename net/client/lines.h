/* lines.h - JSON objects that come one per line, in pieces of any size. */
#ifndef NET_CLIENT_LINES_H
#define NET_CLIENT_LINES_H

#include <jansson.h>

#include "core/base/buf.h"
#include "core/base/err.h"

#define LINES_LINE_MAX 4194304 /* bytes of one line */

struct lines {
	struct buf in; /* not a whole line yet */
	/* One object, borrowed; -errno (with e) to stop. */
	int (*object)(void *ctx, json_t *object, struct err *e);
	void *ctx;
};

/* Gives 0, or -errno: not JSON, too long, or what object() said. */
int lines_add(struct lines *l, const void *p, size_t len, struct err *e);
/* What is left when the stream ended: a line without its end. */
int lines_end(struct lines *l, struct err *e);
void lines_fini(struct lines *l);

#endif
