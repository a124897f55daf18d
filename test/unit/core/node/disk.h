/* disk.h - a disk for nodes in tests: what is written is there at once. */
#ifndef TEST_UNIT_CORE_NODE_DISK_H
#define TEST_UNIT_CORE_NODE_DISK_H

#include <string.h>

#include "core/base/mem.h"
#include "core/node/batch.h"

struct disk {
	struct raft_hard hard;
	uint64_t applied;
	struct raft_entry *entries;
	size_t entry_count, entry_cap;
	struct batch_row *rows; /* in the order they were written */
	size_t row_count, row_cap;
};

static inline void
disk_cut(struct disk *d, uint64_t from)
{
	while (d->entry_count > 0 &&
	       d->entries[d->entry_count - 1].index >= from)
		mem_free(d->entries[--d->entry_count].data);
}

static inline void
disk_trim(struct disk *d, uint64_t below)
{
	size_t n = 0;

	while (n < d->entry_count && d->entries[n].index < below)
		mem_free(d->entries[n++].data);
	d->entry_count -= n;
	memmove(d->entries, d->entries + n,
		d->entry_count * sizeof(*d->entries));
}

/* Those of tables first to last that are called key (NULL: all) go. */
static inline void
disk_drop(struct disk *d, int first, int last, const char *key)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->row_count; i++) {
		struct batch_row row = d->rows[i];

		if (row.table < first || row.table > last ||
		    (key != NULL && strcmp(row.key, key) != 0)) {
			d->rows[kept++] = row;
			continue;
		}
		mem_free(row.key);
		mem_free(row.value);
	}
	d->row_count = kept;
}

static inline void
disk_put(struct disk *d, const struct batch_row *row)
{
	disk_drop(d, row->table, row->table, row->key);
	if (row->value == NULL)
		return;
	d->rows =
		mem_grow(d->rows, d->row_count, &d->row_cap, sizeof(*d->rows));
	d->rows[d->row_count++] =
		(struct batch_row){ row->table, mem_strdup(row->key),
				    mem_dup(row->value, row->len), row->len };
}

static inline void
disk_write(struct disk *d, const struct batch *b)
{
	if (b->log_forget) {
		disk_cut(d, 0);
		d->applied = 0;
		d->hard = (struct raft_hard){ 0 };
	}
	if (b->hard_dirty)
		d->hard = b->hard;
	if (b->applied != 0)
		d->applied = b->applied;
	if (b->truncate_from != 0)
		disk_cut(d, b->truncate_from);
	for (size_t i = 0; i < b->entry_count; i++) {
		struct raft_entry e = b->entries[i];

		e.data = e.len > 0 ? mem_dup(e.data, e.len) : NULL;
		d->entries = mem_grow(d->entries, d->entry_count, &d->entry_cap,
				      sizeof(*d->entries));
		d->entries[d->entry_count++] = e;
	}
	if (b->trim_below != 0)
		disk_trim(d, b->trim_below);
	if (b->rows_replace)
		disk_drop(d, TABLE_OBJECT_FIRST, TABLE_OBJECT_LAST, NULL);
	for (size_t i = 0; i < b->row_count; i++)
		disk_put(d, &b->rows[i]);
}

static inline void
disk_erase(struct disk *d)
{
	disk_cut(d, 0);
	disk_drop(d, 0, TABLE_WORKER, NULL);
	d->applied = 0;
	d->hard = (struct raft_hard){ 0 };
}

/* Borrowed: all points into the disk. */
static inline void
disk_stored(const struct disk *d, struct stored *ret)
{
	*ret = (struct stored){ .hard = d->hard,
				.applied = d->applied,
				.entries = d->entries,
				.entry_count = d->entry_count,
				.rows = d->rows,
				.row_count = d->row_count };
}

#endif
