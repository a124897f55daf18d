/* shake.h - a whole TLS handshake between two engines in memory. */
#ifndef TEST_UNIT_NET_TLS_SHAKE_H
#define TEST_UNIT_NET_TLS_SHAKE_H

#include <errno.h>

#include "net/tls/chain_impl.h"
#include "test/unit/net/tls/odd.h"

/* One end: what it shows, and whom it trusts. */
struct shake_side {
	const struct test_node *shows;	     /* NULL: nothing */
	const struct tls_identity *identity; /* instead of shows */
	const char *roots;
	const char *pin;
	int64_t now; /* 0: NOW */

	/* what came of it */
	int r;
	struct tls_peer peer; /* but for root: see found */
	char *found;
	struct err err;
	int engine_error;

	/* the works */
	br_ssl_engine_context *engine;
	struct chain *chain;
	struct tls_roots *trusted;
	br_ec_private_key key;
	br_x509_certificate certs[CERT_CHAIN_MAX + 4];
	struct buf der[CERT_CHAIN_MAX + 4];
	size_t count;
	unsigned char io[BR_SSL_BUFSIZE_BIDI];
};

/* As many as there are, good or bad. */
static inline void
shake_load(struct shake_side *s)
{
	const char *pem = s->shows->pem;
	char label[PEM_LABEL_MAX];
	struct err e;

	s->key = cert_key_private(&s->shows->key);
	while (s->count < ARRAY_LEN(s->certs) &&
	       pem_next(&pem, 60000, label, &s->der[s->count], &e) > 0) {
		s->certs[s->count] = (br_x509_certificate){
			(unsigned char *)s->der[s->count].p,
			s->der[s->count].len
		};
		s->count++;
	}
}

static inline void
shake_engine(struct shake_side *s, br_ssl_engine_context *engine)
{
	static const uint16_t suites[] = {
		BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
	};
	uint8_t seed[32];
	struct err e;

	s->engine = engine;
	br_ssl_engine_set_versions(engine, BR_TLS12, BR_TLS12);
	br_ssl_engine_set_suites(engine, suites, 1);
	br_ssl_engine_set_default_ec(engine);
	br_ssl_engine_set_default_ecdsa(engine);
	br_ssl_engine_set_hash(engine, br_sha256_ID, &br_sha256_vtable);
	br_ssl_engine_set_prf_sha256(engine, &br_tls12_sha256_prf);
	br_ssl_engine_set_default_chapol(engine);
	br_ssl_engine_set_buffer(engine, s->io, sizeof(s->io), 1);
	cert_random(seed, sizeof(seed));
	br_ssl_engine_inject_entropy(engine, seed, sizeof(seed));
	if (s->roots != NULL)
		EQ(tls_roots_new(s->roots, &s->trusted, &e), 0);
	s->chain = chain_new(&(struct chain_config){
		.roots = s->trusted,
		.pin = s->pin,
		.now_ns = s->now ? s->now : NOW,
	});
	if (s->shows != NULL)
		shake_load(s);
}

/* What one has to send goes to the other; whether there was any. */
static inline bool
shake_move(br_ssl_engine_context *from, br_ssl_engine_context *to)
{
	bool moved = false;

	while ((br_ssl_engine_current_state(from) & BR_SSL_SENDREC) &&
	       (br_ssl_engine_current_state(to) & BR_SSL_RECVREC)) {
		size_t n, room;
		unsigned char *p = br_ssl_engine_sendrec_buf(from, &n);
		unsigned char *q = br_ssl_engine_recvrec_buf(to, &room);

		if (n > room)
			n = room;
		memcpy(q, p, n);
		br_ssl_engine_sendrec_ack(from, n);
		br_ssl_engine_recvrec_ack(to, n);
		moved = true;
	}
	return moved;
}

static inline void
shake_end(struct shake_side *s)
{
	s->engine_error = br_ssl_engine_last_error(s->engine);
	s->r = chain_peer(s->chain, &s->peer, &s->err);
	if (s->r == 0 && s->peer.root != NULL)
		s->found = strdup(s->peer.root);
	s->peer.root = NULL;
	chain_free(s->chain);
	tls_roots_unref(s->trusted);
	for (size_t i = 0; i < s->count; i++)
		buf_fini(&s->der[i]);
	s->chain = NULL;
	s->trusted = NULL;
	s->count = 0;
	memset(s->der, 0, sizeof(s->der));
}

/* Until neither has anything to say; then who each thinks that it met. */
static inline void
shake(struct shake_side *client, struct shake_side *server)
{
	static br_ssl_client_context cc;
	static br_ssl_server_context sc;

	br_ssl_client_zero(&cc);
	br_ssl_server_zero(&sc);
	shake_engine(client, &cc.eng);
	shake_engine(server, &sc.eng);
	if (client->identity != NULL)
		tls_identity_to_client(client->identity, &cc);
	else if (client->shows != NULL)
		br_ssl_client_set_single_ec(&cc, client->certs, client->count,
					    &client->key, BR_KEYTYPE_SIGN,
					    BR_KEYTYPE_EC, br_ec_get_default(),
					    br_ecdsa_sign_asn1_get_default());
	if (server->identity != NULL)
		tls_identity_to_server(server->identity, &sc);
	else
		br_ssl_server_set_single_ec(&sc, server->certs, server->count,
					    &server->key, BR_KEYTYPE_SIGN,
					    BR_KEYTYPE_EC, br_ec_get_default(),
					    br_ecdsa_sign_asn1_get_default());
	chain_to_client(client->chain, &cc);
	chain_to_server(server->chain, &sc);
	OK(br_ssl_client_reset(&cc, NULL, 0));
	OK(br_ssl_server_reset(&sc));
	EQ(chain_peer(client->chain, &client->peer, &client->err), -EAGAIN);
	EQ(chain_peer(server->chain, &server->peer, &server->err), -EAGAIN);
	while (shake_move(&cc.eng, &sc.eng) || shake_move(&sc.eng, &cc.eng))
		;
	shake_end(client);
	shake_end(server);
}

#endif
