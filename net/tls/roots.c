/* roots.c - whom we trust: see chain.h. */
#include <errno.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "net/tls/chain_impl.h"

static void
roots_free(struct tls_roots *r)
{
	for (size_t i = 0; i < r->count; i++)
		buf_fini(&r->v[i].der);
	mem_free(r);
}

static br_x509_trust_anchor
anchor_of(const struct der_cert *c)
{
	return (br_x509_trust_anchor){
		.dn = { (uint8_t *)(uintptr_t)c->subject.p, c->subject.len },
		.flags = BR_X509_TA_CA,
		.pkey = {
			.key_type = BR_KEYTYPE_EC,
			.key.ec = { BR_EC_secp256r1,
				    (uint8_t *)(uintptr_t)c->point.p,
				    c->point.len },
		},
	};
}

/* 1: one more root; 0: pem is at its end. */
static int
read_root(struct tls_roots *r, const char **pem, struct err *e)
{
	struct root one = { 0 };
	int got = cert_next(pem, &one.der, &one.cert, e);

	if (got > 0 && r->count == ROOTS_MAX)
		got = err_set(e, -EINVAL, "more than %d roots", ROOTS_MAX);
	if (got > 0 && cert_check_root(&one.cert, e) < 0)
		got = -EINVAL;
	if (got <= 0) {
		buf_fini(&one.der);
		return got;
	}
	one.anchor = anchor_of(&one.cert);
	r->names[r->count] = one.anchor.dn;
	r->v[r->count++] = one;
	return 1;
}

int
tls_roots_new(const char *pem, struct tls_roots **ret, struct err *e)
{
	struct tls_roots *r = mem_new(sizeof(*r));
	int got;

	r->refs = 1;
	do
		got = read_root(r, &pem, e);
	while (got > 0);
	if (got == 0 && r->count == 0)
		got = err_set(e, -EINVAL, "there is no certificate in the PEM");
	if (got < 0) {
		roots_free(r);
		return err_wrap(e, got, "read the trusted root certificates");
	}
	*ret = r;
	return 0;
}

struct tls_roots *
tls_roots_ref(struct tls_roots *r)
{
	__atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
	return r;
}

void
tls_roots_unref(struct tls_roots *r)
{
	if (r != NULL && __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) == 0)
		roots_free(r);
}
