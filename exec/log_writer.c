/*
 * log_writer.c - the writing half of logs.h: lives in a shim, so it is small
 * and never more than two partial lines are in memory. What was written to
 * the file survives the shim, not the machine: logs are not synced.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "exec/image/own.h"
#include "exec/log_line.h"
#include "exec/logs.h"

#define LOG_FILES_MAX 1000
#define PIECE 16384

struct partial {
	struct buf text;
	int64_t time_ns; /* of its last bytes */
};

struct log_writer {
	char *path;
	struct log_limits limits;
	int fd;
	uint64_t size;
	struct partial parts[2]; /* stdout, stderr */
	struct buf out;
};

/* ---- options ------------------------------------------------------------ */

static int
read_max_file(const char *value, struct log_limits *ret, struct err *e)
{
	uint64_t v;

	if (!str_to_u64(value, &v) || v > LOG_FILES_MAX)
		return err_set(e, -EINVAL,
			       "log option max-file=%s is not a number from 1 "
			       "to %d",
			       value, LOG_FILES_MAX);
	if (v < 1)
		return err_set(e, -EINVAL, "max-file cannot be less than 1");
	ret->max_file = (uint32_t)v;
	return 0;
}

static int
read_max_size(const char *value, struct log_limits *ret, struct err *e)
{
	int64_t v;

	if (str_eq(value, "-1")) { /* Docker's word for no rotation */
		ret->max_size_bytes = 0;
		return 0;
	}
	if (!size_parse(value, &v) || v <= 0)
		return err_set(e, -EINVAL,
			       "log option max-size=%s is not a positive size "
			       "such as 10m",
			       value);
	ret->max_size_bytes = (uint64_t)v;
	return 0;
}

static int
read_compress(const char *value, struct log_limits *ret, struct err *e)
{
	bool yes = str_eq(value, "true") || str_eq(value, "1");

	if (!yes && !str_eq(value, "false") && !str_eq(value, "0"))
		return err_set(e, -EINVAL,
			       "log option compress=%s is neither true nor "
			       "false",
			       value);
	ret->compress = yes;
	return 0;
}

static int
read_option(const struct kv *o, struct log_limits *ret, struct err *e)
{
	/* Taken by Docker, too; they add to lines what nobody here reads. */
	static const char *const accepted[] = {
		"labels", "labels-regex",   "env", "env-regex", "tag",
		"mode",	  "max-buffer-size"
	};

	if (str_eq(o->key, "max-file"))
		return read_max_file(str_or(o->value, ""), ret, e);
	if (str_eq(o->key, "max-size"))
		return read_max_size(str_or(o->value, ""), ret, e);
	if (str_eq(o->key, "compress"))
		return read_compress(str_or(o->value, ""), ret, e);
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
		if (str_eq(o->key, accepted[i]))
			return 0;
	return err_set(e, -EINVAL,
		       "unknown log opt '%s' for json-file log driver", o->key);
}

int
log_limits_read(const struct kvs *options, struct log_limits *ret,
		struct err *e)
{
	struct log_limits limits = { .max_file = 1 };

	for (uint32_t i = 0; i < options->count; i++) {
		int r = read_option(&options->v[i], &limits, e);

		if (r < 0)
			return r;
	}
	if (limits.compress &&
	    (limits.max_file < 2 || limits.max_size_bytes == 0))
		return err_set(e, -EINVAL,
			       "compress cannot be true when max-file is less "
			       "than 2 or max-size is not set");
	*ret = limits;
	return 0;
}

/* ---- rotation ----------------------------------------------------------- */

static bool
rotated_name(const char *path, uint32_t number, const char *suffix,
	     char ret[PATH_MAX])
{
	int len = snprintf(ret, PATH_MAX, "%s.%u%s", path, number, suffix);

	return len > 0 && len < PATH_MAX;
}

static int
compress_into(int from, const char *to)
{
	char piece[PIECE];
	gzFile z = gzopen(to, "wbe6");
	ssize_t n;

	if (z == NULL)
		return -1;
	while ((n = read(from, piece, sizeof(piece))) > 0)
		if (gzwrite(z, piece, (unsigned)n) != (int)n)
			break;
	if (gzclose(z) != Z_OK || n != 0)
		return -1;
	return 0;
}

/* A log that cannot be compressed stays as it is: longer, but there. */
static void
compress_file(const char *path)
{
	char to[PATH_MAX + 4];
	own_fd int from = open(path, O_RDONLY | O_CLOEXEC);

	snprintf(to, sizeof(to), "%s.gz", path);
	if (from < 0)
		return;
	if (compress_into(from, to) == 0)
		(void)unlink(path);
	else
		(void)unlink(to);
}

static void
shift(const char *path, uint32_t number, const char *suffix)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (rotated_name(path, number, suffix, from) &&
	    rotated_name(path, number + 1, suffix, to))
		(void)rename(from, to); /* there may be none */
}

/* FILE.1 is the newest of those that are full. */
static void
shift_files(struct log_writer *w)
{
	char name[PATH_MAX];
	uint32_t last = w->limits.max_file - 1;

	if (rotated_name(w->path, last, "", name))
		(void)unlink(name);
	if (rotated_name(w->path, last, ".gz", name))
		(void)unlink(name);
	for (uint32_t i = last - 1; i > 0; i--) {
		shift(w->path, i, "");
		shift(w->path, i, ".gz");
	}
	if (rotated_name(w->path, 1, "", name) && rename(w->path, name) == 0 &&
	    w->limits.compress)
		compress_file(name);
}

static int
open_file(struct log_writer *w)
{
	struct stat st;
	int fd = open(w->path,
		      O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
		      0640);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		own_fd_end(&fd);
		return -errno;
	}
	own_fd_end(&w->fd);
	w->fd = fd;
	w->size = (uint64_t)st.st_size;
	return 0;
}

static int
rotate(struct log_writer *w)
{
	if (w->limits.max_file == 1) {
		if (ftruncate(w->fd, 0) < 0)
			return -errno;
		w->size = 0;
		return 0;
	}
	shift_files(w);
	return open_file(w);
}

static int
flush(struct log_writer *w)
{
	size_t done = 0;
	int r = 0;

	while (done < w->out.len) {
		ssize_t n = write(w->fd, w->out.p + done, w->out.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = -errno;
			break;
		}
		done += (size_t)n;
		w->size += (uint64_t)n;
	}
	/* What a full disk did not take is dropped: the container goes on. */
	buf_clear(&w->out);
	return r;
}

/* ---- lines -------------------------------------------------------------- */

static int
put_line(struct log_writer *w, const struct log_line *line)
{
	size_t before = w->out.len;
	uint64_t max = w->limits.max_size_bytes;
	int r;

	log_line_write(line, &w->out);
	if (max == 0 || w->size + w->out.len <= max ||
	    (w->size == 0 && before == 0))
		return w->out.len >= PIECE ? flush(w) : 0;
	/* This line begins the next file. */
	w->out.len = before;
	r = flush(w);
	if (r == 0)
		r = rotate(w);
	if (r == 0)
		log_line_write(line, &w->out);
	return r;
}

static int
put_partial(struct log_writer *w, struct partial *p)
{
	struct log_line line = {
		.log = p->text.p,
		.len = p->text.len,
		.err = p == &w->parts[1],
		.time_ns = p->time_ns,
	};
	int r = p->text.len > 0 ? put_line(w, &line) : 0;

	buf_clear(&p->text);
	return r;
}

/* Most output is whole lines: those never pass through the partial. */
static int
put_bytes(struct log_writer *w, struct partial *p, const char *s, size_t len)
{
	while (len > 0) {
		size_t room = LOG_PART_MAX - p->text.len;
		const char *end = memchr(s, '\n', min_u64(len, room));
		size_t n = end != NULL ? (size_t)(end + 1 - s)
				       : min_u64(len, room);
		int r;

		buf_put(&p->text, s, n);
		s += n;
		len -= n;
		if (end == NULL && p->text.len < LOG_PART_MAX)
			continue;
		r = put_partial(w, p);
		if (r < 0)
			return r;
	}
	return 0;
}

int
log_writer_put(struct log_writer *w, const char *stream, const void *p,
	       size_t len, int64_t wall_ns)
{
	struct partial *part = &w->parts[str_eq(stream, "stderr")];
	int r;

	part->time_ns = wall_ns;
	r = put_bytes(w, part, p, len);
	return r < 0 ? r : flush(w);
}

/* A line that a killed shim left unfinished must not spoil the next. */
static int
end_torn_line(struct log_writer *w)
{
	char last;

	if (w->size == 0 || pread(w->fd, &last, 1, (off_t)w->size - 1) != 1 ||
	    last == '\n')
		return 0;
	buf_putc(&w->out, '\n');
	return flush(w);
}

int
log_writer_open(const char *path, const struct log_limits *limits,
		struct log_writer **ret, struct err *e)
{
	struct log_writer *w = mem_new(sizeof(*w));
	int r;

	w->path = mem_strdup(path);
	w->limits = *limits;
	if (w->limits.max_file == 0)
		w->limits.max_file = 1;
	w->fd = -1;
	r = open_file(w);
	if (r == 0)
		r = end_torn_line(w);
	if (r < 0) {
		log_writer_close(w);
		return err_set(e, r, "cannot open the log %s: %s", path,
			       strerror(-r));
	}
	*ret = w;
	return 0;
}

void
log_writer_close(struct log_writer *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; w->fd >= 0 && i < ARRAY_LEN(w->parts); i++)
		(void)put_partial(w, &w->parts[i]); /* nobody to tell */
	if (w->fd >= 0)
		(void)flush(w);
	for (size_t i = 0; i < ARRAY_LEN(w->parts); i++)
		buf_fini(&w->parts[i].text);
	buf_fini(&w->out);
	own_fd_end(&w->fd);
	mem_free(w->path);
	mem_free(w);
}
