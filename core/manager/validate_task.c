/* validate_task.c - the part of a spec that each task takes with it. */
#include <errno.h>
#include <string.h>

#include "core/base/ip.h"
#include "core/base/str.h"
#include "core/manager/constraint.h"
#include "core/manager/validate.h"
#include "core/model/expand.h"
#include "core/model/naming.h"

#define NANO_CPUS_MIN 1000000	    /* 0.001 of a CPU */
#define MEMORY_MIN INT64_C(4194304) /* 4 MiB */
#define HOSTNAME_MAX 63
#define OOM_SCORE_MAX 1000

/* ---- resources ------------------------------------------------------------
 */

static int
check_amounts(int64_t nano_cpus, int64_t memory_bytes, struct err *e)
{
	if (nano_cpus != 0 && nano_cpus < NANO_CPUS_MIN)
		return err_set(e, -EINVAL,
			       "invalid cpu value %g: Must be at least 0.001",
			       (double)nano_cpus / 1e9);
	if (memory_bytes != 0 && memory_bytes < MEMORY_MIN)
		return err_set(e, -EINVAL,
			       "invalid memory value %lld: Must be at least "
			       "4MiB",
			       (long long)memory_bytes);
	return 0;
}

static int
check_resources(const struct resource_requirements *q, struct err *e)
{
	int r = 0;

	if (q && q->limits)
		r = check_amounts(q->limits->nano_cpus, q->limits->memory_bytes,
				  e);
	if (r == 0 && q && q->limits && q->limits->pids < -1)
		r = err_set(e, -EINVAL,
			    "invalid pids limit %lld: want -1 or 0 for no "
			    "limit, or more",
			    (long long)q->limits->pids);
	if (r == 0 && q && q->reservations)
		r = check_amounts(q->reservations->nano_cpus,
				  q->reservations->memory_bytes, e);
	return r;
}

/* ---- the container --------------------------------------------------------
 */

static int
check_interval(int64_t ns, const char *name, struct err *e)
{
	if (ns == 0 || ns >= NS_PER_MS)
		return 0;
	return err_set(e, -EINVAL,
		       "ContainerSpec: %s in HealthConfig cannot be less than "
		       "1ms",
		       name);
}

static int
check_health(const struct healthcheck *h, struct err *e)
{
	static const char *const kinds[] = { "", "NONE", "CMD", "CMD-SHELL" };
	const char *kind = h && h->test.count ? h->test.v[0] : "";
	bool known = false;
	int r;

	if (!h)
		return 0;
	r = check_interval(h->interval_ns, "Interval", e);
	if (r == 0)
		r = check_interval(h->timeout_ns, "Timeout", e);
	if (r == 0)
		r = check_interval(h->start_period_ns, "StartPeriod", e);
	if (r == 0)
		r = check_interval(h->start_interval_ns, "StartInterval", e);
	if (r < 0)
		return r;
	if (h->retries < 0)
		return err_set(e, -EINVAL,
			       "ContainerSpec: Retries in HealthConfig cannot "
			       "be negative");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		known |= str_eq(kind, kinds[i]);
	if (!known)
		return err_set(e, -EINVAL,
			       "ContainerSpec: unknown type of health check "
			       "\"%s\": want NONE, CMD or CMD-SHELL",
			       kind);
	return 0;
}

static int
check_env(const struct strings *env, struct err *e)
{
	for (uint32_t i = 0; i < env->count; i++) {
		if (str_empty(env->v[i]) || env->v[i][0] == '=')
			return err_set(e, -EINVAL,
				       "ContainerSpec: invalid environment "
				       "variable: %s",
				       env->v[i]);
	}
	return 0;
}

static int
check_hosts(const struct strings *hosts, struct err *e)
{
	for (uint32_t i = 0; i < hosts->count; i++) {
		const char *row = str_or(hosts->v[i], "");
		size_t len = strcspn(row, " ");
		char address[IP_TEXT_MAX] = "";
		struct ip ip;

		if (len < sizeof(address))
			memcpy(address, row, len);
		if (!ip_parse(address, &ip) || !row[len] || !row[len + 1] ||
		    strpbrk(row, "\r\n"))
			return err_set(e, -EINVAL,
				       "ContainerSpec: invalid host \"%s\": "
				       "want \"ADDRESS NAME\"",
				       row);
	}
	return 0;
}

/* Lines of resolv.conf are made from these. */
static int
check_dns(const struct dns_config *d, struct err *e)
{
	const struct strings *lists[2] = { &d->search, &d->options };
	struct ip ip;

	for (uint32_t i = 0; i < d->nameservers.count; i++)
		if (!ip_parse(d->nameservers.v[i], &ip))
			return err_set(e, -EINVAL,
				       "ContainerSpec: invalid DNS server "
				       "\"%s\": want an IP address",
				       d->nameservers.v[i]);
	for (size_t k = 0; k < ARRAY_LEN(lists); k++)
		for (uint32_t i = 0; i < lists[k]->count; i++)
			if (strpbrk(lists[k]->v[i], " \t\r\n"))
				return err_set(e, -EINVAL,
					       "ContainerSpec: invalid DNS "
					       "setting \"%s\": it has spaces",
					       lists[k]->v[i]);
	return 0;
}

static int
check_ulimits(const struct container_spec *c, struct err *e)
{
	for (uint32_t i = 0; i < c->ulimits.count; i++) {
		const struct ulimit *u = &c->ulimits.v[i];

		if (str_empty(u->name))
			return err_set(e, -EINVAL,
				       "ContainerSpec: a ulimit has no name");
		if (u->hard != -1 && (u->soft > u->hard || u->soft == -1))
			return err_set(e, -EINVAL,
				       "ContainerSpec: ulimit %s: soft limit "
				       "must be less than or equal to hard "
				       "limit: %lld > %lld",
				       u->name, (long long)u->soft,
				       (long long)u->hard);
	}
	return 0;
}

static int
check_image(const char *image, struct err *e)
{
	struct image_ref ref;
	struct arena a;
	struct err why;
	int r;

	if (str_empty(image))
		return err_set(e, -EINVAL,
			       "ContainerSpec: image reference must be "
			       "provided");
	arena_init(&a);
	r = image_ref_parse(image, &a, &ref, &why);
	arena_fini(&a);
	if (r < 0)
		return err_set(e, -EINVAL,
			       "ContainerSpec: \"%s\" is not a valid "
			       "repository/tag",
			       image);
	return 0;
}

static int
check_settings(const struct container_spec *c, struct err *e)
{
	if (strlen(str_or(c->hostname, "")) > HOSTNAME_MAX)
		return err_set(e, -EINVAL,
			       "ContainerSpec: hostname must be %d characters "
			       "or fewer",
			       HOSTNAME_MAX);
	if (c->stop_grace_period_ns.set && c->stop_grace_period_ns.v < 0)
		return err_set(e, -EINVAL,
			       "ContainerSpec: stop-grace-period cannot be "
			       "negative");
	if (c->oom_score_adj < -OOM_SCORE_MAX ||
	    c->oom_score_adj > OOM_SCORE_MAX)
		return err_set(e, -EINVAL,
			       "ContainerSpec: oom-score-adj must be between "
			       "-1000 and 1000");
	if (!str_empty(c->isolation) && !str_eq(c->isolation, "default"))
		return err_set(e, -EINVAL,
			       "ContainerSpec: isolation \"%s\" is not there "
			       "on Linux: want \"default\"",
			       c->isolation);
	return 0;
}

static int
check_container(const struct container_spec *c, struct err *e)
{
	int r = check_image(c->image, e);

	if (r == 0)
		r = check_settings(c, e);
	if (r == 0)
		r = validate_mounts(c, e);
	if (r == 0)
		r = check_health(c->healthcheck, e);
	if (r == 0)
		r = check_env(&c->env, e);
	if (r == 0)
		r = check_hosts(&c->hosts, e);
	if (r == 0 && c->dns)
		r = check_dns(c->dns, e);
	if (r == 0)
		r = check_ulimits(c, e);
	return r;
}

/* As it would be in a container, with names that stand for the real ones. */
static int
check_expanded(const struct container_spec *c, const struct kvs *labels,
	       struct err *e)
{
	static const struct expand_names names = {
		.service_id = "serviceid",
		.service_name = "servicename",
		.node_id = "nodeid",
		.node_hostname = "nodehostname",
		.node_os = "linux",
		.node_arch = "amd64",
		.task_id = "taskid",
		.task_name = "servicename.1.taskid",
		.task_slot = "1",
	};
	struct expand_names n = names;
	struct container_spec copy;
	struct arena a;
	int r;

	n.service_labels = *labels;
	arena_init(&a);
	model_copy(&container_spec_type, c, &a, &copy);
	r = expand_container(&copy, &n, &a, e);
	if (r == 0)
		r = check_container(&copy, e);
	arena_fini(&a);
	return r;
}

/* ---- the rest of the task -------------------------------------------------
 */

static int
check_restart(const struct restart_policy *p, struct err *e)
{
	if (p && p->delay_ns.set && p->delay_ns.v < 0)
		return err_set(e, -EINVAL,
			       "TaskSpec: restart-delay cannot be negative");
	if (p && p->window_ns.set && p->window_ns.v < 0)
		return err_set(e, -EINVAL,
			       "TaskSpec: restart-window cannot be negative");
	return 0;
}

static int
check_placement(const struct placement *p, struct err *e)
{
	if (!p)
		return 0;
	if (p->preferences.count > PLACEMENT_PREFERENCES_MAX)
		return err_set(e, -EINVAL,
			       "TaskSpec: %u placement preferences are too "
			       "many: a service can have %d",
			       p->preferences.count, PLACEMENT_PREFERENCES_MAX);
	return constraints_check(&p->constraints, e);
}

static int
check_network(const struct state *state,
	      const struct network_attachment_config *n, struct err *e)
{
	if (str_eq(n->target, "ingress"))
		return err_set(e, -EINVAL,
			       "Service cannot be explicitly attached to the "
			       "ingress network \"ingress\"");
	if (str_empty(n->target) ||
	    (!state_get(state, OBJECT_NETWORK, n->target) &&
	     !state_network_named(state, n->target)))
		return err_set(e, -ENOENT, "network %s not found",
			       str_or(n->target, "\"\""));
	if (n->aliases.count > 0)
		return err_set(e, -EINVAL,
			       "network %s: network-scoped aliases are only "
			       "supported for user-defined networks",
			       n->target);
	return 0;
}

static int
check_networks(const struct state *state, const struct task_spec *t,
	       struct err *e)
{
	for (uint32_t i = 0; i < t->networks.count; i++) {
		int r = check_network(state, &t->networks.v[i], e);

		if (r < 0)
			return r;
	}
	if (t->networks.count > 1)
		return err_set(e, -EINVAL,
			       "a task can be in one of the networks host, "
			       "none and bridge, not in %u at once",
			       t->networks.count);
	return 0;
}

static int
check_log_driver(const struct driver *d, struct err *e)
{
	static const char *const known[] = { "max-size", "max-file",
					     "compress" };

	if (!d || str_eq(d->name, "none"))
		return 0;
	if (!str_empty(d->name) && !str_eq(d->name, "json-file"))
		return err_set(e, -EOPNOTSUPP,
			       "--log-driver %s is not supported yet: use "
			       "json-file",
			       d->name);
	for (uint32_t i = 0; i < d->options.count; i++) {
		const char *key = d->options.v[i].key;
		bool found = false;

		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			found |= str_eq(key, known[k]);
		if (!found)
			return err_set(e, -EOPNOTSUPP,
				       "--log-opt %s is not supported yet: "
				       "use max-size, max-file or compress",
				       key);
	}
	return 0;
}

int
validate_task_spec(const struct state *state, const struct task_spec *spec,
		   const struct kvs *labels, struct err *e)
{
	int r;

	if (!str_empty(spec->runtime) && !str_eq(spec->runtime, "container"))
		return err_set(e, -EOPNOTSUPP,
			       "tasks of the runtime \"%s\" are not supported "
			       "yet",
			       spec->runtime);
	if (!spec->container)
		return err_set(e, -EINVAL, "TaskSpec: missing container spec");
	r = check_resources(spec->resources, e);
	if (r == 0)
		r = check_restart(spec->restart, e);
	if (r == 0)
		r = check_placement(spec->placement, e);
	if (r == 0)
		r = check_expanded(spec->container, labels, e);
	if (r == 0)
		r = check_log_driver(spec->log_driver, e);
	if (r == 0)
		r = check_networks(state, spec, e);
	return r;
}
