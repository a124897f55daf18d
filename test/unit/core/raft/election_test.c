/* election_test.c - who leads. */
#include "test/unit/core/raft/cluster.h"

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

T(who_hears_the_leader_grants_no_pre_vote)
{
	struct raft_msg ask = { .type = RAFT_VOTE, .pre = true };
	uint32_t lead, i;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	i = (lead + 1) % 3;
	ask.from = m[(lead + 2) % 3].id;
	ask.index = raft_last_index(m[lead].raft);
	ask.index_term = raft_term(m[lead].raft);
	ask.term = ask.index_term + 1;
	for (int n = 0; n < 2; n++) {
		bool silent = n == 1;

		now_ms += silent ? RAFT_ELECTION_MS : 0;
		forget_wires();
		ask.to = m[i].id;
		say(i, &ask);
		OK(wire_count > 0);
		EQ(wires[0]->msg.type, RAFT_VOTED);
		EQ(wires[0]->msg.ok, silent);
	}
	forget_wires();
	ask.to = m[lead].id;
	say(lead, &ask);
	OK(wire_count > 0 && !wires[0]->msg.ok);
	end();
}

T(a_leader_that_only_learners_hear_gives_up)
{
	uint32_t lead, others;

	cluster(3);
	lead = elect(0);
	others = (BIT(0) | BIT(1) | BIT(2)) & ~BIT(lead);
	EQ(change(lead, RAFT_ADD_LEARNER, newcomer(3)), 0);
	settle(0);
	EQ(change(lead, RAFT_ADD_LEARNER, newcomer(4)), 0);
	settle(0);
	pass(5000, others);
	OK(raft_role(m[lead].raft) != RAFT_LEADER);
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
	preset(0, 5, (uint64_t[]){ 5, 5 }, 2);
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

/* Figure 8: an entry of an older term that is on a majority is not committed
 * by that; it is, by an entry of the leader's own term after it. */
T(only_an_entry_of_the_own_term_is_counted)
{
	uint64_t term;

	cluster(3);
	by_hand = true;
	preset(0, 2, (uint64_t[]){ 1, 2 }, 2);
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

/* Pre-vote, check-quorum and a candidate of a higher term: it must not be
 * stuck, and the answer to the leader frees it (cockroach#27772). */
T(a_candidate_of_a_higher_term_frees_itself)
{
	uint32_t lead, stuck;
	uint64_t term;

	cluster(3);
	lead = elect(0);
	stuck = (lead + 1) % 3;
	term = raft_term(m[lead].raft);
	raft_free(m[stuck].raft);
	m[stuck].raft = NULL;
	m[stuck].disk.hard = (struct raft_hard){ term + 3, m[stuck].id };
	start(stuck);
	pass(10000, 0);
	OK(leader(0) >= 0);
	lead = (uint32_t)leader(0);
	OK(raft_term(m[lead].raft) > term + 3);
	propose(lead, 5);
	settle(0);
	pass(600, 0);
	EQ(m[stuck].applied, m[lead].applied);
	end();
}

/* One-way links: a and b do not hear each other, both hear the third. */
T(a_partial_partition_comes_to_rest)
{
	uint64_t term = 0;
	uint32_t changes = 0;

	cluster(3);
	(void)elect(0);
	for (int n = 0; n < 400; n++) {
		now_ms += 50;
		for (uint32_t i = 0; i < 3; i++) {
			tick(i);
			write_all(i);
		}
		for (size_t left = wire_count; left > 0; left--) {
			struct wire *t = take_wire(0);

			if (t->msg.from + t->msg.to != m[0].id + m[1].id)
				deliver(t);
			wire_free(t);
		}
		if (n > 100 && leader(0) >= 0) {
			changes += raft_term(m[leader(0)].raft) != term;
			term = raft_term(m[leader(0)].raft);
		}
	}
	OK(leader(0) >= 0);
	OK(changes <= 3);
	end();
}

T(a_lost_vote_ends_the_candidacy_at_once)
{
	struct raft_msg no = { .type = RAFT_VOTED, .to = 1, .pre = true };

	cluster(3);
	now_ms += 2500;
	tick(0);
	EQ(raft_role(m[0].raft), RAFT_PRE_CANDIDATE);
	no.term = 1;
	no.from = 2;
	no.ok = true;
	no.pre = true;
	say(0, &no);
	EQ(raft_role(m[0].raft), RAFT_CANDIDATE);
	no.pre = no.ok = false;
	say(0, &no);
	EQ(raft_role(m[0].raft), RAFT_CANDIDATE);
	no.from = 3;
	say(0, &no);
	EQ(raft_role(m[0].raft), RAFT_FOLLOWER);
	end();
}

/* Redisraft's lost commits, I6: what was voted is known after a crash. */
T(a_vote_is_remembered_over_a_crash)
{
	struct raft_msg ask = {
		.type = RAFT_VOTE, .from = 2, .to = 1, .term = 3
	};

	cluster(3);
	say(0, &ask);
	write_all(0);
	forget_wires();
	crash(0, 0);
	ask.from = 3;
	say(0, &ask);
	write_all(0);
	EQ(wire_count, 1);
	OK(!wires[0]->msg.ok);
	end();
}

T(a_vote_that_was_lost_with_a_crash_was_told_to_nobody)
{
	struct raft_msg ask = {
		.type = RAFT_VOTE, .from = 2, .to = 1, .term = 3
	};

	cluster(3);
	say(0, &ask);
	EQ(wire_count, 0);
	crash(0, 0);
	ask.from = 3;
	say(0, &ask);
	write_all(0);
	EQ(wire_count, 1);
	OK(wires[0]->msg.ok);
	EQ(wires[0]->msg.to, 3);
	end();
}

T(timers_are_those_of_the_start)
{
	struct raft_start c = { .id = 1,
				.members = { .id = { 1, 2 }, .count = 2 },
				.election_ms = 100,
				.heartbeat_ms = 20 };
	struct raft *r = raft_new(&c, 5000);

	OK(raft_deadline(r) >= 5100 && raft_deadline(r) < 5200);
	raft_free(r);
}
