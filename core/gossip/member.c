/*
 * member.c - the members: found by the ring that sorts them, walked in a
 * random order, and moved between their three states:
 *
 *	ALIVE --accused--> SUSPECT --its time is over, and we asked--> DEAD
 *	  ^-----answers, or refutes with a new incarnation-----'---------'
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/rand.h"
#include "core/gossip/gossip_impl.h"

#define LOOK_MAX 16 /* members that member_pick() looks at */

/* FNV-1a with a final mix: the same on all nodes, so without a seed. */
static uint64_t
hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	h = (h ^ (h >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ (h >> 29);
}

uint64_t
member_ref(const char *id)
{
	return hash(id) | 1;
}

uint32_t
member_addr_hash(const char *addr)
{
	return (uint32_t)hash(addr);
}

/* Where ref is in the ring, or would be. */
static size_t
place_of(const struct gossip *g, uint64_t ref)
{
	size_t low = 0, high = g->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (g->ring[mid]->ref < ref)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct member *
member_find(const struct gossip *g, uint64_t ref)
{
	size_t at = place_of(g, ref);

	return at < g->count && g->ring[at]->ref == ref ? g->ring[at] : NULL;
}

struct member *
member_pick(struct gossip *g, enum gossip_state below,
	    const struct member * not )
{
	size_t at = g->count > 0 ? rand_next(&g->rand) % g->count : 0;

	for (size_t i = 0; i < g->count && i < LOOK_MAX; i++) {
		struct member *m = g->ring[(at + i) % g->count];

		if (m->state < (uint8_t)below && m != not )
			return m;
	}
	return NULL;
}

/* Fisher and Yates' shuffle, a step at a time. */
struct member *
member_walk(struct gossip *g)
{
	struct member *m;
	size_t other;

	if (g->count == 0)
		return NULL;
	if (g->walk_at >= g->count)
		g->walk_at = 0;
	other = g->walk_at + rand_next(&g->rand) % (g->count - g->walk_at);
	m = g->walk[other];
	g->walk[other] = g->walk[g->walk_at];
	g->walk[g->walk_at++] = m;
	return m;
}

static void
find_watched(struct gossip *g)
{
	size_t at = place_of(g, g->self.ref), found = 0;

	memset(g->watched, 0, sizeof(g->watched));
	for (size_t i = 0; i < g->count && found < WATCHED; i++) {
		struct member *m = g->ring[(at + i) % g->count];

		if (m->state != GOSSIP_DEAD)
			g->watched[found++] = m;
	}
	g->watched_stale = false;
}

struct member *
member_watched(struct gossip *g, unsigned slot)
{
	check(slot < WATCHED);
	if (g->watched_stale)
		find_watched(g);
	return g->watched[slot];
}

void
member_activate(struct gossip *g, struct member *m)
{
	if (list_empty(&m->active))
		list_append(&g->active, &m->active);
	gossip_arm(g, m->step_ms);
}

void
member_deactivate(struct member *m)
{
	check(m->state != GOSSIP_SUSPECT);
	check(m->phase == PHASE_IDLE);
	list_remove(&m->active);
}

/* The one writer of state. */
static void
move(struct gossip *g, struct member *m, enum gossip_state to)
{
	check(m->state != (uint8_t)to);
	check(to != GOSSIP_DEAD || m->state == GOSSIP_SUSPECT);
	check(m != &g->self);
	if (to == GOSSIP_ALIVE)
		g->alive++;
	else if (m->state == GOSSIP_ALIVE)
		g->alive--;
	if (to == GOSSIP_DEAD || m->state == GOSSIP_DEAD)
		g->watched_stale = true;
	m->state = (uint8_t)to;
	list_remove(&m->down);
	if (to != GOSSIP_ALIVE)
		list_append(&g->down, &m->down);
	gossip_out_verdict(g, m);
}

void
member_alive(struct gossip *g, struct member *m, uint64_t incarnation)
{
	bool news = incarnation > m->incarnation || m->state != GOSSIP_ALIVE;

	m->incarnation = max_u64(m->incarnation, incarnation);
	if (m->state != GOSSIP_ALIVE) {
		move(g, m, GOSSIP_ALIVE);
		m->accuser_count = m->refused_by = 0;
		m->asked = ASKED_NOT;
		if (m->phase == PHASE_IDLE)
			member_deactivate(m);
	}
	if (news)
		news_add(g, m);
}

static void
suspect(struct gossip *g, struct member *m)
{
	m->since_ms = g->now_ms;
	m->accuser_count = m->refused_by = 0;
	m->asked = ASKED_NOT;
	if (m->phase == PHASE_IDLE)
		m->step_ms = g->now_ms + rand_next(&g->rand) % ASK_SPREAD_MS;
	move(g, m, GOSSIP_SUSPECT);
	member_activate(g, m);
}

/* true: that was not known. */
static bool
add_accuser(struct member *m, uint32_t accuser, bool refused)
{
	unsigned i = 0;
	uint8_t bits;

	while (i < m->accuser_count && m->accusers[i] != accuser)
		i++;
	if (i == ACCUSERS_MAX)
		return false;
	bits = (uint8_t)(m->refused_by | (unsigned)refused << i);
	if (i < m->accuser_count && bits == m->refused_by)
		return false;
	m->refused_by = bits;
	if (i == m->accuser_count)
		m->accusers[m->accuser_count++] = accuser;
	return true;
}

void
member_accuse(struct gossip *g, struct member *m, uint64_t incarnation,
	      uint32_t accuser, bool refused)
{
	if (incarnation < m->incarnation) {
		/* Who says so has not heard the refutation. */
		if (m->state == GOSSIP_ALIVE && m->spread == 0)
			news_add(g, m);
		return;
	}
	m->incarnation = incarnation;
	if (m->state == GOSSIP_DEAD)
		return;
	if (m->state == GOSSIP_ALIVE)
		suspect(g, m);
	if (!add_accuser(m, accuser, refused))
		return;
	news_add(g, m);
	gossip_arm(g, member_suspect_end(g, m));
}

/* Was it refused to us, and to another, if there is another? */
static bool
is_refused(const struct gossip *g, const struct member *m)
{
	if (m->asked != ASKED_REFUSED)
		return false;
	for (unsigned i = 0; i < m->accuser_count; i++)
		if ((m->refused_by >> i & 1) &&
		    m->accusers[i] != (uint32_t)g->self.ref)
			return true;
	return g->alive == 0;
}

/*
 * Lifeguard's: the more accuse it independently, the sooner. The shares of
 * the time above the least are log(c + 1) / log(k + 1), c of k confirmed.
 */
uint64_t
member_suspect_end(const struct gossip *g, const struct member *m)
{
	uint64_t more = SUSPECT_MAX_MS - GOSSIP_SUSPECT_MS;
	unsigned confirmed = m->accuser_count - 1u;

	check(m->accuser_count > 0);
	if (is_refused(g, m))
		return m->since_ms + GOSSIP_REFUSED_MS;
	if (confirmed >= min_u64(ACCUSERS_MAX - 1, g->alive))
		more = 0;
	else if (confirmed == 1)
		more = more * 37 / 100;
	return m->since_ms + GOSSIP_SUSPECT_MS + more;
}

void
member_dead(struct gossip *g, struct member *m)
{
	check(m->asked != ASKED_NOT);
	move(g, m, GOSSIP_DEAD);
	m->phase = PHASE_IDLE;
	member_deactivate(m);
}
