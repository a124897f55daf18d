/*
 * cluster.h - members of a cluster whose writes and messages the test carries
 * by hand, so that each can be delayed, lost, repeated or reordered. The
 * driver of each does what core/node does: applies, trims, pins snapshots.
 * After each step the invariants of a cluster are checked (I1 to I11 of the
 * test plan, as far as they are raft's).
 */
#ifndef TEST_UNIT_CORE_RAFT_CLUSTER_H
#define TEST_UNIT_CORE_RAFT_CLUSTER_H

#include <errno.h>

#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/raft/raft.h"
#include "test/t.h"

#define SLOTS 9
#define WIRES_MAX 512
#define TERMS_MAX 4096
#define COMMITTED_MAX 8192
#define READS_MAX 64 /* of one member, not answered */
#define PIECE_LEN 11 /* bytes of a snapshot in one message */
#define REC_MAX RAFT_MEMBERS_PACKED_MAX

/* An entry, by value. */
struct rec {
	uint64_t index, term;
	enum raft_entry_kind kind;
	size_t len;
	uint8_t data[REC_MAX];
};

struct disk {
	struct raft_hard hard;
	struct rec *log; /* first .. first + count - 1 */
	size_t count, cap;
	uint64_t first;
	uint64_t applied, hash;
	struct raft_members members; /* as of applied */
};
struct write {
	struct raft_write w;
	struct rec *recs;
	uint64_t applied, hash, trim;
	struct raft_members members;
};
struct pin {
	uint64_t to, index;
	uint8_t bytes[16 + 8 + REC_MAX];
	size_t len;
};
struct member {
	struct raft *raft; /* NULL: this slot was never used */
	uint64_t id;
	struct disk disk;
	struct write writes[RAFT_WRITES_MAX];
	size_t write_count;
	uint64_t applied, hash;
	struct raft_members members;
	struct pin pins[SLOTS];
	uint8_t in[sizeof(((struct pin *)0)->bytes)];
	size_t in_len;
	uint64_t
		read_floor[READS_MAX]; /* by seq: committed when it was asked */
	uint64_t read_seq, read_done, read_failed, read_index;
	uint64_t leads_term; /* its log was looked through */
	uint64_t voted_term, voted_for;
};
struct wire {
	struct raft_msg msg;
	struct raft_entry *entries;
	struct rec *recs;
	uint8_t piece[PIECE_LEN];
};

static struct member m[SLOTS];
static struct wire *wires[WIRES_MAX];
static size_t wire_count;
static uint32_t member_count; /* slots in use */
static uint64_t now_ms;
static uint64_t rnd;
static uint64_t next_id;
static uint64_t slack;
static uint64_t install_count;
static bool by_hand; /* the others' answers are made up */

/* What was ever committed, by index, and the state after it. */
static struct rec committed[COMMITTED_MAX];
static uint64_t committed_hash[COMMITTED_MAX];
static uint64_t committed_in[COMMITTED_MAX]; /* the term in which it was */
static uint64_t committed_count;	     /* the highest index */
static uint64_t leader_of_term[TERMS_MAX];

static inline struct rec
rec_of(const struct raft_entry *e)
{
	struct rec r = { e->index, e->term, e->kind, e->len, { 0 } };

	OK(e->len <= REC_MAX);
	if (e->len > 0)
		memcpy(r.data, e->data, e->len);
	return r;
}

static inline struct raft_entry
entry_of(struct rec *r)
{
	return (struct raft_entry){ r->index, r->term, r->kind,
				    r->len > 0 ? r->data : NULL, r->len };
}

static inline bool
rec_same(const struct rec *a, const struct rec *b)
{
	return a->index == b->index && a->term == b->term &&
	       a->kind == b->kind && a->len == b->len &&
	       memcmp(a->data, b->data, a->len) == 0;
}

static inline uint64_t
hash_on(uint64_t hash, const struct rec *r)
{
	uint64_t seed = hash ^ r->index ^ (r->term << 32) ^ (uint64_t)r->kind;

	for (size_t i = 0; i < r->len; i++) {
		seed += r->data[i];
		seed = rand_next(&seed);
	}
	return rand_next(&seed);
}

static inline int
slot_of(uint64_t id)
{
	for (uint32_t i = 0; i < member_count; i++)
		if (m[i].raft != NULL && m[i].id == id)
			return (int)i;
	return -1;
}

/* ---- the disk
 * ----------------------------------------------------------------------- */

static inline uint64_t
disk_last(const struct disk *d)
{
	return d->count > 0 ? d->first + d->count - 1 : 0;
}

static inline struct rec *
disk_at(struct disk *d, uint64_t index)
{
	if (d->count == 0 || index < d->first || index > disk_last(d))
		return NULL;
	return &d->log[index - d->first];
}

static inline void
disk_add(struct disk *d, const struct rec *r)
{
	if (d->count == 0)
		d->first = r->index;
	EQ(r->index, d->first + d->count);
	d->log = mem_grow(d->log, d->count, &d->cap, sizeof(*d->log));
	d->log[d->count++] = *r;
}

static inline void
disk_write(struct disk *d, const struct write *t)
{
	if (t->w.hard_dirty) {
		OK(t->w.hard.term >= d->hard.term);
		d->hard = t->w.hard;
	}
	while (t->w.truncate_from != 0 && d->count > 0 &&
	       disk_last(d) >= t->w.truncate_from)
		d->count--;
	for (size_t k = 0; k < t->w.entry_count; k++)
		disk_add(d, &t->recs[k]);
	OK(t->applied >= d->applied);
	d->applied = t->applied;
	d->hash = t->hash;
	d->members = t->members;
	while (d->count > 0 && d->first < t->trim) {
		d->count--;
		d->first++;
		memmove(d->log, d->log + 1, d->count * sizeof(*d->log));
	}
}

/* ---- life
 * ---------------------------------------------------------------------------
 */

static inline void
forget_wires(void)
{
	while (wire_count > 0) {
		struct wire *t = wires[--wire_count];

		mem_free(t->entries);
		mem_free(t->recs);
		mem_free(t);
	}
}

static inline void
forget_writes(uint32_t i)
{
	while (m[i].write_count > 0)
		mem_free(m[i].writes[--m[i].write_count].recs);
}

/* From what its disk holds. */
static inline void
start(uint32_t i)
{
	struct disk *d = &m[i].disk;
	struct raft_entry *log = mem_new_array(d->count + 1, sizeof(*log));
	struct raft_start c = { .id = m[i].id,
				.seed = rand_next(&rnd),
				.hard = d->hard,
				.applied = d->applied,
				.entries = log,
				.entry_count = d->count,
				.members = d->members,
				.slack = slack };
	struct err e;

	for (size_t x = 0; x < d->count; x++)
		log[x] = entry_of(&d->log[x]);
	forget_writes(i);
	EQ(raft_start_check(&c, &e), 0);
	m[i].raft = raft_new(&c, now_ms);
	m[i].applied = d->applied;
	m[i].hash = d->hash;
	m[i].members = d->members;
	m[i].read_seq = m[i].read_done = m[i].read_failed = 0;
	m[i].in_len = 0;
	m[i].leads_term = 0;
	memset(m[i].pins, 0, sizeof(m[i].pins));
	mem_free(log);
}

/* A slot with an empty disk and an id that was never used (I11). */
static inline void
fresh(uint32_t i, const struct raft_members *members)
{
	struct rec *log = m[i].disk.log;
	size_t cap = m[i].disk.cap;

	raft_free(m[i].raft);
	forget_writes(i);
	m[i] = (struct member){ .id = next_id++ };
	m[i].disk.log = log;
	m[i].disk.cap = cap;
	if (members != NULL)
		m[i].disk.members = *members;
	start(i);
}

/* count that vote, with ids 1 .. count, and empty logs. */
static inline void
cluster(uint32_t count)
{
	struct raft_members members = { .count = count };

	OK(count <= RAFT_MEMBERS_MAX);
	member_count = count;
	now_ms = 1000;
	rnd = 42;
	next_id = 1;
	slack = 0;
	by_hand = false;
	committed_count = 0;
	forget_wires();
	memset(leader_of_term, 0, sizeof(leader_of_term));
	for (uint32_t k = 0; k < count; k++)
		members.id[k] = k + 1;
	for (uint32_t i = 0; i < count; i++)
		fresh(i, &members);
}

static inline void
end(void)
{
	forget_wires();
	for (uint32_t i = 0; i < SLOTS; i++) {
		raft_free(m[i].raft);
		forget_writes(i);
		mem_free(m[i].disk.log);
	}
	memset(m, 0, sizeof(m));
}

/* Its disk holds count entries without data, of these terms. */
static inline void
preset(uint32_t i, uint64_t hard_term, const uint64_t *terms, size_t count)
{
	m[i].disk.hard = (struct raft_hard){ hard_term, 0 };
	m[i].disk.count = 0;
	for (size_t k = 0; k < count; k++)
		disk_add(&m[i].disk,
			 &(struct rec){ k + 1, terms[k], RAFT_NOOP, 0, { 0 } });
	raft_free(m[i].raft);
	start(i);
}

/* ---- the invariants
 * ----------------------------------------------------------------- */

/* I5, I7: on the disks of a quorum of those who vote. */
static inline bool
is_on_a_quorum(const struct raft_members *of, const struct rec *r)
{
	uint32_t have = 0, voters = 0;

	for (uint32_t i = 0; i < of->count; i++) {
		int s = slot_of(of->id[i]);
		const struct rec *has;

		if (of->learner[i])
			continue;
		voters++;
		if (s < 0)
			continue;
		has = disk_at(&m[s].disk, r->index);
		have += m[s].disk.count > 0 && m[s].disk.first > r->index;
		have += has != NULL && has->term == r->term;
	}
	return have >= voters / 2 + 1;
}

/* I4: the first to commit an index says what it is, for all and for ever. */
static inline void
commit_one(uint32_t i, const struct rec *r)
{
	struct raft *raft = m[i].raft;

	if (r->index > committed_count) {
		EQ(r->index, committed_count + 1);
		OK(committed_count + 1 < COMMITTED_MAX);
		committed_count++;
		committed[r->index] = *r;
		committed_in[r->index] = raft_term(raft);
		committed_hash[r->index] =
			hash_on(committed_hash[r->index - 1], r);
		if (raft_role(raft) == RAFT_LEADER && !by_hand)
			OK(is_on_a_quorum(raft_members(raft), r));
	}
	OK(rec_same(&committed[r->index], r));
}

static inline void
apply(uint32_t i)
{
	struct err e;

	while (m[i].applied < raft_commit(m[i].raft)) {
		const struct raft_entry *en =
			raft_entry_at(m[i].raft, m[i].applied + 1);
		struct rec r;

		OK(en != NULL);
		r = rec_of(en);
		commit_one(i, &r);
		m[i].hash = hash_on(m[i].hash, &r);
		m[i].applied++;
		if (r.kind == RAFT_CONFIG)
			EQ(raft_members_unpack(r.data, r.len, &m[i].members,
					       &e),
			   0);
		EQ(m[i].hash, committed_hash[m[i].applied]);
	}
	raft_snapshot_at(m[i].raft, m[i].applied);
}

/* I1: one in a term. I3: it has all that was committed in older terms (it may
 * count its votes late, when there is a newer leader already). */
static inline void
check_leader(uint32_t i)
{
	struct raft *r = m[i].raft;
	uint64_t term = raft_term(r);

	if (raft_role(r) != RAFT_LEADER || m[i].leads_term == term)
		return;
	OK(term < TERMS_MAX);
	OK(leader_of_term[term] == 0 || leader_of_term[term] == m[i].id);
	leader_of_term[term] = m[i].id;
	m[i].leads_term = term;
	for (uint64_t x = committed_count; x > 0; x--) {
		const struct raft_entry *e = raft_entry_at(r, x);

		if (committed_in[x] >= term)
			continue;
		OK(raft_last_index(r) >= x);
		if (e == NULL)
			break;
		EQ(e->term, committed[x].term);
	}
}

/* I6: what is promised is on the disk by now, and is promised to one. */
static inline void
check_promise(uint32_t i, const struct raft_msg *msg)
{
	struct disk *d = &m[i].disk;

	if (msg->type == RAFT_VOTED && msg->ok && !msg->pre) {
		OK(d->hard.term == msg->term && d->hard.vote == msg->to);
		OK(m[i].voted_term != msg->term || m[i].voted_for == msg->to);
		OK(m[i].voted_term <= msg->term);
		m[i].voted_term = msg->term;
		m[i].voted_for = msg->to;
	}
	if (msg->type == RAFT_VOTE && !msg->pre)
		OK(d->hard.term == msg->term && d->hard.vote == m[i].id);
	if (msg->type == RAFT_APPEND || msg->type == RAFT_SNAPSHOT)
		OK(d->hard.term == msg->term && d->hard.vote == m[i].id);
	if (msg->type == RAFT_APPENDED && msg->ok && msg->match > 0) {
		const struct raft_entry *e =
			raft_entry_at(m[i].raft, msg->match);

		EQ(d->hard.term, msg->term);
		OK(msg->match <= disk_last(d));
		if (e != NULL)
			EQ(disk_at(d, msg->match)->term, e->term);
	}
}

/* ---- the driver
 * ---------------------------------------------------------------------- */

static inline void
put(struct pin *p, const void *from, size_t len)
{
	memcpy(p->bytes + p->len, from, len);
	p->len += len;
}

/* The state as of index, and the entry there. */
static inline struct pin *
pin_for(uint32_t i, const struct raft_msg *msg)
{
	struct pin *p = &m[i].pins[0];
	struct rec r;
	uint64_t kind;

	for (uint32_t k = 0; k < SLOTS; k++)
		if (m[i].pins[k].to == msg->to)
			p = &m[i].pins[k];
	for (uint32_t k = 0; p->to != msg->to && k < SLOTS; k++)
		if (raft_snapshot_of(m[i].raft, m[i].pins[k].to) == 0)
			p = &m[i].pins[k];
	if (p->to == msg->to && p->index == msg->index)
		return p;
	EQ(msg->offset, 0);
	EQ(msg->index, m[i].applied);
	r = rec_of(raft_entry_at(m[i].raft, msg->index));
	EQ(r.term, msg->index_term);
	kind = r.kind;
	*p = (struct pin){ .to = msg->to, .index = msg->index };
	put(p, &m[i].hash, 8);
	put(p, &kind, 8);
	put(p, r.data, r.len);
	return p;
}

static inline void
fill_piece(uint32_t i, struct wire *t)
{
	struct pin *p = pin_for(i, &t->msg);

	if (t->msg.offset > p->len) {
		raft_snapshot_restart(m[i].raft, t->msg.to);
		return;
	}
	t->msg.len = min_u64(PIECE_LEN, p->len - t->msg.offset);
	memcpy(t->piece, p->bytes + t->msg.offset, t->msg.len);
	t->msg.done = t->msg.offset + t->msg.len == p->len;
}

static inline void
send(uint32_t i, const struct raft_msg *msg)
{
	struct wire *t;

	check_promise(i, msg);
	EQ(msg->from, m[i].id);
	if (wire_count == WIRES_MAX)
		return; /* lost */
	t = wires[wire_count++] = mem_new(sizeof(*t));
	t->msg = *msg;
	if (msg->entry_count > 0) {
		t->recs = mem_new_array(msg->entry_count, sizeof(*t->recs));
		t->entries =
			mem_new_array(msg->entry_count, sizeof(*t->entries));
	}
	for (size_t k = 0; k < msg->entry_count; k++) {
		t->recs[k] = rec_of(&msg->entries[k]);
		t->entries[k] = entry_of(&t->recs[k]);
	}
	if (msg->type == RAFT_SNAPSHOT)
		fill_piece(i, t);
}

/* I9, I10: the state that comes is the one that was applied, with its index. */
static inline void
install(uint32_t i, const struct raft_piece *p)
{
	struct rec r = { .index = p->index, .term = p->index_term };
	struct raft_entry e;
	uint64_t hash, kind;

	OK(m[i].in_len >= 16);
	memcpy(&hash, m[i].in, 8);
	memcpy(&kind, m[i].in + 8, 8);
	r.kind = (enum raft_entry_kind)kind;
	r.len = m[i].in_len - 16;
	memcpy(r.data, m[i].in + 16, r.len);
	e = entry_of(&r);
	EQ(hash, committed_hash[p->index]);
	EQ(raft_install(m[i].raft, &e), 0);
	EQ(raft_commit(m[i].raft), p->index);
	install_count++;
	m[i].applied = p->index;
	m[i].hash = hash;
	m[i].members = p->members;
}

static inline void
take_pieces(uint32_t i)
{
	struct raft_piece p;

	while (raft_snapshot_next(m[i].raft, &p)) {
		if (p.offset == 0)
			m[i].in_len = 0;
		EQ(p.offset, m[i].in_len);
		OK(m[i].in_len + p.len <= sizeof(m[i].in));
		memcpy(m[i].in + m[i].in_len, p.data, p.len);
		m[i].in_len += p.len;
		if (p.done)
			install(i, &p);
	}
}

static inline void
take_reads(uint32_t i)
{
	struct raft *r = m[i].raft;
	uint64_t seq, index;

	if (raft_read_next(r, &seq, &index)) {
		OK(seq > m[i].read_done && seq <= m[i].read_seq);
		/* All that was committed when it was asked is seen by it. */
		OK(m[i].read_seq - seq < READS_MAX);
		OK(index >= m[i].read_floor[seq % READS_MAX]);
		m[i].read_done = seq;
		m[i].read_index = index;
	}
	if (raft_read_failed(r, &seq))
		m[i].read_failed = seq;
}

static inline void
take_writes(uint32_t i)
{
	struct raft_write w;

	while (raft_write_next(m[i].raft, &w)) {
		struct write *t = &m[i].writes[m[i].write_count++];

		*t = (struct write){ .w = w,
				     .applied = m[i].applied,
				     .hash = m[i].hash,
				     .members = m[i].members };
		t->recs = mem_new_array(w.entry_count + 1, sizeof(*t->recs));
		for (size_t k = 0; k < w.entry_count; k++)
			t->recs[k] = rec_of(&w.entries[k]);
		if (m[i].disk.applied > 0)
			t->trim = raft_trim(m[i].raft, m[i].disk.applied);
	}
}

static inline void
collect(uint32_t i)
{
	struct raft_msg msg;

	take_pieces(i);
	apply(i);
	check_leader(i);
	take_writes(i);
	while (raft_msg_next(m[i].raft, &msg))
		send(i, &msg);
	take_reads(i);
}

/* ---- what happens to it
 * -------------------------------------------------------------- */

static inline void
tick(uint32_t i)
{
	struct raft_event ev = { .type = RAFT_TICK, .now_ms = now_ms };

	raft_step(m[i].raft, &ev);
	collect(i);
}

static inline void
write_one(uint32_t i)
{
	struct write t = m[i].writes[0];
	struct raft_event ev = { .type = RAFT_PERSISTED,
				 .now_ms = now_ms,
				 .seq = t.w.seq };

	m[i].write_count--;
	memmove(m[i].writes, m[i].writes + 1,
		m[i].write_count * sizeof(m[i].writes[0]));
	disk_write(&m[i].disk, &t);
	mem_free(t.recs);
	raft_step(m[i].raft, &ev);
	collect(i);
}

static inline void
write_all(uint32_t i)
{
	while (m[i].write_count > 0)
		write_one(i);
}

/* Of the writes that were not done, done are, oldest first. */
static inline void
crash(uint32_t i, size_t done)
{
	raft_free(m[i].raft);
	m[i].raft = NULL;
	for (size_t n = 0; n < done; n++)
		disk_write(&m[i].disk, &m[i].writes[n]);
	start(i);
}

/* A message by hand, to member i. */
static inline void
say(uint32_t i, const struct raft_msg *msg)
{
	struct raft_event ev = { .type = RAFT_RECV,
				 .now_ms = now_ms,
				 .msg = msg };

	raft_step(m[i].raft, &ev);
	collect(i);
}

static inline void
deliver(struct wire *t)
{
	int to = slot_of(t->msg.to);

	t->msg.entries = t->entries;
	t->msg.data = t->piece;
	if (to >= 0)
		say((uint32_t)to, &t->msg);
}

static inline void
wire_free(struct wire *t)
{
	mem_free(t->entries);
	mem_free(t->recs);
	mem_free(t);
}

static inline struct wire *
take_wire(size_t at)
{
	struct wire *t = wires[at];

	wire_count--;
	memmove(wires + at, wires + at + 1,
		(wire_count - at) * sizeof(wires[0]));
	return t;
}

/* Is the slot of this id among those whose bit is in cut? */
static inline bool
is_cut(uint32_t cut, uint64_t id)
{
	int s = slot_of(id);

	return s < 0 || (cut & BIT(s)) != 0;
}

/* All messages, but for those of members in cut, and all writes, but for
 * those of members in stalled. */
static inline void
settle_but(uint32_t cut, uint32_t stalled)
{
	for (int n = 0; n < 10000; n++) {
		bool moved = false;

		for (uint32_t i = 0; i < member_count; i++) {
			if (m[i].write_count > 0 &&
			    !((cut | stalled) & BIT(i))) {
				write_all(i);
				moved = true;
			}
		}
		while (wire_count > 0) {
			struct wire *t = take_wire(0);

			moved = true;
			if (!is_cut(cut, t->msg.from) &&
			    !is_cut(cut, t->msg.to))
				deliver(t);
			wire_free(t);
		}
		if (!moved)
			return;
	}
	OK(false);
}

static inline void
settle(uint32_t cut)
{
	settle_but(cut, 0);
}

static inline void
pass_but(uint64_t ms, uint32_t cut, uint32_t stalled)
{
	for (uint64_t end_ms = now_ms + ms; now_ms < end_ms; now_ms += 50) {
		for (uint32_t i = 0; i < member_count; i++)
			tick(i);
		settle_but(cut, stalled);
	}
}

static inline void
pass(uint64_t ms, uint32_t cut)
{
	pass_but(ms, cut, 0);
}

static inline int
leader(uint32_t cut)
{
	int who = -1;

	for (uint32_t i = 0; i < member_count; i++)
		if (!(cut & BIT(i)) && raft_role(m[i].raft) == RAFT_LEADER)
			who = (int)i;
	return who;
}

/* Time passes until one leads and has committed its first entry. */
static inline uint32_t
elect(uint32_t cut)
{
	int who = -1;

	for (int n = 0; n < 100; n++) {
		pass(100, cut);
		who = leader(cut);
		if (who >= 0 && raft_is_ready(m[who].raft))
			break;
	}
	OK(who >= 0);
	return (uint32_t)who;
}

static inline uint64_t
propose(uint32_t i, uint64_t value)
{
	uint64_t index = 0, term;

	EQ(raft_propose(m[i].raft, &value, sizeof(value), &index, &term), 0);
	EQ(term, raft_term(m[i].raft));
	collect(i);
	return index;
}

static inline int
change(uint32_t i, enum raft_change c, uint64_t id)
{
	uint64_t index, term;
	int r = raft_propose_change(m[i].raft, c, id, &index, &term);

	collect(i);
	return r;
}

/* 0: not the leader. */
static inline uint64_t
read_begin(uint32_t i)
{
	uint64_t seq;

	if (m[i].read_seq - max_u64(m[i].read_done, m[i].read_failed) >=
		    READS_MAX - 1 ||
	    raft_read(m[i].raft, &seq) < 0)
		return 0;
	m[i].read_seq = seq;
	m[i].read_floor[seq % READS_MAX] = committed_count;
	collect(i);
	return seq;
}

/* A slot of a new member that waits to be added. Gives its id. */
static inline uint64_t
newcomer(uint32_t i)
{
	OK(i < SLOTS);
	if (i >= member_count)
		member_count = i + 1;
	fresh(i, NULL);
	return m[i].id;
}

/* Newcomer in slot i, added and promoted by the leader. */
static inline void
join(uint32_t lead, uint32_t i)
{
	uint64_t id = newcomer(i);

	EQ(change(lead, RAFT_ADD_LEARNER, id), 0);
	for (int n = 0; n < 100 && !raft_is_caught_up(m[lead].raft, id); n++)
		pass(50, 0);
	OK(raft_is_caught_up(m[lead].raft, id));
	EQ(change(lead, RAFT_PROMOTE, id), 0);
	settle(0);
}

#endif
