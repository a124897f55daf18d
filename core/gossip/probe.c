/*
 * probe.c - asking a member whether it is there: directly; then, when it has
 * not answered for a while, once more and through helpers, who say, too, that
 * they got no answer. If not even they are heard, the fault may be here: local
 * health (Lifeguard) then makes this node slower to accuse.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/rand.h"
#include "core/gossip/gossip_impl.h"

void
probe_health(struct gossip *g, int change)
{
	if (change > 0 && g->health < HEALTH_MAX)
		g->health++;
	if (change < 0 && g->health > 0)
		g->health--;
}

static uint64_t
from_now(const struct gossip *g, uint64_t ms)
{
	return g->now_ms + ms * (1 + g->health);
}

static uint32_t
new_seq(struct gossip *g)
{
	return (uint32_t)(rand_next(&g->rand) >> 32) | 1;
}

static void
ping(struct gossip *g, const struct member *m, const char *addr, uint32_t seq)
{
	news_send(g, addr, m,
		  (struct packet_head){
			  .type = PACKET_PING, .seq = seq, .subject = m->ref });
}

void
probe_start(struct gossip *g, struct member *m)
{
	check(m->phase == PHASE_IDLE);
	m->phase = PHASE_DIRECT;
	m->seq = new_seq(g);
	m->helpers = m->nacks = m->refusals = m->moved = 0;
	m->step_ms = from_now(g, GOSSIP_PROBE_MS);
	member_activate(g, m);
	ping(g, m, m->addr, m->seq);
}

/* All ask a suspect, so each asks one helper only. */
static void
ask_others(struct gossip *g, struct member *m)
{
	unsigned want = m->state == GOSSIP_SUSPECT ? 1 : HELPERS;
	struct member *chosen[HELPERS] = { NULL };

	m->phase = PHASE_INDIRECT;
	m->step_ms = from_now(g, INDIRECT_MS);
	gossip_arm(g, m->step_ms);
	ping(g, m, m->addr, m->seq);
	for (unsigned i = 0; i < want; i++) {
		struct member *h = member_pick(g, GOSSIP_SUSPECT, m);
		bool again = h == NULL;

		for (unsigned j = 0; j < i; j++)
			again = again || chosen[j] == h;
		if (again)
			continue;
		chosen[i] = h;
		m->helpers++;
		news_send(g, h->addr, h,
			  (struct packet_head){ .type = PACKET_PING_REQ,
						.seq = m->seq,
						.subject = m->ref });
	}
}

/* No answer came in time, or nobody listens there. */
static void
conclude(struct gossip *g, struct member *m)
{
	bool refused = m->refusals >= REFUSALS;

	m->phase = PHASE_IDLE;
	if (m->state == GOSSIP_DEAD) {
		member_deactivate(m);
		return;
	}
	if (m->state == GOSSIP_ALIVE && !refused && m->helpers > 0 &&
	    m->nacks == 0)
		probe_health(g, 1);
	member_accuse(g, m, m->incarnation, (uint32_t)g->self.ref, refused);
	check(m->state == GOSSIP_SUSPECT);
	m->asked = refused ? ASKED_REFUSED : ASKED_SILENT;
	m->step_ms =
		g->now_ms + ASK_AGAIN_MS + rand_next(&g->rand) % ASK_AGAIN_MS;
	member_activate(g, m);
	gossip_arm(g, member_suspect_end(g, m));
}

static void
advance(struct gossip *g, struct member *m)
{
	if (m->phase == PHASE_IDLE)
		probe_start(g, m);
	else if (m->phase == PHASE_DIRECT && m->state != GOSSIP_DEAD)
		ask_others(g, m);
	else
		conclude(g, m);
}

void
probe_step(struct gossip *g, struct member *m)
{
	if (g->now_ms >= m->step_ms)
		advance(g, m);
	if (m->state == GOSSIP_SUSPECT && m->asked != ASKED_NOT &&
	    g->now_ms >= member_suspect_end(g, m))
		member_dead(g, m);
}

void
probe_refused(struct gossip *g, struct member *m)
{
	if (m->phase == PHASE_IDLE)
		return;
	m->refusals++;
	if (m->refusals >= REFUSALS)
		conclude(g, m);
	else if (m->phase == PHASE_DIRECT && m->state != GOSSIP_DEAD)
		ask_others(g, m);
	else
		ping(g, m, m->addr, m->seq);
}

/*
 * An address is learnt only from an answer to a number that was sent there
 * (gossip.c): a packet that was caught and sent again from elsewhere earns
 * one ping, and moves nobody.
 */
void
probe_moved(struct gossip *g, struct member *m, const char *addr)
{
	if (m->phase == PHASE_IDLE)
		probe_start(g, m);
	if (m->moved)
		return;
	m->moved = 1;
	ping(g, m, addr, m->seq ^ member_addr_hash(addr));
}

void
probe_answered(struct gossip *g, struct member *m, uint64_t incarnation)
{
	m->phase = PHASE_IDLE;
	m->seq = 0;
	probe_health(g, -1);
	m->incarnation = min_u64(m->incarnation, incarnation);
	member_alive(g, m, incarnation);
	member_deactivate(m);
}

void
probe_slot(struct gossip *g)
{
	struct member *m;

	if (g->count == 0 || g->now_ms < g->slot_ms)
		return;
	m = g->slot < WATCHED ? member_watched(g, g->slot) : member_walk(g);
	g->slot = (g->slot + 1) % SLOTS;
	g->slot_ms = from_now(g, SLOT_MS);
	if (m != NULL && m->phase == PHASE_IDLE && m->state != GOSSIP_SUSPECT)
		probe_start(g, m);
}

/* ---- helping ------------------------------------------------------------- */

static void
say_no(struct gossip *g, const char *addr, uint64_t target, uint32_t seq,
       uint8_t flags)
{
	news_send(g, addr, NULL,
		  (struct packet_head){ .type = PACKET_NACK,
					.flags = flags,
					.seq = seq,
					.subject = target });
}

void
help_start(struct gossip *g, const char *addr, uint64_t target, uint32_t seq)
{
	struct member *m = member_find(g, target);
	struct help *h = g->helps;

	if (m == NULL || g->help_count == HELPS_MAX ||
	    strlen(addr) >= sizeof(h->addr)) {
		say_no(g, addr, target, seq, 0);
		return;
	}
	while (h->target != 0)
		h++;
	check(h < g->helps + HELPS_MAX);
	*h = (struct help){ .target = target,
			    .due_ms = g->now_ms + HELP_MS,
			    .seq = new_seq(g),
			    .seq_from = seq };
	memcpy(h->addr, addr, strlen(addr) + 1);
	g->help_count++;
	gossip_arm(g, h->due_ms);
	ping(g, m, m->addr, h->seq);
}

struct help *
help_find(struct gossip *g, uint64_t target, uint32_t seq)
{
	if (g->help_count == 0)
		return NULL;
	for (struct help *h = g->helps; h < g->helps + HELPS_MAX; h++)
		if (h->target == target && h->seq == seq)
			return h;
	return NULL;
}

void
help_end(struct gossip *g, struct help *h)
{
	check(h->target != 0);
	check(g->help_count > 0);
	h->target = 0;
	g->help_count--;
}

void
help_tick(struct gossip *g)
{
	for (struct help *h = g->helps; h < g->helps + HELPS_MAX; h++) {
		if (g->help_count == 0)
			return;
		if (h->target == 0 || g->now_ms < h->due_ms)
			continue;
		say_no(g, h->addr, h->target, h->seq_from, 0);
		help_end(g, h);
	}
}

void
help_refused(struct gossip *g, const char *addr)
{
	for (struct help *h = g->helps; h < g->helps + HELPS_MAX; h++) {
		const struct member *m;

		if (g->help_count == 0)
			return;
		m = h->target != 0 ? member_find(g, h->target) : NULL;
		if (m == NULL || strcmp(m->addr, addr) != 0)
			continue;
		say_no(g, h->addr, h->target, h->seq_from, PACKET_REFUSED);
		help_end(g, h);
	}
}
