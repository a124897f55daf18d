/* der_cert.c - see der_cert.h. RFC 5280 and 5480. */
#include "net/tls/der_cert.h"

#include <bearssl.h>
#include <errno.h>
#include <string.h>

#include "core/base/check.h"

#define EXTENSIONS_MAX 32
#define NAME_PARTS_MAX 32

static const struct bytes ec_key = { (const uint8_t *)"\x2a\x86\x48\xce\x3d"
						      "\x02\x01",
				     7 };
static const struct bytes p256 = { (const uint8_t *)"\x2a\x86\x48\xce\x3d\x03"
						    "\x01\x07",
				   8 };
static const struct bytes ecdsa_sha256 = {
	(const uint8_t *)"\x2a\x86\x48\xce\x3d\x04\x03\x02", 8
};
const struct bytes DER_CN = { (const uint8_t *)"\x55\x04\x03", 3 };
const struct bytes DER_OU = { (const uint8_t *)"\x55\x04\x0b", 3 };
const struct bytes DER_O = { (const uint8_t *)"\x55\x04\x0a", 3 };

/* ---- names ---- */

/* One SEQUENCE of a kind and a value; set may hold several of them. */
static bool
get_attribute(struct bytes *set, struct bytes *ret_kind, int *ret_tag,
	      struct bytes *ret)
{
	struct bytes pair, whole;

	return der_get(set, DER_SEQ, &pair) &&
	       der_get(&pair, DER_OID, ret_kind) &&
	       der_any(&pair, ret_tag, ret, &whole) && pair.len == 0;
}

int
der_name_find(struct bytes name, struct bytes kind, struct bytes *ret)
{
	struct bytes sets, set, got, value;
	int found = 0, parts = 0, tag;

	if (!der_get(&name, DER_SEQ, &sets) || name.len != 0)
		return -1;
	while (sets.len > 0) {
		if (!der_get(&sets, DER_SET, &set) || set.len == 0)
			return -1;
		while (set.len > 0) {
			if (!get_attribute(&set, &got, &tag, &value) ||
			    ++parts > NAME_PARTS_MAX)
				return -1;
			if (!der_same(got, kind))
				continue;
			if (tag != DER_UTF8 && tag != DER_PRINTABLE)
				value.len = 0;
			*ret = value;
			found++;
		}
	}
	return found;
}

void
der_put_name(struct buf *out, struct bytes kind, const char *text)
{
	size_t set = der_open(out, DER_SET), pair = der_open(out, DER_SEQ);

	der_put_oid(out, kind);
	/* As Swarm's own certificates: all our names are of these letters. */
	der_put(out, DER_PRINTABLE, text, strlen(text));
	der_close(out, pair);
	der_close(out, set);
}

/* ---- keys and signatures ---- */

bool
der_get_p256(struct bytes *from)
{
	struct bytes left = *from, id;

	if (!der_get(&left, DER_OID, &id) || !der_same(id, p256))
		return false;
	*from = left;
	return true;
}

bool
der_get_ec_p256(struct bytes *from)
{
	struct bytes left = *from, algorithm, id;

	if (!der_get(&left, DER_SEQ, &algorithm) ||
	    !der_get(&algorithm, DER_OID, &id) || !der_same(id, ec_key) ||
	    !der_get_p256(&algorithm) || algorithm.len != 0)
		return false;
	*from = left;
	return true;
}

void
der_put_p256(struct buf *out)
{
	der_put_oid(out, p256);
}

bool
der_get_key(struct bytes *from, struct bytes *ret_whole,
	    struct bytes *ret_point)
{
	struct bytes key, other, bits, whole;
	bool ours;

	if (!der_get_whole(from, DER_SEQ, &key, &whole))
		return false;
	ours = der_get_ec_p256(&key);
	if ((!ours && !der_get(&key, DER_SEQ, &other)) ||
	    !der_get_bits(&key, &bits) || key.len != 0)
		return false;
	*ret_whole = whole;
	*ret_point = (struct bytes){ 0 };
	if (ours && bits.len == DER_POINT_LEN && bits.p[0] == 4)
		*ret_point = bits;
	return true;
}

void
der_put_key(struct buf *out, const uint8_t point[DER_POINT_LEN])
{
	size_t key = der_open(out, DER_SEQ), at = der_open(out, DER_SEQ);

	der_put_oid(out, ec_key);
	der_put_p256(out);
	der_close(out, at);
	der_put_bits(out, 0, point, DER_POINT_LEN);
	der_close(out, key);
}

void
der_put_ecdsa_sha256(struct buf *out)
{
	size_t at = der_open(out, DER_SEQ);

	der_put_oid(out, ecdsa_sha256);
	der_close(out, at);
}

bool
der_get_ecdsa_sha256(struct bytes *from, bool *ret_is)
{
	struct bytes algorithm, id;

	if (!der_get(from, DER_SEQ, &algorithm) ||
	    !der_get(&algorithm, DER_OID, &id))
		return false;
	*ret_is = algorithm.len == 0 && der_same(id, ecdsa_sha256);
	return true;
}

bool
der_signature_holds(struct bytes signed_part, struct bytes signature,
		    struct bytes point)
{
	br_ec_public_key key = { BR_EC_secp256r1, (uint8_t *)(uintptr_t)point.p,
				 point.len };
	uint8_t hash[br_sha256_SIZE];
	br_sha256_context sha;

	if (point.len != DER_POINT_LEN || signature.len == 0)
		return false;
	br_sha256_init(&sha);
	br_sha256_update(&sha, signed_part.p, signed_part.len);
	br_sha256_out(&sha, hash);
	return br_ecdsa_vrfy_asn1_get_default()(br_ec_get_default(), hash,
						sizeof(hash), &key, signature.p,
						signature.len) == 1;
}

bool
der_cert_signed_by(const struct der_cert *c, struct bytes point)
{
	return der_signature_holds(c->signed_part, c->signature, point);
}

/* ---- extensions ---- */

static bool
read_basic(struct bytes v, struct der_cert *ret)
{
	struct bytes seq, yes;
	int64_t path_len;

	if (!der_get(&v, DER_SEQ, &seq) || v.len != 0)
		return false;
	if (der_is(&seq, DER_BOOL)) {
		if (!der_get(&seq, DER_BOOL, &yes) || yes.len != 1)
			return false;
		ret->ca = yes.p[0] != 0;
	}
	if (seq.len > 0 && !der_get_small(&seq, &path_len))
		return false;
	return seq.len == 0;
}

static bool
read_key_usage(struct bytes v, struct der_cert *ret)
{
	struct bytes bits;

	if (!der_get(&v, DER_BITS, &bits) || v.len != 0 || bits.len < 2 ||
	    bits.len > 3 || bits.p[0] > 7)
		return false;
	ret->has_key_usage = true;
	ret->key_usage = bits.p[1];
	return true;
}

static bool
read_key_id(struct bytes v, struct der_cert *ret)
{
	return der_get(&v, DER_OCTETS, &ret->key_id) && v.len == 0;
}

static const struct {
	struct bytes id;
	bool (*read)(struct bytes v, struct der_cert *ret);
} known[] = {
	{ { (const uint8_t *)"\x55\x1d\x13", 3 }, read_basic },
	{ { (const uint8_t *)"\x55\x1d\x0f", 3 }, read_key_usage },
	{ { (const uint8_t *)"\x55\x1d\x0e", 3 }, read_key_id },
};

/* seen: which of known were read; each may come once (RFC 5280, 4.2). */
static bool
read_extension(struct bytes *list, uint32_t *seen, struct der_cert *ret)
{
	struct bytes seq, id, critical, value;

	if (!der_get(list, DER_SEQ, &seq) || !der_get(&seq, DER_OID, &id) ||
	    (der_is(&seq, DER_BOOL) && !der_get(&seq, DER_BOOL, &critical)) ||
	    !der_get(&seq, DER_OCTETS, &value) || seq.len != 0)
		return false;
	for (uint32_t i = 0; i < ARRAY_LEN(known); i++) {
		if (!der_same(id, known[i].id))
			continue;
		if (*seen & BIT(i))
			return false;
		*seen |= BIT(i);
		return known[i].read(value, ret);
	}
	return true;
}

static bool
read_extensions(struct bytes *from, struct der_cert *ret)
{
	struct bytes outer, list;
	uint32_t seen = 0;

	if (from->len == 0)
		return true;
	if (!der_get(from, DER_CONTEXT_IN + 3, &outer) || from->len != 0 ||
	    !der_get(&outer, DER_SEQ, &list) || outer.len != 0)
		return false;
	for (int count = 0; list.len > 0; count++)
		if (count >= EXTENSIONS_MAX ||
		    !read_extension(&list, &seen, ret))
			return false;
	return true;
}

/* ---- certificates ---- */

static bool
read_version(struct bytes *from)
{
	struct bytes outer;
	int64_t version;

	return der_get(from, DER_CONTEXT_IN, &outer) &&
	       der_get_small(&outer, &version) && version == 2 &&
	       outer.len == 0;
}

static bool
read_signed_part(struct bytes from, bool *ret_ecdsa, struct der_cert *ret)
{
	struct bytes serial, validity, name;

	return read_version(&from) && der_get(&from, DER_INT, &serial) &&
	       der_get_ecdsa_sha256(&from, ret_ecdsa) &&
	       der_get_whole(&from, DER_SEQ, &name, &ret->issuer) &&
	       der_get(&from, DER_SEQ, &validity) &&
	       der_get_time(&validity, &ret->not_before) &&
	       der_get_time(&validity, &ret->not_after) && validity.len == 0 &&
	       der_get_whole(&from, DER_SEQ, &name, &ret->subject) &&
	       der_get_key(&from, &ret->public_key, &ret->point) &&
	       read_extensions(&from, ret);
}

int
der_cert_read(struct bytes from, struct der_cert *ret, struct err *e)
{
	struct der_cert c = { 0 };
	struct bytes outer, inner, signature;
	bool inside = false, outside = false;

	if (!der_get(&from, DER_SEQ, &outer) || from.len != 0 ||
	    !der_get_whole(&outer, DER_SEQ, &inner, &c.signed_part) ||
	    !read_signed_part(inner, &inside, &c) ||
	    !der_get_ecdsa_sha256(&outer, &outside) ||
	    !der_get_bits(&outer, &signature) || outer.len != 0)
		return err_set(e, -EINVAL,
			       "the certificate is not DER of an X.509 v3 "
			       "certificate");
	if (inside && outside)
		c.signature = signature;
	*ret = c;
	return 0;
}
