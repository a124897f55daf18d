/* chain_impl.h - what the files behind chain.h share. */
#ifndef NET_TLS_CHAIN_IMPL_H
#define NET_TLS_CHAIN_IMPL_H

#include "net/tls/cert_impl.h"
#include "net/tls/chain.h"

#define ROOTS_MAX 8

/* One trusted root; all it points at is in der. */
struct root {
	struct buf der;
	struct der_cert cert;
	br_x509_trust_anchor anchor;
};

struct tls_roots {
	unsigned refs; /* atomic */
	struct root v[ROOTS_MAX];
	size_t count;
	br_x500_name names[ROOTS_MAX];
};

/* Certificates that somebody shows, leaf first; nothing in it is verified. */
struct shown {
	struct bytes v[CERT_CHAIN_MAX];
	size_t count;
};

enum verify_times {
	VERIFY_NOW, /* as they are, but for a leaf that has expired */
	VERIFY_ANY_TIME,
};

/*
 * Whether shown ends in one of roots, and whose it is then. -EACCES: no, and
 * why. ret->root is NULL.
 */
int verify_chain(const struct shown *shown, const struct tls_roots *roots,
		 int64_t now_ns, enum verify_times times, struct tls_peer *ret,
		 struct err *e);

/* All certificates of pem into der, which shown points into. At least one. */
int shown_read(const char *pem, struct buf *der, struct shown *ret,
	       struct err *e);

#endif
