/*
 * seal.h - one datagram, sealed under a shared key: ChaCha20-Poly1305 (RFC
 * 8439). Pure: the nonce is handed in. It must be fresh; twelve random bytes
 * are, for the packets that a cluster sends under one key.
 *
 *   0 version  1 name of the key (4)  5 nonce (12)  17 ciphertext  tag (16)
 *
 * What is in the clear is authenticated with the rest. A key's name is from
 * its digest, so that all that have it call it the same.
 */
#ifndef NET_TLS_SEAL_H
#define NET_TLS_SEAL_H

#include "core/base/base.h"

#define SEAL_KEY_LEN 32
#define SEAL_NAME_LEN 4
#define SEAL_NONCE_LEN 12
#define SEAL_TAG_LEN 16
#define SEAL_OVERHEAD (1 + SEAL_NAME_LEN + SEAL_NONCE_LEN + SEAL_TAG_LEN)

struct seal_key {
	uint8_t secret[SEAL_KEY_LEN];
	uint8_t name[SEAL_NAME_LEN];
};

void seal_key_init(struct seal_key *k, const uint8_t secret[SEAL_KEY_LEN]);
void seal_key_wipe(struct seal_key *k);

/* ret: room for len + SEAL_OVERHEAD bytes, which is what it gives. */
size_t seal_close(const struct seal_key *k, const uint8_t nonce[SEAL_NONCE_LEN],
		  const void *plain, size_t len, uint8_t *ret);
/*
 * With any of the keys, in place: ret points into sealed, whose bytes are
 * then spoilt. false: none of them sealed these bytes; ret is untouched.
 */
bool seal_open(const struct seal_key *keys, size_t count, uint8_t *sealed,
	       size_t len, const uint8_t **ret, size_t *ret_len);

#endif
