/*
 * peer_accept.c - links that others open. Whoever has not shown who he is may
 * hold few connections, for a short time; more are closed at once, and those
 * that are up do not notice.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/peers_impl.h"

#define BACKLOG 1024
#define ACCEPT_MAX 64 /* in one go */

static bool
same_host(const struct ip *a, const struct ip *b)
{
	/* Who has an IPv6 address has 2^64 of them. */
	size_t len = ip_is_v4(a) ? sizeof(a->b) : sizeof(a->b) / 2;

	return memcmp(a->b, b->b, len) == 0;
}

static size_t
unknown_from(const struct peers *p, const struct ip *ip)
{
	size_t count = 0;

	list_each (it, &p->unknown)
		count += same_host(ip,
				   &container_of(it, struct link, strange)->ip);
	return count;
}

static void
accept_one(struct peers *p, int fd, const struct sockaddr_storage *sa)
{
	char who[IP_TEXT_MAX];
	struct link *l;
	struct ip ip;

	if (!ip_from_socket(sa, &ip) || p->identity == NULL ||
	    p->inbound_count >= INBOUND_MAX ||
	    p->unknown_count >= UNKNOWN_MAX ||
	    unknown_from(p, &ip) >= UNKNOWN_PER_ADDRESS_MAX) {
		close(fd);
		return;
	}
	socket_options(fd);
	ip_format(&ip, who);
	l = link_new(p, LINK_INBOUND | ++p->inbound_last, who);
	l->ip = ip;
	link_move(l, STATE_SHAKES);
	shake_start(l, fd, NULL);
}

static void
on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
	struct listener *ls = container_of(w, struct listener, io);
	struct peers *p = container_of(ls, struct peers, listener);

	(void)revents;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		int fd = accept4(ls->fd, (struct sockaddr *)&sa, &len,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			accept_one(p, fd, &sa);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS) {
			ev_io_stop(loop, w);
			ev_timer_again(loop, &ls->retry);
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static void
on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct listener *ls = container_of(w, struct listener, retry);

	(void)revents;
	ev_timer_stop(loop, w);
	ev_io_start(loop, &ls->io);
}

void
listener_init(struct peers *p)
{
	struct listener *ls = &p->listener;

	ls->fd = -1;
	ev_init(&ls->io, on_accept);
	ev_init(&ls->retry, on_retry);
	ls->retry.repeat = RETRY_S;
}

static void
stop(struct peers *p)
{
	struct listener *ls = &p->listener;

	if (ls->fd < 0)
		return;
	ev_io_stop(p->config.loop, &ls->io);
	ev_timer_stop(p->config.loop, &ls->retry);
	close(ls->fd);
	ls->fd = -1;
	mem_free(ls->addr);
	ls->addr = NULL;
}

void
listener_close(struct peers *p)
{
	stop(p);
	mem_free(p->listener.listens);
	mem_free(p->listener.failed);
	p->listener.listens = p->listener.failed = NULL;
}

/* A descriptor, or -errno. */
static int
listen_at(const struct ip *ip, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = ip_to_socket(ip, port, false, &sa);
	int fd, code, one = 1, zero = 0;

	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return -errno;
	/* Connections of a former run may linger. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (sa.ss_family == AF_INET6) /* [::] takes IPv4, too */
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero,
				 sizeof(zero));
	if (bind(fd, (struct sockaddr *)&sa, len) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		code = -errno;
		close(fd);
		return code;
	}
	return fd;
}

/* "10.0.0.1:2377", with the port that the kernel chose for 0. */
static char *
address_of(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char host[IP_TEXT_MAX];
	struct buf b = { 0 };
	struct ip ip;
	uint16_t port;

	check(getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
	check(ip_from_socket(&sa, &ip));
	port = sa.ss_family == AF_INET
		       ? ((struct sockaddr_in *)&sa)->sin_port
		       : ((struct sockaddr_in6 *)&sa)->sin6_port;
	ip_format(&ip, host);
	buf_printf(&b, sa.ss_family == AF_INET ? "%s:%u" : "[%s]:%u", host,
		   (unsigned)ntohs(port));
	return buf_take(&b);
}

static void
failed(struct peers *p, const char *addr, const char *why)
{
	struct buf b = { 0 };

	buf_printf(&b,
		   "Cannot take links from other nodes at %s: %s; give "
		   "another --listen-addr.",
		   addr, why);
	p->listener.failed = buf_take(&b);
}

static void
listen_on(struct peers *p, const char *addr)
{
	struct listener *ls = &p->listener;
	struct addr a;
	struct ip ip;
	int fd;

	if (!addr_split(addr, &a) || !ip_parse(a.host, &ip)) {
		failed(p, addr, "it is not IP:PORT");
		return;
	}
	fd = listen_at(&ip, a.port);
	if (fd == -EADDRINUSE && ls->fd >= 0) {
		stop(p); /* it may be ourselves, at a part of the same */
		fd = listen_at(&ip, a.port);
	}
	if (fd < 0) {
		failed(p, addr, strerror(-fd));
		return;
	}
	stop(p);
	ls->fd = fd;
	ls->addr = mem_strdup(addr);
	ls->listens = address_of(fd);
	ev_io_set(&ls->io, fd, EV_READ);
	ev_io_start(p->config.loop, &ls->io);
}

void
listener_order(struct peers *p, const char *addr)
{
	struct listener *ls = &p->listener;

	mem_free(ls->listens);
	mem_free(ls->failed);
	ls->listens = ls->failed = NULL;
	if (addr == NULL) {
		stop(p);
		return;
	}
	if (ls->fd >= 0 && str_eq(addr, ls->addr))
		ls->listens = address_of(ls->fd);
	else
		listen_on(p, addr);
	peers_later(p);
}

void
listener_report(struct peers *p)
{
	struct listener *ls = &p->listener;
	char *listens = ls->listens, *why = ls->failed;
	struct link_report r = { 0 };

	ls->listens = ls->failed = NULL;
	if (listens != NULL) {
		r.news = LINK_LISTENS;
		r.addr = listens;
	} else {
		r.news = LINK_LISTEN_FAILED;
		r.err = why;
	}
	if (listens != NULL || why != NULL)
		p->config.report(p->config.ctx, &r);
	mem_free(listens);
	mem_free(why);
}
