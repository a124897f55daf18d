/* base64.h - RFC 4648 section 4, with padding. */
#ifndef CORE_BASE_BASE64_H
#define CORE_BASE_BASE64_H

#include "core/base/base.h"
#include "core/base/buf.h"

void base64_put(struct buf *out, const void *p, size_t len);
/* Appends to out; false (and out as it was) if s is not base64. */
bool base64_read(const char *s, size_t len, struct buf *out);

#endif
