/*
 * alive.c - gossip on this node: who its members are, by the tables or by
 * what a worker's session told, and what becomes of its verdicts. A node
 * that is alone in its cluster opens no socket and has no timer.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/manager/gossip_keys.h"
#include "core/node/node_impl.h"

#define KEY_LEN GOSSIP_KEY_BYTES
#define KEYS_MAX 4
/* With many members they are looked at again at most so often. */
#define MANY 50
#define MANY_MS 1000
#define ROTATE_AGAIN_NS (60 * NS_PER_S)

struct alive {
	struct gossip *gossip; /* NULL: closed */
	uint64_t port;
	uint8_t keys[KEYS_MAX * KEY_LEN];
	size_t key_count;
	/* what a session told, for those who keep no tables; by id */
	struct gossip_member *told;
	size_t told_count, told_cap;
	uint8_t told_keys[KEYS_MAX * KEY_LEN];
	size_t told_key_count;
	uint64_t key_order; /* for a new key; 0: none is on its way */
	bool dirty;
	uint64_t looked_ms;
};

static struct alive *
alive_of(struct node *n)
{
	if (n->alive == NULL) {
		n->alive = mem_new(sizeof(*n->alive));
		n->alive->dirty = true;
	}
	return n->alive;
}

void
alive_fini(struct node *n)
{
	if (n->alive == NULL)
		return;
	trust_forget(n, n->alive->key_order);
	gossip_free(n->alive->gossip);
	mem_free(n->alive->told);
	mem_wipe(n->alive, sizeof(*n->alive));
	mem_free(n->alive);
	n->alive = NULL;
}

/* ---- orders -------------------------------------------------------------- */

static void
order(struct node *n, const struct gossip_order *o)
{
	struct gossip_order *copy = arena_dup(&n->step_arena, o, sizeof(*o));

	copy->addr = arena_strdup(&n->step_arena, o->addr);
	if (o->len > 0)
		copy->p = arena_dup(&n->step_arena, o->p, o->len);
	if (o->key_count > 0) {
		copy->keys = arena_dup(&n->step_arena, o->keys,
				       o->key_count * KEY_LEN);
		n->step_secret = true;
	}
	effect_add(n, EFFECT_GOSSIP)->gossip_order = copy;
}

static void
verdict(struct node *n, const char *id, enum gossip_state state)
{
	static const enum liveness means[] = {
		[GOSSIP_ALIVE] = LIVENESS_ALIVE,
		[GOSSIP_SUSPECT] = LIVENESS_DOUBTED,
		[GOSSIP_DEAD] = LIVENESS_DEAD,
	};

	if (n->dispatcher != NULL)
		dispatcher_liveness(n->dispatcher, id, means[state], n->now);
	if (state == GOSSIP_DEAD)
		session_manager_dead(n, id);
}

static void
drain(struct node *n)
{
	struct gossip_out out;

	while (gossip_next(n->alive->gossip, &out)) {
		switch (out.type) {
		case GOSSIP_SEND:
			order(n, &(struct gossip_order){ .verb = GOSSIP_PACKET,
							 .addr = out.addr,
							 .p = out.packet,
							 .len = out.len });
			break;
		case GOSSIP_VERDICT:
			verdict(n, out.id, out.state);
			break;
		}
	}
}

bool
alive_host(const struct node *n, const char *node_id, char ret[LINK_ADDR_MAX])
{
	const struct gossip *g = n->alive != NULL ? n->alive->gossip : NULL;
	const char *addr = g != NULL ? gossip_place(g, node_id) : NULL;
	const char *port = addr != NULL ? strrchr(addr, ':') : NULL;

	if (port == NULL)
		return false;
	snprintf(ret, LINK_ADDR_MAX, "%.*s", (int)(port - addr), addr);
	return true;
}

/* ---- who they are -------------------------------------------------------- */

static bool
member_of(const char *id, const char *addr, struct gossip_member *ret)
{
	if (str_empty(addr) || strlen(addr) >= sizeof(ret->addr) ||
	    strlen(id) >= sizeof(ret->id))
		return false;
	memcpy(ret->addr, addr, strlen(addr) + 1);
	memcpy(ret->id, id, strlen(id) + 1);
	return true;
}

static bool
member_of_node(const struct node_object *o, struct gossip_member *ret)
{
	const char *ip = str_or(o->status.addr, "");
	char addr[IP_TEXT_MAX + 16];

	if (*ip == '\0' || strlen(ip) >= IP_TEXT_MAX || o->gossip_port == 0 ||
	    o->gossip_port > 65535)
		return false;
	snprintf(addr, sizeof(addr), strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip,
		 (unsigned)o->gossip_port);
	return member_of(o->head.id, addr, ret);
}

static struct gossip_member *
members_of_tables(struct node *n, size_t *ret_count)
{
	size_t count = state_count(n->state, OBJECT_NODE), found = 0;
	struct gossip_member *v =
		arena_array(&n->step_arena, count, sizeof(*v));

	for (size_t i = 0; i < count && found < GOSSIP_MEMBERS_MAX; i++)
		found += member_of_node(state_at(n->state, OBJECT_NODE, i),
					&v[found]);
	*ret_count = found;
	return v;
}

static size_t
copy_keys(const struct gossip_key *v, uint32_t count, uint8_t *ret)
{
	size_t kept = 0;

	for (uint32_t i = 0; i < count && kept < KEYS_MAX; i++) {
		if (v[i].secret.len != KEY_LEN)
			continue;
		memcpy(ret + KEY_LEN * kept++, v[i].secret.p, KEY_LEN);
	}
	return kept;
}

static size_t
keys_now(struct node *n, uint8_t *ret)
{
	const struct alive *a = n->alive;
	const struct cluster *c;

	if (n->life == LIFE_MEMBER) {
		c = state_cluster(n->state);
		return c != NULL ? copy_keys(c->gossip_keys.v,
					     c->gossip_keys.count, ret)
				 : 0;
	}
	memcpy(ret, a->told_keys, sizeof(a->told_keys));
	return a->told_key_count;
}

/* ---- open and closed ----------------------------------------------------- */

static void
close_gossip(struct node *n)
{
	struct alive *a = n->alive;

	if (a->gossip == NULL)
		return;
	gossip_free(a->gossip);
	a->gossip = NULL;
	order(n, &(struct gossip_order){ .verb = GOSSIP_CLOSE });
}

static void
open_gossip(struct node *n, const uint8_t *keys, size_t key_count)
{
	struct alive *a = n->alive;
	char addr[32];
	bool same = a->gossip != NULL && a->port == n->gossip_port &&
		    a->key_count == key_count &&
		    memcmp(a->keys, keys, key_count * KEY_LEN) == 0;

	if (same)
		return;
	if (a->gossip == NULL)
		a->gossip = gossip_new(n->node_id, rand_next(&n->rand_state),
				       n->now.mono_ms);
	a->port = n->gossip_port;
	a->key_count = key_count;
	memcpy(a->keys, keys, key_count * KEY_LEN);
	/* Both families; where there is no IPv6 the driver takes the other. */
	snprintf(addr, sizeof(addr), "[::]:%u", (unsigned)a->port);
	order(n, &(struct gossip_order){ .verb = GOSSIP_OPEN,
					 .addr = addr,
					 .keys = a->keys,
					 .key_count = key_count });
}

static void
look(struct node *n)
{
	struct alive *a = n->alive;
	uint8_t keys[KEYS_MAX * KEY_LEN];
	size_t key_count = keys_now(n, keys), count = a->told_count;
	struct gossip_member *v = a->told;

	a->dirty = false;
	a->looked_ms = n->now.mono_ms;
	if (n->life == LIFE_MEMBER)
		v = members_of_tables(n, &count);
	if (count < 2 || key_count == 0 || n->gossip_port == 0) {
		close_gossip(n);
	} else {
		open_gossip(n, keys, key_count);
		gossip_members(a->gossip, v, count, n->now.mono_ms);
		drain(n);
	}
	mem_wipe(keys, sizeof(keys));
}

static uint64_t
look_at_ms(const struct node *n)
{
	const struct alive *a = n->alive;
	size_t count = n->life == LIFE_MEMBER
			       ? state_count(n->state, OBJECT_NODE)
			       : a->told_count;

	if (!a->dirty)
		return UINT64_MAX;
	return count > MANY ? a->looked_ms + MANY_MS : 0;
}

/* ---- new keys, by the leader ----------------------------------------------
 */

static void
on_random(struct node *n, void *ctx, const struct trust_report *r)
{
	const struct cluster *c =
		n->manager != NULL ? state_cluster(n->state) : NULL;
	struct tx tx = { .wall_ns = n->now.wall_ns };
	struct cluster *to;
	struct proposal *p;
	struct err e;

	(void)ctx;
	n->alive->key_order = 0;
	if (c == NULL || r->err != NULL || c->gossip_keys.count == 0)
		return;
	to = object_clone(c);
	gossip_keys_rotate(to, r->random, n->now.wall_ns);
	tx_put(&tx, to, c->head.version.index);
	p = proposal_new(PROPOSAL_INTERNAL);
	if (change_propose(n, &tx, p, &e) < 0)
		proposal_free(n, p);
	tx_fini(&tx);
}

/* When a new key is due, in wall ns; INT64_MAX: there is nobody to use it. */
static int64_t
rotate_at_ns(const struct node *n)
{
	const struct cluster *c;

	if (n->manager == NULL || n->alive->gossip == NULL ||
	    n->alive->key_order != 0)
		return INT64_MAX;
	c = state_cluster(n->state);
	return c != NULL ? gossip_keys_due_ns(c) : INT64_MAX;
}

static void
rotate(struct node *n)
{
	if (rotate_at_ns(n) > n->now.wall_ns || n->internal_open > 0)
		return;
	/* Every report brings fresh bytes; the key that it makes is not used.
	 */
	n->alive->key_order =
		trust_ask(n, &(struct trust_order){ .verb = TRUST_MAKE_KEY },
			  on_random, NULL);
}

static uint64_t
rotate_deadline(const struct node *n)
{
	int64_t at = rotate_at_ns(n), now = n->now.wall_ns;

	if (at == INT64_MAX)
		return UINT64_MAX;
	if (at <= now)
		at = now + ROTATE_AGAIN_NS; /* something else is on its way */
	return n->now.mono_ms + (uint64_t)((at - now) / NS_PER_MS) + 1;
}

static bool
is_in_cluster(const struct node *n)
{
	return n->life == LIFE_WORKER ||
	       (n->life == LIFE_MEMBER && n->state != NULL);
}

void
alive_step(struct node *n)
{
	struct alive *a;

	if (!is_in_cluster(n)) {
		if (n->alive != NULL)
			close_gossip(n);
		alive_fini(n);
		return;
	}
	a = alive_of(n);
	if (look_at_ms(n) <= n->now.mono_ms)
		look(n);
	rotate(n);
	if (a->gossip == NULL || gossip_deadline(a->gossip) > n->now.mono_ms)
		return;
	gossip_tick(a->gossip, n->now.mono_ms);
	drain(n);
}

uint64_t
alive_deadline(const struct node *n)
{
	uint64_t at;

	if (n->alive == NULL || !is_in_cluster(n))
		return UINT64_MAX;
	at = min_u64(look_at_ms(n), rotate_deadline(n));
	if (n->alive->gossip != NULL)
		at = min_u64(at, gossip_deadline(n->alive->gossip));
	return at;
}

/* ---- what is heard ------------------------------------------------------- */

void
alive_packet(struct node *n, const struct gossip_packet *p)
{
	struct gossip *g = n->alive != NULL ? n->alive->gossip : NULL;

	if (g == NULL)
		return;
	if (p->p == NULL)
		gossip_refused(g, p->addr, n->now.mono_ms);
	else
		gossip_packet(g, p->addr, p->p, p->len, n->now.mono_ms);
	drain(n);
}

static bool
concerns_gossip(const struct change *c)
{
	const struct node_object *x = c->before, *y = c->after;

	if (c->type != OBJECT_NODE)
		return c->type == OBJECT_CLUSTER;
	return x == NULL || y == NULL || x->gossip_port != y->gossip_port ||
	       !str_eq(x->status.addr, y->status.addr);
}

void
alive_reset(struct node *n)
{
	if (n->alive != NULL)
		n->alive->dirty = true;
}

void
alive_changes(struct node *n, const struct changes *changes)
{
	if (n->alive == NULL)
		return;
	for (size_t i = 0; i < changes->count && !n->alive->dirty; i++)
		n->alive->dirty = concerns_gossip(&changes->v[i]);
}

/* The member with that id, or where it would be. */
static size_t
told_place(const struct alive *a, const char *id)
{
	size_t low = 0, high = a->told_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(a->told[mid].id, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
take_member(struct alive *a, const char *id, const char *addr)
{
	size_t at = told_place(a, id);
	bool there = at < a->told_count && strcmp(a->told[at].id, id) == 0;
	struct gossip_member m;
	bool fine = member_of(id, addr, &m);

	if (there && fine) {
		a->told[at] = m;
	} else if (there) {
		a->told_count--;
		memmove(a->told + at, a->told + at + 1,
			(a->told_count - at) * sizeof(m));
	} else if (fine && a->told_count < GOSSIP_MEMBERS_MAX) {
		a->told = mem_grow(a->told, a->told_count, &a->told_cap,
				   sizeof(m));
		memmove(a->told + at + 1, a->told + at,
			(a->told_count - at) * sizeof(m));
		a->told_count++;
		a->told[at] = m;
	}
}

void
alive_settings(struct node *n, const struct settings_body *s)
{
	struct alive *a;

	if (n->life != LIFE_WORKER)
		return;
	a = alive_of(n);
	if (s->gossip_full)
		a->told_count = 0;
	for (uint32_t i = 0; i < s->gossip.count; i++)
		take_member(a, str_or(s->gossip.v[i].node_id, ""),
			    s->gossip.v[i].addr);
	a->told_key_count = copy_keys(s->keys.v, s->keys.count, a->told_keys);
	a->dirty = true;
}

void
alive_tell(struct node *n)
{
	for (size_t i = 0; i < state_count(n->state, OBJECT_NODE); i++) {
		const struct node_object *o =
			state_at(n->state, OBJECT_NODE, i);

		if (!alive_answers(n, o->head.id))
			verdict(n, o->head.id, GOSSIP_DEAD);
	}
}

bool
alive_answers(const struct node *n, const char *node_id)
{
	const struct gossip *g = n->alive != NULL ? n->alive->gossip : NULL;
	struct gossip_member m;
	const struct node_object *o =
		n->state != NULL ? state_get(n->state, OBJECT_NODE, node_id)
				 : NULL;

	if (g == NULL || o == NULL || str_eq(node_id, n->node_id) ||
	    !member_of_node(o, &m))
		return true;
	return gossip_state(g, node_id) != GOSSIP_DEAD;
}
