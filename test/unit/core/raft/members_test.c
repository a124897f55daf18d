/* members_test.c - lists of members, and what a change makes of them. */
#include <errno.h>

#include "core/raft/raft.h"
#include "test/t.h"

T(members_are_read_back)
{
	struct raft_members in = { .id = { 5, UINT64_MAX, 1 }, .count = 3 };
	struct raft_members out = { 0 };
	uint8_t p[RAFT_MEMBERS_PACKED_MAX];
	struct err e;

	in.learner[1] = true;
	EQ(raft_members_pack(&in, p), 27);
	EQ(raft_members_unpack(p, 27, &out, &e), 0);
	EQ(out.count, 3);
	OK(out.id[0] == 5 && out.id[1] == UINT64_MAX && out.id[2] == 1);
	OK(!out.learner[0] && out.learner[1] && !out.learner[2]);
}

/* A golden list: the flag that says learner must not be lost by anybody who
 * changes the format (etcd#21694). */
T(a_stored_list_has_these_bytes)
{
	static const uint8_t stored[] = { 1, 2, 3, 0, 0, 0, 0, 0, 0,
					  9, 0, 0, 0, 0, 0, 0, 8, 1 };
	struct raft_members m;
	uint8_t p[RAFT_MEMBERS_PACKED_MAX];
	struct err e;

	EQ(raft_members_unpack(stored, sizeof(stored), &m, &e), 0);
	EQ(m.count, 2);
	EQ(m.id[0], 0x030201);
	OK(!m.learner[0]);
	OK(m.id[1] == UINT64_C(0x0800000000000009));
	OK(m.learner[1]);
	EQ(raft_members_pack(&m, p), sizeof(stored));
	EQ(memcmp(p, stored, sizeof(stored)), 0);
}

T(bad_lists_are_refused_with_a_sentence)
{
	static const struct {
		const char *name;
		uint8_t bytes[RAFT_MEMBERS_PACKED_MAX + 9];
		size_t len;
		const char *says;
	} rows[] = {
		{ "nothing",
		  { 0 },
		  0,
		  "a list of members cannot have 0 bytes" },
		{ "half", { 1 }, 8, "a list of members cannot have 8 bytes" },
		{ "ten", { 1 }, 90, "a list of members cannot have 90 bytes" },
		{ "id 0", { 0 }, 9, "a member has the id 0" },
		{ "twice",
		  { 1, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
		  18,
		  "a member is in the list twice" },
		{ "a learner alone",
		  { 1, 0, 0, 0, 0, 0, 0, 0, 1 },
		  9,
		  "no member votes" },
		{ "an unknown flag",
		  { 1, 0, 0, 0, 0, 0, 0, 0, 3 },
		  9,
		  "a member has flags (3) that this version does not know" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raft_members out = { .count = 77 };
		struct err e = { "" };

		T_ROW(rows[i].name);
		EQ(raft_members_unpack(rows[i].bytes, rows[i].len, &out, &e),
		   -EINVAL);
		EQ_STR(e.msg, rows[i].says);
		EQ(out.count, 77);
	}
}

/* "1 2 3L" for voters 1 and 2 and learner 3. */
static struct raft_members
members(const char *s)
{
	struct raft_members m = { 0 };

	for (; *s != '\0'; s++) {
		if (*s == 'L')
			m.learner[m.count - 1] = true;
		else if (*s != ' ')
			m.id[m.count++] = (uint64_t)(*s - '0');
	}
	return m;
}

static const char *
text(const struct raft_members *m)
{
	static char s[64];
	size_t n = 0;

	s[0] = '\0';
	for (uint32_t i = 0; i < m->count; i++)
		n += (size_t)snprintf(s + n, sizeof(s) - n, "%s%u%s",
				      i > 0 ? " " : "", (unsigned)m->id[i],
				      m->learner[i] ? "L" : "");
	return s;
}

T(one_member_is_changed_at_a_time)
{
	static const struct {
		const char *name, *from;
		enum raft_change change;
		uint64_t id;
		int want;
		const char *to;
	} rows[] = {
		{ "a new one learns", "1", RAFT_ADD_LEARNER, 2, 0, "1 2L" },
		{ "one more", "1 2L", RAFT_ADD_LEARNER, 3, 0, "1 2L 3L" },
		{ "no two with one id", "1 2", RAFT_ADD_LEARNER, 2, -EALREADY,
		  "1 2" },
		{ "nor two learners", "1 2L", RAFT_ADD_LEARNER, 2, -EALREADY,
		  "1 2L" },
		{ "no id 0", "1", RAFT_ADD_LEARNER, 0, -EINVAL, "1" },
		{ "nine", "1 2 3 4 5 6 7 8", RAFT_ADD_LEARNER, 9, 0,
		  "1 2 3 4 5 6 7 8 9L" },
		{ "but not ten", "1 2 3 4 5 6 7 8 9", RAFT_ADD_LEARNER, 10,
		  -ENOSPC, "1 2 3 4 5 6 7 8 9" },
		{ "it votes", "1 2L 3L", RAFT_PROMOTE, 2, 0, "1 2 3L" },
		{ "once", "1 2", RAFT_PROMOTE, 2, -EALREADY, "1 2" },
		{ "not a stranger", "1 2", RAFT_PROMOTE, 3, -ENOENT, "1 2" },
		{ "not id 0", "1 2L", RAFT_PROMOTE, 0, -EINVAL, "1 2L" },
		{ "the last goes", "1 2 3", RAFT_REMOVE, 3, 0, "1 2" },
		{ "the first goes", "1 2L 3", RAFT_REMOVE, 1, 0, "2L 3" },
		{ "one of two", "1 2", RAFT_REMOVE, 1, 0, "2" },
		{ "a learner goes", "1 2L", RAFT_REMOVE, 2, 0, "1" },
		{ "a stranger cannot", "1 2", RAFT_REMOVE, 3, -ENOENT, "1 2" },
		{ "the last voter stays", "1", RAFT_REMOVE, 1, -EPERM, "1" },
		{ "learners are no voters", "1 2L 3L", RAFT_REMOVE, 1, -EPERM,
		  "1 2L 3L" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raft_members m = members(rows[i].from);

		T_ROW(rows[i].name);
		EQ(raft_members_change(&m, rows[i].change, rows[i].id, &m),
		   rows[i].want);
		EQ_STR(text(&m), rows[i].to);
	}
}

/* Any majority before and any after share a member: else two leaders. */
T(majorities_before_and_after_a_change_overlap)
{
	for (uint32_t n = 1; n <= RAFT_MEMBERS_MAX; n++) {
		uint32_t before = n / 2 + 1, after = (n + 1) / 2 + 1;

		OK(before + after > n + 1);
	}
}
