/* read_test.c - reads that see all that was acknowledged before them. */
#include "test/unit/core/raft/cluster.h"

/* RAFT_APPENDs that are on the wire from i. */
static uint32_t
appends_from(uint32_t i)
{
	uint32_t n = 0;

	for (size_t k = 0; k < wire_count; k++)
		n += wires[k]->msg.type == RAFT_APPEND &&
		     wires[k]->msg.from == m[i].id;
	return n;
}

T(one_that_is_alone_answers_at_once)
{
	uint64_t seq;

	cluster(1);
	EQ(raft_read(m[0].raft, &seq), -EAGAIN);
	(void)elect(0);
	seq = read_begin(0);
	OK(seq > 0);
	EQ(m[0].read_done, seq);
	EQ(m[0].read_index, raft_commit(m[0].raft));
	end();
}

T(a_quorum_answers_a_question_that_was_asked_after_the_read)
{
	uint32_t lead;
	uint64_t seq;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	/* An answer to an older message is on its way: it does not count. */
	now_ms += RAFT_HEARTBEAT_MS;
	tick(lead);
	while (wire_count > 0 && wires[0]->msg.type == RAFT_APPEND) {
		struct wire *t = take_wire(0);

		deliver(t);
		wire_free(t);
	}
	OK(wire_count > 0);
	seq = read_begin(lead);
	for (size_t n = wire_count; n > 0; n--) {
		struct wire *t = take_wire(0);

		if (t->msg.type == RAFT_APPENDED)
			deliver(t);
		wire_free(t);
	}
	EQ(m[lead].read_done, 0);
	pass(300, 0); /* it is asked again with the next heartbeat */
	EQ(m[lead].read_done, seq);
	end();
}

T(one_round_serves_all_reads_that_came_meanwhile)
{
	uint32_t lead;
	uint64_t seq = 0;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	forget_wires();
	for (int k = 0; k < 10; k++)
		EQ(raft_read(m[lead].raft, &seq), 0);
	m[lead].read_seq = seq;
	collect(lead);
	EQ(appends_from(lead), 2);
	for (int k = 0; k < 10; k++)
		EQ(raft_read(m[lead].raft, &seq), 0);
	m[lead].read_seq = seq;
	collect(lead);
	EQ(appends_from(lead), 2); /* they wait for the next round */
	settle(0);
	EQ(m[lead].read_done, seq);
	end();
}

/* ReadIndex before the own term's commit (RedisRaft 19). */
T(no_read_before_the_leaders_first_entry_is_committed)
{
	uint32_t lead;
	uint64_t seq;

	cluster(3);
	lead = elect(0);
	propose(lead, 5);
	pass(300, 0);
	pass(5000, BIT(lead));
	lead = (uint32_t)leader(BIT(lead));
	/* A new one, whose entries do not reach a disk for now. */
	cluster(3);
	for (int n = 0; n < 100 && leader(0) < 0; n++) {
		now_ms += 50;
		for (uint32_t i = 0; i < 3; i++)
			tick(i);
		while (wire_count > 0) {
			struct wire *t = take_wire(0);

			deliver(t);
			wire_free(t);
		}
		if (leader(0) < 0)
			for (uint32_t i = 0; i < 3; i++)
				write_all(i);
	}
	lead = (uint32_t)leader(0);
	OK(!raft_is_ready(m[lead].raft));
	seq = read_begin(lead);
	OK(seq > 0);
	pass_but(600, 0, BIT(0) | BIT(1) | BIT(2));
	EQ(raft_role(m[lead].raft), RAFT_LEADER);
	EQ(m[lead].read_done, 0);
	pass(300, 0);
	EQ(m[lead].read_done, seq);
	OK(m[lead].read_index >= 1);
	end();
}

/* etcd#20418: a leader is stopped, another one is elected, it goes on. */
T(a_leader_that_was_stopped_answers_no_stale_read)
{
	uint32_t old, next;
	uint64_t seq;

	cluster(3);
	old = elect(0);
	pass(300, 0);
	/* What it was sent before it was stopped waits in its socket. */
	now_ms += RAFT_HEARTBEAT_MS;
	tick(old);
	for (size_t n = wire_count; n > 0; n--) {
		struct wire *t = take_wire(0);

		deliver(t);
		wire_free(t);
	}
	{
		struct wire *kept[16];
		size_t count = 0;

		while (wire_count > 0 && count < ARRAY_LEN(kept))
			kept[count++] = take_wire(0);
		OK(count == 2);
		for (int n = 0; n < 100 && leader(BIT(old)) < 0; n++) {
			now_ms += 50;
			for (uint32_t i = 0; i < 3; i++)
				if (i != old)
					tick(i);
			settle(BIT(old));
		}
		next = (uint32_t)leader(BIT(old));
		propose(next, 1234);
		settle(BIT(old));
		seq = read_begin(old);
		OK(seq > 0); /* it still thinks that it leads */
		for (size_t k = 0; k < count; k++) {
			deliver(kept[k]);
			wire_free(kept[k]);
		}
	}
	EQ(m[old].read_done, 0);
	pass(500, 0);
	EQ(m[old].read_done, 0);
	EQ(m[old].read_failed, seq);
	end();
}

T(reads_that_wait_fail_with_the_office)
{
	uint32_t lead;
	uint64_t seq;

	cluster(3);
	lead = elect(0);
	pass(300, 0);
	seq = read_begin(lead);
	pass(5000, BIT(lead));
	OK(raft_role(m[lead].raft) != RAFT_LEADER);
	EQ(m[lead].read_done, 0);
	EQ(m[lead].read_failed, seq);
	end();
}

/* A read quorum that was miscounted (RedisRaft's log). */
T(learners_confirm_nothing)
{
	uint32_t lead, a, b;
	uint64_t seq;

	cluster(3);
	lead = elect(0);
	a = (lead + 1) % 3;
	b = (lead + 2) % 3;
	EQ(change(lead, RAFT_ADD_LEARNER, newcomer(3)), 0);
	EQ(wire_count > 0, true);
	pass(500, 0);
	seq = read_begin(lead);
	settle(BIT(a) | BIT(b));
	pass(500, BIT(a) | BIT(b));
	EQ(m[lead].read_done, 0);
	pass(500, BIT(a));
	EQ(m[lead].read_done, seq);
	end();
}
