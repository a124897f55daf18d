/*
 * fold.c - see fold.h. Packed, a batch is a list of items: a letter, numbers
 * of eight bytes, and texts behind their length.
 */
#include "store/fold.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"

enum item {
	ITEM_HARD = 'h',
	ITEM_CUT = 'c',
	ITEM_ENTRY = 'e',
	ITEM_TRIM = 't',
	ITEM_REPLACE = 'R',
	ITEM_ROW = 'r',
	ITEM_DELETE = 'd',
	ITEM_APPLIED = 'a',
};

/* ---- packing
 * ------------------------------------------------------------------- */

static void
put_number(struct buf *out, uint64_t v)
{
	buf_put(out, &v, sizeof(v));
}

static void
put_one(struct buf *out, enum item item, uint64_t v)
{
	buf_putc(out, (char)item);
	put_number(out, v);
}

static void
put_text(struct buf *out, const void *p, size_t len)
{
	put_number(out, len);
	if (len > 0)
		buf_put(out, p, len);
}

static void
put_entry(struct buf *out, const struct raft_entry *e)
{
	put_one(out, ITEM_ENTRY, e->index);
	put_number(out, e->term);
	put_number(out, e->kind);
	put_text(out, e->data, e->len);
}

/* The key as the tables have it, with its terminator. */
static void
put_row(struct buf *out, const struct batch_row *row)
{
	size_t len = strlen(row->key);

	check(row->table > 0 && row->table < 128 && len > 0);
	put_one(out, row->value != NULL ? ITEM_ROW : ITEM_DELETE, len + 2);
	buf_putc(out, (char)row->table);
	buf_put(out, row->key, len + 1);
	if (row->value != NULL)
		put_text(out, row->value, row->len);
}

/* As if there had never been a log. */
static void
put_forget(struct buf *out)
{
	put_one(out, ITEM_HARD, 0);
	put_number(out, 0);
	put_one(out, ITEM_CUT, 1);
	put_one(out, ITEM_APPLIED, 0);
}

void
fold_pack(const struct batch *b, struct buf *out)
{
	if (b->log_forget)
		put_forget(out);
	if (b->hard_dirty) {
		put_one(out, ITEM_HARD, b->hard.term);
		put_number(out, b->hard.vote);
	}
	if (b->truncate_from != 0)
		put_one(out, ITEM_CUT, b->truncate_from);
	for (size_t i = 0; i < b->entry_count; i++)
		put_entry(out, &b->entries[i]);
	if (b->trim_below != 0)
		put_one(out, ITEM_TRIM, b->trim_below);
	if (b->rows_replace)
		buf_putc(out, ITEM_REPLACE);
	for (size_t i = 0; i < b->row_count; i++)
		put_row(out, &b->rows[i]);
	if (b->applied != 0)
		put_one(out, ITEM_APPLIED, b->applied);
}

/* ---- reading
 * ------------------------------------------------------------------- */

struct reader {
	const char *p;
	size_t left;
	bool bad;
};

static const char *
take(struct reader *in, size_t len)
{
	const char *p = in->p;

	if (in->bad || len > in->left) {
		in->bad = true;
		return NULL;
	}
	in->p += len;
	in->left -= len;
	return p;
}

static uint64_t
take_number(struct reader *in)
{
	const char *p = take(in, 8);
	uint64_t v = 0;

	if (p != NULL)
		memcpy(&v, p, sizeof(v));
	return v;
}

static const char *
take_text(struct reader *in, size_t *ret_len)
{
	*ret_len = take_number(in);
	return take(in, *ret_len);
}

/* A table, a key that is not empty, and the end of a string, just there. */
static const char *
take_key(struct reader *in)
{
	size_t len;
	const char *key = take_text(in, &len);

	if (key == NULL || len < 3 || key[0] <= 0 ||
	    memchr(key, 0, len) != key + len - 1) {
		in->bad = true;
		return NULL;
	}
	return key;
}

/* ---- laying over
 * --------------------------------------------------------------- */

void
fold_init(struct fold *f, const struct record_hard *hard, uint64_t seed)
{
	*f = (struct fold){ .hard = *hard };
	map_init(&f->by_key, seed);
}

void
fold_fini(struct fold *f)
{
	for (size_t i = 0; i < f->text_count; i++) {
		if (f->texts[i].len > 0)
			explicit_bzero(f->texts[i].p, f->texts[i].len);
		buf_fini(&f->texts[i]);
	}
	mem_free(f->texts);
	mem_free(f->entries);
	mem_free(f->rows);
	map_fini(&f->by_key);
}

static void
cut(struct fold *f, uint64_t from)
{
	while (f->entry_count > f->entry_first &&
	       f->entries[f->entry_count - 1].index >= from)
		f->entry_count--;
	if (f->truncate_from == 0 || from < f->truncate_from)
		f->truncate_from = from;
	/* What comes from there on was not meant by an earlier trim. */
	f->trim_below = min_u64(f->trim_below, from);
}

static void
trim(struct fold *f, uint64_t below)
{
	while (f->entry_first < f->entry_count &&
	       f->entries[f->entry_first].index < below)
		f->entry_first++;
	f->trim_below = max_u64(f->trim_below, below);
}

static void
add_entry(struct fold *f, struct reader *in)
{
	struct raft_entry e = { .index = take_number(in),
				.term = take_number(in) };
	uint64_t kind = take_number(in);

	e.data = (void *)(uintptr_t)take_text(in, &e.len);
	if (in->bad || e.index == 0 || e.term == 0 || e.len > RAFT_ENTRY_MAX ||
	    kind < RAFT_NOOP || kind > RAFT_CONFIG ||
	    (f->entry_count > f->entry_first &&
	     f->entries[f->entry_count - 1].index + 1 != e.index)) {
		in->bad = true;
		return;
	}
	e.kind = (enum raft_entry_kind)kind;
	f->entries = mem_grow(f->entries, f->entry_count, &f->entry_cap,
			      sizeof(*f->entries));
	f->entries[f->entry_count++] = e;
}

static void
add_row(struct fold *f, struct reader *in, bool has_value)
{
	struct fold_row row = { .key = take_key(in) };
	uintptr_t earlier;

	if (has_value)
		row.value = take_text(in, &row.len);
	if (in->bad)
		return;
	f->rows =
		mem_grow(f->rows, f->row_count, &f->row_cap, sizeof(*f->rows));
	f->rows[f->row_count++] = row;
	earlier = (uintptr_t)map_get(&f->by_key, row.key);
	if (earlier != 0) {
		(void)map_del(&f->by_key, row.key);
		f->rows[earlier - 1].key = NULL;
	}
	(void)map_put(&f->by_key, row.key, (void *)(uintptr_t)f->row_count);
}

static void
replace_rows(struct fold *f)
{
	f->rows_replace = true;
	for (size_t i = 0; i < f->row_count; i++) {
		const char *key = f->rows[i].key;

		if (key == NULL || key[0] > TABLE_OBJECT_LAST)
			continue;
		(void)map_del(&f->by_key, key);
		f->rows[i].key = NULL;
	}
}

static void
add_item(struct fold *f, struct reader *in)
{
	switch (*take(in, 1)) {
	case ITEM_HARD:
		f->hard.hard.term = take_number(in);
		f->hard.hard.vote = take_number(in);
		break;
	case ITEM_CUT:
		cut(f, take_number(in));
		break;
	case ITEM_ENTRY:
		add_entry(f, in);
		break;
	case ITEM_TRIM:
		trim(f, take_number(in));
		break;
	case ITEM_REPLACE:
		replace_rows(f);
		break;
	case ITEM_ROW:
		add_row(f, in, true);
		break;
	case ITEM_DELETE:
		add_row(f, in, false);
		break;
	case ITEM_APPLIED:
		f->hard.applied = take_number(in);
		break;
	default:
		in->bad = true;
	}
}

int
fold_add(struct fold *f, struct buf *packed, struct err *e)
{
	struct reader in = { packed->p, packed->len, false };

	f->texts = mem_grow(f->texts, f->text_count, &f->text_cap,
			    sizeof(*f->texts));
	f->texts[f->text_count++] = *packed;
	*packed = (struct buf){ 0 };
	while (in.left > 0 && !in.bad)
		add_item(f, &in);
	return in.bad ? err_set(e, -EIO, "what it holds cannot be read") : 0;
}
