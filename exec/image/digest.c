/* digest.c - see digest.h. */
#include "exec/image/digest.h"

#include <string.h>

void
digest_init(struct digest *d)
{
	br_sha256_init(&d->sha);
}

void
digest_put(struct digest *d, const void *p, size_t len)
{
	br_sha256_update(&d->sha, p, len);
}

void
digest_hex(const struct digest *d, char ret[DIGEST_HEX_LEN + 1])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char raw[br_sha256_SIZE];

	br_sha256_out(&d->sha, raw);
	for (size_t i = 0; i < sizeof(raw); i++) {
		ret[2 * i] = hex[raw[i] >> 4];
		ret[2 * i + 1] = hex[raw[i] & 15];
	}
	ret[DIGEST_HEX_LEN] = '\0';
}

void
digest_of(const void *p, size_t len, char ret[DIGEST_HEX_LEN + 1])
{
	struct digest d;

	digest_init(&d);
	digest_put(&d, p, len);
	digest_hex(&d, ret);
}

bool
digest_is_hex(const char *s)
{
	return s != NULL && strlen(s) == DIGEST_HEX_LEN &&
	       strspn(s, "0123456789abcdef") == DIGEST_HEX_LEN;
}

const char *
digest_hex_part(const char *s)
{
	size_t prefix = sizeof(DIGEST_PREFIX) - 1;

	if (s == NULL || strncmp(s, DIGEST_PREFIX, prefix) != 0)
		return NULL;
	return digest_is_hex(s + prefix) ? s + prefix : NULL;
}
