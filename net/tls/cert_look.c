/* cert_look.c - certificates in PEM, looked at. */
#include <errno.h>
#include <string.h>

#include "net/tls/cert_impl.h"
#include "net/tls/pem.h"

int
cert_next(const char **at, struct buf *der, struct der_cert *ret, struct err *e)
{
	char label[PEM_LABEL_MAX];
	int r;

	buf_clear(der);
	r = pem_next(at, CERT_BYTES_MAX, label, der, e);
	if (r <= 0)
		return r;
	if (strcmp(label, PEM_CERT) != 0)
		return err_set(e, -EINVAL,
			       "there is a '%s' where certificates belong",
			       label);
	r = der_cert_read((struct bytes){ (uint8_t *)der->p, der->len }, ret,
			  e);
	return r < 0 ? r : 1;
}

int
cert_check_root(const struct der_cert *c, struct err *e)
{
	if (c->point.len == 0 || c->signature.len == 0)
		return err_set(e, -EINVAL,
			       "the root certificate is not of ECDSA P-256 "
			       "with SHA-256");
	if (!c->ca || (c->has_key_usage && !(c->key_usage & DER_USE_CERT_SIGN)))
		return err_set(e, -EINVAL,
			       "the root certificate may not sign others "
			       "(it is not of a CA)");
	if (!der_same(c->subject, c->issuer) ||
	    !der_cert_signed_by(c, c->point))
		return err_set(e, -EINVAL,
			       "the root certificate is not signed by itself");
	return 0;
}

static struct bytes
keep(struct arena *a, struct bytes v)
{
	return (struct bytes){ arena_dup(a, v.p, v.len), v.len };
}

int
cert_look(const char *pem, struct arena *a, struct cert_facts *ret,
	  struct err *e)
{
	struct buf der = { 0 };
	struct der_cert c;
	int r = cert_next(&pem, &der, &c, e);

	if (r == 0)
		r = err_set(e, -EINVAL, "there is no certificate in the PEM");
	if (r > 0)
		*ret = (struct cert_facts){
			.not_before = c.not_before,
			.not_after = c.not_after,
			.subject = keep(a, c.subject),
			.issuer = keep(a, c.issuer),
			.public_key = keep(a, c.public_key),
			.ca = c.ca,
		};
	buf_fini(&der);
	return r < 0 ? r : 0;
}

bool
cert_is_key_of(const struct cert_key *k, const char *pem)
{
	uint8_t point[DER_POINT_LEN];
	struct buf der = { 0 };
	struct der_cert c;
	struct err e;
	bool is = false;

	cert_key_point(k, point);
	if (cert_next(&pem, &der, &c, &e) > 0)
		is = der_same(c.point, (struct bytes){ point, sizeof(point) });
	buf_fini(&der);
	return is;
}

static void
digest_of_der(const struct buf *der, char ret[CERT_DIGEST_TEXT + 1])
{
	uint8_t hash[br_sha256_SIZE];
	struct buf pem = { 0 };
	br_sha256_context sha;

	pem_put(PEM_CERT, der->p, der->len, &pem);
	br_sha256_init(&sha);
	br_sha256_update(&sha, pem.p, pem.len);
	br_sha256_out(&sha, hash);
	token_digest_write(hash, ret);
	buf_fini(&pem);
}

int
cert_digest(const char *root_pem, char ret[CERT_DIGEST_TEXT + 1], struct err *e)
{
	struct buf der = { 0 }, more = { 0 };
	struct der_cert c;
	int r = cert_next(&root_pem, &der, &c, e);

	if (r == 0)
		r = err_set(e, -EINVAL, "there is no certificate in the PEM");
	if (r > 0)
		r = cert_check_root(&c, e) < 0 ? -EINVAL : 1;
	if (r > 0 && cert_next(&root_pem, &more, &c, e) != 0)
		r = err_set(e, -EINVAL,
			    "a token names one root certificate, and there "
			    "are more in the PEM");
	if (r > 0)
		digest_of_der(&der, ret);
	buf_fini(&der);
	buf_fini(&more);
	return r < 0 ? r : 0;
}
