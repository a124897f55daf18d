/*
 * der_cert.h - what is in one certificate, read with bounds and believed in
 * nothing: whoever reads one checks who signed it. And the names and keys
 * that certificates and requests are made of.
 */
#ifndef NET_TLS_DER_CERT_H
#define NET_TLS_DER_CERT_H

#include "core/base/err.h"
#include "net/tls/der.h"

#define DER_POINT_LEN 65 /* of P-256, uncompressed */

/* Bits of a KeyUsage's first byte. */
#define DER_USE_SIGN 0x80
#define DER_USE_CERT_SIGN 0x04
#define DER_USE_CRL_SIGN 0x02

/* All points into what was read. */
struct der_cert {
	struct bytes signed_part;     /* what the signature is of */
	struct bytes issuer, subject; /* whole Names */
	struct bytes public_key;      /* whole SubjectPublicKeyInfo */
	struct bytes point;	      /* in it; empty: not of P-256 */
	struct bytes key_id;	      /* subjectKeyIdentifier, or empty */
	struct bytes signature;	      /* empty: not by ECDSA with SHA-256 */
	int64_t not_before, not_after;
	bool ca;
	bool has_key_usage;
	uint8_t key_usage; /* the first byte */
};

int der_cert_read(struct bytes from, struct der_cert *ret, struct err *e);
/* Whether point signed c. */
bool der_cert_signed_by(const struct der_cert *c, struct bytes point);

/* ---- parts of requests and certificates ---- */
extern const struct bytes DER_CN, DER_OU, DER_O;

/* How often name has an attribute of this kind; *ret is the last one's text,
 * and empty if that is neither UTF8String nor PrintableString. -1: name is
 * no Name. */
int der_name_find(struct bytes name, struct bytes kind, struct bytes *ret);
void der_put_name(struct buf *out, struct bytes kind, const char *text);

/* Gives the whole key and, of P-256 only, its point. */
bool der_get_key(struct bytes *from, struct bytes *ret_whole,
		 struct bytes *ret_point);
/* The curve's name; an AlgorithmIdentifier that says EC and the curve. */
bool der_get_p256(struct bytes *from);
bool der_get_ec_p256(struct bytes *from);
void der_put_p256(struct buf *out);
void der_put_key(struct buf *out, const uint8_t point[DER_POINT_LEN]);
void der_put_ecdsa_sha256(struct buf *out); /* the AlgorithmIdentifier */
bool der_get_ecdsa_sha256(struct bytes *from, bool *ret_is);

/* What a signature is of is hashed here. */
bool der_signature_holds(struct bytes signed_part, struct bytes signature,
			 struct bytes point);

#endif
