/* image_load.c - swarm image load: an archive goes up, progress comes back. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/base/time_text.h"
#include "net/client/command.h"
#include "net/client/lines.h"
#include "net/client/tarstream.h"
#include "net/client/tree.h"

#define BAR_WIDTH 30
#define ID_SHOWN 12
#define ERASE_LINE "\r\x1b[K"

struct load {
	struct cli *cli;
	int fd; /* -1: dir instead */
	struct tarstream *dir;
	struct lines lines;
	bool bars;	 /* progress is drawn */
	bool bar_open;	 /* the last line is a bar, to be drawn over */
	bool upload_err; /* e says why reading failed */
	int rc;
	struct err e;
};

static ssize_t
on_upload(void *ctx, void *p, size_t cap)
{
	struct load *l = ctx;
	ssize_t n;

	if (l->dir != NULL) {
		n = tarstream_read(l->dir, p, cap, &l->e);
	} else {
		n = read(l->fd, p, cap);
		if (n < 0)
			n = err_set(&l->e, -errno, "read the archive: %s",
				    strerror(errno));
	}
	if (n < 0)
		l->upload_err = true;
	return n;
}

/* ---- progress
 * ------------------------------------------------------------------- */

static void
close_bar(struct load *l)
{
	if (l->bar_open)
		fputs(ERASE_LINE, l->cli->out);
	l->bar_open = false;
}

/* "0123456789ab: Loading layer [====>    ]  12.5MB/30.1MB" */
static void
draw_bar(struct load *l, const json_t *object)
{
	int64_t current = tree_i64(object, "progressDetail.current");
	int64_t total = tree_i64(object, "progressDetail.total");
	char done[TIME_TEXT_MAX], all[TIME_TEXT_MAX];
	int filled = 0;

	close_bar(l);
	if (current < 0 || total < 0)
		return;
	if (total > 0)
		filled = (int)((double)min_u64((uint64_t)current,
					       (uint64_t)total) *
			       BAR_WIDTH / (double)total);
	size_human((uint64_t)current, done);
	size_human((uint64_t)total, all);
	fputc('\r', l->cli->out);
	cli_put(l->cli->out, tree_str(object, "id"));
	fputs(": ", l->cli->out);
	cli_put(l->cli->out, tree_str(object, "status"));
	fputs(" [", l->cli->out);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < filled ? '=' : i == filled ? '>' : ' ', l->cli->out);
	fprintf(l->cli->out, "] %s/%s", done, all);
	l->bar_open = true;
}

/* One object of the answer (facts 12.2, JSON progress). */
static int
on_object(void *ctx, json_t *object, struct err *e)
{
	struct load *l = ctx;
	const char *text = tree_str(object, "stream");
	const char *why = tree_str(object, "errorDetail.message");

	why = str_or(why, tree_str(object, "error"));
	if (*why != '\0') {
		close_bar(l);
		return err_set(e, -EPROTO, "%s", why);
	}
	if (*text != '\0') {
		close_bar(l);
		cli_put(l->cli->out, text);
	} else if (l->bars && tree_get(object, "progressDetail.total")) {
		draw_bar(l, object);
	}
	fflush(l->cli->out);
	return 0;
}

static bool
on_piece(void *ctx, const void *p, size_t len)
{
	struct load *l = ctx;

	l->rc = lines_add(&l->lines, p, len, &l->e);
	return l->rc == 0;
}

/* ---- the command
 * ------------------------------------------------------------------ */

static int
open_input(struct load *l, const char *path)
{
	struct stat st;

	if (*path == '\0') {
		if (l->cli->in_tty)
			return err_set(&l->e, -EINVAL,
				       "requested load from stdin, but stdin "
				       "is empty");
		l->fd = l->cli->in_fd;
		return 0;
	}
	if (stat(path, &st) != 0)
		return err_set(&l->e, -errno, "open %s: %s", path,
			       strerror(errno));
	if (S_ISDIR(st.st_mode))
		return tarstream_open(path, &l->dir, &l->e);
	l->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (l->fd < 0)
		return err_set(&l->e, -errno, "open %s: %s", path,
			       strerror(errno));
	return 0;
}

/*
 * What an image is called that has only a tag in its archive: nginx for
 * /tmp/nginx.tar.gz, box for the directory box/. NULL for standard input.
 */
static const char *
archive_name(struct load *l, const char *path)
{
	static const char *const endings[] = { ".gz",  ".zst",	".xz", ".bz2",
					       ".tgz", ".tzst", ".tar" };
	char whole[PATH_MAX], *base;

	if (*path == '\0' || realpath(path, whole) == NULL)
		return NULL;
	base = strrchr(whole, '/') + 1;
	if (l->dir != NULL)
		return arena_strdup(&l->cli->arena, base);
	for (size_t i = 0; i < ARRAY_LEN(endings); i++)
		if (str_ends(base, endings[i]))
			base[strlen(base) - strlen(endings[i])] = '\0';
	return arena_strdup(&l->cli->arena, base);
}

static int
run_load(struct load *l, const char *path, bool quiet)
{
	struct http_exchange x = {
		.method = "POST",
		.content_type = "application/x-tar",
		.upload = on_upload,
		.piece = on_piece,
		.ctx = l,
	};
	struct buf body = { 0 };
	struct err e = { 0 };
	int rc;

	x.path = cli_path(l->cli, "/images/load", "quiet", quiet ? "1" : "0",
			  "name", archive_name(l, path), NULL);
	rc = cli_exchange(l->cli, &x, &body, &e);
	buf_fini(&body);
	if (l->rc != 0) /* e says it best already */
		return l->rc;
	if (l->upload_err)
		return err_wrap(&l->e, -EIO, "%s", *path ? path : "stdin");
	if (rc == 0)
		rc = lines_end(&l->lines, &e);
	close_bar(l);
	if (rc != 0)
		l->e = e;
	return rc;
}

int
cmd_image_load(struct cli *cli, const struct parsed *p)
{
	struct load l = { .cli = cli, .fd = -1 };
	bool quiet = flag_bool(p, "quiet") || !cli->out_tty;
	int rc = open_input(&l, flag_str(p, "input"));

	l.lines.object = on_object;
	l.lines.ctx = &l;
	l.bars = !quiet;
	if (rc == 0)
		rc = run_load(&l, flag_str(p, "input"), quiet);
	if (l.fd >= 0 && l.fd != cli->in_fd)
		close(l.fd);
	tarstream_close(l.dir);
	lines_fini(&l.lines);
	return rc == 0 ? CLI_OK : cli_fail_err(cli, &l.e);
}
