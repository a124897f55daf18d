/*
 * raft.c - see raft.h: making one, its door, and what is written and sent.
 * The rules are in election.c (who leads) and replicate.c (what is in the
 * log); neither knows how writes and messages leave.
 */
#include "core/raft/raft.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/raft/raft_impl.h"

static int
check_entry(const struct raft_start *s, size_t i, struct err *e)
{
	const struct raft_entry *en = &s->entries[i];
	unsigned long long index = en->index, term = en->term;
	struct raft_members m;

	if (en->index == 0 || (i > 0 && en->index != en[-1].index + 1))
		return err_set(
			e, -EINVAL,
			"the log has entry %llu where %llu should be", index,
			i > 0 ? (unsigned long long)en[-1].index + 1 : 1);
	if (en->term == 0 || en->term > s->hard.term ||
	    (i > 0 && en->term < en[-1].term))
		return err_set(e, -EINVAL,
			       "entry %llu of the log cannot be of term %llu",
			       index, term);
	if (en->kind < RAFT_NOOP || en->kind > RAFT_CONFIG ||
	    en->len > RAFT_ENTRY_MAX)
		return err_set(e, -EINVAL,
			       "entry %llu of the log is of no known kind or "
			       "too long",
			       index);
	if (en->kind == RAFT_CONFIG &&
	    raft_members_unpack(en->data, en->len, &m, e) < 0)
		return err_wrap(e, -EINVAL, "entry %llu of the log", index);
	return 0;
}

int
raft_start_check(const struct raft_start *s, struct err *e)
{
	uint64_t first = s->entry_count > 0 ? s->entries[0].index : 1;
	unsigned long long applied = s->applied;

	if (s->id == 0)
		return err_set(e, -EINVAL, "a member cannot have the id 0");
	for (size_t i = 0; i < s->entry_count; i++) {
		int r = check_entry(s, i, e);

		if (r < 0)
			return r;
	}
	if (s->applied >= first + s->entry_count || s->applied + 1 < first)
		return err_set(e, -EINVAL,
			       "the log has %zu entries from %llu on, but what "
			       "was applied ends with %llu",
			       s->entry_count, (unsigned long long)first,
			       applied);
	return 0;
}

struct raft *
raft_new(const struct raft_start *config, uint64_t now_ms)
{
	struct raft *r = mem_new(sizeof(*r));
	struct err e;

	check(raft_start_check(config, &e) == 0);
	r->id = config->id;
	r->rand_state = config->seed ^ config->id;
	r->now_ms = now_ms;
	r->hard = config->hard;
	r->durable_hard = config->hard;
	r->election_ms =
		config->election_ms ? config->election_ms : RAFT_ELECTION_MS;
	r->heartbeat_ms =
		config->heartbeat_ms ? config->heartbeat_ms : RAFT_HEARTBEAT_MS;
	r->slack = config->slack ? config->slack : RAFT_SLACK_MAX;
	r->base = config->members;
	for (size_t i = 0; i < config->entry_count; i++)
		raft_log_append(&r->log, &config->entries[i]);
	r->unwritten = raft_log_last(&r->log) + 1;
	r->durable_last = raft_log_last(&r->log);
	r->commit = config->applied;
	r->snapshot_index = config->applied; /* the stored state is there */
	raft_use_members(r);
	raft_election_reset(r);
	/* Nobody else can have been elected: no need to wait for anybody. */
	if (raft_votes_alone(r) && r->log.count > 0)
		r->election_due_ms = now_ms;
	return r;
}

void
raft_free(struct raft *r)
{
	if (r == NULL)
		return;
	raft_log_fini(&r->log);
	mem_free(r->out);
	mem_free(r->held);
	mem_free(r);
}

static void
campaign_now(struct raft *r, uint64_t now_ms)
{
	r->now_ms = now_ms;
	r->election_due_ms = now_ms;
	raft_election_tick(r);
}

void
raft_bootstrap(struct raft *r, const void *data, size_t len, uint64_t now_ms)
{
	uint8_t packed[RAFT_MEMBERS_PACKED_MAX];
	size_t packed_len = raft_members_pack(&r->members, packed);
	struct raft_entry first = { 1, 1, RAFT_CONFIG, packed, packed_len };
	struct raft_entry second = { 2, 1, RAFT_DATA, NULL, len };

	check(r->log.count == 0 && r->hard.term == 0);
	check(r->members.count == 1 && r->members.id[0] == r->id);
	check(len <= RAFT_ENTRY_MAX);
	raft_log_append(&r->log, &first);
	second.data = len > 0 ? mem_dup(data, len) : NULL;
	raft_log_append(&r->log, &second);
	mem_free(second.data);
	raft_set_hard(r, 1, 0);
	raft_use_members(r);
	campaign_now(r, now_ms);
}

void
raft_force_alone(struct raft *r, uint64_t now_ms)
{
	struct raft_members alone = { .id = { r->id }, .count = 1 };
	uint8_t packed[RAFT_MEMBERS_PACKED_MAX];
	struct raft_entry only = { .index = raft_log_last(&r->log) + 1,
				   .kind = RAFT_CONFIG,
				   .data = packed,
				   .len = raft_members_pack(&alone, packed) };

	check(r->log.count > 0);
	check(r->role == RAFT_FOLLOWER && r->write_seq == 0);
	raft_set_hard(r, r->hard.term + 1, 0);
	only.term = r->hard.term;
	raft_log_append(&r->log, &only);
	raft_use_members(r);
	campaign_now(r, now_ms);
}

void
raft_set_hard(struct raft *r, uint64_t term, uint64_t vote)
{
	check(term >= r->hard.term);
	check(term > r->hard.term || r->hard.vote == 0 || r->hard.vote == vote);
	if (r->hard.term == term && r->hard.vote == vote)
		return;
	if (term > r->hard.term) {
		r->verified = r->acked = r->round_heard = 0;
		r->answer_due = false;
	}
	r->hard = (struct raft_hard){ term, vote };
	r->hard_dirty = true;
}

void
raft_append_own(struct raft *r, enum raft_entry_kind kind, const void *data,
		size_t len)
{
	struct raft_entry e = { .index = raft_log_last(&r->log) + 1,
				.term = r->hard.term,
				.kind = kind,
				.len = len };

	check(r->role == RAFT_LEADER);
	memcpy(&e.data, &data, sizeof(data)); /* copied by the log */
	raft_log_append(&r->log, &e);
}

/* Does m come from one who leads in its term? */
static bool
is_of_leader(const struct raft_msg *m)
{
	return m->type == RAFT_APPEND || m->type == RAFT_SNAPSHOT ||
	       m->type == RAFT_TIMEOUT_NOW;
}

/*
 * What a newer term means (3.3). False: m is not listened to: a live leader
 * is not voted out by one who does not hear it (4.2.3), unless it wants that.
 */
static bool
take_term(struct raft *r, const struct raft_msg *m)
{
	bool is_wish = m->pre && (m->type == RAFT_VOTE || m->ok);

	/* A pre-vote's term is only wished for: nobody's term changes. */
	if (is_wish || m->term <= r->hard.term)
		return true;
	if (m->type == RAFT_VOTE && !m->transfer && raft_hears_leader(r))
		return false;
	raft_become_follower(r, m->term, is_of_leader(m) ? m->from : 0);
	return true;
}

static bool
entry_is_sane(const struct raft_entry *e, uint64_t last_term)
{
	struct raft_members m;
	struct err err;

	if (e->term == 0 || e->term > last_term || e->len > RAFT_ENTRY_MAX ||
	    e->kind < RAFT_NOOP || e->kind > RAFT_CONFIG)
		return false;
	return e->kind != RAFT_CONFIG ||
	       raft_members_unpack(e->data, e->len, &m, &err) == 0;
}

static bool
entries_are_sane(const struct raft_msg *m)
{
	uint64_t term = m->index_term;

	for (size_t i = 0; i < m->entry_count; i++) {
		const struct raft_entry *e = &m->entries[i];

		if (e->index != m->index + 1 + i || e->term < term ||
		    !entry_is_sane(e, m->term))
			return false;
		term = e->term;
	}
	return true;
}

static bool
msg_is_sane(const struct raft *r, const struct raft_msg *m)
{
	bool has_term = m->type == RAFT_VOTE || m->type == RAFT_APPEND ||
			m->type == RAFT_SNAPSHOT;
	struct err e;

	if (m->to != r->id || m->from == r->id || m->from == 0 ||
	    m->term == 0 || m->term > TERM_MAX)
		return false;
	if (m->index > UINT64_MAX / 2 || m->index_term > m->term)
		return false;
	if (has_term && (m->index == 0) != (m->index_term == 0))
		return false;
	if (m->type == RAFT_SNAPSHOT &&
	    (m->index == 0 || m->offset > UINT64_MAX / 2 ||
	     raft_members_check(&m->members, &e) < 0))
		return false;
	return m->type == RAFT_APPEND ? entries_are_sane(m)
				      : m->entry_count == 0;
}

static void
on_recv(struct raft *r, const struct raft_msg *m)
{
	if (!msg_is_sane(r, m) || !take_term(r, m))
		return;
	switch (m->type) {
	case RAFT_VOTE:
		raft_on_vote(r, m);
		break;
	case RAFT_VOTED:
		raft_on_voted(r, m);
		break;
	case RAFT_APPEND:
		raft_on_append(r, m);
		break;
	case RAFT_APPENDED:
		raft_on_appended(r, m);
		break;
	case RAFT_TIMEOUT_NOW:
		raft_on_timeout_now(r, m);
		break;
	case RAFT_SNAPSHOT:
		raft_on_snapshot(r, m);
		break;
	case RAFT_SNAPPED:
		raft_on_snapped(r, m);
		break;
	}
}

void
raft_step(struct raft *r, const struct raft_event *ev)
{
	check(ev->now_ms >= r->now_ms);
	r->now_ms = ev->now_ms;
	r->receiving.has_piece = false; /* its bytes were the last event's */
	switch (ev->type) {
	case RAFT_TICK:
		break;
	case RAFT_RECV:
		on_recv(r, ev->msg);
		break;
	case RAFT_PERSISTED:
		raft_persisted(r, ev->seq);
		break;
	}
	raft_election_tick(r);
	raft_replicate_tick(r);
	raft_transfer_tick(r);
	check(r->commit <= raft_log_last(&r->log));
	check(r->durable_last <= raft_log_last(&r->log));
}

/* What only memory holds, here or on a quorum. */
static uint64_t
open_bytes(const struct raft *r)
{
	return raft_log_bytes(&r->log, min_u64(r->commit, r->durable_last) + 1,
			      raft_log_last(&r->log));
}

int
raft_propose(struct raft *r, const void *data, size_t len, uint64_t *ret_index,
	     uint64_t *ret_term)
{
	if (r->role != RAFT_LEADER || r->transfer_to != 0)
		return -EAGAIN;
	if (len > RAFT_ENTRY_MAX)
		return -EFBIG;
	if (open_bytes(r) + len + ENTRY_COST > RAFT_OPEN_MAX)
		return -ENOBUFS;
	raft_append_own(r, RAFT_DATA, data, len);
	*ret_index = raft_log_last(&r->log);
	*ret_term = r->hard.term;
	return 0;
}

bool
raft_msg_next(struct raft *r, struct raft_msg *ret)
{
	struct raft_msg m = { 0 };

	if (r->out_next < r->out_count) {
		*ret = r->out[r->out_next++];
		return true;
	}
	r->out_next = r->out_count = 0;
	/* What can be made late is: it then says all that came meanwhile. */
	raft_read_begin(r);
	if (!raft_answer_next(r, &m) && !raft_replicate_next(r, &m) &&
	    !raft_transfer_next(r, &m))
		return false;
	m.from = r->id;
	check(m.to != r->id);
	*ret = m;
	return true;
}

uint64_t
raft_commit(const struct raft *r)
{
	return r->commit;
}

const struct raft_entry *
raft_entry_at(const struct raft *r, uint64_t index)
{
	return raft_log_at(&r->log, index);
}

/* What a member that is heard still lacks, as far as there is room. */
static uint64_t
lacked_from(const struct raft *r, uint64_t index)
{
	uint64_t from = index;

	if (r->role != RAFT_LEADER)
		return from;
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = &r->peers[i];
		uint64_t has = max_u64(p->match, p->snapshot.index);

		if (!p->parting && raft_peer_is_active(r, p))
			from = min_u64(from, max_u64(has, 1));
	}
	return max_u64(from,
		       raft_log_from(&r->log, index, RAFT_KEEP_BYTES_MAX));
}

uint64_t
raft_trim(struct raft *r, uint64_t index)
{
	uint64_t from;

	check(index <= r->commit);
	index = min_u64(index, r->durable_last); /* what is not is in use */
	from = index;
	/* Alone, there is nobody who could be slow. */
	if (r->members.count > 1) {
		from = index > r->slack ? index - r->slack : 1;
		from = max_u64(from, raft_log_from(&r->log, index,
						   RAFT_SLACK_BYTES_MAX));
		from = min_u64(from, lacked_from(r, index));
	}
	if (from > r->log.first) {
		r->base = raft_members_as_of(r, min_u64(from, index));
		raft_log_trim(&r->log, from);
	}
	return r->log.first;
}

enum raft_role
raft_role(const struct raft *r)
{
	return r->role;
}

uint64_t
raft_term(const struct raft *r)
{
	return r->hard.term;
}

uint64_t
raft_leader(const struct raft *r)
{
	return r->role == RAFT_LEADER ? r->id : r->leader;
}

uint64_t
raft_last_index(const struct raft *r)
{
	return raft_log_last(&r->log);
}

const struct raft_members *
raft_members(const struct raft *r)
{
	return &r->members;
}

bool
raft_is_ready(const struct raft *r)
{
	return r->role == RAFT_LEADER && r->commit >= r->term_start;
}

static uint64_t
leader_deadline(const struct raft *r)
{
	uint64_t at = min_u64(r->election_due_ms, r->heartbeat_due_ms);

	if (r->peer_count == 0)
		return UINT64_MAX;
	return r->transfer_to != 0 ? min_u64(at, r->transfer_due_ms) : at;
}

uint64_t
raft_deadline(const struct raft *r)
{
	if (r->role == RAFT_LEADER)
		return leader_deadline(r);
	/* One that does not vote only forgets a leader that is silent. */
	if (r->leader == 0 && !raft_may_campaign(r))
		return UINT64_MAX;
	return r->election_due_ms;
}
