/*
 * log_stream.c - the reading half of logs.h: several tasks' logs become one
 * body. It never blocks the loop for long: a turn makes at most PIECES_A_TURN
 * pieces, and stops when the client is behind. The piece callback is never
 * called from log_stream_open(), so the caller knows the stream by then.
 */
#include <errno.h>
#include <ev.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/base/list.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/node/node.h"
#include "exec/image/own.h"
#include "exec/log_reader.h"
#include "exec/logs.h"

#define SOURCES_MAX 1024
#define PIECE_BYTES 32768
#define PIECES_A_TURN 8
#define LOOKS_A_TURN (1U << 20) /* bytes of lines that are read in a turn */
#define LOOK_COST 128		/* of a line, in the same measure */
#define FRAME_HEAD 8

struct source {
	struct list link;
	char *task_id;
	struct buf details;	   /* with a space after; or empty */
	struct log_reader *reader; /* NULL: no log yet */
	int watch;		   /* of its directory; -1: none yet */
	bool have;		   /* line is its next */
	bool dry;		   /* has no more in this turn; not have, not */
				   /* dry: it is not known yet */
	struct log_line line;
	bool ended; /* nothing is written any more */
	bool late;  /* joined a stream: from its first line on */
};

struct log_stream {
	struct log_stream_config config;
	char *root;
	struct log_options options;
	struct list sources;
	size_t source_count;
	int inotify; /* -1: not followed */
	ev_io changed;
	ev_timer again;
	struct buf out;
	int64_t looks; /* left in this turn */
	bool paused;   /* until log_stream_resume() */
	bool in_call;
	bool closed; /* from within the callback */
};

static void
source_free(struct log_stream *s, struct source *it)
{
	list_remove(&it->link);
	s->source_count--;
	log_reader_close(it->reader);
	buf_fini(&it->details);
	mem_free(it->task_id);
	mem_free(it);
}

/* Before the directory is there, its parent is watched. */
static void
watch(struct log_stream *s, struct source *it)
{
	char path[PATH_MAX];

	if (s->inotify < 0 || it->watch >= 0)
		return;
	snprintf(path, sizeof(path), "%s/containers/%s", s->root, it->task_id);
	it->watch = inotify_add_watch(s->inotify, path,
				      IN_MODIFY | IN_CREATE | IN_MOVED_TO);
	if (it->watch >= 0)
		return;
	snprintf(path, sizeof(path), "%s/containers", s->root);
	(void)inotify_add_watch(s->inotify, path, IN_CREATE);
}

static void
open_reader(struct log_stream *s, struct source *it)
{
	char path[PATH_MAX];
	struct err ignored;

	if (it->reader != NULL)
		return;
	watch(s, it); /* first, so that no line falls between */
	snprintf(path, sizeof(path), "%s/containers/%s/%s-json.log", s->root,
		 it->task_id, it->task_id);
	/* A task without a log yet, or with driver "none", has no lines. */
	(void)log_reader_open(path, it->late ? -1 : s->options.tail,
			      &it->reader, &ignored);
}

static bool
is_wanted(const struct log_stream *s, const struct log_line *line)
{
	const struct log_options *o = &s->options;

	if (line->err ? !o->err : !o->out)
		return false;
	if (o->since_ns != 0 && line->time_ns < o->since_ns)
		return false;
	return o->until_ns == 0 || line->time_ns <= o->until_ns;
}

/* A log of gigabytes may have no line that is new enough: not in one turn. */
static void
fetch(struct log_stream *s, struct source *it)
{
	if (it->have || it->dry)
		return;
	open_reader(s, it);
	while (it->reader != NULL && !it->have) {
		if (s->looks <= 0)
			return;
		if (!log_reader_next(it->reader, &it->line))
			break;
		s->looks -= (int64_t)it->line.len + LOOK_COST;
		it->have = is_wanted(s, &it->line);
	}
	it->dry = !it->have;
}

static void
put_frame(struct log_stream *s, const struct source *it)
{
	size_t start = s->out.len, len;
	unsigned char head[FRAME_HEAD] = { it->line.err ? 2 : 1 };
	char time[TIME_TEXT_MAX];

	if (!s->config.raw)
		buf_put(&s->out, head, sizeof(head));
	if (s->options.timestamps) {
		time_format_fixed(it->line.time_ns, time);
		buf_puts(&s->out, time);
		buf_putc(&s->out, ' ');
	}
	buf_put(&s->out, it->details.p, it->details.len);
	buf_put(&s->out, it->line.log, it->line.len);
	if (s->config.raw)
		return;
	len = s->out.len - start - FRAME_HEAD;
	for (int i = 0; i < 4; i++)
		s->out.p[start + 4 + (size_t)i] = (char)(len >> (24 - 8 * i));
}

/*
 * The source with the oldest line; of equals, the first. NULL: none, or it is
 * not known yet, as one has not been looked through.
 */
static struct source *
next_source(struct log_stream *s)
{
	struct source *best = NULL;

	list_each (it, &s->sources) {
		struct source *one = container_of(it, struct source, link);

		fetch(s, one);
		if (!one->have && !one->dry)
			return NULL;
		if (one->have &&
		    (best == NULL || one->line.time_ns < best->line.time_ns))
			best = one;
	}
	return best;
}

/* Fills out. false: there is no more for now. */
static bool
fill_piece(struct log_stream *s)
{
	while (s->out.len < PIECE_BYTES) {
		struct source *it = next_source(s);

		if (it == NULL)
			return false;
		put_frame(s, it);
		it->have = false;
	}
	return true;
}

static void
stream_free(struct log_stream *s)
{
	ev_io_stop(s->config.loop, &s->changed);
	ev_timer_stop(s->config.loop, &s->again);
	list_each_safe (it, tmp, &s->sources)
		source_free(s, container_of(it, struct source, link));
	own_fd_end(&s->inotify);
	buf_fini(&s->out);
	mem_free(s->root);
	mem_free(s);
}

/* Gives out to the client. false: the stream is gone. */
static bool
give(struct log_stream *s, bool ended)
{
	bool room = true;

	s->in_call = true;
	if (s->out.len > 0 || ended)
		room = s->config.piece(s->config.ctx, s->out.p, s->out.len,
				       ended);
	s->in_call = false;
	buf_clear(&s->out);
	s->paused = !room;
	if (!ended && !s->closed)
		return true;
	stream_free(s);
	return false;
}

/*
 * Nothing more can come: it is not followed, its time is over, or all its
 * tasks have ended.
 */
static bool
is_over(struct log_stream *s)
{
	if (s->inotify < 0)
		return true;
	if (s->options.until_ns != 0 &&
	    ev_now(s->config.loop) * 1e9 > (double)s->options.until_ns)
		return true;
	if (s->config.endless)
		return false;
	list_each (it, &s->sources)
		if (!container_of(it, struct source, link)->ended)
			return false;
	return true;
}

static void
drop_ended(struct log_stream *s)
{
	list_each_safe (it, tmp, &s->sources) {
		struct source *one = container_of(it, struct source, link);

		if (one->ended && !one->have && s->config.endless)
			source_free(s, one);
	}
}

static void
soon(struct log_stream *s, double after_s)
{
	ev_timer_stop(s->config.loop, &s->again);
	ev_timer_set(&s->again, after_s, 0.);
	ev_timer_start(s->config.loop, &s->again);
}

/* Asked for a time that is still to come: then it ends at that time. */
static void
await_until(struct log_stream *s)
{
	double left_s =
		(double)s->options.until_ns / 1e9 - ev_now(s->config.loop);

	if (s->options.until_ns != 0 && s->inotify >= 0)
		soon(s, left_s > 0. ? left_s + 0.01 : 0.01);
}

static void
pump(struct log_stream *s)
{
	list_each (it, &s->sources)
		container_of(it, struct source, link)->dry = false;
	s->looks = LOOKS_A_TURN;
	for (int i = 0; i < PIECES_A_TURN && !s->paused; i++) {
		bool more = fill_piece(s);
		bool over = !more && s->looks > 0 && is_over(s);

		if (!give(s, over))
			return;
		if (s->looks <= 0)
			break;
		if (!more) {
			drop_ended(s);
			await_until(s);
			return;
		}
	}
	if (!s->paused)
		soon(s, 0.);
}

static void
on_again(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	pump(container_of(w, struct log_stream, again));
}

static void
on_changed(struct ev_loop *loop, ev_io *w, int revents)
{
	struct log_stream *s = container_of(w, struct log_stream, changed);
	char events[4096];

	(void)loop;
	(void)revents;
	/* Which file it was is found out by looking at all. */
	while (read(s->inotify, events, sizeof(events)) > 0)
		;
	if (!s->paused)
		pump(s);
}

static void
add_source(struct log_stream *s, const struct log_source *from, bool late)
{
	struct source *it = mem_new(sizeof(*it));

	it->task_id = mem_strdup(from->task_id);
	it->watch = -1;
	it->late = late;
	if (s->options.details) {
		log_details_write(&from->details, &it->details);
		buf_putc(&it->details, ' ');
	}
	list_append(&s->sources, &it->link);
	s->source_count++;
}

static int
start_following(struct log_stream *s, struct err *e)
{
	s->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (s->inotify < 0)
		return err_set(e, -errno, "cannot follow logs: %s",
			       strerror(errno));
	ev_io_set(&s->changed, s->inotify, EV_READ);
	ev_io_start(s->config.loop, &s->changed);
	return 0;
}

int
log_stream_open(const struct log_stream_config *config,
		const struct log_options *options,
		const struct log_source *sources, size_t count,
		struct log_stream **ret, struct err *e)
{
	struct log_stream *s;
	int r = 0;

	if (count > SOURCES_MAX)
		return err_set(e, -E2BIG,
			       "logs of %zu tasks at once are more than the %d "
			       "that are allowed; ask for a task's",
			       count, SOURCES_MAX);
	s = mem_new(sizeof(*s));
	s->config = *config;
	s->root = mem_strdup(config->root);
	s->options = *options;
	s->inotify = -1;
	list_init(&s->sources);
	ev_init(&s->changed, on_changed);
	ev_init(&s->again, on_again);
	for (size_t i = 0; i < count; i++)
		add_source(s, &sources[i], false);
	if (options->follow)
		r = start_following(s, e);
	if (r < 0) {
		stream_free(s);
		return r;
	}
	soon(s, 0.);
	*ret = s;
	return 0;
}

void
log_stream_resume(struct log_stream *s)
{
	if (!s->paused)
		return;
	s->paused = false;
	soon(s, 0.);
}

void
log_stream_add(struct log_stream *s, const struct log_source *source)
{
	list_each (it, &s->sources)
		if (str_eq(container_of(it, struct source, link)->task_id,
			   source->task_id))
			return;
	/* A followed stream forgets those that ended; so many cannot run. */
	if (s->source_count == SOURCES_MAX)
		return;
	add_source(s, source, true);
	soon(s, 0.);
}

void
log_stream_task_ended(struct log_stream *s, const char *task_id)
{
	list_each (it, &s->sources) {
		struct source *one = container_of(it, struct source, link);

		if (!str_eq(one->task_id, task_id))
			continue;
		one->ended = true;
		if (!s->paused)
			soon(s, 0.);
	}
}

void
log_stream_no_more(struct log_stream *s)
{
	s->config.endless = false;
	if (!s->paused)
		soon(s, 0.);
}

void
log_stream_close(struct log_stream *s)
{
	if (s == NULL)
		return;
	if (s->in_call)
		s->closed = true;
	else
		stream_free(s);
}
