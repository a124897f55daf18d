/* token.c - see token.h. */
#include "core/model/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"

#define TOKEN_PREFIX "SWMTKN-1-"
#define FIPS_PREFIX "SWMTKN-2-"
#define KEY_PREFIX "SWMKEY-1-"
#define DIGITS "0123456789abcdefghijklmnopqrstuvwxyz"

/* The big-endian number at p in base 36: exactly count digits, and a 0. */
static void
base36_write(const uint8_t *p, size_t len, char *ret, size_t count)
{
	uint8_t n[TOKEN_DIGEST_BYTES];

	check(len <= sizeof(n));
	memcpy(n, p, len);
	for (size_t d = count; d > 0; d--) {
		unsigned rest = 0;

		for (size_t i = 0; i < len; i++) {
			rest = rest << 8 | n[i];
			n[i] = (uint8_t)(rest / 36);
			rest %= 36;
		}
		ret[d - 1] = DIGITS[rest];
	}
	for (size_t i = 0; i < len; i++)
		check(n[i] == 0);
	ret[count] = '\0';
}

/* Whether count digits in base 36 are a number of at most len bytes. */
static bool
base36_fits(const char *s, size_t count, size_t len)
{
	uint8_t n[TOKEN_DIGEST_BYTES] = { 0 };

	check(len <= sizeof(n));
	for (size_t d = 0; d < count; d++) {
		unsigned carry = (unsigned)(strchr(DIGITS, s[d]) - DIGITS);

		for (size_t i = len; i > 0; i--) {
			carry += n[i - 1] * 36U;
			n[i - 1] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry != 0)
			return false;
	}
	return true;
}

static bool
part_valid(const char *s, size_t count, size_t bytes)
{
	return strspn(s, DIGITS) == count && base36_fits(s, count, bytes);
}

int
token_read(const char *s, char ret_digest[TOKEN_DIGEST_TEXT + 1], struct err *e)
{
	const char *digest, *secret;

	if (s != NULL && str_starts(s, FIPS_PREFIX))
		return err_set(e, -EINVAL,
			       "invalid join token: it is of a cluster that "
			       "wants FIPS mode, which swarm does not have");
	if (s == NULL || !str_starts(s, TOKEN_PREFIX))
		return err_set(e, -EINVAL,
			       "invalid join token: it does not begin "
			       "with " TOKEN_PREFIX
			       "; copy what 'swarm join-token' "
			       "prints on a manager");
	digest = s + strlen(TOKEN_PREFIX);
	secret = digest + TOKEN_DIGEST_TEXT + 1;
	if (strnlen(s, TOKEN_LEN + 1) != TOKEN_LEN || secret[-1] != '-')
		return err_set(e, -EINVAL,
			       "invalid join token: it has to be %d characters "
			       "long, in four parts; copy the whole of it",
			       TOKEN_LEN);
	if (!part_valid(digest, TOKEN_DIGEST_TEXT, TOKEN_DIGEST_BYTES) ||
	    !part_valid(secret, TOKEN_SECRET_TEXT, TOKEN_SECRET_BYTES))
		return err_set(e, -EINVAL,
			       "invalid join token: a character in it is "
			       "wrong; copy it again");
	memcpy(ret_digest, digest, TOKEN_DIGEST_TEXT);
	ret_digest[TOKEN_DIGEST_TEXT] = '\0';
	return 0;
}

void
token_digest_write(const uint8_t digest[TOKEN_DIGEST_BYTES],
		   char ret[TOKEN_DIGEST_TEXT + 1])
{
	base36_write(digest, TOKEN_DIGEST_BYTES, ret, TOKEN_DIGEST_TEXT);
}

void
token_write(const char *digest, const uint8_t secret[TOKEN_SECRET_BYTES],
	    char ret[TOKEN_LEN + 1])
{
	char text[TOKEN_SECRET_TEXT + 1];

	check(strlen(digest) == TOKEN_DIGEST_TEXT);
	base36_write(secret, TOKEN_SECRET_BYTES, text, TOKEN_SECRET_TEXT);
	(void)snprintf(ret, TOKEN_LEN + 1, TOKEN_PREFIX "%s-%s", digest, text);
	check(strlen(ret) == TOKEN_LEN);
}

bool
token_same(const char *expected, const char *given)
{
	volatile unsigned differ = 0;
	size_t expected_len, given_len;

	if (expected == NULL || given == NULL)
		return false;
	expected_len = strlen(expected);
	given_len = strlen(given);
	if (expected_len == 0)
		return false;
	differ |= expected_len != given_len;
	for (size_t i = 0, at = 0; i < given_len; i++) {
		differ |= (unsigned char)(expected[at] ^ given[i]);
		at = at + 1 < expected_len ? at + 1 : 0;
	}
	return differ == 0;
}

static int
digit64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
unlock_key_read(const char *s, uint8_t ret[UNLOCK_KEY_BYTES], struct err *e)
{
	uint8_t key[UNLOCK_KEY_BYTES + 1];
	uint32_t bits = 0;
	size_t len = 0;
	int have = 0;

	if (s == NULL || !str_starts(s, KEY_PREFIX) ||
	    strnlen(s, UNLOCK_KEY_LEN + 1) != UNLOCK_KEY_LEN)
		return err_set(e, -EINVAL,
			       "invalid key string: an unlock key begins "
			       "with " KEY_PREFIX " and is %d characters long",
			       UNLOCK_KEY_LEN);
	for (const char *c = s + strlen(KEY_PREFIX); *c != '\0'; c++) {
		int v = digit64(*c);

		if (v < 0)
			return err_set(e, -EINVAL,
				       "invalid key string: a character in it "
				       "is wrong; copy it again");
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			key[len++] = (uint8_t)(bits >> have);
		}
	}
	check(len == UNLOCK_KEY_BYTES);
	/* Two bits are left of 43 digits, and nothing may hide in them. */
	if ((bits & (BIT(have) - 1)) != 0)
		return err_set(e, -EINVAL,
			       "invalid key string: its last character is "
			       "wrong; copy it again");
	memcpy(ret, key, UNLOCK_KEY_BYTES);
	return 0;
}

void
unlock_key_write(const uint8_t key[UNLOCK_KEY_BYTES],
		 char ret[UNLOCK_KEY_LEN + 1])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
				     "ghijklmnopqrstuvwxyz0123456789+/";
	size_t at = strlen(KEY_PREFIX);
	uint32_t bits = 0;
	int have = 0;

	memcpy(ret, KEY_PREFIX, at);
	for (size_t i = 0; i < UNLOCK_KEY_BYTES; i++) {
		bits = bits << 8 | key[i];
		for (have += 8; have >= 6;) {
			have -= 6;
			ret[at++] = digits[bits >> have & 63];
		}
	}
	ret[at++] = digits[bits << (6 - have) & 63];
	check(at == UNLOCK_KEY_LEN);
	ret[at] = '\0';
}
