/* validate.c - the service's own part of a spec: name, mode, update, ports. */
#include "core/manager/validate.h"

#include <errno.h>
#include <string.h>

#include "core/base/str.h"

int
validate_later(struct err *e, const char *what)
{
	return err_set(e, -EOPNOTSUPP, "%s is not supported yet", what);
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

int
validate_name(const char *name, struct err *e)
{
	size_t len = name ? strlen(name) : 0;
	bool ok = len > 0 && is_alnum(name[0]) && is_alnum(name[len - 1]);

	for (size_t i = 0; ok && i < len; i++)
		ok = is_alnum(name[i]) || name[i] == '-' || name[i] == '_';
	if (!ok)
		return err_set(e, -EINVAL,
			       "name must be valid as a DNS name component");
	if (len > SERVICE_NAME_MAX)
		return err_set(e, -EINVAL,
			       "name must be %d characters or fewer",
			       SERVICE_NAME_MAX);
	return 0;
}

static int
check_mode(const struct service_mode *m, struct err *e)
{
	int given = !!m->replicated + !!m->global + !!m->replicated_job +
		    !!m->global_job;

	if (m->replicated_job)
		return validate_later(e, "--mode replicated-job");
	if (m->global_job)
		return validate_later(e, "--mode global-job");
	if (given > 1)
		return err_set(e, -EINVAL,
			       "Mode: must be one of Replicated and Global");
	if (m->replicated && m->replicated->replicas.set &&
	    m->replicated->replicas.v > SERVICE_REPLICAS_MAX)
		return err_set(e, -EINVAL,
			       "Mode: %llu replicas are too many: a service "
			       "can have %d",
			       (unsigned long long)m->replicated->replicas.v,
			       SERVICE_REPLICAS_MAX);
	return 0;
}

/* which is "update" or "rollback", as the flags are called. */
static int
check_update(const struct update_config *u, const char *which, struct err *e)
{
	if (!u)
		return 0;
	if (u->delay_ns < 0)
		return err_set(e, -EINVAL,
			       "TaskSpec: %s-delay cannot be negative", which);
	if (u->monitor_ns < 0)
		return err_set(e, -EINVAL,
			       "TaskSpec: %s-monitor cannot be negative",
			       which);
	if (!(u->max_failure_ratio >= 0 && u->max_failure_ratio <= 1))
		return err_set(e, -EINVAL,
			       "TaskSpec: %s-maxfailureratio cannot be less "
			       "than 0 or bigger than 1",
			       which);
	if (u->max_failure_ratio > 0)
		return err_set(e, -EOPNOTSUPP,
			       "--%s-max-failure-ratio is not supported yet",
			       which);
	if (u->failure_action > FAILURE_PAUSE)
		return err_set(
			e, -EOPNOTSUPP,
			"--%s-failure-action %s is not supported yet", which,
			enum_name(&failure_action_names, u->failure_action));
	return 0;
}

/* ---- ports ----------------------------------------------------------------
 */

static int
check_port(const struct port_config *p, const struct endpoint_spec *s,
	   struct err *e)
{
	bool mesh = p->publish_mode != PUBLISH_HOST;

	if (p->target_port == 0 || p->target_port > UINT16_MAX)
		return err_set(e, -EINVAL,
			       "EndpointSpec: invalid target port %llu: want 1 "
			       "to 65535",
			       (unsigned long long)p->target_port);
	if (p->published_port > UINT16_MAX)
		return err_set(e, -EINVAL,
			       "EndpointSpec: invalid published port %llu: "
			       "want 1 to 65535",
			       (unsigned long long)p->published_port);
	if (mesh && s->mode == ENDPOINT_DNSRR)
		return err_set(e, -EINVAL,
			       "EndpointSpec: port published with ingress mode "
			       "can't be used with dnsrr mode");
	if (mesh)
		return err_set(e, -EOPNOTSUPP,
			       "publishing a port through the routing mesh "
			       "(mode=ingress) is not supported yet: use "
			       "mode=host");
	if (p->protocol == PROTO_SCTP)
		return validate_later(e, "publishing an SCTP port");
	return 0;
}

static int
protocol_of(const struct port_config *p)
{
	return p->protocol ? p->protocol : PROTO_TCP;
}

static bool
is_published_before(const struct endpoint_spec *s, uint32_t i)
{
	const struct port_config *p = &s->ports.v[i];

	for (uint32_t k = 0; k < i; k++)
		if (p->published_port != 0 &&
		    s->ports.v[k].published_port == p->published_port &&
		    protocol_of(&s->ports.v[k]) == protocol_of(p))
			return true;
	return false;
}

static int
check_endpoint(const struct endpoint_spec *s, struct err *e)
{
	if (!s)
		return 0;
	if (s->ports.count > SERVICE_PORTS_MAX)
		return err_set(e, -EINVAL,
			       "EndpointSpec: %u ports are too many: a service "
			       "can have %d",
			       s->ports.count, SERVICE_PORTS_MAX);
	for (uint32_t i = 0; i < s->ports.count; i++)
		if (is_published_before(s, i))
			return err_set(e, -EINVAL,
				       "EndpointSpec: duplicate published "
				       "ports provided");
	for (uint32_t i = 0; i < s->ports.count; i++) {
		int r = check_port(&s->ports.v[i], s, e);

		if (r < 0)
			return r;
	}
	if (s->mode == ENDPOINT_DNSRR)
		return validate_later(e, "--endpoint-mode dnsrr");
	return 0;
}

int
validate_service_spec(const struct state *state,
		      const struct service_spec *spec, struct err *e)
{
	int r = validate_name(spec->name, e);

	if (r == 0)
		r = check_mode(&spec->mode, e);
	if (r == 0)
		r = validate_task_spec(state, &spec->task, &spec->labels, e);
	if (r == 0)
		r = check_update(spec->update, "update", e);
	if (r == 0)
		r = check_update(spec->rollback, "rollback", e);
	if (r == 0)
		r = check_endpoint(spec->endpoint, e);
	return r;
}
