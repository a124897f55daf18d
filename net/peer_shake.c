/*
 * peer_shake.c - the engine of a link: TLS 1.2, ECDHE with ECDSA, no
 * renegotiation, no session cache (deps.md 7, hard rules).
 */
#include <string.h>
#include <sys/random.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "net/peers_impl.h"

#define ENTROPY_LEN 32

_Static_assert(offsetof(br_ssl_client_context, eng) == 0, "one pointer");
_Static_assert(offsetof(br_ssl_server_context, eng) == 0, "one pointer");

/* What the processor does itself is ten times as fast. */
static void
set_suites(br_ssl_engine_context *e)
{
	static const uint16_t with_aes[] = {
		BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	};
	static const uint16_t without[] = {
		BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	};
	bool has_aes = br_aes_x86ni_ctr_get_vtable() != NULL;

	br_ssl_engine_set_suites(e, has_aes ? with_aes : without,
				 ARRAY_LEN(with_aes));
	br_ssl_engine_set_default_aes_gcm(e);
	br_ssl_engine_set_default_chapol(e);
}

static void
set_up(br_ssl_engine_context *e)
{
	br_ssl_engine_set_versions(e, BR_TLS12, BR_TLS12);
	set_suites(e);
	br_ssl_engine_set_default_ec(e);
	br_ssl_engine_set_default_ecdsa(e);
	br_ssl_engine_set_hash(e, br_sha256_ID, &br_sha256_vtable);
	br_ssl_engine_set_prf_sha256(e, &br_tls12_sha256_prf);
	br_ssl_engine_add_flags(e, BR_OPT_NO_RENEGOTIATION |
					   BR_OPT_ENFORCE_SERVER_PREFERENCES);
}

/* After the buffers: they reset the engine's generator. */
static void
seed(br_ssl_engine_context *e)
{
	uint8_t entropy[ENTROPY_LEN];

	if (getrandom(entropy, sizeof(entropy), 0) != sizeof(entropy))
		fatal("the kernel gives no random bytes");
	br_ssl_engine_inject_entropy(e, entropy, sizeof(entropy));
	explicit_bzero(entropy, sizeof(entropy));
}

static size_t
context_size(bool client)
{
	return client ? sizeof(br_ssl_client_context)
		      : sizeof(br_ssl_server_context);
}

static bool
start_client(struct shake *s, br_ssl_client_context *cc)
{
	if (s->identity != NULL)
		tls_identity_to_client(s->identity, cc);
	chain_to_client(s->chain, cc);
	return br_ssl_client_reset(cc, NULL, 0);
}

static bool
start_server(struct shake *s, br_ssl_server_context *sc)
{
	tls_identity_to_server(s->identity, sc);
	chain_to_server(s->chain, sc);
	return br_ssl_server_reset(sc);
}

br_ssl_engine_context *
shake_engine_new(struct shake *s)
{
	size_t len = context_size(s->client);
	size_t out = s->client ? RECORD_OUT_LEN : RECORD_OUT_INBOUND_LEN;
	uint8_t *p = mem_new(len + RECORD_IN_LEN + out);
	br_ssl_engine_context *e = (br_ssl_engine_context *)p;
	bool started;

	if (s->client)
		br_ssl_client_zero((br_ssl_client_context *)e);
	else
		br_ssl_server_zero((br_ssl_server_context *)e);
	set_up(e);
	br_ssl_engine_set_buffers_bidi(e, p + len, RECORD_IN_LEN,
				       p + len + RECORD_IN_LEN, out);
	seed(e);
	if (s->client)
		started = start_client(s, (br_ssl_client_context *)e);
	else
		started = start_server(s, (br_ssl_server_context *)e);
	check(started);
	return e;
}

void
shake_engine_settle(struct shake *s)
{
	br_ssl_engine_set_x509(s->engine, NULL);
	if (s->client) {
		br_ssl_client_context *cc = (br_ssl_client_context *)s->engine;

		br_ssl_client_set_client_certificate(cc, NULL);
	} else {
		br_ssl_server_context *sc = (br_ssl_server_context *)s->engine;

		br_ssl_server_set_policy(sc, NULL);
		br_ssl_server_set_trust_anchor_names(sc, NULL, 0);
	}
}

void
engine_free(br_ssl_engine_context *e)
{
	/* The session's keys; the buffers behind held messages only. */
	if (e != NULL)
		explicit_bzero(e, sizeof(*e));
	mem_free(e);
}
