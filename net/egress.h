/*
 * egress.h - the tasks' way out: a bridge with a gateway address, one veth
 * per task, masquerading, and host ports, by netlink and nftables alone.
 */
#ifndef NET_EGRESS_H
#define NET_EGRESS_H

#include "core/base/err.h"
#include "core/node/node.h"

struct egress;

#define EGRESS_NAME_MAX 16

/* The bridge's name for a daemon with this RUN: "swarm0" for /run/swarm,
 * otherwise "swarm-" and some digits made from the path. Pure. */
void egress_name(const char *run, char ret[EGRESS_NAME_MAX]);

/*
 * Make what is missing: the bridge, its address (kept if there is one;
 * otherwise the first /20 of 172.20.0.0/14 and 10.200.0.0/13 that clashes with
 * no link, route or other bridge of ours), ip_forward, and the table
 * "swarm_NAME" (inet or ip): masquerade, forwarding, port maps. *ret_subnet
 * ("172.20.0.0/20") lives as long as the egress.
 */
int egress_open(const char *name, struct egress **ret, const char **ret_subnet,
		struct err *e);
/* Lets go; the kernel keeps all, for the containers go on. NULL is fine. */
void egress_close(struct egress *g);
/* Remove bridge and table (swarm leave). */
int egress_remove(struct egress *g, struct err *e);
/* Make them again, with the same subnet (swarm init after a leave). Nothing
 * is done where all is there. */
int egress_restore(struct egress *g, struct err *e);

/*
 * Make the host ports be these and no others: one nftables transaction that
 * replaces the maps, and one listening (TCP) or bound (UDP) socket each,
 * held so that nobody else takes the port, and so that one that is taken is
 * found: then refused() is called with a sentence that names the holder if
 * it can be found (/proc), and the others are still done.
 */
void egress_ports(struct egress *g, const struct port_wish *ports, size_t count,
		  void (*refused)(void *ctx, const struct port_wish *p,
				  const char *why),
		  void *ctx);

/* For the shim's preparing process; need no struct egress (runner.h). */
int egress_attach(const char *bridge, const char *task_id,
		  const char *netns_path, const char *address,
		  const char *gateway, struct err *e);
int egress_loopback(const char *netns_path, struct err *e);

/* Remove veths on the bridge whose task is none of these (swept at start and
 * after each REMOVED). */
int egress_sweep(const char *bridge, const char *const *task_ids, size_t count,
		 struct err *e);

#endif
