/* node_update.c - swarm node update, promote, demote, rm. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "core/base/str.h"
#include "net/client/cluster.h"
#include "net/client/tree.h"

/* ---- requests -------------------------------------------------------------
 */

static int
read_node(struct cli *cli, const char *ref, json_t **ret, struct err *e)
{
	return cli_get(
		cli,
		arena_printf(&cli->arena, "/nodes/%s", cli_escape(cli, ref)),
		ret, e);
}

static int
send_node(struct cli *cli, const json_t *node, struct err *e)
{
	struct arena *a = &cli->arena;
	json_t *spec = tree_get(node, "Spec");
	struct buf answer = { 0 };
	const char *path;
	int rc;

	if (!json_is_object(spec))
		return err_set(e, -EPROTO,
			       "the daemon gave a node without a spec");
	path = arena_printf(a, "/nodes/%s/update?version=%lld",
			    cli_escape(cli, tree_str(node, "ID")),
			    (long long)tree_i64(node, "Version.Index"));
	rc = cli_ask(cli, "POST", path, cluster_dump(json_incref(spec), a),
		     &answer, e);
	buf_fini(&answer);
	return rc;
}

/* ---- update ---------------------------------------------------------------
 */

/* Keys have dots, so they are no paths. */
static int
edit_labels(const struct parsed *p, json_t *node, struct arena *a,
	    struct err *e)
{
	const struct strings *add = flag_list(p, "label-add");
	const struct strings *rm = flag_list(p, "label-rm");
	json_t *labels = tree_get(node, "Spec.Labels");

	if (add->count + rm->count == 0)
		return 0;
	if (!json_is_object(labels)) {
		labels = json_object();
		tree_set(node, "Spec.Labels", labels);
	}
	for (uint32_t i = 0; i < add->count; i++) {
		size_t len = strcspn(add->v[i], "=");
		const char *value = add->v[i] + len;

		json_object_set_new(labels, arena_strndup(a, add->v[i], len),
				    json_string(*value ? value + 1 : ""));
	}
	for (uint32_t i = 0; i < rm->count; i++)
		if (json_object_del(labels, rm->v[i]) != 0)
			return err_set(e, -ENOENT,
				       "key %.150s doesn't exist in node's "
				       "labels",
				       rm->v[i]);
	return 0;
}

/* Small letters, as the API has it; if it is none of its words, it says so. */
static json_t *
lower(struct arena *a, const char *word)
{
	char *copy = arena_strdup(a, word);

	for (char *c = copy; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return json_string(copy);
}

int
cmd_node_update(struct cli *cli, const struct parsed *p)
{
	struct arena *a = &cli->arena;
	const char *ref = p->args.v[0];
	json_t *node = NULL;
	struct err e = { 0 };
	int rc = read_node(cli, ref, &node, &e);

	if (rc == 0)
		rc = edit_labels(p, node, a, &e);
	if (rc == 0 && flag_given(p, "availability"))
		tree_set(node, "Spec.Availability",
			 lower(a, flag_str(p, "availability")));
	if (rc == 0 && flag_given(p, "role"))
		tree_set(node, "Spec.Role", lower(a, flag_str(p, "role")));
	if (rc == 0)
		rc = send_node(cli, node, &e);
	json_decref(node);
	if (rc != 0)
		return cli_fail_err(cli, &e);
	fprintf(cli->out, "%s\n", cli_clean(a, ref));
	return CLI_OK;
}

/* ---- promote, demote ------------------------------------------------------
 */

/* done: what is said, before and behind the name. */
static int
change_role(struct cli *cli, const char *ref, const char *role,
	    const char *const done[2], struct err *e)
{
	struct arena *a = &cli->arena;
	json_t *node = NULL;
	int rc = read_node(cli, ref, &node, e);

	if (rc == 0 && str_eq(tree_str(node, "Spec.Role"), role)) {
		fprintf(cli->out, "Node %s is already a %s.\n",
			cli_clean(a, tree_str(node, "ID")), role);
	} else if (rc == 0) {
		tree_set(node, "Spec.Role", json_string(role));
		rc = send_node(cli, node, e);
		if (rc == 0)
			fprintf(cli->out, "%s %s %s.\n", done[0],
				cli_clean(a, ref), done[1]);
	}
	json_decref(node);
	return rc;
}

/* The first that fails ends it: what follows may need what it was to do. */
static int
change_roles(struct cli *cli, const struct parsed *p, const char *role,
	     const char *const done[2])
{
	struct err e = { 0 };

	for (uint32_t i = 0; i < p->args.count; i++)
		if (change_role(cli, p->args.v[i], role, done, &e) != 0)
			return cli_fail_err(cli, &e);
	return CLI_OK;
}

int
cmd_node_promote(struct cli *cli, const struct parsed *p)
{
	static const char *const done[] = {
		"Node", "promoted to a manager in the swarm"
	};

	return change_roles(cli, p, "manager", done);
}

int
cmd_node_demote(struct cli *cli, const struct parsed *p)
{
	static const char *const done[] = { "Manager", "demoted in the swarm" };

	return change_roles(cli, p, "worker", done);
}

/* ---- rm -------------------------------------------------------------------
 */

int
cmd_node_rm(struct cli *cli, const struct parsed *p)
{
	const char *force = flag_bool(p, "force") ? "true" : NULL;
	struct buf errors = { 0 };
	int rc = CLI_OK;

	for (uint32_t i = 0; i < p->args.count; i++) {
		const char *ref = p->args.v[i];
		const char *path = arena_printf(&cli->arena, "/nodes/%s",
						cli_escape(cli, ref));
		struct buf body = { 0 };
		struct err e = { 0 };

		if (cli_ask(cli, "DELETE",
			    cli_path(cli, path, "force", force, NULL), NULL,
			    &body, &e) == 0)
			fprintf(cli->out, "%s\n", cli_clean(&cli->arena, ref));
		else
			buf_printf(&errors, "%s%s", errors.len ? "\n" : "",
				   e.msg);
		buf_fini(&body);
	}
	if (errors.len > 0)
		rc = cli_fail(cli, "%s", buf_cstr(&errors));
	buf_fini(&errors);
	return rc;
}
