/*
 * renew.c - a new certificate before the old one is over. A new key each
 * time; the leader signs, by what its tables say this node is. A manager
 * whose own is over signs for itself: it has the cluster's root, and nobody
 * would take its messages before.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/manager/ca.h"
#include "core/node/identity_impl.h"
#include "core/node/node_impl.h"

#define FIRST_MS 1000
#define MOST_MS 3600000			/* between two tries */
#define URGENT_MS 5000			/* the same, when it cannot wait */
#define CALL_MS 10000			/* for the leader's answer */
#define LOOK_AGAIN_MS 3600000		/* the wall clock may have jumped */
#define SELF_SIGNED_NS (600 * NS_PER_S) /* then the leader is asked, too */

/* At a random point of 50 to 80 % of its time (facts 7.3). */
void
renew_plan(struct node *n)
{
	struct identity *i = n->identity;
	int64_t life = i->certificate.not_after - i->certificate.not_before;
	uint64_t share = 500 + rand_next(&n->rand_state) % 301;

	i->renew_at_ns =
		i->certificate.not_before + life / 1000 * (int64_t)share;
}

void
renew_now(struct node *n)
{
	if (n->identity->renew_wanted)
		return;
	n->identity->renew_wanted = true;
	n->identity->renew_again_ms = 0;
	n->identity->renew_wait_ms = 0;
}

static bool
is_busy(const struct identity *i)
{
	return i->renew_order != 0 || i->renew_call != 0;
}

/* No try is on its way any more. */
void
renew_stop(struct node *n)
{
	struct identity *i = n->identity;

	trust_forget(n, i->renew_order);
	rpc_forget(n, i->renew_call);
	i->renew_order = i->renew_call = 0;
	arena_wipe(&i->renew_arena);
	i->renew_key = (struct bytes){ 0 };
}

static void
try_again(struct node *n)
{
	struct identity *i = n->identity;
	bool urgent = i->renew_wanted || identity_is_over(n);

	renew_stop(n);
	i->renew_wait_ms = i->renew_wait_ms == 0
				   ? FIRST_MS
				   : min_u64(2 * i->renew_wait_ms,
					     urgent ? URGENT_MS : MOST_MS);
	i->renew_again_ms = n->now.mono_ms + i->renew_wait_ms +
			    rand_next(&n->rand_state) % i->renew_wait_ms;
}

/* ---- a new one is there ---------------------------------------------------
 */

/* It was a manager, was removed, and is to be one again: as a new member. */
static void
begin_anew(struct node *n)
{
	member_become_worker(n);
	member_become_manager(n);
}

static void
change_role(struct node *n, bool manager)
{
	bool gone =
		n->life == LIFE_MEMBER && n->gone && raft_leader(n->raft) == 0;

	n->gone = false;
	if (manager && gone)
		begin_anew(n);
	else if (manager && n->life == LIFE_WORKER)
		member_become_manager(n);
	else if (!manager && n->life == LIFE_MEMBER)
		member_become_worker(n);
}

static void
take(struct node *n, const struct certificate *c)
{
	struct identity *i = n->identity;
	bool was_over = identity_is_over(n);

	i->renew_wanted = false;
	i->renew_wait_ms = 0;
	i->renew_again_ms = 0;
	identity_set(n, c, NULL);
	renew_stop(n);
	identity_store(n);
	identity_use(n);
	change_role(n, c->manager);
	/* Links that were made with the old one may do nothing more. */
	if (was_over)
		peers_close_all(n);
}

static void
on_enrolled(struct node *n, void *ctx, const struct message *m, const char *why)
{
	const struct enrolled_body *b =
		m != NULL && m->kind == MESSAGE_ENROLLED ? m->enrolled : NULL;
	struct identity *i = n->identity;

	(void)ctx, (void)why;
	i->renew_call = 0;
	if (b == NULL || str_empty(b->chain) || str_empty(b->roots) ||
	    !str_eq(b->node_id, n->node_id)) {
		try_again(n);
		return;
	}
	take(n, &(struct certificate){
			.key = i->renew_key,
			.chain = b->chain,
			.roots = b->roots,
			.manager = b->manager,
			.not_before = b->not_before,
			.not_after = b->not_after,
			.issuer_subject = b->issuer_subject,
			.issuer_public_key = b->issuer_public_key,
		});
}

/* ---- asking ----------------------------------------------------------------
 */

/* A member that was left behind knows no leader: any manager hands it on. */
static bool
is_lost(const struct node *n)
{
	return n->life == LIFE_MEMBER && n->manager == NULL &&
	       consensus_leader(n) == NULL;
}

static void
ask_leader(struct node *n, struct bytes csr)
{
	struct enroll_body body = { .csr = csr };
	struct message m = { .kind = MESSAGE_RENEW, .enroll = &body };
	struct peer_link *l = is_lost(n) ? peers_some_manager(n) : NULL;
	struct route route = { .link = l != NULL ? l->id : 0 };

	n->identity->renew_call = rpc_call(n, l != NULL ? &route : NULL, &m,
					   CALL_MS, on_enrolled, NULL);
}

static void
on_signed(struct node *n, void *ctx, const struct trust_report *r)
{
	struct identity *i = n->identity;
	struct certificate c = i->certificate;

	(void)ctx;
	i->renew_order = 0;
	if (r->err != NULL) {
		try_again(n);
		return;
	}
	c.key = i->renew_key;
	c.chain = r->cert;
	c.not_before = r->not_before;
	c.not_after = r->not_after;
	c.issuer_subject = r->issuer_subject;
	c.issuer_public_key = r->issuer_public_key;
	take(n, &c);
	/* The managers have to know until when it is good. */
	i->renew_at_ns = n->now.wall_ns + SELF_SIGNED_NS;
}

/* May this manager sign for itself, as far as it knows? */
static const struct cluster *
own_cluster(const struct node *n)
{
	const struct cluster *c = n->life == LIFE_MEMBER && n->state != NULL
					  ? state_cluster(n->state)
					  : NULL;
	const struct node_object *o =
		c != NULL ? state_get(n->state, OBJECT_NODE, n->node_id) : NULL;

	if (o == NULL || o->role != ROLE_MANAGER || c->root.key.len == 0 ||
	    ca_is_removed(c, n->node_id))
		return NULL;
	return c;
}

static void
sign_self(struct node *n, const struct cluster *c, struct bytes csr)
{
	struct ca_signer s = ca_signer(c);

	n->identity->renew_order =
		trust_ask(n,
			  &(struct trust_order){ .verb = TRUST_SIGN,
						 .key = s.key,
						 .cert = s.cert,
						 .chain = s.chain,
						 .csr = csr,
						 .node_id = n->node_id,
						 .cluster_id = n->cluster_id,
						 .manager = true,
						 .expiry_ns = ca_expiry_ns(c) },
			  on_signed, NULL);
}

static void
on_key(struct node *n, void *ctx, const struct trust_report *r)
{
	struct identity *i = n->identity;
	const struct cluster *c = identity_is_over(n) ? own_cluster(n) : NULL;

	(void)ctx;
	i->renew_order = 0;
	if (r->err != NULL) {
		try_again(n);
		return;
	}
	i->renew_key.p = arena_dup(&i->renew_arena, r->key.p, r->key.len);
	i->renew_key.len = r->key.len;
	if (c != NULL)
		sign_self(n, c, r->csr);
	else
		ask_leader(n, r->csr);
}

/* Is there anybody to ask? */
static bool
can_ask(const struct node *n)
{
	if (n->life == LIFE_WORKER)
		return n->session_link != 0;
	return identity_is_over(n) || !is_lost(n) ||
	       !list_empty(&n->manager_links);
}

static bool
is_due(const struct node *n)
{
	const struct identity *i = n->identity;

	return i->renew_wanted || i->renew_at_ns <= n->now.wall_ns ||
	       i->certificate.not_before > n->now.wall_ns;
}

/* Who joins has a new certificate; unless it is refused as what that says. */
static bool
is_too_early(const struct node *n)
{
	return n->joining && !n->identity->renew_wanted;
}

void
renew_tick(struct node *n)
{
	struct identity *i = n->identity;

	if (!is_due(n) || is_busy(i) || i->renew_again_ms > n->now.mono_ms ||
	    !can_ask(n) || is_too_early(n))
		return;
	i->renew_order =
		trust_ask(n, &(struct trust_order){ .verb = TRUST_MAKE_KEY },
			  on_key, NULL);
}

uint64_t
renew_deadline(const struct node *n)
{
	const struct identity *i = n->identity;
	uint64_t at = n->now.mono_ms + LOOK_AGAIN_MS;
	int64_t left = i->renew_at_ns - n->now.wall_ns;

	if (is_busy(i) || is_too_early(n))
		return UINT64_MAX;
	if (is_due(n))
		return can_ask(n) ? i->renew_again_ms : UINT64_MAX;
	return min_u64(at, n->now.mono_ms + (uint64_t)(left / NS_PER_MS) + 1);
}
