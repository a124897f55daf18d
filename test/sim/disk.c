/* disk.c - the disk: what was synced stays, the rest may be lost. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "test/sim/sim.h"

static void
cut(struct disk *d, uint64_t from)
{
	while (d->entry_count > 0 &&
	       d->entries[d->entry_count - 1].index >= from)
		mem_free(d->entries[--d->entry_count].data);
}

static void
trim(struct disk *d, uint64_t below)
{
	size_t n = 0;

	while (n < d->entry_count && d->entries[n].index < below)
		mem_free(d->entries[n++].data);
	d->entry_count -= n;
	memmove(d->entries, d->entries + n,
		d->entry_count * sizeof(*d->entries));
}

static void
add_entry(struct disk *d, const struct raft_entry *e)
{
	struct raft_entry copy = *e;

	copy.data = e->len > 0 ? mem_dup(e->data, e->len) : NULL;
	d->entries = mem_grow(d->entries, d->entry_count, &d->entry_cap,
			      sizeof(*d->entries));
	d->entries[d->entry_count++] = copy;
}

static int
order(const struct batch_row *a, const struct batch_row *b)
{
	return a->table != b->table ? (a->table < b->table ? -1 : 1)
				    : strcmp(a->key, b->key);
}

static void
put_row(struct disk *d, const struct batch_row *row)
{
	struct batch_row copy = *row;
	size_t at = 0;

	while (at < d->row_count && order(&d->rows[at], row) < 0)
		at++;
	if (at < d->row_count && order(&d->rows[at], row) == 0) {
		mem_free(d->rows[at].key);
		mem_free(d->rows[at].value);
		d->row_count--;
		memmove(d->rows + at, d->rows + at + 1,
			(d->row_count - at) * sizeof(*d->rows));
	}
	if (row->value == NULL)
		return;
	copy.key = mem_strdup(row->key);
	copy.value = mem_dup(row->value, row->len);
	d->rows =
		mem_grow(d->rows, d->row_count, &d->row_cap, sizeof(*d->rows));
	memmove(d->rows + at + 1, d->rows + at,
		(d->row_count - at) * sizeof(*d->rows));
	d->rows[at] = copy;
	d->row_count++;
}

static void
drop_objects(struct disk *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->row_count; i++) {
		if (d->rows[i].table > TABLE_OBJECT_LAST) {
			d->rows[kept++] = d->rows[i];
			continue;
		}
		mem_free(d->rows[i].key);
		mem_free(d->rows[i].value);
	}
	d->row_count = kept;
}

void
disk_write(struct disk *d, const struct batch *b)
{
	if (b->log_forget) {
		cut(d, 0);
		d->hard = (struct raft_hard){ 0 };
		d->applied = 0;
	}
	if (b->hard_dirty)
		d->hard = b->hard;
	if (b->applied != 0)
		d->applied = b->applied;
	if (b->truncate_from != 0)
		cut(d, b->truncate_from);
	for (size_t i = 0; i < b->entry_count; i++)
		add_entry(d, &b->entries[i]);
	if (b->trim_below != 0)
		trim(d, b->trim_below);
	if (b->rows_replace)
		drop_objects(d);
	for (size_t i = 0; i < b->row_count; i++)
		put_row(d, &b->rows[i]);
}

void
disk_erase(struct disk *d)
{
	cut(d, 0);
	for (size_t i = 0; i < d->row_count; i++) {
		mem_free(d->rows[i].key);
		mem_free(d->rows[i].value);
	}
	d->row_count = 0;
	d->applied = 0;
	d->hard = (struct raft_hard){ 0 };
}

void
disk_stored(const struct disk *d, struct stored *ret)
{
	*ret = (struct stored){ .hard = d->hard,
				.applied = d->applied,
				.entries = d->entries,
				.entry_count = d->entry_count,
				.rows = d->rows,
				.row_count = d->row_count };
}

const struct batch_row *
disk_row(const struct disk *d, int table, const char *key)
{
	for (size_t i = 0; i < d->row_count; i++)
		if (d->rows[i].table == table &&
		    strcmp(d->rows[i].key, key) == 0)
			return &d->rows[i];
	return NULL;
}

uint64_t
disk_last(const struct disk *d)
{
	return d->entry_count > 0 ? d->entries[d->entry_count - 1].index : 0;
}

uint64_t
disk_term(const struct disk *d, uint64_t index)
{
	uint64_t first = d->entry_count > 0 ? d->entries[0].index : 0;

	if (d->entry_count == 0 || index < first || index > disk_last(d))
		return 0;
	return d->entries[index - first].term;
}

void
disk_fini(struct disk *d)
{
	while (d->pending_count > 0)
		batch_free(d->pending[--d->pending_count]);
	disk_erase(d);
	mem_free(d->entries);
	mem_free(d->rows);
}

const char *
disk_check(const struct disk *d)
{
	if (d->entry_count == 0)
		return d->applied == 0 ? NULL : "applied, but no log";
	if (d->entries[0].index > d->applied + 1)
		return "the log begins after what is applied";
	if (disk_last(d) < d->applied)
		return "the log ends before what is applied";
	for (size_t i = 1; i < d->entry_count; i++)
		if (d->entries[i].index != d->entries[i - 1].index + 1)
			return "the log has a hole";
	if (d->entries[d->entry_count - 1].term > d->hard.term)
		return "an entry is of a later term than the vote";
	return NULL;
}
