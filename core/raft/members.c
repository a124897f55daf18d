/*
 * members.c - lists of members: how they are stored, and what a change makes
 * of them. Who may change them, and when, is in change.c.
 */
#include <errno.h>

#include "core/base/check.h"
#include "core/raft/raft_impl.h"

#define PACKED_EACH 9
#define FLAG_LEARNER 1

uint32_t
raft_members_find(const struct raft_members *m, uint64_t id)
{
	uint32_t i = 0;

	check(m->count <= RAFT_MEMBERS_MAX);
	while (i < m->count && m->id[i] != id)
		i++;
	return i;
}

uint32_t
raft_members_voters(const struct raft_members *m)
{
	uint32_t n = 0;

	check(m->count <= RAFT_MEMBERS_MAX);
	for (uint32_t i = 0; i < m->count; i++)
		n += !m->learner[i];
	return n;
}

int
raft_members_check(const struct raft_members *m, struct err *e)
{
	if (m->count == 0 || m->count > RAFT_MEMBERS_MAX)
		return err_set(e, -EINVAL, "there cannot be %u members",
			       m->count);
	for (uint32_t i = 0; i < m->count; i++) {
		if (m->id[i] == 0)
			return err_set(e, -EINVAL, "a member has the id 0");
		if (raft_members_find(m, m->id[i]) != i)
			return err_set(e, -EINVAL,
				       "a member is in the list twice");
	}
	if (raft_members_voters(m) == 0)
		return err_set(e, -EINVAL, "no member votes");
	return 0;
}

size_t
raft_members_pack(const struct raft_members *m,
		  uint8_t ret[RAFT_MEMBERS_PACKED_MAX])
{
	check(m->count <= RAFT_MEMBERS_MAX);
	for (uint32_t i = 0; i < m->count; i++) {
		uint8_t *p = ret + (size_t)PACKED_EACH * i;

		for (uint32_t b = 0; b < 8; b++)
			p[b] = (uint8_t)(m->id[i] >> (8 * b));
		p[8] = m->learner[i] ? FLAG_LEARNER : 0;
	}
	return PACKED_EACH * (size_t)m->count;
}

int
raft_members_unpack(const void *p, size_t len, struct raft_members *ret,
		    struct err *e)
{
	const uint8_t *byte = p;
	struct raft_members m = { 0 };
	int r;

	if (len == 0 || len % PACKED_EACH != 0 || len > RAFT_MEMBERS_PACKED_MAX)
		return err_set(e, -EINVAL,
			       "a list of members cannot have %zu bytes", len);
	m.count = (uint32_t)(len / PACKED_EACH);
	for (uint32_t i = 0; i < m.count; i++, byte += PACKED_EACH) {
		for (uint32_t b = 0; b < 8; b++)
			m.id[i] |= (uint64_t)byte[b] << (8 * b);
		if ((byte[8] & ~FLAG_LEARNER) != 0)
			return err_set(e, -EINVAL,
				       "a member has flags (%u) that this "
				       "version does not know",
				       byte[8]);
		m.learner[i] = byte[8] != 0;
	}
	r = raft_members_check(&m, e);
	if (r == 0)
		*ret = m;
	return r;
}

static void
take_out(struct raft_members *m, uint32_t at)
{
	m->count--;
	for (uint32_t i = at; i < m->count; i++) {
		m->id[i] = m->id[i + 1];
		m->learner[i] = m->learner[i + 1];
	}
	m->id[m->count] = 0;
	m->learner[m->count] = false;
}

static int
add_learner(struct raft_members *m, uint64_t id)
{
	if (m->count == RAFT_MEMBERS_MAX)
		return -ENOSPC;
	m->id[m->count] = id;
	m->learner[m->count++] = true;
	return 0;
}

int
raft_members_change(const struct raft_members *m, enum raft_change change,
		    uint64_t id, struct raft_members *ret)
{
	struct raft_members next = *m;
	uint32_t at = raft_members_find(m, id);
	bool there = at < m->count;
	int r = 0;

	if (id == 0)
		return -EINVAL;
	if (change == RAFT_ADD_LEARNER && there)
		return -EALREADY;
	if (change != RAFT_ADD_LEARNER && !there)
		return -ENOENT;
	switch (change) {
	case RAFT_ADD_LEARNER:
		r = add_learner(&next, id);
		break;
	case RAFT_PROMOTE:
		if (!m->learner[at])
			return -EALREADY;
		next.learner[at] = false;
		break;
	case RAFT_REMOVE:
		if (!m->learner[at] && raft_members_voters(m) == 1)
			return -EPERM;
		take_out(&next, at);
		break;
	}
	if (r == 0)
		*ret = next;
	return r;
}

bool
raft_is_member(const struct raft *r, uint64_t id)
{
	return raft_members_find(&r->members, id) < r->members.count;
}

bool
raft_is_voter(const struct raft *r, uint64_t id)
{
	uint32_t at = raft_members_find(&r->members, id);

	return at < r->members.count && !r->members.learner[at];
}
