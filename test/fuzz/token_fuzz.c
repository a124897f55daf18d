/* token_fuzz.c - tokens and unlock keys as people paste them: what is read is
 * what would be written, and what is refused is not repeated. */
#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/check.h"
#include "core/model/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const uint8_t secret[TOKEN_SECRET_BYTES] = { 1, 2, 3 };
	char digest[TOKEN_DIGEST_TEXT + 1], again[TOKEN_DIGEST_TEXT + 1];
	char token[TOKEN_LEN + 1], text[UNLOCK_KEY_LEN + 1];
	uint8_t key[UNLOCK_KEY_BYTES];
	struct buf b = { 0 };
	const char *s;
	struct err e;

	buf_put(&b, p, len);
	s = buf_cstr(&b);
	if (token_read(s, digest, &e) == 0) {
		check(strlen(s) == TOKEN_LEN);
		token_write(digest, secret, token);
		check(token_read(token, again, &e) == 0);
		check(strcmp(digest, again) == 0);
	} else {
		check(strlen(s) < 40 || strstr(e.msg, s) == NULL);
	}
	check(token_same(s, s) == (s[0] != '\0'));
	if (unlock_key_read(s, key, &e) == 0) {
		unlock_key_write(key, text);
		check(strcmp(text, s) == 0);
	}
	buf_fini(&b);
	return 0;
}
