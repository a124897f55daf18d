/* seal.c - see seal.h. */
#include "net/tls/seal.h"

#include <bearssl.h>
#include <string.h>

#include "core/base/check.h"

#define VERSION 1
#define CLEAR_LEN (1 + SEAL_NAME_LEN + SEAL_NONCE_LEN)

void
seal_key_init(struct seal_key *k, const uint8_t secret[SEAL_KEY_LEN])
{
	static const char label[] = "swarm sealed datagram";
	uint8_t digest[br_sha256_SIZE];
	br_sha256_context hash;

	br_sha256_init(&hash);
	br_sha256_update(&hash, label, sizeof(label));
	br_sha256_update(&hash, secret, SEAL_KEY_LEN);
	br_sha256_out(&hash, digest);
	memcpy(k->secret, secret, SEAL_KEY_LEN);
	memcpy(k->name, digest, SEAL_NAME_LEN);
}

void
seal_key_wipe(struct seal_key *k)
{
	explicit_bzero(k, sizeof(*k));
}

/* The fastest that this machine has; all give the same bytes. */
static void
run_aead(const struct seal_key *k, uint8_t *sealed, size_t text_len,
	 uint8_t tag[SEAL_TAG_LEN], int encrypt)
{
	br_chacha20_run chacha = br_chacha20_sse2_get();
	br_poly1305_run poly = br_poly1305_ctmulq_get();

	if (chacha == NULL)
		chacha = br_chacha20_ct_run;
	if (poly == NULL)
		poly = br_poly1305_ctmul_run;
	poly(k->secret, sealed + 1 + SEAL_NAME_LEN, sealed + CLEAR_LEN,
	     text_len, sealed, CLEAR_LEN, tag, chacha, encrypt);
}

size_t
seal_close(const struct seal_key *k, const uint8_t nonce[SEAL_NONCE_LEN],
	   const void *plain, size_t len, uint8_t *ret)
{
	check(len > 0);
	ret[0] = VERSION;
	memcpy(ret + 1, k->name, SEAL_NAME_LEN);
	memcpy(ret + 1 + SEAL_NAME_LEN, nonce, SEAL_NONCE_LEN);
	memcpy(ret + CLEAR_LEN, plain, len);
	run_aead(k, ret, len, ret + CLEAR_LEN + len, 1);
	return len + SEAL_OVERHEAD;
}

/* In the same time wherever they differ. */
static bool
same_tag(const uint8_t *a, const uint8_t *b)
{
	uint8_t diff = 0;

	for (int i = 0; i < SEAL_TAG_LEN; i++)
		diff |= a[i] ^ b[i];
	return diff == 0;
}

/* Two keys of one name are one in four thousand million: the first is tried. */
static const struct seal_key *
named(const struct seal_key *keys, size_t count, const uint8_t *name)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(keys[i].name, name, SEAL_NAME_LEN) == 0)
			return &keys[i];
	return NULL;
}

bool
seal_open(const struct seal_key *keys, size_t count, uint8_t *sealed,
	  size_t len, const uint8_t **ret, size_t *ret_len)
{
	uint8_t tag[SEAL_TAG_LEN];
	const struct seal_key *k;
	size_t text_len;

	if (len <= SEAL_OVERHEAD || sealed[0] != VERSION)
		return false;
	k = named(keys, count, sealed + 1);
	if (k == NULL)
		return false;
	text_len = len - SEAL_OVERHEAD;
	run_aead(k, sealed, text_len, tag, 0);
	if (!same_tag(tag, sealed + CLEAR_LEN + text_len))
		return false;
	*ret = sealed + CLEAR_LEN;
	*ret_len = text_len;
	return true;
}
