/* logs_test.c - logs written, rotated, read, merged and followed. */
#include "exec/logs.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/node/node.h"
#include "exec/log_reader.h"
#include "test/t.h"

struct dir {
	char root[64];
};

static struct dir
make_dir(const char *const *tasks)
{
	struct dir d = { "/tmp/swarm-logs-XXXXXX" };
	char path[256];

	OK(mkdtemp(d.root) != NULL);
	snprintf(path, sizeof(path), "%s/containers", d.root);
	EQ(mkdir(path, 0755), 0);
	for (; *tasks != NULL; tasks++) {
		snprintf(path, sizeof(path), "%s/containers/%s", d.root,
			 *tasks);
		EQ(mkdir(path, 0755), 0);
	}
	return d;
}

static void
log_path(const struct dir *d, const char *task, char ret[256])
{
	snprintf(ret, 256, "%s/containers/%s/%s-json.log", d->root, task, task);
}

static void
remove_dir(const struct dir *d)
{
	char path[512];

	for (const char *t = "ab"; *t != '\0'; t++) {
		for (int i = 0; i < 5; i++) {
			for (int z = 0; z < 2; z++) {
				snprintf(path, sizeof(path),
					 "%s/containers/%c/%c-json.log.%d%s",
					 d->root, *t, *t, i, z ? ".gz" : "");
				(void)unlink(path);
			}
		}
		snprintf(path, sizeof(path), "%s/containers/%c/%c-json.log",
			 d->root, *t, *t);
		(void)unlink(path);
		snprintf(path, sizeof(path), "%s/containers/%c", d->root, *t);
		(void)rmdir(path);
	}
	snprintf(path, sizeof(path), "%s/containers", d->root);
	EQ(rmdir(path), 0);
	EQ(rmdir(d->root), 0);
}

static struct log_writer *
open_writer(const char *path, uint64_t max_size, uint32_t max_file,
	    bool compress)
{
	struct log_limits limits = { max_size, max_file, compress };
	struct log_writer *w;
	struct err e;

	EQ(log_writer_open(path, &limits, &w, &e), 0);
	return w;
}

static void
put(struct log_writer *w, const char *stream, const char *text, int64_t time)
{
	EQ(log_writer_put(w, stream, text, strlen(text), time), 0);
}

/* All that a reader gives now, as "1:text" for each line of stdout. */
static void
read_all(struct log_reader *r, struct buf *out)
{
	struct log_line line;

	buf_clear(out);
	while (log_reader_next(r, &line)) {
		buf_puts(out, line.err ? "2:" : "1:");
		buf_put(out, line.log, line.len);
	}
	(void)buf_cstr(out);
}

static const char *const only_a[] = { "a", NULL };
static const char *const a_and_b[] = { "a", "b", NULL };

T(lines_are_split_and_long_ones_are_written_in_parts)
{
	struct dir d = make_dir(only_a);
	char path[256], *big = calloc(1, 40000);
	struct log_reader *r;
	struct log_writer *w;
	struct log_line line;
	struct err e;

	log_path(&d, "a", path);
	w = open_writer(path, 0, 1, false);
	put(w, "stdout", "one\ntw", 1);
	put(w, "stderr", "err\n", 2);
	put(w, "stdout", "o\n", 3);
	memset(big, 'x', 39999);
	put(w, "stdout", big, 4);
	log_writer_close(w);
	EQ(log_reader_open(path, -1, &r, &e), 0);
	OK(log_reader_next(r, &line));
	EQ(line.len, 4);
	OK(log_reader_next(r, &line));
	OK(line.err);
	OK(log_reader_next(r, &line));
	OK(memcmp(line.log, "two\n", 4) == 0);
	EQ(line.time_ns, 3);
	for (int i = 0; i < 2; i++) {
		OK(log_reader_next(r, &line));
		EQ(line.len, 16384);
	}
	OK(log_reader_next(r, &line));
	EQ(line.len, 39999 - 2 * 16384);
	OK(!log_reader_next(r, &line));
	log_reader_close(r);
	free(big);
	remove_dir(&d);
}

T(rotation_keeps_the_newest_files_and_the_reader_joins_them)
{
	static const struct {
		const char *name;
		bool compress;
	} rows[] = { { "plain", false }, { "compressed", true } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dir d = make_dir(only_a);
		struct buf got = { 0 };
		struct log_reader *r;
		struct log_writer *w;
		char path[256];
		struct err e;

		T_ROW(rows[i].name);
		log_path(&d, "a", path);
		/* A line is 73 bytes or less: two fit, and three files are
		 * kept. */
		w = open_writer(path, 160, 3, rows[i].compress);
		for (int n = 0; n < 10; n++) {
			char text[8];

			snprintf(text, sizeof(text), "l%d\n", n);
			put(w, "stdout", text, n);
		}
		log_writer_close(w);
		EQ(log_reader_open(path, -1, &r, &e), 0);
		read_all(r, &got);
		EQ_STR(got.p, "1:l4\n1:l5\n1:l6\n1:l7\n1:l8\n1:l9\n");
		log_reader_close(r);
		for (int tail = 0; tail < 8; tail++) {
			EQ(log_reader_open(path, tail, &r, &e), 0);
			read_all(r, &got);
			EQ(got.len, 5 * (tail < 6 ? tail : 6));
			log_reader_close(r);
		}
		buf_fini(&got);
		remove_dir(&d);
	}
}

T(a_followed_log_loses_no_line_when_it_is_rotated)
{
	struct dir d = make_dir(only_a);
	struct buf got = { 0 };
	struct log_reader *r;
	struct log_writer *w;
	char path[256];
	struct err e;

	log_path(&d, "a", path);
	w = open_writer(path, 160, 4, false);
	put(w, "stdout", "l0\n", 1);
	EQ(log_reader_open(path, -1, &r, &e), 0);
	read_all(r, &got);
	EQ_STR(got.p, "1:l0\n");
	put(w, "stdout", "l1\nl2\nl3\nl4\n", 1);
	read_all(r, &got);
	EQ_STR(got.p, "1:l1\n1:l2\n1:l3\n1:l4\n");
	put(w, "stdout", "l5\n", 1);
	read_all(r, &got);
	EQ_STR(got.p, "1:l5\n");
	log_reader_close(r);
	log_writer_close(w);
	buf_fini(&got);
	remove_dir(&d);
}

T(one_file_only_is_emptied_when_it_is_full)
{
	struct dir d = make_dir(only_a);
	struct buf got = { 0 };
	struct log_reader *r;
	struct log_writer *w;
	char path[256];
	struct err e;

	log_path(&d, "a", path);
	w = open_writer(path, 160, 1, false);
	put(w, "stdout", "l0\nl1\n", 1);
	EQ(log_reader_open(path, -1, &r, &e), 0);
	read_all(r, &got);
	put(w, "stdout", "l2\n", 1);
	read_all(r, &got);
	EQ_STR(got.p, "1:l2\n");
	log_reader_close(r);
	log_writer_close(w);
	buf_fini(&got);
	remove_dir(&d);
}

T(a_torn_line_costs_that_line_only)
{
	struct dir d = make_dir(only_a);
	struct buf got = { 0 };
	struct log_reader *r;
	struct log_writer *w;
	char path[256];
	struct err e;
	int fd;

	log_path(&d, "a", path);
	w = open_writer(path, 0, 1, false);
	put(w, "stdout", "one\n", 1);
	log_writer_close(w);
	fd = open(path, O_WRONLY | O_APPEND);
	EQ(write(fd, "{\"log\":\"to", 10), 10);
	close(fd);
	w = open_writer(path, 0, 1, false);
	put(w, "stdout", "two\n", 1);
	log_writer_close(w);
	EQ(log_reader_open(path, -1, &r, &e), 0);
	read_all(r, &got);
	EQ_STR(got.p, "1:one\n1:two\n");
	log_reader_close(r);
	buf_fini(&got);
	remove_dir(&d);
}

T(options_are_read_and_bad_ones_named)
{
	static const struct {
		const char *key, *value;
		int code;
	} rows[] = {
		{ "max-size", "10m", 0 },	 { "max-size", "-1", 0 },
		{ "max-size", "0", -EINVAL },	 { "max-size", "x", -EINVAL },
		{ "max-file", "3", 0 },		 { "max-file", "0", -EINVAL },
		{ "compress", "true", -EINVAL }, { "compress", "2", -EINVAL },
		{ "labels", "a,b", 0 },		 { "color", "red", -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct kv kv = { rows[i].key, rows[i].value };
		struct kvs options = { &kv, 1 };
		struct log_limits limits;
		struct err e = { "" };

		T_ROW(rows[i].value);
		EQ(log_limits_read(&options, &limits, &e), rows[i].code);
		EQ(strstr(e.msg, rows[i].key) != NULL, rows[i].code != 0);
	}
}

/* ---- streams ------------------------------------------------------------ */

struct client {
	struct buf got;
	bool ended;
	int room; /* pieces before it is full; -1: always */
	struct ev_loop *loop;
	const char *until; /* stop the loop when got ends with this */
};

static bool
on_piece(void *ctx, const void *p, size_t len, bool ended)
{
	struct client *c = ctx;

	buf_put(&c->got, p, len);
	c->ended = ended;
	if (ended ||
	    (c->until != NULL && str_ends(buf_cstr(&c->got), c->until)))
		ev_break(c->loop, EVBREAK_ALL);
	if (c->room < 0)
		return true;
	return --c->room > 0;
}

static struct log_stream *
open_stream(const struct dir *d, struct client *c, const struct log_options *o,
	    size_t count)
{
	static const struct log_source sources[] = { { .task_id = "a" },
						     { .task_id = "b" } };
	struct log_stream_config config = { .root = d->root,
					    .loop = c->loop,
					    .raw = true,
					    .piece = on_piece,
					    .ctx = c };
	struct log_stream *s;
	struct err e;

	EQ(log_stream_open(&config, o, sources, count, &s, &e), 0);
	return s;
}

static void
write_two(const struct dir *d)
{
	struct log_writer *w;
	char path[256];

	log_path(d, "a", path);
	w = open_writer(path, 0, 1, false);
	put(w, "stdout", "a1\n", 1000);
	put(w, "stderr", "a3\n", 3000);
	put(w, "stdout", "a5\n", 5000);
	log_writer_close(w);
	log_path(d, "b", path);
	w = open_writer(path, 0, 1, false);
	put(w, "stdout", "b2\n", 2000);
	put(w, "stdout", "b4\n", 4000);
	log_writer_close(w);
}

T(several_logs_are_merged_by_time_and_filtered)
{
	static const struct {
		const char *name;
		struct log_options o;
		const char *want;
	} rows[] = {
		{ "all",
		  { .out = 1, .err = 1, .tail = -1 },
		  "a1\nb2\na3\nb4\na5\n" },
		{ "stdout", { .out = 1, .tail = -1 }, "a1\nb2\nb4\na5\n" },
		{ "stderr", { .err = 1, .tail = -1 }, "a3\n" },
		{ "tail", { .out = 1, .err = 1, .tail = 1 }, "b4\na5\n" },
		{ "none", { .out = 1, .err = 1, .tail = 0 }, "" },
		{ "since",
		  { .out = 1, .err = 1, .tail = -1, .since_ns = 4000 },
		  "b4\na5\n" },
		{ "until",
		  { .out = 1, .err = 1, .tail = -1, .until_ns = 2000 },
		  "a1\nb2\n" },
		{ "timestamps",
		  { .err = 1, .tail = -1, .timestamps = true },
		  "1970-01-01T00:00:00.000003000Z a3\n" },
	};
	struct dir d = make_dir(a_and_b);

	write_two(&d);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client c = { .room = -1, .loop = ev_loop_new(0) };

		T_ROW(rows[i].name);
		(void)open_stream(&d, &c, &rows[i].o, 2);
		EQ(c.got.len, 0);
		ev_run(c.loop, 0);
		OK(c.ended);
		EQ_STR(buf_cstr(&c.got), rows[i].want);
		buf_fini(&c.got);
		ev_loop_destroy(c.loop);
	}
	remove_dir(&d);
}

/* Two tasks, so that the line of one waits for what the other may have. */
T(a_long_search_is_made_in_many_turns)
{
	struct log_options o = { .out = 1, .tail = -1, .since_ns = 5000 };
	struct dir d = make_dir(a_and_b);
	struct client c = { .room = -1, .loop = ev_loop_new(0) };
	char path[256], line[1001];
	struct log_writer *w;
	int turns = 0;

	memset(line, 'x', sizeof(line));
	memcpy(line + 999, "\n", 2);
	log_path(&d, "b", path);
	w = open_writer(path, 0, 1, false);
	for (int i = 0; i < 3000; i++)
		put(w, "stdout", line, 1000);
	put(w, "stdout", "b6\n", 6000);
	log_writer_close(w);
	log_path(&d, "a", path);
	w = open_writer(path, 0, 1, false);
	put(w, "stdout", "a7\n", 7000);
	log_writer_close(w);
	(void)open_stream(&d, &c, &o, 2);
	for (; !c.ended && turns < 100; turns++)
		ev_run(c.loop, EVRUN_ONCE);
	EQ_STR(buf_cstr(&c.got), "b6\na7\n");
	OK(turns >= 3);
	buf_fini(&c.got);
	ev_loop_destroy(c.loop);
	remove_dir(&d);
}

T(frames_carry_the_stream_and_the_length)
{
	struct dir d = make_dir(a_and_b);
	struct client c = { .room = -1, .loop = ev_loop_new(0) };
	struct kv kv = { "k", "v" };
	struct log_source source = { .task_id = "a", .details = { &kv, 1 } };
	struct log_options o = { .err = true, .tail = -1, .details = true };
	struct log_stream_config config = {
		.root = d.root, .loop = c.loop, .piece = on_piece, .ctx = &c
	};
	struct log_stream *s;
	struct err e;

	write_two(&d);
	EQ(log_stream_open(&config, &o, &source, 1, &s, &e), 0);
	ev_run(c.loop, 0);
	EQ(c.got.len, 15);
	OK(memcmp(c.got.p, "\2\0\0\0\0\0\0\7k=v a3\n", 15) == 0);
	buf_fini(&c.got);
	ev_loop_destroy(c.loop);
	remove_dir(&d);
}

T(a_followed_stream_goes_on_until_its_tasks_have_ended)
{
	struct dir d = make_dir(only_a);
	struct client c = { .room = -1, .loop = ev_loop_new(0) };
	struct log_options o = { .out = true, .tail = -1, .follow = true };
	struct log_stream *s = open_stream(&d, &c, &o, 1);
	struct log_writer *w;
	char path[256];

	log_path(&d, "a", path);
	w = open_writer(path, 160, 2, false);
	for (int i = 0; i < 8; i++) {
		char text[16];

		snprintf(text, sizeof(text), "line %d\n", i);
		put(w, "stdout", text, i);
		c.until = text;
		ev_run(c.loop, 0);
		OK(str_ends(buf_cstr(&c.got), text));
	}
	EQ(c.got.len, 8 * 7);
	put(w, "stdout", "last", 9);
	log_writer_close(w);
	log_stream_task_ended(s, "a");
	c.until = NULL;
	ev_run(c.loop, 0);
	OK(c.ended);
	OK(str_ends(buf_cstr(&c.got), "line 7\nlast"));
	buf_fini(&c.got);
	ev_loop_destroy(c.loop);
	remove_dir(&d);
}

T(a_slow_client_stops_the_stream_until_it_has_room)
{
	struct dir d = make_dir(only_a);
	struct client c = { .room = 1, .loop = ev_loop_new(0) };
	struct log_options o = { .out = true, .tail = -1 };
	struct log_stream *s = open_stream(&d, &c, &o, 1);
	struct log_writer *w;
	size_t first;
	char path[256];

	log_path(&d, "a", path);
	w = open_writer(path, 0, 1, false);
	for (int i = 0; i < 20000; i++)
		put(w, "stdout", "ten bytes\n", i);
	log_writer_close(w);
	ev_run(c.loop, 0); /* nothing is left to wait for */
	first = c.got.len;
	OK(first > 0 && first < 200000);
	OK(!c.ended);
	c.room = -1;
	log_stream_resume(s);
	ev_run(c.loop, 0);
	OK(c.ended);
	EQ(c.got.len, 200000);
	buf_fini(&c.got);
	ev_loop_destroy(c.loop);
	remove_dir(&d);
}

T(a_followed_stream_can_be_closed_at_any_time)
{
	struct dir d = make_dir(only_a);
	struct client c = { .room = -1, .loop = ev_loop_new(0) };
	struct log_options o = { .out = true, .tail = -1, .follow = true };
	struct log_stream *s = open_stream(&d, &c, &o, 1);

	ev_run(c.loop, EVRUN_ONCE);
	log_stream_close(s);
	ev_run(c.loop, 0);
	OK(!c.ended);
	ev_loop_destroy(c.loop);
	remove_dir(&d);
}
