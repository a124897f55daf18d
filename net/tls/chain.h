/*
 * chain.h - who is at the other end of a TLS connection: certificates of
 * peers, verified, and what we are and trust ourselves.
 *
 * BearSSL checks signatures, times and path; what it leaves open is checked
 * here: that a root is still valid, that a leaf is no CA, that it has one CN,
 * one OU and one O, and that they are an id, a role, and an id. Names are read
 * from a chain that was verified to its end and from no other.
 *
 * One handshake is
 *
 *	c = chain_new(...);
 *	br_ssl_..._zero(), suites, hashes, buffers, entropy: the caller's
 *	tls_identity_to_client() or _to_server()
 *	chain_to_client() or chain_to_server()
 *	br_ssl_..._reset(); records until BR_SSL_SENDAPP, or closed
 *	chain_peer(c, &peer, &e);
 *	chain_free(c);
 *
 * and nothing may be read from the engine before chain_peer() gave 0: to let
 * those in who have no certificate yet, BearSSL has to be told to tolerate
 * wrong ones, too.
 */
#ifndef NET_TLS_CHAIN_H
#define NET_TLS_CHAIN_H

#include <bearssl.h>

#include "core/base/err.h"
#include "core/base/id.h"
#include "net/tls/cert.h"

#define CHAIN_BYTES_MAX 16384 /* DER of all that a peer shows */

/* ---- whom we trust: one PEM certificate or more. Counted, from any thread;
 * what is in it never changes. ---- */
struct tls_roots;

/* -EINVAL: not PEM, or one of them is no root (P-256, a CA, self-signed). */
int tls_roots_new(const char *pem, struct tls_roots **ret, struct err *e);
struct tls_roots *tls_roots_ref(struct tls_roots *r); /* returns r */
void tls_roots_unref(struct tls_roots *r);	      /* NULL is fine */

/* ---- who we are: a chain and its key. Counted in the same way; the key is
 * wiped with the last count. An engine borrows it for as long as it lives.
 * ---- */
struct tls_identity;

/*
 * key is DER (SEC 1). What is shown to others is the chain, and then roots,
 * so that one who joins with a token finds the root that it names. Times are
 * not looked at. -EINVAL: the key is not the leaf's, or the chain does not
 * end in one of roots.
 */
int tls_identity_new(const char *chain_pem, const char *roots_pem,
		     const void *key, size_t key_len, struct tls_identity **ret,
		     struct err *e);
struct tls_identity *tls_identity_ref(struct tls_identity *i); /* returns i */
void tls_identity_unref(struct tls_identity *i); /* NULL is fine */
void tls_identity_to_client(const struct tls_identity *i,
			    br_ssl_client_context *cc);
void tls_identity_to_server(const struct tls_identity *i,
			    br_ssl_server_context *sc);

/* ---- who they are ---- */
enum tls_trust {
	TLS_ANONYMOUS = 1, /* a client that showed no certificate */
	TLS_VERIFIED,
	TLS_EXPIRED, /* verified, but for its time, which is over */
};

struct tls_peer {
	enum tls_trust trust;
	char node_id[ID_LEN + 1];    /* CN */
	char role[32];		     /* OU: swarm-manager, swarm-worker */
	char cluster_id[ID_LEN + 1]; /* O */
	const char *root; /* pinned: its PEM, the chain's; else NULL */
};

/* Reads the chain of one peer. One thread at a time. */
struct chain;

struct chain_config {
	struct tls_roots *roots; /* counted by the chain; NULL with a pin */
	/* A client's: whatever root has this digest (CERT_DIGEST_TEXT digits)
	 * is the one that is trusted. Copied. */
	const char *pin;
	int64_t now_ns; /* wall */
};

struct chain *chain_new(const struct chain_config *config);
void chain_free(struct chain *c); /* NULL is fine; after the engine's use */

/* Sets whatever in the engine has to do with the peer's certificate. */
void chain_to_client(struct chain *c, br_ssl_client_context *cc);
void chain_to_server(struct chain *c, br_ssl_server_context *sc);

/*
 * Who it is, when the engine has come to BR_SSL_SENDAPP or is closed. A client
 * finds managers only. -EACCES: not to be spoken with, and e is a whole
 * sentence about its certificate; -EAGAIN: the handshake is not through (of a
 * closed engine: failed for another reason, see tls_error()).
 */
int chain_peer(const struct chain *c, struct tls_peer *ret, struct err *e);

/* The same for a chain in PEM, of whatever role; -EINVAL or -EACCES. */
int chain_check(const char *pem, struct tls_roots *roots, int64_t now_ns,
		struct tls_peer *ret, struct err *e);

/* What br_ssl_engine_last_error() means, in a few words. */
const char *tls_error(int code);

#endif
