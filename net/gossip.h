/*
 * gossip.h - the UDP socket of core/gossip, with each packet sealed (seal.h):
 * ChaCha20-Poly1305, a fresh nonce, and which key in the clear. Packets are
 * opened with any of the keys, sealed with the first.
 *
 * A packet that somebody caught and sends again opens again: that is left to
 * core/gossip, to which it does no harm. Answers carry a number that only the
 * question of the moment knows; accusations and refutations are counted, and
 * an old count says nothing; a question is answered, packet for packet.
 */
#ifndef NET_GOSSIP_H
#define NET_GOSSIP_H

#include <ev.h>

#include "core/base/err.h"
#include "core/gossip/gossip.h"

#define GOSSIP_KEY_LEN 32
#define GOSSIP_KEYS_MAX 3
#define GOSSIP_BATCH 32 /* packets that are read in one turn of the loop */

struct gossip_socket;

struct gossip_socket_config {
	struct ev_loop *loop;
	/* "0.0.0.0:7946", or "[::]:7946" for IPv4, too. Port 0: any. */
	const char *addr;
	/* A packet that opened, or (p NULL) that addr refused one: the host
	 * there says itself that nobody listens. */
	void (*packet)(void *ctx, const char *addr, const void *p, size_t len);
	void *ctx;
};

int gossip_socket_open(const struct gossip_socket_config *config,
		       struct gossip_socket **ret, struct err *e);
void gossip_socket_close(struct gossip_socket *s); /* NULL is fine */
/* keys: count (at most GOSSIP_KEYS_MAX) times GOSSIP_KEY_LEN bytes; none:
 * nothing goes in or out. */
void gossip_socket_keys(struct gossip_socket *s, const uint8_t *keys,
			size_t count);
/* What cannot be sent is lost, as packets are. At most GOSSIP_PACKET_MAX. */
void gossip_socket_send(struct gossip_socket *s, const char *addr,
			const void *p, size_t len);
uint16_t gossip_socket_port(const struct gossip_socket *s);
/*
 * Gives what has come to the callback, without waiting: to be called before
 * gossip_tick(), so that an answer that lies there is not taken for silence.
 */
void gossip_socket_read(struct gossip_socket *s);

#endif
