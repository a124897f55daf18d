/* record_fuzz.c - a stored value: the first byte says what is done with the
 * rest, as sealed bytes (none opens) or as what a seal held. */
#include "core/base/check.h"
#include "core/base/mem.h"
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
	if (p[0] % 4 == 0)
		open_sealed(&b);
	else if (p[0] % 4 == 1)
		read_entry(&b);
	else if (p[0] % 4 == 2)
		(void)record_hard_unpack(&b, &hard, &e);
	else
		(void)raft_members_unpack(b.p, b.len, &members, &e);
	(void)record_index_of_key(b.p, b.len, &index);
	buf_fini(&b);
	return 0;
}
