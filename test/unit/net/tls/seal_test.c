/* seal_test.c - what was sealed opens with its key, as it was, and only so. */
#include "net/tls/seal.h"

#include "test/t.h"

#define PLAIN "who answers?"
#define PLAIN_LEN (sizeof(PLAIN) - 1)
#define SEALED_LEN (PLAIN_LEN + SEAL_OVERHEAD)

static const uint8_t nonce[SEAL_NONCE_LEN] = { 9, 8, 7, 6, 5, 4, 3 };

static struct seal_key
key(uint8_t of)
{
	uint8_t secret[SEAL_KEY_LEN];
	struct seal_key k;

	memset(secret, of, sizeof(secret));
	seal_key_init(&k, secret);
	return k;
}

static void
seal_one(uint8_t of, uint8_t ret[SEALED_LEN])
{
	struct seal_key k = key(of);

	EQ(seal_close(&k, nonce, PLAIN, PLAIN_LEN, ret), SEALED_LEN);
}

static bool
opens(const uint8_t *sealed, size_t len, uint8_t first, uint8_t second)
{
	struct seal_key keys[2] = { key(first), key(second) };
	uint8_t copy[2 * SEALED_LEN];
	const uint8_t *plain = NULL;
	size_t plain_len = 0;

	memcpy(copy, sealed, len);
	if (!seal_open(keys, 2, copy, len, &plain, &plain_len)) {
		OK(plain == NULL && plain_len == 0);
		return false;
	}
	EQ(plain_len, PLAIN_LEN);
	OK(memcmp(plain, PLAIN, PLAIN_LEN) == 0);
	return true;
}

T(any_of_the_keys_opens_it)
{
	uint8_t sealed[SEALED_LEN];

	seal_one(1, sealed);
	OK(opens(sealed, SEALED_LEN, 1, 2));
	OK(opens(sealed, SEALED_LEN, 2, 1));
	OK(!opens(sealed, SEALED_LEN, 2, 3));
}

T(a_changed_bit_anywhere_keeps_it_shut)
{
	uint8_t sealed[SEALED_LEN];

	seal_one(1, sealed);
	for (size_t bit = 0; bit < 8 * SEALED_LEN; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		OK(!opens(sealed, SEALED_LEN, 1, 1));
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	OK(opens(sealed, SEALED_LEN, 1, 1));
}

T(a_cut_or_longer_one_stays_shut)
{
	uint8_t sealed[SEALED_LEN + 1] = { 0 };

	seal_one(1, sealed);
	for (size_t len = 0; len < SEALED_LEN; len++)
		OK(!opens(sealed, len, 1, 1));
	OK(!opens(sealed, SEALED_LEN + 1, 1, 1));
}

T(nothing_of_the_text_or_the_key_is_in_the_clear)
{
	struct seal_key k = key(1);
	uint8_t sealed[SEALED_LEN];

	seal_one(1, sealed);
	OK(memmem(sealed, SEALED_LEN, "answers", 7) == NULL);
	OK(memmem(sealed, SEALED_LEN, k.secret, SEAL_NAME_LEN) == NULL);
	seal_key_wipe(&k);
	for (size_t i = 0; i < sizeof(k); i++)
		OK(((const uint8_t *)&k)[i] == 0);
}

/* RFC 8439, section 2.8.2, holds for BearSSL; that we call it so: */
T(the_same_key_and_nonce_give_the_same_bytes)
{
	uint8_t a[SEALED_LEN], b[SEALED_LEN];
	uint8_t other[SEAL_NONCE_LEN] = { 1 };
	struct seal_key k = key(1);

	seal_one(1, a);
	seal_one(1, b);
	OK(memcmp(a, b, sizeof(a)) == 0);
	seal_close(&k, other, PLAIN, PLAIN_LEN, b);
	OK(memcmp(a + 17, b + 17, PLAIN_LEN) != 0);
}
