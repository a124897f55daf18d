/* control_task.c - tasks: list, inspect, and whose logs are asked for. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "core/manager/control_impl.h"
#include "core/model/naming.h"

/*
 * Would an update leave this task alone? The version alone does not tell:
 * scaling makes a new one, and changes no task.
 */
bool
control_task_current(const struct service *s, const struct task *t)
{
	static const struct endpoint_spec none;
	const struct endpoint_spec *want =
		s->spec.endpoint ? s->spec.endpoint : &none;
	const struct endpoint_spec *have = t->endpoint ? t->endpoint : &none;

	if (s->spec_version == t->spec_version)
		return true;
	return model_equal(&task_spec_type, &s->spec.task, &t->spec) &&
	       model_equal(&endpoint_spec_type, want, have);
}

/* Replaces names by ids in the values of key; else the reply is set. */
static bool
resolve(struct control *c, struct filters *f, const char *key,
	enum object_type type)
{
	struct strings *values = (struct strings *)filters_get(f, key);

	for (uint32_t i = 0; values && i < values->count; i++) {
		const struct object *o = control_find(c, type, values->v[i]);

		if (!o)
			return false;
		values->v[i] = o->id;
	}
	return true;
}

static bool
is_current(const struct control *c, const struct filters *f,
	   const struct task *t)
{
	const struct service *s;
	bool current;

	if (!filters_get(f, "_up-to-date"))
		return true;
	s = state_get(c->env->state, OBJECT_SERVICE, t->service_id);
	current = s && control_task_current(s, t);
	return filters_match(f, "_up-to-date", current ? "true" : "false") ||
	       filters_match(f, "_up-to-date", current ? "1" : "0");
}

/* "running" is asked for what should run; all that is ended is "shutdown". */
static const char *
desired_word(const struct task *t)
{
	if (t->desired_state <= TASK_RUNNING)
		return t->desired_state == TASK_ACCEPTED ? "accepted"
							 : "running";
	return "shutdown";
}

static bool
matches(const struct control *c, const struct filters *f, const struct task *t)
{
	return filters_match(f, "service", t->service_id) &&
	       filters_match(f, "node", t->node_id) &&
	       filters_match(f, "desired-state", desired_word(t)) &&
	       control_filter_prefix(f, "id", t->head.id) &&
	       filters_match_labels(f, "label", &t->service_labels) &&
	       filters_match(f, "runtime",
			     str_or(t->spec.runtime, "container")) &&
	       (!filters_get(f, "name") ||
		control_filter_prefix(f, "name", task_name(t, c->a))) &&
	       is_current(c, f, t);
}

/* The smallest list that holds all matches. */
static struct task_span
candidates(const struct control *c, const struct filters *f)
{
	const struct strings *services = filters_get(f, "service");
	const struct strings *nodes = filters_get(f, "node");
	size_t count = state_count(c->env->state, OBJECT_TASK);
	const struct task **all;

	if (services && services->count == 1)
		return state_tasks_of_service(c->env->state, services->v[0]);
	if (nodes && nodes->count == 1)
		return state_tasks_of_node(c->env->state, nodes->v[0]);
	all = arena_array(c->a, count, sizeof(*all));
	for (size_t i = 0; i < count; i++)
		all[i] = state_at(c->env->state, OBJECT_TASK, i);
	return (struct task_span){ all, count };
}

void
control_task_list(struct control *c)
{
	static const char *const allowed[] = { "id",	      "label",
					       "name",	      "node",
					       "service",     "desired-state",
					       "_up-to-date", "runtime",
					       NULL };
	static const char *const states[] = { "running", "shutdown", "accepted",
					      NULL };
	struct control_list l;
	struct task_span span;
	struct filters f;

	if (!control_filters(c, allowed, &f) ||
	    !control_filter_words(c, &f, "desired-state", states) ||
	    !resolve(c, &f, "service", OBJECT_SERVICE) ||
	    !resolve(c, &f, "node", OBJECT_NODE))
		return;
	span = candidates(c, &f);
	control_list_begin(c, &l);
	for (size_t i = 0; i < span.count; i++)
		if (matches(c, &f, span.v[i]))
			control_list_put(&l, &task_type, span.v[i]);
	control_list_end(&l);
}

void
control_task_inspect(struct control *c)
{
	const struct task *t = control_find(c, OBJECT_TASK, c->r->target);

	if (t)
		control_reply_object(c, &task_type, t);
}

/* ---- logs ---------------------------------------------------------------- */

static int
by_slot(const void *a, const void *b)
{
	const struct task *x = *(const struct task *const *)a;
	const struct task *y = *(const struct task *const *)b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	if (x->head.created_at != y->head.created_at)
		return x->head.created_at < y->head.created_at ? -1 : 1;
	return strcmp(x->head.id, y->head.id);
}

/*
 * A stream that follows waits for tasks that have not started yet; one that
 * does not, has nothing to read from them.
 */
static void
select_service(const struct control *c, const struct service *s, bool follow,
	       struct arena *a, struct log_selection *ret)
{
	struct task_span span =
		state_tasks_of_service(c->env->state, s->head.id);

	ret->tasks = arena_array(a, span.count, sizeof(*ret->tasks));
	ret->service_id = s->head.id;
	for (size_t i = 0; i < span.count; i++)
		if (follow || span.v[i]->status.state >= TASK_RUNNING)
			ret->tasks[ret->count++] = span.v[i];
	qsort(ret->tasks, ret->count, sizeof(*ret->tasks), by_slot);
}

static int
select_logs(struct control *c, struct arena *a, struct log_selection *ret)
{
	const struct request *r = c->r;
	const struct service *s;
	const struct task *t;

	if (!request_query_bool(r, "stdout") &&
	    !request_query_bool(r, "stderr")) {
		control_error(c->ret, 400,
			      "Bad parameters: you must choose at least one "
			      "stream");
		return -1;
	}
	if (r->op == OP_SERVICE_LOGS) {
		s = control_find(c, OBJECT_SERVICE, r->target);
		if (!s)
			return -1;
		select_service(c, s, request_query_bool(r, "follow"), a, ret);
		return 0;
	}
	t = control_find(c, OBJECT_TASK, r->target);
	if (!t)
		return -1;
	ret->tasks = arena_array(a, 1, sizeof(*ret->tasks));
	ret->tasks[ret->count++] = t;
	return 0;
}

int
control_logs(const struct control_env *env, const struct request *r,
	     struct arena *a, struct log_selection *ret_sel,
	     struct control_reply *ret)
{
	struct control c = { env, r, ret, a };

	check(r->op == OP_SERVICE_LOGS || r->op == OP_TASK_LOGS);
	*ret_sel = (struct log_selection){ 0 };
	return select_logs(&c, a, ret_sel);
}
