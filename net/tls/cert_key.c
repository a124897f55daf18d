/* cert_key.c - keys of P-256: made, read, written and used to sign. BearSSL's
 * own reader of keys is not used: a long key overflows it (deps.md 7). */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "net/tls/cert_impl.h"
#include "net/tls/pem.h"

#define KEY_BYTES_MAX 512 /* DER; the longest form of PKCS 8 has 150 */
#define KEY_TEXT_MAX 4096 /* PEM, with parameters before it */

void
cert_random(void *p, size_t len)
{
	uint8_t *b = p;

	while (len > 0) {
		ssize_t n = getrandom(b, len, 0);

		if (n < 0 && errno != EINTR)
			fatal("no random bytes from the kernel");
		if (n > 0) {
			b += n;
			len -= (size_t)n;
		}
	}
}

/* 0 < x < the order of the group. */
static bool
in_range(const struct cert_key *k)
{
	static const uint8_t zero[CERT_KEY_LEN];
	size_t len;
	const uint8_t *order =
		br_ec_get_default()->order(BR_EC_secp256r1, &len);

	check(len == CERT_KEY_LEN);
	return memcmp(k->x, order, len) < 0 && memcmp(k->x, zero, len) != 0;
}

void
cert_key_make(struct cert_key *ret)
{
	do
		cert_random(ret->x, sizeof(ret->x));
	while (!in_range(ret));
}

void
cert_key_wipe(struct cert_key *k)
{
	explicit_bzero(k, sizeof(*k));
}

br_ec_private_key
cert_key_private(const struct cert_key *k)
{
	return (br_ec_private_key){ BR_EC_secp256r1, (uint8_t *)(uintptr_t)k->x,
				    sizeof(k->x) };
}

void
cert_key_point(const struct cert_key *k, uint8_t ret[DER_POINT_LEN])
{
	br_ec_private_key private = cert_key_private(k);

	check(br_ec_compute_pub(br_ec_get_default(), NULL, ret, &private) ==
	      DER_POINT_LEN);
}

void
cert_key_sign(const struct cert_key *k, const void *p, size_t len,
	      struct buf *out)
{
	br_ec_private_key private = cert_key_private(k);
	uint8_t hash[br_sha256_SIZE], signature[80];
	br_sha256_context sha;
	size_t n;

	br_sha256_init(&sha);
	br_sha256_update(&sha, p, len);
	br_sha256_out(&sha, hash);
	n = br_ecdsa_sign_asn1_get_default()(br_ec_get_default(),
					     &br_sha256_vtable, hash, &private,
					     signature);
	check(n > 0 && n <= sizeof(signature));
	buf_put(out, signature, n);
}

void
cert_key_write(const struct cert_key *k, struct buf *out)
{
	static const char version = 1;
	uint8_t point[DER_POINT_LEN];
	size_t seq, at;

	cert_key_point(k, point);
	(void)buf_room(out, KEY_BYTES_MAX); /* no copy is left by growing */
	seq = der_open(out, DER_SEQ);
	der_put(out, DER_INT, &version, 1);
	der_put(out, DER_OCTETS, k->x, sizeof(k->x));
	at = der_open(out, DER_CONTEXT_IN);
	der_put_p256(out);
	der_close(out, at);
	at = der_open(out, DER_CONTEXT_IN + 1);
	der_put_bits(out, 0, point, sizeof(point));
	der_close(out, at);
	der_close(out, seq);
}

/* RFC 5915. The curve may be left out where PKCS 8 has said it. */
static bool
read_sec1(struct bytes from, bool curve_known, struct cert_key *ret)
{
	struct bytes seq, x, in, bits = { 0 };
	int64_t version;

	if (!der_get(&from, DER_SEQ, &seq) || from.len != 0 ||
	    !der_get_small(&seq, &version) || version != 1 ||
	    !der_get(&seq, DER_OCTETS, &x) || x.len != CERT_KEY_LEN)
		return false;
	if (der_is(&seq, DER_CONTEXT_IN)) {
		if (!der_get(&seq, DER_CONTEXT_IN, &in) || !der_get_p256(&in) ||
		    in.len != 0)
			return false;
		curve_known = true;
	}
	if (seq.len > 0 &&
	    (!der_get(&seq, DER_CONTEXT_IN + 1, &in) ||
	     !der_get_bits(&in, &bits) || in.len != 0 || seq.len != 0))
		return false;
	memcpy(ret->x, x.p, sizeof(ret->x));
	return curve_known && in_range(ret);
}

/* RFC 5958: a version, what kind of key it is, and SEC 1 in octets. */
static bool
read_pkcs8(struct bytes from, struct cert_key *ret)
{
	struct bytes seq, octets;
	int64_t version;

	return der_get(&from, DER_SEQ, &seq) && from.len == 0 &&
	       der_get_small(&seq, &version) && version <= 1 &&
	       der_get_ec_p256(&seq) && der_get(&seq, DER_OCTETS, &octets) &&
	       read_sec1(octets, true, ret);
}

static int
read_der(struct bytes from, struct cert_key *ret, struct err *e)
{
	struct cert_key k;
	bool ok = from.len <= KEY_BYTES_MAX &&
		  (read_sec1(from, false, &k) || read_pkcs8(from, &k));

	if (ok)
		*ret = k;
	cert_key_wipe(&k);
	if (!ok)
		return err_set(e, -EINVAL,
			       "the key is not a private key of ECDSA P-256 "
			       "(SEC 1 or PKCS 8, not encrypted)");
	return 0;
}

/* The first private key of text; "EC PARAMETERS" may come before it. */
static int
read_pem(const char *text, struct cert_key *ret, struct err *e)
{
	char label[PEM_LABEL_MAX];
	struct buf der = { 0 };
	int r;

	do {
		buf_clear(&der);
		r = pem_next(&text, KEY_BYTES_MAX, label, &der, e);
	} while (r > 0 && !str_ends(label, "PRIVATE KEY"));
	if (r > 0)
		r = read_der((struct bytes){ (uint8_t *)der.p, der.len }, ret,
			     e);
	else if (r == 0)
		r = err_set(e, -EINVAL, "there is no private key in the PEM");
	if (der.p != NULL)
		explicit_bzero(der.p, der.cap);
	buf_fini(&der);
	return r;
}

int
cert_key_read(const void *p, size_t len, struct cert_key *ret, struct err *e)
{
	struct buf text = { 0 };
	int r;

	if (len == 0 || len > KEY_TEXT_MAX)
		return err_set(e, -EINVAL,
			       "the key is empty or longer than %d bytes",
			       KEY_TEXT_MAX);
	if (*(const uint8_t *)p == DER_SEQ)
		return read_der((struct bytes){ p, len }, ret, e);
	(void)buf_room(&text, len + 1);
	buf_put(&text, p, len);
	r = read_pem(buf_cstr(&text), ret, e);
	explicit_bzero(text.p, text.cap);
	buf_fini(&text);
	return r;
}
