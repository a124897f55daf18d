/*
 * change.c - changes: proposed, and when they are committed, applied. There
 * is one way into the tables, whoever wants something: through the log.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/manager/ca.h"
#include "core/manager/receipt.h"
#include "core/node/node_impl.h"

#define RETRY_FREE 3 /* failures in a row before waiting */
#define RETRY_MS 500

struct proposal *
proposal_new(enum proposal_kind kind)
{
	struct proposal *p = mem_new(sizeof(*p));

	p->kind = kind;
	list_init(&p->link);
	return p;
}

void
proposal_free(struct node *n, struct proposal *p)
{
	list_remove(&p->link);
	buf_fini(&p->body);
	mem_free(p->key);
	waiter_free(n, p->again);
	mem_free(p);
}

static int
propose_error(int r, size_t len, struct err *e)
{
	if (r == -EFBIG)
		return err_set(e, r, "the change has %zu bytes, more than fit",
			       len);
	if (r == -ENOBUFS)
		return err_set(e, r, "too many changes wait for the disk");
	return err_set(e, r, "this node is not the leader");
}

/* Takes over p when it succeeds. */
int
change_propose(struct node *n, const struct tx *tx, struct proposal *p,
	       struct err *e)
{
	struct buf packed = { 0 };
	size_t len;
	int r;

	tx_pack(tx, &packed);
	len = packed.len;
	if (p->kind == PROPOSAL_REQUEST && len > REQUEST_TX_MAX)
		r = -EFBIG;
	else
		r = raft_propose(n->raft, packed.p, len, &p->index, &p->term);
	buf_fini(&packed);
	if (r < 0)
		return propose_error(r, len, e);
	list_append(&n->proposals, &p->link);
	n->proposal_count++;
	if (p->kind == PROPOSAL_INTERNAL || p->kind == PROPOSAL_STATUS)
		n->internal_open++;
	return 0;
}

/* ---- the end of a proposal -------------------------------------------------
 */

/* News that took several entries are known once all of them are. */
static void
statuses_done(struct node *n, bool applied)
{
	n->statuses_failed |= !applied;
	if (n->internal_open > 0)
		return;
	dispatch_tx_done(n, !n->statuses_failed);
	n->statuses_failed = false;
}

static void
internal_done(struct node *n, const struct proposal *p, int result)
{
	check(n->internal_open > 0);
	n->internal_open--;
	n->manager_dirty = true;
	if (p->kind == PROPOSAL_STATUS)
		statuses_done(n, result == 0);
	if (result == 0) {
		n->internal_failed = 0;
		n->internal_retry_ms = 0;
		return;
	}
	/* Losing a race is normal; losing many is not worth the disk. */
	if (++n->internal_failed > RETRY_FREE)
		n->internal_retry_ms = n->now.mono_ms + RETRY_MS;
}

/* Nobody can tell what became of it, or (made: false) nothing did. */
static void
request_lost(struct node *n, struct proposal *p, bool made)
{
	struct waiter *again = p->again;

	if (p->request_id == 0)
		return; /* who asked is gone */
	p->again = NULL;
	request_again(n, p->request_id, again, made);
}

static void
request_done(struct node *n, struct proposal *p, int result, const char *why)
{
	struct control_reply refused = { 0 };

	if (result == 0) {
		effect_reply(n, p->request_id, p->status, &p->body);
		return;
	}
	if (result == -ECANCELED) {
		request_lost(n, p, false);
		return;
	}
	if (p->key != NULL && request_receipt(n, p->request_id, p->key))
		return; /* the same was asked for, and was done first */
	control_refused(result, why, &refused);
	effect_reply(n, p->request_id, refused.status, &refused.body);
	control_reply_fini(&refused);
}

static void
proposal_done(struct node *n, struct proposal *p, int result, const char *why)
{
	n->proposal_count--;
	if (p->kind == PROPOSAL_REQUEST)
		request_done(n, p, result, why);
	else if (p->kind == PROPOSAL_CALL)
		p->done(n, p->ctx, result, why);
	else
		internal_done(n, p, result);
	proposal_free(n, p);
}

static struct proposal *
first_proposal(struct node *n)
{
	if (list_empty(&n->proposals))
		return NULL;
	return container_of(n->proposals.next, struct proposal, link);
}

static void
end_proposal_of(struct node *n, const struct raft_entry *en, int result,
		const char *why)
{
	struct proposal *p = first_proposal(n);

	if (p == NULL || p->index != en->index)
		return;
	if (p->term != en->term)
		proposal_done(n, p, -ECANCELED,
			      "another leader's change took its place");
	else
		proposal_done(n, p, result, why);
}

/* This node does not lead any more, or is about to end: nobody can tell. */
void
change_lost(struct node *n)
{
	struct proposal *p;

	logs_lost(n);
	while ((p = first_proposal(n)) != NULL) {
		n->proposal_count--;
		list_remove(&p->link);
		if (p->kind == PROPOSAL_REQUEST)
			request_lost(n, p, true);
		else if (p->kind == PROPOSAL_CALL)
			p->done(n, p->ctx, -EAGAIN,
				"the manager gave up its office");
		else
			n->internal_open--;
		if (p->kind == PROPOSAL_STATUS)
			statuses_done(n, false);
		proposal_free(n, p);
	}
	n->internal_failed = 0;
	n->internal_retry_ms = 0;
}

void
change_waits(struct node *n)
{
	list_each (it, &n->proposals) {
		struct proposal *p = container_of(it, struct proposal, link);

		if (p->kind != PROPOSAL_REQUEST || p->request_id == 0)
			continue;
		effect_error(n, p->request_id, 503,
			     "the disk that holds %s is full: the change "
			     "waits, and is made once there is space",
			     n->root_dir);
		p->request_id = 0;
	}
}

void
change_forget(struct node *n, uint64_t request_id)
{
	list_each (it, &n->proposals) {
		struct proposal *p = container_of(it, struct proposal, link);

		if (p->request_id == request_id)
			p->request_id = 0;
	}
}

/* ---- applying ---------------------------------------------------------------
 */

static void
remember_change(struct node *n, const struct change *c)
{
	const struct object *o = c->after != NULL ? c->after : c->before;
	struct buf packed = { 0 };

	if (c->after == NULL) {
		batch_row_delete(disk_batch_later(n), (int)c->type, o->id);
		return;
	}
	object_pack(o, &packed);
	batch_row_put(disk_batch_later(n), (int)c->type, o->id, packed.p,
		      packed.len);
	buf_fini(&packed);
}

static void
spread_changes(struct node *n, const struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		remember_change(n, &changes->v[i]);
	if (n->manager != NULL)
		manager_changed(n->manager, changes, n->now);
	n->manager_dirty = true;
	for (size_t i = 0; i < changes->count; i++)
		n->roles_dirty |= changes->v[i].type == OBJECT_NODE;
	dispatch_changes(n, changes);
	alive_changes(n, changes);
	watch_changes(n, changes);
}

static void
apply_data(struct node *n, const struct raft_entry *en)
{
	struct changes changes = { 0 };
	struct err e = { "" };
	struct tx tx;
	int r = tx_unpack(en->data, en->len, &tx, &e);

	/* Its seal was right: a newer program wrote it, or we are wrong. */
	if (r < 0)
		fatal("the raft log holds an entry that this version of swarm "
		      "cannot read; start the version that wrote it");
	r = state_apply(n->state, &tx, en->index, &changes, &e);
	if (r == 0)
		spread_changes(n, &changes);
	end_proposal_of(n, en, r, e.msg);
	changes_fini(&changes);
	tx_fini(&tx);
}

static void
apply_entry(struct node *n, const struct raft_entry *en)
{
	switch (en->kind) {
	case RAFT_NOOP:
		end_proposal_of(n, en, 0, "");
		break;
	case RAFT_CONFIG:
		batch_row_put(disk_batch_later(n), TABLE_IDENTITY, ROW_MEMBERS,
			      en->data, en->len);
		n->roles_dirty = true;
		break;
	case RAFT_DATA:
		apply_data(n, en);
		break;
	}
	n->applied = en->index;
}

void
change_apply_committed(struct node *n)
{
	if (n->raft == NULL)
		return;
	while (n->applied < raft_commit(n->raft)) {
		const struct raft_entry *en =
			raft_entry_at(n->raft, n->applied + 1);

		check(en != NULL);
		apply_entry(n, en);
		raft_snapshot_at(n->raft, n->applied);
	}
}

/* ---- what the controllers and the worker want
 * -------------------------------- */

static int
propose_part(struct node *n, const struct tx *part, enum proposal_kind kind)
{
	struct proposal *p = proposal_new(kind);
	struct err e;
	int r = change_propose(n, part, p, &e);

	if (r < 0)
		proposal_free(n, p);
	return r;
}

/*
 * As many operations as fit in one entry: half of them, and half again, where
 * objects are large. A single one always fits, since a request's whole change
 * is smaller than an entry.
 */
static void
propose_internal(struct node *n, struct tx *tx, enum proposal_kind kind)
{
	size_t most = CHUNK_OPS_MAX;
	size_t at = 0;
	int r = 0;

	tx->wall_ns = n->now.wall_ns;
	while (at < tx->count && r == 0) {
		struct tx part = { .ops = tx->ops + at,
				   .count = min_u64(tx->count - at, most),
				   .wall_ns = tx->wall_ns };

		r = propose_part(n, &part, kind);
		if (r == 0)
			at += part.count;
		if (r != -EFBIG || part.count == 1)
			continue;
		most = part.count / 2;
		r = 0;
	}
	if (r == 0)
		return;
	/* What was proposed may be applied; the rest is made anew. */
	n->internal_retry_ms = n->now.mono_ms + RETRY_MS;
	n->manager_dirty = true;
	if (kind == PROPOSAL_STATUS)
		statuses_done(n, false);
}

#define RECEIPT_KEEP_MS ((uint64_t)(RECEIPT_KEEP_NS / NS_PER_MS))

/* What was answered long ago is forgotten. */
static void
prune_receipts(struct node *n, struct tx *tx)
{
	if (n->now.mono_ms < n->receipts_at_ms)
		return;
	if (n->now.mono_ms >= n->receipts_mark_ms + RECEIPT_KEEP_MS) {
		n->receipts_old = n->receipts_mark;
		n->receipts_mark = n->applied;
		n->receipts_mark_ms = n->now.mono_ms;
	}
	receipt_prune(n->state, n->now, n->receipts_old, tx);
	n->receipts_at_ms = n->now.mono_ms + receipt_wait_ms(n->state);
}

static bool
controllers_are_due(const struct node *n)
{
	return n->manager_dirty || n->ca_next_ms <= n->now.mono_ms ||
	       manager_deadline(n->manager) <= n->now.mono_ms;
}

/* One at a time: statuses first, since the controllers act on them. */
void
change_internal(struct node *n)
{
	enum proposal_kind kind = PROPOSAL_INTERNAL;
	struct tx tx = { 0 };

	if (n->manager == NULL || n->internal_open > 0 ||
	    n->now.mono_ms < n->internal_retry_ms)
		return;
	if (dispatch_has_tx(n)) {
		dispatch_tx(n, &tx);
		kind = PROPOSAL_STATUS;
		if (tx.count == 0)
			dispatch_tx_done(n, true);
	}
	if (tx.count == 0 && controllers_are_due(n)) {
		kind = PROPOSAL_INTERNAL;
		n->manager_dirty = false;
		roles_tx(n, &tx);
		if (tx.count == 0)
			identity_self_tx(n, &tx);
		if (tx.count == 0)
			ca_step(n->state, n->now, &n->ca_next_ms, &tx);
		if (tx.count == 0)
			manager_step(n->manager, n->now, &tx);
		else
			n->manager_dirty = true;
	}
	if (tx.count == 0)
		prune_receipts(n, &tx);
	propose_internal(n, &tx, kind);
	tx_fini(&tx);
}
