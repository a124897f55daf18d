/* template_impl.h - what the template_*.c files share. */
#ifndef CORE_MODEL_TEMPLATE_IMPL_H
#define CORE_MODEL_TEMPLATE_IMPL_H

#include "core/base/arena.h"
#include "core/model/template.h"

#define TEMPLATE_PATH_MAX 32 /* names in .A.B.C */
#define TEMPLATE_ARGS_MAX 32 /* operands of one command */

struct run;
struct func;

enum operand_kind {
	OPERAND_DOT,
	OPERAND_VAR,
	OPERAND_LITERAL,
	OPERAND_PIPE, /* in parentheses */
	OPERAND_FUNC, /* without arguments, or the first of a command */
};

/* A value, and the names that are looked up in it one after the other. */
struct operand {
	enum operand_kind kind;
	unsigned pos; /* in the text */
	unsigned len;
	unsigned var;
	json_t *literal; /* owned by the template; NULL: nil */
	const struct func *func;
	struct pipe *pipe;
	const char **path;
	unsigned path_count;
};

struct call {
	struct operand *operands[TEMPLATE_ARGS_MAX];
	unsigned count;
	unsigned pos;
	struct call *next; /* its last argument is this one's result */
};

struct pipe {
	unsigned vars[2]; /* slots that are set */
	unsigned var_count;
	struct call *calls;
};

enum node_kind {
	NODE_TEXT,
	NODE_ACTION,
	NODE_IF,
	NODE_WITH,
	NODE_RANGE,
	NODE_BREAK,
	NODE_CONTINUE,
};

struct node {
	enum node_kind kind;
	unsigned pos;
	const char *text;
	size_t len;
	struct pipe *pipe;
	struct node *body, *otherwise;
	struct node *next;
};

struct template
{
	struct arena arena;
	const char *text;
	struct node *first;
	json_t *literals; /* an array that owns them */
};

/*
 * A function: gives its result, with a reference that is the caller's, in
 * *ret (NULL: no value). e is set without the place.
 */
struct func {
	const char *name;
	unsigned min, max;
	int (*call)(enum template_mode mode, json_t *const *args,
		    unsigned count, json_t **ret, struct err *e);
	enum func_lazy {
		FUNC_EAGER,
		FUNC_AND,
		FUNC_OR
	} lazy; /* stops at the first that decides */
};

const struct func *template_func(const char *name, size_t len);
bool template_truth(const json_t *v);
/* printf and Sprint, in template_printf.c. */
int template_printf(const char *format, json_t *const *args, unsigned count,
		    struct buf *out, struct err *e);
/* "template: :LINE:COL: " in front of what e says. */
int template_at(const char *text, unsigned pos, int code, struct err *e);
const char *template_type_name(const json_t *v);

#endif
