/* naming.c - see naming.h. Defaults: swarmkit's, facts 2.4. */
#include "core/model/naming.h"

#include <errno.h>
#include <string.h>

#include "core/base/str.h"

#define RESTART_DELAY_NS (5 * NS_PER_S)
#define STOP_GRACE_NS (10 * NS_PER_S)
#define MONITOR_NS (5 * NS_PER_S)

const char *
task_name(const struct task *t, struct arena *a)
{
	if (!str_empty(t->name))
		return arena_strdup(a, t->name);
	if (t->slot == 0)
		return arena_printf(a, "%s.%s.%s", str_or(t->service_name, ""),
				    str_or(t->node_id, ""),
				    str_or(t->head.id, ""));
	return arena_printf(a, "%s.%llu.%s", str_or(t->service_name, ""),
			    (unsigned long long)t->slot,
			    str_or(t->head.id, ""));
}

enum restart_condition
restart_condition_of(const struct task_spec *s)
{
	if (s->restart == NULL || s->restart->condition == 0)
		return RESTART_ANY;
	return (enum restart_condition)s->restart->condition;
}

int64_t
restart_delay_ns(const struct task_spec *s)
{
	if (s->restart == NULL || !s->restart->delay_ns.set)
		return RESTART_DELAY_NS;
	return s->restart->delay_ns.v;
}

int64_t
stop_grace_ns(const struct task_spec *s)
{
	if (s->container == NULL || !s->container->stop_grace_period_ns.set)
		return STOP_GRACE_NS;
	return s->container->stop_grace_period_ns.v;
}

uint64_t
service_replicas(const struct service_spec *s)
{
	if (s->mode.replicated == NULL || !s->mode.replicated->replicas.set)
		return 1;
	return s->mode.replicated->replicas.v;
}

bool
service_is_global(const struct service_spec *s)
{
	return s->mode.global != NULL;
}

bool
task_state_ended(int state)
{
	return state > TASK_RUNNING;
}

/* ---- defaults ------------------------------------------------------------ */

static void
default_restart(struct task_spec *s, struct arena *a)
{
	struct restart_policy *r = s->restart;

	if (r == NULL)
		r = s->restart = arena_alloc(a, sizeof(*r));
	if (r->condition == 0)
		r->condition = RESTART_ANY;
	if (!r->delay_ns.set)
		r->delay_ns = (struct opt_i64){ true, RESTART_DELAY_NS };
	if (!r->max_attempts.set)
		r->max_attempts.set = true;
}

static void
default_update(struct update_config **u, struct arena *a)
{
	if (*u == NULL) {
		*u = arena_alloc(a, sizeof(**u));
		(*u)->parallelism = 1;
	}
	if ((*u)->failure_action == 0)
		(*u)->failure_action = FAILURE_PAUSE;
	if ((*u)->monitor_ns == 0)
		(*u)->monitor_ns = MONITOR_NS;
	if ((*u)->order == 0)
		(*u)->order = ORDER_STOP_FIRST;
}

static void
default_container(struct container_spec *c, struct arena *a)
{
	if (c == NULL)
		return;
	if (!c->stop_grace_period_ns.set)
		c->stop_grace_period_ns =
			(struct opt_i64){ true, STOP_GRACE_NS };
	if (c->dns == NULL)
		c->dns = arena_alloc(a, sizeof(*c->dns));
}

static void
default_mode(struct service_mode *m, struct arena *a)
{
	if (m->global != NULL || m->global_job != NULL ||
	    m->replicated_job != NULL)
		return;
	if (m->replicated == NULL)
		m->replicated = arena_alloc(a, sizeof(*m->replicated));
	if (!m->replicated->replicas.set)
		m->replicated->replicas = (struct opt_u64){ true, 1 };
}

void
service_spec_with_defaults(const struct service_spec *s, struct arena *a,
			   struct service_spec *ret)
{
	model_copy(&service_spec_type, s, a, ret);
	default_container(ret->task.container, a);
	if (ret->task.resources == NULL)
		ret->task.resources =
			arena_alloc(a, sizeof(*ret->task.resources));
	if (ret->task.placement == NULL)
		ret->task.placement =
			arena_alloc(a, sizeof(*ret->task.placement));
	default_restart(&ret->task, a);
	default_mode(&ret->mode, a);
	default_update(&ret->update, a);
	default_update(&ret->rollback, a);
	if (ret->endpoint == NULL)
		ret->endpoint = arena_alloc(a, sizeof(*ret->endpoint));
	if (ret->endpoint->mode == 0)
		ret->endpoint->mode = ENDPOINT_VIP;
}
