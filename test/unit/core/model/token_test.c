/* token_test.c - join tokens and unlock keys, against values that Python's
 * integers gave. */
#include "core/model/token.h"

#include <errno.h>

#include "test/t.h"

/* 2^256 - 1, 2^128 - 1, and 000102..0f */
#define DIGEST_MAX "6dp5qcb22im238nr3wvp0ic7q99w035jmy2iw7i6n43d37jtof"
#define SECRET_MAX "f5lxx1zz5pnorynqglhzmsp33"
#define SECRET_COUNT "000avh9he7dy896m08s18udxr"
#define UNLOCK_TEXT "SWMKEY-1-yNHa4+z1/gcQGSIrND1GT1hhanN8hY6XoKmyu8TN1t8"

T(numbers_are_written_in_base_36)
{
	static const uint8_t ones[32] = { [31] = 36 };
	uint8_t max[TOKEN_DIGEST_BYTES], secret[TOKEN_SECRET_BYTES];
	char digest[TOKEN_DIGEST_TEXT + 1], token[TOKEN_LEN + 1];

	token_digest_write(ones, digest);
	EQ_STR(digest, "00000000000000000000000000000000000000000000000010");
	memset(max, 0xff, sizeof(max));
	memset(secret, 0xff, sizeof(secret));
	token_digest_write(max, digest);
	EQ_STR(digest, DIGEST_MAX);
	token_write(digest, secret, token);
	EQ_STR(token, "SWMTKN-1-" DIGEST_MAX "-" SECRET_MAX);
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	token_write(digest, secret, token);
	EQ_STR(token, "SWMTKN-1-" DIGEST_MAX "-" SECRET_COUNT);
}

T(a_token_is_read_back)
{
	static const uint8_t zero[TOKEN_SECRET_BYTES];
	char token[TOKEN_LEN + 1], digest[TOKEN_DIGEST_TEXT + 1];
	struct err e;

	token_write(DIGEST_MAX, zero, token);
	EQ(token_read(token, digest, &e), 0);
	EQ_STR(digest, DIGEST_MAX);
}

T(what_is_no_token_is_refused_without_being_repeated)
{
	static const char *const bad[] = {
		"",
		"SWMTKN-1-",
		"SWMTKN-1--",
		"swmtkn-1-" DIGEST_MAX "-" SECRET_MAX,
		"SWMTKN-2-1-" DIGEST_MAX "-" SECRET_MAX,
		"SWMTKN-1-" DIGEST_MAX "-" SECRET_MAX "0",
		"SWMTKN-1-" DIGEST_MAX "-" SECRET_MAX "\n",
		"SWMTKN-1-" DIGEST_MAX "0" SECRET_MAX,
		"SWMTKN-1-" DIGEST_MAX "-" SECRET_MAX "-x",
		"SWMTKN-1-" SECRET_MAX "-" DIGEST_MAX,
		/* too large a number, of the right length */
		"SWMTKN-1-"
		"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
		"-" SECRET_MAX,
		"SWMTKN-1-" DIGEST_MAX "-zzzzzzzzzzzzzzzzzzzzzzzzz",
		"SWMTKN-1-" DIGEST_MAX "-F0123456789abcdefghijklmn",
		"SWMTKN-1-" DIGEST_MAX "-f0123456789abcdefghijklm ",
		"SWMKEY-1-" DIGEST_MAX "-" SECRET_MAX,
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char digest[TOKEN_DIGEST_TEXT + 1] = "as it was";
		struct err e = { "" };

		T_ROW(bad[i]);
		EQ(token_read(bad[i], digest, &e), -EINVAL);
		OK(strncmp(e.msg, "invalid join token", 18) == 0);
		OK(strstr(e.msg, "zzzz") == NULL);
		OK(strstr(e.msg, SECRET_MAX) == NULL);
		EQ_STR(digest, "as it was");
	}
	T_ROW("NULL");
	EQ(token_read(NULL, NULL, &(struct err){ "" }), -EINVAL);
}

T(tokens_are_compared_whole)
{
	OK(token_same("abc", "abc"));
	OK(!token_same("abc", "abd"));
	OK(!token_same("abc", "bbc"));
	OK(!token_same("abc", "ab"));
	OK(!token_same("abc", "abca"));
	OK(!token_same("abc", "abcabc"));
	OK(!token_same("abc", ""));
	OK(!token_same("", ""));
	OK(!token_same("", "abc"));
	OK(!token_same(NULL, NULL));
	OK(!token_same(NULL, ""));
	OK(!token_same("abc", NULL));
}

T(unlock_keys_are_written_and_read)
{
	uint8_t key[UNLOCK_KEY_BYTES], back[UNLOCK_KEY_BYTES];
	char text[UNLOCK_KEY_LEN + 1];
	struct err e;

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 9 + 200);
	unlock_key_write(key, text);
	EQ_STR(text, UNLOCK_TEXT);
	EQ(unlock_key_read(text, back, &e), 0);
	OK(memcmp(key, back, sizeof(key)) == 0);
	memset(key, 0xff, sizeof(key));
	unlock_key_write(key, text);
	EQ_STR(text, "SWMKEY-1-//////////////////////////////////////////8");
	EQ(unlock_key_read(text, back, &e), 0);
	OK(memcmp(key, back, sizeof(key)) == 0);
}

T(what_is_no_unlock_key_is_refused)
{
	static const char *const bad[] = {
		"",
		"SWMKEY-1-",
		"SWMKEY-2-//////////////////////////////////////////8",
		"SWMKEY-1-//////////////////////////////////////////9",
		"SWMKEY-1-//////////////////////////////////////////",
		"SWMKEY-1-//////////////////////////////////////////8=",
		"SWMKEY-1-/////////////////////-////////////////////8",
		"SWMKEY-1-///////////////////// ////////////////////8",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t key[UNLOCK_KEY_BYTES] = { 1, 2, 3 };
		struct err e = { "" };

		T_ROW(bad[i]);
		EQ(unlock_key_read(bad[i], key, &e), -EINVAL);
		OK(strncmp(e.msg, "invalid key string", 18) == 0);
		OK(strstr(e.msg, "///") == NULL);
		EQ(key[2], 3);
	}
}
