/*
 * net.h - a network of gossiping members in memory, for the tests: virtual
 * time, delays, loss, cuts, pauses, refusals. A seed gives the same history.
 */
#ifndef TEST_UNIT_CORE_GOSSIP_NET_H
#define TEST_UNIT_CORE_GOSSIP_NET_H

#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/gossip/gossip.h"
#include "test/t.h"

#define DELAY_MS 1
#define JITTER_MS 3
#define NEVER UINT64_MAX

struct host {
	struct gossip *g;
	char id[ID_LEN + 1], addr[GOSSIP_ADDR_MAX];
	int addr_index;	    /* how its address ends */
	bool silent;	    /* takes and gives nothing */
	bool refuses;	    /* its daemon is gone, its kernel is there */
	uint64_t paused_to; /* what comes waits; it does not run */
	bool ticks_first;   /* before it reads what has waited */
};

struct flight {
	uint64_t at, order;
	int to, from; /* from: an address; refused: whose it was */
	bool refused;
	size_t len;
	void *p;
};

struct net {
	int count;
	uint64_t now, rand, order, packets, bytes;
	unsigned loss; /* per mille */
	struct host *hosts;
	bool *cut; /* count * count: from, to */
	struct flight *heap;
	size_t flights, cap;
	struct gossip_member *told;
	uint8_t *verdicts;    /* count * count: last of whom on whom */
	uint64_t *verdict_at; /* the same: when */
	unsigned dead_said, suspect_said;
};

static inline void
net_addr(int index, char ret[GOSSIP_ADDR_MAX])
{
	snprintf(ret, GOSSIP_ADDR_MAX, "10.%d.%d.%d:7946", index / 65536,
		 index / 256 % 256, index % 256);
}

static inline int
net_index(const char *addr)
{
	int a, b, c;

	return sscanf(addr, "10.%d.%d.%d:7946", &a, &b, &c) == 3
		       ? a * 65536 + b * 256 + c
		       : -1;
}

static inline bool
net_before(const struct flight *a, const struct flight *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static inline void
net_fly(struct net *n, struct flight f)
{
	size_t i;

	n->heap = mem_grow(n->heap, n->flights, &n->cap, sizeof(*n->heap));
	f.order = n->order++;
	for (i = n->flights++; i > 0 && net_before(&f, &n->heap[(i - 1) / 2]);
	     i = (i - 1) / 2)
		n->heap[i] = n->heap[(i - 1) / 2];
	n->heap[i] = f;
}

static inline struct flight
net_land(struct net *n)
{
	struct flight top = n->heap[0], last = n->heap[--n->flights];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < n->flights) {
		if (child + 1 < n->flights &&
		    net_before(&n->heap[child + 1], &n->heap[child]))
			child++;
		if (!net_before(&n->heap[child], &last))
			break;
		n->heap[i] = n->heap[child];
		i = child;
	}
	n->heap[i] = last;
	return top;
}

/* Who has this address now; -1: nobody. */
static inline int
net_whose(const struct net *n, int index)
{
	if (index < n->count && index >= 0 &&
	    n->hosts[index].addr_index == index)
		return index;
	for (int i = 0; i < n->count; i++)
		if (n->hosts[i].addr_index == index)
			return i;
	return -1;
}

static inline bool
net_lost(struct net *n, int from, int to)
{
	return n->cut[from * n->count + to] || n->hosts[to].silent ||
	       n->hosts[from].silent || rand_next(&n->rand) % 1000 < n->loss;
}

static inline uint64_t
net_delay(struct net *n)
{
	return DELAY_MS + rand_next(&n->rand) % (JITTER_MS + 1);
}

static inline void
net_send(struct net *n, int from, const struct gossip_out *o)
{
	int index = net_index(o->addr), to = net_whose(n, index);
	struct flight f = { .at = n->now + net_delay(n),
			    .to = to,
			    .from = n->hosts[from].addr_index };

	n->packets++;
	n->bytes += o->len;
	OK(o->len <= GOSSIP_PACKET_MAX);
	if (to < 0 || net_lost(n, from, to))
		return;
	if (n->hosts[to].refuses) {
		if (net_lost(n, to, from))
			return;
		f.refused = true;
		f.to = from;
		f.from = index;
	} else {
		f.p = mem_dup(o->packet, o->len);
		f.len = o->len;
	}
	net_fly(n, f);
}

static inline int
net_find(const struct net *n, const char *id)
{
	for (int i = 0; i < n->count; i++)
		if (strcmp(n->hosts[i].id, id) == 0)
			return i;
	return -1;
}

static inline void
net_drain(struct net *n, int who)
{
	struct gossip_out o;

	while (gossip_next(n->hosts[who].g, &o)) {
		int about;

		if (o.type == GOSSIP_SEND) {
			net_send(n, who, &o);
			continue;
		}
		about = net_find(n, o.id);
		OK(about >= 0 && about != who);
		OK(n->verdicts[who * n->count + about] != o.state);
		EQ(gossip_state(n->hosts[who].g, o.id), o.state);
		n->verdicts[who * n->count + about] = (uint8_t)o.state;
		n->verdict_at[who * n->count + about] = n->now;
		n->dead_said += o.state == GOSSIP_DEAD;
		n->suspect_said += o.state == GOSSIP_SUSPECT;
	}
}

static inline void
net_tell(struct net *n, int who)
{
	gossip_members(n->hosts[who].g, n->told, (size_t)n->count, n->now);
	net_drain(n, who);
}

/* Its daemon starts (again): it knows only who exists. */
static inline void
net_boot(struct net *n, int who)
{
	struct host *h = &n->hosts[who];

	gossip_free(h->g);
	h->g = gossip_new(h->id, rand_next(&n->rand), n->now);
	h->silent = h->refuses = false;
	for (int i = 0; i < n->count; i++)
		n->verdicts[who * n->count + i] = GOSSIP_ALIVE;
	net_tell(n, who);
}

static inline void
net_start(struct net *n, int count, uint64_t seed)
{
	size_t square = (size_t)count * (size_t)count;

	*n = (struct net){ .count = count, .rand = seed, .now = 1000 };
	n->hosts = mem_new_array((size_t)count, sizeof(*n->hosts));
	n->told = mem_new_array((size_t)count, sizeof(*n->told));
	n->cut = mem_new_array(square, sizeof(*n->cut));
	n->verdicts = mem_new_array(square, sizeof(*n->verdicts));
	n->verdict_at = mem_new_array(square, sizeof(*n->verdict_at));
	for (int i = 0; i < count; i++) {
		struct host *h = &n->hosts[i];

		id_make(&n->rand, h->id);
		h->addr_index = i;
		net_addr(i, h->addr);
		memcpy(n->told[i].id, h->id, sizeof(h->id));
		memcpy(n->told[i].addr, h->addr, sizeof(h->addr));
	}
	for (int i = 0; i < count; i++)
		net_boot(n, i);
}

static inline void
net_end(struct net *n)
{
	while (n->flights > 0)
		mem_free(net_land(n).p);
	for (int i = 0; i < n->count; i++)
		gossip_free(n->hosts[i].g);
	mem_free(n->heap);
	mem_free(n->hosts);
	mem_free(n->told);
	mem_free(n->cut);
	mem_free(n->verdicts);
	mem_free(n->verdict_at);
}

static inline void
net_deliver(struct net *n, struct flight f)
{
	struct host *h = &n->hosts[f.to];
	char addr[GOSSIP_ADDR_MAX];

	net_addr(f.from, addr);
	if (n->now < h->paused_to) {
		f.at = h->paused_to; /* its kernel keeps it */
		net_fly(n, f);
		return;
	}
	if (h->silent || h->refuses)
		;
	else if (f.refused)
		gossip_refused(h->g, addr, n->now);
	else
		gossip_packet(h->g, addr, f.p, f.len, n->now);
	net_drain(n, f.to);
	mem_free(f.p);
}

/* When host i wants to run. */
static inline uint64_t
net_wants(const struct net *n, int i)
{
	const struct host *h = &n->hosts[i];
	uint64_t at = gossip_deadline(h->g);

	if (h->silent || h->refuses)
		return NEVER;
	return at < h->paused_to ? h->paused_to : at;
}

static inline void
net_run(struct net *n, uint64_t ms)
{
	uint64_t end = n->now + ms;

	for (;;) {
		uint64_t at = n->flights > 0 ? n->heap[0].at : NEVER;
		int who = -1;

		for (int i = 0; i < n->count; i++)
			if (net_wants(n, i) < at || (net_wants(n, i) == at &&
						     n->hosts[i].ticks_first)) {
				at = net_wants(n, i);
				who = i;
			}
		if (at > end)
			break;
		n->now = at > n->now ? at : n->now;
		if (who < 0) {
			net_deliver(n, net_land(n));
			continue;
		}
		gossip_tick(n->hosts[who].g, n->now);
		OK(gossip_deadline(n->hosts[who].g) > n->now);
		net_drain(n, who);
	}
	n->now = end;
}

/* Runs until all others say that of who: how long it took; or limit. */
static inline uint64_t
net_until(struct net *n, int who, enum gossip_state state, uint64_t limit)
{
	uint64_t start = n->now;

	while (n->now - start < limit) {
		int want = 0, have = 0;

		for (int i = 0; i < n->count; i++) {
			if (i == who || n->hosts[i].silent ||
			    n->hosts[i].refuses)
				continue;
			want++;
			have += gossip_state(n->hosts[i].g, n->hosts[who].id) ==
				state;
		}
		if (want == have)
			return n->now - start;
		net_run(n, 10);
	}
	return limit;
}

static inline void
net_cut(struct net *n, int a, int b, bool on)
{
	n->cut[a * n->count + b] = on;
}

#endif
