/* batch.c - see batch.h. */
#include "core/node/batch.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"

struct batch *
batch_new(uint64_t seq)
{
	struct batch *b = mem_new(sizeof(*b));

	check(seq > 0);
	b->seq = seq;
	return b;
}

static void
row_fini(struct batch_row *row)
{
	mem_free(row->key);
	mem_free(row->value);
}

static void
entries_free(struct raft_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mem_free(entries[i].data);
	mem_free(entries);
}

static void
rows_free(struct batch_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		row_fini(&rows[i]);
	mem_free(rows);
}

void
batch_free(const struct batch *b)
{
	if (b == NULL)
		return;
	entries_free(b->entries, b->entry_count);
	rows_free(b->rows, b->row_count);
	mem_free((void *)(uintptr_t)b);
}

bool
batch_is_empty(const struct batch *b)
{
	return !b->hard_dirty && b->truncate_from == 0 && b->entry_count == 0 &&
	       b->trim_below == 0 && !b->rows_replace && !b->log_forget &&
	       b->row_count == 0 && b->applied == 0;
}

static void
add_row(struct batch *b, const struct batch_row *row)
{
	check(row->key[0] != '\0');
	b->rows =
		mem_grow(b->rows, b->row_count, &b->row_cap, sizeof(*b->rows));
	b->rows[b->row_count++] = *row;
}

void
batch_row_put(struct batch *b, int table, const char *key, const void *value,
	      size_t len)
{
	struct batch_row row = { .table = table,
				 .key = mem_strdup(key),
				 .value = mem_dup(value, len),
				 .len = len };

	add_row(b, &row);
}

void
batch_forget_log(struct batch *b)
{
	for (size_t i = 0; i < b->entry_count; i++)
		mem_free(b->entries[i].data);
	b->entry_count = 0;
	b->hard_dirty = false;
	b->truncate_from = b->trim_below = b->applied = 0;
	b->log_forget = true;
	batch_replace_rows(b);
}

void
batch_replace_rows(struct batch *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->row_count; i++) {
		struct batch_row *row = &b->rows[i];

		if (row->table > TABLE_OBJECT_LAST) {
			b->rows[kept++] = *row;
			continue;
		}
		mem_free(row->key);
		mem_free(row->value);
	}
	b->row_count = kept;
	b->rows_replace = true;
}

void
batch_row_delete(struct batch *b, int table, const char *key)
{
	struct batch_row row = { .table = table, .key = mem_strdup(key) };

	add_row(b, &row);
}

void
batch_entry_add(struct batch *b, const struct raft_entry *entry)
{
	struct raft_entry copy = *entry;

	check(b->entry_count == 0 ||
	      b->entries[b->entry_count - 1].index + 1 == entry->index);
	copy.data = entry->len > 0 ? mem_dup(entry->data, entry->len) : NULL;
	b->entries = mem_grow(b->entries, b->entry_count, &b->entry_cap,
			      sizeof(*b->entries));
	b->entries[b->entry_count++] = copy;
}

void
stored_fini(struct stored *s)
{
	entries_free(s->entries, s->entry_count);
	rows_free(s->rows, s->row_count);
	*s = (struct stored){ 0 };
}
