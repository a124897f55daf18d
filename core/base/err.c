/* err.c - see err.h. */
#include "core/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"

int
err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	check(code < 0);
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return code;
}

int
err_wrap(struct err *e, int code, const char *fmt, ...)
{
	char inner[sizeof(e->msg)];
	va_list ap;
	size_t room, tail;
	int len;

	check(code < 0);
	memcpy(inner, e->msg, sizeof(inner));
	va_start(ap, fmt);
	len = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len + 3 > sizeof(e->msg))
		return code;
	memcpy(e->msg + len, ": ", 3);
	room = sizeof(e->msg) - (size_t)len - 3;
	tail = strnlen(inner, room);
	memcpy(e->msg + len + 2, inner, tail);
	e->msg[(size_t)len + 2 + tail] = '\0';
	return code;
}
