/* record.c - see record.h. */
#include "store/record.h"

#include <bearssl.h>
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"

#define ENTRY_HEAD 9 /* term, kind */
#define HARD_LEN 32

static void
put_u64(struct buf *out, uint64_t v)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(v >> (8 * i));
	buf_put(out, bytes, sizeof(bytes));
}

static uint64_t
get_u64(const char *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v |= (uint64_t)(uint8_t)p[i] << (8 * i);
	return v;
}

/* The fastest that this machine has; all give the same bytes. */
static void
run_aead(const uint8_t *secret, const uint8_t *nonce, struct buf *text,
	 const struct buf *place, uint8_t *tag, int encrypt)
{
	br_chacha20_run chacha = br_chacha20_sse2_get();
	br_poly1305_run poly = br_poly1305_ctmulq_get();
	char none = 0;

	if (chacha == NULL)
		chacha = br_chacha20_ct_run;
	if (poly == NULL)
		poly = br_poly1305_ctmul_run;
	poly(secret, nonce, text->len > 0 ? text->p : &none, text->len,
	     place->p, place->len, tag, chacha, encrypt);
}

static void
put_place(const struct record_place *place, struct buf *out)
{
	buf_putc(out, place->table);
	buf_put(out, place->key, place->key_len);
}

void
record_seal(const uint8_t secret[RECORD_KEY_LEN],
	    const uint8_t nonce[RECORD_NONCE_LEN],
	    const struct record_place *place, const struct buf *plain,
	    struct buf *out)
{
	uint8_t tag[RECORD_TAG_LEN];
	struct buf where = { 0 }, text = { 0 };

	check(plain->len <= RECORD_MAX);
	put_place(place, &where);
	buf_put(&text, plain->p, plain->len);
	run_aead(secret, nonce, &text, &where, tag, 1);
	buf_put(out, nonce, RECORD_NONCE_LEN);
	buf_put(out, text.p, text.len);
	buf_put(out, tag, sizeof(tag));
	buf_fini(&text);
	buf_fini(&where);
}

/* In the same time wherever they differ. */
static bool
same_tag(const uint8_t *a, const uint8_t *b)
{
	uint8_t diff = 0;

	for (int i = 0; i < RECORD_TAG_LEN; i++)
		diff |= a[i] ^ b[i];
	return diff == 0;
}

int
record_open(const uint8_t secret[RECORD_KEY_LEN],
	    const struct record_place *place, const struct buf *sealed,
	    struct buf *ret, struct err *e)
{
	uint8_t nonce[RECORD_NONCE_LEN], want[RECORD_TAG_LEN];
	uint8_t tag[RECORD_TAG_LEN];
	struct buf where = { 0 };

	buf_clear(ret);
	if (sealed->len < RECORD_OVERHEAD || sealed->len > RECORD_MAX)
		return err_set(e, -EIO, "its length, %zu bytes, cannot be",
			       sealed->len);
	memcpy(nonce, sealed->p, sizeof(nonce));
	memcpy(want, sealed->p + sealed->len - sizeof(want), sizeof(want));
	buf_put(ret, sealed->p + sizeof(nonce), sealed->len - RECORD_OVERHEAD);
	put_place(place, &where);
	run_aead(secret, nonce, ret, &where, tag, 0);
	buf_fini(&where);
	if (same_tag(tag, want))
		return 0;
	buf_clear(ret);
	return err_set(e, -EIO, "its seal is broken");
}

void
record_hard_pack(const struct record_hard *h, struct buf *out)
{
	put_u64(out, h->hard.term);
	put_u64(out, h->hard.vote);
	put_u64(out, h->applied);
	put_u64(out, h->tail);
}

int
record_hard_unpack(const struct buf *plain, struct record_hard *ret,
		   struct err *e)
{
	/* The first version had no tail. */
	if (plain->len != HARD_LEN && plain->len != HARD_LEN - 8)
		return err_set(e, -EIO, "it has %zu bytes instead of %d",
			       plain->len, HARD_LEN);
	ret->hard.term = get_u64(plain->p);
	ret->hard.vote = get_u64(plain->p + 8);
	ret->applied = get_u64(plain->p + 16);
	ret->tail = plain->len == HARD_LEN ? get_u64(plain->p + 24) : 0;
	return 0;
}

void
record_entry_pack(const struct raft_entry *entry, struct buf *out)
{
	put_u64(out, entry->term);
	buf_putc(out, (char)entry->kind);
	buf_put(out, entry->data, entry->len);
}

int
record_entry_unpack(const struct buf *plain, uint64_t index,
		    struct raft_entry *ret, struct err *e)
{
	struct raft_entry entry = { .index = index };
	int kind;

	if (plain->len < ENTRY_HEAD ||
	    plain->len > ENTRY_HEAD + (size_t)RAFT_ENTRY_MAX)
		return err_set(e, -EIO, "its length, %zu bytes, cannot be",
			       plain->len);
	kind = plain->p[8];
	entry.term = get_u64(plain->p);
	if (kind < RAFT_NOOP || kind > RAFT_CONFIG || entry.term == 0 ||
	    index == 0)
		return err_set(e, -EIO, "its kind, term or index cannot be");
	entry.kind = (enum raft_entry_kind)kind;
	entry.len = plain->len - ENTRY_HEAD;
	if (entry.len > 0)
		entry.data = mem_dup(plain->p + ENTRY_HEAD, entry.len);
	*ret = entry;
	return 0;
}

void
record_index_key(uint64_t index, uint8_t ret[8])
{
	for (int i = 0; i < 8; i++)
		ret[i] = (uint8_t)(index >> (56 - 8 * i));
}

bool
record_index_of_key(const void *key, size_t len, uint64_t *ret)
{
	const uint8_t *p = key;
	uint64_t v = 0;

	if (len != 8)
		return false;
	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	*ret = v;
	return v != 0;
}
