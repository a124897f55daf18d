/* addrs.c - see addrs.h. */
#include "net/addrs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/mem.h"

#define ADDRS_MAX 1024
#define SETTLE_S 0.5 /* a renumbering is several messages */

struct addrs_watch {
	int fd;
	struct ev_loop *loop;
	ev_io io;
	ev_timer timer;
	void (*changed)(void *ctx);
	void *ctx;
};

static bool
format(const struct sockaddr *sa, char *ret, size_t size)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;

	if (sa == NULL)
		return false;
	if (sa->sa_family == AF_INET)
		return inet_ntop(AF_INET, &v4->sin_addr, ret,
				 (socklen_t)size) != NULL;
	if (sa->sa_family != AF_INET6 || IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
		return false;
	return inet_ntop(AF_INET6, &v6->sin6_addr, ret, (socklen_t)size) !=
	       NULL;
}

int
addrs_list(struct arena *a, struct host_addrs *ret, struct err *e)
{
	struct ifaddrs *all;
	char ip[INET6_ADDRSTRLEN];

	*ret = (struct host_addrs){ arena_array(a, ADDRS_MAX, sizeof(*ret->v)),
				    0 };
	if (getifaddrs(&all) < 0)
		return err_set(e, -errno, "list this host's addresses: %s",
			       strerror(errno));
	for (struct ifaddrs *i = all; i != NULL && ret->count < ADDRS_MAX;
	     i = i->ifa_next) {
		if ((i->ifa_flags & IFF_UP) == 0 ||
		    !format(i->ifa_addr, ip, sizeof(ip)))
			continue;
		ret->v[ret->count++] =
			(struct host_addr){ arena_strdup(a, i->ifa_name),
					    arena_strdup(a, ip) };
	}
	freeifaddrs(all);
	return 0;
}

/* What the messages say does not matter: the list is read anew. */
static void
on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct addrs_watch *w = container_of(io, struct addrs_watch, io);
	char buf[8192];

	(void)revents;
	while (recv(w->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	if (!ev_is_active(&w->timer)) {
		ev_timer_set(&w->timer, SETTLE_S, 0);
		ev_timer_start(loop, &w->timer);
	}
}

static void
on_settled(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct addrs_watch *w = container_of(t, struct addrs_watch, timer);

	(void)loop, (void)revents;
	w->changed(w->ctx);
}

int
addrs_watch_open(struct ev_loop *loop, void (*changed)(void *ctx), void *ctx,
		 struct addrs_watch **ret, struct err *e)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK,
				  .nl_groups = RTMGRP_IPV4_IFADDR |
					       RTMGRP_IPV6_IFADDR };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_ROUTE);
	struct addrs_watch *w;

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int code = -errno;

		if (fd >= 0)
			close(fd);
		return err_set(e, code, "watch this host's addresses: %s",
			       strerror(-code));
	}
	w = mem_new(sizeof(*w));
	w->fd = fd;
	w->loop = loop;
	w->changed = changed;
	w->ctx = ctx;
	ev_io_init(&w->io, on_readable, fd, EV_READ);
	ev_io_start(loop, &w->io);
	ev_timer_init(&w->timer, on_settled, 0, 0);
	*ret = w;
	return 0;
}

void
addrs_watch_close(struct addrs_watch *w)
{
	if (w == NULL)
		return;
	ev_io_stop(w->loop, &w->io);
	ev_timer_stop(w->loop, &w->timer);
	close(w->fd);
	mem_free(w);
}
