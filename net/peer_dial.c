/* peer_dial.c - links that this node opens: a name, addresses, a connection. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/peers_impl.h"

/* A peer that is silently gone is found out in some seconds. */
#define USER_TIMEOUT_MS 5000 /* data that nobody acknowledges */
#define KEEP_IDLE_S 5
#define KEEP_INTERVAL_S 2
#define KEEP_PROBES 3

/* ---- addresses ------------------------------------------------------ */

void
ip_format(const struct ip *ip, char ret[IP_TEXT_MAX])
{
	if (ip_is_v4(ip))
		ip_v4_format(ip_v4(ip), ret);
	else
		(void)inet_ntop(AF_INET6, ip->b, ret, IP_TEXT_MAX);
}

bool
addr_split(const char *addr, struct addr *ret)
{
	const char *colon = str_empty(addr) ? NULL : strrchr(addr, ':');
	const char *host = addr;
	uint64_t port;
	size_t len;

	if (colon == NULL || !str_to_u64(colon + 1, &port) || port > UINT16_MAX)
		return false;
	len = (size_t)(colon - addr);
	if (host[0] == '[') {
		if (len < 2 || host[len - 1] != ']')
			return false;
		host++;
		len -= 2;
	} else if (memchr(host, ':', len) != NULL) {
		return false; /* IPv6 comes in brackets */
	}
	if (len == 0 || len >= sizeof(ret->host))
		return false;
	memcpy(ret->host, host, len);
	ret->host[len] = '\0';
	ret->port = (uint16_t)port;
	return true;
}

uint32_t
ip_to_socket(const struct ip *ip, uint16_t port, bool v6,
	     struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *four = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	if (v6 || !ip_is_v4(ip)) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		memcpy(&six->sin6_addr, ip->b, sizeof(ip->b));
		return sizeof(*six);
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	four->sin_addr.s_addr = htonl(ip_v4(ip));
	return sizeof(*four);
}

bool
ip_from_socket(const struct sockaddr_storage *sa, struct ip *ret)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *four = (const struct sockaddr_in *)sa;

	*ret = (struct ip){ { [10] = 0xff, [11] = 0xff } };
	if (sa->ss_family == AF_INET6)
		memcpy(ret->b, &six->sin6_addr, sizeof(ret->b));
	else if (sa->ss_family == AF_INET)
		memcpy(ret->b + 12, &four->sin_addr, 4);
	return sa->ss_family == AF_INET || sa->ss_family == AF_INET6;
}

static void
option(int fd, int level, int name, int value)
{
	/* The kernel knows them all; without one a link works, too. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

void
socket_options(int fd)
{
	option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
	option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
	option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/* ---- dials ---------------------------------------------------------- */

static void connect_next(struct link *l, int why);

void
dial_free(struct dial *d)
{
	if (d == NULL)
		return;
	if (d->resolve != NULL)
		d->resolve->link = NULL;
	mem_free(d->pin);
	mem_free(d);
}

static void
arm(struct link *l, double seconds)
{
	l->timer.repeat = seconds;
	ev_timer_again(l->peers->config.loop, &l->timer);
}

static void
drop_socket(struct link *l)
{
	ev_io_stop(l->peers->config.loop, &l->io);
	close(l->fd);
	l->fd = -1;
}

static void
shake(struct link *l)
{
	int fd = l->fd;

	ev_io_stop(l->peers->config.loop, &l->io);
	ev_timer_stop(l->peers->config.loop, &l->timer);
	l->ip = l->dial->ips[l->dial->at];
	l->fd = -1;
	link_move(l, STATE_SHAKES);
	shake_start(l, fd, l->dial->pin);
	dial_free(l->dial);
	l->dial = NULL;
}

/* 0: it is on its way; else an errno. */
static int
connect_one(struct link *l)
{
	struct dial *d = l->dial;
	struct sockaddr_storage sa;
	socklen_t len = ip_to_socket(&d->ips[d->at], d->port, false, &sa);

	l->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0);
	if (l->fd < 0)
		return errno;
	socket_options(l->fd);
	if (connect(l->fd, (struct sockaddr *)&sa, len) < 0 &&
	    errno != EINPROGRESS) {
		int code = errno;

		close(l->fd);
		l->fd = -1;
		return code;
	}
	ev_io_set(&l->io, l->fd, EV_WRITE);
	ev_io_start(l->peers->config.loop, &l->io);
	arm(l, d->at + 1 < d->count ? CONNECT_NEXT_S : CONNECT_S);
	return 0;
}

static void
connect_first(struct link *l)
{
	int why;

	link_move(l, STATE_CONNECTS);
	l->dial->all_refused = true;
	why = connect_one(l);
	if (why != 0)
		connect_next(l, why);
}

/* The address at hand did not do. */
static void
connect_next(struct link *l, int why)
{
	struct dial *d = l->dial;

	while (why != 0) {
		if (why != ECONNREFUSED)
			d->all_refused = false;
		if (d->at + 1 == d->count) {
			l->refused = d->all_refused;
			link_fail(l, "cannot connect: %s", strerror(why));
			return;
		}
		d->at++;
		why = connect_one(l);
	}
}

void
dial_connected(struct link *l)
{
	socklen_t len = sizeof(int);
	int why = 0;

	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
		why = errno;
	if (why == 0) {
		shake(l);
		return;
	}
	drop_socket(l);
	connect_next(l, why);
}

void
dial_timeout(struct link *l)
{
	if (l->state == STATE_RESOLVES) {
		link_fail(l, "its name was not resolved within %d seconds",
			  (int)RESOLVE_S);
		return;
	}
	drop_socket(l);
	connect_next(l, ETIMEDOUT);
}

void
dial_resolved(struct link *l, const struct resolve *r)
{
	struct dial *d = l->dial;

	check(l->state == STATE_RESOLVES && d->resolve == r);
	d->resolve = NULL;
	if (r->count == 0) {
		link_fail(l, "%s", r->err.msg);
		return;
	}
	memcpy(d->ips, r->ips, sizeof(d->ips));
	d->count = r->count;
	connect_first(l);
}

static void
start_resolve(struct link *l, const char *host)
{
	link_move(l, STATE_RESOLVES);
	l->dial->resolve = resolve_start(l, host);
	if (l->dial->resolve == NULL)
		link_fail(l, "more than %d names are being looked up",
			  RESOLVES_MAX);
	else
		arm(l, RESOLVE_S);
}

void
dial_start(struct link *l, const char *addr, const char *pin)
{
	struct addr a;

	if (!addr_split(addr, &a) || a.port == 0) {
		link_fail(l, "an address is HOST:PORT, 1.2.3.4:PORT or "
			     "[1::2]:PORT");
		return;
	}
	if (pin == NULL && l->peers->identity == NULL) {
		link_fail(l, "this node is in no cluster yet");
		return;
	}
	if (pin != NULL && strlen(pin) != CERT_DIGEST_TEXT) {
		link_fail(l, "the root's digest has %zu characters, not %d",
			  strlen(pin), CERT_DIGEST_TEXT);
		return;
	}
	l->dial = mem_new(sizeof(*l->dial));
	l->dial->port = a.port;
	l->dial->pin = mem_strdup(pin);
	if (!ip_parse(a.host, &l->dial->ips[0])) {
		start_resolve(l, a.host);
		return;
	}
	l->dial->count = 1;
	connect_first(l);
}
