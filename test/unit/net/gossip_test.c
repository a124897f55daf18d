/* gossip_test.c - two gossip sockets over loopback: what opens, what does not,
 * and what the kernel says of a port where nobody listens. */
#include "net/gossip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/tls/seal.h"
#include "test/t.h"

#define WAIT_S 5.
#define SILENCE_S .1 /* that nothing comes must be waited for */

static const uint8_t keys[3][GOSSIP_KEY_LEN] = { { 1 }, { 2 }, { 3 } };

struct end {
	struct gossip_socket *s;
	struct ev_loop *loop;
	char addr[GOSSIP_ADDR_MAX];
	int packets, refusals, stop_at;
	char from[GOSSIP_ADDR_MAX];
	uint8_t last[GOSSIP_PACKET_MAX];
	size_t len;
};

static void
on_packet(void *ctx, const char *addr, const void *p, size_t len)
{
	struct end *end = ctx;

	snprintf(end->from, sizeof(end->from), "%s", addr);
	if (p == NULL) {
		end->refusals++;
	} else {
		end->packets++;
		memcpy(end->last, p, len);
		end->len = len;
	}
	if (end->packets + end->refusals >= end->stop_at)
		ev_break(end->loop, EVBREAK_ALL);
}

static void
on_time(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)w, (void)revents;
	ev_break(loop, EVBREAK_ALL);
}

/* Until end has had count. */
static void
wait_until(struct end *end, int count, double seconds)
{
	ev_timer limit;

	if (end->packets + end->refusals >= count)
		return;
	end->stop_at = count;
	ev_timer_init(&limit, on_time, seconds, 0.);
	ev_timer_start(end->loop, &limit);
	ev_run(end->loop, 0);
	ev_timer_stop(end->loop, &limit);
}

/* Until end has count more. */
static void
wait_for(struct end *end, int count, double seconds)
{
	end->packets = end->refusals = 0;
	wait_until(end, count, seconds);
}

static void
start(struct end *end, const char *listen, const char *host)
{
	struct err e;
	struct gossip_socket_config config = { .addr = listen,
					       .packet = on_packet,
					       .ctx = end };

	*end = (struct end){ .loop = ev_default_loop(0) };
	config.loop = end->loop;
	EQ(gossip_socket_open(&config, &end->s, &e), 0);
	gossip_socket_keys(end->s, keys[0], 1);
	snprintf(end->addr, sizeof(end->addr), "%s:%u", host,
		 gossip_socket_port(end->s));
}

static void
crosses(const char *listen_a, const char *host_a, const char *listen_b,
	const char *host_b)
{
	uint8_t big[GOSSIP_PACKET_MAX];
	struct end a, b;

	start(&a, listen_a, host_a);
	start(&b, listen_b, host_b);
	gossip_socket_send(a.s, b.addr, "hello", 5);
	wait_for(&b, 1, WAIT_S);
	EQ(b.packets, 1);
	EQ(b.len, 5);
	OK(memcmp(b.last, "hello", 5) == 0);
	EQ_STR(b.from, a.addr);
	memset(big, 7, sizeof(big));
	gossip_socket_send(b.s, a.addr, big, sizeof(big));
	wait_for(&a, 1, WAIT_S);
	EQ(a.packets, 1);
	EQ(a.len, sizeof(big));
	EQ_STR(a.from, b.addr);
	gossip_socket_close(a.s);
	gossip_socket_close(b.s);
}

T(packets_cross_over_ipv4)
{
	crosses("127.0.0.1:0", "127.0.0.1", "127.0.0.1:0", "127.0.0.1");
	crosses("0.0.0.0:0", "127.0.0.1", "127.0.0.1:0", "127.0.0.1");
}

static bool
has_v6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

T(packets_cross_over_ipv6_and_both)
{
	if (!has_v6())
		return;
	crosses("[::1]:0", "[::1]", "[::]:0", "[::1]");
	crosses("[::]:0", "127.0.0.1", "[::]:0", "127.0.0.1");
	crosses("[::]:0", "127.0.0.1", "0.0.0.0:0", "127.0.0.1");
}

T(keys_are_rotated_without_a_gap)
{
	struct end a, b;

	start(&a, "127.0.0.1:0", "127.0.0.1");
	start(&b, "127.0.0.1:0", "127.0.0.1");
	gossip_socket_keys(b.s, keys[0], 3); /* has the new as well */
	gossip_socket_keys(a.s, keys[2], 1);
	gossip_socket_send(a.s, b.addr, "x", 1);
	wait_for(&b, 1, WAIT_S);
	EQ(b.packets, 1);
	gossip_socket_send(b.s, a.addr, "x", 1); /* with the first */
	wait_for(&a, 1, SILENCE_S);
	EQ(a.packets, 0);
	gossip_socket_close(a.s);
	gossip_socket_close(b.s);
}

T(nothing_goes_in_or_out_without_keys)
{
	struct end a, b;

	start(&a, "127.0.0.1:0", "127.0.0.1");
	start(&b, "127.0.0.1:0", "127.0.0.1");
	gossip_socket_keys(b.s, NULL, 0);
	gossip_socket_send(a.s, b.addr, "x", 1);
	gossip_socket_send(b.s, a.addr, "x", 1);
	wait_for(&a, 1, SILENCE_S);
	EQ(a.packets + b.packets, 0);
	gossip_socket_close(a.s);
	gossip_socket_close(b.s);
}

static void
send_raw(const struct end *to, const void *p, size_t len)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(gossip_socket_port(to->s)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	OK(sendto(fd, p, len, 0, (struct sockaddr *)&a, sizeof(a)) ==
	   (ssize_t)len);
	close(fd);
}

T(what_was_changed_on_the_way_is_dropped)
{
	static const uint8_t nonce[SEAL_NONCE_LEN] = { 5 };
	uint8_t sealed[9 + SEAL_OVERHEAD], longest[3000] = { 1 };
	struct seal_key k;
	struct end a;

	start(&a, "127.0.0.1:0", "127.0.0.1");
	seal_key_init(&k, keys[0]);
	seal_close(&k, nonce, "unchanged", 9, sealed);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		send_raw(&a, sealed, sizeof(sealed));
		sealed[i] ^= 1;
	}
	send_raw(&a, sealed, sizeof(sealed) - 1);
	send_raw(&a, longest, sizeof(longest));
	send_raw(&a, "", 0);
	wait_for(&a, 1, SILENCE_S);
	EQ(a.packets, 0);
	send_raw(&a, sealed, sizeof(sealed));
	wait_for(&a, 1, WAIT_S);
	EQ(a.packets, 1);
	gossip_socket_close(a.s);
}

/* Many: none is lost between the errors that are given for sent packets. */
static void
is_refused(const char *listen, const char *host)
{
	char closed[GOSSIP_ADDR_MAX];
	struct end a, b;

	start(&a, listen, host);
	start(&b, listen, host);
	memcpy(closed, b.addr, sizeof(closed));
	gossip_socket_close(b.s);
	gossip_socket_send(a.s, closed, "x", 1);
	wait_for(&a, 1, WAIT_S);
	EQ(a.refusals, 1);
	EQ(a.packets, 0);
	EQ_STR(a.from, closed);
	start(&b, listen, host);
	a.packets = a.refusals = 0;
	a.stop_at = b.stop_at = 1000;
	for (int i = 0; i < 10; i++) {
		gossip_socket_send(a.s, closed, "x", 1);
		gossip_socket_send(b.s, a.addr, "y", 1);
		gossip_socket_send(a.s, b.addr, "z", 1);
	}
	wait_until(&a, 20, WAIT_S);
	EQ(a.packets, 10);
	EQ(a.refusals, 10);
	wait_until(&b, 10, WAIT_S);
	EQ(b.packets, 10);
	gossip_socket_close(a.s);
	gossip_socket_close(b.s);
}

T(a_closed_port_refuses)
{
	is_refused("127.0.0.1:0", "127.0.0.1");
	if (!has_v6())
		return;
	is_refused("[::1]:0", "[::1]");
	is_refused("[::]:0", "127.0.0.1");
}

T(one_turn_reads_a_bounded_batch)
{
	struct end a, b;

	start(&a, "127.0.0.1:0", "127.0.0.1");
	start(&b, "127.0.0.1:0", "127.0.0.1");
	for (int i = 0; i < 3 * GOSSIP_BATCH; i++)
		gossip_socket_send(a.s, b.addr, "x", 1);
	b.stop_at = 1000;
	gossip_socket_read(b.s);
	EQ(b.packets, GOSSIP_BATCH);
	wait_for(&b, 2 * GOSSIP_BATCH, WAIT_S);
	EQ(b.packets, 2 * GOSSIP_BATCH);
	gossip_socket_close(a.s);
	gossip_socket_close(b.s);
}

T(a_bad_or_taken_address_is_refused_with_a_reason)
{
	static const char *const bad[] = { "",	       "7946",
					   "host:1",   "1.2.3.4",
					   "::1:7946", "1.2.3.4:99999",
					   "[]:1",     "[::1]" };
	struct gossip_socket_config config = { .loop = ev_default_loop(0),
					       .packet = on_packet };
	struct gossip_socket *s = NULL;
	struct end a;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		T_ROW(bad[i]);
		config.addr = bad[i];
		EQ(gossip_socket_open(&config, &s, &e), -EINVAL);
		OK(strstr(e.msg, "0.0.0.0:7946") != NULL);
	}
	start(&a, "127.0.0.1:0", "127.0.0.1");
	config.addr = a.addr;
	EQ(gossip_socket_open(&config, &s, &e), -EADDRINUSE);
	OK(strstr(e.msg, a.addr) != NULL);
	OK(s == NULL);
	gossip_socket_send(a.s, "nonsense", "x", 1);
	gossip_socket_send(a.s, "[::1]:5", "x", 1);
	gossip_socket_close(a.s);
	gossip_socket_close(NULL);
}
