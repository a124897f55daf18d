/* identity_impl.h - what identity.c and renew.c share. */
#ifndef CORE_NODE_IDENTITY_IMPL_H
#define CORE_NODE_IDENTITY_IMPL_H

#include "core/node/addr.h"
#include "core/node/identity.h"

struct identity {
	struct certificate certificate; /* in arena, which is wiped */
	struct arena arena;
	struct addresses addresses; /* in addresses_arena */
	struct arena addresses_arena;
	struct addr addr; /* what they mean now */
	struct known_managers managers;
	struct arena managers_arena;

	/* The one before it: what managers are told until the new one is on
	 * the disk, with batch told_seq; 0: it is. */
	struct certificate told;
	struct arena told_arena; /* wiped */
	uint64_t told_seq;

	bool used;	      /* the driver knows the certificate */
	uint64_t describe_ms; /* when the managers are told of it */

	/* the port */
	bool listening;	       /* it is wanted */
	uint64_t listen_at_ms; /* try again then; UINT64_MAX: it was tried */
	char trouble[480];

	/* what the tables said when they were last looked at */
	uint64_t seen_cluster, seen_node, seen_nodes;
	bool renew_known;
	uint64_t renew_seen;

	/* renewal */
	int64_t renew_at_ns; /* wall */
	bool renew_wanted;   /* without waiting for that */
	uint64_t renew_again_ms, renew_wait_ms;
	uint64_t renew_order, renew_call; /* on their way; 0: none */
	struct arena renew_arena;	  /* of the new key; wiped */
	struct bytes renew_key;

	/* autolock: what the store is sealed by, and is to be */
	bool locked;
	uint8_t lock[32], lock_next[32];
	size_t lock_next_len;
	uint64_t lock_order, lock_at_ms;
};

void renew_plan(struct node *n); /* the certificate is another one */
void renew_now(struct node *n);
void renew_stop(struct node *n);
void renew_tick(struct node *n);
uint64_t renew_deadline(const struct node *n);

#endif
