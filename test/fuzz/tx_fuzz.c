/* tx_fuzz.c - bytes from the raft log as a transaction: refused or whole,
 * and what was read is written the same way again. */
#include "core/base/check.h"
#include "core/state/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct buf once = { 0 }, twice = { 0 };
	struct tx tx, again;
	struct changes changes = { 0 };
	struct state *s;
	struct err e;

	if (tx_unpack(p, len, &tx, &e) < 0)
		return 0;
	tx_pack(&tx, &once);
	check(tx_unpack(once.p, once.len, &again, &e) == 0);
	tx_pack(&again, &twice);
	check(once.len == twice.len);
	check(tx.count == again.count);
	s = state_new(1);
	(void)state_apply(s, &tx, 1, &changes, &e);
	changes_fini(&changes);
	state_free(s);
	tx_fini(&tx);
	tx_fini(&again);
	buf_fini(&once);
	buf_fini(&twice);
	return 0;
}
