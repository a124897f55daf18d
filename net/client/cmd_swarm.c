/* cmd_swarm.c - swarm init, leave. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/str.h"
#include "net/client/command.h"

#define LISTEN_ADDR "0.0.0.0:2377"

static void
init_body(const struct parsed *p, struct buf *b)
{
	struct json w = { .out = b };

	json_open(&w, '{');
	json_put_str(&w, "ListenAddr", LISTEN_ADDR);
	json_put_str(&w, "Availability", "active");
	json_key(&w, "Spec");
	json_open(&w, '{');
	json_put_str(&w, "Name", "default");
	json_key(&w, "Orchestration");
	json_open(&w, '{');
	json_put_i64(&w, "TaskHistoryRetentionLimit",
		     flag_i64(p, "task-history-limit"));
	json_close(&w, '}');
	json_close(&w, '}');
	json_close(&w, '}');
}

/* Where nobody listens, a daemon is started first. */
static int
ask_init(struct cli *cli, const char *body, struct buf *answer, struct err *e)
{
	int rc = cli_ask(cli, "POST", "/swarm/init", body, answer, e);

	if (rc != -ECONNREFUSED || cli->hooks == NULL ||
	    cli->hooks->start_daemon == NULL)
		return rc;
	rc = cli->hooks->start_daemon(cli->host, e);
	if (rc != 0)
		return rc;
	return cli_ask(cli, "POST", "/swarm/init", body, answer, e);
}

int
cmd_init(struct cli *cli, const struct parsed *p)
{
	struct buf body = { 0 }, answer = { 0 };
	struct err e = { 0 };
	json_t *id = NULL;
	int rc;

	init_body(p, &body);
	rc = ask_init(cli, buf_cstr(&body), &answer, &e);
	if (rc == 0) {
		id = json_loadb(answer.len ? answer.p : "", answer.len,
				JSON_DECODE_ANY, NULL);
		fprintf(cli->out,
			"Swarm initialized: current node (%s) is now a "
			"manager.\n",
			cli_clean(&cli->arena,
				  str_or(json_string_value(id), "unknown")));
		json_decref(id);
	}
	buf_fini(&body);
	buf_fini(&answer);
	return rc == 0 ? CLI_OK : cli_fail_err(cli, &e);
}

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
