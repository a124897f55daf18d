/*
 * trust.h - what the node and whoever does its arithmetic with keys tell each
 * other. Each order but USE and FORGET is answered by one report with its id,
 * in any order. Keys are DER (SEC 1 ECPrivateKey, P-256 only), requests are
 * DER (PKCS 10), certificates are PEM, a chain being leaf first.
 *
 * A certificate's names (facts 7.3): CN node id, OU swarm-manager or
 * swarm-worker, O cluster id; DNS names OU, CN and for managers swarm-ca.
 */
#ifndef CORE_NODE_TRUST_H
#define CORE_NODE_TRUST_H

#include "core/model/type.h"

enum trust_verb {
	/* A new root and its key -> key, cert. */
	TRUST_MAKE_ROOT = 1,
	/* A new key and a request for it -> key, csr. */
	TRUST_MAKE_KEY,
	/* Sign csr's public key, and nothing else of it: by key and cert,
	 * with chain behind the leaf -> cert (the whole chain). */
	TRUST_SIGN,
	/* Sign the public key of root2 by key and cert, as an intermediate
	 * (for rotation) -> cert. */
	TRUST_CROSS_SIGN,
	/* What a root is: for tokens and checks -> digest, tls info, expiry,
	 * and, of a key that is given in whatever form, its DER; -EINVAL: it
	 * is none, or the key is not its. */
	TRUST_LOOK_AT,
	/* From now on this is who we are, and whom we trust. No report. */
	TRUST_USE,
	/* We are nobody: links go down, keys are wiped. No report. */
	TRUST_FORGET,
	/* The key that seals the store's key (autolock): secret of 32 bytes,
	 * or none. Reported when it is on the disk. */
	TRUST_LOCK,
};

struct trust_order {
	enum trust_verb verb;
	uint64_t id;
	struct bytes key;  /* SIGN, CROSS_SIGN: the signer's; USE: ours */
	const char *cert;  /* SIGN, CROSS_SIGN: the signer's; LOOK_AT */
	const char *chain; /* SIGN: more to put behind the leaf; or NULL */
	struct bytes csr;  /* SIGN */
	const char *root2; /* CROSS_SIGN */
	const char *node_id, *cluster_id; /* SIGN */
	bool manager;			  /* SIGN */
	int64_t expiry_ns; /* SIGN: how long from now (an hour is added before
			      and after, facts 7.3) */
	/* USE */
	const char *own_chain;
	const char *roots; /* all that are trusted, one after the other */
	/* LOCK */
	struct bytes secret; /* empty: no lock */
};

struct trust_report {
	uint64_t id;
	enum trust_verb verb;
	const char *err; /* NULL: done */
	struct bytes key, csr;
	const char *cert;
	const char *digest; /* MAKE_ROOT, LOOK_AT: of the root, 50 digits */
	/* MAKE_ROOT, SIGN, LOOK_AT: of who signed (a root: its own) */
	struct bytes issuer_subject, issuer_public_key;
	int64_t not_before, not_after; /* wall ns; SIGN, MAKE_ROOT, LOOK_AT */
	/* Every report brings fresh bytes that nobody can guess. */
	uint8_t random[64];
};

#endif
