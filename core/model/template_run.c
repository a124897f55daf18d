/*
 * template_run.c - walking the tree of a template over a JSON tree. Depth is
 * the parser's, work is counted in steps.
 */
#include "core/model/template_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

struct run {
	const struct template *t;
	enum template_mode mode;
	struct buf *out;
	size_t out_begin;
	struct err *e;
	unsigned steps;
	json_t *dot;			 /* borrowed */
	json_t *vars[TEMPLATE_VARS_MAX]; /* each with a reference */
};

#define FAIL(r, pos, ...)                                                      \
	template_at((r)->t->text, pos, err_set((r)->e, -EINVAL, __VA_ARGS__),  \
		    (r)->e)

static int
step(struct run *r, unsigned pos)
{
	if (r->steps++ >= TEMPLATE_STEPS_MAX)
		return FAIL(r, pos, "it takes more than %d steps",
			    TEMPLATE_STEPS_MAX);
	if (r->out->len - r->out_begin > TEMPLATE_OUTPUT_MAX)
		return FAIL(r, pos, "it writes more than %d bytes",
			    TEMPLATE_OUTPUT_MAX);
	return 0;
}

bool
template_truth(const json_t *v)
{
	if (v == NULL)
		return false;
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return json_object_size(v) > 0;
	case JSON_ARRAY:
		return json_array_size(v) > 0;
	case JSON_STRING:
		return json_string_length(v) > 0;
	case JSON_INTEGER:
		return json_integer_value(v) != 0;
	case JSON_REAL:
		return json_real_value(v) != 0;
	case JSON_TRUE:
		return true;
	case JSON_FALSE:
	case JSON_NULL:
		return false;
	}
	unreachable();
}

/* ---- values ----------------------------------------------------------------
 */

static int
no_field(struct run *r, const struct operand *o, const char *name,
	 const json_t *v)
{
	(void)err_set(r->e, -EINVAL,
		      v == NULL || json_is_null(v)
			      ? "nil pointer evaluating interface {}.%s"
			      : "can't evaluate field %s in type %s",
		      name, template_type_name(v));
	return template_at(r->t->text, o->pos,
			   err_wrap(r->e, -EINVAL, "executing \"\" at <%.*s>",
				    (int)min_u64(o->len, 80),
				    r->t->text + o->pos),
			   r->e);
}

static bool
all_strings(json_t *v)
{
	const char *key;
	json_t *value;

	json_object_foreach(v, key,
			    value) if (!json_is_string(value)) return false;
	return true;
}

/* Follow the path from v; *ret is borrowed from v. */
static int
follow(struct run *r, const struct operand *o, json_t *v, json_t **ret)
{
	for (unsigned i = 0; i < o->path_count; i++) {
		const char *name = o->path[i];

		if (!json_is_object(v))
			return no_field(r, o, name, v);
		bool strict = r->mode == TEMPLATE_STRICT ||
			      (r->mode == TEMPLATE_TYPED && !all_strings(v));

		v = json_object_get(v, name);
		if (v == NULL && strict)
			return FAIL(r, o->pos,
				    "executing \"\" at <%.*s>: map has no "
				    "entry for key \"%s\"",
				    (int)min_u64(o->len, 80),
				    r->t->text + o->pos, name);
	}
	*ret = v;
	return 0;
}

static int run_pipe(struct run *r, const struct pipe *pipe, json_t **ret);

static int
call_func(struct run *r, const struct operand *o, json_t *const *args,
	  unsigned count, json_t **ret)
{
	const struct func *f = o->func;
	int rc;

	if (count < f->min || count > f->max)
		return FAIL(r, o->pos,
			    "executing \"\" at <%s>: wrong number of args for "
			    "%s: want %s%u got %u",
			    f->name, f->name,
			    f->min == f->max ? "" : "at least ", f->min, count);
	rc = f->call(r->mode, args, count, ret, r->e);
	if (rc == 0)
		return 0;
	return template_at(
		r->t->text, o->pos,
		err_wrap(r->e, rc, "executing \"\" at <%s>", f->name), r->e);
}

/* *ret has a reference of its own. */
static int
operand_value(struct run *r, const struct operand *o, json_t **ret)
{
	json_t *v = NULL, *found = NULL;
	int rc = step(r, o->pos);

	if (rc != 0)
		return rc;
	switch (o->kind) {
	case OPERAND_DOT:
		v = json_incref(r->dot);
		break;
	case OPERAND_VAR:
		v = json_incref(r->vars[o->var]);
		break;
	case OPERAND_LITERAL:
		v = json_incref(o->literal);
		break;
	case OPERAND_PIPE:
		rc = run_pipe(r, o->pipe, &v);
		break;
	case OPERAND_FUNC:
		rc = call_func(r, o, NULL, 0, &v);
		break;
	}
	if (rc == 0)
		rc = follow(r, o, v, &found);
	if (rc == 0)
		*ret = json_incref(found);
	json_decref(v);
	return rc;
}

/* and, or: the value of the first operand that decides, or of the last. */
static bool
decides(const struct func *f, const json_t *v)
{
	if (f->lazy == FUNC_EAGER)
		return false;
	return template_truth(v) == (f->lazy == FUNC_OR);
}

/* last: the result of the call before this one; consumed. */
static int
run_function(struct run *r, const struct call *call, bool has_last,
	     json_t *last, json_t **ret)
{
	const struct operand *o = call->operands[0];
	json_t *args[TEMPLATE_ARGS_MAX + 1];
	unsigned count = 0;
	int rc = 0;

	for (unsigned i = 1; rc == 0 && i < call->count; i++) {
		rc = operand_value(r, call->operands[i], &args[count]);
		if (rc == 0 && decides(o->func, args[count])) {
			*ret = args[count];
			goto out; /* the others are not looked at */
		}
		count += rc == 0;
	}
	if (has_last)
		args[count++] = json_incref(last);
	if (rc == 0)
		rc = call_func(r, o, args, count, ret);
out:
	for (unsigned i = 0; i < count; i++)
		json_decref(args[i]);
	return rc;
}

static int
run_call(struct run *r, const struct call *call, bool has_last, json_t *last,
	 json_t **ret)
{
	int rc = step(r, call->pos);

	if (rc != 0)
		return rc;
	if (call->operands[0]->kind == OPERAND_FUNC)
		return run_function(r, call, has_last, last, ret);
	check(!has_last && call->count == 1);
	return operand_value(r, call->operands[0], ret);
}

static void
set_var(struct run *r, unsigned slot, json_t *v)
{
	json_t *old = r->vars[slot];

	check(slot < TEMPLATE_VARS_MAX);
	r->vars[slot] = json_incref(v);
	json_decref(old);
}

/* The value alone; run_pipe() sets the variables too. */
static int
pipe_value(struct run *r, const struct pipe *pipe, json_t **ret)
{
	json_t *v = NULL;
	bool first = true;

	for (const struct call *c = pipe->calls; c != NULL; c = c->next) {
		json_t *next = NULL;
		int rc = run_call(r, c, !first, v, &next);

		json_decref(v);
		v = next;
		first = false;
		if (rc != 0)
			return rc;
	}
	*ret = v;
	return 0;
}

static int
run_pipe(struct run *r, const struct pipe *pipe, json_t **ret)
{
	int rc = pipe_value(r, pipe, ret);

	if (rc == 0 && pipe->var_count > 0)
		set_var(r, pipe->vars[0], *ret);
	return rc;
}

/* ---- nodes ------------------------------------------------------------------
 */

static int run_list(struct run *r, const struct node *n, enum flow *ret_flow);

static int
run_with_dot(struct run *r, const struct node *body, json_t *dot,
	     enum flow *ret_flow)
{
	json_t *outer = r->dot;
	int rc;

	r->dot = dot;
	rc = run_list(r, body, ret_flow);
	r->dot = outer;
	return rc;
}

/* One turn of a loop; gives in *ret_flow whether to go on. */
static int
run_turn(struct run *r, const struct node *n, json_t *key, json_t *value,
	 enum flow *ret_flow)
{
	int rc = step(r, n->pos);

	if (n->pipe->var_count == 1)
		set_var(r, n->pipe->vars[0], value);
	if (n->pipe->var_count == 2) {
		set_var(r, n->pipe->vars[0], key);
		set_var(r, n->pipe->vars[1], value);
	}
	if (rc == 0)
		rc = run_with_dot(r, n->body, value, ret_flow);
	if (*ret_flow == FLOW_CONTINUE)
		*ret_flow = FLOW_ON;
	return rc;
}

static int
range_array(struct run *r, const struct node *n, json_t *v)
{
	enum flow flow = FLOW_ON;
	int rc = 0;

	for (size_t i = 0; rc == 0 && flow == FLOW_ON && i < json_array_size(v);
	     i++) {
		json_t *key = json_integer((json_int_t)i);

		rc = run_turn(r, n, key, json_array_get(v, i), &flow);
		json_decref(key);
	}
	return rc;
}

static int
cmp_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, as Go ranges over maps; the array is the caller's. */
static const char **
sorted_keys(json_t *v, size_t *ret_count)
{
	const char **keys =
		mem_new_array(json_object_size(v) + 1, sizeof(*keys));
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach(v, key, value) keys[n++] = key;
	qsort(keys, n, sizeof(*keys), cmp_keys);
	*ret_count = n;
	return keys;
}

static int
range_object(struct run *r, const struct node *n, json_t *v)
{
	enum flow flow = FLOW_ON;
	size_t count;
	const char **keys = sorted_keys(v, &count);
	int rc = 0;

	for (size_t i = 0; rc == 0 && flow == FLOW_ON && i < count; i++) {
		json_t *key = json_string(keys[i]);

		rc = run_turn(r, n, key, json_object_get(v, keys[i]), &flow);
		json_decref(key);
	}
	mem_free(keys);
	return rc;
}

static int
run_range(struct run *r, const struct node *n, enum flow *ret_flow)
{
	json_t *v = NULL;
	int rc = pipe_value(r, n->pipe, &v);

	if (rc != 0)
		return rc;
	if (!template_truth(v) || json_is_number(v) || json_is_string(v) ||
	    json_is_boolean(v)) {
		if (v == NULL || json_is_null(v) || json_is_array(v) ||
		    json_is_object(v))
			rc = run_list(r, n->otherwise, ret_flow);
		else
			rc = FAIL(r, n->pos, "range can't iterate over %s",
				  template_type_name(v));
	} else if (json_is_array(v)) {
		rc = range_array(r, n, v);
	} else {
		rc = range_object(r, n, v);
	}
	json_decref(v);
	return rc;
}

static int
run_if(struct run *r, const struct node *n, enum flow *ret_flow)
{
	json_t *v = NULL;
	int rc = run_pipe(r, n->pipe, &v);

	if (rc == 0 && !template_truth(v))
		rc = run_list(r, n->otherwise, ret_flow);
	else if (rc == 0 && n->kind == NODE_WITH)
		rc = run_with_dot(r, n->body, v, ret_flow);
	else if (rc == 0)
		rc = run_list(r, n->body, ret_flow);
	json_decref(v);
	return rc;
}

static int
run_action(struct run *r, const struct node *n)
{
	json_t *v = NULL;
	int rc = run_pipe(r, n->pipe, &v);

	if (rc == 0 && n->pipe->var_count == 0) {
		rc = template_print(v, r->out, r->e);
		if (rc != 0)
			rc = template_at(r->t->text, n->pos, rc, r->e);
	}
	json_decref(v);
	return rc;
}

static int
run_node(struct run *r, const struct node *n, enum flow *ret_flow)
{
	switch (n->kind) {
	case NODE_TEXT:
		buf_put(r->out, n->text, n->len);
		return 0;
	case NODE_ACTION:
		return run_action(r, n);
	case NODE_IF:
	case NODE_WITH:
		return run_if(r, n, ret_flow);
	case NODE_RANGE:
		return run_range(r, n, ret_flow);
	case NODE_BREAK:
		*ret_flow = FLOW_BREAK;
		return 0;
	case NODE_CONTINUE:
		*ret_flow = FLOW_CONTINUE;
		return 0;
	}
	unreachable();
}

static int
run_list(struct run *r, const struct node *n, enum flow *ret_flow)
{
	int rc = 0;

	for (; rc == 0 && n != NULL && *ret_flow == FLOW_ON; n = n->next) {
		rc = step(r, n->pos);
		if (rc == 0)
			rc = run_node(r, n, ret_flow);
	}
	return rc;
}

int
template_run(const struct template *t, json_t *data, enum template_mode mode,
	     struct buf *out, struct err *e)
{
	struct run r = { .t = t,
			 .mode = mode,
			 .out = out,
			 .out_begin = out->len,
			 .e = e,
			 .dot = data };
	enum flow flow = FLOW_ON;
	int rc;

	r.vars[0] = json_incref(data); /* $ */
	rc = run_list(&r, t->first, &flow);
	for (unsigned i = 0; i < TEMPLATE_VARS_MAX; i++)
		json_decref(r.vars[i]);
	return rc;
}
