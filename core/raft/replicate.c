/*
 * replicate.c - the leader's entries on the others' disks (3.5), and what is
 * committed by that (3.6.2: only an entry of the leader's own term is ever
 * counted; older ones are committed by it).
 */
#include <stdlib.h>

#include "core/base/check.h"
#include "core/raft/raft_impl.h"

void
raft_replicate_start(struct raft *r)
{
	for (uint32_t i = 0; i < r->members.count; i++) {
		struct raft_peer *p = &r->peers[i];

		*p = (struct raft_peer){ .id = p->id,
					 .next = r->term_start,
					 .heard_ms = r->now_ms,
					 .probing = true };
	}
	raft_append_own(r, RAFT_NOOP, NULL, 0);
	raft_replicate_all(r);
	r->heartbeat_ms = r->now_ms + RAFT_HEARTBEAT_MS;
}

/* As many entries as fit in one message, and one in any case. */
static size_t
entries_that_fit(const struct raft *r, uint64_t next)
{
	size_t bytes = 0, n = 0;

	for (uint64_t i = next; i <= raft_log_last(&r->log); i++, n++) {
		bytes += raft_log_at(&r->log, i)->len;
		if (n > 0 && bytes > RAFT_APPEND_MAX)
			break;
	}
	return n;
}

enum append_kind { WITH_ENTRIES, HEARTBEAT };

static void
send_append(struct raft *r, struct raft_peer *p, enum append_kind kind)
{
	struct raft_msg m = { .type = RAFT_APPEND,
			      .to = p->id,
			      .term = r->hard.term,
			      .index = p->next - 1,
			      .index_term = raft_log_term(&r->log, p->next - 1),
			      .commit = r->commit };

	/* What it lacks is trimmed: only a snapshot helps, and until then a
	 * heartbeat at the log's first entry keeps it from campaigning. */
	if (m.index > 0 && m.index_term == 0) {
		m.index = r->log.first;
		m.index_term = raft_log_term(&r->log, m.index);
		kind = HEARTBEAT;
	}
	if (kind == WITH_ENTRIES && p->next <= raft_log_last(&r->log)) {
		m.entry_count = entries_that_fit(r, p->next);
		m.entries = raft_log_at(&r->log, p->next);
		p->next += p->probing ? 0 : m.entry_count;
		p->inflight++;
	}
	raft_send(r, &m);
}

static void
replicate_to(struct raft *r, struct raft_peer *p)
{
	uint32_t max = p->probing ? 1 : INFLIGHT_MAX;

	while (p->inflight < max && p->next <= raft_log_last(&r->log)) {
		uint32_t before = p->inflight;

		send_append(r, p, WITH_ENTRIES);
		if (p->inflight == before)
			break;
	}
}

void
raft_replicate_all(struct raft *r)
{
	for (uint32_t i = 0; i < r->members.count; i++)
		if (r->peers[i].id != r->id)
			replicate_to(r, &r->peers[i]);
}

void
raft_replicate_tick(struct raft *r)
{
	if (r->role != RAFT_LEADER || r->now_ms < r->heartbeat_ms)
		return;
	for (uint32_t i = 0; i < r->members.count; i++) {
		struct raft_peer *p = &r->peers[i];

		if (p->id == r->id)
			continue;
		/* What was not answered by now may be lost: ask again. */
		if (p->inflight > 0) {
			p->inflight = 0;
			p->probing = true;
			p->next = max_u64(p->match + 1, 1);
		}
		send_append(r, p, p->probing ? WITH_ENTRIES : HEARTBEAT);
	}
	r->heartbeat_ms = r->now_ms + RAFT_HEARTBEAT_MS;
}

static int
descending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

static void
set_commit(struct raft *r, uint64_t commit)
{
	check(commit >= r->commit);
	for (uint64_t i = r->commit + 1; i <= commit; i++) {
		size_t len = raft_log_at(&r->log, i)->len;

		r->open_bytes -= min_u64(len, r->open_bytes);
	}
	r->commit = commit;
}

void
raft_advance_commit(struct raft *r)
{
	uint64_t match[RAFT_MEMBERS_MAX];
	uint64_t held;

	check(r->role == RAFT_LEADER);
	if (r->members.count == 0)
		return;
	for (uint32_t i = 0; i < r->members.count; i++)
		match[i] = r->peers[i].id == r->id ? r->durable_last
						   : r->peers[i].match;
	qsort(match, r->members.count, sizeof(match[0]), descending);
	held = match[raft_quorum(r) - 1];
	if (held > r->commit && raft_log_term(&r->log, held) == r->hard.term)
		set_commit(r, held);
}

/* Where the follower's log parts from the leader's, and no later. A whole
 * term is skipped at once. */
static uint64_t
conflict_hint(const struct raft *r, uint64_t index)
{
	uint64_t last = raft_log_last(&r->log);
	uint64_t term;

	if (index > last)
		return last;
	term = raft_log_term(&r->log, index);
	while (index > r->commit && raft_log_term(&r->log, index) == term)
		index--;
	return index;
}

static bool
prev_matches(const struct raft *r, const struct raft_msg *m)
{
	/* What is committed is the same everywhere, even if it is trimmed. */
	return m->index <= r->commit ||
	       raft_log_term(&r->log, m->index) == m->index_term;
}

static void
take_entries(struct raft *r, const struct raft_msg *m)
{
	for (size_t i = 0; i < m->entry_count; i++) {
		const struct raft_entry *e = &m->entries[i];

		if (e->index <= r->commit)
			continue;
		if (raft_log_term(&r->log, e->index) == e->term)
			continue;
		if (e->index <= raft_log_last(&r->log))
			raft_cut(r, e->index);
		raft_log_append(&r->log, e);
		if (e->kind == RAFT_CONFIG)
			raft_use_members(r);
	}
}

void
raft_on_append(struct raft *r, const struct raft_msg *m)
{
	struct raft_msg answer = { .type = RAFT_APPENDED,
				   .to = m->from,
				   .term = r->hard.term };
	uint64_t last = m->index + m->entry_count;

	if (m->term < r->hard.term) {
		answer.match = raft_log_last(&r->log);
		raft_send_held(r, &answer, 0);
		return;
	}
	/* Two leaders in one term cannot be: whoever says so is lying. */
	if (r->role == RAFT_LEADER)
		return;
	raft_become_follower(r, m->term, m->from);
	r->leader_heard_ms = r->now_ms;
	/* An empty log takes no entries but the first. */
	if (!prev_matches(r, m)) {
		answer.match = conflict_hint(r, m->index);
		raft_send_held(r, &answer, 0);
		return;
	}
	take_entries(r, m);
	if (m->commit > r->commit)
		set_commit(r, max_u64(r->commit, min_u64(m->commit, last)));
	answer.ok = true;
	answer.match = last;
	raft_send_held(r, &answer, last);
}

static void
on_matched(struct raft *r, struct raft_peer *p, uint64_t match)
{
	if (match > raft_log_last(&r->log))
		return; /* a lie: it cannot have what we never had */
	p->match = max_u64(p->match, match);
	if (p->probing) {
		p->probing = false;
		p->inflight = 0;
		p->next = p->match + 1;
	}
	p->next = max_u64(p->next, p->match + 1);
	if (p->inflight > 0)
		p->inflight--;
	raft_advance_commit(r);
	replicate_to(r, p);
}

void
raft_on_appended(struct raft *r, const struct raft_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);

	if (r->role != RAFT_LEADER || p == NULL || m->term != r->hard.term)
		return;
	p->heard_ms = r->now_ms;
	if (m->ok) {
		on_matched(r, p, m->match);
		return;
	}
	/* A late refusal: what it says is older than what we know. */
	if (m->match < p->match)
		return;
	p->probing = true;
	p->inflight = 0;
	p->next = min_u64(m->match, raft_log_last(&r->log)) + 1;
	if (p->next > 1 && p->next <= r->log.first)
		p->next = r->log.first + 1;
	replicate_to(r, p);
}
