/*
 * begin.c - swarm init: a root, a certificate by it, the port, and then, in
 * one batch, the identity, the log's first entries and the objects that a
 * cluster starts with: a crash leaves a cluster or none, and what fails before
 * leaves nothing at all.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/manager/ca.h"
#include "core/node/addr.h"
#include "core/node/node_impl.h"

struct begin {
	struct arena arena; /* wiped */
	struct request request;
	struct init_wish wish;
	struct addr addr;
	struct cluster_start start;
	struct certificate certificate;
	struct bytes csr;
	uint64_t order; /* on its way; 0: none */
	bool listens;	/* the port was asked for */
};

static void
begin_free(struct node *n)
{
	struct begin *b = n->begin;

	trust_forget(n, b->order);
	arena_wipe(&b->arena);
	mem_wipe(b, sizeof(*b));
	mem_free(b);
	n->begin = NULL;
}

/* All is as it was before it was asked for. */
static void
give_up(struct node *n, const char *why)
{
	uint64_t id = n->begin->request.id;

	begin_free(n);
	n->life = LIFE_NONE;
	if (n->identity != NULL)
		identity_forget(n);
	effect_error(n, id, 500, "the cluster could not be made: %s", why);
}

/* ---- the last step ---------------------------------------------------------
 */

static void
store_identity(struct node *n)
{
	struct raft_members members = { .id = { n->raft_id }, .count = 1 };
	uint8_t packed[RAFT_MEMBERS_PACKED_MAX];
	size_t len = raft_members_pack(&members, packed);

	identity_store(n);
	member_store_raft_id(n);
	disk_identity(n, ROW_MEMBERS, packed, len);
}

static void
start_raft(struct node *n, struct tx *tx)
{
	struct raft_start config = { .id = n->raft_id,
				     .seed = rand_next(&n->rand_state),
				     .election_ms = n->election_ms,
				     .heartbeat_ms = n->heartbeat_ms,
				     .members = { .id = { n->raft_id },
						  .count = 1 } };
	struct buf packed = { 0 };

	tx->wall_ns = n->now.wall_ns;
	tx_pack(tx, &packed);
	n->raft = raft_new(&config, n->now.mono_ms);
	raft_bootstrap(n->raft, packed.p, packed.len, n->now.mono_ms);
	mem_wipe(packed.p, packed.len);
	buf_fini(&packed);
}

static void
start_cluster(struct node *n, struct control_reply *reply)
{
	struct proposal *p = proposal_new(PROPOSAL_REQUEST);

	n->life = LIFE_MEMBER;
	n->state = state_new(rand_next(&n->rand_state));
	work_start(n);
	store_identity(n);
	start_raft(n, &reply->tx);
	p->request_id = n->begin->request.id;
	p->status = reply->status;
	p->body = reply->body;
	reply->body = (struct buf){ 0 };
	p->index = raft_last_index(n->raft);
	p->term = raft_entry_at(n->raft, p->index)->term;
	list_append(&n->proposals, &p->link);
	n->proposal_count++;
}

static void
finish(struct node *n)
{
	struct begin *b = n->begin;
	struct control_env env = request_env(n);
	struct control_reply reply = { 0 };
	struct peer_addr self = { n->node_id, b->addr.advertise };

	n->raft_id = rand_next(&n->rand_state) | 1;
	b->start.raft_id = n->raft_id;
	b->start.gossip_port = n->gossip_port;
	b->start.now_ns = n->now.wall_ns;
	b->start.cert_expiry = b->certificate.not_after;
	control_init(&env, &b->request, &b->start, &reply);
	check(reply.propose); /* it was checked before */
	identity_take_managers(n, &self, 1);
	start_cluster(n, &reply);
	control_reply_fini(&reply);
	begin_free(n);
}

void
begin_listens(struct node *n, const struct link_report *r)
{
	if (!n->begin->listens)
		return;
	if (r->news == LINK_LISTENS)
		finish(n);
	else
		give_up(n, str_or(r->err, "the port cannot be opened"));
}

/* ---- keys ------------------------------------------------------------------
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
	struct begin *b = ctx;
	struct certificate *c = &b->certificate;
	struct addresses given = { .listen = b->wish.listen_addr,
				   .advertise = b->wish.advertise_addr };

	b->order = 0;
	if (r->err != NULL) {
		give_up(n, r->err);
		return;
	}
	memcpy(b->start.unlock_key, r->random, CLUSTER_KEY_BYTES);
	c->chain = r->cert;
	c->roots = b->start.root.cert;
	c->manager = true;
	c->not_before = r->not_before;
	c->not_after = r->not_after;
	c->issuer_subject = r->issuer_subject;
	c->issuer_public_key = r->issuer_public_key;
	identity_set(n, c, &given);
	identity_use(n);
	b->listens = true;
	identity_listen(n);
}

static void
on_key(struct node *n, void *ctx, const struct trust_report *r)
{
	struct begin *b = ctx;

	b->order = 0;
	if (r->err != NULL) {
		give_up(n, r->err);
		return;
	}
	memcpy(b->start.gossip_key, r->random, CLUSTER_KEY_BYTES);
	b->certificate.key = keep(&b->arena, &r->key);
	b->order = trust_ask(
		n,
		&(struct trust_order){ .verb = TRUST_SIGN,
				       .key = b->start.root.key,
				       .cert = b->start.root.cert,
				       .csr = r->csr,
				       .node_id = n->node_id,
				       .cluster_id = n->cluster_id,
				       .manager = true,
				       .expiry_ns = b->wish.cert_expiry_ns },
		on_signed, b);
}

static void
on_root(struct node *n, void *ctx, const struct trust_report *r)
{
	struct begin *b = ctx;
	struct root_ca *root = &b->start.root;

	b->order = 0;
	if (r->err != NULL) {
		give_up(n, r->err);
		return;
	}
	_Static_assert(sizeof(b->start.secrets) == CA_SECRETS_BYTES, "both");
	memcpy(b->start.secrets, r->random, CA_SECRETS_BYTES);
	root->key = keep(&b->arena, &r->key);
	root->cert = arena_strdup(&b->arena, r->cert);
	root->digest = arena_strdup(&b->arena, r->digest);
	root->subject = keep(&b->arena, &r->issuer_subject);
	root->public_key = keep(&b->arena, &r->issuer_public_key);
	b->order = trust_ask(n, &(struct trust_order){ .verb = TRUST_MAKE_KEY },
			     on_key, b);
}

/* ---- asked for -------------------------------------------------------------
 */

static void
start(struct node *n, struct begin *b)
{
	n->begin = b;
	n->life = LIFE_BEGINNING;
	id_make(&n->rand_state, n->node_id);
	id_make(&n->rand_state, n->cluster_id);
	b->start.node_id = n->node_id;
	b->start.cluster_id = n->cluster_id;
	b->start.addr = b->addr.host;
	b->start.manager_addr = b->addr.advertise;
	b->order =
		trust_ask(n, &(struct trust_order){ .verb = TRUST_MAKE_ROOT },
			  on_root, b);
}

/* A cluster begins with an address that is certain. */
static int
choose_addr(const struct node *n, struct begin *b, struct err *e)
{
	int r = addr_choose(b->wish.listen_addr, b->wish.advertise_addr,
			    &n->addrs, n->default_addr, &b->addr, e);

	return r == 0 && b->addr.guessed ? addr_check_sole(&n->addrs, e) : r;
}

void
begin_init(struct node *n, const struct request *r)
{
	struct control_env env = request_env(n);
	struct control_reply reply = { 0 };
	struct begin *b;
	struct err e;

	if (n->disk_full) {
		effect_disk_full(n, r->id);
		return;
	}
	b = mem_new(sizeof(*b));
	arena_init(&b->arena);
	request_copy(r, &b->arena, &b->request);
	if (control_init_read(&env, &b->request, &b->arena, &b->wish, &reply) &&
	    choose_addr(n, b, &e) < 0)
		control_error(&reply, 400, "%s", e.msg);
	if (reply.status == 0) {
		start(n, b);
	} else {
		effect_reply(n, r->id, reply.status, &reply.body);
		arena_wipe(&b->arena);
		mem_free(b);
	}
	control_reply_fini(&reply);
}

void
begin_gone(struct node *n, uint64_t request_id)
{
	if (n->begin != NULL && n->begin->request.id == request_id)
		n->begin->request.id = 0;
}

void
begin_fini(struct node *n)
{
	if (n->begin != NULL)
		begin_free(n);
}
