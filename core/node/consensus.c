/*
 * consensus.c - the raft among the managers: its messages on the links, and
 * who they are from and for. Raft ids travel with HELLO; who may use which is
 * in the node objects.
 */
#include "core/node/consensus.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"

/* ---- who is who ---------------------------------------------------------
 */

static const struct node_object *
node_of_raft(const struct node *n, uint64_t raft_id)
{
	size_t count = n->state != NULL && raft_id != 0
			       ? state_count(n->state, OBJECT_NODE)
			       : 0;

	for (size_t i = 0; i < count; i++) {
		const struct node_object *o =
			state_at(n->state, OBJECT_NODE, i);

		if (o->raft_id == raft_id)
			return o;
	}
	return NULL;
}

static struct peer_link *
link_of_raft(struct node *n, uint64_t raft_id)
{
	list_each (it, &n->manager_links) {
		struct peer_link *l =
			container_of(it, struct peer_link, managers);

		if (l->helloed && l->raft_id == raft_id)
			return l;
	}
	return NULL;
}

const char *
consensus_leader(const struct node *n)
{
	uint64_t id = n->raft != NULL ? raft_leader(n->raft) : 0;
	struct peer_link *l;
	const struct node_object *o;

	if (id == 0)
		return NULL;
	if (id == n->raft_id)
		return n->node_id;
	l = link_of_raft((struct node *)n, id);
	if (l != NULL)
		return l->peer.node_id;
	o = node_of_raft(n, id);
	return o != NULL ? o->head.id : NULL;
}

uint32_t
consensus_voters(const struct node *n)
{
	const struct raft_members *m =
		n->raft != NULL ? raft_members(n->raft) : NULL;
	uint32_t voters = 0;

	for (uint32_t i = 0; m != NULL && i < m->count; i++)
		voters += !m->learner[i];
	return voters;
}

/* ---- messages out -------------------------------------------------------- */

static void
pack_entries(struct arena *a, const struct raft_msg *m, struct raft_body *b)
{
	b->entries.count = (uint32_t)m->entry_count;
	b->entries.v = arena_array(a, m->entry_count, sizeof(*b->entries.v));
	for (size_t i = 0; i < m->entry_count; i++) {
		const struct raft_entry *e = &m->entries[i];

		b->entries.v[i] = (struct raft_entry_body){
			.index = e->index,
			.term = e->term,
			.kind = e->kind,
			.data = { e->data, e->len },
		};
	}
}

static void
pack_msg(struct arena *a, const struct raft_msg *m, struct raft_body *b)
{
	uint8_t *members = arena_alloc(a, RAFT_MEMBERS_PACKED_MAX);

	*b = (struct raft_body){
		.type = m->type,
		.from = m->from,
		.to = m->to,
		.term = m->term,
		.pre = m->pre,
		.ok = m->ok,
		.transfer = m->transfer,
		.done = m->done,
		.index = m->index,
		.index_term = m->index_term,
		.commit = m->commit,
		.match = m->match,
		.round = m->round,
		.offset = m->offset,
		.data = { m->data, m->len },
	};
	b->members.p = members;
	b->members.len = raft_members_pack(&m->members, members);
	pack_entries(a, m, b);
}

static void
send_msg(struct node *n, struct peer_link *l, const struct raft_msg *m)
{
	struct raft_body body;
	struct arena a;

	arena_init(&a);
	pack_msg(&a, m, &body);
	peers_send(n, l,
		   &(struct message){ .kind = MESSAGE_RAFT, .raft = &body });
	arena_fini(&a);
}

/* What cannot be sent is lost, as on any network: raft asks again. */
void
consensus_send(struct node *n)
{
	struct raft_msg m;

	if (n->raft == NULL)
		return;
	while (raft_msg_next(n->raft, &m)) {
		struct peer_link *l = link_of_raft(n, m.to);

		if (l == NULL)
			continue;
		if (m.type == RAFT_SNAPSHOT && !snapshot_fill(n, &m))
			continue;
		send_msg(n, l, &m);
	}
}

/* ---- messages in --------------------------------------------------------- */

static bool
unpack_entries(struct arena *a, const struct raft_body *b, struct raft_msg *m)
{
	struct raft_entry *v = arena_array(a, b->entries.count, sizeof(*v));

	for (uint32_t i = 0; i < b->entries.count; i++) {
		const struct raft_entry_body *e = &b->entries.v[i];

		if (e->kind < RAFT_NOOP || e->kind > RAFT_CONFIG)
			return false;
		v[i] = (struct raft_entry){
			.index = e->index,
			.term = e->term,
			.kind = (enum raft_entry_kind)e->kind,
			.data = (void *)e->data.p,
			.len = e->data.len,
		};
	}
	m->entries = v;
	m->entry_count = b->entries.count;
	return true;
}

static bool
unpack_msg(struct arena *a, const struct raft_body *b, struct raft_msg *m)
{
	struct err e;

	if (b->type < RAFT_VOTE || b->type > RAFT_SNAPPED)
		return false;
	*m = (struct raft_msg){
		.type = (enum raft_msg_type)b->type,
		.from = b->from,
		.to = b->to,
		.term = b->term,
		.pre = b->pre,
		.ok = b->ok,
		.transfer = b->transfer,
		.done = b->done,
		.index = b->index,
		.index_term = b->index_term,
		.commit = b->commit,
		.match = b->match,
		.round = b->round,
		.offset = b->offset,
		.data = b->data.p,
		.len = b->data.len,
	};
	if (b->members.len > 0 &&
	    raft_members_unpack(b->members.p, b->members.len, &m->members, &e) <
		    0)
		return false;
	return unpack_entries(a, b, m);
}

/* A raft id belongs to one node: nobody else speaks for it. */
static bool
is_theirs(const struct node *n, const struct sender *from, uint64_t raft_id)
{
	const struct node_object *o = node_of_raft(n, raft_id);

	return o == NULL || str_eq(o->head.id, from->node_id);
}

/*
 * Somebody who is not among the members as this node knows them. It may be a
 * new one that leads, and this node is behind; or one that was a manager once
 * and has its certificate still. While a leader is known it is the latter.
 */
static bool
is_outsider(const struct node *n, const struct raft_msg *m)
{
	uint64_t leader = raft_leader(n->raft);

	return raft_members(n->raft)->count > 0 && leader != 0 &&
	       leader != m->from && leader != n->raft_id &&
	       !raft_is_member(n->raft, m->from);
}

/*
 * It was a member once, and asks for votes. The leader knows that it is none;
 * another manager, too, if it follows a leader, has applied what that said,
 * and its tables say that this node has another raft id now, or none. (One
 * that cannot reach the leader would not be told otherwise.)
 */
static bool
is_gone(const struct node *n, const struct sender *from,
	const struct raft_msg *m)
{
	const struct node_object *o;

	if (n->manager != NULL)
		return !raft_is_member(n->raft, m->from) &&
		       (m->type == RAFT_VOTE || m->type == RAFT_APPENDED);
	if (m->type != RAFT_VOTE || !is_outsider(n, m) ||
	    n->applied != raft_commit(n->raft))
		return false;
	o = state_get(n->state, OBJECT_NODE, from->node_id);
	return o != NULL && o->raft_id != m->from;
}

void
consensus_on_raft(struct node *n, const struct sender *from,
		  const struct message *m)
{
	struct raft_event ev = { .type = RAFT_RECV, .now_ms = n->now.mono_ms };
	struct raft_msg msg;
	struct arena a;

	if (n->raft == NULL || from->route.link == 0 || from->route.relayed)
		return;
	arena_init(&a);
	if (unpack_msg(&a, m->raft, &msg) && is_theirs(n, from, msg.from)) {
		ev.msg = &msg;
		if (is_gone(n, from, &msg))
			rpc_send(
				n, &from->route,
				&(struct message){ .kind = MESSAGE_RAFT_GONE });
		else if (!is_outsider(n, &msg))
			raft_step(n->raft, &ev);
		if (msg.type == RAFT_SNAPSHOT)
			snapshot_take(n);
	}
	arena_fini(&a);
}

void
consensus_on_gone(struct node *n, const struct sender *from,
		  const struct message *m)
{
	(void)from, (void)m;
	if (n->raft != NULL && n->life == LIFE_MEMBER)
		member_gone(n);
}

/* ---- reads that see all that was acknowledged ------------------------------
 */

/* An answer that was computed and may be given once this node is known to
 * have led all the while (raft_read()). */
struct held_read {
	struct list link;
	uint64_t seq, request_id;
	int status;
	struct buf body;
	struct waiter *again; /* or NULL */
};

static void
held_free(struct node *n, struct held_read *h)
{
	list_remove(&h->link);
	waiter_free(n, h->again);
	buf_fini(&h->body);
	mem_free(h);
}

void
consensus_reply(struct node *n, const struct request *r, int status,
		struct buf *body)
{
	struct waiter *again = NULL;
	struct held_read *h;
	uint64_t seq;

	if (consensus_voters(n) <= 1) {
		effect_reply(n, r->id, status, body);
		return;
	}
	if ((r->id & REQUEST_FOREIGN) == 0)
		again = waiter_new(n, r);
	if (raft_read(n->raft, &seq) < 0) {
		request_again(n, r->id, again, false);
		return;
	}
	h = mem_new(sizeof(*h));
	h->seq = seq;
	h->request_id = r->id;
	h->status = status;
	h->body = *body;
	h->again = again;
	*body = (struct buf){ 0 };
	list_append(&n->held_reads, &h->link);
}

static void
reads_confirmed(struct node *n, uint64_t seq)
{
	list_each_safe (it, tmp, &n->held_reads) {
		struct held_read *h = container_of(it, struct held_read, link);

		if (h->seq > seq)
			return;
		effect_reply(n, h->request_id, h->status, &h->body);
		held_free(n, h);
	}
}

static void
reads_failed(struct node *n, uint64_t seq)
{
	list_each_safe (it, tmp, &n->held_reads) {
		struct held_read *h = container_of(it, struct held_read, link);

		if (h->seq > seq)
			return;
		request_again(n, h->request_id, h->again, false);
		h->again = NULL;
		held_free(n, h);
	}
}

void
consensus_reads(struct node *n)
{
	uint64_t seq, index;

	if (n->raft == NULL)
		return;
	while (raft_read_next(n->raft, &seq, &index))
		reads_confirmed(n, seq);
	while (raft_read_failed(n->raft, &seq))
		reads_failed(n, seq);
}

void
consensus_forget_read(struct node *n, uint64_t request_id)
{
	list_each_safe (it, tmp, &n->held_reads) {
		struct held_read *h = container_of(it, struct held_read, link);

		if (h->request_id == request_id)
			held_free(n, h);
	}
}

/* A leader that cannot write can commit nothing of its own soon: one that has
 * space leads. Until it does, this is tried again. */
void
consensus_full_step(struct node *n)
{
	if (n->disk_full && n->raft != NULL &&
	    raft_role(n->raft) == RAFT_LEADER && consensus_voters(n) > 1)
		(void)raft_transfer(n->raft, 0);
}

/* ---- the end ---------------------------------------------------------- */

#define STOP_MS 1500 /* to hand the office over before the program ends */

void
consensus_stop(struct node *n)
{
	n->stopping = true;
	n->stop_by_ms = n->now.mono_ms + STOP_MS;
	if (n->raft != NULL && raft_role(n->raft) == RAFT_LEADER &&
	    consensus_voters(n) > 1)
		(void)raft_transfer(n->raft, 0);
}

/* The one who took over is known: this one is not waited for any more. */
void
consensus_stop_step(struct node *n)
{
	bool waits = n->raft != NULL && consensus_voters(n) > 1 &&
		     (raft_role(n->raft) == RAFT_LEADER ||
		      raft_leader(n->raft) == 0) &&
		     n->now.mono_ms < n->stop_by_ms;

	if (!n->stopping || n->stopped || waits)
		return;
	n->stopped = true;
	effect_add(n, EFFECT_STOPPED);
}

void
consensus_fini(struct node *n)
{
	reads_failed(n, UINT64_MAX);
	snapshot_fini(n);
}
