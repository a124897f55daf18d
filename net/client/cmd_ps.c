/* cmd_ps.c - swarm ps: the containers of this host, as `docker ps`. */
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "net/client/command.h"
#include "net/client/format.h"
#include "net/client/tree.h"

#define COMMAND_WIDTH 20

static const struct column columns[] = {
	{ "ID", "CONTAINER ID", NULL, 0 },
	{ "Image", "IMAGE", NULL, 0 },
	{ "Command", "COMMAND", NULL, 0 },
	{ "RunningFor", "CREATED", NULL, 0 },
	{ "Status", "STATUS", NULL, 0 },
	{ "Ports", "PORTS", NULL, 0 },
	{ "Names", "NAMES", NULL, 0 },
	{ "CreatedAt", "CREATED AT", NULL, COLUMN_EXTRA },
	{ "Labels", "LABELS", NULL, COLUMN_EXTRA },
	{ "LocalVolumes", "LOCAL VOLUMES", NULL, COLUMN_EXTRA },
	{ "Mounts", "MOUNTS", NULL, COLUMN_EXTRA },
	{ "Networks", "NETWORKS", NULL, COLUMN_EXTRA },
	{ "Size", "SIZE", NULL, COLUMN_EXTRA },
	{ "State", "STATE", NULL, COLUMN_EXTRA },
};

/* As Go quotes: what a terminal or a reader would stumble over is escaped. */
static const char *
quoted(struct arena *a, const char *s)
{
	struct buf b = { 0 };
	const char *text;

	buf_putc(&b, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_putc(&b, '\\');
		if (*s == '\n')
			buf_puts(&b, "\\n");
		else if (*s == '\t')
			buf_puts(&b, "\\t");
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			buf_printf(&b, "\\x%02x", (unsigned char)*s);
		else
			buf_putc(&b, *s);
	}
	buf_putc(&b, '"');
	text = arena_strdup(a, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static int
cmp_ports(const void *x, const void *y)
{
	const json_t *a = *(json_t *const *)x, *b = *(json_t *const *)y;
	int64_t pa = tree_i64(a, "PrivatePort"),
		pb = tree_i64(b, "PrivatePort");
	int64_t qa = tree_i64(a, "PublicPort"), qb = tree_i64(b, "PublicPort");
	int d;

	if (pa != pb)
		return pa < pb ? -1 : 1;
	if (qa != qb)
		return qa < qb ? -1 : 1;
	d = strcmp(tree_str(a, "Type"), tree_str(b, "Type"));
	return d != 0 ? d : strcmp(tree_str(a, "IP"), tree_str(b, "IP"));
}

static void
put_port(const json_t *port, struct buf *b)
{
	const char *ip = tree_str(port, "IP");
	int64_t public_port = tree_i64(port, "PublicPort");

	if (b->len > 0)
		buf_puts(b, ", ");
	if (*ip != '\0' && public_port != 0)
		buf_printf(b, strchr(ip, ':') ? "[%s]:" : "%s:", ip);
	if (public_port != 0)
		buf_printf(b, "%lld->", (long long)public_port);
	buf_printf(b, "%lld/%s", (long long)tree_i64(port, "PrivatePort"),
		   str_or(tree_str(port, "Type"), "tcp"));
}

static const char *
ports_cell(struct arena *a, const json_t *container)
{
	struct buf b = { 0 };
	const char *text;
	size_t count;
	json_t **ports =
		tree_sorted(tree_get(container, "Ports"), &count, cmp_ports);

	for (size_t i = 0; i < count; i++)
		put_port(ports[i], &b);
	text = arena_strdup(a, buf_cstr(&b));
	buf_fini(&b);
	mem_free(ports);
	return text;
}

static const char *
names_cell(struct arena *a, const json_t *container)
{
	const json_t *list = tree_get(container, "Names");
	const char *out = "";

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name =
			str_or(json_string_value(json_array_get(list, i)), "");

		name += *name == '/';
		out = arena_printf(a, "%s%s%s", out, *out ? "," : "", name);
	}
	return out;
}

static int
cmp_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "k=v,k=v" of an object, or the keys of it alone; sorted as they are. */
static const char *
pairs(struct arena *a, const json_t *object, bool values)
{
	const char **list =
		arena_array(a, json_object_size(object) + 1, sizeof(*list));
	struct buf b = { 0 };
	const char *key, *text;
	json_t *value;
	size_t n = 0;

	json_object_foreach((json_t *)object, key, value) list[n++] =
		values ? arena_printf(a, "%s=%s", key,
				      str_or(json_string_value(value), ""))
		       : key;
	qsort(list, n, sizeof(*list), cmp_texts);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%s", i > 0 ? "," : "", list[i]);
	text = arena_strdup(a, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static const char *
mounts_cell(struct arena *a, const json_t *container, unsigned *ret_volumes)
{
	const json_t *list = tree_get(container, "Mounts");
	const char *out = "";

	*ret_volumes = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);
		const char *name =
			str_or(tree_str(m, "Name"), tree_str(m, "Source"));

		*ret_volumes += str_eq(tree_str(m, "Driver"), "local");
		out = arena_printf(a, "%s%s%s", out, *out ? "," : "", name);
	}
	return out;
}

static void
add_container(struct table *t, const json_t *c, bool trunc)
{
	struct arena *a = &t->cli->arena;
	const char **cell = table_row(t);
	const char *command = tree_str(c, "Command");
	const char *image = str_or(tree_str(c, "Image"), "<no image>");
	int64_t created = tree_i64(c, "Created");
	char at[TIME_TEXT_MAX];
	unsigned volumes;

	if (created < 0 || created >= INT64_MAX / NS_PER_S)
		created = 0;
	cell[0] = trunc ? short_id(a, tree_str(c, "Id")) : tree_str(c, "Id");
	cell[1] = trunc ? text_image(a, image) : image;
	if (trunc)
		command = text_ellipsis(a, command, COMMAND_WIDTH);
	cell[2] = quoted(a, command);
	cell[3] = text_ago(t->cli, created * NS_PER_S);
	cell[4] = tree_str(c, "Status");
	cell[5] = ports_cell(a, c);
	cell[6] = names_cell(a, c);
	time_format(created * NS_PER_S, at);
	cell[7] = arena_printf(a, "%.10s %.8s +0000 UTC", at, at + 11);
	cell[8] = pairs(a, tree_get(c, "Labels"), true);
	cell[10] = mounts_cell(a, c, &volumes);
	cell[9] = arena_printf(a, "%u", volumes);
	cell[11] = pairs(a, tree_get(c, "NetworkSettings.Networks"), false);
	cell[12] = "0B";
	cell[13] = tree_str(c, "State");
}

int
cmd_ps(struct cli *cli, const struct parsed *p)
{
	int64_t last = flag_i64(p, "last");
	const char *filters = NULL, *limit = NULL;
	json_t *list = NULL;
	struct err e = { 0 };
	struct table t;
	int rc = cli_filters(cli, flag_list(p, "filter"), &filters, &e);

	if (flag_bool(p, "latest") && last == -1)
		last = 1;
	if (last > 0)
		limit = arena_printf(&cli->arena, "%lld", (long long)last);
	if (rc == 0)
		rc = cli_get(cli,
			     cli_path(cli, "/containers/json", "all",
				      flag_bool(p, "all") ? "1" : NULL, "limit",
				      limit, "filters", filters, NULL),
			     &list, &e);
	if (rc != 0)
		return cli_fail_err(cli, &e);
	table_init(&t, cli, columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < json_array_size(list); i++)
		add_container(&t, json_array_get(list, i),
			      !flag_bool(p, "no-trunc"));
	rc = table_print(&t, flag_str(p, "format"), flag_bool(p, "quiet"));
	table_fini(&t);
	json_decref(list);
	return rc;
}
