/*
 * join.c - swarm join, the side of who joins. A key, a link to one of the
 * managers that it was told of (pinned to the token's root, so that nothing
 * secret goes to anybody else), the token and a request; what comes back is
 * stored in one batch, and from then on this node is a worker, or a manager
 * that asks to take part. What fails leaves the node as it was.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/token.h"
#include "core/node/addr.h"
#include "core/node/node_impl.h"

#define JOIN_MS 20000	/* to be enrolled (facts: daemon to manager) */
#define MEMBER_MS 60000 /* and then to take part, as a manager */
#define ANSWER_MS 10000 /* for one manager to answer */
#define PAUSE_MS 500	/* when all were asked */
#define ROUNDS_MAX 3	/* of asking all, while none of them answers */

enum join_step {
	JOIN_ASKS = 1, /* keys and managers */
	JOIN_WRITES,   /* enrolled: once it is on the disk, that is it */
	JOIN_MEMBER,   /* a manager that does not vote yet */
};

struct join {
	struct arena arena; /* wiped */
	struct request request;
	struct join_wish wish;
	char digest[TOKEN_DIGEST_TEXT + 1];
	struct addr addr;
	enum join_step step;
	uint64_t until_ms;
	uint64_t again_ms; /* when to ask the next one; UINT64_MAX: one is */
	size_t asked;	   /* managers, ever */
	bool patient;	   /* one answered: it only has no leader now */
	uint64_t order, link, call;
	struct bytes key, csr;
	uint64_t seq; /* of the batch that is waited for */
	char why[ERR_MSG_MAX];
};

static void
join_free(struct node *n)
{
	struct join *j = n->join;
	struct peer_link *l = peers_find(n, j->link);

	trust_forget(n, j->order);
	rpc_forget(n, j->call);
	if (l != NULL)
		peers_hang_up(n, l);
	arena_wipe(&j->arena);
	mem_wipe(j, sizeof(*j));
	mem_free(j);
	n->join = NULL;
}

/* Why is copied: it may be the join's own. */
static void
fail(struct node *n, int status, const char *why)
{
	const char *copy = arena_strdup(&n->step_arena, why);
	uint64_t id = n->join->request.id;
	bool enrolled = n->join->step != JOIN_ASKS;

	join_free(n);
	if (enrolled && !agent_is_empty(n->agent)) {
		leave_at_once(n); /* it was given tasks meanwhile */
	} else {
		if (enrolled)
			member_forget(n);
		n->life = LIFE_NONE;
	}
	effect_error(n, id, status, "%s", copy);
}

static void
succeed(struct node *n)
{
	uint64_t id = n->join->request.id;

	join_free(n);
	effect_reply(n, id, 200, NULL);
}

/* ---- enrolled --------------------------------------------------------------
 */

static bool
is_whole(const struct enrolled_body *b)
{
	return !str_empty(b->chain) && !str_empty(b->roots) &&
	       id_valid(str_or(b->node_id, "")) &&
	       id_valid(str_or(b->cluster_id, ""));
}

/* The manager that answered is where it was reached, whatever is known of it
 * (it may have moved); that is all that is known if it tells of none. */
static void
keep_managers(struct node *n, const struct join *j,
	      const struct enrolled_body *b)
{
	struct peer_link *l = peers_find(n, j->link);
	uint32_t count = b->managers.count;
	struct peer_addr *v =
		arena_array(&n->step_arena, count + 1, sizeof(*v));
	bool found = l == NULL;

	for (uint32_t i = 0; i < count; i++) {
		v[i] = b->managers.v[i];
		if (l == NULL || !str_eq(v[i].node_id, l->peer.node_id))
			continue;
		v[i].addr = l->addr;
		found = true;
	}
	if (!found)
		v[count++] = (struct peer_addr){ l->peer.node_id, l->addr };
	identity_take_managers(n, v, count);
}

static void
become(struct node *n, const struct enrolled_body *b)
{
	struct join *j = n->join;
	struct addresses given = { .listen = j->wish.listen_addr,
				   .advertise = j->wish.advertise_addr };
	struct certificate c = {
		.key = j->key,
		.chain = b->chain,
		.roots = b->roots,
		.manager = b->manager,
		.not_before = b->not_before,
		.not_after = b->not_after,
		.issuer_subject = b->issuer_subject,
		.issuer_public_key = b->issuer_public_key,
	};

	memcpy(n->node_id, b->node_id, sizeof(n->node_id));
	memcpy(n->cluster_id, b->cluster_id, sizeof(n->cluster_id));
	identity_set(n, &c, &given);
	keep_managers(n, j, b);
	identity_store(n);
	identity_use(n);
	work_start(n);
	j->step = b->manager ? JOIN_MEMBER : JOIN_WRITES;
	j->until_ms = n->now.mono_ms + MEMBER_MS;
	j->seq = n->batch_seq;
	n->life = LIFE_WORKER;
	if (b->manager)
		member_become_manager(n);
}

/* ---- asking ----------------------------------------------------------------
 */

/* One answered that it cannot now, or did not answer: the next one. */
static void
next(struct node *n, const char *why)
{
	struct join *j = n->join;
	struct peer_link *l = peers_find(n, j->link);
	bool round = ++j->asked % j->wish.remote_addrs.count == 0;

	snprintf(j->why, sizeof(j->why), "%s", str_or(why, "no answer"));
	if (l != NULL)
		peers_hang_up(n, l);
	j->link = 0;
	j->again_ms = n->now.mono_ms + (round ? PAUSE_MS : 0);
}

static void
on_answer(struct node *n, void *ctx, const struct message *m, const char *why)
{
	struct join *j = ctx;

	j->call = 0;
	if (m != NULL && m->kind == MESSAGE_ENROLLED) {
		if (is_whole(m->enrolled))
			become(n, m->enrolled);
		else
			fail(n, 500, "the manager's answer is not whole");
	} else if (m != NULL && m->kind == MESSAGE_DONE &&
		   m->done->code != -EAGAIN) {
		fail(n, 500, str_or(why, "the manager refused it"));
	} else {
		/* It is there, and has no leader: that may take a while. */
		j->patient |= m != NULL;
		next(n, why);
	}
}

void
join_link_up(struct node *n, struct peer_link *l)
{
	struct join *j = n->join;
	struct enroll_body body;
	struct message m = { .kind = MESSAGE_ENROLL, .enroll = &body };

	if (j == NULL || j->link != l->id || j->step != JOIN_ASKS)
		return;
	if (!l->is_manager || l->peer.trust != LINK_VERIFIED) {
		next(n, "who answers there is no manager");
		return;
	}
	body = (struct enroll_body){
		.token = j->wish.join_token,
		.csr = j->csr,
		.availability = j->wish.availability,
		.hostname = n->description.hostname,
	};
	j->call = rpc_call(n, &(struct route){ .link = l->id }, &m, ANSWER_MS,
			   on_answer, j);
}

void
join_link_down(struct node *n, struct peer_link *l, const struct link_report *r)
{
	struct join *j = n->join;
	struct err e;

	if (j == NULL || j->link != l->id || j->step != JOIN_ASKS)
		return;
	/* Whoever is not one of ours says so itself. */
	(void)err_set(&e, -EIO, "no manager could be reached: %s%s",
		      str_or(r->err, "the link went down"),
		      l->up || strstr(str_or(r->err, ""), "cannot connect") ==
					      NULL
			      ? ""
			      : "; is a manager there, and its port open to "
				"this host?");
	next(n, e.msg);
}

static void
dial(struct node *n)
{
	struct join *j = n->join;
	const struct strings *all = &j->wish.remote_addrs;
	char addr[LINK_ADDR_MAX];
	struct err e;

	check(addr_with_port(all->v[j->asked % all->count], MANAGER_PORT, addr,
			     &e) == 0);
	j->again_ms = UINT64_MAX;
	j->link = peers_dial(n, USE_JOIN, addr, j->digest)->id;
}

static void
on_key(struct node *n, void *ctx, const struct trust_report *r)
{
	struct join *j = ctx;

	j->order = 0;
	if (r->err != NULL) {
		fail(n, 500, r->err);
		return;
	}
	j->key.p = arena_dup(&j->arena, r->key.p, r->key.len);
	j->key.len = r->key.len;
	j->csr.p = arena_dup(&j->arena, r->csr.p, r->csr.len);
	j->csr.len = r->csr.len;
	dial(n);
}

/* ---- asked for -------------------------------------------------------------
 */

static int
check_wish(const struct node *n, struct join *j, struct err *e)
{
	char addr[LINK_ADDR_MAX];
	int r = addr_choose(j->wish.listen_addr, j->wish.advertise_addr,
			    &n->addrs, n->default_addr, &j->addr, e);

	for (uint32_t i = 0; r == 0 && i < j->wish.remote_addrs.count; i++)
		r = addr_with_port(j->wish.remote_addrs.v[i], MANAGER_PORT,
				   addr, e);
	if (r == 0)
		r = token_read(j->wish.join_token, j->digest, e);
	return r;
}

static void
start(struct node *n, struct join *j)
{
	n->join = j;
	n->life = LIFE_BEGINNING;
	j->step = JOIN_ASKS;
	j->until_ms = n->now.mono_ms + JOIN_MS;
	j->again_ms = UINT64_MAX;
	j->order = trust_ask(n, &(struct trust_order){ .verb = TRUST_MAKE_KEY },
			     on_key, j);
}

void
join_start(struct node *n, const struct request *r)
{
	struct control_env env = request_env(n);
	struct control_reply reply = { 0 };
	struct join *j;
	struct err e;

	if (n->disk_full) {
		effect_disk_full(n, r->id);
		return;
	}
	j = mem_new(sizeof(*j));
	arena_init(&j->arena);
	request_copy(r, &j->arena, &j->request);
	if (control_join_read(&env, &j->request, &j->arena, &j->wish, &reply) &&
	    check_wish(n, j, &e) < 0)
		control_error(&reply, 400, "%s", e.msg);
	if (reply.status == 0) {
		start(n, j);
	} else {
		effect_reply(n, r->id, reply.status, &reply.body);
		arena_wipe(&j->arena);
		mem_free(j);
	}
	control_reply_fini(&reply);
}

void
join_gone(struct node *n, uint64_t request_id)
{
	if (n->join != NULL && n->join->request.id == request_id)
		n->join->request.id = 0;
}

/* Else its time would run on, and end whatever this node is in by then. */
void
join_left(struct node *n)
{
	uint64_t id;

	if (n->join == NULL)
		return;
	id = n->join->request.id;
	join_free(n);
	effect_error(n, id, 503, "this node left before it was a member");
}

/* ---- what comes of it ------------------------------------------------------
 */

void
join_listen_failed(struct node *n, const char *why)
{
	if (n->join != NULL && n->join->step == JOIN_MEMBER)
		fail(n, 500, why);
}

void
member_joined(struct node *n)
{
	if (n->join != NULL)
		n->join->step = JOIN_WRITES;
}

void
member_refused(struct node *n, const char *why)
{
	if (n->join != NULL)
		fail(n, 500, str_or(why, "the managers refused this node"));
	else
		identity_renew(n); /* it is to be something else by now */
}

static void
tick_asking(struct node *n)
{
	struct join *j = n->join;
	size_t most = ROUNDS_MAX * (size_t)j->wish.remote_addrs.count;
	bool over = n->now.mono_ms >= j->until_ms;
	struct err e;

	if (over && j->why[0] == '\0')
		snprintf(j->why, sizeof(j->why), "no manager answered");
	if (over) {
		(void)err_set(&e, -ETIMEDOUT, "%s", j->why);
		(void)err_wrap(&e, -ETIMEDOUT,
			       "Timeout was reached before node joined");
		fail(n, 500, e.msg);
	} else if (j->again_ms > n->now.mono_ms) {
		return;
	} else if (j->asked >= most && !j->patient) {
		fail(n, 500, j->why);
	} else {
		dial(n);
	}
}

void
join_tick(struct node *n)
{
	struct join *j = n->join;

	if (j == NULL)
		return;
	if (j->step == JOIN_ASKS)
		tick_asking(n);
	else if (j->step == JOIN_WRITES && n->durable_seq >= j->seq)
		succeed(n);
	else if (j->step == JOIN_MEMBER && n->now.mono_ms >= j->until_ms)
		fail(n, 500,
		     "Timeout was reached before node joined: the managers "
		     "enrolled it, and did not take it in as a manager");
}

uint64_t
join_deadline(const struct node *n)
{
	const struct join *j = n->join;

	if (j == NULL || j->step == JOIN_WRITES)
		return UINT64_MAX;
	return j->step == JOIN_ASKS ? min_u64(j->until_ms, j->again_ms)
				    : j->until_ms;
}

void
join_fini(struct node *n)
{
	if (n->join != NULL)
		join_free(n);
}
