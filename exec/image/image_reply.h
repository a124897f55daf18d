/* image_reply.h - shared by the files that answer the images API. */
#ifndef EXEC_IMAGE_IMAGE_REPLY_H
#define EXEC_IMAGE_IMAGE_REPLY_H

#include "core/base/buf.h"
#include "core/base/str.h"
#include "core/model/request.h"

/* Fills body with {"message":...}; gives the HTTP status for code. */
int image_reply_error(struct buf *body, int code, const char *message);

/*
 * until=T: a time, seconds since 1970, or a duration that ends now. Not given:
 * INT64_MAX.
 */
int image_read_until(const struct filters *f, int64_t *ret_ns, struct err *e);

/* A filter's value: "0" and "false" are false. */
static inline bool
image_reply_bool(const char *value)
{
	return !str_eq(value, "0") && !str_eq(value, "false");
}

#endif
