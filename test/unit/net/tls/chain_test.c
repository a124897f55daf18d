/*
 * chain_test.c - the table of certificate faults (reliability.md 7.1, S1):
 * each is shown by a client to a server and by a server to a client, in a
 * whole handshake, and each has its expected answer.
 */
#include "net/tls/chain.h"

#include "test/unit/net/tls/shake.h"

static struct test_ca ca, other;
static struct test_node manager, worker;

static void
setup(void)
{
	if (ca.pem != NULL)
		return;
	ca = test_ca_at(NOW - DAY);
	other = test_ca_at(NOW - DAY);
	manager = test_node_at(&ca, true, NOW, DAY, NULL);
	worker = test_node_at(&ca, false, NOW, DAY, NULL);
}

static char *
joined(const char *a, const char *b)
{
	struct buf both = { 0 };

	buf_puts(&both, a);
	buf_puts(&both, b);
	return buf_take(&both);
}

T(two_managers_find_each_other)
{
	struct shake_side client = { .roots = NULL }, server = { 0 };

	setup();
	client.shows = server.shows = &manager;
	client.roots = server.roots = ca.pem;
	shake(&client, &server);
	EQ(client.r, 0);
	EQ(server.r, 0);
	EQ(client.peer.trust, TLS_VERIFIED);
	EQ_STR(client.peer.node_id, NODE_ID);
	EQ_STR(client.peer.role, "swarm-manager");
	EQ_STR(client.peer.cluster_id, CLUSTER_ID);
	EQ(server.peer.trust, TLS_VERIFIED);
	EQ_STR(server.peer.node_id, NODE_ID);
}

/* ---- the table ---- */

#define IS_CN                                                                  \
	{                                                                      \
		(const uint8_t *)"\x55\x04\x03", 3                             \
	}
#define IS_OU                                                                  \
	{                                                                      \
		(const uint8_t *)"\x55\x04\x0b", 3                             \
	}
#define IS_O                                                                   \
	{                                                                      \
		(const uint8_t *)"\x55\x04\x0a", 3                             \
	}
#define GOOD_CN                                                                \
	{                                                                      \
		IS_CN, NODE_ID, 0, 0                                           \
	}
#define GOOD_OU                                                                \
	{                                                                      \
		IS_OU, "swarm-manager", 0, 0                                   \
	}
#define GOOD_O                                                                 \
	{                                                                      \
		IS_O, CLUSTER_ID, 0, 0                                         \
	}

static const struct row {
	const char *name;
	struct odd odd;
	enum tls_trust trust; /* 0: refused */
	const char *why;      /* refused: part of the sentence */
} rows[] = {
	{ "as it should be", { .padding = 0 }, TLS_VERIFIED, NULL },
	{ "no key usage", { .key_usage = -1 }, TLS_VERIFIED, NULL },
	{ "PrintableString",
	  { .names = { { IS_CN, NODE_ID, 0, DER_PRINTABLE },
		       GOOD_OU,
		       GOOD_O } },
	  TLS_VERIFIED,
	  NULL },
	{ "expired a second ago",
	  { .not_after = NOW - NS_PER_S },
	  TLS_EXPIRED,
	  NULL },
	{ "expired a year ago",
	  { .not_before = NOW - 400 * DAY, .not_after = NOW - 365 * DAY },
	  TLS_EXPIRED,
	  NULL },
	{ "not yet valid", { .not_before = NOW + HOUR }, 0, "set the clocks" },
	{ "over before it began",
	  { .not_before = NOW - HOUR, .not_after = NOW - 2 * HOUR },
	  0,
	  "expired or is not valid yet" },
	{ "signed by itself", { .self_signed = true }, 0, "not issued by" },
	{ "a CA", { .ca = true }, 0, "that of a CA" },
	{ "key usage: agreement only",
	  { .key_usage = 0x08 },
	  0,
	  "not for signing" },
	{ "key usage: signing certificates only",
	  { .key_usage = 0x04 },
	  0,
	  "not for signing" },
	{ "two OUs, the good one first",
	  { .names = { GOOD_CN,
		       GOOD_OU,
		       { IS_OU, "swarm-worker", 0, 0 },
		       GOOD_O } },
	  0,
	  "2 OU" },
	{ "two OUs, the good one last",
	  { .names = { { IS_OU, "swarm-worker", 0, 0 },
		       GOOD_CN,
		       GOOD_OU,
		       GOOD_O } },
	  0,
	  "2 OU" },
	{ "two OUs that are the same",
	  { .names = { GOOD_OU, GOOD_CN, GOOD_OU, GOOD_O } },
	  0,
	  "2 OU" },
	{ "two CNs",
	  { .names = { GOOD_CN, { IS_CN, PEER_ID, 0, 0 }, GOOD_OU, GOOD_O } },
	  0,
	  "2 CN" },
	{ "two Os",
	  { .names = { GOOD_CN, GOOD_O, GOOD_OU, GOOD_O } },
	  0,
	  "2 O " },
	{ "no CN", { .names = { GOOD_OU, GOOD_O } }, 0, "0 CN" },
	{ "no OU", { .names = { GOOD_CN, GOOD_O } }, 0, "0 OU" },
	{ "no O", { .names = { GOOD_CN, GOOD_OU } }, 0, "0 O " },
	{ "an empty CN",
	  { .names = { { IS_CN, "", 0, 0 }, GOOD_OU, GOOD_O } },
	  0,
	  "CN of its certificate is empty" },
	{ "an empty O",
	  { .names = { GOOD_CN, GOOD_OU, { IS_O, "", 0, 0 } } },
	  0,
	  "O of its certificate is empty" },
	{ "a NUL behind the CN",
	  { .names = { { IS_CN, NODE_ID "\0x", 27, 0 }, GOOD_OU, GOOD_O } },
	  0,
	  "CN of its certificate is empty or no text" },
	{ "a NUL behind the OU",
	  { .names = { GOOD_CN, { IS_OU, "swarm-manager\0", 14, 0 }, GOOD_O } },
	  0,
	  "OU of its certificate is empty or no text" },
	{ "a CN that is no UTF-8",
	  { .names = { { IS_CN, "\xff\xfe", 0, 0 }, GOOD_OU, GOOD_O } },
	  0,
	  "CN of its certificate is empty or no text" },
	{ "a CN in UTF-16",
	  { .names = { { IS_CN, "\0a\0b", 4, 0x1e }, GOOD_OU, GOOD_O } },
	  0,
	  "CN of its certificate is empty or no text" },
	{ "a CN that is no id",
	  { .names = { { IS_CN, "localhost", 0, 0 }, GOOD_OU, GOOD_O } },
	  0,
	  "CN of its certificate is no id" },
	{ "a CN of 200 characters",
	  { .names = { { IS_CN,
			 "0123456789012345678901234567890123456789012345678901"
			 "2345678901234567890123456789012345678901234567890123"
			 "45678901234567890123456789012345678901234567890123456"
			 "7890123456789012345678901234567890123456789",
			 0, 0 },
		       GOOD_OU,
		       GOOD_O } },
	  0,
	  "CN of its certificate is empty or no text" },
	{ "an O that is no id",
	  { .names = { GOOD_CN, GOOD_OU, { IS_O, "org1", 0, 0 } } },
	  0,
	  "O of its certificate is no id" },
	{ "an unknown role",
	  { .names = { GOOD_CN, { IS_OU, "swarm-admin", 0, 0 }, GOOD_O } },
	  0,
	  "no role" },
	{ "a role with another letter behind it",
	  { .names = { GOOD_CN, { IS_OU, "swarm-managers", 0, 0 }, GOOD_O } },
	  0,
	  "no role" },
	{ "a role in capitals",
	  { .names = { GOOD_CN, { IS_OU, "Swarm-Manager", 0, 0 }, GOOD_O } },
	  0,
	  "no role" },
	{ "something critical that nobody knows",
	  { .critical = true },
	  0,
	  "critical" },
	{ "large", { .padding = 8000 }, TLS_VERIFIED, NULL },
	{ "too large", { .padding = 17000 }, 0, "more than" },
	{ "huge", { .padding = 50000 }, 0, "more than" },
};

static void
expect(const char *name, const struct shake_side *s, enum tls_trust trust,
       const char *why)
{
	T_ROW(name);
	if (trust != 0) {
		EQ_STR(s->r == 0 ? "" : s->err.msg, "");
		EQ(s->peer.trust, trust);
		EQ_STR(s->peer.node_id, NODE_ID);
		return;
	}
	EQ(s->r, -EACCES);
	OK(strstr(s->err.msg, why) != NULL);
	EQ(s->peer.node_id[0], 0);
	OK(s->engine_error != 0); /* and nothing can be sent */
}

T(a_server_answers_each_fault_of_a_client)
{
	setup();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct test_node odd = odd_make(&ca, &rows[i].odd);
		struct shake_side client = { .shows = &odd };
		struct shake_side server = { .shows = &manager };

		client.roots = server.roots = ca.pem;
		shake(&client, &server);
		expect(rows[i].name, &server, rows[i].trust, rows[i].why);
		free(odd.pem);
	}
}

T(a_client_answers_each_fault_of_a_server)
{
	setup();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct test_node odd = odd_make(&ca, &rows[i].odd);
		struct shake_side client = { .shows = &worker };
		struct shake_side server = { .shows = &odd };

		client.roots = server.roots = ca.pem;
		shake(&client, &server);
		expect(rows[i].name, &client, rows[i].trust, rows[i].why);
		if (rows[i].trust == 0)
			OK(server.r != 0); /* nor does the server go on */
		free(odd.pem);
	}
}

/* ---- who signed it ---- */

static void
expect_answer(const struct test_node *shown, const char *roots, int64_t now,
	      enum tls_trust trust, const char *why)
{
	struct shake_side client = { .shows = shown, .roots = ca.pem };
	struct shake_side server = { .shows = &manager, .roots = roots };

	server.now = now;
	shake(&client, &server);
	expect(why, &server, trust, why);
	client = (struct shake_side){ .shows = &worker, .roots = roots };
	client.now = now;
	server = (struct shake_side){ .shows = shown, .roots = ca.pem };
	shake(&client, &server);
	expect(why, &client, trust, why);
}

/* Both are called CN=swarm-ca, so this is the same name with another key. */
T(a_certificate_of_another_root_of_the_same_name_is_refused)
{
	struct test_node n;
	char *with_root;

	setup();
	n = test_node_at(&other, true, NOW, DAY, NULL);
	expect_answer(&n, ca.pem, 0, 0, "not issued by");
	with_root = joined(n.pem, other.pem);
	free(n.pem);
	n.pem = with_root;
	expect_answer(&n, ca.pem, 0, 0, "not issued by");
	free(n.pem);
}

T(a_good_certificate_with_another_key_is_refused)
{
	struct test_node thief;
	struct shake_side client = { 0 }, server = { 0 };

	setup();
	thief = manager;
	cert_key_make(&thief.key);
	client = (struct shake_side){ .shows = &thief, .roots = ca.pem };
	server = (struct shake_side){ .shows = &manager, .roots = ca.pem };
	shake(&client, &server);
	EQ(server.r, -EAGAIN);
	EQ(server.engine_error, BR_ERR_BAD_SIGNATURE);
	client = (struct shake_side){ .shows = &worker, .roots = ca.pem };
	server = (struct shake_side){ .shows = &thief, .roots = ca.pem };
	shake(&client, &server);
	EQ(client.r, -EAGAIN);
	EQ(client.engine_error, BR_ERR_BAD_SIGNATURE);
}

T(a_leaf_signs_nobody)
{
	struct test_ca as_ca;
	struct test_node leaf, n;
	char *chain;

	setup();
	leaf = odd_make(&ca, &(struct odd){ .key_usage = 0x84 });
	as_ca = (struct test_ca){ leaf.key, leaf.pem };
	n = odd_make(&as_ca, &(struct odd){ 0 });
	chain = joined(n.pem, leaf.pem);
	free(n.pem);
	n.pem = chain;
	expect_answer(&n, ca.pem, 0, 0, "not of a CA");
	free(n.pem);
	free(leaf.pem);
}

T(a_root_out_of_its_time_is_not_trusted)
{
	struct test_ca old = test_ca_at(NOW - 7301 * DAY);
	struct test_ca young = test_ca_at(NOW + 2 * HOUR);
	struct test_node n;
	char *both;

	setup();
	n = test_node_at(&old, true, NOW, DAY, NULL);
	expect_answer(&n, old.pem, 0, 0, "no root certificate");
	both = joined(old.pem, ca.pem);
	expect_answer(&n, both, 0, 0, "not issued by");
	free(both);
	free(n.pem);
	n = test_node_at(&young, true, NOW, DAY, NULL);
	expect_answer(&n, young.pem, 0, 0, "no root certificate");
	expect_answer(&n, young.pem, NOW + 2 * HOUR, TLS_VERIFIED, "later");
	/* The leaf was good while the root was: but the root is over. */
	free(n.pem);
	n = test_node_at(&old, true, NOW - 8 * DAY, DAY, NULL);
	expect_answer(&n, old.pem, 0, 0, "no root certificate");
	free(n.pem);
	free(old.pem);
	free(young.pem);
}

T(rotation_is_believed_by_those_with_the_old_root_and_the_new)
{
	struct buf cross = { 0 };
	struct test_node n, bare, behind;
	char *both;
	struct err e;

	setup();
	EQ(cert_cross_sign(&ca.key, ca.pem, other.pem, &cross, &e), 0);
	n = test_node_at(&other, true, NOW, DAY, buf_cstr(&cross));
	bare = test_node_at(&other, true, NOW, DAY, NULL);
	behind = test_node_at(&ca, true, NOW, DAY, NULL);
	both = joined(ca.pem, other.pem);
	expect_answer(&n, ca.pem, 0, TLS_VERIFIED, "the old root");
	expect_answer(&n, other.pem, 0, TLS_VERIFIED, "the new root");
	expect_answer(&n, both, 0, TLS_VERIFIED, "both roots");
	expect_answer(&bare, ca.pem, 0, 0, "not issued by");
	expect_answer(&bare, both, 0, TLS_VERIFIED, "both, without cross");
	expect_answer(&behind, both, 0, TLS_VERIFIED, "both, not renewed");
	expect_answer(&behind, other.pem, 0, 0, "not issued by");
	/* A leaf that expired is found through the cross certificate, too. */
	expect_answer(&n, ca.pem, NOW + 3 * DAY, TLS_EXPIRED, "expired");
	free(both);
	free(n.pem);
	free(bare.pem);
	free(behind.pem);
	buf_fini(&cross);
}

T(a_chain_that_is_too_long_is_refused)
{
	struct test_node n;
	char *longer;

	setup();
	n = test_node_at(&ca, true, NOW, DAY, NULL);
	for (int i = 1; i < CERT_CHAIN_MAX; i++) {
		longer = joined(n.pem, ca.pem);
		free(n.pem);
		n.pem = longer;
	}
	expect_answer(&n, ca.pem, 0, TLS_VERIFIED, "as long as may be");
	longer = joined(n.pem, ca.pem);
	free(n.pem);
	n.pem = longer;
	expect_answer(&n, ca.pem, 0, 0, "more than");
	free(n.pem);
}

T(a_client_finds_managers_only)
{
	struct shake_side client = { 0 }, server = { 0 };

	setup();
	client = (struct shake_side){ .shows = &worker, .roots = ca.pem };
	server = (struct shake_side){ .shows = &worker, .roots = ca.pem };
	shake(&client, &server);
	EQ(client.r, -EACCES);
	OK(strstr(client.err.msg, "not that of a manager") != NULL);
}

T(a_server_tells_workers_and_those_without_a_certificate_apart)
{
	struct shake_side client = { 0 }, server = { 0 };

	setup();
	client = (struct shake_side){ .shows = &worker, .roots = ca.pem };
	server = (struct shake_side){ .shows = &manager, .roots = ca.pem };
	shake(&client, &server);
	EQ(server.r, 0);
	EQ_STR(server.peer.role, "swarm-worker");
	EQ_STR(server.peer.node_id, PEER_ID);
	client.shows = NULL;
	shake(&client, &server);
	EQ(client.r, 0);
	EQ(server.r, 0);
	EQ(server.peer.trust, TLS_ANONYMOUS);
	EQ_STR(server.peer.node_id, "");
	EQ_STR(server.peer.role, "");
}

/* ---- joining: the root that a token names ---- */

T(who_joins_finds_the_root_that_the_token_names)
{
	struct shake_side client = { 0 }, server = { 0 };
	struct tls_identity *self;
	struct buf key = { 0 };
	char pin[CERT_DIGEST_TEXT + 1];
	struct err e;

	setup();
	EQ(cert_digest(ca.pem, pin, &e), 0);
	cert_key_write(&manager.key, &key);
	EQ(tls_identity_new(manager.pem, ca.pem, key.p, key.len, &self, &e), 0);
	client.pin = pin;
	server.identity = self;
	server.roots = ca.pem;
	shake(&client, &server);
	EQ_STR(client.r == 0 ? "" : client.err.msg, "");
	EQ(client.peer.trust, TLS_VERIFIED);
	EQ_STR(client.peer.node_id, NODE_ID);
	EQ_STR(client.found, ca.pem);
	EQ(server.r, 0);
	EQ(server.peer.trust, TLS_ANONYMOUS);
	free(client.found);
	tls_identity_unref(self);
	buf_fini(&key);
}

/* A rotation is going on: tokens name the old root until it is done. */
T(who_joins_in_a_rotation_finds_the_old_root)
{
	struct shake_side client = { 0 }, server = { 0 };
	struct buf cross = { 0 }, key = { 0 };
	char pin[CERT_DIGEST_TEXT + 1];
	struct tls_identity *self;
	struct test_node n;
	char *both;
	struct err e;

	setup();
	EQ(cert_cross_sign(&ca.key, ca.pem, other.pem, &cross, &e), 0);
	n = test_node_at(&other, true, NOW, DAY, buf_cstr(&cross));
	both = joined(ca.pem, other.pem);
	EQ(cert_digest(ca.pem, pin, &e), 0);
	cert_key_write(&n.key, &key);
	EQ(tls_identity_new(n.pem, both, key.p, key.len, &self, &e), 0);
	for (int i = 0; i < 2; i++) {
		client = (struct shake_side){ .pin = pin };
		server = (struct shake_side){ .identity = self, .roots = both };
		shake(&client, &server);
		EQ_STR(client.r == 0 ? "" : client.err.msg, "");
		EQ_STR(client.found, i == 0 ? ca.pem : other.pem);
		free(client.found);
		EQ(cert_digest(other.pem, pin, &e), 0);
	}
	tls_identity_unref(self);
	free(both);
	free(n.pem);
	buf_fini(&cross);
	buf_fini(&key);
}

T(a_man_in_the_middle_does_not_get_past_the_pin)
{
	char pin[CERT_DIGEST_TEXT + 1];
	struct test_node mitm;
	struct err e;
	static const struct {
		const char *name, *why;
		bool by_ca, manager;
	} cases[] = {
		{ "his own root", "fingerprint", false, true },
		{ "no root", "fingerprint", true, true },
		{ "our root, his leaf", "not issued by", false, true },
		{ "a worker's certificate", "not that of a manager", true,
		  false },
	};

	setup();
	EQ(cert_digest(ca.pem, pin, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct shake_side client = { .pin = pin };
		struct shake_side server = { .shows = &mitm,
					     .roots = other.pem };
		const char *behind = i == 0 ? other.pem : i == 1 ? "" : ca.pem;

		mitm = test_node_at(cases[i].by_ca ? &ca : &other,
				    cases[i].manager, NOW, DAY, behind);
		shake(&client, &server);
		T_ROW(cases[i].name);
		EQ(client.r, -EACCES);
		OK(strstr(client.err.msg, cases[i].why) != NULL);
		OK(client.found == NULL);
		OK(client.engine_error != 0);
		free(mitm.pem);
	}
}

/* The root itself as the leaf: its key is needed, and it is no node. */
T(the_root_is_no_leaf)
{
	char pin[CERT_DIGEST_TEXT + 1];
	struct test_node n;
	struct shake_side client = { 0 }, server = { 0 };
	struct err e;

	setup();
	EQ(cert_digest(ca.pem, pin, &e), 0);
	n = (struct test_node){ ca.key, ca.pem };
	client = (struct shake_side){ .pin = pin };
	server = (struct shake_side){ .shows = &n, .roots = ca.pem };
	shake(&client, &server);
	EQ(client.r, -EACCES);
	client = (struct shake_side){ .shows = &n, .roots = ca.pem };
	server = (struct shake_side){ .shows = &manager, .roots = ca.pem };
	shake(&client, &server);
	EQ(server.r, -EACCES);
	OK(strstr(server.err.msg, "that of a CA") != NULL);
}

/* ---- our own ---- */

T(an_identity_is_a_chain_its_key_and_its_roots)
{
	struct tls_identity *self = NULL;
	struct buf key = { 0 }, wrong = { 0 };
	struct test_node expired;
	struct err e;

	setup();
	cert_key_write(&manager.key, &key);
	cert_key_write(&worker.key, &wrong);
	EQ(tls_identity_new(manager.pem, ca.pem, wrong.p, wrong.len, &self, &e),
	   -EINVAL);
	EQ(tls_identity_new(manager.pem, other.pem, key.p, key.len, &self, &e),
	   -EINVAL);
	EQ(tls_identity_new("", ca.pem, key.p, key.len, &self, &e), -EINVAL);
	EQ(tls_identity_new(manager.pem, "", key.p, key.len, &self, &e),
	   -EINVAL);
	EQ(tls_identity_new(ca.pem, ca.pem, key.p, key.len, &self, &e),
	   -EINVAL);
	OK(self == NULL);
	/* A node that was off for long has to be able to say who it was. */
	expired = test_node_at(&ca, false, NOW - 90 * DAY, DAY, NULL);
	buf_clear(&key);
	cert_key_write(&expired.key, &key);
	EQ(tls_identity_new(expired.pem, ca.pem, key.p, key.len, &self, &e), 0);
	OK(tls_identity_ref(self) == self);
	tls_identity_unref(self);
	tls_identity_unref(self);
	free(expired.pem);
	buf_fini(&key);
	buf_fini(&wrong);
}

T(a_chain_is_checked_without_a_connection)
{
	struct tls_roots *roots;
	struct tls_peer peer;
	struct err e;

	setup();
	EQ(tls_roots_new(ca.pem, &roots, &e), 0);
	EQ(chain_check(worker.pem, roots, NOW, &peer, &e), 0);
	EQ(peer.trust, TLS_VERIFIED);
	EQ_STR(peer.role, "swarm-worker");
	EQ(chain_check(worker.pem, roots, NOW + 3 * DAY, &peer, &e), 0);
	EQ(peer.trust, TLS_EXPIRED);
	EQ(chain_check(worker.pem, roots, NOW - DAY, &peer, &e), -EACCES);
	EQ(chain_check("none", roots, NOW, &peer, &e), -EINVAL);
	tls_roots_unref(roots);
}

T(only_roots_are_trusted)
{
	struct tls_roots *roots = NULL;
	struct buf cross = { 0 };
	char *many, *next;
	struct err e;

	setup();
	EQ(tls_roots_new(worker.pem, &roots, &e), -EINVAL);
	EQ(tls_roots_new("", &roots, &e), -EINVAL);
	/* Of the right name, a CA, and signed by another. */
	EQ(cert_cross_sign(&ca.key, ca.pem, other.pem, &cross, &e), 0);
	EQ(tls_roots_new(buf_cstr(&cross), &roots, &e), -EINVAL);
	buf_fini(&cross);
	many = joined(ca.pem, worker.pem);
	EQ(tls_roots_new(many, &roots, &e), -EINVAL);
	free(many);
	many = strdup(ca.pem);
	for (int i = 0; i < ROOTS_MAX; i++) {
		next = joined(many, other.pem);
		free(many);
		many = next;
	}
	EQ(tls_roots_new(many, &roots, &e), -EINVAL);
	OK(roots == NULL);
	free(many);
}
