/*
 * gossip.c - see gossip.h: making one, its doors, who exists, and what comes
 * out. What it is made of is said in gossip_impl.h.
 */
#include "core/gossip/gossip.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/gossip/gossip_impl.h"

static void
init_member(struct member *m, const char *id)
{
	check(strlen(id) <= ID_LEN);
	memcpy(m->id, id, strlen(id));
	m->ref = member_ref(id);
	m->incarnation = 1;
	m->state = GOSSIP_ALIVE;
	list_init(&m->active);
	list_init(&m->down);
	list_init(&m->news);
}

struct gossip *
gossip_new(const char *self_id, uint64_t seed, uint64_t now_ms)
{
	struct gossip *g = mem_new(sizeof(*g));

	init_member(&g->self, self_id);
	g->rand = seed;
	g->now_ms = now_ms;
	g->deadline_ms = UINT64_MAX;
	list_init(&g->active);
	list_init(&g->down);
	list_init(&g->news);
	g->slot = (unsigned)(rand_next(&g->rand) % SLOTS);
	g->slot_ms = now_ms + rand_next(&g->rand) % SLOT_MS;
	return g;
}

void
gossip_free(struct gossip *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->count; i++)
		mem_free(g->ring[i]);
	mem_free(g->ring);
	mem_free(g->told);
	mem_free(g->walk);
	mem_free(g->outs);
	buf_fini(&g->bytes);
	mem_free(g);
}

/* ---- time ---------------------------------------------------------------- */

void
gossip_arm(struct gossip *g, uint64_t ms)
{
	g->deadline_ms = min_u64(g->deadline_ms, ms);
}

uint64_t
gossip_deadline(const struct gossip *g)
{
	return g->deadline_ms;
}

/*
 * This node did not run for late_ms: answers may wait unread, so nobody is
 * blamed for that time.
 */
static void
forgive(struct gossip *g, uint64_t late_ms)
{
	list_each (it, &g->active) {
		struct member *m = container_of(it, struct member, active);

		m->step_ms += late_ms;
		m->since_ms += late_ms;
	}
	probe_health(g, 1);
}

/* Each door opens with it. */
static void
begin(struct gossip *g, uint64_t now_ms)
{
	check(g->out_at == g->out_count); /* it was drained */
	g->out_at = g->out_count = 0;
	buf_clear(&g->bytes);
	g->now_ms = max_u64(g->now_ms, now_ms);
	if (g->deadline_ms < UINT64_MAX - LATE_MS &&
	    g->now_ms > g->deadline_ms + LATE_MS) {
		forgive(g, g->now_ms - g->deadline_ms);
		g->deadline_ms = g->now_ms;
	}
}

static void
find_deadline(struct gossip *g)
{
	g->deadline_ms = UINT64_MAX;
	if (g->count > 0)
		gossip_arm(g, g->slot_ms);
	if (g->count > 0 && !list_empty(&g->news))
		gossip_arm(g, g->push_ms);
	list_each (it, &g->active) {
		struct member *m = container_of(it, struct member, active);

		gossip_arm(g, m->step_ms);
		if (m->state == GOSSIP_SUSPECT && m->asked != ASKED_NOT)
			gossip_arm(g, member_suspect_end(g, m));
	}
	for (size_t i = 0; g->help_count > 0 && i < HELPS_MAX; i++)
		if (g->helps[i].target != 0)
			gossip_arm(g, g->helps[i].due_ms);
}

void
gossip_tick(struct gossip *g, uint64_t now_ms)
{
	begin(g, now_ms);
	list_each_safe (it, tmp, &g->active)
		probe_step(g, container_of(it, struct member, active));
	help_tick(g);
	probe_slot(g);
	news_push(g);
	find_deadline(g);
}

/* ---- who exists ---------------------------------------------------------- */

static bool
is_told(const struct gossip *g, const struct gossip_member *v, size_t count)
{
	if (count != g->told_count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(v[i].id, g->told[i]->id) != 0 ||
		    member_addr_hash(v[i].addr) != g->told[i]->told)
			return false;
	return true;
}

static struct member *
take_told(struct gossip *g, const struct gossip_member *told)
{
	uint64_t ref = member_ref(told->id);
	struct member *m = ref == g->self.ref ? &g->self : member_find(g, ref);
	uint32_t hash = member_addr_hash(told->addr);

	if (m == NULL) {
		m = mem_new(sizeof(*m));
		init_member(m, told->id);
	}
	if (m->told != hash) {
		check(strlen(told->addr) < sizeof(m->addr));
		memcpy(m->addr, told->addr, strlen(told->addr) + 1);
		m->told = hash;
	}
	return m;
}

static int
by_ref(const void *a, const void *b)
{
	uint64_t x = (*(struct member *const *)a)->ref;
	uint64_t y = (*(struct member *const *)b)->ref;

	return x < y ? -1 : x > y;
}

static void
forget(struct gossip *g, struct member *m)
{
	if (m->state == GOSSIP_ALIVE)
		g->alive--;
	list_remove(&m->active);
	list_remove(&m->down);
	list_remove(&m->news);
	mem_free(m);
}

/* Frees those of the old ring that are not in the new; both are sorted. */
static void
forget_others(struct gossip *g, struct member **ring, size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < g->count; i++) {
		while (at < count && ring[at]->ref < g->ring[i]->ref)
			at++;
		if (at == count || ring[at] != g->ring[i])
			forget(g, g->ring[i]);
	}
	mem_free(g->ring);
}

/* Sorted, each once, without this node. */
static size_t
make_ring(struct gossip *g, struct member **told, size_t count,
	  struct member **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (told[i] != &g->self)
			ret[n++] = told[i];
	if (n > 0)
		qsort(ret, n, sizeof(struct member *), by_ref);
	/* Each is told once; two ids of one hash come up in no lifetime. */
	for (size_t i = 1; i < n; i++)
		check(ret[i - 1]->ref < ret[i]->ref);
	return n;
}

/* A member's news are sent more often the more there are to hear them. */
static uint8_t
spread_for(size_t count)
{
	uint8_t spread = 4;

	for (; count > 0; count /= 2)
		spread++;
	return spread;
}

void
gossip_members(struct gossip *g, const struct gossip_member *v, size_t count,
	       uint64_t now_ms)
{
	struct member **told, **ring;
	size_t n;

	begin(g, now_ms);
	check(count <= GOSSIP_MEMBERS_MAX);
	if (is_told(g, v, count))
		return;
	told = mem_new_array(count + 1, sizeof(struct member *));
	ring = mem_new_array(count + 1, sizeof(struct member *));
	for (size_t i = 0; i < count; i++)
		told[i] = take_told(g, &v[i]);
	n = make_ring(g, told, count, ring);
	for (size_t i = 0; i < n; i++)
		g->alive += ring[i] != member_find(g, ring[i]->ref);
	forget_others(g, ring, n);
	mem_free(g->told);
	mem_free(g->walk);
	g->told = told;
	g->told_count = count;
	g->ring = ring;
	g->count = n;
	g->walk = mem_dup(ring, (n + 1) * sizeof(struct member *));
	g->walk_at = 0;
	g->watched_stale = true;
	g->spread = spread_for(n);
	if (g->slot_ms < g->now_ms) /* all are told at once, and ask apart */
		g->slot_ms = g->now_ms + rand_next(&g->rand) % SLOT_MS;
	find_deadline(g);
}

const char *
gossip_place(const struct gossip *g, const char *id)
{
	uint64_t ref = member_ref(id);
	const struct member *m = member_find(g, ref);

	return ref == g->self.ref || m == NULL ? NULL : m->addr;
}

enum gossip_state
gossip_state(const struct gossip *g, const char *id)
{
	uint64_t ref = member_ref(id);
	const struct member *m = member_find(g, ref);

	if (ref == g->self.ref)
		return GOSSIP_ALIVE;
	return m == NULL ? GOSSIP_DEAD : (enum gossip_state)m->state;
}

/* ---- what comes in ------------------------------------------------------- */

/* An incarnation that nobody has heard of yet makes the accusation void. */
static void
refute(struct gossip *g, uint64_t incarnation)
{
	if (incarnation < g->self.incarnation)
		return;
	g->self.incarnation = min_u64(incarnation + 1, INCARNATION_END - 1);
	probe_health(g, 1);
	news_add(g, &g->self);
}

static bool
is_credible(const struct member *m, uint64_t incarnation)
{
	return incarnation <= m->incarnation + INCARNATION_WINDOW;
}

static void
apply_to_self(struct gossip *g, const struct packet_entry *entry)
{
	struct member *self = &g->self;

	if (entry->accuser_count > 0)
		refute(g, entry->incarnation);
	else /* of a life before this one: it is counted on from there */
		self->incarnation =
			max_u64(self->incarnation, entry->incarnation);
}

static void
apply(struct gossip *g, const struct packet_entry *entry)
{
	struct member *m = entry->ref == g->self.ref
				   ? &g->self
				   : member_find(g, entry->ref);

	if (m == NULL || !is_credible(m, entry->incarnation))
		return;
	if (m == &g->self)
		apply_to_self(g, entry);
	else if (entry->accuser_count == 0 &&
		 entry->incarnation > m->incarnation)
		member_alive(g, m, entry->incarnation);
	for (unsigned i = 0; m != &g->self && i < entry->accuser_count; i++)
		member_accuse(g, m, entry->incarnation, entry->accusers[i],
			      entry->refused_by >> i & 1);
}

/* m sent this by itself, not as an answer: or somebody sends it again. */
static void
heard(struct gossip *g, struct member *m, const char *addr)
{
	if (strcmp(m->addr, addr) != 0)
		probe_moved(g, m, addr);
	else if (m->state != GOSSIP_ALIVE && m->phase == PHASE_IDLE)
		probe_start(g, m); /* tells it what it is accused of */
}

static void
on_ping(struct gossip *g, const char *addr, const struct packet_head *head,
	const struct member *from)
{
	if (head->subject != g->self.ref)
		return; /* for who had this address before */
	news_send(g, addr, from,
		  (struct packet_head){ .type = PACKET_ACK,
					.seq = head->seq,
					.subject = g->self.ref,
					.subject_incarnation =
						g->self.incarnation });
}

static void
relay(struct gossip *g, struct help *h, const struct packet_head *head)
{
	news_send(g, h->addr, NULL,
		  (struct packet_head){ .type = PACKET_ACK,
					.seq = h->seq_from,
					.subject = head->subject,
					.subject_incarnation =
						head->subject_incarnation });
	help_end(g, h);
}

static void
on_ack(struct gossip *g, const char *addr, const struct packet_head *head)
{
	struct member *m = member_find(g, head->subject);
	struct help *h = help_find(g, head->subject, head->seq);

	if (h != NULL)
		relay(g, h, head);
	if (m == NULL || m->seq == 0)
		return;
	if (head->seq == (m->seq ^ member_addr_hash(addr)) && m->moved &&
	    strlen(addr) < sizeof(m->addr))
		memcpy(m->addr, addr, strlen(addr) + 1);
	else if (head->seq != m->seq)
		return;
	probe_answered(g, m, head->subject_incarnation);
}

static void
on_nack(struct gossip *g, const struct packet_head *head)
{
	struct member *m = member_find(g, head->subject);

	if (m != NULL && m->seq == head->seq && m->phase == PHASE_INDIRECT &&
	    m->nacks < m->helpers)
		m->nacks++;
}

static void
on_head(struct gossip *g, const char *addr, const struct packet_head *head,
	struct member *from)
{
	switch (head->type) {
	case PACKET_PING:
		on_ping(g, addr, head, from);
		break;
	case PACKET_ACK:
		on_ack(g, addr, head);
		return;
	case PACKET_PING_REQ:
		help_start(g, addr, head->subject, head->seq);
		break;
	case PACKET_NACK:
		on_nack(g, head);
		return;
	case PACKET_NEWS:
		break;
	}
	if (from != NULL)
		heard(g, from, addr);
}

void
gossip_packet(struct gossip *g, const char *addr, const void *p, size_t len,
	      uint64_t now_ms)
{
	struct packet packet;
	struct member *from;

	begin(g, now_ms);
	if (!packet_read(p, len, &packet) || packet.head.from == g->self.ref)
		return;
	for (unsigned i = 0; i < packet.count; i++)
		apply(g, &packet.entries[i]);
	from = member_find(g, packet.head.from);
	if (from != NULL && packet.head.incarnation > from->incarnation &&
	    is_credible(from, packet.head.incarnation))
		member_alive(g, from, packet.head.incarnation);
	on_head(g, addr, &packet.head, from);
}

void
gossip_refused(struct gossip *g, const char *addr, uint64_t now_ms)
{
	begin(g, now_ms);
	help_refused(g, addr);
	list_each_safe (it, tmp, &g->active) {
		struct member *m = container_of(it, struct member, active);

		if (strcmp(m->addr, addr) == 0)
			probe_refused(g, m);
	}
}

/* ---- what goes out ------------------------------------------------------- */

static struct out *
new_out(struct gossip *g, enum gossip_out_type type)
{
	struct out *o;

	g->outs =
		mem_grow(g->outs, g->out_count, &g->out_cap, sizeof(*g->outs));
	o = &g->outs[g->out_count++];
	*o = (struct out){ .type = type };
	return o;
}

void
gossip_out_packet(struct gossip *g, const char *addr, const void *p, size_t len)
{
	struct out *o = new_out(g, GOSSIP_SEND);

	o->addr_at = g->bytes.len;
	buf_put(&g->bytes, addr, strlen(addr) + 1);
	o->packet_at = g->bytes.len;
	o->len = len;
	buf_put(&g->bytes, p, len);
}

void
gossip_out_verdict(struct gossip *g, const struct member *m)
{
	struct out *o = new_out(g, GOSSIP_VERDICT);

	o->id = m->id;
	o->state = (enum gossip_state)m->state;
}

bool
gossip_next(struct gossip *g, struct gossip_out *ret)
{
	const struct out *o;

	if (g->out_at == g->out_count)
		return false;
	o = &g->outs[g->out_at++];
	*ret = (struct gossip_out){ .type = o->type };
	if (o->type == GOSSIP_SEND) {
		ret->addr = g->bytes.p + o->addr_at;
		ret->packet = g->bytes.p + o->packet_at;
		ret->len = o->len;
	} else {
		ret->id = o->id;
		ret->state = o->state;
	}
	return true;
}
