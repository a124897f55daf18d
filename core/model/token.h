/*
 * token.h - what a person carries from one node to the next: join tokens,
 * "SWMTKN-1-" with the digest of the root certificate and a secret, and
 * unlock keys, "SWMKEY-1-" with 32 bytes (facts 7.1, 7.7). No message here
 * ever holds any part of one.
 */
#ifndef CORE_MODEL_TOKEN_H
#define CORE_MODEL_TOKEN_H

#include "core/base/base.h"
#include "core/base/err.h"

#define TOKEN_DIGEST_BYTES 32 /* SHA-256 of the root's PEM */
#define TOKEN_SECRET_BYTES 16
#define TOKEN_DIGEST_TEXT 50 /* the same as digits of base 36 */
#define TOKEN_SECRET_TEXT 25
#define TOKEN_LEN (9 + TOKEN_DIGEST_TEXT + 1 + TOKEN_SECRET_TEXT)
#define UNLOCK_KEY_BYTES 32
#define UNLOCK_KEY_LEN (9 + 43)

/* -EINVAL: none of ours; ret_digest is then as it was. */
int token_read(const char *s, char ret_digest[TOKEN_DIGEST_TEXT + 1],
	       struct err *e);
/* digest is TOKEN_DIGEST_TEXT digits. */
void token_write(const char *digest, const uint8_t secret[TOKEN_SECRET_BYTES],
		 char ret[TOKEN_LEN + 1]);
void token_digest_write(const uint8_t digest[TOKEN_DIGEST_BYTES],
			char ret[TOKEN_DIGEST_TEXT + 1]);

/*
 * Whether two whole strings are the same, in a time that depends on the
 * length of given only, and not on where they differ. NULL is the same as
 * nothing, not even as NULL or "".
 */
bool token_same(const char *expected, const char *given);

int unlock_key_read(const char *s, uint8_t ret[UNLOCK_KEY_BYTES],
		    struct err *e);
void unlock_key_write(const uint8_t key[UNLOCK_KEY_BYTES],
		      char ret[UNLOCK_KEY_LEN + 1]);

#endif
