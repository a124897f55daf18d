/*
 * peers.h - links to other nodes: TCP, TLS 1.2 on both sides, and messages
 * with a length before them. Does what core/node/link.h says, decides nothing.
 *
 * Handshakes run on a small pool of threads, so that a thousand nodes that
 * come back at once do not hold up a heartbeat (design.md, The node).
 */
#ifndef NET_PEERS_H
#define NET_PEERS_H

#include <ev.h>

#include "core/base/err.h"
#include "core/node/link.h"
#include "core/node/trust.h"

struct peers;

struct peers_config {
	struct ev_loop *loop;
	/* On the loop; what it points at is for the call. Never from inside
	 * peers_order(). */
	void (*report)(void *ctx, const struct link_report *r);
	void *ctx;
};

int peers_open(const struct peers_config *config, struct peers **ret,
	       struct err *e);
void peers_close(struct peers *p); /* NULL is fine */

/* All is copied. What cannot be done is reported (LINK_DOWN). */
void peers_order(struct peers *p, const struct link_order *o);

/*
 * TRUST_USE and TRUST_FORGET. With a new identity, links that are up stay (a
 * renewal breaks nothing); those to come use it. -EINVAL: the chain does not
 * hold up against the roots, or the key is not its.
 */
int peers_identity(struct peers *p, const struct trust_order *o, struct err *e);

#endif
