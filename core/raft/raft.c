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

struct raft_peer *
raft_peer(struct raft *r, uint64_t id)
{
	for (uint32_t i = 0; i < r->members.count; i++)
		if (r->peers[i].id == id)
			return &r->peers[i];
	return NULL;
}

uint32_t
raft_quorum(const struct raft *r)
{
	return raft_members_voters(&r->members) / 2 + 1;
}

/* The last RAFT_CONFIG of the log counts as soon as it is there (4.1). */
void
raft_use_members(struct raft *r)
{
	struct err e;

	for (uint64_t i = raft_log_last(&r->log); i >= r->log.first; i--) {
		const struct raft_entry *en = raft_log_at(&r->log, i);

		if (en == NULL)
			break;
		if (en->kind != RAFT_CONFIG)
			continue;
		if (raft_members_unpack(en->data, en->len, &r->members, &e) < 0)
			fatal("the raft log holds a list of members that "
			      "cannot be read");
		break;
	}
	for (uint32_t i = 0; i < r->members.count; i++)
		if (r->peers[i].id != r->members.id[i])
			r->peers[i] =
				(struct raft_peer){ .id = r->members.id[i],
						    .next = 1 };
}

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
	r->members = config->members;
	for (size_t i = 0; i < config->entry_count; i++)
		raft_log_append(&r->log, &config->entries[i]);
	r->unwritten = raft_log_last(&r->log) + 1;
	r->durable_last = raft_log_last(&r->log);
	r->commit = config->applied;
	raft_use_members(r);
	raft_election_reset(r);
	/* Nobody else can have been elected: no need to wait for anybody. */
	if (r->members.count == 1 && r->members.id[0] == r->id &&
	    r->log.count > 0)
		r->election_ms = now_ms;
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
	r->now_ms = now_ms;
	r->election_ms = now_ms;
	raft_use_members(r);
	raft_election_tick(r);
}

void
raft_set_hard(struct raft *r, uint64_t term, uint64_t vote)
{
	check(term >= r->hard.term);
	check(term > r->hard.term || r->hard.vote == 0 || r->hard.vote == vote);
	if (r->hard.term == term && r->hard.vote == vote)
		return;
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
	r->open_bytes += len;
}

void
raft_cut(struct raft *r, uint64_t from)
{
	check(from > r->commit);
	raft_log_cut(&r->log, from);
	/* What was handed out must be cut on the disk too; what is on its way
	 * no longer promises what is cut. */
	if (from < r->unwritten) {
		r->truncate_from = r->truncate_from == 0
					   ? from
					   : min_u64(r->truncate_from, from);
		r->unwritten = from;
	}
	for (uint32_t i = 0; i < r->promise_count; i++)
		r->promises[i].last = min_u64(r->promises[i].last, from - 1);
	r->durable_last = min_u64(r->durable_last, from - 1);
	raft_use_members(r);
}

void
raft_send(struct raft *r, const struct raft_msg *m)
{
	check(m->to != r->id);
	r->out = mem_grow(r->out, r->out_count, &r->out_cap, sizeof(*r->out));
	r->out[r->out_count] = *m;
	r->out[r->out_count++].from = r->id;
}

/* Is on the disk what m promises? The term and vote, and entries. */
static bool
is_promised(const struct raft *r, const struct raft_held *h)
{
	return r->durable_hard.term == r->hard.term &&
	       r->durable_hard.vote == r->hard.vote &&
	       r->durable_last >= h->need_last;
}

void
raft_send_held(struct raft *r, const struct raft_msg *m, uint64_t need_last)
{
	struct raft_held h = { *m, need_last };

	check(m->entry_count == 0);
	if (is_promised(r, &h)) {
		raft_send(r, m);
		return;
	}
	/* A newer answer to the same member says all that an older one did. */
	for (size_t i = 0; i < r->held_count; i++) {
		struct raft_msg *old = &r->held[i].msg;

		if (old->to != m->to || old->type != m->type ||
		    old->pre != m->pre)
			continue;
		if (m->type == RAFT_APPENDED && old->ok != m->ok)
			continue;
		if (old->term == m->term && r->held[i].need_last > h.need_last)
			return;
		r->held[i] = h;
		return;
	}
	r->held = mem_grow(r->held, r->held_count, &r->held_cap,
			   sizeof(*r->held));
	r->held[r->held_count++] = h;
}

static void
release_held(struct raft *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->held_count; i++) {
		struct raft_held *h = &r->held[i];

		/* Of an older term: whoever asked has moved on. */
		if (!h->msg.pre && h->msg.term < r->hard.term)
			continue;
		if (is_promised(r, h))
			raft_send(r, &h->msg);
		else
			r->held[kept++] = *h;
	}
	r->held_count = kept;
}

static void
on_persisted(struct raft *r, uint64_t seq)
{
	uint32_t done = 0;

	check(seq <= r->write_seq);
	while (done < r->promise_count && r->promises[done].seq <= seq) {
		r->durable_hard = r->promises[done].hard;
		r->durable_last =
			max_u64(r->durable_last, r->promises[done].last);
		done++;
	}
	if (done == 0)
		return;
	r->promise_count -= done;
	memmove(r->promises, r->promises + done,
		r->promise_count * sizeof(r->promises[0]));
	check(r->durable_last <= raft_log_last(&r->log));
	release_held(r);
	raft_election_persisted(r);
	if (r->role == RAFT_LEADER)
		raft_advance_commit(r);
}

/* Who may be listened to, and what a newer term means (3.3). */
static void
take_term(struct raft *r, const struct raft_msg *m)
{
	bool is_wish = m->pre && (m->type == RAFT_VOTE || m->ok);

	/* A pre-vote's term is only wished for: nobody's term changes. */
	if (is_wish || m->term <= r->hard.term)
		return;
	raft_become_follower(r, m->term, m->type == RAFT_APPEND ? m->from : 0);
}

static bool
msg_is_sane(const struct raft *r, const struct raft_msg *m)
{
	uint64_t term = m->index_term;

	if (m->to != r->id || m->from == r->id || m->from == 0 || m->term == 0)
		return false;
	if (m->index > UINT64_MAX / 2 || m->index_term > m->term)
		return false;
	for (size_t i = 0; i < m->entry_count; i++) {
		const struct raft_entry *e = &m->entries[i];

		if (e->index != m->index + 1 + i || e->term < term ||
		    e->term > m->term || e->term == 0 ||
		    e->len > RAFT_ENTRY_MAX)
			return false;
		term = e->term;
	}
	return true;
}

static void
on_recv(struct raft *r, const struct raft_msg *m)
{
	if (!msg_is_sane(r, m))
		return;
	take_term(r, m);
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
	case RAFT_SNAPSHOT:
	case RAFT_SNAPPED:
		break;
	}
}

void
raft_step(struct raft *r, const struct raft_event *ev)
{
	check(ev->now_ms >= r->now_ms);
	r->now_ms = ev->now_ms;
	switch (ev->type) {
	case RAFT_TICK:
		break;
	case RAFT_RECV:
		on_recv(r, ev->msg);
		break;
	case RAFT_PERSISTED:
		on_persisted(r, ev->seq);
		break;
	}
	raft_election_tick(r);
	raft_replicate_tick(r);
	check(r->commit <= raft_log_last(&r->log));
	check(r->durable_last <= raft_log_last(&r->log));
}

int
raft_propose(struct raft *r, const void *data, size_t len, uint64_t *ret_index,
	     uint64_t *ret_term)
{
	if (r->role != RAFT_LEADER)
		return -EAGAIN;
	if (len > RAFT_ENTRY_MAX)
		return -EFBIG;
	if (r->open_bytes + len > RAFT_OPEN_MAX)
		return -ENOBUFS;
	raft_append_own(r, RAFT_DATA, data, len);
	raft_replicate_all(r);
	*ret_index = raft_log_last(&r->log);
	*ret_term = r->hard.term;
	return 0;
}

bool
raft_has_write(const struct raft *r)
{
	return r->hard_dirty || r->truncate_from != 0 ||
	       r->unwritten <= raft_log_last(&r->log);
}

bool
raft_write_next(struct raft *r, struct raft_write *ret)
{
	uint64_t last = raft_log_last(&r->log);
	struct raft_write w = { 0 };

	if (!raft_has_write(r) || r->promise_count == RAFT_WRITES_MAX)
		return false;
	w.seq = ++r->write_seq;
	w.hard_dirty = r->hard_dirty;
	w.hard = r->hard;
	w.truncate_from = r->truncate_from;
	if (r->unwritten <= last) {
		w.entries = raft_log_at(&r->log, r->unwritten);
		w.entry_count = (size_t)(last - r->unwritten + 1);
	}
	check(w.entry_count == 0 || w.entries != NULL);
	r->promises[r->promise_count++] =
		(struct raft_promise){ w.seq, r->hard, last };
	r->hard_dirty = false;
	r->truncate_from = 0;
	r->unwritten = last + 1;
	*ret = w;
	return true;
}

bool
raft_msg_next(struct raft *r, struct raft_msg *ret)
{
	if (r->out_next == r->out_count) {
		r->out_next = r->out_count = 0;
		return false;
	}
	*ret = r->out[r->out_next++];
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

uint64_t
raft_trim(struct raft *r, uint64_t index)
{
	/* Alone, there is nobody who could be slow. */
	uint64_t slack = r->members.count > 1 ? RAFT_SLACK_MAX : 0;

	check(index <= r->commit);
	if (index > slack)
		raft_log_trim(&r->log, index - slack);
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

uint64_t
raft_deadline(const struct raft *r)
{
	if (r->role != RAFT_LEADER)
		return r->members.count > 0 ? r->election_ms : UINT64_MAX;
	if (r->members.count < 2)
		return UINT64_MAX;
	return min_u64(r->election_ms, r->heartbeat_ms);
}
