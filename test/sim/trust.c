/*
 * trust.c - see trust.h: orders for keys and certificates, carried out with
 * fake ones, and how a chain is judged.
 */
#include "test/sim/trust.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/model/token.h"
#include "test/sim/sim.h"

#define HOUR_NS (3600 * NS_PER_S)
#define ROOT_NS (175200 * HOUR_NS)
#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END "-----END CERTIFICATE-----\n"

static const char *const kinds[] = {
	[CERT_ROOT] = "root", [CERT_CROSS] = "cross", [CERT_LEAF] = "leaf"
};

/* ---- as text ------------------------------------------------------------- */

void
cert_write_pem(const struct cert *c, char *ret, size_t size)
{
	snprintf(ret, size,
		 BEGIN "%s %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64
		       " %s %s %s\n" END,
		 kinds[c->kind], c->key, c->signer, c->not_before, c->not_after,
		 str_or(c->node_id, "-"), str_or(c->cluster_id, "-"),
		 str_or(c->role, "-"));
}

static void
undash(char *s)
{
	if (strcmp(s, "-") == 0)
		*s = '\0';
}

static bool
read_one(const char *line, struct cert *c)
{
	char kind[8];

	*c = (struct cert){ 0 };
	if (sscanf(line,
		   "%7s %" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNd64
		   " %25s %25s %31s",
		   kind, &c->key, &c->signer, &c->not_before, &c->not_after,
		   c->node_id, c->cluster_id, c->role) != 8)
		return false;
	undash(c->node_id);
	undash(c->cluster_id);
	undash(c->role);
	for (int k = CERT_ROOT; k <= CERT_LEAF; k++)
		if (strcmp(kind, kinds[k]) == 0)
			c->kind = (enum cert_kind)k;
	return c->kind != 0;
}

static bool
read_all(const char *pem, struct certs *ret)
{
	const char *at = str_or(pem, "");

	while ((at = strstr(at, BEGIN)) != NULL) {
		at += strlen(BEGIN);
		if (ret->count == CERTS_MAX ||
		    !read_one(at, &ret->v[ret->count++]))
			return false;
	}
	return ret->count > 0;
}

static size_t
key_text(const char *word, uint64_t key, char *ret, size_t size)
{
	return (size_t)snprintf(ret, size, "%s:%" PRIu64, word, key);
}

/* 0: it is none. */
static uint64_t
key_read(const char *word, const struct bytes *b)
{
	char text[40];
	uint64_t key = 0;
	size_t len = strlen(word);

	if (b->len >= sizeof(text) || b->len <= len)
		return 0;
	memcpy(text, b->p, b->len);
	text[b->len] = '\0';
	if (strncmp(text, word, len) != 0 || text[len] != ':' ||
	    !str_to_u64(text + len + 1, &key))
		return 0;
	return key;
}

static void
digest_of(const struct cert *root, char ret[TOKEN_DIGEST_TEXT + 1])
{
	uint8_t digest[TOKEN_DIGEST_BYTES];
	uint64_t state = root->key;

	for (size_t i = 0; i < sizeof(digest); i += 8) {
		uint64_t x = rand_next(&state);

		memcpy(digest + i, &x, 8);
	}
	digest[0] &= 0x0f; /* as if it were below 36^50 */
	token_digest_write(digest, ret);
}

/* ---- judging a chain ------------------------------------------------------
 */

static const struct cert *
root_with(const struct certs *roots, uint64_t key, int64_t now_ns)
{
	for (size_t i = 0; i < roots->count; i++)
		if (roots->v[i].kind == CERT_ROOT && roots->v[i].key == key &&
		    roots->v[i].not_before <= now_ns &&
		    now_ns <= roots->v[i].not_after)
			return &roots->v[i];
	return NULL;
}

static bool
leads_to_root(const struct certs *shown, const struct certs *roots,
	      uint64_t signer, int64_t at_ns, int64_t now_ns)
{
	if (root_with(roots, signer, now_ns) != NULL)
		return true;
	for (size_t i = 1; i < shown->count; i++) {
		const struct cert *c = &shown->v[i];

		if (c->kind == CERT_CROSS && c->key == signer &&
		    c->not_before <= at_ns && at_ns <= c->not_after &&
		    root_with(roots, c->signer, now_ns) != NULL)
			return true;
	}
	return false;
}

static bool
find_pinned(const struct certs *shown, const char *pin, struct certs *ret)
{
	char digest[TOKEN_DIGEST_TEXT + 1];

	for (size_t i = 1; i < shown->count; i++) {
		if (shown->v[i].kind != CERT_ROOT)
			continue;
		digest_of(&shown->v[i], digest);
		if (strcmp(digest, pin) != 0)
			continue;
		*ret = (struct certs){ .v = { shown->v[i] }, .count = 1 };
		return true;
	}
	return false;
}

const char *
certs_verify(const struct certs *shown, const struct certs *roots,
	     const char *pin, bool by_client, int64_t now_ns,
	     struct link_peer *ret, struct cert *ret_root)
{
	const struct cert *leaf = &shown->v[0];
	struct certs pinned;
	int64_t at_ns = now_ns;

	if (shown->count == 0 || leaf->kind != CERT_LEAF)
		return "it showed no certificate";
	if (pin != NULL) {
		if (!find_pinned(shown, pin, &pinned))
			return "remote CA does not match fingerprint";
		*ret_root = pinned.v[0];
		roots = &pinned;
	}
	if (now_ns < leaf->not_before)
		return "its certificate is not valid yet";
	ret->trust = LINK_VERIFIED;
	if (now_ns > leaf->not_after) {
		ret->trust = LINK_EXPIRED;
		at_ns = leaf->not_after;
	}
	if (!leads_to_root(shown, roots, leaf->signer, at_ns, now_ns))
		return "its certificate is not of a root that is trusted here";
	if (by_client && strcmp(leaf->role, "swarm-manager") != 0)
		return "its certificate is not that of a manager";
	memcpy(ret->node_id, leaf->node_id, sizeof(ret->node_id));
	memcpy(ret->cluster_id, leaf->cluster_id, sizeof(ret->cluster_id));
	memcpy(ret->role, leaf->role, sizeof(ret->role));
	return NULL;
}

/* ---- orders ---------------------------------------------------------------
 */

/* What comes of an order, on its way. */
struct report {
	struct list link;
	struct arena arena;
	struct host *host;
	uint64_t daemon;
	struct trust_report r;
	uint8_t lock[32];
	size_t lock_len;
};

static void
report_free(struct report *p)
{
	list_remove(&p->link);
	arena_fini(&p->arena);
	mem_free(p);
}

void
trust_reports_fini(struct world *w)
{
	while (!list_empty(&w->reports))
		report_free(container_of(w->reports.next, struct report, link));
}

static struct bytes
keep(struct report *p, const char *word, uint64_t key)
{
	char text[40];
	size_t len = key_text(word, key, text, sizeof(text));

	return (struct bytes){ arena_dup(&p->arena, text, len), len };
}

static void
keep_cert(struct report *p, const struct cert *c, const char *chain)
{
	char pem[CERT_PEM_MAX];

	cert_write_pem(c, pem, sizeof(pem));
	p->r.cert = arena_printf(&p->arena, "%s%s", pem, str_or(chain, ""));
	p->r.not_before = c->not_before;
	p->r.not_after = c->not_after;
	p->r.issuer_subject = keep(p, "SUBJECT", c->signer);
	p->r.issuer_public_key = keep(p, "PUBLIC", c->signer);
}

static void
make_root(struct host *h, struct report *p)
{
	uint64_t key = ++h->w->next_key;
	int64_t now = host_now(h).wall_ns;
	struct cert c = { .kind = CERT_ROOT,
			  .key = key,
			  .signer = key,
			  .not_before = now - HOUR_NS,
			  .not_after = now + ROOT_NS };
	char digest[TOKEN_DIGEST_TEXT + 1];

	keep_cert(p, &c, NULL);
	digest_of(&c, digest);
	p->r.key = keep(p, "KEY", key);
	p->r.digest = arena_strdup(&p->arena, digest);
}

static void
make_key(struct host *h, struct report *p)
{
	uint64_t key = ++h->w->next_key;

	p->r.key = keep(p, "KEY", key);
	p->r.csr = keep(p, "REQUEST", key);
}

/* Whose root signs; NULL: the key is not its. */
static const char *
read_signer(const struct trust_order *o, struct cert *ret)
{
	struct certs c = { 0 };

	if (!read_all(o->cert, &c) || c.v[0].kind != CERT_ROOT ||
	    key_read("KEY", &o->key) != c.v[0].key)
		return "the key is not that of the root certificate";
	*ret = c.v[0];
	return NULL;
}

static void
sign(struct host *h, struct report *p, const struct trust_order *o)
{
	int64_t now = host_now(h).wall_ns;
	struct cert root, leaf = { .kind = CERT_LEAF,
				   .key = key_read("REQUEST", &o->csr),
				   .not_before = now - HOUR_NS,
				   .not_after = now + o->expiry_ns + HOUR_NS };

	p->r.err = read_signer(o, &root);
	if (p->r.err == NULL && leaf.key == 0)
		p->r.err = "the request for a certificate is malformed";
	if (p->r.err != NULL)
		return;
	leaf.signer = root.key;
	snprintf(leaf.node_id, sizeof(leaf.node_id), "%s", o->node_id);
	snprintf(leaf.cluster_id, sizeof(leaf.cluster_id), "%s", o->cluster_id);
	snprintf(leaf.role, sizeof(leaf.role), "%s",
		 o->manager ? "swarm-manager" : "swarm-worker");
	keep_cert(p, &leaf, o->chain);
}

static void
cross_sign(struct report *p, const struct trust_order *o)
{
	struct certs next = { 0 };
	struct cert root;

	p->r.err = read_signer(o, &root);
	if (p->r.err == NULL && !read_all(o->root2, &next))
		p->r.err = "the new root is no certificate";
	if (p->r.err != NULL)
		return;
	next.v[0].kind = CERT_CROSS;
	next.v[0].signer = root.key;
	keep_cert(p, &next.v[0], NULL);
}

static void
look_at(struct report *p, const struct trust_order *o)
{
	char digest[TOKEN_DIGEST_TEXT + 1];
	struct certs c = { 0 };

	if (!read_all(o->cert, &c) || c.v[0].kind != CERT_ROOT) {
		p->r.err = "it is no root certificate";
		return;
	}
	if (o->key.len > 0 && key_read("KEY", &o->key) != c.v[0].key) {
		p->r.err = "the key is not that of the root certificate";
		return;
	}
	keep_cert(p, &c.v[0], NULL);
	digest_of(&c.v[0], digest);
	p->r.digest = arena_strdup(&p->arena, digest);
	if (o->key.len > 0)
		p->r.key = keep(p, "KEY", c.v[0].key);
}

static void
on_report(struct world *w, void *ctx, uint64_t arg)
{
	struct report *p = ctx;
	struct host *h = p->host;
	struct event ev = { .type = EVENT_TRUST, .trust = &p->r };

	(void)w, (void)arg;
	if (h->daemon == p->daemon && h->node != NULL) {
		if (p->r.verb == TRUST_LOCK && p->r.err == NULL) {
			memcpy(h->lock, p->lock, sizeof(h->lock));
			h->lock_len = p->lock_len;
		}
		host_give(h, &ev);
	}
	report_free(p);
}

static void
answer(struct host *h, const struct trust_order *o)
{
	struct world *w = h->w;
	struct report *p = mem_new(sizeof(*p));

	arena_init(&p->arena);
	list_append(&w->reports, &p->link);
	p->host = h;
	p->daemon = h->daemon;
	p->r.id = o->id;
	p->r.verb = o->verb;
	for (size_t i = 0; i < sizeof(p->r.random); i++)
		p->r.random[i] = (uint8_t)dice(w, 256);
	if (o->verb == TRUST_MAKE_ROOT)
		make_root(h, p);
	else if (o->verb == TRUST_MAKE_KEY)
		make_key(h, p);
	else if (o->verb == TRUST_SIGN)
		sign(h, p, o);
	else if (o->verb == TRUST_CROSS_SIGN)
		cross_sign(p, o);
	else if (o->verb == TRUST_LOOK_AT)
		look_at(p, o);
	else if (o->secret.len == sizeof(p->lock)) {
		memcpy(p->lock, o->secret.p, sizeof(p->lock));
		p->lock_len = sizeof(p->lock);
	}
	if (o->verb != TRUST_LOCK && chance(w, 200))
		p->r = (struct trust_report){ .id = o->id,
					      .verb = o->verb,
					      .err = "too many wait" };
	world_at(w, h, w->us + 200 + dice(w, 8000), on_report, p, 0);
}

/* As net/peers.c: what does not fit leaves all as it was. */
static void
use(struct host *h, const struct trust_order *o)
{
	struct identity_model next = { .is_set = true };
	int64_t any = 0;
	bool fine = read_all(o->roots, &next.roots) &&
		    read_all(o->own_chain, &next.chain) &&
		    next.chain.v[0].kind == CERT_LEAF &&
		    key_read("KEY", &o->key) == next.chain.v[0].key;

	if (fine) {
		any = next.roots.v[0].not_before + HOUR_NS;
		fine = leads_to_root(&next.chain, &next.roots,
				     next.chain.v[0].signer,
				     next.chain.v[0].not_after, any) ||
		       next.roots.count > 1;
	}
	if (!fine) {
		world_fail(h->w,
			   "%s is told to use a certificate that does "
			   "not fit its key or roots",
			   h->name);
		return;
	}
	for (size_t i = 0; i < next.roots.count; i++)
		if (next.chain.count < CERTS_MAX)
			next.chain.v[next.chain.count++] = next.roots.v[i];
	h->identity = next;
}

void
trust_take_order(struct host *h, const struct trust_order *o)
{
	switch (o->verb) {
	case TRUST_USE:
		use(h, o);
		return;
	case TRUST_FORGET:
		h->identity.is_set = false;
		net_forget(h);
		return;
	case TRUST_MAKE_ROOT:
	case TRUST_MAKE_KEY:
	case TRUST_SIGN:
	case TRUST_CROSS_SIGN:
	case TRUST_LOOK_AT:
	case TRUST_LOCK:
		answer(h, o);
		return;
	}
}
