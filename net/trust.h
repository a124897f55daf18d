/*
 * trust.h - keys and certificates made and used as core/node/trust.h says:
 * orders in, reports out, the arithmetic on a thread of its own.
 */
#ifndef NET_TRUST_H
#define NET_TRUST_H

#include <ev.h>

#include "core/base/err.h"
#include "core/node/trust.h"

struct trust;

struct trust_config {
	struct ev_loop *loop;
	/* On the loop, never from inside trust_order(). */
	void (*report)(void *ctx, const struct trust_report *r);
	void *ctx;
};

int trust_open(const struct trust_config *config, struct trust **ret,
	       struct err *e);
void trust_close(struct trust *t); /* NULL is fine */

/* MAKE_ROOT, MAKE_KEY, SIGN, CROSS_SIGN, LOOK_AT; all is copied. The others
 * are somebody else's (net/peers.h, store/store.h). */
void trust_order(struct trust *t, const struct trust_order *o);

#endif
