/*
 * enrol.c - the leader's side of identities: who joins gets a certificate by
 * its token, a node that is known a new one by what the tables say that it is,
 * and a node that leaves is written down as gone. Of a request only the public
 * key is used; no name and no role in it counts.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/ca.h"
#include "core/node/node_impl.h"

#define ENROLMENTS_MAX 256 /* that wait to be signed or stored */
#define CSR_MAX 4096
#define HOSTNAME_MAX 255

#define TOO_MANY                                                               \
	"too many wrong join tokens came from this address: wait a few "       \
	"seconds"
#define LEFT "the node left the cluster"
#define BAD_TOKEN                                                              \
	"A valid join token is necessary to join this cluster: this one is "   \
	"mistyped, or was rotated; \"docker swarm join-token\" on a manager "  \
	"tells the one of today"

/* A certificate on its way. */
struct enrolment {
	struct list link;
	struct arena arena;
	struct sender from;
	uint64_t call;
	bool is_new; /* else a renewal */
	char node_id[ID_LEN + 1];
	const char *hostname;
	int role, availability;
	uint64_t order;
	struct enrolled_body answer;
};

static void
enrolment_free(struct node *n, struct enrolment *x)
{
	list_remove(&x->link);
	n->enrolment_count--;
	trust_forget(n, x->order);
	arena_fini(&x->arena);
	mem_free(x);
}

static void
refuse(struct node *n, struct enrolment *x, int code, const char *why)
{
	rpc_done(n, &x->from, x->call, code, why);
	enrolment_free(n, x);
}

/* ---- the answer ------------------------------------------------------------
 */

static void
list_managers(const struct node *n, struct enrolled_body *b, struct arena *a)
{
	size_t count = state_count(n->state, OBJECT_NODE);

	b->managers.v = arena_array(a, count, sizeof(*b->managers.v));
	for (size_t i = 0; i < count; i++) {
		const struct node_object *o =
			state_at(n->state, OBJECT_NODE, i);

		if (o->raft_id != 0 && !str_empty(o->manager_addr))
			b->managers.v[b->managers.count++] =
				(struct peer_addr){ o->head.id,
						    o->manager_addr };
	}
}

static void
on_stored(struct node *n, void *ctx, int result, const char *why)
{
	struct enrolment *x = ctx;
	struct enrolled_body *b = &x->answer;

	if (result < 0) {
		refuse(n, x, -EAGAIN, why);
		return;
	}
	b->node_id = x->node_id;
	b->cluster_id = n->cluster_id;
	b->manager = x->role == ROLE_MANAGER;
	b->roots = ca_roots(state_cluster(n->state), &x->arena);
	list_managers(n, b, &x->arena);
	rpc_send(n, &x->from.route,
		 &(struct message){ .kind = MESSAGE_ENROLLED,
				    .call = x->call,
				    .enrolled = b });
	enrolment_free(n, x);
}

/* ---- storing ---------------------------------------------------------------
 */

static bool
put_renewed(struct node *n, const struct enrolment *x, struct tx *tx)
{
	const struct node_object *o =
		state_get(n->state, OBJECT_NODE, x->node_id);
	struct node_object *to;

	/* It was removed, or changed, while its certificate was made. */
	if (o == NULL || o->role != x->role)
		return false;
	to = object_clone(o);
	/* An older one, from when they were good for longer, may be kept. */
	if (to->cert_expiry < x->answer.not_after)
		to->cert_expiry = x->answer.not_after;
	tx_put(tx, to, o->head.version.index);
	return true;
}

static void
store(struct node *n, struct enrolment *x)
{
	struct proposal *p = proposal_new(PROPOSAL_CALL);
	struct tx tx = { .wall_ns = n->now.wall_ns };
	struct err e;

	p->done = on_stored;
	p->ctx = x;
	if (x->is_new)
		ca_put_node(&tx, &(struct ca_newcomer){
					 .node_id = x->node_id,
					 .hostname = x->hostname,
					 .addr = x->from.ip,
					 .role = x->role,
					 .availability = x->availability,
					 .cert_expiry = x->answer.not_after });
	else if (!put_renewed(n, x, &tx))
		(void)err_set(&e, -EAGAIN, "the node is another one by now");
	if (tx.count == 0 || change_propose(n, &tx, p, &e) < 0) {
		proposal_free(n, p);
		refuse(n, x, -EAGAIN, e.msg);
	}
	tx_fini(&tx);
}

/* ---- signing ---------------------------------------------------------------
 */

static struct bytes
keep(struct arena *a, const struct bytes *b)
{
	struct bytes copy = { NULL, b->len };

	if (b->len > 0)
		copy.p = arena_dup(a, b->p, b->len);
	return copy;
}

static void
on_signed(struct node *n, void *ctx, const struct trust_report *r)
{
	struct enrolment *x = ctx;
	struct enrolled_body *b = &x->answer;

	x->order = 0;
	if (r->err != NULL) {
		refuse(n, x, -EINVAL, r->err);
		return;
	}
	b->chain = arena_strdup(&x->arena, r->cert);
	b->not_before = r->not_before;
	b->not_after = r->not_after;
	b->issuer_subject = keep(&x->arena, &r->issuer_subject);
	b->issuer_public_key = keep(&x->arena, &r->issuer_public_key);
	if (n->manager == NULL)
		refuse(n, x, -EAGAIN, "the manager gave up its office");
	else
		store(n, x);
}

static struct enrolment *
enrolment_new(struct node *n, const struct sender *from, uint64_t call)
{
	struct enrolment *x = mem_new(sizeof(*x));

	arena_init(&x->arena);
	x->from = *from;
	x->call = call;
	list_append(&n->enrolments, &x->link);
	n->enrolment_count++;
	return x;
}

static void
sign(struct node *n, struct enrolment *x, struct bytes csr)
{
	const struct cluster *c = state_cluster(n->state);
	struct ca_signer s = ca_signer(c);

	x->order = trust_ask(
		n,
		&(struct trust_order){ .verb = TRUST_SIGN,
				       .key = s.key,
				       .cert = s.cert,
				       .chain = s.chain,
				       .csr = csr,
				       .node_id = x->node_id,
				       .cluster_id = n->cluster_id,
				       .manager = x->role == ROLE_MANAGER,
				       .expiry_ns = ca_expiry_ns(c) },
		on_signed, x);
}

/* ---- asked for -------------------------------------------------------------
 */

/* Can it be looked at, whoever it is from? */
static bool
is_acceptable(struct node *n, const struct sender *from,
	      const struct message *m)
{
	size_t len = m->enroll->csr.len;

	if (m->call == 0)
		return false;
	if (len == 0 || len > CSR_MAX)
		rpc_done(n, from, m->call, -EINVAL,
			 "the request for a certificate is malformed");
	else if (n->enrolment_count >= ENROLMENTS_MAX || n->disk_full)
		rpc_done(n, from, m->call, -EAGAIN,
			 "the manager is too busy to enrol nodes now");
	else
		return true;
	return false;
}

void
enrol_on_enroll(struct node *n, const struct sender *from,
		const struct message *m)
{
	const struct enroll_body *b = m->enroll;
	int role = ca_role_of(state_cluster(n->state), b->token);
	struct enrolment *x;

	if (wrong_tokens_too_many(n, from->ip)) {
		rpc_done(n, from, m->call, -EAGAIN, TOO_MANY);
		return;
	}
	if (role == 0) {
		wrong_tokens_note(n, from->ip);
		rpc_done(n, from, m->call, -EPERM, BAD_TOKEN);
		return;
	}
	if (!is_acceptable(n, from, m))
		return;
	x = enrolment_new(n, from, m->call);
	x->is_new = true;
	x->role = role;
	x->availability = b->availability;
	if (strlen(str_or(b->hostname, "")) <= HOSTNAME_MAX)
		x->hostname = arena_strdup(&x->arena, b->hostname);
	id_make(&n->rand_state, x->node_id);
	sign(n, x, b->csr);
}

static bool
renews(const struct node *n, const char *node_id)
{
	list_each (it, &n->enrolments) {
		struct enrolment *x = container_of(it, struct enrolment, link);

		if (!x->is_new && strcmp(x->node_id, node_id) == 0)
			return true;
	}
	return false;
}

void
enrol_on_renew(struct node *n, const struct sender *from,
	       const struct message *m)
{
	const struct node_object *o =
		state_get(n->state, OBJECT_NODE, from->node_id);
	struct enrolment *x;

	if (o == NULL) {
		rpc_done(n, from, m->call, -EPERM,
			 "the node is not in the cluster any more");
		return;
	}
	if (!is_acceptable(n, from, m))
		return;
	if (renews(n, from->node_id)) {
		rpc_done(n, from, m->call, -EAGAIN,
			 "a certificate of this node's is being made already");
		return;
	}
	x = enrolment_new(n, from, m->call);
	x->role = o->role;
	memcpy(x->node_id, from->node_id, sizeof(x->node_id));
	sign(n, x, m->enroll->csr);
}

void
enrol_on_enrolled(struct node *n, const struct sender *from,
		  const struct message *m)
{
	(void)from;
	(void)rpc_answer(n, m);
}

void
enrol_fini(struct node *n)
{
	list_each_safe (it, tmp, &n->enrolments)
		enrolment_free(n, container_of(it, struct enrolment, link));
}

/* ---- who leaves ------------------------------------------------------------
 */

/* One that was never heard of is forgotten: its join failed half-way. */
static void
put_gone(struct node *n, const struct node_object *o, struct tx *tx)
{
	const struct cluster *c = state_cluster(n->state);
	struct node_object *to;
	struct cluster *cluster;

	if (o->status.state == NODE_UNKNOWN) {
		cluster = object_clone(c);
		ca_add_removed(cluster, o->head.id, o->cert_expiry);
		tx_put(tx, cluster, c->head.version.index);
		tx_delete(tx, OBJECT_NODE, o->head.id, o->head.version.index);
		return;
	}
	to = object_clone(o);
	to->status.state = NODE_DOWN;
	to->status.message = LEFT;
	to->down_since = n->now.wall_ns;
	tx_put(tx, to, o->head.version.index);
}

static int
write_down(struct node *n, const struct node_object *o, struct err *e)
{
	struct tx tx = { .wall_ns = n->now.wall_ns };
	struct proposal *p;
	int r;

	if (o->status.state == NODE_DOWN && str_eq(o->status.message, LEFT))
		return 0; /* it said so before */
	p = proposal_new(PROPOSAL_INTERNAL);
	put_gone(n, o, &tx);
	r = change_propose(n, &tx, p, e);
	if (r < 0)
		proposal_free(n, p);
	tx_fini(&tx);
	return r;
}

/* A manager is taken out of the raft first; then it says so again. */
void
enrol_on_leave(struct node *n, const struct sender *from,
	       const struct message *m)
{
	const struct node_object *o =
		state_get(n->state, OBJECT_NODE, from->node_id);
	struct err e = { "" };
	int r = 0;

	if (o != NULL && o->raft_id != 0)
		r = roles_leave(n, from->node_id, &e);
	else if (o != NULL)
		r = write_down(n, o, &e);
	rpc_done(n, from, m->call, r, r < 0 ? e.msg : NULL);
}
