/* cert.c - see cert.h. RFC 5280 for certificates, RFC 2986 for requests. */
#include "net/tls/cert.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/id.h"
#include "net/tls/cert_impl.h"
#include "net/tls/pem.h"

#define BACKDATE_NS (3600 * NS_PER_S)
#define YEAR_NS (365 * 86400 * NS_PER_S) /* facts 7.3: 20 are 630720000 s */
#define SERIAL_LEN 16
#define REQUEST_MAX 4096
#define CA_NAME "swarm-ca"

/* A certificate to be, without its serial number and signature. */
struct draft {
	struct bytes subject, issuer; /* whole Names */
	struct bytes public_key;      /* whole */
	uint8_t key_id[br_sha1_SIZE], issuer_key_id[br_sha1_SIZE];
	int64_t not_before, not_after;
	const struct cert_subject *leaf; /* NULL: a CA */
};

static struct bytes
bytes_of(const struct buf *b)
{
	return (struct bytes){ (const uint8_t *)b->p, b->len };
}

/* ---- extensions ---- */

/* An extension from der_open() of its value on; der_close() all three. */
struct extension {
	size_t outer, value;
};

static struct extension
open_extension(struct buf *out, struct bytes id, bool critical)
{
	struct extension x = { .outer = der_open(out, DER_SEQ) };
	static const char yes = (char)0xff;

	der_put_oid(out, id);
	if (critical)
		der_put(out, DER_BOOL, &yes, 1);
	x.value = der_open(out, DER_OCTETS);
	return x;
}

static void
close_extension(struct buf *out, struct extension x)
{
	der_close(out, x.value);
	der_close(out, x.outer);
}

static void
put_basic(struct buf *out, bool ca)
{
	struct extension x = open_extension(out, DER_ID("\x55\x1d\x13"), true);
	size_t seq = der_open(out, DER_SEQ);
	static const char yes = (char)0xff;

	if (ca)
		der_put(out, DER_BOOL, &yes, 1);
	der_close(out, seq);
	close_extension(out, x);
}

static void
put_key_usage(struct buf *out, uint8_t uses)
{
	struct extension x = open_extension(out, DER_ID("\x55\x1d\x0f"), true);

	der_put_bits(out, __builtin_ctz(uses), &uses, 1);
	close_extension(out, x);
}

static void
put_extended_usage(struct buf *out)
{
	struct extension x = open_extension(out, DER_ID("\x55\x1d\x25"), false);
	size_t seq = der_open(out, DER_SEQ);

	der_put_oid(out, DER_ID("\x2b\x06\x01\x05\x05\x07\x03\x01"));
	der_put_oid(out, DER_ID("\x2b\x06\x01\x05\x05\x07\x03\x02"));
	der_close(out, seq);
	close_extension(out, x);
}

static const char *
role_name(const struct cert_subject *s)
{
	return s->manager ? "swarm-manager" : "swarm-worker";
}

static void
put_dns_names(struct buf *out, const struct cert_subject *s)
{
	const char *names[] = { role_name(s), s->node_id, CA_NAME };
	size_t count = s->manager ? 3 : 2;
	struct extension x = open_extension(out, DER_ID("\x55\x1d\x11"), false);
	size_t seq = der_open(out, DER_SEQ);

	for (size_t i = 0; i < count; i++)
		der_put(out, DER_CONTEXT + 2, names[i], strlen(names[i]));
	der_close(out, seq);
	close_extension(out, x);
}

static void
put_key_ids(struct buf *out, const struct draft *d)
{
	struct extension x = open_extension(out, DER_ID("\x55\x1d\x0e"), false);
	size_t seq;

	der_put(out, DER_OCTETS, d->key_id, sizeof(d->key_id));
	close_extension(out, x);
	x = open_extension(out, DER_ID("\x55\x1d\x23"), false);
	seq = der_open(out, DER_SEQ);
	der_put(out, DER_CONTEXT, d->issuer_key_id, sizeof(d->issuer_key_id));
	der_close(out, seq);
	close_extension(out, x);
}

static void
put_extensions(struct buf *out, const struct draft *d)
{
	size_t outer = der_open(out, DER_CONTEXT_IN + 3);
	size_t list = der_open(out, DER_SEQ);

	put_basic(out, d->leaf == NULL);
	put_key_usage(out, d->leaf == NULL
				   ? DER_USE_CERT_SIGN | DER_USE_CRL_SIGN
				   : DER_USE_SIGN);
	if (d->leaf != NULL) {
		put_extended_usage(out);
		put_dns_names(out, d->leaf);
	}
	put_key_ids(out, d);
	der_close(out, list);
	der_close(out, outer);
}

/* ---- certificates ---- */

static void
put_signed_part(struct buf *out, const struct draft *d)
{
	static const char v3 = 2;
	uint8_t serial[SERIAL_LEN];
	size_t seq = der_open(out, DER_SEQ), at;

	cert_random(serial, sizeof(serial));
	serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, of one length */
	at = der_open(out, DER_CONTEXT_IN);
	der_put(out, DER_INT, &v3, 1);
	der_close(out, at);
	der_put_uint(out, serial, sizeof(serial));
	der_put_ecdsa_sha256(out);
	buf_put(out, d->issuer.p, d->issuer.len);
	at = der_open(out, DER_SEQ);
	der_put_time(out, d->not_before);
	der_put_time(out, d->not_after);
	der_close(out, at);
	buf_put(out, d->subject.p, d->subject.len);
	buf_put(out, d->public_key.p, d->public_key.len);
	put_extensions(out, d);
	der_close(out, seq);
}

/* What requests and certificates have in common: a part that is signed, how,
 * and the signature. part is freed. */
static void
put_signed(struct buf *out, struct buf *part, const struct cert_key *signer)
{
	struct buf signature = { 0 };
	size_t seq = der_open(out, DER_SEQ);

	cert_key_sign(signer, part->p, part->len, &signature);
	buf_put(out, part->p, part->len);
	der_put_ecdsa_sha256(out);
	der_put_bits(out, 0, signature.p, signature.len);
	der_close(out, seq);
	buf_fini(&signature);
	buf_fini(part);
}

static void
issue(const struct draft *d, const struct cert_key *signer, struct buf *out)
{
	struct buf part = { 0 }, der = { 0 };

	put_signed_part(&part, d);
	put_signed(&der, &part, signer);
	pem_put(PEM_CERT, der.p, der.len, out);
	buf_fini(&der);
}

static void
key_id_of(struct bytes point, uint8_t ret[br_sha1_SIZE])
{
	br_sha1_context sha;

	br_sha1_init(&sha);
	br_sha1_update(&sha, point.p, point.len);
	br_sha1_out(&sha, ret);
}

/* A root that somebody else made may have counted its key id otherwise. */
static void
key_id_of_ca(const struct der_cert *c, uint8_t ret[br_sha1_SIZE])
{
	if (c->key_id.len == br_sha1_SIZE)
		memcpy(ret, c->key_id.p, br_sha1_SIZE);
	else
		key_id_of(c->point, ret);
}

void
cert_make_root(const struct cert_key *k, int64_t now_ns, struct buf *out)
{
	uint8_t point[DER_POINT_LEN];
	struct buf name = { 0 }, key = { 0 };
	struct draft d = {
		.not_before = now_ns - BACKDATE_NS,
		.not_after = now_ns + CERT_ROOT_YEARS * YEAR_NS,
	};
	size_t seq = der_open(&name, DER_SEQ);

	der_put_name(&name, DER_CN, CA_NAME);
	der_close(&name, seq);
	cert_key_point(k, point);
	der_put_key(&key, point);
	d.subject = d.issuer = bytes_of(&name);
	d.public_key = bytes_of(&key);
	key_id_of((struct bytes){ point, sizeof(point) }, d.key_id);
	memcpy(d.issuer_key_id, d.key_id, sizeof(d.key_id));
	issue(&d, k, out);
	buf_fini(&name);
	buf_fini(&key);
}

/* ---- requests ---- */

void
cert_make_request(const struct cert_key *k, struct buf *out)
{
	static const char v1 = 0;
	uint8_t point[DER_POINT_LEN];
	struct buf part = { 0 };
	size_t seq = der_open(&part, DER_SEQ), at;

	cert_key_point(k, point);
	der_put(&part, DER_INT, &v1, 1);
	at = der_open(&part, DER_SEQ); /* no name: the signer gives it */
	der_close(&part, at);
	der_put_key(&part, point);
	at = der_open(&part, DER_CONTEXT_IN); /* no attributes */
	der_close(&part, at);
	der_close(&part, seq);
	put_signed(out, &part, k);
}

/* The key that the request is for, and that signed it. */
static int
read_request(struct bytes from, struct bytes *ret_key, struct bytes *ret_point,
	     struct err *e)
{
	struct bytes outer, in, part, name, attributes, signature;
	bool ecdsa = false;
	int64_t version;

	if (from.len > REQUEST_MAX || !der_get(&from, DER_SEQ, &outer) ||
	    from.len != 0 || !der_get_whole(&outer, DER_SEQ, &in, &part) ||
	    !der_get_ecdsa_sha256(&outer, &ecdsa) ||
	    !der_get_bits(&outer, &signature) || outer.len != 0 ||
	    !der_get_small(&in, &version) || version != 0 ||
	    !der_get(&in, DER_SEQ, &name) ||
	    !der_get_key(&in, ret_key, ret_point) ||
	    !der_get(&in, DER_CONTEXT_IN, &attributes) || in.len != 0)
		return err_set(e, -EINVAL,
			       "the certificate request is not DER of a PKCS "
			       "10 request");
	if (!ecdsa || ret_point->len == 0)
		return err_set(e, -EINVAL,
			       "the certificate request is for another key "
			       "than ECDSA P-256, or not signed with SHA-256");
	if (!der_signature_holds(part, signature, *ret_point))
		return err_set(e, -EINVAL,
			       "the certificate request is not signed by the "
			       "key that it is for");
	return 0;
}

/* ---- signing for others ---- */

/* The CA that ca_pem begins with; pem_der holds it. */
static int
read_signer(const struct cert_key *ca, const char *ca_pem, struct buf *pem_der,
	    struct der_cert *ret, struct err *e)
{
	int r = cert_next(&ca_pem, pem_der, ret, e);

	if (r == 0)
		r = err_set(e, -EINVAL, "there is no certificate");
	if (r > 0 && !ret->ca)
		r = err_set(e, -EINVAL, "the certificate is not of a CA");
	if (r > 0) {
		uint8_t point[DER_POINT_LEN];

		cert_key_point(ca, point);
		if (!der_same(ret->point,
			      (struct bytes){ point, sizeof(point) }))
			r = err_set(e, -EINVAL,
				    "the key is not that of the certificate");
	}
	return r < 0 ? err_wrap(e, r, "sign with the root CA") : 0;
}

static int64_t
add_time(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void
put_leaf_name(struct buf *out, const struct cert_subject *s)
{
	size_t seq = der_open(out, DER_SEQ);

	der_put_name(out, DER_O, s->cluster_id);
	der_put_name(out, DER_OU, role_name(s));
	der_put_name(out, DER_CN, s->node_id);
	der_close(out, seq);
}

int
cert_sign(const struct cert_key *ca, const char *ca_pem, const void *csr,
	  size_t csr_len, const struct cert_subject *s, int64_t now_ns,
	  int64_t expiry_ns, struct buf *out, struct err *e)
{
	struct draft d = { .leaf = s };
	struct buf ca_der = { 0 }, name = { 0 };
	struct der_cert signer;
	struct bytes point;
	int r;

	if (!id_valid(s->node_id) || !id_valid(s->cluster_id) || expiry_ns <= 0)
		return err_set(e, -EINVAL,
			       "a certificate needs the ids of a node and a "
			       "cluster, and a time to last");
	r = read_signer(ca, ca_pem, &ca_der, &signer, e);
	if (r == 0)
		r = read_request((struct bytes){ csr, csr_len }, &d.public_key,
				 &point, e);
	if (r == 0) {
		put_leaf_name(&name, s);
		d.subject = bytes_of(&name);
		d.issuer = signer.subject;
		key_id_of(point, d.key_id);
		key_id_of_ca(&signer, d.issuer_key_id);
		d.not_before = now_ns - BACKDATE_NS;
		d.not_after =
			add_time(add_time(now_ns, expiry_ns), BACKDATE_NS);
		issue(&d, ca, out);
	}
	buf_fini(&name);
	buf_fini(&ca_der);
	return r;
}

int
cert_cross_sign(const struct cert_key *ca, const char *ca_pem,
		const char *root_pem, struct buf *out, struct err *e)
{
	struct buf ca_der = { 0 }, root_der = { 0 };
	struct der_cert signer, root;
	int r = read_signer(ca, ca_pem, &ca_der, &signer, e);

	if (r == 0) {
		r = cert_next(&root_pem, &root_der, &root, e);
		if (r == 0)
			r = err_set(e, -EINVAL, "there is no certificate");
		if (r > 0)
			r = cert_check_root(&root, e);
		if (r < 0)
			r = err_wrap(e, r, "sign another root");
	}
	if (r == 0) {
		struct draft d = {
			.subject = root.subject,
			.issuer = signer.subject,
			.public_key = root.public_key,
			.not_before = root.not_before,
			.not_after = root.not_after < signer.not_after
					     ? root.not_after
					     : signer.not_after,
		};
		key_id_of_ca(&root, d.key_id);
		key_id_of_ca(&signer, d.issuer_key_id);
		issue(&d, ca, out);
	}
	buf_fini(&ca_der);
	buf_fini(&root_der);
	return r;
}
