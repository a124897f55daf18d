/* snapshot_test.c - members whose next entry is gone from the log. */
#include "test/unit/core/raft/cluster.h"

static uint32_t
count_of(enum raft_msg_type type)
{
	uint32_t n = 0;

	for (size_t k = 0; k < wire_count; k++)
		n += wires[k]->msg.type == type;
	return n;
}

/* A leader whose log begins late, and one that was cut off meanwhile. */
static uint32_t
one_far_behind(uint32_t *ret_behind)
{
	uint32_t lead;

	cluster(3);
	slack = 3;
	for (uint32_t i = 0; i < 3; i++)
		crash(i, 0);
	lead = elect(0);
	*ret_behind = (lead + 1) % 3;
	pass(2000, BIT(*ret_behind));
	for (uint64_t n = 1; n <= 50; n++) {
		propose(lead, n);
		settle(BIT(*ret_behind));
	}
	OK(raft_entry_at(m[lead].raft, 20) == NULL);
	return lead;
}

T(a_newcomer_is_sent_the_state_and_then_the_entries)
{
	uint64_t before;
	uint32_t lead;

	cluster(1);
	lead = elect(0);
	for (uint64_t n = 1; n <= 50; n++) {
		propose(lead, n);
		settle(0);
	}
	before = install_count;
	join(lead, 1);
	EQ(install_count, before + 1);
	propose(lead, 77);
	settle(0);
	pass(300, 0);
	EQ(m[1].applied, m[0].applied);
	EQ(m[1].hash, m[0].hash);
	/* Its log goes on from there, and so does a restart. */
	OK(raft_entry_at(m[1].raft, 1) == NULL);
	crash(1, 0);
	pass(300, 0);
	EQ(raft_members(m[1].raft)->count, 2);
	EQ(m[1].hash, m[0].hash);
	end();
}

T(one_far_behind_catches_up_by_a_snapshot)
{
	uint64_t before = install_count;
	uint32_t lead, behind;

	lead = one_far_behind(&behind);
	pass(1000, 0);
	EQ(install_count, before + 1);
	EQ(m[behind].hash, m[lead].hash);
	EQ(leader(0), (int)lead);
	OK(raft_snapshot_of(m[lead].raft, m[behind].id) == 0);
	end();
}

/* Nothing can be committed before the other one has it. */
T(a_leader_that_was_started_anew_sends_what_its_disk_holds)
{
	uint32_t lead, behind, third;

	lead = one_far_behind(&behind);
	third = 3 - lead - behind;
	pass(1000, BIT(behind)); /* all is applied, and on the disks */
	crash(lead, 0);
	crash(behind, 0);
	pass(6000, BIT(third));
	EQ(leader(BIT(third)), (int)lead);
	EQ(m[behind].hash, m[lead].hash);
	end();
}

T(one_piece_is_on_its_way_and_a_lost_one_is_sent_again)
{
	uint32_t lead, behind, pieces = 0;
	uint64_t offset = 0;

	lead = one_far_behind(&behind);
	forget_wires();
	for (int n = 0; n < 200; n++) {
		now_ms += 50;
		tick(lead);
		OK(count_of(RAFT_SNAPSHOT) <= 1);
		for (size_t left = wire_count; left > 0; left--) {
			struct wire *t = take_wire(0);

			if (t->msg.type == RAFT_SNAPSHOT) {
				pieces++;
				OK(t->msg.offset >= offset);
				offset = t->msg.offset;
				/* each second one is lost */
				if (pieces % 2 == 0)
					deliver(t);
			} else {
				deliver(t);
			}
			wire_free(t);
		}
		for (uint32_t i = 0; i < 3; i++)
			write_all(i);
	}
	OK(pieces >= 4 && pieces <= 20);
	EQ(m[behind].applied, m[lead].applied);
	end();
}

/* I7: nothing is said of it before it is on the disk. */
T(an_installed_snapshot_is_answered_when_it_is_on_the_disk)
{
	struct raft_peer_status s;
	uint32_t lead, behind;
	uint64_t index;

	lead = one_far_behind(&behind);
	index = m[lead].applied;
	pass_but(3000, 0, BIT(behind));
	EQ(m[behind].applied, index);
	OK(m[behind].write_count > 0);
	EQ(m[behind].writes[m[behind].write_count - 1].w.truncate_from, 1);
	EQ(m[behind].writes[m[behind].write_count - 1].w.entry_count, 1);
	EQ(raft_peer_status(m[lead].raft, m[behind].id, &s), 0);
	OK(s.active && s.match < index);
	/* It is gone with a crash, whole, and comes again. */
	crash(behind, 0);
	OK(m[behind].applied < index);
	pass(2000, 0);
	EQ(raft_peer_status(m[lead].raft, m[behind].id, &s), 0);
	OK(s.match >= index);
	end();
}

static struct raft_msg
piece(uint64_t index, uint64_t offset, const char *data, bool done)
{
	return (struct raft_msg){
		.type = RAFT_SNAPSHOT,
		.from = 2,
		.to = 1,
		.term = 5,
		.index = index,
		.index_term = 4,
		.members = { .id = { 1, 2, 3 }, .count = 3 },
		.offset = offset,
		.data = data,
		.len = strlen(data),
		.done = done,
	};
}

static bool
bring(const struct raft_msg *msg, struct raft_piece *ret)
{
	struct raft_event ev = { .type = RAFT_RECV,
				 .now_ms = now_ms,
				 .msg = msg };

	raft_step(m[0].raft, &ev);
	return raft_snapshot_next(m[0].raft, ret);
}

/* etcd#18055: two snapshots shortly after each other, and appends between. */
T(one_snapshot_is_collected_at_a_time)
{
	struct raft_entry at = { 30, 4, RAFT_NOOP, NULL, 0 };
	struct raft_piece p;
	struct raft_msg msg;

	cluster(3);
	by_hand = true;
	msg = piece(20, 0, "abc", false);
	OK(bring(&msg, &p));
	EQ(p.index, 20);
	OK(!bring(&msg, &p)); /* again: it has that */
	msg = piece(20, 6, "ghi", false);
	OK(!bring(&msg, &p)); /* a hole */
	msg = piece(30, 3, "xyz", false);
	OK(!bring(&msg, &p)); /* of another one, not its first */
	msg = piece(20, 3, "def", false);
	OK(bring(&msg, &p));
	EQ(p.offset, 3);
	EQ(raft_install(m[0].raft, &at), -ESTALE);
	msg = piece(30, 0, "new", true);
	OK(bring(&msg, &p));
	EQ(p.offset, 0);
	OK(p.done);
	msg = piece(20, 6, "ghi", true);
	OK(!bring(&msg, &p)); /* the older one is void */
	msg = piece(30, 0, "new", true);
	OK(!bring(&msg, &p)); /* the driver is at it */
	msg = piece(30, 3, "", true);
	OK(!bring(&msg, &p));
	EQ(raft_install(m[0].raft, &at), 0);
	EQ(raft_commit(m[0].raft), 30);
	EQ(raft_install(m[0].raft, &at), -ESTALE);
	msg = piece(20, 0, "abc", true);
	OK(!bring(&msg, &p)); /* older than what is committed */
	raft_snapshot_abort(m[0].raft);
	end();
}

T(another_entry_than_the_snapshots_is_refused)
{
	static const struct {
		const char *name;
		struct raft_entry at;
		int want;
	} rows[] = {
		{ "index", { 31, 4, RAFT_NOOP, NULL, 0 }, -EINVAL },
		{ "term", { 30, 3, RAFT_NOOP, NULL, 0 }, -EINVAL },
		{ "kind", { 30, 4, 9, NULL, 0 }, -EINVAL },
		{ "members",
		  { 30, 4, RAFT_CONFIG, (char *)"abc", 3 },
		  -EINVAL },
		{ "it", { 30, 4, RAFT_DATA, (char *)"abc", 3 }, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raft_msg msg = piece(30, 0, "new", true);
		struct raft_piece p;

		T_ROW(rows[i].name);
		cluster(3);
		OK(bring(&msg, &p));
		EQ(raft_install(m[0].raft, &rows[i].at), rows[i].want);
		EQ(raft_commit(m[0].raft), rows[i].want == 0 ? 30 : 0);
		end();
	}
}

/* etcd#10308: it got what it lacks elsewhere. */
T(a_snapshot_that_is_no_longer_needed_is_answered_as_matched)
{
	struct raft_msg msg = piece(3, 0, "abc", true);
	struct raft_piece p;

	cluster(3);
	by_hand = true;
	preset(0, 5, (uint64_t[]){ 1, 2, 4, 4 }, 4);
	OK(!bring(&msg, &p));
	EQ(raft_commit(m[0].raft), 3); /* what it holds is committed */
	collect(0);
	EQ(wire_count, 1);
	EQ(wires[0]->msg.type, RAFT_APPENDED);
	OK(wires[0]->msg.ok);
	EQ(wires[0]->msg.match, 3);
	EQ(raft_last_index(m[0].raft), 4);
	end();
}

T(a_leader_of_a_newer_term_begins_anew)
{
	struct raft_msg msg = piece(30, 0, "abc", false);
	struct raft_piece p;

	cluster(3);
	by_hand = true;
	OK(bring(&msg, &p));
	msg = piece(30, 3, "def", true);
	msg.term = 6;
	msg.from = 3;
	OK(!bring(&msg, &p));
	msg = piece(30, 0, "other", true);
	msg.term = 6;
	msg.from = 3;
	OK(bring(&msg, &p));
	EQ(p.offset, 0);
	end();
}

T(what_follows_a_snapshot_is_kept_while_it_is_under_way)
{
	uint32_t lead, behind;
	uint64_t index;

	lead = one_far_behind(&behind);
	forget_wires();
	now_ms += 300;
	for (int n = 0; n < 3; n++) {
		tick(lead);
		while (wire_count > 0 &&
		       raft_snapshot_of(m[lead].raft, m[behind].id) == 0) {
			struct wire *t = take_wire(0);

			deliver(t);
			wire_free(t);
		}
		now_ms += 300;
	}
	index = raft_snapshot_of(m[lead].raft, m[behind].id);
	OK(index > 0);
	for (uint64_t n = 1; n <= 30; n++) {
		propose(lead, n);
		settle_but(0, BIT(behind)); /* it cannot install it */
	}
	OK(raft_entry_at(m[lead].raft, index) != NULL);
	pass(1000, 0);
	EQ(m[behind].hash, m[lead].hash);
	end();
}

T(what_was_pinned_and_lost_is_begun_anew)
{
	uint32_t lead, behind;

	lead = one_far_behind(&behind);
	raft_snapshot_restart(m[lead].raft, m[behind].id);
	raft_snapshot_restart(m[lead].raft, 77);
	pass(1000, 0);
	EQ(m[behind].hash, m[lead].hash);
	end();
}
