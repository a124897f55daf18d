/*
 * record.h - one stored value: sealed bytes, and what is in them. Pure: no
 * file, no clock, no randomness that was not handed in.
 *
 * A sealed value is a nonce of 12 bytes, the ciphertext and a tag of 16
 * (ChaCha20-Poly1305, RFC 8439). Its place (table and key) is authenticated
 * with it, so that a value that was moved does not open.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/raft/raft.h"

#define RECORD_KEY_LEN 32
#define RECORD_NONCE_LEN 12
#define RECORD_TAG_LEN 16
#define RECORD_OVERHEAD (RECORD_NONCE_LEN + RECORD_TAG_LEN)
#define RECORD_MAX 67108864 /* bytes of one value */

/* Where a value is: a table's letter and the key in it. */
struct record_place {
	char table;
	const void *key;
	size_t key_len;
};

void record_seal(const uint8_t secret[RECORD_KEY_LEN],
		 const uint8_t nonce[RECORD_NONCE_LEN],
		 const struct record_place *place, const struct buf *plain,
		 struct buf *out);
/* -EIO: it was not sealed by this key for this place. ret is cleared first. */
int record_open(const uint8_t secret[RECORD_KEY_LEN],
		const struct record_place *place, const struct buf *sealed,
		struct buf *ret, struct err *e);

/* What the store knows beside entries and rows. */
struct record_hard {
	struct raft_hard hard;
	uint64_t applied;
	uint64_t tail; /* the last record of the tail that is in the tables */
};
void record_hard_pack(const struct record_hard *h, struct buf *out);
int record_hard_unpack(const struct buf *plain, struct record_hard *ret,
		       struct err *e);

/* An entry without its index, which is its key. ret->data is on the heap. */
void record_entry_pack(const struct raft_entry *entry, struct buf *out);
int record_entry_unpack(const struct buf *plain, uint64_t index,
			struct raft_entry *ret, struct err *e);

/* Indexes as keys: eight bytes, highest first, so that they sort. */
void record_index_key(uint64_t index, uint8_t ret[8]);
bool record_index_of_key(const void *key, size_t len, uint64_t *ret);

#endif
