/* record_fuzz.c - a stored value: the first byte says what is done with the
 * rest, as sealed bytes (none opens) or as what a seal held. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "store/fold.h"
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void
open_sealed(struct buf *b)
{
	static const uint8_t secret[RECORD_KEY_LEN] = { 7 };
	struct record_place place = { 'r', "key", 3 };
	struct buf plain = { 0 };
	struct err e;

	check(record_open(secret, &place, b, &plain, &e) < 0);
	check(plain.len == 0);
	buf_fini(&plain);
}

static void
read_entry(struct buf *b)
{
	struct raft_entry entry;
	struct buf again = { 0 };
	struct err e;

	if (record_entry_unpack(b, 5, &entry, &e) < 0)
		return;
	record_entry_pack(&entry, &again);
	check(again.len == b->len);
	mem_free(entry.data);
	buf_fini(&again);
}

/* Packed batches: what is taken is whole, and in order. */
static void
fold_packed(struct buf *b)
{
	struct record_hard none = { 0 };
	struct fold f;
	struct err e;
	int r;

	fold_init(&f, &none, 1);
	r = fold_add(&f, b, &e);
	for (size_t i = f.entry_first; i < f.entry_count; i++) {
		check(f.entries[i].index > 0);
		check(f.entries[i].len <= RAFT_ENTRY_MAX);
	}
	for (size_t i = 0; r == 0 && i < f.row_count; i++)
		if (f.rows[i].key != NULL)
			check(strlen(f.rows[i].key) > 1);
	fold_fini(&f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct record_hard hard;
	struct raft_members members;
	struct buf b = { 0 };
	struct err e;
	uint64_t index;

	if (len == 0)
		return 0;
	buf_put(&b, p + 1, len - 1);
	(void)buf_cstr(&b);
	if (p[0] % 5 == 0)
		open_sealed(&b);
	else if (p[0] % 5 == 1)
		read_entry(&b);
	else if (p[0] % 5 == 4)
		fold_packed(&b);
	else if (p[0] % 5 == 2)
		(void)record_hard_unpack(&b, &hard, &e);
	else
		(void)raft_members_unpack(b.p, b.len, &members, &e);
	(void)record_index_of_key(b.p, b.len, &index); /* an empty one too */
	buf_fini(&b);
	return 0;
}
