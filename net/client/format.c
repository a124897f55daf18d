/* format.c - see format.h: lists. */
#include "net/client/format.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/model/template.h"

#define CELL_LEAST 10 /* columns of a cell, padding included */
#define CELL_PADDING 3
#define LINES_MAX 1000000 /* of a table */
#define SHORT_ID_LEN 12

/* ---- cells
 * ------------------------------------------------------------------- */

static bool
starts_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

const char *
text_ellipsis(struct arena *a, const char *s, size_t width)
{
	size_t n = 0, cut = 0;

	for (size_t i = 0; s[i] != '\0'; i++) {
		if (!starts_character(s[i]))
			continue;
		if (n == width - 1)
			cut = i;
		if (n++ == width)
			return arena_printf(a, "%.*s" ELLIPSIS, (int)cut, s);
	}
	return s;
}

const char *
short_id(struct arena *a, const char *id)
{
	if (str_starts(id, "sha256:"))
		id += strlen("sha256:");
	return strlen(id) > SHORT_ID_LEN ? arena_strndup(a, id, SHORT_ID_LEN)
					 : id;
}

const char *
text_ago(struct cli *cli, int64_t ns)
{
	char text[TIME_TEXT_MAX];

	duration_human(cli->clock_ns(cli) - ns, text);
	return arena_printf(&cli->arena, "%s ago", text);
}

/* ---- alignment
 * ---------------------------------------------------------------- */

/* A cell that a tab ends has part in its column; the last of a line has not. */
struct cell {
	const char *p;
	size_t len, chars;
};
struct line {
	struct cell *cells;
	unsigned count;
};

static size_t
characters(const char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += starts_character(p[i]);
	return n;
}

static void
split_line(struct arena *a, const char *p, size_t len, struct line *ret)
{
	unsigned n = 1;

	for (size_t i = 0; i < len; i++)
		n += p[i] == '\t';
	ret->cells = arena_array(a, n, sizeof(*ret->cells));
	ret->count = n;
	for (unsigned i = 0; i < n; i++) {
		const char *tab = memchr(p, '\t', len);
		size_t cell = tab != NULL ? (size_t)(tab - p) : len;

		ret->cells[i].p = p;
		ret->cells[i].len = cell;
		ret->cells[i].chars = characters(p, cell);
		p += cell + (tab != NULL);
		len -= cell + (tab != NULL);
	}
}

static bool
in_column(const struct line *l, unsigned column)
{
	return column + 1 < l->count;
}

/* The width of a column in the run of lines that begins at lines[0]. */
static size_t
run_width(const struct line *lines, size_t count, unsigned column)
{
	size_t width = 0;

	for (size_t i = 0; i < count && in_column(&lines[i], column); i++)
		if (lines[i].cells[column].chars > width)
			width = lines[i].cells[column].chars;
	width += CELL_PADDING;
	return width < CELL_LEAST ? CELL_LEAST : width;
}

static void
put_line(const struct line *lines, size_t count, size_t *widths, size_t at,
	 struct buf *out)
{
	const struct line *l = &lines[at];

	for (unsigned c = 0; c < l->count; c++) {
		const struct cell *cell = &l->cells[c];
		size_t blanks;

		buf_put(out, cell->p, cell->len);
		if (!in_column(l, c) || c >= TABLE_COLUMNS_MAX)
			continue;
		/* A run begins where the line above has no such cell. */
		if (at == 0 || !in_column(&lines[at - 1], c))
			widths[c] = run_width(l, count - at, c);
		for (blanks = widths[c] - cell->chars; blanks > 0; blanks--)
			buf_putc(out, ' ');
	}
	buf_putc(out, '\n');
}

void
tabs_align(const char *text, size_t len, struct buf *out)
{
	size_t widths[TABLE_COLUMNS_MAX] = { 0 }, count = 0, at = 0;
	struct arena a;
	struct line *lines;

	arena_init(&a);
	for (size_t i = 0; i < len; i++)
		count += text[i] == '\n';
	count = min_u64(count, LINES_MAX);
	lines = arena_array(&a, count, sizeof(*lines));
	for (size_t i = 0; i < count; i++) {
		const char *end = memchr(text + at, '\n', len - at);

		split_line(&a, text + at, (size_t)(end - text) - at, &lines[i]);
		at = (size_t)(end - text) + 1;
	}
	for (size_t i = 0; i < count; i++)
		put_line(lines, count, widths, i, out);
	arena_fini(&a);
}

/* ---- rows
 * ------------------------------------------------------------------------ */

void
table_init(struct table *t, struct cli *cli, const struct column *columns,
	   unsigned count)
{
	check(count > 0 && count <= TABLE_COLUMNS_MAX);
	*t = (struct table){ .cli = cli,
			     .columns = columns,
			     .column_count = count };
}

void
table_fini(struct table *t)
{
	mem_free(t->rows);
	t->rows = NULL;
	t->count = 0;
}

const char **
table_row(struct table *t)
{
	const char **row =
		arena_array(&t->cli->arena, t->column_count, sizeof(*row));

	for (unsigned i = 0; i < t->column_count; i++)
		row[i] = "";
	t->rows = mem_grow(t->rows, t->count, &t->cap, sizeof(*t->rows));
	t->rows[t->count++] = row;
	return row;
}

static json_t *
text_value(struct cli *cli, const char *s)
{
	json_t *v = json_string(cli_clean(&cli->arena, s));

	return v != NULL ? v : json_string("");
}

/* Go's encoder writes a map's keys sorted, and that is what Docker prints. */
static json_t *
row_tree(const struct table *t, const char *const *row)
{
	json_t *tree = json_object();

	for (unsigned i = 0; i < t->column_count; i++) {
		const struct column *c = &t->columns[i];

		if (c->marks & COLUMN_SHOWN)
			continue;
		if (c->marks & COLUMN_BOOL)
			json_object_set_new(
				tree, c->field,
				json_boolean(str_eq(row[i], "true")));
		else
			json_object_set_new(tree, c->field,
					    text_value(t->cli, row[i]));
	}
	return tree;
}

static json_t *
header_tree(const struct table *t)
{
	json_t *tree = json_object();

	for (unsigned i = 0; i < t->column_count; i++)
		if (!(t->columns[i].marks & COLUMN_SHOWN))
			json_object_set_new(tree, t->columns[i].field,
					    json_string(t->columns[i].header));
	return tree;
}

/* ---- printing
 * --------------------------------------------------------------------- */

static void
put_clean(struct cli *cli, struct buf *b)
{
	fputs(cli_clean(&cli->arena, buf_cstr(b)), cli->out);
}

static void
print_quiet(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		fprintf(t->cli->out, "%s\n",
			cli_clean(&t->cli->arena, t->rows[i][0]));
}

/* Cells of a table may not break it. */
static void
put_cell(const struct table *t, const char *s, struct buf *b)
{
	for (s = cli_clean(&t->cli->arena, s); *s != '\0'; s++)
		buf_putc(b, *s == '\t' || *s == '\n' ? ' ' : *s);
}

static void
default_line(const struct table *t, const char *const *row, struct buf *b)
{
	bool first = true;

	for (unsigned i = 0; i < t->column_count; i++) {
		if (t->columns[i].marks & COLUMN_EXTRA)
			continue;
		if (!first)
			buf_putc(b, '\t');
		put_cell(t, row ? row[i] : t->columns[i].header, b);
		first = false;
	}
	buf_putc(b, '\n');
}

static void
print_default(struct table *t)
{
	struct buf text = { 0 }, out = { 0 };

	default_line(t, NULL, &text);
	for (size_t i = 0; i < t->count; i++)
		default_line(t, t->rows[i], &text);
	tabs_align(text.p, text.len, &out);
	put_clean(t->cli, &out);
	buf_fini(&text);
	buf_fini(&out);
}

static void
print_raw(struct table *t)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < t->count; i++) {
		for (unsigned c = 0; c < t->column_count; c++)
			if (t->columns[c].raw != NULL) {
				buf_printf(&b, "%s: ", t->columns[c].raw);
				put_cell(t, t->rows[i][c], &b);
				buf_putc(&b, '\n');
			}
		buf_putc(&b, '\n');
	}
	put_clean(t->cli, &b);
	buf_fini(&b);
}

static int
run_row(const struct template *tmpl, json_t *tree, enum template_mode mode,
	struct buf *out, struct err *e)
{
	int rc = template_run(tmpl, tree, mode, out, e);

	json_decref(tree);
	buf_putc(out, '\n');
	return rc;
}

static int
run_rows(struct table *t, const struct template *tmpl, bool aligned,
	 struct err *e)
{
	struct buf text = { 0 }, out = { 0 };
	int rc = 0;

	if (aligned)
		rc = run_row(tmpl, header_tree(t), TEMPLATE_HEADER, &text, e);
	for (size_t i = 0; rc == 0 && i < t->count; i++)
		rc = run_row(tmpl, row_tree(t, t->rows[i]), TEMPLATE_STRICT,
			     &text, e);
	if (rc == 0 && aligned) {
		tabs_align(text.p, text.len, &out);
		put_clean(t->cli, &out);
	} else if (rc == 0) {
		put_clean(t->cli, &text);
	}
	buf_fini(&text);
	buf_fini(&out);
	return rc;
}

/* What a shell makes hard to type: \t and \n. */
static const char *
expand_escapes(struct arena *a, const char *s)
{
	char *out = arena_alloc(a, strlen(s) + 1), *to = out;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && (s[1] == 't' || s[1] == 'n')) {
			*to++ = *++s == 't' ? '\t' : '\n';
			continue;
		}
		*to++ = *s;
	}
	*to = '\0';
	while (to > out && to[-1] == ' ')
		*--to = '\0';
	return out + strspn(out, " ");
}

static int
print_template(struct table *t, const char *format)
{
	bool aligned = str_starts(format, "table");
	const char *text =
		expand_escapes(&t->cli->arena, format + (aligned ? 5 : 0));
	struct template *tmpl = NULL;
	struct err e = { 0 };
	int rc = template_parse(text, &tmpl, &e);

	if (rc == 0)
		rc = run_rows(t, tmpl, aligned, &e);
	template_free(tmpl);
	if (rc != 0)
		return cli_fail(t->cli, "template parsing error: %s", e.msg);
	return CLI_OK;
}

static int
cmp_columns(const struct column *a, const struct column *b)
{
	return strcmp(a->field, b->field);
}

static void
print_json(struct table *t)
{
	unsigned order[TABLE_COLUMNS_MAX];
	unsigned n = 0;

	for (unsigned c = 0; c < t->column_count; c++) { /* insertion sort */
		unsigned i = n;

		if (t->columns[c].marks & COLUMN_SHOWN)
			continue;
		for (; i > 0 && cmp_columns(&t->columns[c],
					    &t->columns[order[i - 1]]) < 0;
		     i--)
			order[i] = order[i - 1];
		order[i] = c;
		n++;
	}
	for (size_t i = 0; i < t->count; i++) {
		json_t *tree = row_tree(t, t->rows[i]), *sorted = json_object();

		for (unsigned c = 0; c < n; c++)
			json_object_set(
				sorted, t->columns[order[c]].field,
				json_object_get(tree,
						t->columns[order[c]].field));
		json_dumpf(sorted, t->cli->out, JSON_COMPACT);
		fputc('\n', t->cli->out);
		json_decref(sorted);
		json_decref(tree);
	}
}

static bool
has_raw(const struct table *t)
{
	for (unsigned i = 0; i < t->column_count; i++)
		if (t->columns[i].raw != NULL)
			return true;
	return false;
}

int
table_print(struct table *t, const char *format, bool quiet)
{
	if (str_empty(format) || str_eq(format, "table")) {
		if (quiet)
			print_quiet(t);
		else
			print_default(t);
		return CLI_OK;
	}
	if (str_eq(format, "json")) {
		print_json(t);
		return CLI_OK;
	}
	if (str_eq(format, "raw") && has_raw(t)) {
		print_raw(t);
		return CLI_OK;
	}
	return print_template(t, format);
}

int
format_compile(const char *format, struct template **ret, struct err *e)
{
	struct arena a;
	int rc;

	arena_init(&a);
	if (str_eq(format, "json"))
		format = "{{json .}}";
	rc = template_parse(expand_escapes(&a, format), ret, e);
	arena_fini(&a);
	return rc == 0 ? 0 : err_wrap(e, rc, "template parsing error");
}

int
format_check(struct cli *cli, const char *format)
{
	struct template *tmpl = NULL;
	struct err e = { 0 };

	if (*format == '\0')
		return CLI_OK;
	if (format_compile(format, &tmpl, &e) != 0) {
		(void)cli_fail_err(cli, &e);
		return CLI_TEMPLATE;
	}
	template_free(tmpl);
	return CLI_OK;
}

int
format_value(struct cli *cli, const char *format, json_t *v)
{
	struct template *tmpl = NULL;
	struct buf out = { 0 };
	struct err e = { 0 };
	int rc = format_compile(format, &tmpl, &e);

	if (rc != 0) {
		cli_fail_err(cli, &e);
		return CLI_TEMPLATE;
	}
	rc = template_run(tmpl, v, TEMPLATE_STRICT, &out, &e);
	template_free(tmpl);
	if (rc == 0) {
		buf_putc(&out, '\n');
		put_clean(cli, &out);
	}
	buf_fini(&out);
	return rc == 0 ? CLI_OK
		       : cli_fail(cli, "template parsing error: %s", e.msg);
}
