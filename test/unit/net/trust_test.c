/* trust_test.c - orders to the thread that signs, and its reports. */
#include "net/trust.h"

#include "core/base/mem.h"
#include "net/tls/cert.h"
#include "net/tls/chain.h"
#include "test/t.h"

#define NODE_ID "9zbf3k7d1a2b3c4d5e6f7g8h9"
#define CLUSTER_ID "c1ust3r71a2b3c4d5e6f7g8h9"
#define HOUR (3600 * NS_PER_S)

static struct trust *trust;
static struct ev_loop *loop;
static bool inside; /* a report must never come from inside an order */

/* The last report, copied. */
static struct {
	struct arena arena;
	struct trust_report r;
	int count;
	int refused; /* as the queue was full */
} got;

static struct bytes
keep(struct bytes v)
{
	return (struct bytes){ arena_dup(&got.arena, v.p, v.len), v.len };
}

static void
on_report(void *ctx, const struct trust_report *r)
{
	OK(ctx == &got);
	OK(!inside);
	got.r = *r;
	got.r.err = arena_strdup(&got.arena, r->err);
	got.r.cert = arena_strdup(&got.arena, r->cert);
	got.r.digest = arena_strdup(&got.arena, r->digest);
	got.r.key = keep(r->key);
	got.r.csr = keep(r->csr);
	got.r.issuer_subject = keep(r->issuer_subject);
	got.r.issuer_public_key = keep(r->issuer_public_key);
	got.count++;
	got.refused +=
		r->err != NULL && strstr(r->err, "wait to be made") != NULL;
	ev_break(loop, EVBREAK_ONE);
}

static void
begin(void)
{
	struct trust_config config = { .report = on_report, .ctx = &got };
	struct err e;

	loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	config.loop = loop;
	memset(&got, 0, sizeof(got));
	arena_init(&got.arena);
	EQ(trust_open(&config, &trust, &e), 0);
}

static void
end(void)
{
	trust_close(trust);
	arena_fini(&got.arena);
	ev_loop_destroy(loop);
}

static void
order(const struct trust_order *o)
{
	inside = true;
	trust_order(trust, o);
	inside = false;
}

static struct trust_report
ask(const struct trust_order *o)
{
	int before = got.count;

	order(o);
	while (got.count == before)
		ev_run(loop, EVRUN_ONCE);
	EQ(got.count, before + 1);
	EQ(got.r.id, o->id);
	EQ(got.r.verb, o->verb);
	return got.r;
}

static struct trust_order
sign_order(const struct trust_report *root, const struct trust_report *node)
{
	return (struct trust_order){
		.verb = TRUST_SIGN,
		.id = 3,
		.key = root->key,
		.cert = root->cert,
		.csr = node->csr,
		.node_id = NODE_ID,
		.cluster_id = CLUSTER_ID,
		.manager = true,
		.expiry_ns = HOUR,
	};
}

T(a_root_is_made_and_looked_at)
{
	struct trust_report root, look;
	struct trust_order o = { .verb = TRUST_LOOK_AT, .id = 8 };

	begin();
	root = ask(&(struct trust_order){ TRUST_MAKE_ROOT, .id = 7 });
	EQ_STR(root.err, NULL);
	EQ(strlen(root.digest), 50);
	EQ(root.not_after - root.not_before,
	   (INT64_C(630720000) + 3600) * NS_PER_S);
	OK(root.issuer_public_key.len == 91 && root.issuer_subject.len == 21);
	o.cert = root.cert;
	look = ask(&o);
	EQ_STR(look.err, NULL);
	EQ_STR(look.digest, root.digest);
	EQ(look.not_after, root.not_after);
	EQ(look.key.len, 0);
	o.key = root.key;
	look = ask(&o);
	EQ_STR(look.err, NULL);
	EQ(look.key.len, root.key.len);
	OK(memcmp(look.key.p, root.key.p, root.key.len) == 0);
	OK(memcmp(look.random, root.random, sizeof(root.random)) != 0);
	end();
}

T(a_node_is_signed_and_holds_up)
{
	struct trust_report root, node, leaf;
	struct tls_identity *self;
	struct tls_roots *roots;
	struct tls_peer peer;
	struct trust_order o;
	struct err e;

	begin();
	root = ask(&(struct trust_order){ TRUST_MAKE_ROOT, .id = 1 });
	node = ask(&(struct trust_order){ TRUST_MAKE_KEY, .id = 2 });
	o = sign_order(&root, &node);
	leaf = ask(&o);
	EQ_STR(leaf.err, NULL);
	EQ(leaf.not_after / NS_PER_S - leaf.not_before / NS_PER_S, 3 * 3600);
	EQ(leaf.issuer_subject.len, root.issuer_subject.len);
	EQ(leaf.issuer_public_key.len, 91);
	OK(memcmp(leaf.issuer_public_key.p, root.issuer_public_key.p, 91) == 0);
	EQ(leaf.key.len, 0);
	EQ(tls_roots_new(root.cert, &roots, &e), 0);
	EQ(chain_check(leaf.cert, roots, leaf.not_after - HOUR, &peer, &e), 0);
	EQ_STR(peer.node_id, NODE_ID);
	EQ_STR(peer.cluster_id, CLUSTER_ID);
	EQ_STR(peer.role, "swarm-manager");
	EQ(tls_identity_new(leaf.cert, root.cert, node.key.p, node.key.len,
			    &self, &e),
	   0);
	tls_identity_unref(self);
	tls_roots_unref(roots);
	end();
}

T(a_rotation_leaves_nobody_behind)
{
	struct trust_report old, new, node, cross, leaf;
	struct trust_order o = { .verb = TRUST_CROSS_SIGN, .id = 4 };
	struct tls_roots *roots;
	struct tls_peer peer;
	struct err e;

	begin();
	old = ask(&(struct trust_order){ TRUST_MAKE_ROOT, .id = 1 });
	new = ask(&(struct trust_order){ TRUST_MAKE_ROOT, .id = 2 });
	node = ask(&(struct trust_order){ TRUST_MAKE_KEY, .id = 3 });
	o.key = old.key;
	o.cert = old.cert;
	o.root2 = new.cert;
	cross = ask(&o);
	EQ_STR(cross.err, NULL);
	o = sign_order(&new, &node);
	o.chain = cross.cert;
	leaf = ask(&o);
	EQ_STR(leaf.err, NULL);
	/* TLSInfo names who signs now, not who signed that. */
	OK(memcmp(leaf.issuer_public_key.p, new.issuer_public_key.p, 91) == 0);
	EQ(tls_roots_new(old.cert, &roots, &e), 0);
	EQ(chain_check(leaf.cert, roots, leaf.not_after - HOUR, &peer, &e), 0);
	tls_roots_unref(roots);
	EQ(tls_roots_new(new.cert, &roots, &e), 0);
	EQ(chain_check(leaf.cert, roots, leaf.not_after - HOUR, &peer, &e), 0);
	tls_roots_unref(roots);
	end();
}

T(what_cannot_be_done_is_reported_and_brings_nothing)
{
	struct trust_report root, other, node, r;
	struct trust_order o;

	begin();
	root = ask(&(struct trust_order){ TRUST_MAKE_ROOT, .id = 1 });
	other = ask(&(struct trust_order){ TRUST_MAKE_ROOT, .id = 2 });
	node = ask(&(struct trust_order){ TRUST_MAKE_KEY, .id = 3 });
	o = sign_order(&root, &node);
	o.key = other.key;
	r = ask(&o);
	OK(r.err != NULL && r.cert == NULL && r.issuer_subject.len == 0);
	o = sign_order(&root, &node);
	o.csr.len--;
	r = ask(&o);
	OK(strstr(r.err, "PKCS 10") != NULL);
	o = (struct trust_order){ TRUST_LOOK_AT, .id = 9, .cert = root.cert };
	o.key = other.key;
	r = ask(&o);
	OK(strstr(r.err, "not that of the root") != NULL && r.key.len == 0 &&
	   r.digest == NULL);
	o = (struct trust_order){ TRUST_LOOK_AT, .id = 9, .cert = "" };
	r = ask(&o);
	OK(r.err != NULL);
	end();
}

T(orders_are_answered_one_by_one_and_once)
{
	begin();
	for (uint64_t id = 1; id <= 50; id++)
		order(&(struct trust_order){ TRUST_MAKE_KEY, .id = id });
	while (got.count < 50)
		ev_run(loop, EVRUN_ONCE);
	EQ(got.r.id, 50);
	end();
}

/* Far more than one thread does while the loop does not turn. */
T(a_queue_that_is_full_says_so)
{
	int most = 20000;

	begin();
	/* The first ones keep the thread busy while the others are given. */
	for (int i = 1; i <= most; i++)
		order(&(struct trust_order){ i <= 1000 ? TRUST_MAKE_ROOT
						       : TRUST_LOOK_AT,
					     .id = 1, .cert = "" });
	for (int seen = 0; seen < most;) {
		ev_run(loop, EVRUN_ONCE);
		seen = got.count;
	}
	OK(got.refused > 0);
	EQ(got.count, most);
	end();
}

T(closing_leaves_what_is_not_done)
{
	begin();
	for (uint64_t id = 1; id <= 500; id++)
		order(&(struct trust_order){ TRUST_MAKE_ROOT, .id = id });
	end();
	EQ(got.count, 0);
}
