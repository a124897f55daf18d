/* log_test.c - what is in the log, on which disks, and for how long. */
#include "test/unit/core/raft/cluster.h"

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
