/*
 * template.h - Go's text/template over JSON trees, the part that --format
 * needs: fields, variables, pipelines, if / else if / with / range with
 * else, break, continue, comments, trimming, and Docker's functions (json
 * split join title lower upper pad truncate print println printf len index
 * slice eq ne lt le gt ge and or not). There are no methods and no define.
 *
 * All is bounded: text, nodes, nesting, steps and output. Messages are as
 * Go's: "template: :1:9: function "x" not defined" (line and column).
 */
#ifndef CORE_MODEL_TEMPLATE_H
#define CORE_MODEL_TEMPLATE_H

#include <jansson.h>

#include "core/base/buf.h"
#include "core/base/err.h"

#define TEMPLATE_TEXT_MAX 65536
#define TEMPLATE_NODES_MAX 8192	   /* texts, actions, operands ... */
#define TEMPLATE_DEPTH_MAX 32	   /* of blocks and parentheses */
#define TEMPLATE_VARS_MAX 64	   /* in scope at once */
#define TEMPLATE_STEPS_MAX 1000000 /* of one run */
#define TEMPLATE_OUTPUT_MAX 16777216
#define TEMPLATE_VALUE_DEPTH_MAX 64 /* of a tree that is printed */

enum template_mode {
	TEMPLATE_NO_VALUE, /* a missing key prints "<no value>" */
	TEMPLATE_STRICT,   /* a missing key is an error */
	TEMPLATE_TYPED,	   /* the same, but not in a map of strings alone: it is
			      a map in Go too, where all others are structs */
	TEMPLATE_HEADER,   /* json, title, lower, upper, truncate do nothing:
			      the data are a table's headings */
};

struct template;

/* -EINVAL: it is not a template. text need not live on. */
int template_parse(const char *text, struct template **ret, struct err *e);
void template_free(struct template *t); /* NULL is fine */

/*
 * Appends to out. On failure out has what was written until then. A template
 * may be run many times; data are borrowed (their reference counts move).
 */
int template_run(const struct template *t, json_t *data,
		 enum template_mode mode, struct buf *out, struct err *e);

/* A value as {{.}} prints it: map[a:1 b:[x y]], <nil>, <no value> (NULL). */
int template_print(const json_t *v, struct buf *out, struct err *e);

#endif
