/*
 * fold.h - many batches as one: packed for the tail, read back, and laid one
 * over the other, so that only what is left of them is put into the tables.
 * Pure.
 */
#ifndef STORE_FOLD_H
#define STORE_FOLD_H

#include "core/base/map.h"
#include "core/node/batch.h"
#include "store/record.h"

/* Appends; packed batches one behind the other are packed batches. */
void fold_pack(const struct batch *b, struct buf *out);

struct fold_row {
	const char *key;   /* the table, then the key; NULL: another came */
	const char *value; /* NULL: delete */
	size_t len;
};

/* Apply in this order: cut, trim, rows_replace; then entries, rows, hard. */
struct fold {
	struct record_hard hard; /* begins as what the tables hold */
	uint64_t truncate_from;	 /* 0: no */
	uint64_t trim_below;	 /* 0: no */
	bool rows_replace;
	struct raft_entry *entries; /* data is borrowed from texts */
	size_t entry_first;	    /* those before were trimmed */
	size_t entry_count, entry_cap;
	struct fold_row *rows; /* those too */
	size_t row_count, row_cap;

	struct map by_key; /* to a row's number + 1 */
	struct buf *texts;
	size_t text_count, text_cap;
};

void fold_init(struct fold *f, const struct record_hard *hard, uint64_t seed);
void fold_fini(struct fold *f); /* wipes what it held */

/* What was packed, later than all before; taken. -EIO: it cannot be. */
int fold_add(struct fold *f, struct buf *packed, struct err *e);

#endif
