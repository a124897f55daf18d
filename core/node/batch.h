/*
 * batch.h - what is written to the disk at once, and what is read back.
 *
 * Plain bytes, so that the writer thread touches nothing of the loop's. One
 * batch is one transaction: all of it is on the disk or none.
 *
 * A snapshot is one batch: truncate_from 1, the entry at the snapshot's index
 * (far behind what was there), rows_replace with the objects, and applied.
 * But for that, an entry follows the one before it without a hole.
 */
#ifndef CORE_NODE_BATCH_H
#define CORE_NODE_BATCH_H

#include "core/base/base.h"
#include "core/model/object.h"
#include "core/raft/raft.h"

/* The tables of the store. Keys are strings, values packed records. */
enum batch_table {
	TABLE_OBJECT_FIRST = OBJECT_CLUSTER,
	TABLE_OBJECT_LAST = OBJECT_TYPE_COUNT - 1,
	TABLE_IDENTITY = 32, /* "node", "cluster": who we are */
	TABLE_WORKER = 33,   /* task id: what this worker was assigned */
};

struct batch_row {
	int table; /* enum batch_table; an object table's is its type */
	char *key;
	char *value; /* NULL: delete */
	size_t len;
};

struct batch {
	uint64_t seq; /* 1, 2, 3, ... */
	bool hard_dirty;
	struct raft_hard hard;
	uint64_t truncate_from; /* 0: no; else the log is cut from here on */
	struct raft_entry *entries; /* to append; ascending */
	size_t entry_count, entry_cap;
	uint64_t trim_below; /* 0: no; else older entries may go */
	/* The log, the vote and what is applied go first, as if there had
	 * never been any: no member any more. With rows_replace. */
	bool log_forget;
	bool rows_replace; /* all rows of the object tables go first */
	struct batch_row *rows;
	size_t row_count, row_cap;
	uint64_t applied; /* 0: as before; else rows hold all up to here */
};

struct batch *batch_new(uint64_t seq);
void batch_free(const struct batch *b);
bool batch_is_empty(const struct batch *b);
/* Copies; the later row of one key wins. */
void batch_row_put(struct batch *b, int table, const char *key,
		   const void *value, size_t len);
/* What was put into object tables so far is void, and what is stored: only
 * what is put from now on is there. */
void batch_replace_rows(struct batch *b);
/* No member of the raft any more: its log and the objects go. */
void batch_forget_log(struct batch *b);
void batch_row_delete(struct batch *b, int table, const char *key);
void batch_entry_add(struct batch *b, const struct raft_entry *entry);

/* All that a store holds, read at start. Owned by who called the store. */
struct stored {
	struct raft_hard hard;
	uint64_t applied;	    /* objects hold all entries up to here */
	struct raft_entry *entries; /* ascending; those after trim */
	size_t entry_count;
	struct batch_row *rows; /* by table, then key */
	size_t row_count;
};
void stored_fini(struct stored *s);

#endif
