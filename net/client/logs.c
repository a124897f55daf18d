/*
 * logs.c - swarm service logs: frames as they come, each line behind the
 * task that wrote it. What a program logs is passed on as it is, as Docker
 * does: colours are its own business. Names around it are cleaned.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/client/command.h"
#include "net/client/format.h"
#include "net/client/task.h"
#include "net/client/tree.h"
#include "net/client/when.h"

#define FRAME_HEAD 8
#define FRAME_MAX 16777216 /* bytes of one frame */
#define TASKS_MAX 65536	   /* whose names are remembered */
#define DETAILS_MAX 256	   /* k=v pairs of a line */

enum frame_stream { FRAME_STDOUT = 1, FRAME_STDERR = 2, FRAME_ERROR = 3 };

/* What stands before the lines of one task. */
struct speaker {
	const char *task_id, *node_id, *prefix;
};

struct logs {
	struct cli *cli;
	struct names names;
	bool raw, tty, timestamps, details, no_trunc, no_task_ids;
	unsigned slot_width;
	struct buf in; /* bytes that are no whole frame yet */
	struct speaker *speakers;
	size_t speaker_count, speaker_cap;
	struct err *e;
	int rc;
};

/* ---- who
 * ---------------------------------------------------------------------- */

static const char *
name_of(struct logs *l, const char *service_id, const char *task_id)
{
	struct arena *a = &l->cli->arena;
	const char *name = names_service(&l->names, service_id);
	json_t *task = NULL;
	struct err e;
	int64_t slot = 0;

	/* A task that is gone by now still has its lines: slot 0 then. */
	if (cli_get(l->cli,
		    arena_printf(a, "/tasks/%s", cli_escape(l->cli, task_id)),
		    &task, &e) == 0)
		slot = tree_i64(task, "Slot");
	json_decref(task);
	return arena_printf(a, "%s.%lld", name, (long long)slot);
}

static unsigned
digits_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL ? (unsigned)strlen(dot + 1) : 0;
}

static const char *
make_prefix(struct logs *l, const char *service_id, const char *task_id,
	    const char *node_id)
{
	struct arena *a = &l->cli->arena;
	const char *name = name_of(l, service_id, task_id);
	unsigned width = digits_of(name);
	unsigned pad = l->slot_width > width ? l->slot_width - width : 0;

	if (!l->no_task_ids)
		name = arena_printf(a, "%s.%s", name,
				    l->no_trunc ? task_id
						: short_id(a, task_id));
	return cli_clean(a, arena_printf(a, "%s@%s%*s    | ", name,
					 names_node(&l->names, node_id),
					 (int)pad, ""));
}

static const char *
prefix_of(struct logs *l, const char *service_id, const char *task_id,
	  const char *node_id)
{
	struct arena *a = &l->cli->arena;
	struct speaker *s;

	for (size_t i = 0; i < l->speaker_count; i++)
		if (str_eq(l->speakers[i].task_id, task_id) &&
		    str_eq(l->speakers[i].node_id, node_id))
			return l->speakers[i].prefix;
	if (l->speaker_count == TASKS_MAX)
		return "";
	l->speakers = mem_grow(l->speakers, l->speaker_count, &l->speaker_cap,
			       sizeof(*l->speakers));
	s = &l->speakers[l->speaker_count++];
	s->task_id = arena_strdup(a, task_id);
	s->node_id = arena_strdup(a, node_id);
	s->prefix = make_prefix(l, service_id, s->task_id, s->node_id);
	return s->prefix;
}

/* ---- details: "k=v,k=v", both query-escaped
 * --------------------------------------- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; '+' is a blank. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		if (s[0] == '%' && hex_digit(s[1]) >= 0 &&
		    hex_digit(s[2]) >= 0) {
			*to++ = (char)(hex_digit(s[1]) * 16 + hex_digit(s[2]));
			s += 2;
			continue;
		}
		*to++ = *s == '+' ? ' ' : *s;
	}
	*to = '\0';
}

struct details {
	const char *node_id, *service_id, *task_id;
	struct buf others; /* "k=v,k=v": as they came, so sorted */
};

/* text is cut up. */
static void
parse_details(char *text, struct details *ret)
{
	char *next;

	*ret = (struct details){ .node_id = "",
				 .service_id = "",
				 .task_id = "" };
	for (int i = 0; text != NULL && *text && i < DETAILS_MAX;
	     i++, text = next) {
		char *value;

		next = strchr(text, ',');
		if (next != NULL)
			*next++ = '\0';
		value = strchr(text, '=');
		if (value == NULL)
			continue;
		*value++ = '\0';
		unescape(text);
		unescape(value);
		if (str_eq(text, "com.docker.swarm.node.id"))
			ret->node_id = value;
		else if (str_eq(text, "com.docker.swarm.service.id"))
			ret->service_id = value;
		else if (str_eq(text, "com.docker.swarm.task.id"))
			ret->task_id = value;
		else
			buf_printf(&ret->others, "%s%s=%s",
				   ret->others.len ? "," : "", text, value);
	}
}

/* ---- lines
 * ------------------------------------------------------------------------- */

/* Cut the word in front of the next blank off; NULL: there is no blank. */
static char *
take_word(char **s)
{
	char *word = *s, *blank = strchr(word, ' ');

	if (blank == NULL)
		return NULL;
	*blank = '\0';
	*s = blank + 1;
	return word;
}

static int
put_line(struct logs *l, FILE *to, const char *payload, size_t len)
{
	char *text = mem_new(len + 1), *message = text, *details;
	const char *time = "";
	struct details d;

	memcpy(text, payload, len);
	if (l->timestamps)
		time = take_word(&message);
	details = time != NULL ? take_word(&message) : NULL;
	if (details == NULL) {
		mem_free(text);
		return err_set(l->e, -EPROTO, "invalid context in log message");
	}
	parse_details(details, &d);
	if (l->timestamps) {
		cli_put(to, time);
		fputc(' ', to);
	}
	fputs(prefix_of(l, d.service_id, d.task_id, d.node_id), to);
	if (l->details) {
		cli_put(to, buf_cstr(&d.others));
		fputc(' ', to);
	}
	/* The message may have NULs in it: by length, not as a string. */
	fwrite(message, 1, len - (size_t)(message - text), to);
	buf_fini(&d.others);
	mem_free(text);
	return 0;
}

static int
put_frame(struct logs *l, unsigned stream, const char *payload, size_t len)
{
	FILE *to = stream == FRAME_STDERR ? l->cli->err : l->cli->out;

	if (stream == FRAME_ERROR)
		return err_set(l->e, -EPROTO, "Error grabbing logs: %.*s",
			       (int)min_u64(len, 300), payload);
	if (l->raw) {
		fwrite(payload, 1, len, to);
		return 0;
	}
	return put_line(l, to, payload, len);
}

static uint32_t
frame_len(const char *head)
{
	const uint8_t *p = (const uint8_t *)head + 4;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* All whole frames that are in. */
static int
take_frames(struct logs *l)
{
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && l->in.len - at >= FRAME_HEAD) {
		const char *head = l->in.p + at;
		uint32_t len = frame_len(head);

		if ((uint8_t)head[0] > FRAME_ERROR || len > FRAME_MAX)
			return err_set(l->e, -EPROTO,
				       "The daemon's log stream is garbled: "
				       "a frame of stream %u with %u bytes.",
				       (unsigned)(uint8_t)head[0],
				       (unsigned)len);
		if (l->in.len - at - FRAME_HEAD < len)
			break;
		rc = put_frame(l, (uint8_t)head[0], head + FRAME_HEAD, len);
		at += FRAME_HEAD + len;
	}
	buf_drop(&l->in, at);
	return rc;
}

static bool
on_piece(void *ctx, const void *p, size_t len)
{
	struct logs *l = ctx;

	if (l->tty) { /* no frames: the terminal's bytes */
		fwrite(p, 1, len, l->cli->out);
	} else {
		buf_put(&l->in, p, len);
		l->rc = take_frames(l);
	}
	fflush(l->cli->out);
	return l->rc == 0;
}

/* ---- the command
 * --------------------------------------------------------------------- */

static unsigned
width_of(int64_t n)
{
	unsigned width = 1;

	for (; n >= 10; n /= 10)
		width++;
	return width;
}

/* Which it is, a service or a task; what they have in common. */
static int
find_target(struct logs *l, const char *ref, const char **ret_path)
{
	struct cli *cli = l->cli;
	const char *id = cli_escape(cli, ref);
	json_t *tree = NULL;
	const char *path = arena_printf(&cli->arena, "/services/%s", id);
	int rc = cli_get(cli, path, &tree, l->e);

	if (rc == 0) {
		l->tty = tree_bool(tree, "Spec.TaskTemplate.ContainerSpec.TTY");
		l->slot_width = width_of(
			tree_i64(tree, "Spec.Mode.Replicated.Replicas"));
	} else if (rc == -ENOENT) {
		path = arena_printf(&cli->arena, "/tasks/%s", id);
		rc = cli_get(cli, path, &tree, l->e);
		if (rc == -ENOENT)
			return err_set(l->e, rc, "no such task or service: %s",
				       ref);
		l->tty = tree_bool(tree, "Spec.ContainerSpec.TTY");
		l->slot_width = width_of(tree_i64(tree, "Slot"));
	}
	json_decref(tree);
	if (rc == 0 && l->tty && !l->raw)
		return err_set(l->e, -EINVAL,
			       "tty service logs only supported with --raw");
	*ret_path = arena_printf(&cli->arena, "%s/logs", path);
	return rc;
}

static int
stream(struct logs *l, const struct parsed *p, const char *path)
{
	struct buf body = { 0 };
	const char *since = NULL;
	struct http_exchange x = { .method = "GET",
				   .piece = on_piece,
				   .ctx = l };
	bool details = l->details || !l->raw;
	int rc =
		when_param(l->cli, "since", flag_str(p, "since"), &since, l->e);

	if (rc != 0)
		return rc;
	x.path = cli_path(l->cli, path, "stdout", "1", "stderr", "1", "since",
			  since, "timestamps", l->timestamps ? "1" : NULL,
			  "follow", flag_bool(p, "follow") ? "1" : NULL, "tail",
			  flag_str(p, "tail"), "details", details ? "1" : NULL,
			  NULL);
	rc = cli_exchange(l->cli, &x, &body, l->e);
	buf_fini(&body);
	return l->rc != 0 ? l->rc : rc;
}

int
cmd_service_logs(struct cli *cli, const struct parsed *p)
{
	struct err e = { 0 };
	struct logs l = { .cli = cli,
			  .raw = flag_bool(p, "raw"),
			  .timestamps = flag_bool(p, "timestamps"),
			  .details = flag_bool(p, "details"),
			  .no_trunc = flag_bool(p, "no-trunc"),
			  .no_task_ids = flag_bool(p, "no-task-ids"),
			  .e = &e };
	const char *path = NULL;
	int rc = find_target(&l, p->args.v[0], &path);

	if (rc == 0 && !l.raw && !flag_bool(p, "no-resolve"))
		rc = names_read(cli, &l.names, &e);
	if (rc == 0)
		rc = stream(&l, p, path);
	names_fini(&l.names);
	mem_free(l.speakers);
	buf_fini(&l.in);
	return rc == 0 ? CLI_OK : cli_fail_err(cli, &e);
}
