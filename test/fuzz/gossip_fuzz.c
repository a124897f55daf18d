/*
 * gossip_fuzz.c - two members that hear each other well, and what anybody who
 * has the key could say to them: bytes, and packets in form that lie. Neither
 * may ever call the other, or itself, dead; none may send without end.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/gossip/gossip_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

#define MEMBERS 6 /* the first two are there */
#define SENT_MAX 100000

static const struct gossip_member members[MEMBERS] = {
	{ "one", "10.0.0.1:7946" },   { "two", "10.0.0.2:7946" },
	{ "three", "10.0.0.3:7946" }, { "four", "10.0.0.4:7946" },
	{ "five", "10.0.0.5:7946" },  { "six", "10.0.0.5:7946" },
};

struct world {
	struct gossip *g[2];
	uint64_t now;
	unsigned sent;
	/* Packets between the two, that are not there yet. */
	struct packet_writer wire[64];
	int to[64];
	unsigned first, last;
};

struct input {
	const uint8_t *p;
	size_t left;
};

static uint64_t
take(struct input *in, unsigned len)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < len; i++) {
		v = v << 8 | (in->left > 0 ? *in->p : 0);
		in->p += in->left > 0;
		in->left -= in->left > 0;
	}
	return v;
}

/* What does not fit on the wire is lost. */
static void
put_on_wire(struct world *w, int to, const struct gossip_out *o)
{
	unsigned at = w->last % ARRAY_LEN(w->wire);

	if (w->last - w->first == ARRAY_LEN(w->wire))
		return;
	memcpy(w->wire[at].bytes, o->packet, o->len);
	w->wire[at].len = o->len;
	w->to[at] = to;
	w->last++;
}

static void
drain(struct world *w, int who)
{
	struct gossip_out o;

	while (gossip_next(w->g[who], &o)) {
		if (o.type == GOSSIP_VERDICT) {
			check(strcmp(o.id, members[who].id) != 0);
			check(strcmp(o.id, members[!who].id) != 0 ||
			      o.state != GOSSIP_DEAD);
			continue;
		}
		check(o.len <= GOSSIP_PACKET_MAX);
		check(++w->sent < SENT_MAX);
		if (strcmp(o.addr, members[!who].addr) == 0)
			put_on_wire(w, !who, &o);
	}
	check(gossip_state(w->g[who], members[who].id) == GOSSIP_ALIVE);
}

static void
deliver(struct world *w)
{
	while (w->first != w->last) {
		unsigned at = w->first % ARRAY_LEN(w->wire);
		int to = w->to[at];

		w->first++;
		gossip_packet(w->g[to], members[!to].addr, w->wire[at].bytes,
			      w->wire[at].len, w->now);
		drain(w, to);
	}
}

static void
run(struct world *w, uint64_t ms)
{
	uint64_t end = w->now + ms;

	for (;;) {
		uint64_t a = gossip_deadline(w->g[0]);
		uint64_t b = gossip_deadline(w->g[1]);
		int who = b < a;

		deliver(w);
		if (min_u64(a, b) > end)
			break;
		w->now = max_u64(w->now, min_u64(a, b));
		gossip_tick(w->g[who], w->now);
		drain(w, who);
	}
	w->now = end;
}

/* Refs of members and of strangers; incarnations near ours, and any. */
static uint64_t
lie_ref(struct input *in)
{
	uint64_t n = take(in, 1);

	return n < 250 ? member_ref(members[n % MEMBERS].id) : n;
}

static uint64_t
lie_incarnation(const struct world *w, struct input *in)
{
	uint64_t n = take(in, 1);
	uint64_t near = w->g[n & 1]->self.incarnation;

	if (n < 200)
		near += n / 4;
	else if (n < 250)
		near += UINT64_C(1) << (n - 190);
	return near % INCARNATION_END;
}

static void
lie(struct world *w, struct input *in, int to)
{
	struct packet_head head = {
		.type = (enum packet_type)(1 + take(in, 1) % 5),
		.flags = (uint8_t)take(in, 1),
		.seq = (uint32_t)take(in, 1),
		.from = lie_ref(in),
		.incarnation = lie_incarnation(w, in),
		.subject = lie_ref(in),
		.subject_incarnation = lie_incarnation(w, in),
	};
	const char *addr = members[take(in, 1) % MEMBERS].addr;
	unsigned count = (unsigned)take(in, 1) % 16;
	struct packet_writer packet;

	packet_begin(&packet, &head);
	for (unsigned i = 0; i < count; i++) {
		struct packet_entry entry = { .ref = lie_ref(in) };
		unsigned bits = (unsigned)take(in, 1);

		entry.incarnation = lie_incarnation(w, in);
		entry.accuser_count = bits & 3;
		entry.refused_by =
			(uint8_t)(bits >> 4 & 7 & ((1u << (bits & 3)) - 1));
		for (unsigned j = 0; j < entry.accuser_count; j++)
			entry.accusers[j] = (uint32_t)lie_ref(in);
		(void)packet_put(&packet, &entry);
	}
	gossip_packet(w->g[to], addr, packet.bytes, packet.len, w->now);
}

static void
raw(struct world *w, struct input *in, int to)
{
	size_t len = take(in, 2) % (GOSSIP_PACKET_MAX + 2);

	if (len > in->left)
		len = in->left;
	gossip_packet(w->g[to], "10.0.0.9:1", in->p, len, w->now);
	in->p += len;
	in->left -= len;
}

/* The two always exist; which of the others do is in the input. */
static void
change_members(struct world *w, struct input *in, int to)
{
	struct gossip_member v[MEMBERS];
	unsigned bits = (unsigned)take(in, 1) | 3;
	size_t count = 0;

	for (unsigned i = 0; i < MEMBERS; i++)
		if (bits >> i & 1)
			v[count++] = members[i];
	gossip_members(w->g[to], v, count, w->now);
}

static void
act(struct world *w, struct input *in)
{
	unsigned what = (unsigned)take(in, 1);
	int to = what & 1;

	switch (what >> 1 & 7) {
	case 0:
		raw(w, in, to);
		break;
	case 1:
		change_members(w, in, to);
		break;
	case 2: /* not of the two: their kernels do not lie */
		gossip_refused(w->g[to], members[2 + take(in, 1) % 4].addr,
			       w->now);
		break;
	case 3:
		run(w, take(in, 1) * 8);
		break;
	default:
		lie(w, in, to);
		break;
	}
	drain(w, to);
	deliver(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct input in = { p, len < 4096 ? len : 4096 };
	struct world *w = mem_new(sizeof(*w));

	w->now = 1000;
	for (int i = 0; i < 2; i++) {
		w->g[i] = gossip_new(members[i].id, (uint64_t)i, w->now);
		gossip_members(w->g[i], members, MEMBERS, w->now);
	}
	while (in.left > 0)
		act(w, &in);
	run(w, 5000);
	for (int i = 0; i < 2; i++) {
		check(gossip_state(w->g[i], members[!i].id) == GOSSIP_ALIVE);
		gossip_free(w->g[i]);
	}
	mem_free(w);
	return 0;
}
