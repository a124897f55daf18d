/* buf.h - a growing byte buffer. buf_fini() frees; { 0 } is an empty one. */
#ifndef CORE_BASE_BUF_H
#define CORE_BASE_BUF_H

#include "core/base/base.h"

struct buf {
	char *p; /* not terminated, unless by buf_cstr() */
	size_t len;
	size_t cap;
};

void buf_fini(struct buf *b);
void buf_clear(struct buf *b); /* keeps the room */
void buf_put(struct buf *b, const void *p, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
char *buf_room(struct buf *b, size_t len); /* at p + len; add to len after */
void buf_drop(struct buf *b, size_t len);  /* the first len bytes */
const char *buf_cstr(struct buf *b);	   /* valid until the next change */
char *buf_take(struct buf *b); /* a terminated heap string; b is empty */

#endif
