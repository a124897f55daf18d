/*
 * cert.h - X.509 as a cluster needs it and no more: roots, node certificates
 * and requests, ECDSA P-256 throughout (facts 7.3). Written as DER by us, read
 * by bounded readers; chains are verified by BearSSL (chain.h).
 */
#ifndef NET_TLS_CERT_H
#define NET_TLS_CERT_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/model/token.h"
#include "core/model/type.h"

#define CERT_BYTES_MAX 16384 /* DER of one */
#define CERT_KEY_LEN 32	     /* the scalar of P-256 */
#define CERT_DIGEST_TEXT 50  /* SHA-256 of a root's PEM in base 36 */
#define CERT_PEM_MAX 65536   /* of a whole chain or bundle */
#define CERT_CHAIN_MAX 6     /* certificates */
#define CERT_ROOT_YEARS 20

struct cert_key {
	uint8_t x[CERT_KEY_LEN];
};

struct cert_subject {
	const char *node_id, *cluster_id;
	bool manager;
};

/* What is in a certificate that matters here. */
struct cert_facts {
	int64_t not_before, not_after; /* wall ns */
	struct bytes subject, issuer;  /* DER of the names */
	struct bytes public_key;       /* DER, SubjectPublicKeyInfo */
	bool ca;
};

void cert_random(void *p, size_t len); /* from the kernel; never fails */

void cert_key_make(struct cert_key *ret);
void cert_key_wipe(struct cert_key *k);
void cert_key_write(const struct cert_key *k, struct buf *out); /* SEC 1 */
/* SEC 1 or PKCS 8, as DER or as PEM; keys that people bring are read here,
 * too. -EINVAL: not a P-256 key, encrypted, or longer than one can be. */
int cert_key_read(const void *p, size_t len, struct cert_key *ret,
		  struct err *e);

/* PEM is appended to out, with a newline at the end. All that begins now is
 * valid from an hour ago: clocks differ. */
void cert_make_root(const struct cert_key *k, int64_t now_ns, struct buf *out);
void cert_make_request(const struct cert_key *k, struct buf *out); /* DER */
/* Only the public key of csr is looked at, once its own signature holds. */
int cert_sign(const struct cert_key *ca, const char *ca_pem, const void *csr,
	      size_t csr_len, const struct cert_subject *s, int64_t now_ns,
	      int64_t expiry_ns, struct buf *out, struct err *e);
/* root_pem's name and key, signed by ca, for as long as both are valid. */
int cert_cross_sign(const struct cert_key *ca, const char *ca_pem,
		    const char *root_pem, struct buf *out, struct err *e);

/* The first certificate of pem; all that ret points at is in a. */
int cert_look(const char *pem, struct arena *a, struct cert_facts *ret,
	      struct err *e);
/* Is k the key of the first certificate of pem? */
bool cert_is_key_of(const struct cert_key *k, const char *pem);
/* What a join token carries: SHA-256 of the PEM of one root, written as
 * cert_make_root() writes it. Terminated. -EINVAL: it is no root (P-256, a CA,
 * signed by itself), or there are several. */
int cert_digest(const char *root_pem, char ret[CERT_DIGEST_TEXT + 1],
		struct err *e);

#endif
