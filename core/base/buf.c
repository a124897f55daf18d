/* buf.c - see buf.h. */
#include "core/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"

void
buf_fini(struct buf *b)
{
	mem_free(b->p);
	*b = (struct buf){ 0 };
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
}

char *
buf_room(struct buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : 64;

	check(len <= SIZE_MAX / 4 - b->len);
	while (cap < b->len + len)
		cap *= 2;
	if (cap != b->cap || b->p == NULL) {
		b->p = mem_resize(b->p, cap);
		b->cap = cap;
	}
	return b->p + b->len;
}

void
buf_put(struct buf *b, const void *p, size_t len)
{
	if (len == 0)
		return;
	memcpy(buf_room(b, len), p, len);
	b->len += len;
}

void
buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void
buf_putc(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	check(len >= 0);
	va_start(ap, fmt);
	vsnprintf(buf_room(b, (size_t)len + 1), (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
}

void
buf_drop(struct buf *b, size_t len)
{
	check(len <= b->len);
	if (len > 0)
		memmove(b->p, b->p + len, b->len - len);
	b->len -= len;
}

const char *
buf_cstr(struct buf *b)
{
	*buf_room(b, 1) = '\0';
	return b->p;
}

char *
buf_take(struct buf *b)
{
	char *s;

	(void)buf_cstr(b);
	s = b->p;
	*b = (struct buf){ 0 };
	return s;
}
