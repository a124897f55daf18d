/*
 * whoami.c - see whoami.h: one thread, one poll(2), at most CONNECTIONS_MAX
 * connections. No name is resolved, so that it works as the only file in a
 * container.
 */
#include "exec/whoami.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "exec/image/own.h"
#include "exec/whoami_http.h"

#define CONNECTIONS_MAX 512
#define ADDRESSES_MAX 64
#define IDLE_MS 60000 /* a client that neither asks nor reads */
#define LINGER_MS 2000
#define DRAIN_MS 10000	  /* for open requests, after SIGTERM */
#define DRAIN_IDLE_MS 500 /* for one that may be on its way */
#define HEALTH_MS 5000
#define PORT_DEFAULT 80

extern char **environ;

struct connection {
	int fd;
	uint64_t active_ms;
	struct buf in, out;
	bool closing;	/* once out is written */
	bool lingering; /* it is written; what still comes is dropped */
	char remote[INET6_ADDRSTRLEN + 16];
};

struct server {
	int listener; /* -1: stopping */
	int signals;
	uint64_t stop_ms; /* when all is cut; 0: it is not stopping */
	struct connection *connections[CONNECTIONS_MAX];
	size_t count;
	struct arena arena; /* of the addresses, read anew for each request */
	const char *addresses[ADDRESSES_MAX + 1];
	char hostname[256];
};

static uint64_t
mono_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* IPv4 addresses look like themselves on a socket for both. */
static void
print_address(const struct sockaddr *sa, char ret[INET6_ADDRSTRLEN],
	      uint16_t *ret_port)
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;

	ret[0] = '\0';
	*ret_port = ntohs(v4->sin_port); /* at the same place in both */
	if (sa->sa_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, ret, INET6_ADDRSTRLEN);
	else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], ret,
			  INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &v6->sin6_addr, ret, INET6_ADDRSTRLEN);
}

static void
read_addresses(struct server *s)
{
	struct ifaddrs *all = NULL;
	size_t count = 0;

	arena_fini(&s->arena);
	if (getifaddrs(&all) < 0)
		all = NULL; /* then there is nothing to say */
	for (struct ifaddrs *it = all; it != NULL; it = it->ifa_next) {
		char text[INET6_ADDRSTRLEN];
		uint16_t port;

		if (it->ifa_addr == NULL || count == ADDRESSES_MAX ||
		    (it->ifa_addr->sa_family != AF_INET &&
		     it->ifa_addr->sa_family != AF_INET6))
			continue;
		print_address(it->ifa_addr, text, &port);
		s->addresses[count++] = arena_strdup(&s->arena, text);
	}
	s->addresses[count] = NULL;
	if (all != NULL)
		freeifaddrs(all);
}

/* ---- connections -------------------------------------------------------- */

static void
connection_close(struct server *s, size_t i)
{
	struct connection *c = s->connections[i];

	own_fd_end(&c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	mem_free(c);
	s->connections[i] = s->connections[--s->count];
}

static void
connection_new(struct server *s, int fd, const struct sockaddr *from)
{
	struct connection *c = mem_new(sizeof(*c));
	char text[INET6_ADDRSTRLEN];
	uint16_t port;

	c->fd = fd;
	c->active_ms = mono_ms();
	print_address(from, text, &port);
	snprintf(c->remote, sizeof(c->remote),
		 strchr(text, ':') != NULL ? "[%s]:%u" : "%s:%u", text, port);
	s->connections[s->count++] = c;
}

/* Those that do not fit wait in the listener's queue. */
static void
accept_all(struct server *s)
{
	while (s->count < CONNECTIONS_MAX) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof(from);
		int fd = accept4(s->listener, (struct sockaddr *)&from, &len,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		connection_new(s, fd, (const struct sockaddr *)&from);
	}
}

static void
answer(struct server *s, struct connection *c)
{
	size_t len = 0;

	while (!c->closing && (len = whoami_head_len(c->in.p, c->in.len)) > 0) {
		struct whoami_place place = {
			.hostname = s->hostname,
			.addresses = s->addresses,
			.remote = c->remote,
			.env = (const char *const *)environ,
		};

		read_addresses(s);
		c->closing = !whoami_reply(c->in.p, len, s->stop_ms != 0,
					   &place, &c->out);
		buf_drop(&c->in, len);
	}
	if (c->in.len > WHOAMI_HEAD_MAX)
		c->closing = true;
}

/* false: the connection is over. */
static bool
on_readable(struct server *s, struct connection *c)
{
	ssize_t n = read(c->fd, buf_room(&c->in, 4096), 4096);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0) { /* it may still want to read */
		c->closing = true;
		return c->out.len > 0;
	}
	c->in.len += (size_t)n;
	c->active_ms = mono_ms();
	answer(s, c);
	return true;
}

static bool
on_writable(struct connection *c)
{
	ssize_t n = send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	buf_drop(&c->out, (size_t)n);
	c->active_ms = mono_ms();
	return true;
}

/*
 * Closing with bytes unread would reset the connection, and the client might
 * lose the reply: so it is shut down first, and its end is waited for.
 */
static bool
linger(struct connection *c)
{
	char scrap[4096];
	ssize_t n;

	if (!c->lingering) {
		c->lingering = true;
		return shutdown(c->fd, SHUT_WR) == 0;
	}
	n = read(c->fd, scrap, sizeof(scrap));
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool
serve(struct server *s, struct connection *c, short events)
{
	if ((events & (POLLERR | POLLNVAL)) != 0)
		return false;
	if (c->lingering)
		return linger(c);
	if ((events & (POLLIN | POLLHUP)) != 0 && c->out.len == 0 &&
	    !on_readable(s, c))
		return false;
	if (c->out.len > 0 && !on_writable(c))
		return false;
	return c->out.len > 0 || !c->closing || linger(c);
}

/* ---- the server --------------------------------------------------------- */

/* Those that wait to be accepted are accepted first: none is refused. */
static void
begin_stop(struct server *s)
{
	struct signalfd_siginfo info;

	(void)!read(s->signals, &info,
		    sizeof(info)); /* which does not matter */
	if (s->stop_ms != 0)
		return;
	accept_all(s);
	own_fd_end(&s->listener);
	s->listener = -1;
	s->stop_ms = mono_ms() + DRAIN_MS;
}

/*
 * A connection without a request may have one on its way, when the server
 * stops: it is given a moment, an open request much longer.
 */
static bool
is_expired(const struct server *s, const struct connection *c, uint64_t now)
{
	bool idle = c->in.len == 0 && c->out.len == 0;

	if (s->stop_ms != 0 &&
	    now + (idle ? DRAIN_MS - DRAIN_IDLE_MS : 0) >= s->stop_ms)
		return true;
	return now - c->active_ms > (c->lingering ? LINGER_MS : IDLE_MS);
}

static int
wait_ms(const struct server *s)
{
	if (s->stop_ms != 0)
		return 100;
	return s->count > 0 ? 1000 : -1;
}

static void
turn(struct server *s)
{
	struct pollfd fds[CONNECTIONS_MAX + 2];
	size_t count = s->count;
	uint64_t now;

	for (size_t i = 0; i < count; i++) {
		const struct connection *c = s->connections[i];

		fds[i].fd = c->fd;
		fds[i].events = c->out.len > 0 ? POLLOUT : POLLIN;
		fds[i].revents = 0;
	}
	fds[count] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
	fds[count + 1] = (struct pollfd){
		.fd = count < CONNECTIONS_MAX ? s->listener : -1,
		.events = POLLIN,
	};
	if (poll(fds, count + 2, wait_ms(s)) < 0)
		return;
	now = mono_ms();
	for (size_t i = count; i > 0; i--) /* closing moves the last one */
		if ((fds[i - 1].revents != 0 &&
		     !serve(s, s->connections[i - 1], fds[i - 1].revents)) ||
		    is_expired(s, s->connections[i - 1], now))
			connection_close(s, i - 1);
	if ((fds[count + 1].revents & POLLIN) != 0)
		accept_all(s);
	if (fds[count].revents != 0)
		begin_stop(s);
}

static int
open_listener(uint16_t port)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	int flags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	own_fd int fd = socket(AF_INET6, flags, 0);
	int off = 0, on = 1, r = -1;

	if (fd >= 0 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0)
		r = bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
	if (r < 0 && errno != EADDRINUSE && errno != EACCES) {
		own_fd_end(&fd); /* a kernel without IPv6 */
		fd = socket(AF_INET, flags, 0);
		if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
					  sizeof(on)) == 0)
			r = bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
	}
	if (r < 0 || listen(fd, SOMAXCONN) < 0)
		return -1;
	return take_fd(&fd);
}

/*
 * Blocked and read from a descriptor: as PID 1 of a container a process gets
 * no signal that it does not ask for. Orphans of probes are reaped by the
 * kernel when SIGCHLD is ignored.
 */
static int
open_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
	    sigaction(SIGCHLD, &ignore, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
run_server(uint16_t port)
{
	struct server s = { .listener = open_listener(port),
			    .signals = open_signals() };

	if (s.listener < 0 || s.signals < 0) {
		fprintf(stderr, "whoami: cannot listen on port %u: %s\n", port,
			strerror(errno));
		return 1;
	}
	if (gethostname(s.hostname, sizeof(s.hostname) - 1) < 0)
		s.hostname[0] = '\0';
	printf("whoami: %s listens on port %u\n", s.hostname, port);
	fflush(stdout);
	arena_init(&s.arena);
	while (s.stop_ms == 0 || s.count > 0)
		turn(&s);
	arena_fini(&s.arena);
	own_fd_end(&s.signals);
	return 0;
}

/* ---- the health check --------------------------------------------------- */

static int
run_health(uint16_t port)
{
	static const char ask[] = "GET /health HTTP/1.0\r\n\r\n";
	static const char want[] = "HTTP/1.1 200 ";
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct timeval limit = { .tv_sec = HEALTH_MS / 1000 };
	own_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char got[sizeof(want) - 1];

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) <
		    0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) <
		    0 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
	    send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) < 0 ||
	    recv(fd, got, sizeof(got), MSG_WAITALL) != (ssize_t)sizeof(got)) {
		printf("whoami: no answer on port %u: %s\n", port,
		       strerror(errno));
		return 1;
	}
	return memcmp(got, want, sizeof(got)) == 0 ? 0 : 1;
}

static int
usage(void)
{
	fprintf(stderr, "Usage: swarm whoami [--port N] [--health]\n");
	return 2;
}

int
whoami_main(int argc, char **argv)
{
	uint64_t port = PORT_DEFAULT;
	bool health = false;

	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--health"))
			health = true;
		else if (str_eq(argv[i], "--port") && i + 1 < argc &&
			 str_to_u64(argv[i + 1], &port) && port > 0 &&
			 port < 65536)
			i++;
		else if (i > 1 || !str_eq(argv[i], "whoami"))
			return usage();
	}
	return health ? run_health((uint16_t)port) : run_server((uint16_t)port);
}
