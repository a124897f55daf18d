/* service_edit.c - see service_edit.h: what create and update share. */
#include "net/client/service_edit.h"

#include <errno.h>
#include <string.h>

#include "core/base/str.h"
#include "net/client/service_text.h"

/* ---- parts of a spec that may be absent ------------------------------------
 */

#define PART(fn, holder, field, part)                                          \
	static struct part *fn(holder *h, struct arena *a)                     \
	{                                                                      \
		if (h->field == NULL)                                          \
			h->field = arena_alloc(a, sizeof(*h->field));          \
		return h->field;                                               \
	}

PART(resources, struct task_spec, resources, resource_requirements)
PART(limits, struct resource_requirements, limits, resource_limits)
PART(reservations, struct resource_requirements, reservations,
     resource_reservations)
PART(placement, struct task_spec, placement, placement)
PART(health, struct container_spec, healthcheck, healthcheck)
PART(log_driver, struct task_spec, log_driver, driver)

struct container_spec *
container_of_spec(struct service_spec *s, struct arena *a)
{
	if (s->task.container == NULL)
		s->task.container = arena_alloc(a, sizeof(*s->task.container));
	return s->task.container;
}

/* ---- container -------------------------------------------------------------
 */

static struct strings
copy(const struct strings *list, struct arena *a)
{
	return (struct strings){
		arena_dup(a, list->v, list->count * sizeof(*list->v)),
		list->count,
	};
}

static void
edit_capabilities(const struct parsed *p, struct container_spec *c,
		  struct arena *a)
{
	const struct strings *add = flag_list(p, "cap-add");
	const struct strings *drop = flag_list(p, "cap-drop");
	struct strings was_added = copy(&c->capability_add, a);
	struct strings was_dropped = copy(&c->capability_drop, a);

	for (uint32_t i = 0; i < drop->count; i++) {
		const char *name = capability_name(drop->v[i], a);

		strings_remove(&c->capability_add, name);
		if (!strings_has(&was_added, name))
			strings_add(&c->capability_drop, a, name);
	}
	for (uint32_t i = 0; i < add->count; i++) {
		const char *name = capability_name(add->v[i], a);

		strings_remove(&c->capability_drop, name);
		if (!strings_has(&was_dropped, name))
			strings_add(&c->capability_add, a, name);
	}
}

static int
edit_container(const struct parsed *p, struct container_spec *c,
	       struct arena *a, struct err *e)
{
	if (flag_given(p, "entrypoint") &&
	    text_to_words(flag_str(p, "entrypoint"), a, &c->command, e) < 0)
		return -EINVAL;
	if (flag_given(p, "hostname"))
		c->hostname = flag_str(p, "hostname");
	if (flag_given(p, "init"))
		c->init = flag_bool(p, "init") ? YES : NO;
	if (flag_given(p, "oom-score-adj"))
		c->oom_score_adj = flag_i64(p, "oom-score-adj");
	if (flag_given(p, "read-only"))
		c->read_only = flag_bool(p, "read-only");
	if (flag_given(p, "stop-signal"))
		c->stop_signal = flag_str(p, "stop-signal");
	if (flag_given(p, "stop-grace-period"))
		c->stop_grace_period_ns =
			(struct opt_i64){ true,
					  flag_ns(p, "stop-grace-period") };
	if (flag_given(p, "tty"))
		c->tty = flag_bool(p, "tty");
	if (flag_given(p, "user"))
		c->user = flag_str(p, "user");
	if (flag_given(p, "workdir"))
		c->dir = flag_str(p, "workdir");
	edit_capabilities(p, c, a);
	return 0;
}

static int
edit_health(const struct parsed *p, struct container_spec *c, struct arena *a,
	    struct err *e)
{
	static const char *const flags[] = {
		"health-cmd",	       "health-interval",
		"health-timeout",      "health-retries",
		"health-start-period", "health-start-interval",
	};
	struct healthcheck *h;
	bool given = false;

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		given = given || flag_given(p, flags[i]);
	if (flag_bool(p, "no-healthcheck")) {
		if (given)
			return err_set(e, -EINVAL,
				       "--no-healthcheck conflicts with "
				       "--health-* options");
		c->healthcheck = arena_alloc(a, sizeof(*c->healthcheck));
		strings_add(&c->healthcheck->test, a, "NONE");
		return 0;
	}
	if (!given)
		return 0;
	h = health(c, a);
	if (flag_given(p, "health-cmd")) {
		h->test = (struct strings){ 0 };
		if (!str_empty(flag_str(p, "health-cmd"))) {
			strings_add(&h->test, a, "CMD-SHELL");
			strings_add(&h->test, a, flag_str(p, "health-cmd"));
		}
	} else if (strings_has(&h->test, "NONE")) {
		h->test = (struct strings){ 0 };
	}
	if (flag_given(p, "health-interval"))
		h->interval_ns = flag_ns(p, "health-interval");
	if (flag_given(p, "health-timeout"))
		h->timeout_ns = flag_ns(p, "health-timeout");
	if (flag_given(p, "health-start-period"))
		h->start_period_ns = flag_ns(p, "health-start-period");
	if (flag_given(p, "health-start-interval"))
		h->start_interval_ns = flag_ns(p, "health-start-interval");
	if (flag_given(p, "health-retries"))
		h->retries = flag_i64(p, "health-retries");
	return 0;
}

/* ---- task ------------------------------------------------------------------
 */

static void
edit_resources(const struct parsed *p, struct task_spec *t, struct arena *a)
{
	if (flag_given(p, "limit-cpu"))
		limits(resources(t, a), a)->nano_cpus =
			flag_nano(p, "limit-cpu");
	if (flag_given(p, "limit-memory"))
		limits(resources(t, a), a)->memory_bytes =
			flag_bytes(p, "limit-memory");
	if (flag_given(p, "limit-pids"))
		limits(resources(t, a), a)->pids = flag_i64(p, "limit-pids");
	if (flag_given(p, "reserve-cpu"))
		reservations(resources(t, a), a)->nano_cpus =
			flag_nano(p, "reserve-cpu");
	if (flag_given(p, "reserve-memory"))
		reservations(resources(t, a), a)->memory_bytes =
			flag_bytes(p, "reserve-memory");
	if (flag_given(p, "replicas-max-per-node"))
		placement(t, a)->max_replicas =
			flag_u64(p, "replicas-max-per-node");
}

static int
edit_enum(const struct parsed *p, const char *name,
	  const struct enum_names *names, int *ret, struct err *e)
{
	int v = enum_from_name(names, flag_str(p, name));

	if (v <= 0)
		return err_set(e, -EINVAL, "invalid value \"%s\" for --%s",
			       flag_str(p, name), name);
	*ret = v;
	return 0;
}

/* All fields are filled as soon as one flag is given (facts 1.3). */
static int
edit_restart(const struct parsed *p, struct task_spec *t, struct arena *a,
	     struct err *e)
{
	struct restart_policy *r = t->restart;

	if (!flag_given(p, "restart-condition") &&
	    !flag_given(p, "restart-delay") &&
	    !flag_given(p, "restart-max-attempts") &&
	    !flag_given(p, "restart-window"))
		return 0;
	if (r == NULL) {
		r = t->restart = arena_alloc(a, sizeof(*r));
		r->condition = RESTART_ANY;
		r->delay_ns = (struct opt_i64){ true, 5 * NS_PER_S };
		r->max_attempts = (struct opt_u64){ true, 0 };
	}
	if (flag_given(p, "restart-condition") &&
	    edit_enum(p, "restart-condition", &restart_condition_names,
		      &r->condition, e) < 0)
		return -EINVAL;
	if (flag_given(p, "restart-delay"))
		r->delay_ns =
			(struct opt_i64){ true, flag_ns(p, "restart-delay") };
	if (flag_given(p, "restart-max-attempts"))
		r->max_attempts =
			(struct opt_u64){ true,
					  flag_u64(p, "restart-max-attempts") };
	if (flag_given(p, "restart-window"))
		r->window_ns =
			(struct opt_i64){ true, flag_ns(p, "restart-window") };
	return 0;
}

/* which: "update" or "rollback". */
static int
edit_update_config(const struct parsed *p, const char *which,
		   struct update_config **config, struct arena *a,
		   struct err *e)
{
	const char *parallelism = arena_printf(a, "%s-parallelism", which);
	const char *delay = arena_printf(a, "%s-delay", which);
	const char *order = arena_printf(a, "%s-order", which);
	struct update_config *u = *config;

	if (!flag_given(p, parallelism) && !flag_given(p, delay) &&
	    !flag_given(p, order))
		return 0;
	if (u == NULL) {
		u = *config = arena_alloc(a, sizeof(*u));
		u->parallelism = 1;
		u->failure_action = FAILURE_PAUSE;
		u->monitor_ns = 5 * NS_PER_S;
		u->order = ORDER_STOP_FIRST;
	}
	if (flag_given(p, parallelism))
		u->parallelism = flag_u64(p, parallelism);
	if (flag_given(p, delay))
		u->delay_ns = flag_ns(p, delay);
	if (flag_given(p, order))
		return edit_enum(p, order, &update_order_names, &u->order, e);
	return 0;
}

static void
edit_logs(const struct parsed *p, struct task_spec *t, struct arena *a)
{
	const struct strings *opts = flag_list(p, "log-opt");

	if (flag_given(p, "log-driver")) {
		t->log_driver = arena_alloc(a, sizeof(*t->log_driver));
		t->log_driver->name = flag_str(p, "log-driver");
	}
	for (uint32_t i = 0; i < opts->count; i++) {
		struct driver *d = log_driver(t, a);
		size_t len = strcspn(opts->v[i], "=");

		d->name = str_or(d->name, "json-file");
		d->options = kvs_with(
			&d->options, a, arena_strndup(a, opts->v[i], len),
			opts->v[i][len] == '=' ? opts->v[i] + len + 1 : "");
	}
}

static int
edit_replicas(const struct parsed *p, struct service_spec *s, struct arena *a,
	      struct err *e)
{
	if (s->mode.global != NULL && flag_given(p, "replicas"))
		return err_set(e, -EINVAL,
			       "replicas can only be used with replicated "
			       "or replicated-job mode");
	if (s->mode.global != NULL && flag_u64(p, "replicas-max-per-node") > 0)
		return err_set(e, -EINVAL,
			       "replicas-max-per-node can only be used with "
			       "replicated or replicated-job mode");
	if (!flag_given(p, "replicas"))
		return 0;
	if (s->mode.replicated == NULL)
		s->mode.replicated =
			arena_alloc(a, sizeof(*s->mode.replicated));
	s->mode.replicated->replicas =
		(struct opt_u64){ true, flag_u64(p, "replicas") };
	return 0;
}

int
edit_common(const struct parsed *p, struct service_spec *s, struct arena *a,
	    struct err *e)
{
	struct container_spec *c = container_of_spec(s, a);
	int r = edit_container(p, c, a, e);

	if (r == 0)
		r = edit_health(p, c, a, e);
	if (r == 0)
		r = edit_restart(p, &s->task, a, e);
	if (r == 0)
		r = edit_update_config(p, "update", &s->update, a, e);
	if (r == 0)
		r = edit_update_config(p, "rollback", &s->rollback, a, e);
	if (r == 0)
		r = edit_replicas(p, s, a, e);
	if (r < 0)
		return r;
	edit_resources(p, &s->task, a);
	edit_logs(p, &s->task, a);
	return 0;
}
