/* odd.h - certificates that nobody should issue, by somebody who has the
 * root's key; and nodes to show them. */
#ifndef TEST_UNIT_NET_TLS_ODD_H
#define TEST_UNIT_NET_TLS_ODD_H

#include "net/tls/cert_impl.h"
#include "net/tls/pem.h"
#include "test/t.h"

#define NOW (INT64_C(1795235851) * NS_PER_S) /* 2026-11-21 */
#define HOUR (3600 * NS_PER_S)
#define DAY (24 * HOUR)
#define NODE_ID "9zbf3k7d1a2b3c4d5e6f7g8h9"
#define PEER_ID "w0rk3r7d1a2b3c4d5e6f7g8h9"
#define CLUSTER_ID "c1ust3r71a2b3c4d5e6f7g8h9"

/* A root and its key. */
struct test_ca {
	struct cert_key key;
	char *pem;
};

/* What is shown, and the key that is used with it. */
struct test_node {
	struct cert_key key;
	char *pem;
};

static inline struct test_ca
test_ca_at(int64_t now)
{
	struct test_ca ca;
	struct buf pem = { 0 };

	cert_key_make(&ca.key);
	cert_make_root(&ca.key, now, &pem);
	ca.pem = buf_take(&pem);
	return ca;
}

static inline struct test_node
test_node_at(const struct test_ca *ca, bool manager, int64_t now,
	     int64_t expiry, const char *chain)
{
	struct cert_subject s = { manager ? NODE_ID : PEER_ID, CLUSTER_ID,
				  manager };
	struct buf csr = { 0 }, pem = { 0 };
	struct test_node n;
	struct err e = { "" };

	cert_key_make(&n.key);
	cert_make_request(&n.key, &csr);
	T_ROW(e.msg);
	EQ(cert_sign(&ca->key, ca->pem, csr.p, csr.len, &s, now, expiry, &pem,
		     &e),
	   0);
	T_ROW(NULL);
	if (chain != NULL)
		buf_puts(&pem, chain);
	buf_fini(&csr);
	n.pem = buf_take(&pem);
	return n;
}

struct odd_name {
	struct bytes kind;
	const char *text;
	size_t len; /* 0: strlen(text) */
	int tag;    /* 0: UTF8String */
};

/* Zero is what a good leaf of a manager has. */
struct odd {
	struct odd_name names[5]; /* none at all: CN, OU and O as they should */
	int64_t not_before, not_after; /* 0: now - 1 h, now + 1 d */
	bool ca;
	bool self_signed;
	int key_usage;	/* 0: digitalSignature; -1: none */
	size_t padding; /* bytes of an extension that nobody knows */
	bool critical;	/* ... which is critical, and there without padding */
};

static inline void
odd_put_subject(struct buf *out, const struct odd *o)
{
	static const struct odd_name good[] = {
		{ { (const uint8_t *)"\x55\x04\x0a", 3 }, CLUSTER_ID, 0, 0 },
		{ { (const uint8_t *)"\x55\x04\x0b", 3 },
		  "swarm-manager",
		  0,
		  0 },
		{ { (const uint8_t *)"\x55\x04\x03", 3 }, NODE_ID, 0, 0 },
	};
	const struct odd_name *names = o->names;
	size_t count = ARRAY_LEN(o->names), seq = der_open(out, DER_SEQ);

	if (names[0].text == NULL) {
		names = good;
		count = ARRAY_LEN(good);
	}
	for (size_t i = 0; i < count && names[i].text != NULL; i++) {
		size_t set = der_open(out, DER_SET),
		       pair = der_open(out, DER_SEQ);

		der_put_oid(out, names[i].kind);
		der_put(out, names[i].tag ? names[i].tag : DER_UTF8,
			names[i].text,
			names[i].len ? names[i].len : strlen(names[i].text));
		der_close(out, pair);
		der_close(out, set);
	}
	der_close(out, seq);
}

static inline void
odd_put_extension(struct buf *out, const char *oid, bool critical,
		  const void *p, size_t len)
{
	size_t seq = der_open(out, DER_SEQ);

	der_put(out, DER_OID, oid, strlen(oid));
	if (critical)
		der_put(out, DER_BOOL, "\xff", 1);
	der_put(out, DER_OCTETS, p, len);
	der_close(out, seq);
}

static inline void
odd_put_extensions(struct buf *out, const struct odd *o)
{
	size_t outer = der_open(out, DER_CONTEXT_IN + 3);
	size_t list = der_open(out, DER_SEQ);
	uint8_t usage[4] = { 3, 2, 0, 0x80 };
	char *padding = calloc(1, o->padding + 1);

	odd_put_extension(out, "\x55\x1d\x13", true,
			  o->ca ? "\x30\x03\x01\x01\xff" : "\x30\x00",
			  o->ca ? 5 : 2);
	if (o->key_usage > 0)
		usage[3] = (uint8_t)o->key_usage;
	if (o->key_usage >= 0)
		odd_put_extension(out, "\x55\x1d\x0f", true, usage, 4);
	if (o->padding > 0 || o->critical)
		odd_put_extension(out, "\x2b\x06\x01\x04\x01\x2a", o->critical,
				  padding, o->padding + 1);
	free(padding);
	der_close(out, list);
	der_close(out, outer);
}

static inline struct test_node
odd_make(const struct test_ca *ca, const struct odd *o)
{
	uint8_t point[DER_POINT_LEN];
	struct buf part = { 0 }, der = { 0 }, pem = { 0 }, signature = { 0 };
	const char *ca_pem = ca->pem;
	struct buf ca_der = { 0 };
	struct der_cert issuer;
	struct test_node n;
	struct err e;
	size_t seq, at;

	cert_key_make(&n.key);
	cert_key_point(&n.key, point);
	EQ(cert_next(&ca_pem, &ca_der, &issuer, &e), 1);
	seq = der_open(&part, DER_SEQ);
	at = der_open(&part, DER_CONTEXT_IN);
	der_put(&part, DER_INT, "\x02", 1);
	der_close(&part, at);
	der_put_uint(&part, "\x47\x11", 2);
	der_put_ecdsa_sha256(&part);
	if (o->self_signed)
		odd_put_subject(&part, o);
	else
		buf_put(&part, issuer.subject.p, issuer.subject.len);
	at = der_open(&part, DER_SEQ);
	der_put_time(&part, o->not_before ? o->not_before : NOW - HOUR);
	der_put_time(&part, o->not_after ? o->not_after : NOW + DAY);
	der_close(&part, at);
	odd_put_subject(&part, o);
	der_put_key(&part, point);
	odd_put_extensions(&part, o);
	der_close(&part, seq);

	seq = der_open(&der, DER_SEQ);
	buf_put(&der, part.p, part.len);
	der_put_ecdsa_sha256(&der);
	cert_key_sign(o->self_signed ? &n.key : &ca->key, part.p, part.len,
		      &signature);
	der_put_bits(&der, 0, signature.p, signature.len);
	der_close(&der, seq);
	pem_put(PEM_CERT, der.p, der.len, &pem);
	n.pem = buf_take(&pem);
	buf_fini(&part);
	buf_fini(&der);
	buf_fini(&signature);
	buf_fini(&ca_der);
	return n;
}

#endif
