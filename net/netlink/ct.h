/*
 * ct.h - forgetting connections that the kernel tracks (ctnetlink). A UDP
 * "connection" lives as long as packets come, and would go on to a task that
 * is gone.
 */
#ifndef NET_NETLINK_CT_H
#define NET_NETLINK_CT_H

#include "core/base/err.h"
#include "net/netlink/build.h"

/* One tracked IPv4 connection; host order. */
struct ct_flow {
	uint8_t protocol;
	uint16_t port; /* that the client sends to */
	uint32_t to;   /* who answers it: where it was translated to */
	uint16_t to_port;
};

#define CT_FORGET_MAX 65536 /* in one call; what is left fades by itself */

/* Delete all flows of which forget() is true. */
int ct_forget(bool (*forget)(void *ctx, const struct ct_flow *f), void *ctx,
	      struct err *e);

/* Read one message of a dump; false: not an IPv4 flow with ports. Pure. */
bool ct_read(const struct nlmsghdr *h, struct ct_flow *ret);

#endif
