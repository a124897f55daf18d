/* cert_impl.h - what the files of net/tls share about certificates. */
#ifndef NET_TLS_CERT_IMPL_H
#define NET_TLS_CERT_IMPL_H

#include <bearssl.h>

#include "net/tls/cert.h"
#include "net/tls/der_cert.h"

/* Borrows k. */
br_ec_private_key cert_key_private(const struct cert_key *k);
void cert_key_point(const struct cert_key *k, uint8_t ret[DER_POINT_LEN]);
/* DER of an ECDSA signature of what p is, by k; with RFC 6979's nonce. */
void cert_key_sign(const struct cert_key *k, const void *p, size_t len,
		   struct buf *out);

/*
 * The next certificate of *at, which moves behind it. der is overwritten;
 * ret points into it. 1: found; 0: none is left; -EINVAL.
 */
int cert_next(const char **at, struct buf *der, struct der_cert *ret,
	      struct err *e);
/* -EINVAL: c is no CA of P-256 that signed itself. */
int cert_check_root(const struct der_cert *c, struct err *e);

#endif
