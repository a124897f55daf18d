/*
 * packets.c - gossip's datagrams: lost, late, twice, out of order, refused by
 * a host on which nobody listens, and of no use to who lacks the key.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/gossip/gossip.h"
#include "test/sim/sim.h"

#define WAITING_MAX 400 /* of one host that is stopped */

struct packet {
	struct list link;
	struct host *from, *to;
	uint64_t from_daemon;
	char from_addr[GOSSIP_ADDR_MAX], to_addr[GOSSIP_ADDR_MAX];
	unsigned port;
	uint8_t key[32];
	size_t len;
	char bytes[];
};

static void
packet_free(struct packet *p)
{
	list_remove(&p->link);
	mem_free(p);
}

void
packets_fini(struct world *w)
{
	while (!list_empty(&w->packets))
		packet_free(container_of(w->packets.next, struct packet, link));
}

static void
give(struct host *h, const char *addr, const void *p, size_t len)
{
	struct gossip_packet g = { addr, p, len };
	struct event ev = { .type = EVENT_GOSSIP, .gossip = &g };

	host_give(h, &ev);
}

static bool
opens(const struct host *h, const uint8_t key[32])
{
	for (size_t i = 0; i < h->gossip_key_count; i++)
		if (memcmp(h->gossip_keys[i], key, 32) == 0)
			return true;
	return false;
}

static void
on_refused(struct world *w, void *ctx, uint64_t arg)
{
	struct packet *p = ctx;
	struct host *h = p->from;

	(void)w, (void)arg;
	if (h->daemon == p->from_daemon && h->gossip_port != 0)
		give(h, p->to_addr, NULL, 0);
	packet_free(p);
}

static void
on_packet(struct world *w, void *ctx, uint64_t arg)
{
	struct packet *p = ctx;
	struct host *h = p->to;

	(void)arg;
	if (h->node != NULL && h->gossip_port == p->port) {
		if (opens(h, p->key))
			give(h, p->from_addr, p->bytes, p->len);
	} else if (net_path(w, h, p->from)) {
		world_at(w, p->from, w->us + net_latency_us(w), on_refused, p,
			 0);
		return;
	}
	packet_free(p);
}

static void
post(struct host *h, struct host *to, unsigned port,
     const struct gossip_order *o)
{
	struct world *w = h->w;
	struct packet *p = mem_new(sizeof(*p) + o->len);
	uint64_t late = net_latency_us(w);

	p->from = h;
	p->from_daemon = h->daemon;
	p->to = to;
	p->port = port;
	snprintf(p->from_addr, sizeof(p->from_addr), "%s:%u", h->ip,
		 h->gossip_port);
	snprintf(p->to_addr, sizeof(p->to_addr), "%s", o->addr);
	memcpy(p->key, h->gossip_keys[0], sizeof(p->key));
	p->len = o->len;
	memcpy(p->bytes, o->p, o->len);
	list_append(&w->packets, &p->link);
	if (chance(w, 50))
		late += dice(w, 200000); /* out of order */
	world_at(w, to, w->us + late, on_packet, p, 0);
}

static void
send(struct host *h, const struct gossip_order *o)
{
	struct world *w = h->w;
	unsigned port = 0;
	struct host *to = net_host_at(w, o->addr, &port);

	if (o->len > GOSSIP_PACKET_MAX)
		world_fail(w, "a packet of gossip has %d bytes", (int)o->len);
	if (h->gossip_port == 0 || h->gossip_key_count == 0 || to == NULL ||
	    !net_path(w, h, to) || to->deferred.count > WAITING_MAX)
		return;
	if (!w->calm && dice(w, 1000) < w->plan.loss)
		return;
	post(h, to, port, o);
	if (!w->calm && dice(w, 1000) < w->plan.repeat)
		post(h, to, port, o);
}

static void
open_socket(struct host *h, const struct gossip_order *o)
{
	const char *colon = strrchr(o->addr, ':');
	uint64_t port = 0;

	check(colon != NULL && str_to_u64(colon + 1, &port));
	h->gossip_port = (unsigned)port;
	h->gossip_key_count = min_u64(o->key_count, ARRAY_LEN(h->gossip_keys));
	memcpy(h->gossip_keys, o->keys, 32 * h->gossip_key_count);
}

void
packets_order(struct host *h, const struct gossip_order *o)
{
	switch (o->verb) {
	case GOSSIP_OPEN:
		open_socket(h, o);
		return;
	case GOSSIP_CLOSE:
		h->gossip_port = 0;
		return;
	case GOSSIP_PACKET:
		send(h, o);
		return;
	}
}
