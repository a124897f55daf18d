/*
 * gossip.h - the UDP socket of core/gossip, with each packet sealed: ChaCha20-
 * Poly1305, a fresh nonce, and which key in the clear. Packets are opened with
 * any of the keys, sealed with the first.
 */
#ifndef NET_GOSSIP_H
#define NET_GOSSIP_H

#include <ev.h>

#include "core/base/err.h"
#include "core/gossip/gossip.h"

#define GOSSIP_KEY_LEN 32
#define GOSSIP_KEYS_MAX 3

struct gossip_socket;

struct gossip_socket_config {
	struct ev_loop *loop;
	const char *addr; /* "0.0.0.0:7946" or "[::]:7946" */
	/* A packet that opened, or (p NULL) that addr refused one. */
	void (*packet)(void *ctx, const char *addr, const void *p, size_t len);
	void *ctx;
};

int gossip_socket_open(const struct gossip_socket_config *config,
		       struct gossip_socket **ret, struct err *e);
void gossip_socket_close(struct gossip_socket *s); /* NULL is fine */
/* keys: count times GOSSIP_KEY_LEN bytes; none: nothing goes in or out. */
void gossip_socket_keys(struct gossip_socket *s, const uint8_t *keys,
			size_t count);
/* What cannot be sent is lost, as packets are. */
void gossip_socket_send(struct gossip_socket *s, const char *addr,
			const void *p, size_t len);

#endif
