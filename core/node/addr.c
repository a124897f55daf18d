/* addr.c - see addr.h. */
#include "core/node/addr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/ip.h"
#include "core/base/str.h"

#define BAD_LISTEN                                                             \
	"listen address must be an IP address or network interface (with "     \
	"optional port number)"
#define BAD_ADVERTISE                                                          \
	"advertise address must be a non-zero IP address or network "          \
	"interface (with optional port number)"

/* A host and a port, 0 if none was named. */
struct split {
	char host[LINK_ADDR_MAX];
	unsigned port;
};

static bool
is_unspecified(const char *host)
{
	return str_eq(host, "0.0.0.0") || str_eq(host, "::");
}

static bool
read_port(const char *s, unsigned *ret)
{
	uint64_t v;

	if (!str_to_u64(s, &v) || v == 0 || v > 65535)
		return false;
	*ret = (unsigned)v;
	return true;
}

/* The longest name, and a port behind it. */
static bool
split(const char *s, struct split *ret)
{
	const char *colon = strrchr(s, ':');
	size_t len = strlen(s);
	struct ip ip;

	*ret = (struct split){ 0 };
	if (len == 0 || len > 200)
		return false;
	if (!ip_parse(s, &ip) && colon != NULL && s[len - 1] != ']') {
		if (!read_port(colon + 1, &ret->port))
			return false;
		len = (size_t)(colon - s);
	}
	if (len >= 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	memcpy(ret->host, s, len);
	if (strchr(ret->host, ':') != NULL && !ip_parse(ret->host, &ip))
		return false;
	return len > 0 && strpbrk(ret->host, " /[]") == NULL;
}

static void
join(const char *host, unsigned port, char ret[LINK_ADDR_MAX])
{
	snprintf(ret, LINK_ADDR_MAX,
		 strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
}

int
addr_with_port(const char *s, unsigned port, char ret[LINK_ADDR_MAX],
	       struct err *e)
{
	struct split at;

	if (!split(str_or(s, ""), &at))
		return err_set(e, -EINVAL,
			       "invalid address \"%.200s\": want HOST:PORT",
			       str_or(s, ""));
	join(at.host, at.port != 0 ? at.port : port, ret);
	return 0;
}

/* The one address of the interface that is called so: IPv4 before IPv6.
 * -ENOENT: there is no such interface. */
static int
of_interface(const char *name, const struct host_addrs *have, const char **ret,
	     struct err *e)
{
	const char *found[2] = { NULL, NULL };

	for (size_t i = 0; have != NULL && i < have->count; i++) {
		const char *ip = have->v[i].ip;
		bool v6 = strchr(ip, ':') != NULL;

		if (!str_eq(have->v[i].name, name))
			continue;
		if (found[v6] != NULL && !v6)
			return err_set(e, -EINVAL,
				       "interface %s has more than one IPv4 "
				       "address (%s and %s): say which one",
				       name, found[v6], ip);
		if (found[v6] == NULL)
			found[v6] = ip;
	}
	*ret = found[0] != NULL ? found[0] : found[1];
	return *ret != NULL ? 0 : -ENOENT;
}

static int
choose_listen(const char *wish, const struct host_addrs *have, struct split *at,
	      struct err *e)
{
	const char *ip;
	struct ip parsed;
	int r;

	if (!split(str_or(wish, "0.0.0.0"), at))
		return err_set(e, -EINVAL, "%s, and not \"%.200s\"", BAD_LISTEN,
			       wish);
	if (at->port == 0)
		at->port = MANAGER_PORT;
	if (ip_parse(at->host, &parsed))
		return 0;
	r = of_interface(at->host, have, &ip, e);
	if (r == -ENOENT)
		return err_set(e, -EINVAL,
			       "%s, and this host has no interface \"%s\"",
			       BAD_LISTEN, at->host);
	if (r < 0)
		return r;
	snprintf(at->host, sizeof(at->host), "%s", ip);
	return 0;
}

/* fixed: it is an address or a name, and not this host's choice. */
static int
choose_advertise(const char *wish, const struct host_addrs *have,
		 struct split *at, bool *fixed, struct err *e)
{
	const char *ip;
	int r;

	*fixed = true;
	if (!split(wish, at) || is_unspecified(at->host))
		return err_set(e, -EINVAL, "%s, and not \"%.200s\"",
			       BAD_ADVERTISE, wish);
	r = of_interface(at->host, have, &ip, e);
	if (r == -EINVAL)
		return r;
	if (r == 0) {
		*fixed = false;
		snprintf(at->host, sizeof(at->host), "%s", ip);
	}
	return 0;
}

/* The loopback is no way to this host, nor are bridges of containers. */
static bool
leads_here(const struct host_addr *a)
{
	return strchr(a->ip, ':') == NULL && !str_eq(a->name, "lo") &&
	       !str_starts(a->name, "swarm") && !str_starts(a->name, "docker");
}

/* Without a route to the world: the first address others may know. */
static const char *
first_addr(const struct host_addrs *have)
{
	for (size_t i = 0; have != NULL && i < have->count; i++)
		if (leads_here(&have->v[i]))
			return have->v[i].ip;
	return "127.0.0.1";
}

int
addr_check_sole(const struct host_addrs *have, struct err *e)
{
	const struct host_addr *first = NULL;

	for (size_t i = 0; i < have->count; i++) {
		const struct host_addr *at = &have->v[i];

		if (!leads_here(at))
			continue;
		if (first != NULL)
			return err_set(e, -EINVAL,
				       "could not choose an IP address to "
				       "advertise since this system has "
				       "several (%s on %s, %s on %s) and no "
				       "default route",
				       first->ip, first->name, at->ip,
				       at->name);
		first = at;
	}
	return 0;
}

int
addr_choose(const char *listen, const char *advertise,
	    const struct host_addrs *have, const char *default_addr,
	    struct addr *ret, struct err *e)
{
	struct split on, at = { 0 };
	bool fixed = true, guessed = false;
	int r = choose_listen(listen, have, &on, e);

	if (r == 0 && !str_empty(advertise))
		r = choose_advertise(advertise, have, &at, &fixed, e);
	if (r < 0)
		return r;
	if (str_empty(advertise) && is_unspecified(on.host)) {
		snprintf(at.host, sizeof(at.host), "%s",
			 str_or(default_addr, first_addr(have)));
		guessed = default_addr == NULL;
		fixed = false;
	} else if (str_empty(advertise)) {
		snprintf(at.host, sizeof(at.host), "%s", on.host);
	}
	if (at.port == 0)
		at.port = on.port;
	ret->guessed = guessed;
	join(on.host, on.port, ret->listen);
	join(at.host, at.port, ret->advertise);
	snprintf(ret->host, sizeof(ret->host), "%s", at.host);
	if (fixed)
		join(at.host, at.port, ret->told);
	else
		snprintf(ret->told, sizeof(ret->told), ":%u", at.port);
	return 0;
}
