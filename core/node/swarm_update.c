/*
 * swarm_update.c - an update of the cluster: before it can be answered it may
 * need fresh bytes, a new root, or one that was brought looked at and signed by
 * the one that is. What it changes is decided in core/manager/control_ca.c.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/node/node_impl.h"

#define UPDATES_MAX 16				   /* at work at once */
#define ROOT_LEAST_NS (365 * 24 * 3600 * NS_PER_S) /* facts 7.6 */

struct swarm_update {
	struct list link;
	struct arena arena; /* wiped */
	struct request request;
	struct update_wish wish;
	struct control_secrets secrets;
	struct root_ca root;
	uint64_t order;
};

static void
update_free(struct node *n, struct swarm_update *u)
{
	list_remove(&u->link);
	n->update_count--;
	trust_forget(n, u->order);
	arena_wipe(&u->arena);
	mem_wipe(u, sizeof(*u));
	mem_free(u);
}

static void
refuse(struct node *n, struct swarm_update *u, int status, const char *why)
{
	effect_error(n, u->request.id, status, "%s", why);
	update_free(n, u);
}

/* All that it needs is there. */
static void
finish(struct node *n, struct swarm_update *u)
{
	request_decide(n, &u->request, &u->secrets);
	update_free(n, u);
}

/* Whoever leads next is asked again. */
static bool
has_office(struct node *n, struct swarm_update *u)
{
	struct waiter *again = NULL;

	if (n->manager != NULL)
		return true;
	if (u->request.id != 0) {
		if ((u->request.id & REQUEST_FOREIGN) == 0)
			again = waiter_new(n, &u->request);
		request_again(n, u->request.id, again, false);
	}
	update_free(n, u);
	return false;
}

static void
on_cross_signed(struct node *n, void *ctx, const struct trust_report *r)
{
	struct swarm_update *u = ctx;

	u->order = 0;
	if (!has_office(n, u))
		return;
	if (r->err != NULL) {
		refuse(n, u, 500, r->err);
		return;
	}
	u->secrets.root = &u->root;
	u->secrets.cross_signed = arena_strdup(&u->arena, r->cert);
	finish(n, u);
}

static struct bytes
keep(struct arena *a, const struct bytes *b)
{
	struct bytes copy = { NULL, b->len };

	if (b->len > 0)
		copy.p = arena_dup(a, b->p, b->len);
	return copy;
}

static void
cross_sign(struct node *n, struct swarm_update *u, const struct trust_report *r)
{
	const struct root_ca *now = &state_cluster(n->state)->root;
	struct arena *a = &u->arena;

	u->root.cert = arena_strdup(a, u->wish.root == ROOT_NEW ? r->cert
								: u->wish.cert);
	u->root.key = keep(a, &r->key);
	u->root.digest = arena_strdup(a, r->digest);
	u->root.subject = keep(a, &r->issuer_subject);
	u->root.public_key = keep(a, &r->issuer_public_key);
	u->order = trust_ask(n,
			     &(struct trust_order){ .verb = TRUST_CROSS_SIGN,
						    .key = now->key,
						    .cert = now->cert,
						    .root2 = u->root.cert },
			     on_cross_signed, u);
}

static void
on_made(struct node *n, void *ctx, const struct trust_report *r)
{
	struct swarm_update *u = ctx;

	u->order = 0;
	if (!has_office(n, u))
		return;
	if (r->err != NULL) {
		refuse(n, u, 400, r->err);
		return;
	}
	_Static_assert(sizeof(u->secrets.random) == sizeof(r->random), "all");
	memcpy(u->secrets.random, r->random, sizeof(r->random));
	if (u->wish.root == ROOT_AS_IS)
		finish(n, u);
	else if (u->wish.root == ROOT_GIVEN &&
		 r->not_after < n->now.wall_ns + ROOT_LEAST_NS)
		refuse(n, u, 400,
		       "invalid cluster specification: the CA certificate "
		       "must be good for a year at least");
	else
		cross_sign(n, u, r);
}

static void
start(struct node *n, struct swarm_update *u)
{
	struct trust_order o = { .verb = TRUST_LOOK_AT };

	switch (u->wish.root) {
	case ROOT_AS_IS: /* for what is fresh in any report */
		o.cert = state_cluster(n->state)->root.cert;
		break;
	case ROOT_GIVEN:
		o.cert = u->wish.cert;
		o.key.p = (const uint8_t *)u->wish.key;
		o.key.len = strlen(u->wish.key);
		break;
	case ROOT_NEW:
		o.verb = TRUST_MAKE_ROOT;
		break;
	}
	u->order = trust_ask(n, &o, on_made, u);
}

void
swarm_update(struct node *n, const struct request *r)
{
	struct control_env env = request_env(n);
	struct control_reply reply = { 0 };
	struct swarm_update *u;

	if (n->update_count >= UPDATES_MAX) {
		effect_error(n, r->id, 503,
			     "%d updates of the cluster are at work already: "
			     "try again later",
			     UPDATES_MAX);
		return;
	}
	u = mem_new(sizeof(*u));
	arena_init(&u->arena);
	list_append(&n->updates, &u->link);
	n->update_count++;
	request_copy(r, &u->arena, &u->request);
	if (control_update_read(&env, &u->request, &u->arena, &u->wish,
				&reply)) {
		start(n, u);
	} else {
		effect_reply(n, r->id, reply.status, &reply.body);
		update_free(n, u);
	}
	control_reply_fini(&reply);
}

void
swarm_update_gone(struct node *n, uint64_t request_id)
{
	list_each (it, &n->updates) {
		struct swarm_update *u =
			container_of(it, struct swarm_update, link);

		if (u->request.id == request_id)
			u->request.id = 0;
	}
}

void
swarm_update_fini(struct node *n)
{
	list_each_safe (it, tmp, &n->updates)
		update_free(n, container_of(it, struct swarm_update, link));
}
