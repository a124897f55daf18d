/*
 * raft_step_fuzz.c - whatever a member is told, by whom and when: it never
 * breaks a check(), what it has committed never changes, and its term and its
 * commit never go back. The first byte chooses what it starts from.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/raft/raft.h"

#define ENTRIES_MAX 5
#define KEPT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

struct in {
	const uint8_t *p;
	size_t len;
};

static struct raft *r;
static uint64_t now_ms, term, commit, applied, taken;
static uint64_t kept[KEPT_MAX]; /* the term of each committed entry */

static uint8_t
byte(struct in *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->p++;
}

/* Mostly small; now and then near an end of the numbers. */
static uint64_t
number(struct in *in)
{
	uint8_t b = byte(in);

	if (b < 0xf0)
		return b % 24;
	return b < 0xf8 ? UINT64_MAX - (b & 7) : UINT64_MAX / 2 - 3 + (b & 7);
}

/* Near what the member has, so that it is not all refused. */
static uint64_t
near(struct in *in, uint64_t what)
{
	uint8_t b = byte(in);

	return b < 0xe0 ? what + 2 - min_u64(b % 5, what + 2) : number(in);
}

static void
members(struct in *in, struct raft_members *ret)
{
	ret->count = byte(in) % (RAFT_MEMBERS_MAX + 2);
	for (uint32_t i = 0; i < ret->count && i < RAFT_MEMBERS_MAX; i++) {
		ret->id[i] = byte(in) % 12;
		ret->learner[i] = byte(in) & 1;
	}
}

static uint8_t packed[ENTRIES_MAX][RAFT_MEMBERS_PACKED_MAX];

static void
entry(struct in *in, struct raft_entry *ret, size_t at)
{
	struct raft_members m = { 0 };

	ret->term = near(in, term);
	ret->kind = byte(in) % 5;
	ret->data = packed[at];
	ret->len = byte(in) % RAFT_MEMBERS_PACKED_MAX;
	if (ret->kind != RAFT_CONFIG)
		return;
	members(in, &m);
	m.count = (uint32_t)min_u64(m.count, RAFT_MEMBERS_MAX);
	ret->len = raft_members_pack(&m, packed[at]);
}

static void
message(struct in *in)
{
	struct raft_entry e[ENTRIES_MAX] = { 0 };
	struct raft_msg m = { .type = 1 + byte(in) % 7,
			      .from = byte(in) % 6,
			      .to = 1,
			      .term = near(in, term),
			      .entries = e };
	uint8_t flags = byte(in);
	struct raft_event ev = { .type = RAFT_RECV, .msg = &m };

	m.pre = flags & 1;
	m.transfer = flags & 2;
	m.ok = flags & 4;
	m.done = flags & 8;
	m.index = near(in, flags & 16 ? commit : raft_last_index(r));
	m.index_term = near(in, term);
	if (raft_entry_at(r, m.index) != NULL && flags & 32)
		m.index_term = raft_entry_at(r, m.index)->term;
	m.commit = near(in, commit);
	m.match = near(in, raft_last_index(r));
	m.round = number(in);
	m.offset = byte(in) % 8;
	m.data = packed[0];
	m.len = byte(in) % 8;
	members(in, &m.members);
	if (m.type == RAFT_APPEND)
		m.entry_count = byte(in) % (ENTRIES_MAX + 1);
	for (size_t i = 0; i < m.entry_count; i++) {
		entry(in, &e[i], i);
		e[i].index = m.index + 1 + i + (byte(in) == 0xff);
	}
	ev.now_ms = now_ms;
	raft_step(r, &ev);
}

static void
piece(struct in *in)
{
	struct raft_entry at = { .kind = RAFT_NOOP };
	struct raft_piece p;
	uint8_t b;

	if (!raft_snapshot_next(r, &p))
		return;
	b = byte(in);
	if (b == 1)
		raft_snapshot_abort(r);
	at.index = p.index + (b == 2);
	at.term = p.index_term;
	if (p.done && b != 3 && raft_install(r, &at) == 0) {
		check(b != 2);
		check(raft_commit(r) == p.index);
		applied = commit = p.index;
		if (commit < KEPT_MAX)
			kept[commit] = at.term;
	}
}

static void
take(struct in *in)
{
	struct raft_write w;
	struct raft_msg m;
	uint64_t seq, index;

	piece(in);
	while (raft_write_next(r, &w)) {
		check(w.seq == taken + 1);
		taken = w.seq;
	}
	while (raft_msg_next(r, &m)) {
		check(m.from == 1 && m.to != 1);
		if (m.type == RAFT_SNAPSHOT && byte(in) == 1)
			raft_snapshot_restart(r, m.to);
	}
	(void)raft_read_next(r, &seq, &index);
	(void)raft_read_failed(r, &seq);
	(void)raft_deadline(r);
}

static void
ask(struct in *in)
{
	uint64_t a, b, id = byte(in) % 8;
	uint32_t x, y;

	switch (byte(in) % 6) {
	case 0:
		(void)raft_propose(r, "data", 4, &a, &b);
		break;
	case 1:
		(void)raft_propose_change(r, 1 + byte(in) % 3, id, &a, &b);
		break;
	case 2:
		(void)raft_transfer(r, id);
		break;
	case 3:
		(void)raft_read(r, &a);
		break;
	case 4:
		(void)raft_can_remove(r, id, &x, &y);
		(void)raft_is_caught_up(r, id);
		break;
	case 5:
		(void)raft_trim(r, applied);
		break;
	}
}

static void
persisted(struct in *in)
{
	struct raft_event ev = { .type = RAFT_PERSISTED, .now_ms = now_ms };

	ev.seq = taken - min_u64(byte(in) % 3, taken);
	raft_step(r, &ev);
}

static void
look(void)
{
	check(raft_term(r) >= term);
	check(raft_commit(r) >= commit);
	term = raft_term(r);
	for (uint64_t i = commit + 1; i <= raft_commit(r) && i < KEPT_MAX; i++)
		kept[i] = raft_entry_at(r, i)->term;
	commit = raft_commit(r);
	for (uint64_t i = 1; i <= commit && i < KEPT_MAX; i++)
		if (raft_entry_at(r, i) != NULL)
			check(raft_entry_at(r, i)->term == kept[i]);
	if (commit > applied) {
		applied = commit;
		raft_snapshot_at(r, applied);
	}
}

static void
begin(uint8_t how)
{
	struct raft_entry e[] = { { 1, 1, RAFT_NOOP, NULL, 0 },
				  { 2, 1, RAFT_NOOP, NULL, 0 },
				  { 3, 2, RAFT_NOOP, NULL, 0 } };
	struct raft_start start = { .id = 1, .seed = how, .slack = 1 };

	start.members.count = how % 4;
	for (uint32_t i = 0; i < start.members.count; i++)
		start.members.id[i] = i + 1;
	if (how & 4) {
		start.hard.term = 3;
		start.entries = e;
		start.entry_count = 3;
		start.applied = how & 8 ? 1 : 0;
	}
	now_ms = 1000;
	taken = 0;
	r = raft_new(&start, now_ms);
	term = raft_term(r);
	commit = applied = raft_commit(r);
	memset(kept, 0, sizeof(kept));
	kept[1] = 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct in in = { p, len };
	struct raft_event tick = { .type = RAFT_TICK };

	begin(byte(&in));
	while (in.len > 0) {
		switch (byte(&in) % 6) {
		case 0:
			now_ms += byte(&in) * UINT64_C(10);
			tick.now_ms = now_ms;
			raft_step(r, &tick);
			break;
		case 1:
			persisted(&in);
			break;
		case 2:
			ask(&in);
			break;
		default:
			message(&in);
			break;
		}
		take(&in);
		look();
	}
	raft_free(r);
	return 0;
}
