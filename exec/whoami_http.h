/* whoami_http.h - the demo server's requests: bytes in, bytes out. Pure. */
#ifndef EXEC_WHOAMI_HTTP_H
#define EXEC_WHOAMI_HTTP_H

#include "core/base/base.h"
#include "core/base/buf.h"

#define WHOAMI_HEAD_MAX 16384

/* Where the server and the client of a connection are. */
struct whoami_place {
	const char *hostname;
	const char *const *addresses; /* ended by NULL */
	const char *remote;	      /* "10.0.0.7:51034" */
	const char *const *env;	      /* ended by NULL */
};

/* Length of the request head in p, with its empty line; 0: not whole yet. */
size_t whoami_head_len(const char *p, size_t len);

/*
 * Appends the reply to the request with this head. last: the connection is
 * wanted closed anyway. Gives whether it stays open.
 */
bool whoami_reply(const char *head, size_t len, bool last,
		  const struct whoami_place *place, struct buf *out);

#endif
