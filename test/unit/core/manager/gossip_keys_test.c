/* gossip_keys_test.c - which key seals, and which are still good. */
#include "core/manager/gossip_keys.h"

#include "test/t.h"

static struct cluster *
cluster_new(void)
{
	struct cluster *c = object_new(OBJECT_CLUSTER);
	struct arena *a = object_arena(c);

	c->head.id = "c";
	c->gossip_keys.v = arena_alloc(a, sizeof(struct gossip_key));
	c->gossip_keys.count = 1;
	c->gossip_keys.v[0].secret.p = arena_alloc(a, GOSSIP_KEY_BYTES);
	c->gossip_keys.v[0].secret.len = GOSSIP_KEY_BYTES;
	c->gossip_keys.v[0].made_at = 1000;
	return c;
}

/* The keys by the first byte of each: "0", "01", "120". */
static const char *
show(const struct cluster *c)
{
	static char text[GOSSIP_KEYS_KEEP + 1];

	OK(c->gossip_keys.count <= GOSSIP_KEYS_KEEP);
	for (uint32_t i = 0; i < c->gossip_keys.count; i++) {
		EQ(c->gossip_keys.v[i].secret.len, GOSSIP_KEY_BYTES);
		text[i] = (char)('0' + c->gossip_keys.v[i].secret.p[0]);
	}
	text[c->gossip_keys.count] = '\0';
	return text;
}

static void
rotate(struct cluster *c, uint8_t key)
{
	uint8_t secret[GOSSIP_KEY_BYTES] = { key };
	int64_t due = gossip_keys_due_ns(c);

	gossip_keys_rotate(c, secret, due);
	EQ(gossip_keys_due_ns(c), due + GOSSIP_KEYS_NS);
}

/* No node seals with a key that others may not have yet, nor lacks one that
 * others may still seal with. */
T(a_new_key_seals_only_when_the_next_one_comes)
{
	struct cluster *c = cluster_new();

	EQ(gossip_keys_due_ns(c), 1000 + GOSSIP_KEYS_NS);
	EQ_STR(show(c), "0");
	rotate(c, 1);
	EQ_STR(show(c), "01");
	rotate(c, 2);
	EQ_STR(show(c), "120");
	rotate(c, 3);
	EQ_STR(show(c), "231");
	rotate(c, 4);
	EQ_STR(show(c), "342");
	object_unref(c);
}

T(without_keys_none_is_due)
{
	struct cluster *c = object_new(OBJECT_CLUSTER);

	EQ(gossip_keys_due_ns(c), INT64_MAX);
	object_unref(c);
}
