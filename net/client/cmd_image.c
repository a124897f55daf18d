/* cmd_image.c - swarm image ls, inspect, rm, prune. load: image_load.c. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "net/client/command.h"
#include "net/client/format.h"
#include "net/client/tree.h"

#define NONE "<none>"

/* Rows of --digests have the DIGEST too; the others have it for templates. */
#define IMAGE_COLUMNS(digest_marks)                                            \
	{                                                                      \
		{ "ID", "IMAGE ID", NULL, COLUMN_EXTRA },                      \
			{ "Repository", "REPOSITORY", NULL, 0 },               \
			{ "Tag", "TAG", NULL, 0 },                             \
			{ "Digest", "DIGEST", NULL, digest_marks },            \
			{ "", "IMAGE ID", NULL, COLUMN_SHOWN },                \
			{ "CreatedSince", "CREATED", NULL, 0 },                \
			{ "Size", "SIZE", NULL, 0 },                           \
			{ "CreatedAt", "CREATED AT", NULL, COLUMN_EXTRA },     \
			{ "Containers", "CONTAINERS", NULL, COLUMN_EXTRA },    \
			{ "SharedSize", "SHARED SIZE", NULL, COLUMN_EXTRA },   \
			{ "UniqueSize", "UNIQUE SIZE", NULL, COLUMN_EXTRA },   \
			{ "VirtualSize", "SIZE", NULL, COLUMN_EXTRA },         \
	}
static const struct column plain_columns[] = IMAGE_COLUMNS(COLUMN_EXTRA);
static const struct column digest_columns[] = IMAGE_COLUMNS(0);

/* Decimal units, three digits: "7.66MB". */
static const char *
image_size(struct arena *a, int64_t bytes)
{
	static const char *const units[] = { "B",  "kB", "MB", "GB",
					     "TB", "PB", "EB" };
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 1000 && i + 1 < ARRAY_LEN(units)) {
		v /= 1000;
		i++;
	}
	return arena_printf(a, "%.3g%s", v, units[i]);
}

struct listing {
	struct table *table;
	bool no_trunc;
};

static void
add_row(struct listing *l, const json_t *image, const char *repository,
	const char *tag, const char *digest)
{
	struct cli *cli = l->table->cli;
	struct arena *a = &cli->arena;
	const char **cell = table_row(l->table);
	const char *id = tree_str(image, "Id");
	int64_t created = tree_i64(image, "Created");
	char at[TIME_TEXT_MAX];

	cell[0] = cell[4] = l->no_trunc ? id : short_id(a, id);
	cell[1] = repository;
	cell[2] = tag;
	cell[3] = digest;
	cell[5] = created > 0 && created < INT64_MAX / NS_PER_S
			  ? text_ago(cli, created * NS_PER_S)
			  : "N/A";
	cell[6] = image_size(a, tree_i64(image, "Size"));
	size_human((uint64_t)tree_i64(image, "Size"), at);
	cell[11] = arena_strdup(a, at);
	cell[8] = cell[9] = cell[10] = "N/A";
	if (created <= 0 || created >= INT64_MAX / NS_PER_S)
		return;
	time_format(created * NS_PER_S, at);
	cell[7] = arena_printf(a, "%.10s %.8s +0000 UTC", at, at + 11);
}

/* "host:5000/app:tag" is cut at the last colon, if no slash follows. */
static const char *
tag_of(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon != NULL && strchr(colon, '/') == NULL ? colon : NULL;
}

/* The digest that goes with a repository, or <none>. */
static const char *
digest_of(const json_t *image, const char *repository)
{
	const json_t *list = tree_get(image, "RepoDigests");
	size_t len = strlen(repository);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *d =
			str_or(json_string_value(json_array_get(list, i)), "");

		if (strncmp(d, repository, len) == 0 && d[len] == '@')
			return d + len + 1;
	}
	return NONE;
}

static void
add_image(struct listing *l, const json_t *image)
{
	struct arena *a = &l->table->cli->arena;
	const json_t *tags = tree_get(image, "RepoTags");
	const json_t *digests = tree_get(image, "RepoDigests");
	size_t rows = 0;

	for (size_t i = 0; i < json_array_size(tags); i++) {
		const char *name =
			str_or(json_string_value(json_array_get(tags, i)), "");
		const char *tag = tag_of(name), *repository;

		if (tag == NULL)
			continue;
		repository = arena_strndup(a, name, (size_t)(tag - name));
		add_row(l, image, repository, tag + 1,
			digest_of(image, repository));
		rows++;
	}
	for (size_t i = 0; rows == 0 && i < json_array_size(digests); i++) {
		const char *name = str_or(
			json_string_value(json_array_get(digests, i)), "");
		const char *at = strchr(name, '@');

		if (at == NULL)
			continue;
		add_row(l, image, arena_strndup(a, name, (size_t)(at - name)),
			NONE, at + 1);
		rows++;
	}
	if (rows == 0)
		add_row(l, image, NONE, NONE, NONE);
}

/* The filters parameter, with REPOSITORY[:TAG] as one more. */
static int
image_filters(struct cli *cli, const struct parsed *p, const char **ret,
	      struct err *e)
{
	const struct strings *rows = flag_list(p, "filter");
	struct strings all = { 0 };

	all.v = arena_array(&cli->arena, rows->count + 1u, sizeof(*all.v));
	for (uint32_t i = 0; i < rows->count; i++)
		all.v[all.count++] = rows->v[i];
	if (p->args.count > 0)
		all.v[all.count++] =
			arena_printf(&cli->arena, "reference=%s", p->args.v[0]);
	return cli_filters(cli, &all, ret, e);
}

int
cmd_image_ls(struct cli *cli, const struct parsed *p)
{
	bool digests = flag_bool(p, "digests");
	struct table t;
	struct listing l = { &t, flag_bool(p, "no-trunc") };
	json_t *images = NULL;
	const char *filters = NULL;
	struct err e = { 0 };
	int rc = image_filters(cli, p, &filters, &e);

	if (rc == 0)
		rc = cli_get(cli,
			     cli_path(cli, "/images/json", "all",
				      flag_bool(p, "all") ? "1" : NULL,
				      "filters", filters, NULL),
			     &images, &e);
	if (rc != 0)
		return cli_fail_err(cli, &e);
	table_init(&t, cli, digests ? digest_columns : plain_columns,
		   ARRAY_LEN(plain_columns));
	for (size_t i = 0; i < json_array_size(images); i++)
		add_image(&l, json_array_get(images, i));
	rc = table_print(&t, flag_str(p, "format"), flag_bool(p, "quiet"));
	table_fini(&t);
	json_decref(images);
	return rc;
}

/* ---- inspect
 * ------------------------------------------------------------------ */

static int
get_image(struct cli *cli, const char *ref, struct buf *ret, struct err *e)
{
	return cli_ask(cli, "GET",
		       arena_printf(&cli->arena, "/images/%s/json",
				    cli_escape(cli, ref)),
		       NULL, ret, e);
}

int
cmd_image_inspect(struct cli *cli, const struct parsed *p)
{
	return inspect_print(cli, &p->args, flag_str(p, "format"), NULL,
			     get_image);
}

/* ---- rm, prune
 * ------------------------------------------------------------------ */

struct words {
	const char *untagged, *deleted;
};

static void
put_deletions(struct cli *cli, const json_t *list, const struct words *words)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i);
		const char *untagged = tree_str(d, "Untagged");
		const char *deleted = tree_str(d, "Deleted");

		fputs(*deleted ? words->deleted : words->untagged, cli->out);
		cli_put(cli->out, *deleted ? deleted : untagged);
		fputc('\n', cli->out);
	}
}

static int
remove_image(struct cli *cli, const struct parsed *p, const char *ref,
	     struct err *e)
{
	static const struct words words = { "Untagged: ", "Deleted: " };
	const char *path =
		arena_printf(&cli->arena, "/images/%s", cli_escape(cli, ref));
	struct buf body = { 0 };
	int rc = cli_ask(cli, "DELETE",
			 cli_path(cli, path, "force",
				  flag_bool(p, "force") ? "1" : NULL, "noprune",
				  flag_bool(p, "no-prune") ? "1" : NULL, NULL),
			 NULL, &body, e);

	if (rc == 0 && body.len > 0) {
		json_t *list = json_loadb(body.p, body.len, 0, NULL);

		put_deletions(cli, list, &words);
		json_decref(list);
	}
	buf_fini(&body);
	return rc;
}

int
cmd_image_rm(struct cli *cli, const struct parsed *p)
{
	struct buf errors = { 0 };
	int rc = CLI_OK;

	for (uint32_t i = 0; i < p->args.count; i++) {
		struct err e = { 0 };

		if (remove_image(cli, p, p->args.v[i], &e) != 0)
			buf_printf(&errors, "%s%s", errors.len ? "\n" : "",
				   e.msg);
	}
	if (errors.len > 0)
		rc = cli_fail(cli, "%s", buf_cstr(&errors));
	buf_fini(&errors);
	return rc;
}

/* The answer is one line of stdin; only "y" goes on. */
static bool
confirmed(struct cli *cli, bool all)
{
	char answer[2] = "";
	ssize_t n;

	fprintf(cli->out,
		"WARNING! This will remove all %s.\n"
		"Are you sure you want to continue? [y/N] ",
		all ? "images without at least one container associated to "
		      "them"
		    : "dangling images");
	fflush(cli->out);
	n = read(cli->in_fd, answer, sizeof(answer));
	return n >= 1 && (answer[0] == 'y' || answer[0] == 'Y') &&
	       (n == 1 || answer[1] == '\n' || answer[1] == '\r');
}

static void
put_pruned(struct cli *cli, const json_t *report)
{
	static const struct words words = { "untagged: ", "deleted: " };
	const json_t *list = tree_get(report, "ImagesDeleted");
	int64_t bytes = tree_i64(report, "SpaceReclaimed");
	char text[TIME_TEXT_MAX];

	if (json_array_size(list) > 0) {
		fputs("Deleted Images:\n", cli->out);
		put_deletions(cli, list, &words);
		fputc('\n', cli->out);
	}
	size_human(bytes > 0 ? (uint64_t)bytes : 0, text);
	fprintf(cli->out, "Total reclaimed space: %s\n", text);
}

int
cmd_image_prune(struct cli *cli, const struct parsed *p)
{
	bool all = flag_bool(p, "all");
	const struct strings *rows = flag_list(p, "filter");
	struct strings with = { 0 };
	const char *filters = NULL;
	struct buf body = { 0 };
	struct err e = { 0 };
	int rc;

	with.v = arena_array(&cli->arena, rows->count + 1u, sizeof(*with.v));
	with.v[with.count++] = all ? "dangling=false" : "dangling=true";
	for (uint32_t i = 0; i < rows->count; i++)
		with.v[with.count++] = rows->v[i];
	rc = cli_filters(cli, &with, &filters, &e);
	if (rc == 0 && !flag_bool(p, "force") && !confirmed(cli, all))
		return CLI_OK; /* as Docker: no is not an error */
	if (rc == 0)
		rc = cli_ask(cli, "POST",
			     cli_path(cli, "/images/prune", "filters", filters,
				      NULL),
			     NULL, &body, &e);
	if (rc == 0) {
		json_t *report =
			json_loadb(body.len ? body.p : "", body.len, 0, NULL);

		put_pruned(cli, report);
		json_decref(report);
	}
	buf_fini(&body);
	return rc == 0 ? CLI_OK : cli_fail_err(cli, &e);
}
