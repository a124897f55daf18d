/* addr_test.c - which address a node tells, without being told one. */
#include "core/node/addr.h"

#include <errno.h>

#include "test/t.h"

static struct host_addr one[] = { { "lo", "127.0.0.1" },
				  { "swarm0", "172.20.0.1" },
				  { "docker0", "172.17.0.1" },
				  { "eth0", "fd00::1" },
				  { "eth0", "10.0.0.1" } };
static struct host_addr two[] = { { "eth0", "10.0.0.1" },
				  { "eth1", "10.1.0.1" } };

static const struct row {
	const char *what, *advertise, *default_addr;
	struct host_addrs have;
	const char *want;
	bool guessed, sole;
} rows[] = {
	{ "the route's address goes first",
	  "",
	  "10.0.0.9",
	  { one, 5 },
	  "10.0.0.9:2377",
	  false,
	  true },
	{ "without a route it is the host's one address",
	  "",
	  NULL,
	  { one, 5 },
	  "10.0.0.1:2377",
	  true,
	  true },
	{ "of several it is a guess",
	  "",
	  NULL,
	  { two, 2 },
	  "10.0.0.1:2377",
	  true,
	  false },
	{ "what was said is no guess",
	  "eth1",
	  NULL,
	  { two, 2 },
	  "10.1.0.1:2377",
	  false,
	  false },
	{ "a host without network has its loopback",
	  "",
	  NULL,
	  { one, 2 },
	  "127.0.0.1:2377",
	  true,
	  true },
	{ "or nothing at all",
	  "",
	  NULL,
	  { NULL, 0 },
	  "127.0.0.1:2377",
	  true,
	  true },
};

T(a_node_tells_an_address_that_others_may_know)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *w = &rows[i];
		struct addr at;
		struct err e;

		T_ROW(w->what);
		EQ(addr_choose("0.0.0.0:2377", w->advertise, &w->have,
			       w->default_addr, &at, &e),
		   0);
		EQ_STR(at.advertise, w->want);
		EQ(at.guessed, w->guessed);
		EQ(addr_check_sole(&w->have, &e) == 0, w->sole);
	}
}

T(several_addresses_are_named)
{
	const struct host_addrs have = { two, 2 };
	struct err e;

	EQ(addr_check_sole(&have, &e), -EINVAL);
	EQ_STR(e.msg, "could not choose an IP address to advertise since this "
		      "system has several (10.0.0.1 on eth0, 10.1.0.1 on eth1) "
		      "and no default route");
}
