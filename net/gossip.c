/*
 * gossip.c - see gossip.h. An IPv6 socket takes IPv4, too; addresses of IPv4
 * are written as such on both sides. With IP_RECVERR the kernel keeps the
 * ICMP errors, and which packet each was for, in a queue of their own.
 */
#include "net/gossip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/ip.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/tls/cert.h"
#include "net/tls/seal.h"

#define SEALED_MAX (GOSSIP_PACKET_MAX + SEAL_OVERHEAD)
#define BUFFER_BYTES (1 << 20) /* a thousand packets that wait */
#define SEND_TRIES 3

_Static_assert(GOSSIP_KEY_LEN == SEAL_KEY_LEN, "a key seals");

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct gossip_socket {
	struct gossip_socket_config config;
	int fd;
	int family;
	ev_io readable;
	struct seal_key keys[GOSSIP_KEYS_MAX];
	size_t key_count;
	/* One more: a longer packet is seen to be so. */
	uint8_t in[GOSSIP_BATCH][SEALED_MAX + 1];
};

/* ---- addresses ----------------------------------------------------------- */

/* "1.2.3.4:5" or "[::1]:5" */
static bool
address_parse(const char *s, struct ip *ret_ip, uint16_t *ret_port)
{
	const char *colon = strrchr(s, ':');
	char host[IP_TEXT_MAX];
	uint64_t port;
	size_t len;

	if (colon == NULL || !str_to_u64(colon + 1, &port) || port > UINT16_MAX)
		return false;
	len = (size_t)(colon - s);
	if (s[0] == '[' && len > 2 && colon[-1] == ']') {
		s++;
		len -= 2;
	} else if (memchr(s, ':', len) != NULL) {
		return false;
	}
	if (len >= sizeof(host))
		return false;
	memcpy(host, s, len);
	host[len] = '\0';
	*ret_port = (uint16_t)port;
	return ip_parse(host, ret_ip);
}

/* 0: it cannot be sent there by a socket of this family. */
static socklen_t
address_make(const char *s, int family, union address *ret)
{
	uint16_t port;
	struct ip ip;

	memset(ret, 0, sizeof(*ret));
	if (!address_parse(s, &ip, &port))
		return 0;
	if (family == AF_INET6) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(port);
		memcpy(&ret->v6.sin6_addr, ip.b, sizeof(ip.b));
		return sizeof(ret->v6);
	}
	if (!ip_is_v4(&ip))
		return 0;
	ret->v4.sin_family = AF_INET;
	ret->v4.sin_port = htons(port);
	ret->v4.sin_addr.s_addr = htonl(ip_v4(&ip));
	return sizeof(ret->v4);
}

static void
address_format(const union address *a, char ret[GOSSIP_ADDR_MAX])
{
	char host[INET6_ADDRSTRLEN] = "";
	const uint8_t *b = a->v6.sin6_addr.s6_addr;

	if (a->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
		snprintf(ret, GOSSIP_ADDR_MAX, "%s:%u", host,
			 ntohs(a->v4.sin_port));
	} else if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
		snprintf(ret, GOSSIP_ADDR_MAX, "%u.%u.%u.%u:%u", b[12], b[13],
			 b[14], b[15], ntohs(a->v6.sin6_port));
	} else {
		inet_ntop(AF_INET6, b, host, sizeof(host));
		snprintf(ret, GOSSIP_ADDR_MAX, "[%s]:%u", host,
			 ntohs(a->v6.sin6_port));
	}
}

/* ---- refusals ------------------------------------------------------------ */

/* An error's offender is an address behind it; the host's own, or a router's?
 */
static bool
is_same_host(const union address *a, const struct sockaddr *offender)
{
	if (offender->sa_family == AF_INET && a->any.sa_family == AF_INET)
		return ((const struct sockaddr_in *)offender)
			       ->sin_addr.s_addr == a->v4.sin_addr.s_addr;
	if (offender->sa_family == AF_INET6 && a->any.sa_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)offender)
				       ->sin6_addr,
			      &a->v6.sin6_addr, sizeof(struct in6_addr)) == 0;
	return false;
}

static bool
is_refusal(struct msghdr *m, const union address *to)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct {
			struct sock_extended_err err;
			union address offender;
		} got = { 0 };
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (!(c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == SOL_IPV6 &&
		      c->cmsg_type == IPV6_RECVERR))
			continue;
		if (len < sizeof(got.err))
			continue;
		memcpy(&got, CMSG_DATA(c),
		       len < sizeof(got) ? len : sizeof(got));
		if (got.err.ee_errno == ECONNREFUSED &&
		    is_same_host(to, &got.offender.any))
			return true;
	}
	return false;
}

/* false: there is none. */
static bool
read_refusal(struct gossip_socket *s)
{
	union address to = { 0 };
	char control[512], addr[GOSSIP_ADDR_MAX];
	uint8_t text[1];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr m = { .msg_name = &to,
			    .msg_namelen = sizeof(to),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };

	if (recvmsg(s->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	if (s->key_count > 0 && is_refusal(&m, &to)) {
		address_format(&to, addr);
		s->config.packet(s->config.ctx, addr, NULL, 0);
	}
	return true;
}

/* ---- packets ------------------------------------------------------------- */

static void
take(struct gossip_socket *s, const union address *from, uint8_t *p, size_t len)
{
	char addr[GOSSIP_ADDR_MAX];
	const uint8_t *plain;
	size_t plain_len;

	if (len > SEALED_MAX ||
	    !seal_open(s->keys, s->key_count, p, len, &plain, &plain_len))
		return;
	address_format(from, addr);
	s->config.packet(s->config.ctx, addr, plain, plain_len);
}

static void
read_batch(struct gossip_socket *s)
{
	union address from[GOSSIP_BATCH] = { 0 };
	struct mmsghdr m[GOSSIP_BATCH] = { 0 };
	struct iovec iov[GOSSIP_BATCH];
	int got;

	for (int i = 0; i < GOSSIP_BATCH; i++) {
		iov[i] = (struct iovec){ s->in[i], sizeof(s->in[i]) };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
						.msg_namelen = sizeof(*from),
						.msg_iov = &iov[i],
						.msg_iovlen = 1 };
	}
	/* An error of a packet sent is given once, too, instead of packets. */
	for (int i = 0; i < SEND_TRIES; i++) {
		got = recvmmsg(s->fd, m, GOSSIP_BATCH, MSG_DONTWAIT, NULL);
		if (got >= 0 || errno == EAGAIN)
			break;
	}
	for (int i = 0; i < got; i++)
		take(s, &from[i], s->in[i], m[i].msg_len);
}

void
gossip_socket_read(struct gossip_socket *s)
{
	for (int i = 0; i < GOSSIP_BATCH && read_refusal(s); i++)
		;
	read_batch(s);
}

static void
on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop, (void)revents;
	gossip_socket_read(container_of(w, struct gossip_socket, readable));
}

void
gossip_socket_send(struct gossip_socket *s, const char *addr, const void *p,
		   size_t len)
{
	uint8_t sealed[SEALED_MAX], nonce[SEAL_NONCE_LEN];
	union address to;
	socklen_t to_len = address_make(addr, s->family, &to);

	check(len <= GOSSIP_PACKET_MAX);
	if (s->key_count == 0 || to_len == 0 || len == 0)
		return;
	cert_random(nonce, sizeof(nonce));
	len = seal_close(&s->keys[0], nonce, p, len, sealed);
	/* It may fail with the error of a packet before, which is then gone:
	 * the queue of errors has it. */
	for (int i = 0; i < SEND_TRIES; i++)
		if (sendto(s->fd, sealed, len, MSG_DONTWAIT | MSG_NOSIGNAL,
			   &to.any, to_len) >= 0 ||
		    errno == EAGAIN)
			return;
}

void
gossip_socket_keys(struct gossip_socket *s, const uint8_t *keys, size_t count)
{
	check(count <= GOSSIP_KEYS_MAX);
	for (size_t i = 0; i < GOSSIP_KEYS_MAX; i++)
		seal_key_wipe(&s->keys[i]);
	for (size_t i = 0; i < count; i++)
		seal_key_init(&s->keys[i], keys + i * GOSSIP_KEY_LEN);
	s->key_count = count;
}

/* ---- the socket ---------------------------------------------------------- */

static void
set_options(int fd, int family)
{
	int on = 1, off = 0, bytes = BUFFER_BYTES;

	/* Without any of these gossip works, but less well. */
	(void)setsockopt(fd, SOL_IP, IP_RECVERR, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (family != AF_INET6)
		return;
	(void)setsockopt(fd, SOL_IPV6, IPV6_RECVERR, &on, sizeof(on));
	(void)setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &off, sizeof(off));
}

static int
bind_socket(const char *text, int family, struct err *e)
{
	union address a;
	socklen_t len = address_make(text, family, &a);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_set(e, -errno,
			       "this host gives no UDP socket for %s: %s", text,
			       strerror(errno));
	set_options(fd, family);
	if (bind(fd, &a.any, len) < 0) {
		int code = -errno;

		close(fd);
		return err_set(e, code,
			       "UDP %s cannot be used for gossip: %s; free "
			       "it, or choose another address by "
			       "--listen-addr",
			       text, strerror(-code));
	}
	return fd;
}

int
gossip_socket_open(const struct gossip_socket_config *config,
		   struct gossip_socket **ret, struct err *e)
{
	struct gossip_socket *s;
	uint16_t port;
	struct ip ip;
	int fd, family;

	if (!address_parse(config->addr, &ip, &port))
		return err_set(e, -EINVAL,
			       "gossip cannot listen at \"%s\": it is not an "
			       "IP address and a port, like 0.0.0.0:7946",
			       config->addr);
	family = ip_is_v4(&ip) ? AF_INET : AF_INET6;
	fd = bind_socket(config->addr, family, e);
	if (fd < 0)
		return fd;
	s = mem_new(sizeof(*s));
	s->config = *config;
	s->config.addr = NULL; /* it was lent */
	s->fd = fd;
	s->family = family;
	ev_io_init(&s->readable, on_readable, fd, EV_READ);
	ev_io_start(config->loop, &s->readable);
	*ret = s;
	return 0;
}

void
gossip_socket_close(struct gossip_socket *s)
{
	if (s == NULL)
		return;
	ev_io_stop(s->config.loop, &s->readable);
	close(s->fd);
	gossip_socket_keys(s, NULL, 0);
	mem_free(s);
}

uint16_t
gossip_socket_port(const struct gossip_socket *s)
{
	union address a = { 0 };
	socklen_t len = sizeof(a);

	if (getsockname(s->fd, &a.any, &len) < 0)
		return 0;
	return ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port
						: a.v6.sin6_port);
}
