/*
 * digest.h - SHA-256 of blobs and layers, and its text form. The one file of
 * exec/ that knows BearSSL.
 */
#ifndef EXEC_IMAGE_DIGEST_H
#define EXEC_IMAGE_DIGEST_H

#include <bearssl.h>

#include "core/base/base.h"

#define DIGEST_HEX_LEN 64
#define DIGEST_PREFIX "sha256:"
#define DIGEST_TEXT_LEN (sizeof(DIGEST_PREFIX) - 1 + DIGEST_HEX_LEN)

struct digest {
	br_sha256_context sha;
};

void digest_init(struct digest *d);
void digest_put(struct digest *d, const void *p, size_t len);
/* 64 small hex digits, terminated. d may take more after. */
void digest_hex(const struct digest *d, char ret[DIGEST_HEX_LEN + 1]);
/* Of one piece: the hex digits only. */
void digest_of(const void *p, size_t len, char ret[DIGEST_HEX_LEN + 1]);

/* 64 small hex digits and nothing else. */
bool digest_is_hex(const char *s);
/* The hex part of "sha256:" and 64 digits, or NULL if it is not that. */
const char *digest_hex_part(const char *s);

#endif
