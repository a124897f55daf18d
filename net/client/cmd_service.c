/* cmd_service.c - swarm service ls, ps, inspect, scale, rollback, rm. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/objects.h"
#include "net/client/command.h"
#include "net/client/format.h"
#include "net/client/pretty.h"
#include "net/client/progress.h"
#include "net/client/service_edit.h"
#include "net/client/task.h"
#include "net/client/tree.h"

static const struct column columns[] = {
	{ "ID", "ID", "id", 0 },
	{ "Name", "NAME", "name", 0 },
	{ "Mode", "MODE", "mode", 0 },
	{ "Replicas", "REPLICAS", "replicas", 0 },
	{ "Image", "IMAGE", "image", 0 },
	{ "Ports", "PORTS", "ports", 0 },
};

/* ---- ls
 * ------------------------------------------------------------------------ */

static const char *
mode_cell(const json_t *service)
{
	static const char *const rows[][2] = {
		{ "Spec.Mode.Global", "global" },
		{ "Spec.Mode.ReplicatedJob", "replicated job" },
		{ "Spec.Mode.GlobalJob", "global job" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (tree_get(service, rows[i][0]) != NULL)
			return rows[i][1];
	return "replicated";
}

static const char *
job_replicas(struct arena *a, const json_t *service)
{
	int64_t desired = tree_i64(service, "ServiceStatus.DesiredTasks");
	int64_t done = tree_i64(service, "ServiceStatus.CompletedTasks");
	int64_t total = desired + done;

	if (tree_get(service, "Spec.Mode.ReplicatedJob") != NULL)
		total = tree_i64(service,
				 "Spec.Mode.ReplicatedJob.TotalCompletions");
	return arena_printf(
		a, "%lld/%lld (%lld/%lld completed)",
		(long long)tree_i64(service, "ServiceStatus.RunningTasks"),
		(long long)desired, (long long)done, (long long)total);
}

static const char *
replicas_cell(struct arena *a, const json_t *service)
{
	int64_t per_node =
		tree_i64(service, "Spec.TaskTemplate.Placement.MaxReplicas");
	const char *text;

	if (str_ends(mode_cell(service), "job"))
		return job_replicas(a, service);
	text = arena_printf(
		a, "%lld/%lld",
		(long long)tree_i64(service, "ServiceStatus.RunningTasks"),
		(long long)tree_i64(service, "ServiceStatus.DesiredTasks"));
	if (per_node > 0)
		text = arena_printf(a, "%s (max %lld per node)", text,
				    (long long)per_node);
	return text;
}

/* Ports that follow one another are one range: "*:80-82->80-82/tcp". */
struct port_run {
	int64_t pub, pub_end, target, target_end;
	const char *protocol;
};

static void
put_run(const struct port_run *r, struct buf *b)
{
	if (r->pub == 0)
		return;
	buf_printf(b, "%s*:%lld", b->len ? ", " : "", (long long)r->pub);
	if (r->pub_end > r->pub)
		buf_printf(b, "-%lld", (long long)r->pub_end);
	buf_printf(b, "->%lld", (long long)r->target);
	if (r->target_end > r->target)
		buf_printf(b, "-%lld", (long long)r->target_end);
	buf_printf(b, "/%s", r->protocol);
}

static bool
follows(const struct port_run *r, const struct port_run *p)
{
	int64_t pub = p->pub - r->pub_end, target = p->target - r->target_end;
	bool range = r->target_end != r->target;

	return r->pub != 0 && str_eq(p->protocol, r->protocol) && pub >= 0 &&
	       pub <= 1 && target >= 0 && target <= 1 &&
	       !(range && p->target <= r->target_end);
}

static int
cmp_ports(const void *x, const void *y)
{
	const json_t *a = *(json_t *const *)x, *b = *(json_t *const *)y;
	int d = strcmp(tree_str(a, "Protocol"), tree_str(b, "Protocol"));
	int64_t pa = tree_i64(a, "PublishedPort"),
		pb = tree_i64(b, "PublishedPort");

	return d != 0 ? d : (pa > pb) - (pa < pb);
}

static const char *
ports_cell(struct arena *a, const json_t *service)
{
	struct port_run run = { 0 };
	struct buf b = { 0 };
	const char *text;
	size_t count;
	json_t **ports = tree_sorted(tree_get(service, "Endpoint.Ports"),
				     &count, cmp_ports);

	for (size_t i = 0; i < count; i++) {
		const char *mode = tree_str(ports[i], "PublishMode");
		struct port_run p = {
			.pub = tree_i64(ports[i], "PublishedPort"),
			.target = tree_i64(ports[i], "TargetPort"),
			.protocol =
				str_or(tree_str(ports[i], "Protocol"), "tcp"),
		};

		if (!str_eq(str_or(mode, "ingress"), "ingress"))
			continue;
		p.pub_end = p.pub;
		p.target_end = p.target;
		if (follows(&run, &p)) {
			run.pub_end = p.pub;
			run.target_end = p.target;
			continue;
		}
		put_run(&run, &b);
		run = p;
	}
	put_run(&run, &b);
	text = arena_strdup(a, buf_cstr(&b));
	buf_fini(&b);
	mem_free(ports);
	return text;
}

static int
cmp_services(const void *x, const void *y)
{
	const json_t *a = *(json_t *const *)x, *b = *(json_t *const *)y;

	return str_cmp_natural(tree_str(a, "Spec.Name"),
			       tree_str(b, "Spec.Name"));
}

static void
add_service(struct table *t, const json_t *service)
{
	struct arena *a = &t->cli->arena;
	const char **cell = table_row(t);

	cell[0] = short_id(a, tree_str(service, "ID"));
	cell[1] = tree_str(service, "Spec.Name");
	cell[2] = mode_cell(service);
	cell[3] = replicas_cell(a, service);
	cell[4] = text_image(
		a, tree_str(service, "Spec.TaskTemplate.ContainerSpec.Image"));
	cell[5] = ports_cell(a, service);
}

int
cmd_service_ls(struct cli *cli, const struct parsed *p)
{
	json_t *services = NULL, **sorted;
	const char *filters = NULL;
	struct err e = { 0 };
	struct table t;
	size_t count;
	int rc = cli_filters(cli, flag_list(p, "filter"), &filters, &e);

	if (rc == 0)
		rc = cli_get(cli,
			     cli_path(cli, "/services", "status", "true",
				      "filters", filters, NULL),
			     &services, &e);
	if (rc != 0)
		return cli_fail_err(cli, &e);
	table_init(&t, cli, columns, ARRAY_LEN(columns));
	sorted = tree_sorted(services, &count, cmp_services);
	for (size_t i = 0; i < count; i++)
		add_service(&t, sorted[i]);
	rc = table_print(&t, flag_str(p, "format"), flag_bool(p, "quiet"));
	table_fini(&t);
	mem_free(sorted);
	json_decref(services);
	return rc;
}

/* ---- ps
 * ---------------------------------------------------------------------------
 */

/* Its exact id, else its name, else the beginning of one id only. */
static const char *
find_service(const json_t *services, const char *ref, const char **ret_why)
{
	const char *by_name = NULL, *by_prefix = NULL;
	unsigned prefixes = 0;

	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *s = json_array_get(services, i);
		const char *id = tree_str(s, "ID");

		if (str_eq(id, ref))
			return id;
		if (str_eq(tree_str(s, "Spec.Name"), ref))
			by_name = id;
		if (str_starts(id, ref)) {
			by_prefix = id;
			prefixes++;
		}
	}
	*ret_why = prefixes > 1 ? "multiple services found with provided prefix"
				: "no such service";
	if (by_name != NULL)
		return by_name;
	return prefixes == 1 ? by_prefix : NULL;
}

int
cmd_service_ps(struct cli *cli, const struct parsed *p)
{
	struct strings ids = { 0 };
	struct buf errors = { 0 };
	json_t *services = NULL;
	const char *filters = NULL;
	struct err e = { 0 };
	int rc = cli_get(cli, "/services", &services, &e);

	if (rc != 0)
		return cli_fail_err(cli, &e);
	ids.v = arena_array(&cli->arena, p->args.count, sizeof(*ids.v));
	for (uint32_t i = 0; i < p->args.count; i++) {
		const char *why = "", *ref = p->args.v[i];
		const char *id = find_service(services, ref, &why);

		if (id != NULL)
			ids.v[ids.count++] = id;
		else
			buf_printf(&errors, "%s%s: %s", errors.len ? "\n" : "",
				   why, ref);
	}
	rc = cli_filters(
		cli, filters_with(cli, flag_list(p, "filter"), "service", &ids),
		&filters, &e);
	if (rc != 0)
		rc = cli_fail_err(cli, &e);
	else if (ids.count > 0)
		rc = tasks_print(cli, p, filters);
	if (errors.len > 0)
		rc = cli_fail(cli, "%s", buf_cstr(&errors));
	buf_fini(&errors);
	json_decref(services);
	return rc;
}

/* ---- inspect
 * --------------------------------------------------------------------- */

static int
get_service(struct cli *cli, const char *ref, struct buf *ret, struct err *e)
{
	const char *path =
		arena_printf(&cli->arena, "/services/%s?insertDefaults=true",
			     cli_escape(cli, ref));
	int rc = cli_ask(cli, "GET", path, NULL, ret, e);

	if (rc == -ENOENT)
		return err_set(e, rc, "Error: no such service: %s", ref);
	return rc;
}

int
cmd_service_inspect(struct cli *cli, const struct parsed *p)
{
	if (flag_bool(p, "pretty")) {
		if (flag_given(p, "format"))
			return cli_fail(cli, "--format is incompatible with "
					     "human friendly format");
		return pretty_print(cli, &p->args, get_service, pretty_service);
	}
	return inspect_print(cli, &p->args, flag_str(p, "format"),
			     &service_type, get_service);
}

/* ---- scale, rollback
 * --------------------------------------------------------------- */

/* Send a service's spec back as it is in the tree. */
static int
update_service(struct cli *cli, const json_t *service, const char *rollback,
	       struct err *e)
{
	const char *path =
		arena_printf(&cli->arena, "/services/%s/update",
			     cli_escape(cli, tree_str(service, "ID")));
	const char *version =
		arena_printf(&cli->arena, "%lld",
			     (long long)tree_i64(service, "Version.Index"));
	char *body = json_dumps(tree_get(service, "Spec"),
				JSON_COMPACT | JSON_REAL_PRECISION(15));
	struct buf answer = { 0 };
	json_t *tree = NULL;
	int rc;

	if (body == NULL)
		return err_set(e, -EPROTO,
			       "the daemon gave a service without a spec");
	rc = cli_ask(cli, "POST",
		     cli_path(cli, path, "version", version, "rollback",
			      rollback, NULL),
		     body, &answer, e);
	if (rc == 0 && answer.len > 0)
		tree = json_loadb(answer.p, answer.len, 0, NULL);
	service_put_warnings(cli, tree);
	json_decref(tree);
	buf_fini(&answer);
	free(body); /* jansson's own */
	return rc;
}

static int
read_service(struct cli *cli, const char *ref, json_t **ret, struct err *e)
{
	return cli_get(
		cli,
		arena_printf(&cli->arena, "/services/%s", cli_escape(cli, ref)),
		ret, e);
}

static int
set_replicas(json_t *service, uint64_t replicas, struct err *e)
{
	json_t *mode = tree_get(service, "Spec.Mode.Replicated");
	const char *field = "Replicas";

	if (mode == NULL) {
		mode = tree_get(service, "Spec.Mode.ReplicatedJob");
		field = "TotalCompletions";
	}
	if (mode == NULL)
		return err_set(e, -EINVAL,
			       "scale can only be used with replicated or "
			       "replicated-job mode");
	json_object_set_new(mode, field, json_integer((json_int_t)replicas));
	return 0;
}

/* ret_id: "" unless it was scaled. */
static int
scale_one(struct cli *cli, const char *ref, uint64_t replicas,
	  const char **ret_id, struct err *e)
{
	json_t *service = NULL;
	int rc = read_service(cli, ref, &service, e);

	if (rc == 0)
		rc = set_replicas(service, replicas, e);
	if (rc == 0)
		rc = update_service(cli, service, NULL, e);
	if (rc == 0) {
		fprintf(cli->out, "%s scaled to %llu\n",
			cli_clean(&cli->arena, ref),
			(unsigned long long)replicas);
		*ret_id = arena_strdup(&cli->arena, tree_str(service, "ID"));
	}
	json_decref(service);
	return rc;
}

static int
bad_specifier(struct cli *cli, const char *arg)
{
	return cli_fail(cli,
			"invalid scale specifier '%s'.\n"
			"See 'swarm service scale --help'.\n\n"
			"Usage:  swarm service scale SERVICE=REPLICAS "
			"[SERVICE=REPLICAS...]\n\n"
			"Scale one or multiple replicated services",
			arg);
}

static void
add_error(struct buf *errors, const char *who, const struct err *e)
{
	buf_printf(errors, "%s%s: %s", errors->len ? "\n" : "", who, e->msg);
}

/* All that can be is scaled; then the failures are told. */
static void
scale_all(struct cli *cli, const struct strings *args, struct strings *ids,
	  struct buf *errors)
{
	for (uint32_t i = 0; i < args->count; i++) {
		const char *equals = strchr(args->v[i], '='), *id = "";
		char *ref = arena_strndup(&cli->arena, args->v[i],
					  (size_t)(equals - args->v[i]));
		struct err e = { 0 }, why = { 0 };
		uint64_t n = 0;
		int rc = text_to_u64(equals + 1, &n, &why);

		if (rc != 0)
			rc = err_set(&e, rc,
				     "invalid replicas value %.60s: %.200s",
				     equals + 1, why.msg);
		else
			rc = scale_one(cli, ref, n, &id, &e);
		if (rc != 0)
			add_error(errors, ref, &e);
		else
			ids->v[ids->count++] = id;
	}
}

int
cmd_service_scale(struct cli *cli, const struct parsed *p)
{
	struct strings ids = { 0 };
	struct buf errors = { 0 };
	int rc = CLI_OK;

	for (uint32_t i = 0; i < p->args.count; i++) {
		const char *equals = strchr(p->args.v[i], '=');

		if (equals == NULL || equals == p->args.v[i] ||
		    equals[1] == '\0')
			return bad_specifier(cli, p->args.v[i]);
	}
	ids.v = arena_array(&cli->arena, p->args.count, sizeof(*ids.v));
	scale_all(cli, &p->args, &ids, &errors);
	for (uint32_t i = 0; !flag_bool(p, "detach") && i < ids.count; i++)
		if (progress_wait(cli, ids.v[i], PROGRESS_SHOW) != CLI_OK)
			rc = CLI_FAILED;
	if (errors.len > 0)
		rc = cli_fail(cli, "%s", buf_cstr(&errors));
	buf_fini(&errors);
	return rc;
}

int
cmd_service_rollback(struct cli *cli, const struct parsed *p)
{
	const char *ref = p->args.v[0], *id = "";
	enum progress_mode mode =
		flag_bool(p, "quiet") ? PROGRESS_QUIET : PROGRESS_SHOW;
	json_t *service = NULL;
	struct err e = { 0 };
	int rc = read_service(cli, ref, &service, &e);

	if (rc == 0)
		rc = update_service(cli, service, "previous", &e);
	if (rc == 0)
		id = arena_strdup(&cli->arena, tree_str(service, "ID"));
	json_decref(service);
	if (rc != 0)
		return cli_fail_err(cli, &e);
	fprintf(cli->out, "%s\n", cli_clean(&cli->arena, ref));
	if (flag_bool(p, "detach"))
		return CLI_OK;
	return progress_wait(cli, id, mode);
}

/* ---- rm ---- */

int
cmd_service_rm(struct cli *cli, const struct parsed *p)
{
	struct buf errors = { 0 };
	int rc = CLI_OK;

	for (uint32_t i = 0; i < p->args.count; i++) {
		const char *ref = p->args.v[i];
		struct buf body = { 0 };
		struct err e = { 0 };

		if (cli_ask(cli, "DELETE",
			    arena_printf(&cli->arena, "/services/%s",
					 cli_escape(cli, ref)),
			    NULL, &body, &e) == 0)
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
