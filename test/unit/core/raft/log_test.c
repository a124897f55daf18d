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

T(what_is_proposed_together_goes_out_together)
{
	uint64_t index, term, value = 1;
	uint32_t lead;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	forget_wires();
	for (int k = 0; k < 256; k++)
		EQ(raft_propose(m[lead].raft, &value, sizeof(value), &index,
				&term),
		   0);
	collect(lead);
	EQ(m[lead].write_count, 1);
	EQ(wire_count, 2); /* before its own disk has it */
	EQ(wires[0]->msg.entry_count, 256);
	EQ(wires[1]->msg.entry_count, 256);
	settle(0);
	EQ(raft_commit(m[lead].raft), index);
	end();
}

/* etcd#14633: more is sent before the last is answered, but not for ever. */
T(appends_are_pipelined_within_a_window)
{
	uint32_t lead, n = 0;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	forget_wires();
	for (uint64_t k = 1; k <= 100; k++)
		propose(lead, k);
	for (size_t k = 0; k < wire_count; k++)
		n += wires[k]->msg.to == m[(lead + 1) % 3].id;
	EQ(n, 16);
	settle(0);
	EQ(raft_commit(m[lead].raft), raft_last_index(m[lead].raft));
	end();
}

T(lost_appends_are_sent_again)
{
	uint32_t lead;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	for (uint64_t k = 1; k <= 40; k++) {
		propose(lead, k);
		if (k % 3 != 0)
			forget_wires();
	}
	pass(600, 0);
	for (uint32_t i = 0; i < 3; i++)
		EQ(raft_commit(m[i].raft), raft_last_index(m[lead].raft));
	end();
}

/* Figure 7 of the paper: whatever a follower has, it comes to the leader's. */
T(every_log_that_parted_is_made_the_leaders)
{
	static const uint64_t of_leader[] = { 1, 1, 1, 4, 4, 5, 5, 6, 6, 6 };
	static const struct {
		const char *name;
		uint64_t term[12];
		size_t count;
	} rows[] = {
		{ "it lacks one", { 1, 1, 1, 4, 4, 5, 5, 6, 6 }, 9 },
		{ "it lacks many", { 1, 1, 1, 4 }, 4 },
		{ "one more", { 1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6 }, 11 },
		{ "of a newer term",
		  { 1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7 },
		  12 },
		{ "lacks some and has others", { 1, 1, 1, 4, 4, 4, 4 }, 7 },
		{ "older terms", { 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3 }, 11 },
		{ "nothing", { 0 }, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t rounds = 0;

		T_ROW(rows[i].name);
		cluster(3);
		preset(0, 7, of_leader, ARRAY_LEN(of_leader));
		preset(1, 7, rows[i].term, rows[i].count);
		preset(2, 7, of_leader, ARRAY_LEN(of_leader));
		/* The other two elect 0, and this one hears of it later. */
		while (raft_role(m[0].raft) != RAFT_LEADER) {
			now_ms += 50;
			tick(0);
			settle(BIT(1));
		}
		now_ms += 300;
		tick(0);
		while (m[1].applied < m[0].applied && rounds++ < 300) {
			if (wire_count == 0) {
				now_ms += 50;
				tick(0);
			}
			settle(0);
		}
		EQ(m[1].applied, m[0].applied);
		EQ(m[1].hash, m[0].hash);
		EQ(disk_last(&m[1].disk), disk_last(&m[0].disk));
		end();
	}
}

T(what_denies_a_committed_entry_is_dropped)
{
	struct raft_entry e[] = { { 2, 1, RAFT_NOOP, NULL, 0 },
				  { 3, 1, RAFT_NOOP, NULL, 0 },
				  { 4, 1, RAFT_NOOP, NULL, 0 } };
	struct raft_msg msg = append(2, 3, 2, NULL, 0);

	cluster(3);
	by_hand = true;
	preset(0, 2, (uint64_t[]){ 1, 1, 2 }, 3);
	msg.commit = 3;
	say(0, &msg);
	EQ(raft_commit(m[0].raft), 3);
	/* redisraft#53: a conflict with what is committed */
	msg = append(4, 1, 1, e, 3);
	say(0, &msg);
	EQ(raft_last_index(m[0].raft), 3);
	EQ(raft_entry_at(m[0].raft, 3)->term, 2);
	end();
}

T(malformed_messages_are_dropped)
{
	struct raft_entry e = { 1, 1, RAFT_CONFIG, (char *)"abc", 3 };
	struct raft_entry huge = { 1, 1, RAFT_DATA, NULL, RAFT_ENTRY_MAX + 1 };
	struct raft_entry odd = { 1, 1, 7, NULL, 0 };
	struct raft_entry gap = { 2, 1, RAFT_NOOP, NULL, 0 };
	struct raft_entry newer = { 1, 9, RAFT_NOOP, NULL, 0 };
	struct raft_msg rows[] = {
		append(2, 0, 0, &e, 1),	    append(2, 0, 0, &huge, 1),
		append(2, 0, 0, &odd, 1),   append(2, 0, 0, &gap, 1),
		append(2, 0, 0, &newer, 1), append(2, 5, 0, NULL, 0),
		append(2, 0, 1, NULL, 0),   append(0, 0, 0, NULL, 0),
		append(2, 1, 3, NULL, 0),   append(UINT64_MAX, 0, 0, NULL, 0),
		append(2, 0, 0, NULL, 0),   append(2, 0, 0, NULL, 0),
	};

	rows[10].from = 1; /* itself */
	rows[11].to = 9;
	cluster(3);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		say(0, &rows[i]);
		EQ(raft_term(m[0].raft), 0);
		EQ(raft_last_index(m[0].raft), 0);
	}
	end();
}

T(slack_is_bounded_by_bytes_too)
{
	static char big[RAFT_ENTRY_MAX];
	struct raft_entry e[] = { { 1, 1, RAFT_NOOP, NULL, 0 },
				  { 2, 1, RAFT_DATA, big, sizeof(big) },
				  { 3, 1, RAFT_DATA, big, sizeof(big) },
				  { 4, 1, RAFT_NOOP, NULL, 0 } };
	struct raft_msg msg = append(1, 0, 0, e, 4);
	struct raft_event ev = { .type = RAFT_RECV, .msg = &msg };
	struct raft_start c = { .id = 1,
				.members = { .id = { 1, 2 }, .count = 2 } };
	struct raft *r = raft_new(&c, 5);
	struct raft_write w;

	ev.now_ms = 6;
	msg.commit = 4;
	raft_step(r, &ev);
	EQ(raft_commit(r), 4);
	EQ(raft_trim(r, 4), 1); /* it is not on the disk */
	OK(raft_write_next(r, &w));
	ev.type = RAFT_PERSISTED;
	ev.seq = w.seq;
	raft_step(r, &ev);
	EQ(raft_trim(r, 4), 3);
	raft_free(r);
}
