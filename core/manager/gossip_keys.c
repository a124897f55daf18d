/* gossip_keys.c - see gossip_keys.h. */
#include "core/manager/gossip_keys.h"

#include "core/base/check.h"

int64_t
gossip_keys_due_ns(const struct cluster *c)
{
	int64_t newest = 0;

	if (c->gossip_keys.count == 0)
		return INT64_MAX;
	for (uint32_t i = 0; i < c->gossip_keys.count; i++)
		if (c->gossip_keys.v[i].made_at > newest)
			newest = c->gossip_keys.v[i].made_at;
	return newest + GOSSIP_KEYS_NS;
}

void
gossip_keys_rotate(struct cluster *c, const uint8_t secret[GOSSIP_KEY_BYTES],
		   int64_t now_ns)
{
	struct arena *a = object_arena(c);
	uint32_t count = c->gossip_keys.count;
	const struct gossip_key *old = c->gossip_keys.v;
	struct gossip_key *v = arena_array(a, GOSSIP_KEYS_KEEP, sizeof(*v));

	check(count > 0);
	v[0] = old[count > 1 ? 1 : 0];
	v[1].secret.p = arena_dup(a, secret, GOSSIP_KEY_BYTES);
	v[1].secret.len = GOSSIP_KEY_BYTES;
	v[1].made_at = now_ns;
	if (count > 1)
		v[2] = old[0];
	c->gossip_keys.v = v;
	c->gossip_keys.count = count > 1 ? GOSSIP_KEYS_KEEP : 2;
}
