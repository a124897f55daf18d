/*
 * receipt.h - what keyed requests were answered. A request's change and its
 * receipt are one transaction, and the receipt may not be there before: so of
 * two that ask for the same, one is done, and both get its answer.
 *
 * A receipt is kept for RECEIPT_KEEP_NS. Of more than RECEIPTS_MAX the oldest
 * go earlier, but not before RECEIPT_LEAST_NS unless there are
 * RECEIPTS_TOO_MANY: that long a request may still be asked again.
 */
#ifndef CORE_MANAGER_RECEIPT_H
#define CORE_MANAGER_RECEIPT_H

#include "core/model/request.h"
#include "core/state/state.h"

#define RECEIPT_KEEP_NS (600 * NS_PER_S)
#define RECEIPT_LEAST_NS (30 * NS_PER_S)
#define RECEIPTS_MAX 4096
#define RECEIPTS_TOO_MANY 65536
#define RECEIPTS_PRUNE_MAX 500 /* at once: what asks then waits for it */

/* NULL: the request was not done, as far as s knows. Its key is set. */
const struct receipt *receipt_find(const struct state *s,
				   const struct request *r);
/* The key was used for something else: it is refused. */
bool receipt_is_of(const struct receipt *receipt, const struct request *r);

/* r, which has a key, is answered with status and body once tx is applied. */
void receipt_put(struct tx *tx, const struct request *r, int status,
		 const void *body, size_t len);

/* How long until it is worth to look for those that may go. */
uint64_t receipt_wait_ms(const struct state *s);
/*
 * Deletes what may go, oldest first, RECEIPTS_PRUNE_MAX at most. What came
 * after old_index is younger than RECEIPT_KEEP_NS, whatever clocks say: they
 * jump, and that of a new leader may be ahead of the one before.
 */
void receipt_prune(const struct state *s, struct now now, uint64_t old_index,
		   struct tx *tx);

#endif
