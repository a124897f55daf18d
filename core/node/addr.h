/*
 * addr.h - the addresses that swarm init and join are told: where to listen
 * ("0.0.0.0:2377", "eth0", "eth0:2377") and where others reach this node
 * ("10.0.0.1", "eth0", "host.example:2377"). Pure.
 */
#ifndef CORE_NODE_ADDR_H
#define CORE_NODE_ADDR_H

#include "core/base/err.h"
#include "core/node/link.h"
#include "core/node/node.h"

#define MANAGER_PORT 2377

/* What a wish means on this host, now. */
struct addr {
	char listen[LINK_ADDR_MAX];    /* "0.0.0.0:2377" */
	char advertise[LINK_ADDR_MAX]; /* "10.0.0.1:2377" */
	char host[LINK_ADDR_MAX];      /* the same without the port */
	/* What others are told: as advertise, but ":2377" when the address is
	 * this host's own choice: then they see it, and see it change. */
	char told[LINK_ADDR_MAX];
	bool guessed; /* advertise is the first address; see below */
};

/*
 * Each wish may be NULL or "". default_addr is what others would reach this
 * host by; NULL: the first address of have that is not a loopback's or a
 * bridge's. -EINVAL: in Docker's words, as far as it has some.
 */
int addr_choose(const char *listen, const char *advertise,
		const struct host_addrs *have, const char *default_addr,
		struct addr *ret, struct err *e);

/* -EINVAL, and names two, if the first address that a guess takes is one of
 * several. */
int addr_check_sole(const struct host_addrs *have, struct err *e);

/* "10.0.0.1", "10.0.0.1:2377", "[::1]:2377", "::1", "host:2377": with the
 * port that was named, or else port. -EINVAL: it is none of these. */
int addr_with_port(const char *s, unsigned port, char ret[LINK_ADDR_MAX],
		   struct err *e);

#endif
