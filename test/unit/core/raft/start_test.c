/* start_test.c - what a member may start from. */
#include "core/raft/raft.h"
#include "test/t.h"

T(what_cannot_be_a_members_log_is_refused_with_a_sentence)
{
	static const struct {
		const char *name;
		uint64_t applied, hard_term, index[2], term[2];
		size_t count;
		enum raft_entry_kind kind;
		const char *says; /* NULL: fine */
	} rows[] = {
		{ "nothing", 0, 0, { 0 }, { 0 }, 0, RAFT_NOOP, NULL },
		{ "two", 1, 2, { 1, 2 }, { 1, 2 }, 2, RAFT_NOOP, NULL },
		{ "all applied", 9, 2, { 8, 9 }, { 1, 2 }, 2, RAFT_NOOP, NULL },
		{ "cut right after what is applied",
		  7,
		  2,
		  { 8, 9 },
		  { 1, 2 },
		  2,
		  RAFT_NOOP,
		  NULL },
		{ "a hole",
		  1,
		  2,
		  { 1, 3 },
		  { 1, 2 },
		  2,
		  RAFT_NOOP,
		  "the log has entry 3 where 2 should be" },
		{ "entry 0",
		  0,
		  2,
		  { 0 },
		  { 1 },
		  1,
		  RAFT_NOOP,
		  "the log has entry 0 where 1 should be" },
		{ "a term back",
		  1,
		  2,
		  { 1, 2 },
		  { 2, 1 },
		  2,
		  RAFT_NOOP,
		  "entry 2 of the log cannot be of term 1" },
		{ "a term to come",
		  1,
		  2,
		  { 1, 2 },
		  { 2, 3 },
		  2,
		  RAFT_NOOP,
		  "entry 2 of the log cannot be of term 3" },
		{ "no kind",
		  0,
		  2,
		  { 1 },
		  { 1 },
		  1,
		  9,
		  "entry 1 of the log is of no known kind or too long" },
		{ "no members",
		  0,
		  2,
		  { 1 },
		  { 1 },
		  1,
		  RAFT_CONFIG,
		  "entry 1 of the log: a list of members cannot have 0 "
		  "bytes" },
		{ "applied, no log",
		  4,
		  2,
		  { 0 },
		  { 0 },
		  0,
		  RAFT_NOOP,
		  "the log has 0 entries from 1 on, but what was applied ends "
		  "with 4" },
		{ "applied, after the log",
		  4,
		  2,
		  { 2, 3 },
		  { 1, 2 },
		  2,
		  RAFT_NOOP,
		  "the log has 2 entries from 2 on, but what was applied ends "
		  "with 4" },
		{ "applied, before the log",
		  4,
		  2,
		  { 6, 7 },
		  { 1, 2 },
		  2,
		  RAFT_NOOP,
		  "the log has 2 entries from 6 on, but what was applied ends "
		  "with 4" },
		{ "applied, at the end of numbers",
		  UINT64_MAX,
		  2,
		  { 1 },
		  { 1 },
		  1,
		  RAFT_NOOP,
		  "the log has 1 entries from 1 on, but what was applied ends "
		  "with 18446744073709551615" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raft_entry e[2] = { 0 };
		struct raft_start c = { .id = 1,
					.applied = rows[i].applied,
					.hard.term = rows[i].hard_term,
					.entries = e,
					.entry_count = rows[i].count };
		struct err err = { "" };

		T_ROW(rows[i].name);
		for (size_t k = 0; k < rows[i].count; k++)
			e[k] = (struct raft_entry){ rows[i].index[k],
						    rows[i].term[k],
						    rows[i].kind, NULL, 0 };
		EQ(raft_start_check(&c, &err) == 0, rows[i].says == NULL);
		if (rows[i].says != NULL)
			EQ_STR(err.msg, rows[i].says);
		else
			raft_free(raft_new(&c, 1));
	}
}

/* A majority is lost for good: what the log holds is kept, in a new term. */
T(one_goes_on_alone_with_all_that_its_log_holds)
{
	uint8_t packed[RAFT_MEMBERS_PACKED_MAX];
	struct raft_members three = { .id = { 7, 8, 9 }, .count = 3 };
	struct raft_entry e[] = {
		{ 1, 1, RAFT_CONFIG, packed,
		  raft_members_pack(&three, packed) },
		{ 2, 4, RAFT_DATA, (char *)"acked", 5 },
		{ 3, 4, RAFT_DATA, (char *)"perhaps", 7 },
	};
	struct raft_start c = { .id = 70, /* never the old id */
				.hard = { 6, 8 },
				.applied = 1,
				.entries = e,
				.entry_count = 3,
				.members = three };
	struct raft *r = raft_new(&c, 50);
	struct raft_event ev = { .type = RAFT_PERSISTED, .now_ms = 50 };
	struct raft_msg old = {
		.type = RAFT_APPEND, .from = 8, .to = 7, .term = 99
	};
	struct raft_write w;

	raft_force_alone(r, 50);
	OK(raft_write_next(r, &w));
	EQ(w.truncate_from, 0);
	EQ(w.entry_count, 1);
	EQ(w.entries[0].index, 4);
	EQ(w.entries[0].kind, RAFT_CONFIG);
	EQ(w.entries[0].term, 7);
	EQ(w.hard.term, 8);
	EQ(w.hard.vote, 70);
	ev.seq = w.seq;
	raft_step(r, &ev);
	EQ(raft_role(r), RAFT_LEADER);
	OK(raft_write_next(r, &w));
	ev.seq = w.seq;
	raft_step(r, &ev);
	EQ(raft_commit(r), 5);
	EQ(raft_members(r)->count, 1);
	OK(raft_is_voter(r, 70));
	/* no ghost (swarmkit#470): those who come back speak to another */
	ev.type = RAFT_RECV;
	ev.msg = &old;
	raft_step(r, &ev);
	EQ(raft_term(r), 8);
	raft_free(r);
}
