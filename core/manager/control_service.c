/* control_service.c - services: list, inspect, create, update, remove. */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/id.h"
#include "core/base/json.h"
#include "core/base/str.h"
#include "core/manager/control_impl.h"
#include "core/manager/validate.h"
#include "core/model/naming.h"

/* ---- reading ------------------------------------------------------------- */

static void
count_tasks(const struct control *c, const struct service *s,
	    struct service_status *ret)
{
	struct task_span span =
		state_tasks_of_service(c->env->state, s->head.id);
	bool global = service_is_global(&s->spec);

	*ret = (struct service_status){ 0 };
	if (!global)
		ret->desired_tasks = service_replicas(&s->spec);
	for (size_t i = 0; i < span.count; i++) {
		const struct task *t = span.v[i];

		ret->running_tasks += t->status.state == TASK_RUNNING &&
				      t->desired_state <= TASK_RUNNING;
		ret->desired_tasks +=
			global && t->desired_state <= TASK_RUNNING;
	}
}

static bool
matches(const struct filters *f, const struct service *s)
{
	const char *mode =
		service_is_global(&s->spec) ? "global" : "replicated";

	return control_filter_prefix(f, "id", s->head.id) &&
	       control_filter_prefix(f, "name", s->spec.name) &&
	       filters_match_labels(f, "label", &s->spec.labels) &&
	       filters_match(f, "mode", mode) &&
	       filters_match(f, "runtime",
			     str_or(s->spec.task.runtime, "container"));
}

void
control_service_list(struct control *c)
{
	static const char *const allowed[] = { "id",   "label",	  "mode",
					       "name", "runtime", NULL };
	size_t count = state_count(c->env->state, OBJECT_SERVICE);
	bool with_status = request_query_bool(c->r, "status");
	struct control_list l;
	struct filters f;

	if (!control_filters(c, allowed, &f))
		return;
	control_list_begin(c, &l);
	for (size_t i = 0; i < count; i++) {
		const struct service *s =
			state_at(c->env->state, OBJECT_SERVICE, i);
		struct service shown = *s;
		struct service_status status;

		if (!matches(&f, s))
			continue;
		if (with_status) {
			count_tasks(c, s, &status);
			shown.status = &status;
		}
		control_list_put(&l, &service_type, &shown);
	}
	control_list_end(&l);
}

void
control_service_inspect(struct control *c)
{
	const struct service *s = control_find(c, OBJECT_SERVICE, c->r->target);
	struct service shown;

	if (!s)
		return;
	shown = *s;
	if (request_query_bool(c->r, "insertDefaults"))
		service_spec_with_defaults(&s->spec, c->a, &shown.spec);
	control_reply_object(c, &service_type, &shown);
}

/* ---- writing ------------------------------------------------------------- */

/* What Docker fills in when it stores a spec; the rest stays not given. */
static void
complete(struct service_spec *spec, struct arena *a)
{
	struct service_mode *m = &spec->mode;

	if (!m->replicated && !m->global && !m->replicated_job &&
	    !m->global_job)
		m->replicated = arena_alloc(a, sizeof(*m->replicated));
	if (m->replicated && !m->replicated->replicas.set)
		m->replicated->replicas = (struct opt_u64){ true, 1 };
	if (str_empty(spec->task.runtime))
		spec->task.runtime = "container";
	if (spec->task.container && str_empty(spec->task.container->isolation))
		spec->task.container->isolation = "default";
}

static bool
read_spec(struct control *c, struct service_spec *ret)
{
	if (!control_body(c, &service_spec_type, ret))
		return false;
	if (!ret->task.container) {
		control_error(c->ret, 400,
			      "mismatched Runtime and *Spec fields");
		return false;
	}
	complete(ret, c->a);
	return true;
}

static bool
spec_is_valid(struct control *c, const struct service_spec *spec)
{
	struct err e;
	int r = validate_service_spec(c->env->state, spec, &e);

	if (r < 0)
		control_spec_error(c->ret, r, e.msg);
	return r == 0;
}

/* The spec and what follows from it. */
static void
set_spec(struct service *s, const struct service_spec *spec, uint64_t version)
{
	struct arena *a = object_arena(s);
	struct endpoint *p = &s->endpoint;

	model_copy(&service_spec_type, spec, a, &s->spec);
	s->spec_version = version;
	*p = (struct endpoint){ 0 };
	if (!spec->endpoint || spec->endpoint->ports.count == 0)
		return;
	model_copy(&endpoint_spec_type, s->spec.endpoint, a, &p->spec);
	p->ports.v = p->spec.ports.v;
	p->ports.count = p->spec.ports.count;
}

static const char *
created_body(struct control *c, const char *id)
{
	return arena_printf(c->a, "{\"ID\":\"%s\"}\n", id);
}

void
control_service_create(struct control *c)
{
	const struct state *state = c->env->state;
	struct service_spec spec;
	struct service *s;
	char id[ID_LEN + 1];

	if (!read_spec(c, &spec))
		return;
	if (str_empty(spec.name))
		spec.name =
			control_random_name(state, c->env->rand_state, c->a);
	if (!spec_is_valid(c, &spec))
		return;
	if (state_service_named(state, spec.name)) {
		control_rpc_error(c->ret, RPC_ALREADY_EXISTS,
				  "name conflicts with an existing object: "
				  "service %s already exists",
				  spec.name);
		return;
	}
	id_make(c->env->rand_state, id);
	s = object_new(OBJECT_SERVICE);
	s->head.id = arena_strdup(object_arena(s), id);
	set_spec(s, &spec, 0);
	tx_put(&c->ret->tx, s, TX_ABSENT);
	control_propose(c, 201, created_body(c, id));
}

static struct service_spec *
copy_spec(const struct service_spec *spec, struct arena *a)
{
	struct service_spec *to = arena_alloc(a, sizeof(*to));

	model_copy(&service_spec_type, spec, a, to);
	return to;
}

/* Puts spec in the place of the one that from has. */
static void
propose_spec(struct control *c, const struct service *from,
	     const struct service_spec *spec, bool rollback)
{
	struct service *s = object_clone(from);
	struct arena *a = object_arena(s);

	s->previous_spec = copy_spec(&from->spec, a);
	set_spec(s, spec, from->head.version.index);
	s->update_status = NULL;
	if (rollback) {
		s->update_status = arena_alloc(a, sizeof(*s->update_status));
		s->update_status->state = UPDATE_ROLLBACK_STARTED;
		s->update_status->started_at = c->env->now.wall_ns;
		s->update_status->message = "manually requested rollback";
	}
	tx_put(&c->ret->tx, s, from->head.version.index);
	control_propose(c, 200, "{\"Warnings\":null}\n");
}

static void
roll_back(struct control *c, const struct service *s)
{
	struct service_spec spec;

	if (!s->previous_spec) {
		control_rpc_error(c->ret, RPC_FAILED_PRECONDITION,
				  "service %s does not have a previous spec",
				  s->head.id);
		return;
	}
	model_copy(&service_spec_type, s->previous_spec, c->a, &spec);
	propose_spec(c, s, &spec, true);
}

static bool
may_become(struct control *c, const struct service_spec *from,
	   const struct service_spec *to)
{
	if (!str_eq(from->name, to->name)) {
		control_rpc_error(c->ret, RPC_UNIMPLEMENTED,
				  "renaming services is not supported");
		return false;
	}
	if (service_is_global(from) != service_is_global(to)) {
		control_rpc_error(c->ret, RPC_UNIMPLEMENTED,
				  "service mode change is not allowed");
		return false;
	}
	return true;
}

void
control_service_update(struct control *c)
{
	const char *rollback = request_query(c->r, "rollback");
	const struct service *s = control_find(c, OBJECT_SERVICE, c->r->target);
	struct service_spec spec;

	if (!s || !control_version(c, &s->head))
		return;
	if (!strcmp(rollback, "previous")) {
		roll_back(c, s);
		return;
	}
	if (*rollback && strcmp(rollback, "none") != 0) {
		control_error(c->ret, 400, "unrecognized rollback option %s",
			      rollback);
		return;
	}
	if (read_spec(c, &spec) && spec_is_valid(c, &spec) &&
	    may_become(c, &s->spec, &spec))
		propose_spec(c, s, &spec, false);
}

void
control_service_remove(struct control *c)
{
	const struct service *s = control_find(c, OBJECT_SERVICE, c->r->target);

	if (!s)
		return;
	tx_delete(&c->ret->tx, OBJECT_SERVICE, s->head.id, TX_PRESENT);
	control_propose(c, 200, "");
}
