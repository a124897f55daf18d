/* cmd_swarm.c - swarm init, join, leave, update. */
#include <errno.h>
#include <string.h>

#include "core/base/str.h"
#include "net/client/cluster.h"
#include "net/client/tree.h"

/* ---- init -----------------------------------------------------------------
 */

static int
read_place(const struct parsed *p, struct cluster_place *ret, struct err *e)
{
	*ret = (struct cluster_place){
		.listen_addr = flag_str(p, "listen-addr"),
		.advertise_addr = flag_str(p, "advertise-addr"),
		.data_path_addr = flag_str(p, "data-path-addr"),
	};
	return text_to_availability(flag_str(p, "availability"),
				    &ret->availability, e);
}

/* Each row may have several, with commas between. */
static json_t *
read_pools(const struct strings *rows)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < rows->count; i++)
		for (const char *s = rows->v[i]; *s != '\0';) {
			size_t len = strcspn(s, ",");

			json_array_append_new(list, json_stringn(s, len));
			s += len + (s[len] == ',');
		}
	return list;
}

static int
init_body(const struct parsed *p, struct arena *a, const char **ret,
	  struct err *e)
{
	struct cluster_place place;
	int r = read_place(p, &place, e);
	json_t *t;

	if (r < 0)
		return r;
	t = cluster_init_body(&place, a);
	cluster_edit(p, tree_get(t, "Spec"));
	tree_set(t, "DataPathPort",
		 json_integer((json_int_t)flag_u64(p, "data-path-port")));
	tree_set(t, "ForceNewCluster",
		 json_boolean(flag_bool(p, "force-new-cluster")));
	tree_set(t, "AutoLockManagers", json_boolean(flag_bool(p, "autolock")));
	tree_set(t, "DefaultAddrPool",
		 read_pools(flag_list(p, "default-addr-pool")));
	tree_set(t, "SubnetSize",
		 json_integer((json_int_t)flag_u64(
			 p, "default-addr-pool-mask-length")));
	*ret = cluster_dump(t, a);
	return 0;
}

/* Where nobody listens, a daemon is started first. */
static int
ask_started(struct cli *cli, const char *path, const char *body,
	    struct buf *answer, struct err *e)
{
	int rc = cli_ask(cli, "POST", path, body, answer, e);

	if (rc != -ECONNREFUSED || cli->hooks == NULL ||
	    cli->hooks->start_daemon == NULL)
		return rc;
	rc = cli->hooks->start_daemon(cli->host, e);
	if (rc != 0)
		return rc;
	return cli_ask(cli, "POST", path, body, answer, e);
}

/* Which flag helps, where the daemon cannot know of it. */
static int
fail_init(struct cli *cli, const struct err *e)
{
	static const char *const causes[] = {
		"could not choose an IP address to advertise",
		"could not find the system's IP address",
	};
	size_t len = strlen(e->msg);

	for (size_t i = 0; i < ARRAY_LEN(causes); i++)
		if (strstr(e->msg, causes[i]) != NULL)
			return cli_fail(
				cli, "%.*s - specify one with --advertise-addr",
				(int)(len -
				      (len > 0 && e->msg[len - 1] == '.')),
				e->msg);
	return cli_fail_err(cli, e);
}

static int
tell_how_to_join(struct cli *cli, const struct parsed *p, const char *id)
{
	const char *key = "";
	struct err e = { 0 };
	int rc;

	fprintf(cli->out,
		"Swarm initialized: current node (%s) is now a manager.\n\n",
		id);
	rc = cluster_put_join(cli, id, "worker", &e);
	if (rc == 0)
		fputs("To add a manager to this swarm, run 'swarm join-token "
		      "manager' and follow the instructions.\n",
		      cli->out);
	if (rc == 0 && flag_bool(p, "autolock"))
		rc = cluster_get_unlock_key(cli, &key, &e);
	if (rc != 0)
		return cli_fail_err(cli, &e);
	cluster_put_unlock_key(cli, key);
	return CLI_OK;
}

int
cmd_init(struct cli *cli, const struct parsed *p)
{
	struct arena *a = &cli->arena;
	struct buf answer = { 0 };
	struct err e = { 0 };
	const char *body, *id = NULL;
	json_t *tree;
	int rc = init_body(p, a, &body, &e);

	if (rc != 0)
		return cli_fail_err(cli, &e);
	rc = ask_started(cli, "/swarm/init", body, &answer, &e);
	if (rc == 0) {
		tree = json_loadb(answer.len ? answer.p : "", answer.len,
				  JSON_DECODE_ANY, NULL);
		id = cli_clean(a, str_or(json_string_value(tree), "unknown"));
		json_decref(tree);
	}
	buf_fini(&answer);
	return rc == 0 ? tell_how_to_join(cli, p, id) : fail_init(cli, &e);
}

/* ---- join -----------------------------------------------------------------
 */

static int
join_body(struct cli *cli, const struct parsed *p, const char **ret,
	  struct err *e)
{
	struct cluster_place place;
	const char *token;
	int rc = read_place(p, &place, e);

	if (rc == 0)
		rc = cluster_token(p, cli->in_fd, &cli->arena, &token, e);
	if (rc == 0 && *token == '\0')
		rc = err_set(e, -EINVAL,
			     "no token is given: \"swarm join-token worker\" "
			     "on a manager shows one; give it by --token, "
			     "--token-file or $SWARM_TOKEN");
	if (rc == 0)
		*ret = cluster_join_body(&place, &p->args, token, &cli->arena);
	return rc;
}

int
cmd_join(struct cli *cli, const struct parsed *p)
{
	struct buf answer = { 0 };
	struct err e = { 0 };
	json_t *info = NULL;
	const char *body;
	int rc = join_body(cli, p, &body, &e);

	if (rc == 0)
		rc = ask_started(cli, "/swarm/join", body, &answer, &e);
	buf_fini(&answer);
	if (rc == 0)
		rc = cli_get(cli, "/info", &info, &e);
	if (rc != 0)
		return cli_fail_err(cli, &e);
	fprintf(cli->out, "This node joined a swarm as a %s.\n",
		tree_bool(info, "Swarm.ControlAvailable") ? "manager"
							  : "worker");
	json_decref(info);
	return CLI_OK;
}

/* ---- leave, update --------------------------------------------------------
 */

int
cmd_leave(struct cli *cli, const struct parsed *p)
{
	struct buf answer = { 0 };
	struct err e = { 0 };
	int rc = cli_ask(cli, "POST",
			 cli_path(cli, "/swarm/leave", "force",
				  flag_bool(p, "force") ? "true" : NULL, NULL),
			 NULL, &answer, &e);

	buf_fini(&answer);
	if (rc != 0)
		return cli_fail_err(cli, &e);
	fputs("Node left the swarm.\n", cli->out);
	return CLI_OK;
}

static bool
any_flag(const struct parsed *p)
{
	for (size_t i = 0; i < *p->command->flag_count; i++)
		if (p->flags[i].given)
			return true;
	return false;
}

int
cmd_update(struct cli *cli, const struct parsed *p)
{
	static const char autolock[] = "Spec.EncryptionConfig.AutoLockManagers";
	json_t *swarm = NULL;
	struct err e = { 0 };
	const char *key = "";
	bool newly = false;
	int rc;

	if (!any_flag(p)) {
		help_print(cli->out, p->command, cli->width);
		return CLI_OK;
	}
	rc = cli_get(cli, "/swarm", &swarm, &e);
	if (rc == 0) {
		newly = !tree_bool(swarm, autolock);
		cluster_edit(p, tree_get(swarm, "Spec"));
		newly = newly && tree_bool(swarm, autolock);
		rc = cluster_update(cli, swarm, NULL, &e);
	}
	json_decref(swarm);
	if (rc == 0)
		fputs("Swarm updated.\n", cli->out);
	if (rc == 0 && newly)
		rc = cluster_get_unlock_key(cli, &key, &e);
	if (rc != 0)
		return cli_fail_err(cli, &e);
	cluster_put_unlock_key(cli, key);
	return CLI_OK;
}
