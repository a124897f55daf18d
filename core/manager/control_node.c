/* control_node.c - nodes: list, inspect, update, remove. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "core/manager/ca.h"
#include "core/manager/control_impl.h"

#define MANAGER_PORT 2377
#define CLOCKS_DIFFER_NS (2 * 3600 * NS_PER_S)

const char *
control_manager_addr(const struct node_object *n, struct arena *a)
{
	const char *addr = str_or(n->status.addr, "127.0.0.1");

	if (!str_empty(n->manager_addr))
		return n->manager_addr;
	if (strchr(addr, ':'))
		return arena_printf(a, "[%s]:%d", addr, MANAGER_PORT);
	return arena_printf(a, "%s:%d", addr, MANAGER_PORT);
}

/* NULL: it is no member of the raft, or not yet. */
static const struct control_member *
member_of(const struct control *c, const struct node_object *n)
{
	for (size_t i = 0; i < c->env->member_count; i++)
		if (str_eq(c->env->members[i].node_id, n->head.id))
			return &c->env->members[i];
	return NULL;
}

/* The node as the API shows it: its place among managers is computed. */
static void
show(struct control *c, const struct node_object *n, struct node_object *ret,
     struct manager_status *manager)
{
	const struct control_member *m = member_of(c, n);

	*ret = *n;
	ret->manager = NULL;
	if (m == NULL)
		return;
	*manager = (struct manager_status){
		.leader = m->leader,
		.reachability =
			m->reachable ? REACH_REACHABLE : REACH_UNREACHABLE,
		.addr = control_manager_addr(n, c->a),
	};
	ret->manager = manager;
}

static bool
matches(const struct filters *f, const struct node_object *n)
{
	return control_filter_prefix(f, "id", n->head.id) &&
	       control_filter_prefix(f, "name", n->description.hostname) &&
	       filters_match_labels(f, "label",
				    &n->description.engine.labels) &&
	       filters_match_labels(f, "node.label", &n->spec.labels) &&
	       filters_match(f, "role", enum_name(&node_role_names, n->role)) &&
	       filters_match(f, "membership", "accepted");
}

void
control_node_list(struct control *c)
{
	static const char *const allowed[] = {
		"id", "label", "name", "role", "node.label", "membership", NULL
	};
	static const char *const roles[] = { "worker", "manager", NULL };
	static const char *const memberships[] = { "accepted", "pending",
						   NULL };
	size_t count = state_count(c->env->state, OBJECT_NODE);
	struct control_list l;
	struct filters f;

	if (!control_filters(c, allowed, &f) ||
	    !control_filter_words(c, &f, "role", roles) ||
	    !control_filter_words(c, &f, "membership", memberships))
		return;
	control_list_begin(c, &l);
	for (size_t i = 0; i < count; i++) {
		const struct node_object *n =
			state_at(c->env->state, OBJECT_NODE, i);
		struct node_object shown;
		struct manager_status manager;

		if (!matches(&f, n))
			continue;
		show(c, n, &shown, &manager);
		control_list_put(&l, &node_type, &shown);
	}
	control_list_end(&l);
}

void
control_node_inspect(struct control *c)
{
	const struct node_object *n =
		control_find(c, OBJECT_NODE, c->r->target);
	struct node_object shown;
	struct manager_status manager;

	if (!n)
		return;
	show(c, n, &shown, &manager);
	control_reply_object(c, &node_type, &shown);
}

static size_t
manager_count(const struct state *s)
{
	size_t count = 0;

	for (size_t i = 0; i < state_count(s, OBJECT_NODE); i++) {
		const struct node_object *n = state_at(s, OBJECT_NODE, i);

		count += n->spec.role == ROLE_MANAGER;
	}
	return count;
}

/* The others must be enough to agree, or nothing could be decided again. */
static bool
may_demote(struct control *c, const struct node_object *n)
{
	const struct control_member *m = member_of(c, n);

	if (manager_count(c->env->state) == 1) {
		control_rpc_error(c->ret, RPC_FAILED_PRECONDITION,
				  "attempting to demote the last manager of "
				  "the swarm");
		return false;
	}
	if (m == NULL || m->may_go)
		return true;
	control_rpc_error(c->ret, RPC_FAILED_PRECONDITION,
			  "can't remove member from the raft: this would "
			  "result in a loss of quorum: demoting node %s would "
			  "leave %u of %u managers reachable, and it takes %u "
			  "to agree",
			  n->head.id, m->answer, m->voters, m->needed);
	return false;
}

static bool
may_promote(struct control *c)
{
	if (manager_count(c->env->state) < CONTROL_MANAGERS_MAX)
		return true;
	control_rpc_error(c->ret, RPC_FAILED_PRECONDITION,
			  "the swarm has %d managers, and more are not of use: "
			  "demote one first",
			  CONTROL_MANAGERS_MAX);
	return false;
}

static bool
spec_is_fine(struct control *c, const struct node_object *n,
	     const struct node_spec *spec)
{
	if (spec->availability == 0) {
		control_error(c->ret, 400, "invalid Availability: \"\"");
		return false;
	}
	if (spec->role == 0) {
		control_error(c->ret, 400, "invalid Role: \"\"");
		return false;
	}
	if (spec->role == n->spec.role)
		return true;
	return spec->role == ROLE_WORKER ? may_demote(c, n) : may_promote(c);
}

void
control_node_update(struct control *c)
{
	const struct node_object *n =
		control_find(c, OBJECT_NODE, c->r->target);
	struct node_spec spec;
	struct node_object *to;

	if (!n || !control_version(c, &n->head) ||
	    !control_body(c, &node_spec_type, &spec) ||
	    !spec_is_fine(c, n, &spec))
		return;
	to = object_clone(n);
	model_copy(&node_spec_type, &spec, object_arena(to), &to->spec);
	tx_put(&c->ret->tx, to, n->head.version.index);
	control_propose(c, 200, "");
}

/* Its certificates are good for a while: they are refused by name. */
static void
refuse_from_now_on(struct control *c, const struct node_object *n)
{
	const struct cluster *cluster = state_cluster(c->env->state);
	struct cluster *to = object_clone(cluster);
	int64_t until = n->cert_expiry;

	if (until == 0)
		until = c->env->now.wall_ns + ca_expiry_ns(cluster) +
			CLOCKS_DIFFER_NS;
	ca_add_removed(to, n->head.id, until);
	tx_put(&c->ret->tx, to, cluster->head.version.index);
}

void
control_node_remove(struct control *c)
{
	const struct node_object *n =
		control_find(c, OBJECT_NODE, c->r->target);

	if (!n)
		return;
	if (n->role == ROLE_MANAGER || n->raft_id != 0) {
		control_rpc_error(c->ret, RPC_FAILED_PRECONDITION,
				  "node %s is a cluster manager and is a "
				  "member of the raft cluster. It must be "
				  "demoted to worker before removal",
				  n->head.id);
		return;
	}
	if (n->status.state == NODE_READY &&
	    !request_query_bool(c->r, "force")) {
		control_rpc_error(c->ret, RPC_FAILED_PRECONDITION,
				  "node %s is not down and can't be removed",
				  n->head.id);
		return;
	}
	tx_delete(&c->ret->tx, OBJECT_NODE, n->head.id, n->head.version.index);
	refuse_from_now_on(c, n);
	control_propose(c, 200, "");
}
