/*
 * service_rebalance.c - "service rebalance": tasks of one service move to
 * nodes that have less to do, at the pace of its update config. Ours: Docker
 * has no such command.
 */
#include <jansson.h>

#include "core/base/str.h"
#include "net/client/format.h"
#include "net/client/progress.h"
#include "net/client/task.h"
#include "net/client/tree.h"

static const struct column columns[] = {
	{ "Task", "TASK", NULL, 0 },
	{ "From", "FROM", NULL, 0 },
	{ "To", "TO", NULL, 0 },
};

/* WEB.SLOT, as "service ps" names it. */
static int
put_moves(struct cli *cli, const json_t *moves, const char *service)
{
	struct arena *a = &cli->arena;
	struct names names = { 0 };
	struct table t;
	struct err e;
	int rc = names_read(cli, &names, &e);

	if (rc != 0)
		return cli_fail_err(cli, &e);
	table_init(&t, cli, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < json_array_size(moves); i++) {
		const json_t *m = json_array_get(moves, i);
		const char **cell = table_row(&t);

		cell[0] = arena_printf(a, "%s.%lld", service,
				       (long long)tree_i64(m, "Slot"));
		cell[1] = arena_strdup(a,
				       names_node(&names, tree_str(m, "From")));
		cell[2] =
			arena_strdup(a, names_node(&names, tree_str(m, "To")));
	}
	rc = table_print(&t, "", false);
	table_fini(&t);
	names_fini(&names);
	return rc;
}

/* The moves that are made, or would be: a tree, the caller's. */
static int
ask_moves(struct cli *cli, const char *id, bool dry_run, json_t **ret,
	  struct err *e)
{
	const char *path = arena_printf(&cli->arena, "/services/%s/rebalance",
					cli_escape(cli, id));
	struct buf answer = { 0 };
	int rc = cli_ask(
		cli, "POST",
		cli_path(cli, path, "dryRun", dry_run ? "1" : NULL, NULL), NULL,
		&answer, e);

	if (rc == 0)
		*ret = json_loadb(answer.len ? answer.p : "", answer.len, 0,
				  NULL);
	buf_fini(&answer);
	return rc;
}

int
cmd_service_rebalance(struct cli *cli, const struct parsed *p)
{
	struct arena *a = &cli->arena;
	const char *ref = p->args.v[0], *id = "", *name = ref;
	bool dry_run = flag_bool(p, "dry-run");
	json_t *service = NULL, *answer = NULL;
	struct err e = { 0 };
	int rc = cli_get(cli,
			 arena_printf(a, "/services/%s", cli_escape(cli, ref)),
			 &service, &e);

	if (rc == 0) {
		id = arena_strdup(a, tree_str(service, "ID"));
		name = arena_strdup(a, tree_str(service, "Spec.Name"));
		rc = ask_moves(cli, id, dry_run, &answer, &e);
	}
	json_decref(service);
	if (rc != 0)
		return cli_fail_err(cli, &e);
	if (json_array_size(tree_get(answer, "Moves")) == 0) {
		fprintf(cli->out, "%s: nothing to move\n", cli_clean(a, name));
		rc = CLI_OK;
	} else if (dry_run) {
		rc = put_moves(cli, tree_get(answer, "Moves"), name);
	} else {
		fprintf(cli->out, "%s\n", cli_clean(a, ref));
		(void)fflush(cli->out);
		rc = flag_bool(p, "detach")
			     ? CLI_OK
			     : progress_wait(cli, id,
					     flag_bool(p, "quiet")
						     ? PROGRESS_QUIET
						     : PROGRESS_SHOW);
	}
	json_decref(answer);
	return rc;
}
