/*
 * gossip_keys.h - the keys that seal gossip (facts 9.3): the first one of the
 * cluster's seals, all of them open. A new key comes second, and seals when
 * the next one comes: by then every node has had it for long.
 */
#ifndef CORE_MANAGER_GOSSIP_KEYS_H
#define CORE_MANAGER_GOSSIP_KEYS_H

#include "core/model/objects.h"

#define GOSSIP_KEY_BYTES 32
#define GOSSIP_KEYS_KEEP 3
#define GOSSIP_KEYS_NS (12 * 3600 * NS_PER_S)

/* When a new one is due, wall ns; INT64_MAX: there are none. */
int64_t gossip_keys_due_ns(const struct cluster *c);
/* c is still being made; there is at least one. */
void gossip_keys_rotate(struct cluster *c,
			const uint8_t secret[GOSSIP_KEY_BYTES], int64_t now_ns);

#endif
