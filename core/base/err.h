/* err.h - why an operation failed, in words, without the heap. */
#ifndef CORE_BASE_ERR_H
#define CORE_BASE_ERR_H

#include "core/base/base.h"

#define ERR_MSG_MAX 480

struct err {
	char msg[ERR_MSG_MAX];
};

/*
 * Both return code (negative, an -errno), so a failure is one line:
 * return err_set(...). err_wrap() makes "inner" into "outer: inner"; what
 * does not fit is cut from the tail.
 */
int err_set(struct err *e, int code, const char *fmt, ...) printf_like(3, 4);
int err_wrap(struct err *e, int code, const char *fmt, ...) printf_like(3, 4);

#endif
