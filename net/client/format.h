/*
 * format.h - lists as tables, JSON or templates (--format, -q), and what
 * `inspect` prints. A list command fills rows of strings; the columns say
 * what each is called.
 */
#ifndef NET_CLIENT_FORMAT_H
#define NET_CLIENT_FORMAT_H

#include <jansson.h>

#include "net/client/command.h"

#define TABLE_COLUMNS_MAX 32
#define ELLIPSIS "\xe2\x80\xa6" /* U+2026, one column wide */

enum column_mark {
	COLUMN_EXTRA = 1, /* for templates and JSON; not in the table */
	COLUMN_BOOL = 2,  /* "true" or "false": JSON's own */
	COLUMN_SHOWN = 4, /* in the table only; has no name */
};

struct column {
	const char *field;  /* in templates: Hostname */
	const char *header; /* HOSTNAME */
	const char *raw;    /* --format raw: hostname; NULL: not there */
	unsigned marks;
};

struct table {
	struct cli *cli;
	const struct column *columns; /* the first is what -q prints */
	unsigned column_count;
	const char ***rows;
	size_t count, cap;
};

/* Rows and cells live in the cli's arena; table_fini() frees the rest. */
void table_init(struct table *t, struct cli *cli, const struct column *columns,
		unsigned count);
void table_fini(struct table *t);
/* A new row, each cell ""; fill it in the order of the columns. */
const char **table_row(struct table *t);
/* Print all. format: "" or table, json, raw, "table TEMPLATE", TEMPLATE. */
int table_print(struct table *t, const char *format, bool quiet);

/*
 * Columns of text with tabs between, as Go's tabwriter aligns them: cells at
 * least 10 wide, 3 blanks between.
 */
void tabs_align(const char *text, size_t len, struct buf *out);

/* One value, for --format: "" is not allowed; ends with a newline. */
int format_value(struct cli *cli, const char *format, json_t *v);

/*
 * A row in front of its template, for streams (events): compiled once,
 * printed many times. format: json or TEMPLATE.
 */
struct template;
int format_compile(const char *format, struct template **ret, struct err *e);
/* Says what is wrong with it and gives CLI_TEMPLATE; "" is fine. */
int format_check(struct cli *cli, const char *format);

/* ---- inspect ----------------------------------------------------------------
 */

/*
 * Gets one object's JSON, whole, into *ret; -errno with the sentence that is
 * printed for it.
 */
typedef int (*inspect_fn)(struct cli *cli, const char *ref, struct buf *ret,
			  struct err *e);
/*
 * All refs: found ones are printed though others fail. type: its table is
 * used to give absent fields their zero in templates; or NULL.
 */
int inspect_print(struct cli *cli, const struct strings *refs,
		  const char *format, const struct type *type, inspect_fn get);

/* JSON text with its white space made anew, nothing else touched. */
void json_indent(const char *p, size_t len, const char *prefix,
		 struct buf *out);

/* ---- cells
 * ------------------------------------------------------------------- */

/* At most width columns, the last an ellipsis if it was cut. */
const char *text_ellipsis(struct arena *a, const char *s, size_t width);
/* The first 12 characters. */
const char *short_id(struct arena *a, const char *id);
/* "3 minutes ago" */
const char *text_ago(struct cli *cli, int64_t ns);

#endif
