/* pem.h - blocks of base64 between dashes (RFC 7468), as Go writes them. */
#ifndef NET_TLS_PEM_H
#define NET_TLS_PEM_H

#include "core/base/buf.h"
#include "core/base/err.h"

#define PEM_LABEL_MAX 32
#define PEM_CERT "CERTIFICATE"

void pem_put(const char *label, const void *p, size_t len, struct buf *out);

/*
 * The next block of *at, which moves behind it: its bytes are appended to
 * out. Text around blocks is skipped. 1: found; 0: none is left; -EINVAL:
 * what is there is no block, or longer than max bytes. In an encrypted block
 * (with headers) nothing can be read: -EINVAL.
 */
int pem_next(const char **at, size_t max, char ret_label[PEM_LABEL_MAX],
	     struct buf *out, struct err *e);

#endif
