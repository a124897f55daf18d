/*
 * news.c - what is told with each packet: first what the addressee itself is
 * accused of, then news (each a number of times that grows with the logarithm
 * of the members), then some of those not alive, in turn, so that who started
 * late or lost a packet comes to know them. News are not only carried along:
 * they are pushed to a few at once, and by these to others.
 *
 * There is at most one piece of news per member, and it is the member's state
 * when it is sent: the queue cannot grow past the members.
 */
#include "core/base/check.h"
#include "core/gossip/gossip_impl.h"

static bool
put_member(struct packet_writer *w, const struct member *m)
{
	struct packet_entry entry = { .ref = m->ref,
				      .incarnation = m->incarnation };

	if (m->state != GOSSIP_ALIVE) {
		check(m->accuser_count > 0);
		entry.accuser_count = m->accuser_count;
		entry.refused_by = m->refused_by;
		for (unsigned i = 0; i < m->accuser_count; i++)
			entry.accusers[i] = m->accusers[i];
	}
	return packet_put(w, &entry);
}

/* Sent ones go to the end: who was sent least comes first. */
static void
put_news(struct gossip *g, struct packet_writer *w)
{
	struct list *last = g->news.prev;

	list_each_safe (it, tmp, &g->news) {
		struct member *m = container_of(it, struct member, news);
		bool is_last = it == last;

		if (!put_member(w, m))
			return;
		list_remove(&m->news);
		if (--m->spread > 0)
			list_append(&g->news, &m->news);
		if (is_last)
			return;
	}
}

static void
put_down(struct gossip *g, struct packet_writer *w)
{
	for (int i = 0; i < DOWN_SHOWN && !list_empty(&g->down); i++) {
		struct member *m =
			container_of(g->down.next, struct member, down);

		list_remove(&m->down);
		list_append(&g->down, &m->down);
		if (!put_member(w, m))
			return;
	}
}

void
news_send(struct gossip *g, const char *addr, const struct member *to,
	  struct packet_head head)
{
	struct packet_writer w;

	head.from = g->self.ref;
	head.incarnation = g->self.incarnation;
	packet_begin(&w, &head);
	if (to != NULL && to->state != GOSSIP_ALIVE)
		put_member(&w, to);
	put_news(g, &w);
	put_down(g, &w);
	gossip_out_packet(g, addr, w.bytes, w.len);
}

void
news_add(struct gossip *g, struct member *m)
{
	m->spread = g->spread;
	list_remove(&m->news);
	list_append(g->news.next, &m->news); /* before the first */
	if (g->count > 0)
		gossip_arm(g, max_u64(g->push_ms, g->now_ms));
}

void
news_push(struct gossip *g)
{
	uint64_t wait = PUSH_MS;

	if (g->count == 0 || list_empty(&g->news) || g->now_ms < g->push_ms)
		return;
	for (int i = 0; i < FANOUT && !list_empty(&g->news); i++) {
		struct member *m = member_pick(g, GOSSIP_DEAD, NULL);

		if (m == NULL)
			wait = GOSSIP_PERIOD_MS; /* nobody is there to hear */
		else
			news_send(g, m->addr, m,
				  (struct packet_head){ .type = PACKET_NEWS,
							.subject = m->ref });
	}
	g->push_ms = g->now_ms + wait;
}
