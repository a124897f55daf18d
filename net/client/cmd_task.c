/* cmd_task.c - see task.h. */
#include "net/client/task.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "net/client/format.h"
#include "net/client/tree.h"

#define ERROR_WIDTH 30

/* ---- names ----------------------------------------------------------------
 */

int
names_read(struct cli *cli, struct names *ret, struct err *e)
{
	struct names n = { 0 };
	int rc = cli_get(cli, "/services", &n.services, e);

	if (rc == 0)
		rc = cli_get(cli, "/nodes", &n.nodes, e);
	if (rc != 0) {
		names_fini(&n);
		return rc;
	}
	*ret = n;
	return 0;
}

void
names_fini(struct names *n)
{
	json_decref(n->services);
	json_decref(n->nodes);
}

static const json_t *
by_id(const json_t *list, const char *id)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (str_eq(tree_str(json_array_get(list, i), "ID"), id))
			return json_array_get(list, i);
	return NULL;
}

const char *
names_service(const struct names *n, const char *id)
{
	return str_or(tree_str(by_id(n->services, id), "Spec.Name"), id);
}

const char *
names_node(const struct names *n, const char *id)
{
	const json_t *node = by_id(n->nodes, id);
	const char *hostname = tree_str(node, "Description.Hostname");

	return str_or(tree_str(node, "Spec.Name"), str_or(hostname, id));
}

/* ---- cells ------------------------------------------------------------------
 */

static const struct column columns[] = {
	{ "", "ID", NULL, COLUMN_EXTRA | COLUMN_SHOWN }, /* of -q */
	{ "ID", "ID", "id", 0 },
	{ "Name", "NAME", "name", 0 },
	{ "Image", "IMAGE", "image", 0 },
	{ "Node", "NODE", "node", 0 },
	{ "DesiredState", "DESIRED STATE", "desired_state", 0 },
	{ "CurrentState", "CURRENT STATE", "current_state", 0 },
	{ "Error", "ERROR", "error", 0 },
	{ "Ports", "PORTS", "ports", 0 },
};

struct row {
	const json_t *task;
	const char *name;
	int64_t created_at;
};

struct listing {
	struct cli *cli;
	struct names names;
	bool trunc, table; /* table: history is drawn as a branch */
	bool quiet_short;  /* -q cuts ids too */
};

static const char *
task_label(struct listing *l, const json_t *task)
{
	struct arena *a = &l->cli->arena;
	const char *service =
		names_service(&l->names, tree_str(task, "ServiceID"));
	int64_t slot = tree_i64(task, "Slot");

	if (slot != 0)
		return arena_printf(a, "%s.%lld", service, (long long)slot);
	return arena_printf(a, "%s.%s", service, tree_str(task, "NodeID"));
}

static const char *
current_state(struct listing *l, const json_t *task)
{
	struct arena *a = &l->cli->arena;
	char *ago = arena_strdup(
		a, text_ago(l->cli, tree_time(task, "Status.Timestamp")));

	for (char *c = ago; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return arena_printf(a, "%s %s",
			    text_title(a, tree_str(task, "Status.State")), ago);
}

static const char *
error_cell(struct listing *l, const json_t *task)
{
	struct arena *a = &l->cli->arena;
	const char *why = tree_str(task, "Status.Err");

	if (*why == '\0')
		return "";
	if (l->trunc)
		why = text_ellipsis(a, why, ERROR_WIDTH);
	return arena_printf(a, "\"%s\"", why);
}

static const char *
ports_cell(struct listing *l, const json_t *task)
{
	const json_t *ports = tree_get(task, "Status.PortStatus.Ports");
	const char *out = "";

	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *p = json_array_get(ports, i);

		out = arena_printf(&l->cli->arena, "%s%s*:%lld->%lld/%s", out,
				   *out ? "," : "",
				   (long long)tree_i64(p, "PublishedPort"),
				   (long long)tree_i64(p, "TargetPort"),
				   str_or(tree_str(p, "Protocol"), "tcp"));
	}
	return out;
}

static void
add_task(struct listing *l, const struct row *r, bool history, struct table *t)
{
	struct arena *a = &l->cli->arena;
	const char **cell = table_row(t);
	const char *image = tree_str(r->task, "Spec.ContainerSpec.Image");
	const char *node = tree_str(r->task, "NodeID");

	cell[1] = tree_str(r->task, "ID");
	cell[0] = l->quiet_short && l->trunc ? short_id(a, cell[1]) : cell[1];
	cell[1] = l->trunc ? short_id(a, cell[1]) : cell[1];
	cell[2] = history && l->table ? arena_printf(a, " \\_ %s", r->name)
				      : r->name;
	cell[3] = l->trunc ? text_image(a, image) : image;
	cell[4] = *node ? names_node(&l->names, node) : "";
	cell[5] = text_title(a, tree_str(r->task, "DesiredState"));
	cell[6] = current_state(l, r->task);
	cell[7] = error_cell(l, r->task);
	cell[8] = ports_cell(l, r->task);
}

/* ---- the table
 * ---------------------------------------------------------------- */

/* By name, in one slot the newest first; ids break ties. */
static int
cmp_rows(const void *x, const void *y)
{
	const struct row *a = x, *b = y;
	int d = str_cmp_natural(a->name, b->name);

	if (d != 0)
		return d;
	if (a->created_at != b->created_at)
		return a->created_at < b->created_at ? 1 : -1;
	return strcmp(tree_str(a->task, "ID"), tree_str(b->task, "ID"));
}

static struct row *
sorted_rows(struct listing *l, const json_t *tasks, size_t *ret_count)
{
	size_t n = json_array_size(tasks);
	struct row *rows = mem_new_array(n + 1, sizeof(*rows));

	for (size_t i = 0; i < n; i++) {
		rows[i].task = json_array_get(tasks, i);
		rows[i].name = task_label(l, rows[i].task);
		rows[i].created_at = tree_time(rows[i].task, "CreatedAt");
	}
	qsort(rows, n, sizeof(*rows), cmp_rows);
	*ret_count = n;
	return rows;
}

static int
print_tasks(struct listing *l, const json_t *tasks, const char *format,
	    bool quiet)
{
	struct table t;
	size_t count;
	struct row *rows = sorted_rows(l, tasks, &count);
	int rc;

	table_init(&t, l->cli, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < count; i++)
		add_task(l, &rows[i],
			 i > 0 && str_eq(rows[i].name, rows[i - 1].name), &t);
	rc = table_print(&t, format, quiet);
	table_fini(&t);
	mem_free(rows);
	return rc;
}

int
tasks_print(struct cli *cli, const struct parsed *p, const char *filters)
{
	const char *format = flag_str(p, "format");
	struct listing l = { .cli = cli,
			     .trunc = !flag_bool(p, "no-trunc"),
			     .quiet_short = str_eq(p->command->path, "node ps"),
			     .table = *format == '\0' ||
				      str_starts(format, "table") };
	json_t *tasks = NULL;
	struct err e = { 0 };
	int rc = cli_get(cli, cli_path(cli, "/tasks", "filters", filters, NULL),
			 &tasks, &e);

	if (rc == 0 && !flag_bool(p, "no-resolve"))
		rc = names_read(cli, &l.names, &e);
	if (rc == 0)
		rc = print_tasks(&l, tasks, format, flag_bool(p, "quiet"));
	else
		rc = cli_fail_err(cli, &e);
	json_decref(tasks);
	names_fini(&l.names);
	return rc;
}

const struct strings *
filters_with(struct cli *cli, const struct strings *rows, const char *key,
	     const struct strings *values)
{
	struct arena *a = &cli->arena;
	struct strings *out = arena_alloc(a, sizeof(*out));

	out->v = arena_array(a, (size_t)rows->count + values->count,
			     sizeof(*out->v));
	for (uint32_t i = 0; i < rows->count; i++)
		out->v[out->count++] = rows->v[i];
	for (uint32_t i = 0; i < values->count; i++)
		out->v[out->count++] =
			arena_printf(a, "%s=%s", key, values->v[i]);
	return out;
}
