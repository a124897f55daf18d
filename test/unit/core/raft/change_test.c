/* change_test.c - members that come, learn, vote and go. */
#include "test/unit/core/raft/cluster.h"

T(a_newcomer_learns_then_votes)
{
	struct raft_peer_status s;
	uint64_t id;

	cluster(1);
	(void)elect(0);
	propose(0, 1);
	settle(0);
	id = newcomer(1);
	EQ(raft_peer_status(m[0].raft, id, &s), -ENOENT);
	EQ(change(0, RAFT_ADD_LEARNER, id), 0);
	/* One vote still decides: the learner's disk is not waited for. */
	write_all(0);
	OK(raft_commit(m[0].raft) == raft_last_index(m[0].raft));
	OK(!raft_is_caught_up(m[0].raft, id));
	EQ(raft_peer_status(m[0].raft, id, &s), 0);
	OK(s.learner && !s.active && s.match == 0);
	settle(0);
	pass(300, 0);
	OK(raft_is_caught_up(m[0].raft, id));
	EQ(raft_peer_status(m[0].raft, id, &s), 0);
	OK(s.learner && s.active);
	EQ(s.match, raft_last_index(m[0].raft));
	OK(raft_is_member(m[1].raft, id) && !raft_is_voter(m[1].raft, id));
	EQ(change(0, RAFT_PROMOTE, id), 0);
	write_all(0);
	/* Now both are needed. */
	OK(raft_commit(m[0].raft) < raft_last_index(m[0].raft));
	settle(0);
	EQ(raft_commit(m[0].raft), raft_last_index(m[0].raft));
	OK(raft_is_voter(m[1].raft, id));
	end();
}

/* Learner flag lost (etcd#21694), and quorums that count learners. */
T(a_learner_neither_counts_nor_campaigns)
{
	uint32_t lead;

	cluster(3);
	lead = elect(0);
	EQ(change(lead, RAFT_ADD_LEARNER, newcomer(3)), 0);
	pass(500, 0);
	for (uint32_t i = 0; i < 4; i++) {
		OK(raft_is_member(m[i].raft, m[3].id));
		OK(!raft_is_voter(m[i].raft, m[3].id));
	}
	crash(3, 0);
	OK(!raft_is_voter(m[3].raft, m[3].id));
	/* It alone with one voter is no majority, and it asks for nothing. */
	{
		uint32_t other = (lead + 1) % 3;
		uint32_t cut = BIT(other) | BIT(3) | BIT(lead);

		pass(8000, (BIT(0) | BIT(1) | BIT(2)) & ~BIT(other));
		OK(leader(0) < 0);
		EQ(raft_role(m[3].raft), RAFT_FOLLOWER);
		pass(8000, cut & BIT(3));
		OK(leader(BIT(3)) >= 0);
	}
	end();
}

T(one_that_has_some_is_not_caught_up)
{
	struct raft_msg has = { .type = RAFT_APPENDED, .from = 2, .to = 1 };

	cluster(1);
	by_hand = true;
	(void)elect(0);
	for (uint64_t n = 1; n <= 20; n++) {
		propose(0, n);
		settle(0);
	}
	has.from = newcomer(1);
	EQ(change(0, RAFT_ADD_LEARNER, has.from), 0);
	write_all(0);
	pass(300, BIT(1));
	has.term = raft_term(m[0].raft);
	has.index = raft_last_index(m[0].raft);
	say(0, &has); /* it has nothing */
	OK(!raft_is_caught_up(m[0].raft, has.from));
	has.ok = true;
	for (uint64_t n = 1; n <= raft_commit(m[0].raft); n++) {
		OK(!raft_is_caught_up(m[0].raft, has.from));
		has.index = has.match = n;
		say(0, &has);
	}
	OK(raft_is_caught_up(m[0].raft, has.from));
	end();
}

T(a_learner_that_is_asked_votes)
{
	struct raft_members of = { .id = { 1, 2 }, .count = 2 };
	struct raft_msg ask = {
		.type = RAFT_VOTE, .from = 1, .to = 2, .term = 3
	};

	/* It may have been promoted and not know it (etcd#10998). */
	cluster(1);
	of.learner[1] = true;
	fresh(0, &of);
	EQ(m[0].id, 2);
	say(0, &ask);
	write_all(0);
	EQ(wire_count, 1);
	OK(wires[0]->msg.ok);
	end();
}

T(one_that_knows_nobody_listens_and_does_nothing_else)
{
	struct raft_msg ask = { .type = RAFT_VOTE, .from = 1, .term = 3 };

	cluster(1);
	ask.to = newcomer(1);
	forget_wires();
	now_ms += 100000;
	tick(1);
	EQ(raft_role(m[1].raft), RAFT_FOLLOWER);
	EQ(raft_deadline(m[1].raft), UINT64_MAX);
	say(1, &ask);
	write_all(1);
	EQ(wire_count, 0);
	end();
}

/* The erratum to 4.1: no change before the leader's own term has committed. */
T(no_change_before_the_leaders_first_entry_is_committed)
{
	uint64_t index, term;

	cluster(1);
	preset(0, 4, (uint64_t[]){ 4 }, 1);
	tick(0);
	write_one(0);
	EQ(raft_role(m[0].raft), RAFT_LEADER);
	EQ(raft_propose_change(m[0].raft, RAFT_ADD_LEARNER, 9, &index, &term),
	   -EBUSY);
	write_all(0);
	EQ(raft_propose_change(m[0].raft, RAFT_ADD_LEARNER, 9, &index, &term),
	   0);
	EQ(index, 3);
	EQ(term, 5);
	end();
}

/* redisraft's several pending removals. */
T(one_change_at_a_time)
{
	uint32_t lead;

	cluster(3);
	lead = elect(0);
	OK(raft_propose_change(m[(lead + 1) % 3].raft, RAFT_REMOVE, 1,
			       &(uint64_t){ 0 }, &(uint64_t){ 0 }) == -EAGAIN);
	EQ(change(lead, RAFT_ADD_LEARNER, newcomer(3)), 0);
	EQ(change(lead, RAFT_REMOVE, m[(lead + 1) % 3].id), -EBUSY);
	settle(0);
	EQ(change(lead, RAFT_REMOVE, m[(lead + 1) % 3].id), 0);
	end();
}

/* redisraft#17: an isolated leader changes members by itself. */
T(an_isolated_leader_cannot_change_members_alone)
{
	uint32_t lead, other;

	cluster(3);
	lead = elect(0);
	other = (lead + 1) % 3;
	forget_wires();
	EQ(change(lead, RAFT_REMOVE, m[other].id), 0);
	write_all(lead);
	EQ(raft_members(m[lead].raft)->count, 2);
	forget_wires();
	OK(raft_commit(m[lead].raft) < raft_last_index(m[lead].raft));
	EQ(change(lead, RAFT_REMOVE, m[(lead + 2) % 3].id), -EBUSY);
	pass(6000, BIT(lead));
	OK(leader(BIT(lead)) >= 0);
	/* The others know nothing of it, and it goes back to what they say. */
	pass(3000, 0);
	EQ(raft_members(m[lead].raft)->count, 3);
	OK(raft_is_voter(m[lead].raft, m[other].id));
	end();
}

T(a_list_that_is_cut_goes_back_even_when_the_older_one_is_trimmed)
{
	uint8_t packed[RAFT_MEMBERS_PACKED_MAX];
	struct raft_members two = { .id = { 1, 2 }, .count = 2 };
	struct raft_entry e = { 3, 2, RAFT_CONFIG, packed,
				raft_members_pack(&two, packed) };
	struct raft_entry other = { 3, 3, RAFT_NOOP, NULL, 0 };
	struct raft_msg msg = { .type = RAFT_APPEND,
				.from = 2,
				.to = 1,
				.term = 2,
				.index = 2,
				.index_term = 1,
				.commit = 2,
				.entries = &e,
				.entry_count = 1 };

	cluster(3);
	by_hand = true;
	preset(0, 1, (uint64_t[]){ 1, 1 }, 2);
	say(0, &msg);
	write_all(0);
	EQ(raft_members(m[0].raft)->count, 2);
	(void)raft_trim(m[0].raft, 2);
	msg.term = 3;
	msg.from = 3;
	msg.entries = &other;
	say(0, &msg);
	EQ(raft_members(m[0].raft)->count, 3);
	end();
}

T(a_removed_member_is_told_and_disturbs_nobody)
{
	uint32_t lead, gone;
	uint64_t term;

	cluster(3);
	lead = elect(0);
	gone = (lead + 1) % 3;
	EQ(change(lead, RAFT_REMOVE, m[gone].id), 0);
	settle(0);
	pass(400, 0);
	/* It has applied the entry that says so. */
	OK(!raft_is_member(m[gone].raft, m[gone].id));
	EQ(m[gone].applied, m[lead].applied);
	term = raft_term(m[lead].raft);
	pass(20000, 0);
	EQ(leader(0), (int)lead);
	EQ(raft_term(m[lead].raft), term);
	EQ(raft_role(m[gone].raft), RAFT_FOLLOWER);
	end();
}

T(a_removed_member_that_was_not_told_disturbs_nobody)
{
	uint32_t lead, gone;
	uint64_t term;

	cluster(4);
	lead = elect(0);
	gone = (lead + 1) % 4;
	term = raft_term(m[lead].raft);
	EQ(change(lead, RAFT_REMOVE, m[gone].id), 0);
	settle(BIT(gone));
	pass(5000, BIT(gone));
	OK(raft_is_voter(m[gone].raft, m[gone].id));
	pass(20000, 0);
	EQ(leader(0), (int)lead);
	EQ(raft_term(m[lead].raft), term);
	EQ(raft_term(m[gone].raft), term);
	end();
}

/* Even one that skips the pre-vote: a heard leader is not voted out. */
T(a_vote_for_one_who_does_not_hear_the_leader_is_refused_unread)
{
	struct raft_msg ask = {
		.type = RAFT_VOTE, .from = 77, .index = 1000, .index_term = 1
	};
	uint64_t term;
	uint32_t lead;

	cluster(3);
	lead = elect(0);
	term = raft_term(m[lead].raft);
	for (uint32_t i = 0; i < 3; i++) {
		forget_wires();
		ask.to = m[i].id;
		ask.term = term + 5;
		say(i, &ask);
		EQ(raft_term(m[i].raft), term);
		EQ(wire_count, 0);
	}
	EQ(leader(0), (int)lead);
	end();
}

T(a_leader_that_removes_itself_leads_until_that_is_committed)
{
	uint32_t lead, next;
	uint64_t index;

	cluster(3);
	lead = elect(0);
	EQ(change(lead, RAFT_REMOVE, m[lead].id), 0);
	EQ(raft_role(m[lead].raft), RAFT_LEADER);
	index = raft_last_index(m[lead].raft);
	/* Its own disk does not count any more. */
	write_all(lead);
	OK(raft_commit(m[lead].raft) < index);
	settle(0);
	EQ(raft_commit(m[lead].raft), index);
	OK(raft_role(m[lead].raft) != RAFT_LEADER);
	/* It handed over: no election time went by. */
	OK(leader(BIT(lead)) >= 0);
	next = (uint32_t)leader(BIT(lead));
	EQ(raft_members(m[next].raft)->count, 2);
	pass(10000, 0);
	EQ(leader(0), (int)next);
	end();
}

/* 4.2.2: the only one with the longest log must still be electable. */
T(one_whose_removal_is_not_committed_may_lead_to_commit_it)
{
	uint32_t lead, other;

	cluster(2);
	lead = elect(0);
	other = 1 - lead;
	forget_wires();
	EQ(change(lead, RAFT_REMOVE, m[lead].id), 0);
	write_all(lead);
	forget_wires();
	crash(lead, 0);
	OK(!raft_is_voter(m[lead].raft, m[lead].id));
	pass(20000, 0);
	EQ(leader(0), (int)other);
	EQ(raft_members(m[other].raft)->count, 1);
	end();
}

T(a_removal_that_would_lose_the_quorum_is_told_with_numbers)
{
	uint32_t lead, a, b, reachable = 99, needed = 99;
	uint64_t learner;

	cluster(3);
	lead = elect(0);
	a = (lead + 1) % 3;
	b = (lead + 2) % 3;
	EQ(raft_can_remove(m[a].raft, m[b].id, &reachable, &needed), -EAGAIN);
	EQ(raft_can_remove(m[lead].raft, 77, &reachable, &needed), -ENOENT);
	EQ(reachable, 99);
	pass(500, 0);
	EQ(raft_can_remove(m[lead].raft, m[a].id, &reachable, &needed), 0);
	EQ(reachable, 2);
	EQ(needed, 2);
	EQ(raft_can_remove(m[lead].raft, m[lead].id, &reachable, &needed), 0);
	EQ(reachable, 2);
	/* One is down: the other one must stay, and it may go itself. */
	pass(1500, BIT(a));
	EQ(raft_can_remove(m[lead].raft, m[b].id, &reachable, &needed), -EPERM);
	EQ(reachable, 1);
	EQ(needed, 2);
	EQ(raft_can_remove(m[lead].raft, m[lead].id, &reachable, &needed),
	   -EPERM);
	EQ(raft_can_remove(m[lead].raft, m[a].id, &reachable, &needed), 0);
	EQ(reachable, 2);
	learner = newcomer(3);
	EQ(change(lead, RAFT_ADD_LEARNER, learner), 0);
	EQ(raft_can_remove(m[lead].raft, learner, &reachable, &needed), 0);
	end();
}

T(one_to_seven_and_back_without_a_pause)
{
	uint32_t lead = 0;

	cluster(1);
	(void)elect(0);
	for (uint32_t i = 1; i < 7; i++) {
		join(0, i);
		propose(0, i);
		settle(0);
		EQ(raft_commit(m[0].raft), raft_last_index(m[0].raft));
	}
	EQ(raft_members(m[0].raft)->count, 7);
	for (uint32_t n = 7; n > 1; n--) {
		lead = elect(0);
		pass(300, 0);
		EQ(change(lead, RAFT_REMOVE, m[lead].id), 0);
		settle(0);
	}
	lead = elect(0);
	EQ(raft_members(m[lead].raft)->count, 1);
	propose(lead, 99);
	write_all(lead);
	EQ(raft_commit(m[lead].raft), raft_last_index(m[lead].raft));
	end();
}
