/*
 * chain.c - what stands between an engine of BearSSL and verify.c: it keeps
 * what the peer shows until all of it is there, and answers once.
 */
#include "net/tls/chain.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "net/tls/chain_impl.h"
#include "net/tls/pem.h"

enum chain_state {
	CHAIN_NONE, /* nothing was shown (yet) */
	CHAIN_OPEN, /* certificates are coming in */
	CHAIN_GOOD,
	CHAIN_REFUSED, /* for good: err says why */
};

struct chain {
	const br_x509_class *vtable; /* first: the engine's way in */
	br_ssl_engine_context *engine;
	bool server; /* we are the server, the peer is a client */
	enum chain_state state;
	struct tls_roots *roots;
	char pin[CERT_DIGEST_TEXT + 1]; /* "": none */
	int64_t now_ns;
	struct buf der; /* all that is shown, in one piece */
	size_t ends[CERT_CHAIN_MAX];
	size_t count;
	size_t due; /* bytes that the certificate still has to bring */
	br_x509_pkey key;
	struct tls_peer peer;
	struct buf root; /* pinned: the PEM of it */
	struct err err;
};

static void
refuse(struct chain *c)
{
	c->state = CHAIN_REFUSED;
	buf_clear(&c->der);
	c->count = 0;
}

static struct chain *
chain_of(const br_x509_class **ctx)
{
	return container_of(ctx, struct chain, vtable);
}

/* ---- the engine's calls ---- */

static void
on_start_chain(const br_x509_class **ctx, const char *server_name)
{
	struct chain *c = chain_of(ctx);

	(void)server_name; /* names are the verifier's, not the dialler's */
	if (c->state != CHAIN_NONE) {
		/* A second handshake would change who it is. */
		(void)err_set(&c->err, -EACCES,
			      "it showed its certificate a second time");
		refuse(c);
		return;
	}
	c->state = CHAIN_OPEN;
	/* From here on no certificate at all is no longer what it is. */
	br_ssl_engine_remove_flags(c->engine, BR_OPT_TOLERATE_NO_CLIENT_AUTH);
}

static void
on_start_cert(const br_x509_class **ctx, uint32_t length)
{
	struct chain *c = chain_of(ctx);

	if (c->state != CHAIN_OPEN)
		return;
	if (c->count == CERT_CHAIN_MAX || length == 0 ||
	    length > CHAIN_BYTES_MAX - c->der.len) {
		(void)err_set(&c->err, -EACCES,
			      "it showed an empty certificate, or more than "
			      "%d of them or %d bytes",
			      CERT_CHAIN_MAX, CHAIN_BYTES_MAX);
		refuse(c);
		return;
	}
	c->due = length;
}

static void
on_append(const br_x509_class **ctx, const unsigned char *p, size_t len)
{
	struct chain *c = chain_of(ctx);

	if (c->state != CHAIN_OPEN)
		return;
	check(len <= c->due);
	buf_put(&c->der, p, len);
	c->due -= len;
}

static void
on_end_cert(const br_x509_class **ctx)
{
	struct chain *c = chain_of(ctx);

	if (c->state != CHAIN_OPEN)
		return;
	check(c->due == 0 && c->count < CERT_CHAIN_MAX);
	c->ends[c->count++] = c->der.len;
}

static struct shown
what_is_shown(const struct chain *c)
{
	struct shown s = { .count = c->count };

	for (size_t i = 0, at = 0; i < c->count; at = c->ends[i++])
		s.v[i] = (struct bytes){ (const uint8_t *)c->der.p + at,
					 c->ends[i] - at };
	return s;
}

/*
 * Finds the certificate behind the leaf that the pin is the digest of, and
 * makes it the one that is trusted; shown ends before it then.
 */
static int
find_pinned(struct chain *c, struct shown *shown)
{
	for (size_t i = 1; i < shown->count; i++) {
		char digest[CERT_DIGEST_TEXT + 1];
		struct err e;

		buf_clear(&c->root);
		pem_put(PEM_CERT, shown->v[i].p, shown->v[i].len, &c->root);
		if (cert_digest(buf_cstr(&c->root), digest, &e) < 0 ||
		    !token_same(c->pin, digest))
			continue;
		shown->count = i;
		return tls_roots_new(buf_cstr(&c->root), &c->roots, &c->err);
	}
	return err_set(&c->err, -EACCES,
		       "remote CA does not match fingerprint: the root "
		       "certificate that it shows is not the one that the join "
		       "token names; check the address and the token");
}

static int
decide(struct chain *c)
{
	struct shown shown = what_is_shown(c);
	struct err *e = &c->err;
	int r;

	if (shown.count == 0)
		return err_set(e, -EACCES, "it showed no certificate");
	if (c->pin[0] != '\0' && find_pinned(c, &shown) < 0)
		return -EACCES;
	r = verify_chain(&shown, c->roots, c->now_ns, VERIFY_NOW, &c->peer, e);
	if (r < 0)
		return r;
	if (!c->server && strcmp(c->peer.role, "swarm-manager") != 0)
		return err_set(e, -EACCES,
			       "its certificate is not that of a manager");
	return 0;
}

static unsigned
on_end_chain(const br_x509_class **ctx)
{
	struct chain *c = chain_of(ctx);
	struct der_cert leaf;

	if (c->state == CHAIN_OPEN && decide(c) < 0)
		refuse(c);
	if (c->state != CHAIN_OPEN)
		return BR_ERR_X509_NOT_TRUSTED;
	check(der_cert_read(what_is_shown(c).v[0], &leaf, &c->err) == 0);
	c->key = (br_x509_pkey){
		.key_type = BR_KEYTYPE_EC,
		.key.ec = { BR_EC_secp256r1, (uint8_t *)(uintptr_t)leaf.point.p,
			    leaf.point.len },
	};
	if (c->pin[0] != '\0')
		c->peer.root = buf_cstr(&c->root);
	c->state = CHAIN_GOOD;
	return 0;
}

static const br_x509_pkey *
on_get_pkey(const br_x509_class *const *ctx, unsigned *usages)
{
	const struct chain *c = container_of(ctx, const struct chain, vtable);

	if (c->state != CHAIN_GOOD)
		return NULL;
	if (usages != NULL)
		*usages = BR_KEYTYPE_SIGN;
	return &c->key;
}

static const br_x509_class chain_class = {
	.context_size = sizeof(struct chain),
	.start_chain = on_start_chain,
	.start_cert = on_start_cert,
	.append = on_append,
	.end_cert = on_end_cert,
	.end_chain = on_end_chain,
	.get_pkey = on_get_pkey,
};

/* ---- the caller's ---- */

struct chain *
chain_new(const struct chain_config *config)
{
	struct chain *c = mem_new(sizeof(*c));

	check((config->roots == NULL) != (config->pin == NULL));
	c->vtable = &chain_class;
	c->now_ns = config->now_ns;
	if (config->roots != NULL)
		c->roots = tls_roots_ref(config->roots);
	if (config->pin != NULL) {
		check(strlen(config->pin) == CERT_DIGEST_TEXT);
		memcpy(c->pin, config->pin, sizeof(c->pin));
	}
	return c;
}

void
chain_free(struct chain *c)
{
	if (c == NULL)
		return;
	tls_roots_unref(c->roots);
	buf_fini(&c->der);
	buf_fini(&c->root);
	mem_free(c);
}

static void
attach(struct chain *c, br_ssl_engine_context *engine)
{
	check(c->engine == NULL);
	c->engine = engine;
	br_ssl_engine_set_x509(engine, &c->vtable);
	br_ssl_engine_add_flags(engine, BR_OPT_NO_RENEGOTIATION);
}

void
chain_to_client(struct chain *c, br_ssl_client_context *cc)
{
	attach(c, &cc->eng);
}

void
chain_to_server(struct chain *c, br_ssl_server_context *sc)
{
	check(c->roots != NULL);
	c->server = true;
	attach(c, &sc->eng);
	br_ssl_server_set_trust_anchor_names(sc, c->roots->names,
					     c->roots->count);
	br_ssl_engine_add_flags(&sc->eng, BR_OPT_TOLERATE_NO_CLIENT_AUTH);
}

int
chain_peer(const struct chain *c, struct tls_peer *ret, struct err *e)
{
	unsigned state = br_ssl_engine_current_state(c->engine);

	if (c->state == CHAIN_REFUSED) {
		*e = c->err;
		return -EACCES;
	}
	if (!(state & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)))
		return err_set(e, -EAGAIN, "the TLS handshake is not through");
	if (c->state == CHAIN_GOOD) {
		*ret = c->peer;
		return 0;
	}
	if (!c->server || c->state != CHAIN_NONE)
		return err_set(e, -EACCES, "it showed no certificate");
	*ret = (struct tls_peer){ .trust = TLS_ANONYMOUS };
	return 0;
}
