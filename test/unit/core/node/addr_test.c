/* addr_test.c - what people write for addresses, and which one a node tells
 * without being told one. */
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
} told[] = {
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
	for (size_t i = 0; i < ARRAY_LEN(told); i++) {
		const struct row *w = &told[i];
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

static struct host_addr list[] = {
	{ "lo", "127.0.0.1" },	   { "eth0", "10.0.0.7" },
	{ "eth0", "fd00::7" },	   { "eth1", "192.168.1.1" },
	{ "eth1", "192.168.1.2" }, { "six", "fd00::9" },
};
static const struct host_addrs have = { list, ARRAY_LEN(list) };

T(addresses_interfaces_and_names_are_taken)
{
	static const struct {
		const char *listen, *advertise, *on, *at, *told;
	} rows[] = {
		{ "", "", "0.0.0.0:2377", "10.9.9.9:2377", ":2377" },
		{ NULL, NULL, "0.0.0.0:2377", "10.9.9.9:2377", ":2377" },
		{ "0.0.0.0:2377", "10.0.0.1", "0.0.0.0:2377", "10.0.0.1:2377",
		  "10.0.0.1:2377" },
		{ "0.0.0.0:4000", "10.0.0.1", "0.0.0.0:4000", "10.0.0.1:4000",
		  "10.0.0.1:4000" },
		{ "0.0.0.0:4000", "10.0.0.1:5000", "0.0.0.0:4000",
		  "10.0.0.1:5000", "10.0.0.1:5000" },
		{ "eth0", "", "10.0.0.7:2377", "10.0.0.7:2377",
		  "10.0.0.7:2377" },
		{ "eth0:3000", "eth0", "10.0.0.7:3000", "10.0.0.7:3000",
		  ":3000" },
		{ "", "eth0:3000", "0.0.0.0:2377", "10.0.0.7:3000", ":3000" },
		{ "", "six", "0.0.0.0:2377", "[fd00::9]:2377", ":2377" },
		{ "[::]:2377", "", "[::]:2377", "10.9.9.9:2377", ":2377" },
		{ "::", "fd00::1", "[::]:2377", "[fd00::1]:2377",
		  "[fd00::1]:2377" },
		{ "", "[fd00::1]:1", "0.0.0.0:2377", "[fd00::1]:1",
		  "[fd00::1]:1" },
		{ "", "host.example", "0.0.0.0:2377", "host.example:2377",
		  "host.example:2377" },
		{ "", "host.example:99", "0.0.0.0:2377", "host.example:99",
		  "host.example:99" },
		{ "192.168.1.1:2377", "", "192.168.1.1:2377",
		  "192.168.1.1:2377", "192.168.1.1:2377" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr got;
		struct err e;

		T_ROW(rows[i].at);
		EQ(addr_choose(rows[i].listen, rows[i].advertise, &have,
			       "10.9.9.9", &got, &e),
		   0);
		EQ_STR(got.listen, rows[i].on);
		EQ_STR(got.advertise, rows[i].at);
		EQ_STR(got.told, rows[i].told);
	}
}

T(what_is_none_of_them_is_refused_with_one_sentence)
{
	static const struct {
		const char *listen, *advertise, *says;
	} rows[] = {
		{ "eth9", "", "this host has no interface \"eth9\"" },
		{ "host.example", "", "listen address must be an IP address" },
		{ "0.0.0.0:0", "", "listen address must be" },
		{ "0.0.0.0:70000", "", "listen address must be" },
		{ ":2377", "", "listen address must be" },
		{ "", "0.0.0.0", "advertise address must be a non-zero" },
		{ "", "::", "advertise address must be a non-zero" },
		{ "", "1.2.3.4:x", "advertise address must be" },
		{ "", "a b", "advertise address must be" },
		{ "", "eth1",
		  "interface eth1 has more than one IPv4 address "
		  "(192.168.1.1 and 192.168.1.2)" },
		{ "eth1", "", "more than one IPv4 address" },
	};
	char many[4000];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr got;
		struct err e = { "" };

		T_ROW(rows[i].says);
		OK(addr_choose(rows[i].listen, rows[i].advertise, &have, NULL,
			       &got, &e) < 0);
		OK(strstr(e.msg, rows[i].says) != NULL);
	}
	memset(many, '1', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	for (int i = 0; i < 2; i++) {
		struct addr got;
		struct err e;

		OK(addr_choose(i ? many : "", i ? "" : many, &have, NULL, &got,
			       &e) < 0);
	}
}

T(a_port_is_added_where_there_is_none)
{
	static const char *const rows[][2] = {
		{ "10.0.0.1", "10.0.0.1:2377" },
		{ "10.0.0.1:80", "10.0.0.1:80" },
		{ "fd00::1", "[fd00::1]:2377" },
		{ "[fd00::1]", "[fd00::1]:2377" },
		{ "[fd00::1]:80", "[fd00::1]:80" },
		{ "host", "host:2377" },
		{ "host:80", "host:80" },
	};
	static const char *const bad[] = {
		"", ":", "a:", "a:b", "a:b:80", "[]", "[]:80", "a/b", "[fd00::1"
	};
	char got[LINK_ADDR_MAX];
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i][0]);
		EQ(addr_with_port(rows[i][0], MANAGER_PORT, got, &e), 0);
		EQ_STR(got, rows[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		T_ROW(bad[i]);
		OK(addr_with_port(bad[i], MANAGER_PORT, got, &e) < 0);
	}
}
