/*
 * raft_test.c - raft rule by rule, then random clusters. A cluster is a few
 * members whose writes and messages the test carries by hand, so that each
 * can be delayed, lost or repeated.
 */
#include "core/raft/raft.h"

#include <errno.h>

#include "core/base/mem.h"
#include "core/base/rand.h"
#include "test/t.h"

#define MEMBERS_MAX 5
#define LOG_MAX 4096
#define WIRE_MAX 512
#define COPY_MAX 512 /* entries of one message */

/* What a member's disk holds: the log as terms and values. */
struct disk {
	struct raft_hard hard;
	uint64_t term[LOG_MAX], value[LOG_MAX];
	uint64_t last;
};
struct write {
	struct raft_write w;
	struct raft_entry entries[COPY_MAX];
	uint64_t values[COPY_MAX];
};
struct member {
	struct raft *raft;
	struct disk disk;
	struct write writes[RAFT_WRITES_MAX];
	size_t write_count;
	uint64_t checked; /* committed entries that were compared */
};
struct wire {
	struct raft_msg msg;
	struct raft_entry entries[COPY_MAX];
	uint64_t values[COPY_MAX];
};

static struct member m[MEMBERS_MAX];
static struct wire *wires[WIRE_MAX];
static size_t wire_count;
static uint32_t member_count;
static uint64_t now_ms;
static uint64_t rnd;

/* What was ever committed, by index: it may never change. */
static uint64_t committed_term[LOG_MAX], committed_value[LOG_MAX];
static uint64_t leader_of_term[LOG_MAX];

static uint64_t
value_of(const struct raft_entry *e)
{
	uint64_t v = 0;

	if (e->kind == RAFT_DATA)
		memcpy(&v, e->data, sizeof(v));
	return v;
}

static void
copy_entries(const struct raft_entry *from, size_t count, uint64_t *values,
	     struct raft_entry *to)
{
	OK(count <= COPY_MAX);
	for (size_t i = 0; i < count; i++) {
		to[i] = from[i];
		values[i] = value_of(&from[i]);
		to[i].data = to[i].len > 0 ? &values[i] : NULL;
		OK(to[i].len == 0 || to[i].len == sizeof(values[i]));
	}
}

static void
forget_wires(void)
{
	while (wire_count > 0)
		mem_free(wires[--wire_count]);
}

static void
start(uint32_t i)
{
	struct raft_start c = { .id = i + 1, .seed = rand_next(&rnd) };
	struct raft_entry *log = mem_new_array(LOG_MAX, sizeof(*log));
	struct disk *d = &m[i].disk;

	c.hard = d->hard;
	for (uint64_t x = 1; x <= d->last; x++) {
		log[x - 1] = (struct raft_entry){ x, d->term[x], RAFT_NOOP,
						  NULL, 0 };
		if (d->value[x] != 0) {
			log[x - 1].kind = RAFT_DATA;
			log[x - 1].data = &d->value[x];
			log[x - 1].len = sizeof(d->value[x]);
		}
	}
	c.entries = log;
	c.entry_count = d->last;
	c.members.count = member_count;
	for (uint32_t k = 0; k < member_count; k++)
		c.members.id[k] = k + 1;
	m[i].raft = raft_new(&c, now_ms);
	m[i].write_count = 0;
	m[i].checked = 0;
	mem_free(log);
}

static void
cluster(uint32_t count)
{
	member_count = count;
	now_ms = 1000;
	rnd = 42;
	forget_wires();
	memset(m, 0, sizeof(m));
	memset(committed_term, 0, sizeof(committed_term));
	memset(leader_of_term, 0, sizeof(leader_of_term));
	for (uint32_t i = 0; i < count; i++)
		start(i);
}

static void
end(void)
{
	forget_wires();
	for (uint32_t i = 0; i < member_count; i++)
		raft_free(m[i].raft);
}

/* What is promised must be on the disk by now. */
static void
check_promise(uint32_t i, const struct raft_msg *msg)
{
	const struct disk *d = &m[i].disk;

	if (!msg->pre &&
	    (msg->type != RAFT_APPENDED || (msg->ok && msg->match > 0)))
		OK(msg->term <= d->hard.term);
	if (msg->type == RAFT_VOTED && msg->ok && !msg->pre)
		OK(d->hard.term == msg->term && d->hard.vote == msg->to);
	if (msg->type == RAFT_VOTE && !msg->pre)
		OK(d->hard.term == msg->term && d->hard.vote == i + 1);
	if (msg->type == RAFT_APPENDED && msg->ok && msg->match > 0) {
		OK(msg->match <= d->last);
		EQ(d->term[msg->match],
		   raft_entry_at(m[i].raft, msg->match)->term);
	}
}

static void
check_member(uint32_t i)
{
	struct raft *r = m[i].raft;

	if (raft_role(r) == RAFT_LEADER) {
		uint64_t *who = &leader_of_term[raft_term(r)];

		OK(*who == 0 || *who == i + 1);
		*who = i + 1;
	}
	for (uint64_t x = m[i].checked + 1; x <= raft_commit(r); x++) {
		const struct raft_entry *e = raft_entry_at(r, x);

		OK(e != NULL);
		if (committed_term[x] == 0) {
			committed_term[x] = e->term;
			committed_value[x] = value_of(e);
		}
		EQ(e->term, committed_term[x]);
		EQ(value_of(e), committed_value[x]);
	}
	m[i].checked = raft_commit(r);
}

static void
collect(uint32_t i)
{
	struct raft_write w;
	struct raft_msg msg;

	check_member(i);
	while (raft_write_next(m[i].raft, &w)) {
		struct write *t = &m[i].writes[m[i].write_count++];

		t->w = w;
		copy_entries(w.entries, w.entry_count, t->values, t->entries);
	}
	while (raft_msg_next(m[i].raft, &msg)) {
		struct wire *t;

		check_promise(i, &msg);
		EQ(msg.from, i + 1);
		if (wire_count == WIRE_MAX)
			continue; /* lost */
		t = wires[wire_count++] = mem_new(sizeof(*t));
		t->msg = msg;
		copy_entries(msg.entries, msg.entry_count, t->values,
			     t->entries);
	}
}

static void
tick(uint32_t i)
{
	struct raft_event ev = { .type = RAFT_TICK, .now_ms = now_ms };

	raft_step(m[i].raft, &ev);
	collect(i);
}

static void
write_one(uint32_t i)
{
	static struct write t;
	struct raft_event ev = { .type = RAFT_PERSISTED,
				 .now_ms = now_ms,
				 .seq = m[i].writes[0].w.seq };
	struct disk *d = &m[i].disk;

	t = m[i].writes[0];
	m[i].write_count--;
	memmove(m[i].writes, m[i].writes + 1,
		m[i].write_count * sizeof(m[i].writes[0]));
	if (t.w.hard_dirty)
		d->hard = t.w.hard;
	if (t.w.truncate_from != 0)
		d->last = t.w.truncate_from - 1;
	for (size_t k = 0; k < t.w.entry_count; k++) {
		d->last++;
		EQ(t.entries[k].index, d->last);
		d->term[d->last] = t.entries[k].term;
		d->value[d->last] = t.entries[k].len > 0 ? t.values[k] : 0;
	}
	raft_step(m[i].raft, &ev);
	collect(i);
}

static void
write_all(uint32_t i)
{
	while (m[i].write_count > 0)
		write_one(i);
}

static void
deliver(struct wire *t)
{
	struct raft_event ev = { .type = RAFT_RECV,
				 .now_ms = now_ms,
				 .msg = &t->msg };
	uint32_t to = (uint32_t)t->msg.to - 1;

	t->msg.entries = t->entries;
	raft_step(m[to].raft, &ev);
	collect(to);
}

static struct wire *
take_wire(size_t at)
{
	struct wire *t = wires[at];

	wire_count--;
	memmove(wires + at, wires + at + 1,
		(wire_count - at) * sizeof(wires[0]));
	return t;
}

/* All messages and writes, but for members whose bit is in cut. */
static void
settle(uint32_t cut)
{
	for (int n = 0; n < 10000; n++) {
		bool moved = false;

		for (uint32_t i = 0; i < member_count; i++) {
			if (m[i].write_count > 0 && !(cut & BIT(i))) {
				write_all(i);
				moved = true;
			}
		}
		while (wire_count > 0) {
			struct wire *t = take_wire(0);

			moved = true;
			if (!(cut & BIT(t->msg.from - 1)) &&
			    !(cut & BIT(t->msg.to - 1)))
				deliver(t);
			mem_free(t);
		}
		if (!moved)
			return;
	}
	OK(false);
}

static void
pass(uint64_t ms, uint32_t cut)
{
	for (uint64_t end_ms = now_ms + ms; now_ms < end_ms; now_ms += 50) {
		for (uint32_t i = 0; i < member_count; i++)
			tick(i);
		settle(cut);
	}
}

static int
leader(uint32_t cut)
{
	int who = -1;

	for (uint32_t i = 0; i < member_count; i++)
		if (!(cut & BIT(i)) && raft_role(m[i].raft) == RAFT_LEADER)
			who = (int)i;
	return who;
}

static uint64_t
propose(uint32_t i, uint64_t value)
{
	uint64_t index = 0, term;

	EQ(raft_propose(m[i].raft, &value, sizeof(value), &index, &term), 0);
	EQ(term, raft_term(m[i].raft));
	collect(i);
	return index;
}

/* A message by hand, to member i. */
static void
say(uint32_t i, const struct raft_msg *msg)
{
	struct raft_event ev = { .type = RAFT_RECV,
				 .now_ms = now_ms,
				 .msg = msg };

	raft_step(m[i].raft, &ev);
	collect(i);
}

/* ---- one member
 * ---------------------------------------------------------------- */

T(a_lone_voter_leads_as_soon_as_its_vote_is_on_the_disk)
{
	struct raft_start c = { .id = 7,
				.members = { .id = { 7 }, .count = 1 } };
	struct raft *r = raft_new(&c, 50);
	struct raft_event ev = { .type = RAFT_PERSISTED, .now_ms = 50 };
	struct raft_write w;

	raft_bootstrap(r, "first", 5, 50);
	EQ(raft_role(r), RAFT_CANDIDATE);
	OK(raft_write_next(r, &w));
	EQ(w.hard.term, 2);
	EQ(w.hard.vote, 7);
	EQ(w.entry_count, 2);
	EQ(w.entries[0].kind, RAFT_CONFIG);
	EQ(w.entries[1].len, 5);
	EQ(raft_commit(r), 0);
	ev.seq = w.seq;
	raft_step(r, &ev);
	EQ(raft_role(r), RAFT_LEADER);
	EQ(raft_commit(r), 0); /* entries of an older term are not counted */
	OK(!raft_is_ready(r));
	OK(raft_write_next(r, &w));
	EQ(w.entry_count, 1);
	EQ(w.entries[0].kind, RAFT_NOOP);
	ev.seq = w.seq;
	raft_step(r, &ev);
	EQ(raft_commit(r), 3);
	OK(raft_is_ready(r));
	EQ(raft_deadline(r), UINT64_MAX);
	OK(!raft_has_write(r));
	raft_free(r);
}

T(a_lone_voter_campaigns_at_once_after_a_restart)
{
	cluster(1);
	m[0].disk.hard.term = 4;
	m[0].disk.last = 1;
	m[0].disk.term[1] = 4;
	raft_free(m[0].raft);
	start(0);
	EQ(raft_deadline(m[0].raft), now_ms);
	tick(0);
	settle(0);
	EQ(raft_role(m[0].raft), RAFT_LEADER);
	EQ(raft_term(m[0].raft), 5);
	end();
}

T(nothing_is_committed_before_it_is_persisted)
{
	uint64_t index;

	cluster(1);
	m[0].disk.hard.term = 1;
	m[0].disk.last = 1;
	m[0].disk.term[1] = 1;
	raft_free(m[0].raft);
	start(0);
	tick(0);
	settle(0);
	index = propose(0, 77);
	EQ(raft_commit(m[0].raft), index - 1);
	tick(0);
	EQ(raft_commit(m[0].raft), index - 1);
	write_all(0);
	EQ(raft_commit(m[0].raft), index);
	end();
}

T(proposals_are_bounded)
{
	static char big[RAFT_ENTRY_MAX + 1];
	uint64_t index, term, sum = 0;

	cluster(3);
	EQ(raft_propose(m[0].raft, "x", 1, &index, &term), -EAGAIN);
	pass(5000, 0);
	{
		struct raft *r = m[leader(0)].raft;

		EQ(raft_propose(r, big, sizeof(big), &index, &term), -EFBIG);
		while (raft_propose(r, big, 1000000, &index, &term) == 0)
			sum += 1000000;
		OK(sum > RAFT_OPEN_MAX - 1000001 && sum <= RAFT_OPEN_MAX);
	}
	end();
}

/* ---- elections
 * ------------------------------------------------------------------- */

T(three_elect_one_and_replicate)
{
	uint64_t index;
	int who;

	cluster(3);
	pass(5000, 0);
	who = leader(0);
	OK(who >= 0);
	index = propose((uint32_t)who, 5);
	settle(0);
	EQ(raft_commit(m[who].raft), index);
	pass(600, 0);
	for (uint32_t i = 0; i < 3; i++)
		EQ(raft_commit(m[i].raft), index);
	end();
}

T(one_that_was_cut_off_does_not_unseat_the_leader)
{
	uint64_t term;
	uint32_t lost;
	int who;

	cluster(3);
	pass(5000, 0);
	who = leader(0);
	term = raft_term(m[who].raft);
	lost = ((uint32_t)who + 1) % 3;
	pass(10000, BIT(lost));
	EQ(raft_term(m[lost].raft), term); /* it only asked */
	pass(3000, 0);
	EQ(leader(0), who);
	EQ(raft_term(m[who].raft), term);
	end();
}

T(a_leader_that_nobody_hears_gives_up)
{
	int who;

	cluster(3);
	pass(5000, 0);
	who = leader(0);
	pass(5000, BIT(who));
	OK(raft_role(m[who].raft) != RAFT_LEADER);
	OK(leader(BIT(who)) >= 0);
	end();
}

T(a_vote_is_given_once_a_term_and_to_good_logs_only)
{
	static const struct {
		const char *name;
		uint64_t from, term, index, index_term;
		bool want;
	} rows[] = {
		{ "an older term", 2, 4, 9, 9, false },
		{ "a shorter log", 2, 6, 1, 5, false },
		{ "an older last term", 2, 7, 9, 4, false },
		{ "as good a log", 2, 8, 2, 5, true },
		{ "the same one again", 2, 8, 2, 5, true },
		{ "another one in the same term", 3, 8, 9, 5, false },
		{ "a better log in a new term", 3, 9, 9, 6, true },
	};

	cluster(3);
	m[0].disk.hard.term = 5;
	m[0].disk.last = 2;
	m[0].disk.term[1] = m[0].disk.term[2] = 5;
	raft_free(m[0].raft);
	start(0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raft_msg ask = { .type = RAFT_VOTE,
					.from = rows[i].from,
					.to = 1,
					.term = rows[i].term,
					.index = rows[i].index,
					.index_term = rows[i].index_term };

		T_ROW(rows[i].name);
		if (ask.index_term > ask.term)
			ask.index_term = ask.term;
		forget_wires();
		say(0, &ask);
		write_all(0);
		EQ(wire_count, 1);
		EQ(wires[0]->msg.ok, rows[i].want);
	}
	end();
}

T(a_vote_waits_for_the_disk)
{
	struct raft_msg ask = {
		.type = RAFT_VOTE, .from = 2, .to = 1, .term = 3
	};

	cluster(3);
	say(0, &ask);
	EQ(wire_count, 0);
	write_all(0);
	EQ(wire_count, 1);
	OK(wires[0]->msg.ok);
	end();
}

/* ---- the log
 * ---------------------------------------------------------------------- */

static struct raft_msg
append(uint64_t term, uint64_t index, uint64_t index_term,
       const struct raft_entry *entries, size_t count)
{
	return (struct raft_msg){ .type = RAFT_APPEND,
				  .from = 2,
				  .to = 1,
				  .term = term,
				  .index = index,
				  .index_term = index_term,
				  .entries = entries,
				  .entry_count = count };
}

T(entries_are_acknowledged_when_they_are_on_the_disk_and_not_before)
{
	struct raft_entry e[] = { { 1, 2, RAFT_NOOP, NULL, 0 },
				  { 2, 2, RAFT_NOOP, NULL, 0 } };
	struct raft_msg msg = append(2, 0, 0, e, 2);

	cluster(3);
	say(0, &msg);
	EQ(wire_count, 0);
	write_all(0);
	EQ(wire_count, 1);
	OK(wires[0]->msg.ok);
	EQ(wires[0]->msg.match, 2);
	end();
}

T(a_gap_or_another_term_is_refused_with_a_hint)
{
	struct raft_entry e[] = { { 1, 1, RAFT_NOOP, NULL, 0 },
				  { 2, 2, RAFT_NOOP, NULL, 0 },
				  { 3, 2, RAFT_NOOP, NULL, 0 } };
	struct raft_msg msg = append(2, 0, 0, e, 3);

	cluster(3);
	say(0, &msg);
	write_all(0);
	forget_wires();
	msg = append(4, 9, 3, NULL, 0);
	say(0, &msg);
	write_all(0);
	OK(!wires[0]->msg.ok);
	EQ(wires[0]->msg.match, 3); /* the log ends there */
	forget_wires();
	msg = append(4, 3, 3, NULL, 0);
	say(0, &msg);
	OK(!wires[0]->msg.ok);
	EQ(wires[0]->msg.match, 1); /* the whole term is skipped */
	end();
}

T(a_conflict_cuts_the_log_and_what_is_the_same_stays)
{
	struct raft_entry old[] = { { 1, 1, RAFT_NOOP, NULL, 0 },
				    { 2, 1, RAFT_NOOP, NULL, 0 },
				    { 3, 1, RAFT_NOOP, NULL, 0 } };
	struct raft_entry new[] = { { 2, 1, RAFT_NOOP, NULL, 0 },
				    { 3, 2, RAFT_NOOP, NULL, 0 } };
	struct raft_msg msg = append(1, 0, 0, old, 3);

	cluster(3);
	say(0, &msg);
	write_all(0);
	msg = append(2, 1, 1, new, 2);
	say(0, &msg);
	EQ(m[0].writes[0].w.truncate_from, 3);
	EQ(m[0].writes[0].w.entry_count, 1);
	/* an old append that comes late does not cut what came after */
	write_all(0);
	msg = append(2, 1, 1, new, 1);
	say(0, &msg);
	EQ(raft_last_index(m[0].raft), 3);
	EQ(m[0].write_count, 0);
	end();
}

/* Index 2 is written in term 1, cut, and written again with the same term:
 * the report about the first write must not count for the second. */
T(a_late_report_does_not_count_for_what_was_written_again)
{
	struct raft_entry a[] = { { 1, 1, RAFT_NOOP, NULL, 0 },
				  { 2, 1, RAFT_NOOP, NULL, 0 } };
	struct raft_entry b[] = { { 2, 2, RAFT_NOOP, NULL, 0 } };
	struct raft_event ev = { .type = RAFT_PERSISTED };
	struct raft_msg msg = append(1, 0, 0, a, 2);

	cluster(3);
	say(0, &msg); /* write 1 */
	msg = append(2, 1, 1, b, 1);
	say(0, &msg); /* write 2 cuts */
	msg = append(3, 0, 0, a, 2);
	say(0, &msg); /* write 3: index 2 has term 1 again */
	EQ(m[0].write_count, 3);
	forget_wires();
	ev.now_ms = now_ms;
	ev.seq = m[0].writes[0].w.seq;
	raft_step(m[0].raft, &ev);
	{
		struct raft_msg out;

		OK(!raft_msg_next(m[0].raft, &out));
	}
	write_one(0);
	EQ(wire_count, 0);
	write_one(0);
	EQ(wire_count, 0);
	write_one(0);
	EQ(wire_count, 1);
	EQ(wires[0]->msg.match, 2);
	end();
}

/* Figure 8: an entry of an older term that is on a majority is not committed
 * by that; it is, by an entry of the leader's own term after it. */
T(only_an_entry_of_the_own_term_is_counted)
{
	uint64_t term;

	cluster(3);
	m[0].disk.hard.term = 2;
	m[0].disk.last = 2;
	m[0].disk.term[1] = 1;
	m[0].disk.term[2] = 2;
	raft_free(m[0].raft);
	start(0);
	now_ms += 2500;
	tick(0); /* asks */
	term = 3;
	say(0, &(struct raft_msg){ .type = RAFT_VOTED,
				   .from = 2,
				   .to = 1,
				   .term = term,
				   .pre = true,
				   .ok = true });
	write_all(0);
	say(0, &(struct raft_msg){ .type = RAFT_VOTED,
				   .from = 2,
				   .to = 1,
				   .term = term,
				   .ok = true });
	EQ(raft_role(m[0].raft), RAFT_LEADER);
	say(0, &(struct raft_msg){ .type = RAFT_APPENDED,
				   .from = 2,
				   .to = 1,
				   .term = term,
				   .ok = true,
				   .match = 2 });
	EQ(raft_commit(m[0].raft), 0);
	write_all(0);
	EQ(raft_commit(m[0].raft), 0);
	say(0, &(struct raft_msg){ .type = RAFT_APPENDED,
				   .from = 2,
				   .to = 1,
				   .term = term,
				   .ok = true,
				   .match = 3 });
	EQ(raft_commit(m[0].raft), 3);
	end();
}

T(a_lie_about_a_match_is_ignored)
{
	int who;

	cluster(3);
	pass(5000, 0);
	who = leader(0);
	propose((uint32_t)who, 1);
	say((uint32_t)who,
	    &(struct raft_msg){ .type = RAFT_APPENDED,
				.from = (uint64_t)((who + 1) % 3 + 1),
				.to = (uint64_t)who + 1,
				.term = raft_term(m[who].raft),
				.ok = true,
				.match = 1000 });
	OK(raft_commit(m[who].raft) < raft_last_index(m[who].raft));
	end();
}

T(alone_only_the_last_applied_entry_is_kept)
{
	struct raft *r;
	uint64_t first;

	cluster(1);
	m[0].disk.hard.term = 1;
	m[0].disk.last = 1;
	m[0].disk.term[1] = 1;
	raft_free(m[0].raft);
	start(0);
	tick(0);
	settle(0);
	for (uint64_t i = 0; i < 400; i++) {
		propose(0, i + 1);
		write_all(0);
	}
	r = m[0].raft;
	first = raft_trim(r, raft_commit(r));
	EQ(first, raft_commit(r));
	OK(raft_entry_at(r, first) != NULL);
	OK(raft_entry_at(r, first - 1) == NULL);
	propose(0, 9);
	EQ(raft_trim(r, first), first);
	write_all(0);
	EQ(raft_commit(r), first + 1);
	end();
}

T(what_is_applied_is_kept_for_a_while_for_others)
{
	uint64_t first;
	int who;

	cluster(3);
	pass(5000, 0);
	who = leader(0);
	for (uint64_t i = 0; i < 2 * RAFT_SLACK_MAX; i++) {
		propose((uint32_t)who, i + 1);
		settle(0);
	}
	first = raft_trim(m[who].raft, raft_commit(m[who].raft));
	EQ(first, raft_commit(m[who].raft) - RAFT_SLACK_MAX);
	OK(raft_entry_at(m[who].raft, first) != NULL);
	OK(raft_entry_at(m[who].raft, first - 1) == NULL);
	propose((uint32_t)who, 1);
	settle(0);
	EQ(raft_commit(m[who].raft), first + RAFT_SLACK_MAX + 1);
	end();
}

T(members_are_read_back_and_bad_lists_are_refused)
{
	struct raft_members in = { .id = { 5, UINT64_MAX, 1 }, .count = 3 };
	struct raft_members out = { 0 };
	uint8_t p[RAFT_MEMBERS_PACKED_MAX];
	struct err e;

	EQ(raft_members_pack(&in, p), 27);
	EQ(raft_members_unpack(p, 27, &out, &e), 0);
	EQ(out.count, 3);
	OK(out.id[1] == UINT64_MAX);
	EQ(raft_members_unpack(p, 26, &out, &e), -EINVAL);
	EQ(raft_members_unpack(p, 0, &out, &e), -EINVAL);
	memset(p, 0, sizeof(p));
	EQ(raft_members_unpack(p, 9, &out, &e), -EINVAL);
}

/* ---- random clusters
 * ----------------------------------------------------------------- */

static void
crash(uint32_t i)
{
	size_t kept = 0;

	raft_free(m[i].raft);
	/* Writes that were not done may be lost, oldest first kept. */
	for (size_t n = rand_next(&rnd) % (m[i].write_count + 1); n > 0; n--) {
		struct write *t = &m[i].writes[kept++];
		struct disk *d = &m[i].disk;

		if (t->w.hard_dirty)
			d->hard = t->w.hard;
		if (t->w.truncate_from != 0)
			d->last = t->w.truncate_from - 1;
		for (size_t k = 0; k < t->w.entry_count; k++) {
			d->last++;
			d->term[d->last] = t->entries[k].term;
			d->value[d->last] =
				t->entries[k].len > 0 ? t->values[k] : 0;
		}
	}
	start(i);
}

static void
random_step(uint64_t *value)
{
	uint32_t i = (uint32_t)(rand_next(&rnd) % member_count);
	uint64_t dice = rand_next(&rnd) % 100;
	uint64_t index, term;

	if (dice < 45 && wire_count > 0) {
		struct wire *t = take_wire(rand_next(&rnd) % wire_count);

		if (dice < 40) /* else it is lost */
			deliver(t);
		mem_free(t);
	} else if (dice < 75 && m[i].write_count > 0) {
		write_one(i);
	} else if (dice < 85) {
		now_ms += rand_next(&rnd) % 150;
		tick(i);
	} else if (dice < 98) {
		(*value)++;
		if (raft_last_index(m[i].raft) < COPY_MAX - 100 &&
		    raft_propose(m[i].raft, value, sizeof(*value), &index,
				 &term) == 0)
			collect(i);
	} else if (dice == 99) {
		crash(i);
	}
}

T(random_clusters_never_change_what_is_committed)
{
	char name[32];

	for (uint64_t seed = 1; seed <= 120; seed++) {
		uint64_t value = 0, most = 0;

		snprintf(name, sizeof(name), "seed %d", (int)seed);
		T_ROW(name);
		cluster(seed % 2 ? 3 : 5);
		rnd = seed;
		for (int n = 0; n < 3000; n++)
			random_step(&value);
		pass(20000, 0);
		OK(leader(0) >= 0);
		for (uint32_t i = 0; i < member_count; i++)
			most = max_u64(most, raft_commit(m[i].raft));
		for (uint32_t i = 0; i < member_count; i++)
			EQ(raft_commit(m[i].raft), most);
		OK(most > 0);
		end();
	}
}
