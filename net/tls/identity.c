/* identity.c - who we are: see chain.h. */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "net/tls/chain_impl.h"

struct tls_identity {
	unsigned refs; /* atomic */
	struct cert_key key;
	br_ec_private_key private;
	struct buf chain_der, roots_der;
	br_x509_certificate shown[CERT_CHAIN_MAX];
	size_t count;
};

static void
identity_free(struct tls_identity *i)
{
	cert_key_wipe(&i->key);
	buf_fini(&i->chain_der);
	buf_fini(&i->roots_der);
	mem_free(i);
}

static int
show(struct tls_identity *i, const struct shown *s, struct err *e)
{
	for (size_t n = 0; n < s->count; n++) {
		if (i->count == CERT_CHAIN_MAX)
			return err_set(e, -EINVAL,
				       "more than %d certificates in the chain "
				       "and its roots",
				       CERT_CHAIN_MAX);
		i->shown[i->count++] =
			(br_x509_certificate){ (uint8_t *)(uintptr_t)s->v[n].p,
					       s->v[n].len };
	}
	return 0;
}

/* The chain holds up against roots, and both are shown from now on. */
static int
read_chain(struct tls_identity *i, const char *chain_pem, const char *roots_pem,
	   struct err *e)
{
	struct shown chain, roots;
	struct tls_roots *trusted;
	struct tls_peer self;
	int r = shown_read(chain_pem, &i->chain_der, &chain, e);

	if (r == 0)
		r = shown_read(roots_pem, &i->roots_der, &roots, e);
	if (r == 0)
		r = show(i, &chain, e);
	if (r == 0)
		r = show(i, &roots, e);
	if (r == 0)
		r = tls_roots_new(roots_pem, &trusted, e);
	if (r < 0)
		return r;
	r = verify_chain(&chain, trusted, 0, VERIFY_ANY_TIME, &self, e);
	tls_roots_unref(trusted);
	return r < 0 ? -EINVAL : 0;
}

int
tls_identity_new(const char *chain_pem, const char *roots_pem, const void *key,
		 size_t key_len, struct tls_identity **ret, struct err *e)
{
	struct tls_identity *i = mem_new(sizeof(*i));
	int r = cert_key_read(key, key_len, &i->key, e);

	i->refs = 1;
	i->private = cert_key_private(&i->key);
	if (r == 0)
		r = read_chain(i, chain_pem, roots_pem, e);
	if (r == 0 && !cert_is_key_of(&i->key, chain_pem))
		r = err_set(e, -EINVAL,
			    "the private key is not that of the certificate");
	if (r < 0) {
		identity_free(i);
		return err_wrap(e, r, "use this node's certificate");
	}
	*ret = i;
	return 0;
}

struct tls_identity *
tls_identity_ref(struct tls_identity *i)
{
	__atomic_add_fetch(&i->refs, 1, __ATOMIC_RELAXED);
	return i;
}

void
tls_identity_unref(struct tls_identity *i)
{
	if (i != NULL && __atomic_sub_fetch(&i->refs, 1, __ATOMIC_ACQ_REL) == 0)
		identity_free(i);
}

void
tls_identity_to_client(const struct tls_identity *i, br_ssl_client_context *cc)
{
	br_ssl_client_set_single_ec(cc, i->shown, i->count, &i->private,
				    BR_KEYTYPE_SIGN, BR_KEYTYPE_EC,
				    br_ec_get_default(),
				    br_ecdsa_sign_asn1_get_default());
}

void
tls_identity_to_server(const struct tls_identity *i, br_ssl_server_context *sc)
{
	br_ssl_server_set_single_ec(sc, i->shown, i->count, &i->private,
				    BR_KEYTYPE_SIGN, BR_KEYTYPE_EC,
				    br_ec_get_default(),
				    br_ecdsa_sign_asn1_get_default());
}
