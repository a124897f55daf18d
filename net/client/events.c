/* events.c - swarm events: one line for each thing that happens. */
#include <errno.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/model/template.h"
#include "net/client/command.h"
#include "net/client/format.h"
#include "net/client/lines.h"
#include "net/client/tree.h"
#include "net/client/when.h"

struct events {
	struct cli *cli;
	struct template *tmpl; /* NULL: Docker's line */
	struct lines lines;
	int rc;
	struct err e;
};

/* Sorted, as Docker prints them: the daemon's order is not to be relied on. */
static void
put_attributes(FILE *out, const json_t *attributes)
{
	json_t *value;
	char *last = mem_strdup("");
	size_t n = json_object_size(attributes);
	const char *key;

	fputs(" (", out);
	for (size_t i = 0; i < n; i++) {
		const char *next = NULL;

		json_object_foreach(
			(json_t *)attributes, key,
			value) if ((i == 0 || strcmp(key, last) > 0) &&
				   (next == NULL || strcmp(key, next) < 0))
			next = key;
		if (next == NULL)
			break;
		fputs(i > 0 ? ", " : "", out);
		cli_put(out, next);
		fputc('=', out);
		cli_put(out, str_or(json_string_value(
					    json_object_get(attributes, next)),
				    ""));
		mem_free(last);
		last = mem_strdup(next);
	}
	fputc(')', out);
	mem_free(last);
}

/* 2026-11-21T01:02:03.000000004Z service create ID (name=web) */
static void
put_event(FILE *out, const json_t *event)
{
	const json_t *attributes = tree_get(event, "Actor.Attributes");
	int64_t ns = tree_i64(event, "timeNano");
	char when[TIME_TEXT_MAX];

	if (ns == 0 && tree_i64(event, "time") < INT64_MAX / NS_PER_S)
		ns = tree_i64(event, "time") * NS_PER_S;
	time_format_fixed(ns, when);
	fprintf(out, "%s ", when);
	cli_put(out, tree_str(event, "Type"));
	fputc(' ', out);
	cli_put(out, tree_str(event, "Action"));
	fputc(' ', out);
	cli_put(out, tree_str(event, "Actor.ID"));
	if (json_object_size(attributes) > 0)
		put_attributes(out, attributes);
	fputc('\n', out);
}

static int
on_object(void *ctx, json_t *event, struct err *e)
{
	struct events *ev = ctx;
	struct buf text = { 0 };
	int rc = 0;

	if (ev->tmpl == NULL) {
		put_event(ev->cli->out, event);
	} else {
		rc = template_run(ev->tmpl, event, TEMPLATE_NO_VALUE, &text, e);
		buf_putc(&text, '\n');
		if (rc == 0)
			cli_put(ev->cli->out, buf_cstr(&text));
	}
	buf_fini(&text);
	fflush(ev->cli->out);
	return rc;
}

static bool
on_piece(void *ctx, const void *p, size_t len)
{
	struct events *ev = ctx;

	ev->rc = lines_add(&ev->lines, p, len, &ev->e);
	return ev->rc == 0;
}

static int
stream(struct events *ev, const struct parsed *p)
{
	struct http_exchange x = { .method = "GET",
				   .piece = on_piece,
				   .ctx = ev };
	const char *since = NULL, *until = NULL, *filters = NULL;
	struct buf body = { 0 };
	int rc = when_param(ev->cli, "since", flag_str(p, "since"), &since,
			    &ev->e);

	if (rc == 0)
		rc = when_param(ev->cli, "until", flag_str(p, "until"), &until,
				&ev->e);
	if (rc == 0)
		rc = cli_filters(ev->cli, flag_list(p, "filter"), &filters,
				 &ev->e);
	if (rc != 0)
		return rc;
	x.path = cli_path(ev->cli, "/events", "since", since, "until", until,
			  "filters", filters, NULL);
	ev->lines.object = on_object;
	ev->lines.ctx = ev;
	rc = cli_exchange(ev->cli, &x, &body, &ev->e);
	buf_fini(&body);
	if (rc == 0 && ev->rc == 0)
		rc = lines_end(&ev->lines, &ev->e);
	return ev->rc != 0 ? ev->rc : rc;
}

int
cmd_events(struct cli *cli, const struct parsed *p)
{
	struct events ev = { .cli = cli };
	const char *format = flag_str(p, "format");
	int rc;

	if (*format != '\0' && format_compile(format, &ev.tmpl, &ev.e) != 0) {
		(void)cli_fail_err(cli, &ev.e);
		return CLI_TEMPLATE;
	}
	rc = stream(&ev, p);
	template_free(ev.tmpl);
	lines_fini(&ev.lines);
	return rc == 0 ? CLI_OK : cli_fail_err(cli, &ev.e);
}
