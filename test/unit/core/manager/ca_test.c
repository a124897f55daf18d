/* ca_test.c - who signs and is trusted, tokens, and a root that gives way to
 * the next one. */
#include "core/manager/ca.h"

#include "test/unit/core/manager/world.h"

static const struct root_ca next_root = {
	.cert = "root next\n",
	.key = { (const uint8_t *)"next", 4 },
	.digest = "00000000000000000000000000000000000000000000000002",
	.subject = { (const uint8_t *)"next subject", 12 },
	.public_key = { (const uint8_t *)"next public", 11 },
};

static const struct cluster *
cluster(struct world *w)
{
	return state_cluster(w->state);
}

static int
update_swarm(struct world *w, const char *query, const char *body)
{
	return ask(
		w, "POST",
		arena_printf(&w->arena, "/swarm/update?version=%llu%s",
			     (unsigned long long)cluster(w)->head.version.index,
			     query),
		body);
}

T(a_token_is_one_role_and_only_the_whole_of_it)
{
	char text[TOKEN_LEN + 2] = "";
	const struct cluster *c;
	struct world w;

	world_init(&w);
	c = cluster(&w);
	EQ(ca_role_of(c, c->join_tokens.worker), ROLE_WORKER);
	EQ(ca_role_of(c, c->join_tokens.manager), ROLE_MANAGER);
	EQ(ca_role_of(c, NULL), 0);
	EQ(ca_role_of(c, ""), 0);
	memcpy(text, c->join_tokens.worker, TOKEN_LEN);
	text[TOKEN_LEN] = 'x';
	EQ(ca_role_of(c, text), 0);
	text[TOKEN_LEN - 1] = '\0';
	EQ(ca_role_of(c, text), 0);
	world_close(&w);
}

T(a_token_that_was_rotated_is_dead_at_once_and_the_other_lives)
{
	const char *worker, *manager;
	struct world w;

	world_init(&w);
	worker = arena_strdup(&w.arena, cluster(&w)->join_tokens.worker);
	manager = arena_strdup(&w.arena, cluster(&w)->join_tokens.manager);
	EQ(update_swarm(&w, "&rotateWorkerToken=true", "{}"), 200);
	EQ(ca_role_of(cluster(&w), worker), 0);
	EQ(ca_role_of(cluster(&w), manager), ROLE_MANAGER);
	EQ(update_swarm(&w, "&rotateManagerToken=true", "{}"), 200);
	EQ(ca_role_of(cluster(&w), manager), 0);
	OK(strstr(answer(&w), "SWMTKN") == NULL);
	world_close(&w);
}

T(autolock_makes_a_key_and_forgets_it)
{
	static const char on[] =
		"{\"EncryptionConfig\":{\"AutoLockManagers\":true}}";
	struct world w;
	const char *key;

	world_init(&w);
	EQ(update_swarm(&w, "", on), 200);
	EQ(cluster(&w)->unlock_key.len, UNLOCK_KEY_BYTES);
	EQ(ask(&w, "GET", "/swarm/unlockkey", NULL), 200);
	OK(strstr(answer(&w), "{\"UnlockKey\":\"SWMKEY-1-") != NULL);
	key = arena_strdup(&w.arena, answer(&w));
	EQ(update_swarm(&w, "", on), 200);
	EQ(ask(&w, "GET", "/swarm/unlockkey", NULL), 200);
	EQ_STR(answer(&w), key); /* the same, until it is rotated */
	EQ(ask(&w, "GET", "/swarm", NULL), 200);
	OK(strstr(answer(&w), "SWMKEY") == NULL);
	EQ(update_swarm(&w, "", "{}"), 200);
	EQ(cluster(&w)->unlock_key.len, 0);
	EQ(ask(&w, "GET", "/swarm/unlockkey", NULL), 200);
	EQ_STR(answer(&w), "{\"UnlockKey\":\"\"}\n");
	world_close(&w);
}

T(a_key_that_is_brought_is_never_shown)
{
	static const char body[] = "{\"CAConfig\":{\"SigningCACert\":\"root "
				   "next\\n\",\"SigningCAKey\":\"secretkey\"}}";
	struct control_secrets secrets = { { 1 }, &next_root, "crossed\n" };
	struct update_wish wish;
	struct request r = { 0 };
	struct err e;
	struct world w;

	world_init(&w);
	OK(request_route("POST", "/swarm/update?version=1", &w.arena, &r, &e) ==
	   0);
	r.body = body;
	r.body_len = strlen(body);
	OK(control_update_read(&w.env, &r, &w.arena, &wish, &w.reply));
	EQ(wish.root, ROOT_GIVEN);
	EQ_STR(wish.key, "secretkey");
	w.env.secrets = &secrets;
	EQ(update_swarm(&w, "", body), 200);
	OK(cluster(&w)->root_rotation_in_progress);
	EQ(ask(&w, "GET", "/swarm", NULL), 200);
	OK(strstr(answer(&w), "secretkey") == NULL);
	OK(strstr(answer(&w), "\"RootRotationInProgress\":true") != NULL);
	world_close(&w);
}

/* ---- rotation --------------------------------------------------------------
 */

static void
put_node(struct world *w, unsigned number, int state)
{
	struct node_object *o = object_new(OBJECT_NODE);
	struct tx tx = { 0 };

	o->head.id = arena_printf(object_arena(o), "node%021u", number);
	o->role = o->spec.role = ROLE_WORKER;
	o->status.state = state;
	tx_put(&tx, o, TX_ABSENT);
	world_apply(w, &tx);
	tx_fini(&tx);
}

static void
begin(struct world *w)
{
	struct control_secrets secrets = { { 1 }, &next_root, "crossed\n" };

	w->env.secrets = &secrets;
	EQ(update_swarm(w, "", "{\"CAConfig\":{\"ForceRotate\":1}}"), 200);
	w->env.secrets = &world_secrets;
}

/* What the controller does now: how many nodes it asks to renew. */
static size_t
step(struct world *w, uint64_t ms, uint64_t *next)
{
	struct tx tx = { 0 };
	size_t asked = 0;

	w->env.now.mono_ms += ms;
	ca_step(w->state, w->env.now, next, &tx);
	for (size_t i = 0; i < tx.count; i++)
		asked += tx.ops[i].type == OBJECT_NODE;
	if (tx.count > 0)
		world_apply(w, &tx);
	tx_fini(&tx);
	return asked;
}

/* Nodes that were asked show that they renewed. */
static void
renew_asked(struct world *w)
{
	struct tx tx = { 0 };

	for (size_t i = 0; i < state_count(w->state, OBJECT_NODE); i++) {
		const struct node_object *o =
			state_at(w->state, OBJECT_NODE, i);
		struct node_object *to;

		if (o->renew == 0)
			continue;
		to = object_clone(o);
		to->description.tls.issuer_subject = next_root.subject;
		to->description.tls.issuer_public_key = next_root.public_key;
		tx_put(&tx, to, TX_ANY);
	}
	world_apply(w, &tx);
	tx_fini(&tx);
}

T(a_rotation_asks_in_batches_and_ends_when_all_have_renewed)
{
	const char *token, *down;
	struct ca_signer s;
	uint64_t next = 0;
	struct world w;
	struct arena a;

	world_init(&w);
	arena_init(&a);
	for (unsigned i = 0; i < 70; i++)
		put_node(&w, i, NODE_READY);
	s = ca_signer(cluster(&w));
	EQ_STR(s.cert, WORLD_ROOT);
	OK(s.chain == NULL);
	token = arena_strdup(&a, cluster(&w)->join_tokens.worker);
	begin(&w);
	s = ca_signer(cluster(&w));
	EQ_STR(s.cert, next_root.cert);
	EQ_STR(s.chain, "crossed\n");
	EQ_STR(ca_roots(cluster(&w), &a), WORLD_ROOT "root next\n");
	EQ(ca_role_of(cluster(&w), token), ROLE_WORKER);
	EQ(ca_unconverged(w.state, &down), 71);
	OK(down == NULL);
	EQ(step(&w, 0, &next), CA_BATCH_NODES);
	EQ(step(&w, 1, &next), 0);
	EQ(step(&w, CA_BATCH_MS, &next), CA_BATCH_NODES);
	EQ(step(&w, CA_BATCH_MS, &next), 11);
	OK(cluster(&w)->root_rotation_in_progress);
	renew_asked(&w);
	EQ(step(&w, 1, &next), 0);
	OK(!cluster(&w)->root_rotation_in_progress);
	OK(cluster(&w)->rotation == NULL);
	EQ_STR(cluster(&w)->root.cert, next_root.cert);
	EQ_STR(ca_roots(cluster(&w), &a), next_root.cert);
	EQ_STR(cluster(&w)->tls.trust_root, next_root.cert);
	EQ(ca_role_of(cluster(&w), token), 0); /* it names the old root */
	OK(strstr(cluster(&w)->join_tokens.worker, next_root.digest) != NULL);
	EQ(strlen(cluster(&w)->join_tokens.worker), TOKEN_LEN);
	arena_fini(&a);
	world_close(&w);
}

T(a_node_that_is_down_holds_a_rotation_up_and_is_named)
{
	uint64_t next = 0;
	const char *down;
	struct world w;

	world_init(&w);
	put_node(&w, 5, NODE_DOWN);
	begin(&w);
	EQ(step(&w, 0, &next), 1);
	renew_asked(&w);
	for (int i = 0; i < 5; i++)
		EQ(step(&w, CA_BATCH_MS, &next), 0);
	OK(cluster(&w)->root_rotation_in_progress);
	EQ(ca_unconverged(w.state, &down), 1);
	EQ_STR(down, "node000000000000000000005");
	EQ(ask(&w, "GET", "/info", NULL), 200);
	OK(strstr(answer(&w), "of which node000000000000000000005 is down") !=
	   NULL);
	world_close(&w);
}

T(a_node_that_did_not_renew_is_asked_again)
{
	uint64_t next = 0;
	struct world w;

	world_init(&w);
	begin(&w);
	EQ(step(&w, 0, &next), 1);
	EQ(step(&w, CA_BATCH_MS, &next), 1);
	EQ(((const struct node_object *)state_at(w.state, OBJECT_NODE, 0))
		   ->renew,
	   2);
	world_close(&w);
}

T(the_root_that_is_given_again_ends_a_rotation)
{
	struct world w;
	struct arena a;

	world_init(&w);
	arena_init(&a);
	begin(&w);
	EQ(update_swarm(&w, "",
			"{\"CAConfig\":{\"ForceRotate\":1,\"SigningCACert\":"
			"\"root\\n\"}}"),
	   200);
	OK(!cluster(&w)->root_rotation_in_progress);
	EQ_STR(ca_signer(cluster(&w)).cert, WORLD_ROOT);
	EQ_STR(ca_roots(cluster(&w), &a), WORLD_ROOT);
	arena_fini(&a);
	world_close(&w);
}

T(who_was_removed_is_forgotten_a_week_after_its_certificate)
{
	int64_t until = world_start.cert_expiry;
	uint64_t next = 0;
	struct world w;

	world_init(&w);
	put_node(&w, 5, NODE_DOWN);
	EQ(ask(&w, "DELETE", "/nodes/node000000000000000000005", NULL), 200);
	EQ(cluster(&w)->removed.count, 1);
	OK(ca_is_removed(cluster(&w), "node000000000000000000005"));
	OK(!ca_is_removed(cluster(&w), WORLD_NODE));
	until = cluster(&w)->removed.v[0].until;
	OK(until > w.env.now.wall_ns);
	w.env.now.wall_ns = until + CA_REMOVED_NS - NS_PER_S;
	(void)step(&w, 0, &next);
	EQ(cluster(&w)->removed.count, 1);
	w.env.now.wall_ns = until + CA_REMOVED_NS + NS_PER_S;
	(void)step(&w, 0, &next);
	EQ(cluster(&w)->removed.count, 0);
	world_close(&w);
}
