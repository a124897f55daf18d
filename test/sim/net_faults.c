/*
 * net_faults.c - what befalls links: daemons that die, hosts that move, links
 * that break, and networks that are cut, one way or both.
 */
#include "core/base/check.h"
#include "core/base/mem.h"
#include "test/sim/net_impl.h"

/* Of what was on its way to the others a part may still arrive. */
static void
cut_short(struct world *w, struct side *to)
{
	size_t count = 0, keep;

	list_each (it, &to->in)
		count++;
	keep = dice(w, count + 1);
	while (count > keep) {
		struct frame *f = container_of(to->in.prev, struct frame, link);

		to->in_bytes -= f->len;
		list_remove(&f->link);
		mem_free(f);
		count--;
	}
}

/* This side is gone, without a word to its own daemon. */
static void
vanish(struct wire *x, struct side *s)
{
	struct side *to = wire_other(x, s);

	s->closed = s->told = true;
	side_drop_frames(s);
	if (to->closed)
		return;
	cut_short(x->w, to);
	/* After all that still arrives. */
	side_lose(x, to,
		  max_u64(to->in_until_us, x->w->us) - x->w->us +
			  net_latency_us(x->w));
}

void
net_daemon_died(struct host *h)
{
	h->listening = false;
	h->port = h->gossip_port = 0;
	h->identity.is_set = false;
	list_each_safe (it, tmp, &h->w->wires) {
		struct wire *x = container_of(it, struct wire, link);

		for (int i = 0; i < 2; i++)
			if (x->side[i].host == h && !x->side[i].closed)
				vanish(x, &x->side[i]);
		if (wire_is_over(x))
			wire_free(x);
	}
}

void
net_forget(struct host *h)
{
	list_each (it, &h->w->wires) {
		struct wire *x = container_of(it, struct wire, link);

		for (int i = 0; i < 2; i++) {
			struct side *s = &x->side[i];

			if (s->host != h || s->closed || s->daemon != h->daemon)
				continue;
			side_close(x, s, 0, "this node has left the cluster");
			side_lose(x, wire_other(x, s), net_latency_us(h->w));
		}
	}
}

/* What was sent to the old address is for nobody. */
void
net_moved(struct host *h)
{
	list_each (it, &h->w->wires) {
		struct wire *x = container_of(it, struct wire, link);

		for (int i = 0; i < 2; i++)
			if (x->side[i].host == h &&
			    x->side[0].host != x->side[1].host &&
			    x->established) {
				side_drop_frames(&x->side[0]);
				side_drop_frames(&x->side[1]);
				side_lose(x, &x->side[0],
					  dice(h->w, 8 * US_PER_S));
				side_lose(x, &x->side[1],
					  dice(h->w, 8 * US_PER_S));
			}
	}
}

void
net_break_one(struct world *w)
{
	size_t count = 0, pick;

	list_each (it, &w->wires)
		count += container_of(it, struct wire, link)->established;
	if (count == 0)
		return;
	pick = dice(w, count);
	list_each (it, &w->wires) {
		struct wire *x = container_of(it, struct wire, link);

		if (!x->established || pick-- > 0)
			continue;
		cut_short(w, &x->side[0]);
		cut_short(w, &x->side[1]);
		side_lose(x, &x->side[0], dice(w, 3 * US_PER_S));
		side_lose(x, &x->side[1], dice(w, 3 * US_PER_S));
		return;
	}
}

/* Long after a cut that lasts: arg is from, to and the time of the cut. */
static void
on_patience(struct world *w, void *ctx, uint64_t arg)
{
	struct wire *x = ctx;
	struct side *s = &x->side[arg & 1];
	int a = x->side[0].host->index, b = x->side[1].host->index;
	uint64_t began = arg >> 1;
	bool lasts = (w->cut[a][b] && w->cut_since_us[a][b] <= began) ||
		     (w->cut[b][a] && w->cut_since_us[b][a] <= began);

	if (lasts)
		side_close(x, s, 0, "the other end does not answer");
	wire_done(x);
}

/* What waits goes on: not at once, as TCP tries less and less often. */
static void
go_on(struct wire *x, struct side *to)
{
	struct world *w = x->w;
	uint64_t at = w->us + net_latency_us(w) + dice(w, US_PER_S);

	list_each (it, &to->in) {
		struct frame *f = container_of(it, struct frame, link);

		f->at_us = max_u64(f->at_us, at);
		to->in_until_us = max_u64(to->in_until_us, f->at_us);
		wire_at(x, to->host, f->at_us, wire_on_frame,
			(uint64_t)(to == &x->side[1]));
	}
}

void
net_cut(struct world *w, int from, int to, bool cut)
{
	if (from == to || (w->cut[from][to] != 0) == cut)
		return;
	w->cut[from][to] = cut;
	w->cut_since_us[from][to] = w->us;
	list_each (it, &w->wires) {
		struct wire *x = container_of(it, struct wire, link);

		for (uint64_t i = 0; i < 2; i++) {
			struct side *s = &x->side[i];
			int here = s->host->index;
			int there = wire_other(x, s)->host->index;

			if (!cut && here == to && there == from)
				go_on(x, s);
			if (cut && ((here == to && there == from) ||
				    (here == from && there == to)))
				wire_at(x, s->host, w->us + net_patience_us(w),
					on_patience, w->us << 1 | i);
		}
	}
}
