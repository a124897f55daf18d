/*
 * verify.c - one chain against the roots. BearSSL's x509_minimal does the
 * path, the signatures and the times; see chain.h for what is left to us.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "net/tls/chain_impl.h"
#include "net/tls/pem.h"

#define DAYS_TO_1970 719528 /* from year 0, as BearSSL counts */
#define NAME_MAX_LEN 128

enum name { NAME_CN, NAME_OU, NAME_O, NAMES };

/* What BearSSL read of the leaf's subject; only of a chain that holds. */
struct names {
	br_name_element v[NAMES];
	char text[NAMES][NAME_MAX_LEN];
};

static const struct {
	const char *name;
	const unsigned char oid[4]; /* its length first, as BearSSL wants it */
} kinds[NAMES] = {
	[NAME_CN] = { "CN", { 3, 0x55, 0x04, 0x03 } },
	[NAME_OU] = { "OU", { 3, 0x55, 0x04, 0x0b } },
	[NAME_O] = { "O", { 3, 0x55, 0x04, 0x0a } },
};

static void
ask_names(struct names *n, br_x509_minimal_context *x)
{
	for (int i = 0; i < NAMES; i++)
		n->v[i] = (br_name_element){ kinds[i].oid, n->text[i],
					     sizeof(n->text[i]), 0 };
	br_x509_minimal_set_name_elements(x, n->v, NAMES);
}

/*
 * The one text of this kind. BearSSL gives the first of several, so they are
 * counted here, and both readings of it have to be the same: a NUL or bytes
 * that are no text end here.
 */
static int
one_name(const struct der_cert *leaf, const struct names *n, enum name i,
	 struct err *e)
{
	struct bytes kind = { kinds[i].oid + 1, 3 }, value = { 0 };
	int found = der_name_find(leaf->subject, kind, &value);
	size_t len = strlen(n->text[i]);

	if (found != 1)
		return err_set(e, -EACCES,
			       "its certificate has %d %s entries in its name, "
			       "and has to have one",
			       found < 0 ? 0 : found, kinds[i].name);
	if (n->v[i].status != 1 || len == 0 || len != value.len ||
	    memcmp(n->text[i], value.p, len) != 0)
		return err_set(e, -EACCES,
			       "the %s of its certificate is empty or no text",
			       kinds[i].name);
	return 0;
}

static bool
is_role(const char *s)
{
	return strcmp(s, "swarm-manager") == 0 ||
	       strcmp(s, "swarm-worker") == 0;
}

static int
read_names(const struct der_cert *leaf, const struct names *n,
	   struct tls_peer *ret, struct err *e)
{
	for (int i = 0; i < NAMES; i++) {
		int r = one_name(leaf, n, (enum name)i, e);

		if (r < 0)
			return r;
	}
	if (!is_role(n->text[NAME_OU]))
		return err_set(e, -EACCES,
			       "the OU of its certificate is no role of a "
			       "node");
	if (!id_valid(n->text[NAME_CN]) || !id_valid(n->text[NAME_O]))
		return err_set(e, -EACCES, "the %s of its certificate is no id",
			       id_valid(n->text[NAME_CN]) ? "O" : "CN");
	memcpy(ret->node_id, n->text[NAME_CN], ID_LEN + 1);
	memcpy(ret->cluster_id, n->text[NAME_O], ID_LEN + 1);
	memcpy(ret->role, n->text[NAME_OU], strlen(n->text[NAME_OU]) + 1);
	return 0;
}

/* What BearSSL lets pass for a leaf. */
static int
check_leaf(const struct der_cert *leaf, struct err *e)
{
	if (leaf->ca)
		return err_set(e, -EACCES,
			       "its certificate is that of a CA, and not of a "
			       "node");
	if (leaf->has_key_usage && !(leaf->key_usage & DER_USE_SIGN))
		return err_set(e, -EACCES,
			       "its certificate is not for signing");
	if (leaf->point.len == 0 || leaf->signature.len == 0)
		return err_set(e, -EACCES,
			       "its certificate is not of ECDSA P-256 with "
			       "SHA-256");
	return 0;
}

/* A certificate that is made now is backdated by an hour, so this is a clock
 * that is wrong by more than that: ours or the signer's. */
static int
check_begin(const struct der_cert *leaf, int64_t now_ns, struct err *e)
{
	char from[TIME_TEXT_MAX], now[TIME_TEXT_MAX];

	if (now_ns >= leaf->not_before)
		return 0;
	time_format(leaf->not_before, from);
	time_format(now_ns - now_ns % NS_PER_S, now);
	return err_set(e, -EACCES,
		       "its certificate is valid from %s on, and here it is "
		       "%s; set the clocks of both nodes",
		       from, now);
}

/* Roots are not dated for BearSSL: those out of their time are left out. */
static size_t
valid_anchors(const struct tls_roots *roots, int64_t now_ns,
	      enum verify_times times, br_x509_trust_anchor ret[ROOTS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < roots->count; i++) {
		const struct der_cert *c = &roots->v[i].cert;

		if (times == VERIFY_ANY_TIME ||
		    (c->not_before <= now_ns && now_ns <= c->not_after))
			ret[count++] = roots->v[i].anchor;
	}
	return count;
}

/* 0, or one of BR_ERR_X509_*. */
static unsigned
run_minimal(const struct shown *shown, br_x509_minimal_context *x)
{
	const br_x509_class **vtable = &x->vtable;

	(*vtable)->start_chain(vtable, NULL);
	for (size_t i = 0; i < shown->count; i++) {
		(*vtable)->start_cert(vtable, (uint32_t)shown->v[i].len);
		(*vtable)->append(vtable, shown->v[i].p, shown->v[i].len);
		(*vtable)->end_cert(vtable);
	}
	return (*vtable)->end_chain(vtable);
}

/* Does shown lead to one of the anchors at at_ns, and what is its name? */
static int
check_path(const struct shown *shown, const br_x509_trust_anchor *anchors,
	   size_t count, int64_t at_ns, struct names *ret, struct err *e)
{
	int64_t at = at_ns / NS_PER_S;
	br_x509_minimal_context x;
	unsigned why;

	br_x509_minimal_init(&x, &br_sha256_vtable, anchors, count);
	br_x509_minimal_set_hash(&x, br_sha256_ID, &br_sha256_vtable);
	br_x509_minimal_set_ecdsa(&x, br_ec_get_default(),
				  br_ecdsa_vrfy_asn1_get_default());
	br_x509_minimal_set_time(&x, (uint32_t)(at / 86400 + DAYS_TO_1970),
				 (uint32_t)(at % 86400));
	ask_names(ret, &x);
	why = run_minimal(shown, &x);
	if (why != 0)
		return err_set(e, -EACCES, "its certificate is not good: %s",
			       tls_error((int)why));
	return 0;
}

int
verify_chain(const struct shown *shown, const struct tls_roots *roots,
	     int64_t now_ns, enum verify_times times, struct tls_peer *ret,
	     struct err *e)
{
	br_x509_trust_anchor anchors[ROOTS_MAX];
	struct tls_peer peer = { .trust = TLS_VERIFIED };
	struct der_cert leaf;
	struct names names;
	int64_t at = now_ns;
	size_t count;
	int r;

	check(shown->count > 0);
	if (der_cert_read(shown->v[0], &leaf, e) < 0)
		return err_wrap(e, -EACCES, "it showed no certificate");
	if (times == VERIFY_NOW && check_begin(&leaf, now_ns, e) < 0)
		return -EACCES;
	if (times == VERIFY_ANY_TIME || now_ns > leaf.not_after)
		at = leaf.not_after;
	if (times == VERIFY_NOW && at != now_ns)
		peer.trust = TLS_EXPIRED;
	if (at < 0)
		return err_set(e, -EACCES, "its certificate is of no time");
	count = valid_anchors(roots, now_ns, times, anchors);
	if (count == 0)
		return err_set(e, -EACCES,
			       "no root certificate that is trusted here is "
			       "valid now; check the clock");
	r = check_path(shown, anchors, count, at, &names, e);
	if (r == 0)
		r = check_leaf(&leaf, e);
	if (r == 0)
		r = read_names(&leaf, &names, &peer, e);
	if (r == 0)
		*ret = peer;
	return r;
}

int
shown_read(const char *pem, struct buf *der, struct shown *ret, struct err *e)
{
	size_t ends[CERT_CHAIN_MAX];
	struct buf one = { 0 };
	struct der_cert c;
	int got;

	*ret = (struct shown){ 0 };
	while ((got = cert_next(&pem, &one, &c, e)) > 0) {
		if (ret->count == CERT_CHAIN_MAX ||
		    der->len + one.len > CHAIN_BYTES_MAX) {
			got = err_set(e, -EINVAL,
				      "more than %d certificates or %d bytes",
				      CERT_CHAIN_MAX, CHAIN_BYTES_MAX);
			break;
		}
		buf_put(der, one.p, one.len);
		ends[ret->count++] = der->len;
	}
	buf_fini(&one);
	if (got == 0 && ret->count == 0)
		got = err_set(e, -EINVAL, "there is no certificate in the PEM");
	for (size_t i = 0, at = 0; i < ret->count; at = ends[i++])
		ret->v[i] =
			(struct bytes){ (uint8_t *)der->p + at, ends[i] - at };
	return got;
}

int
chain_check(const char *pem, struct tls_roots *roots, int64_t now_ns,
	    struct tls_peer *ret, struct err *e)
{
	struct buf der = { 0 };
	struct shown shown;
	int r = shown_read(pem, &der, &shown, e);

	if (r == 0)
		r = verify_chain(&shown, roots, now_ns, VERIFY_NOW, ret, e);
	buf_fini(&der);
	return r;
}
