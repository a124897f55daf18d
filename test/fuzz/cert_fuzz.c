/*
 * cert_fuzz.c - what foreigners send that has to do with certificates: the
 * first byte says whether the rest is a certificate, PEM, a key, a request,
 * or a chain that a peer shows. Whatever is read was read within bounds, and
 * what none of us signed is believed by nobody.
 */
#include <string.h>

#include "core/base/check.h"
#include "net/tls/cert_impl.h"
#include "net/tls/chain_impl.h"
#include "net/tls/pem.h"

#define NOW (INT64_C(1795235851) * NS_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static struct cert_key ca_key;
static struct buf ca_pem;
static struct tls_roots *roots;

static void
setup(void)
{
	struct err e;

	if (roots != NULL)
		return;
	cert_key_make(&ca_key);
	cert_make_root(&ca_key, NOW, &ca_pem);
	check(tls_roots_new(buf_cstr(&ca_pem), &roots, &e) == 0);
}

static void
inside(struct bytes v, struct bytes all)
{
	check(v.len <= all.len);
	if (v.len > 0)
		check(v.p >= all.p && v.p + v.len <= all.p + all.len);
}

static void
read_cert(struct bytes all)
{
	const struct bytes kinds[] = { DER_CN, DER_OU, DER_O };
	struct bytes value = { 0 };
	struct der_cert c;
	struct err e;

	if (der_cert_read(all, &c, &e) < 0)
		return;
	inside(c.signed_part, all);
	inside(c.issuer, all);
	inside(c.public_key, all);
	inside(c.point, c.public_key);
	inside(c.key_id, all);
	inside(c.signature, all);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (der_name_find(c.subject, kinds[i], &value) > 0)
			inside(value, c.subject);
	(void)cert_check_root(&c, &e);
}

static void
read_pem(struct bytes all)
{
	struct buf text = { 0 }, der = { 0 };
	char digest[CERT_DIGEST_TEXT + 1];
	struct tls_roots *other;
	struct tls_peer peer;
	struct shown shown;
	struct err e;

	buf_put(&text, all.p, all.len);
	(void)buf_cstr(&text);
	if (shown_read(text.p, &der, &shown, &e) == 0)
		check(shown.count > 0 && der.len <= CHAIN_BYTES_MAX);
	(void)cert_digest(text.p, digest, &e);
	(void)cert_is_key_of(&ca_key, text.p);
	check(chain_check(text.p, roots, NOW, &peer, &e) < 0);
	if (tls_roots_new(text.p, &other, &e) == 0)
		tls_roots_unref(other);
	buf_fini(&text);
	buf_fini(&der);
}

static void
read_key(struct bytes all)
{
	struct cert_key k, back;
	struct buf der = { 0 };
	struct err e;

	if (cert_key_read(all.p, all.len, &k, &e) < 0)
		return;
	cert_key_write(&k, &der);
	check(cert_key_read(der.p, der.len, &back, &e) == 0);
	check(memcmp(&k, &back, sizeof(k)) == 0);
	buf_fini(&der);
}

static void
read_request(struct bytes all)
{
	const struct cert_subject s = { "9zbf3k7d1a2b3c4d5e6f7g8h9",
					"c1ust3r71a2b3c4d5e6f7g8h9", false };
	struct tls_peer peer;
	struct buf pem = { 0 };
	struct err e;

	if (cert_sign(&ca_key, ca_pem.p, all.p, all.len, &s, NOW,
		      3600 * NS_PER_S, &pem, &e) == 0) {
		check(chain_check(buf_cstr(&pem), roots, NOW, &peer, &e) == 0);
		check(strcmp(peer.role, "swarm-worker") == 0);
	}
	buf_fini(&pem);
}

/* Certificates of up to 255 * 64 bytes, each after a byte that says how long,
 * brought in pieces of as many bytes as the byte after it says. */
static void
show_chain(struct bytes all)
{
	br_ssl_server_context sc;
	struct chain_config config = { .roots = roots, .now_ns = NOW };
	struct chain *c = chain_new(&config);
	const br_x509_class **x;
	struct tls_peer peer;
	struct err e;

	br_ssl_server_zero(&sc);
	chain_to_server(c, &sc);
	x = sc.eng.x509ctx;
	(*x)->start_chain(x, NULL);
	while (all.len > 2) {
		size_t cert = all.p[0] * (size_t)64, piece = all.p[1] + 1U;

		all.p += 2;
		all.len -= 2;
		cert = cert < all.len ? cert : all.len;
		(*x)->start_cert(x, (uint32_t)cert);
		for (size_t n; cert > 0; cert -= n) {
			n = piece < cert ? piece : cert;
			(*x)->append(x, all.p, n);
			all.p += n;
			all.len -= n;
		}
		(*x)->end_cert(x);
	}
	check((*x)->end_chain(x) != 0);
	check((*x)->get_pkey((const br_x509_class *const *)x, NULL) == NULL);
	check(chain_peer(c, &peer, &e) < 0);
	chain_free(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct bytes all = { p + 1, len - 1 };

	setup();
	if (len == 0)
		return 0;
	if (p[0] % 5 == 0)
		read_cert(all);
	else if (p[0] % 5 == 1)
		read_pem(all);
	else if (p[0] % 5 == 2)
		read_key(all);
	else if (p[0] % 5 == 3)
		read_request(all);
	else
		show_chain(all);
	return 0;
}
