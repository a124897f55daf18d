/* cmd_node.c - swarm node ls, inspect, ps. */
#include <errno.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/objects.h"
#include "net/client/command.h"
#include "net/client/format.h"
#include "net/client/pretty.h"
#include "net/client/task.h"
#include "net/client/tree.h"

static const struct column columns[] = {
	{ "ID", "ID", "node_id", COLUMN_EXTRA },
	{ "", "ID", NULL, COLUMN_SHOWN },
	{ "Hostname", "HOSTNAME", "hostname", 0 },
	{ "Status", "STATUS", "status", 0 },
	{ "Availability", "AVAILABILITY", "availability", 0 },
	{ "ManagerStatus", "MANAGER STATUS", "manager_status", 0 },
	{ "EngineVersion", "ENGINE VERSION", NULL, 0 },
	{ "TLSStatus", "TLS STATUS", NULL, COLUMN_EXTRA },
	{ "Self", "SELF", NULL, COLUMN_EXTRA | COLUMN_BOOL },
};

static const char *
manager_status(struct arena *a, const json_t *node)
{
	if (tree_bool(node, "ManagerStatus.Leader"))
		return "Leader";
	return text_title(a, tree_str(node, "ManagerStatus.Reachability"));
}

static const char *
tls_status(const json_t *node, const json_t *info)
{
	const json_t *mine = tree_get(node, "Description.TLSInfo");
	const json_t *cluster = tree_get(info, "Swarm.Cluster.TLSInfo");

	if (*tree_str(mine, "TrustRoot") == '\0' ||
	    *tree_str(cluster, "TrustRoot") == '\0')
		return "Unknown";
	return json_equal(mine, cluster) ? "Ready" : "Needs Rotation";
}

static void
add_node(struct table *t, const json_t *node, const json_t *info)
{
	struct arena *a = &t->cli->arena;
	const char **cell = table_row(t);
	bool self;

	cell[0] = tree_str(node, "ID");
	self = str_eq(cell[0], tree_str(info, "Swarm.NodeID"));
	cell[1] = arena_printf(a, "%s %s", cell[0], self ? "*" : " ");
	cell[2] = tree_str(node, "Description.Hostname");
	cell[3] = text_title(a, tree_str(node, "Status.State"));
	cell[4] = text_title(a, tree_str(node, "Spec.Availability"));
	cell[5] = manager_status(a, node);
	cell[6] = tree_str(node, "Description.Engine.EngineVersion");
	cell[7] = tls_status(node, info);
	cell[8] = self ? "true" : "false";
}

static int
cmp_nodes(const void *x, const void *y)
{
	const json_t *a = *(json_t *const *)x, *b = *(json_t *const *)y;
	int d = str_cmp_natural(tree_str(a, "Description.Hostname"),
				tree_str(b, "Description.Hostname"));

	return d != 0 ? d : strcmp(tree_str(a, "ID"), tree_str(b, "ID"));
}

int
cmd_node_ls(struct cli *cli, const struct parsed *p)
{
	json_t *nodes = NULL, *info = NULL, **sorted;
	const char *filters = NULL;
	struct err e = { 0 };
	struct table t;
	size_t count;
	int rc = cli_filters(cli, flag_list(p, "filter"), &filters, &e);

	if (rc == 0)
		rc = cli_get(cli,
			     cli_path(cli, "/nodes", "filters", filters, NULL),
			     &nodes, &e);
	if (rc == 0 && json_array_size(nodes) > 0 && !flag_bool(p, "quiet"))
		rc = cli_get(cli, "/info", &info, &e);
	if (rc != 0) {
		json_decref(nodes);
		return cli_fail_err(cli, &e);
	}
	table_init(&t, cli, columns, ARRAY_LEN(columns));
	sorted = tree_sorted(nodes, &count, cmp_nodes);
	for (size_t i = 0; i < count; i++)
		add_node(&t, sorted[i], info);
	rc = table_print(&t, flag_str(p, "format"), flag_bool(p, "quiet"));
	table_fini(&t);
	mem_free(sorted);
	json_decref(nodes);
	json_decref(info);
	return rc;
}

/* "self" is this daemon's node. */
static int
node_ref(struct cli *cli, const char *ref, const char **ret, struct err *e)
{
	json_t *info = NULL;
	int rc;

	*ret = ref;
	if (!str_eq(ref, "self"))
		return 0;
	rc = cli_get(cli, "/info", &info, e);
	if (rc != 0)
		return rc;
	*ret = arena_strdup(&cli->arena, tree_str(info, "Swarm.NodeID"));
	json_decref(info);
	/* Asking for a node without a name would list all of them. */
	if (**ret == '\0')
		return err_set(e, -EAGAIN,
			       "Error response from daemon: This node is not a "
			       "swarm manager. Use \"swarm init\" to make it "
			       "one and try again.");
	return 0;
}

static int
get_node(struct cli *cli, const char *ref, struct buf *ret, struct err *e)
{
	const char *id;
	int rc = node_ref(cli, ref, &id, e);

	if (rc != 0)
		return rc;
	return cli_ask(
		cli, "GET",
		arena_printf(&cli->arena, "/nodes/%s", cli_escape(cli, id)),
		NULL, ret, e);
}

int
cmd_node_inspect(struct cli *cli, const struct parsed *p)
{
	if (flag_bool(p, "pretty")) {
		if (flag_given(p, "format"))
			return cli_fail(cli, "--format is incompatible with "
					     "human friendly format");
		return pretty_print(cli, &p->args, get_node, pretty_node);
	}
	return inspect_print(cli, &p->args, flag_str(p, "format"), &node_type,
			     get_node);
}

int
cmd_node_ps(struct cli *cli, const struct parsed *p)
{
	static const char *self[] = { "self" };
	struct strings refs = p->args, ids = { 0 };
	const char *filters;
	struct err e = { 0 };
	struct buf errors = { 0 };
	int rc;

	if (refs.count == 0)
		refs = (struct strings){ .v = self, .count = 1 };
	ids.v = arena_array(&cli->arena, refs.count, sizeof(*ids.v));
	for (uint32_t i = 0; i < refs.count; i++) {
		struct buf body = { 0 };

		rc = get_node(cli, refs.v[i], &body, &e);
		if (rc == 0) {
			json_t *node = json_loadb(body.p, body.len, 0, NULL);

			ids.v[ids.count++] =
				arena_strdup(&cli->arena, tree_str(node, "ID"));
			json_decref(node);
		} else {
			buf_printf(&errors, "%s%s", errors.len ? "\n" : "",
				   e.msg);
		}
		buf_fini(&body);
	}
	rc = cli_filters(
		cli, filters_with(cli, flag_list(p, "filter"), "node", &ids),
		&filters, &e);
	if (rc != 0)
		rc = cli_fail_err(cli, &e);
	else if (ids.count > 0)
		rc = tasks_print(cli, p, filters);
	if (errors.len > 0)
		rc = cli_fail(cli, "%s", buf_cstr(&errors));
	buf_fini(&errors);
	return rc;
}
