/*
 * place.c - what a task gets of this host: an address on the egress network,
 * host ports, labels. Computed from the jobs that live; nothing is counted
 * beside them.
 */
#include <errno.h>
#include <string.h>

#include "core/agent/agent_impl.h"
#include "core/base/ip.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/model/naming.h"

enum net_kind
place_net(const struct task *t)
{
	for (uint32_t i = 0; i < t->spec.networks.count; i++) {
		const char *target = t->spec.networks.v[i].target;

		if (str_eq(target, "host"))
			return NET_HOST;
		if (str_eq(target, "none"))
			return NET_NONE;
	}
	return NET_EGRESS;
}

/* Is the address that it had before still one to be had? */
static bool
keeps_address(const struct agent *a, const struct job *self)
{
	const char *address = self->r.address;
	struct ip_net n;

	if (str_empty(address) || !ip_net_parse(address, &n) ||
	    n.bits != 96 + a->subnet_bits ||
	    (ip_v4(&n.ip) & ~(a->subnet_size - 1)) != a->subnet)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->jobs[i] != self && job_is_live(a->jobs[i]) &&
		    str_eq(a->jobs[i]->r.address, address))
			return false;
	return true;
}

static const char *
address_text(const struct agent *a, uint32_t host, char ret[IP_TEXT_MAX + 8])
{
	char ip[IP_TEXT_MAX];
	size_t len;

	ip_v4_format(a->subnet + host, ip);
	len = strlen(ip);
	memcpy(ret, ip, len);
	ret[len++] = '/';
	if (a->subnet_bits >= 10)
		ret[len++] = (char)('0' + a->subnet_bits / 10);
	ret[len++] = (char)('0' + a->subnet_bits % 10);
	ret[len] = '\0';
	return ret;
}

/* Which hosts of the subnet are taken, as far as is worth looking at. */
static bool *
taken_hosts(const struct agent *a, const struct job *self, uint32_t limit)
{
	bool *taken = mem_new_array(limit + 1, sizeof(bool));

	for (size_t i = 0; i < a->count; i++) {
		struct ip_net n;

		if (a->jobs[i] == self || !job_is_live(a->jobs[i]) ||
		    str_empty(a->jobs[i]->r.address) ||
		    !ip_net_parse(a->jobs[i]->r.address, &n) ||
		    !ip_is_v4(&n.ip))
			continue;
		if (ip_v4(&n.ip) - a->subnet <= limit)
			taken[ip_v4(&n.ip) - a->subnet] = true;
	}
	return taken;
}

int
place_address(struct agent *a, struct job *j, struct err *e)
{
	/* One more than the live jobs can take is enough to find a free one. */
	uint32_t last = a->subnet_size - 2, limit = (uint32_t)a->count + 3;
	char text[IP_TEXT_MAX + 8];
	bool *taken;
	uint32_t host = 2; /* after the network's own and the gateway */

	if (place_net(j->task) != NET_EGRESS) {
		j->r.address = NULL;
		return 0;
	}
	if (keeps_address(a, j))
		return 0;
	if (limit > last)
		limit = last;
	taken = taken_hosts(a, j, limit);
	while (host <= limit && taken[host])
		host++;
	mem_free(taken);
	if (host > limit)
		return err_set(e, -ENOSPC,
			       "no free address on the egress network for the "
			       "task; stop others or use a larger subnet");
	j->r.address = arena_strdup(&j->arena, address_text(a, host, text));
	return 0;
}

const char *
place_gateway(const struct agent *a, struct arena *arena)
{
	char ip[IP_TEXT_MAX];

	ip_v4_format(a->subnet + 1, ip);
	return arena_strdup(arena, ip);
}

/* ---- ports ------------------------------------------------------------ */

static int
protocol_of(const struct port_config *c)
{
	return c->protocol == 0 ? PROTO_TCP : c->protocol;
}

static bool
job_uses_port(const struct job *j, uint64_t port, int protocol)
{
	for (uint32_t i = 0; i < j->r.ports.count; i++)
		if (j->r.ports.v[i].published_port == port &&
		    protocol_of(&j->r.ports.v[i]) == protocol)
			return true;
	return false;
}

static bool
port_is_used(const struct agent *a, const struct job *self, uint64_t port,
	     int protocol)
{
	for (size_t i = 0; i < a->count; i++)
		if ((a->jobs[i] == self || job_is_live(a->jobs[i])) &&
		    job_uses_port(a->jobs[i], port, protocol))
			return true;
	return false;
}

/* From a random one on, so that a port is not soon used again. */
static uint64_t
choose_port(struct agent *a, const struct job *j, int protocol)
{
	const uint64_t range = PORT_CHOICE_LAST - PORT_CHOICE_FIRST + 1;
	uint64_t start = rand_next(a->rand_state) % range;

	for (uint64_t i = 0; i < range; i++) {
		uint64_t port = PORT_CHOICE_FIRST + (start + i) % range;

		if (!port_is_used(a, j, port, protocol))
			return port;
	}
	return 0;
}

int
place_ports(struct agent *a, struct job *j, struct err *e)
{
	const struct endpoint_spec *ep = j->task->endpoint;
	struct port_config *v;
	uint32_t count = ep == NULL ? 0 : ep->ports.count;

	j->r.ports.count = 0;
	if (count == 0)
		return 0;
	v = arena_array(&j->arena, count, sizeof(*v));
	j->r.ports.v = v;
	for (uint32_t i = 0; i < count; i++) {
		struct port_config c = ep->ports.v[i];

		if (c.publish_mode != PUBLISH_HOST)
			continue;
		c.name = arena_strdup(&j->arena, c.name);
		c.protocol = protocol_of(&c);
		if (c.published_port == 0)
			c.published_port = choose_port(a, j, c.protocol);
		if (c.published_port == 0 || c.published_port > UINT16_MAX ||
		    c.target_port == 0 || c.target_port > UINT16_MAX)
			return err_set(e, -EINVAL,
				       "no host port for target port %llu",
				       (unsigned long long)c.target_port);
		v[j->r.ports.count++] = c;
	}
	return 0;
}

static void
wish_of(const struct job *j, const struct port_config *c, struct port_wish *ret)
{
	*ret = (struct port_wish){
		.task_id = j->id,
		.service_name = str_or(j->task->service_name, ""),
		.protocol = c->protocol,
		.published = (uint16_t)c->published_port,
		.target = (uint16_t)c->target_port,
		.address = j->r.status.address,
	};
}

static bool
has_ports(const struct job *j)
{
	return job_is_live(j) && !str_empty(j->r.address) &&
	       !task_state_ended(j->r.status.state);
}

static bool
is_wanted(const struct job *j)
{
	return j->assigned && j->task != NULL &&
	       j->task->desired_state <= TASK_RUNNING;
}

/* A task that was restarted here, while no manager was heard, is to stop; the
 * one that they made in its place may have the port at once. */
static bool
is_outbid(const struct agent *a, const struct job *j,
	  const struct port_config *p)
{
	if (is_wanted(j))
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct job *o = a->jobs[i];

		if (o == j || !has_ports(o) || !is_wanted(o))
			continue;
		for (uint32_t k = 0; k < o->r.ports.count; k++)
			if (o->r.ports.v[k].published_port ==
				    p->published_port &&
			    o->r.ports.v[k].protocol == p->protocol)
				return true;
	}
	return false;
}

size_t
agent_ports(const struct agent *a, struct port_wish *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < a->count; i++) {
		const struct job *j = a->jobs[i];

		for (uint32_t k = 0; has_ports(j) && k < j->r.ports.count;
		     k++) {
			if (is_outbid(a, j, &j->r.ports.v[k]))
				continue;
			if (n < max)
				wish_of(j, &j->r.ports.v[k], &ret[n]);
			n++;
		}
	}
	return n;
}

/* ---- labels ----------------------------------------------------------- */

static struct kvs
with_all(struct kvs to, const struct kvs *from, struct arena *arena)
{
	for (uint32_t i = 0; i < from->count; i++)
		to = kvs_with(&to, arena, from->v[i].key, from->v[i].value);
	return to;
}

/* Facts 10.1: the system's own override the others. */
struct kvs
place_labels(const struct agent *a, const struct job *j, struct arena *arena)
{
	const struct task *t = j->task;
	const struct kv own[] = {
		{ "com.docker.swarm.node.id", a->node_id },
		{ "com.docker.swarm.service.id", t->service_id },
		{ "com.docker.swarm.service.name", t->service_name },
		{ "com.docker.swarm.task", "" },
		{ "com.docker.swarm.task.id", t->head.id },
		{ "com.docker.swarm.task.name", j->r.name },
	};
	struct kvs labels = { 0 };

	if (j->r.image != NULL)
		labels = with_all(labels, &j->r.image->labels, arena);
	if (t->spec.container != NULL)
		labels = with_all(labels, &t->spec.container->labels, arena);
	labels = with_all(labels, &t->labels, arena);
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		labels = kvs_with(&labels, arena, own[i].key,
				  str_or(own[i].value, ""));
	return labels;
}
