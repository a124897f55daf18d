/*
 * swarm_streams.c - answers in pieces: logs that are read, images that are
 * loaded; and what the images answer by themselves.
 */
#include "swarm.h"

#include "core/base/json.h"
#include "core/base/mem.h"
#include "exec/image/answer.h"
#include "exec/image/upload.h"
#include "exec/logs.h"
#include "exec/say.h"

#define FRAMES_TYPE "application/vnd.docker.multiplexed-stream"
#define RAW_TYPE "application/vnd.docker.raw-stream"
#define CREDIT_MAX (UINT64_C(1) << 30)

/* A request that is answered in pieces by something other than the node. */
struct stream {
	struct list link;
	struct daemon *d;
	uint64_t request_id;
	struct log_stream *logs; /* or */
	struct upload *upload;
	int64_t credit; /* of logs for another node: bytes that may come */
};

static struct stream *
stream_find(struct daemon *d, uint64_t request_id)
{
	list_each (it, &d->streams) {
		struct stream *s = container_of(it, struct stream, link);

		if (s->request_id == request_id)
			return s;
	}
	return NULL;
}

static struct stream *
stream_new(struct daemon *d, uint64_t request_id)
{
	struct stream *s = mem_new(sizeof(*s));

	s->d = d;
	s->request_id = request_id;
	list_append(&d->streams, &s->link);
	return s;
}

static void
stream_free(struct stream *s)
{
	list_remove(&s->link);
	mem_free(s);
}

void
answer_error(struct daemon *d, uint64_t request_id, int status, const char *why)
{
	struct buf body = { 0 };

	buf_puts(&body, "{\"message\":");
	json_quote(&body, why);
	buf_puts(&body, "}\n");
	http_reply(d->http, request_id, status, "application/json", body.p,
		   body.len);
	buf_fini(&body);
}

/* A log that another node reads: the node sends it on. */
static bool
remote_piece(struct stream *s, const void *p, size_t len, bool ended)
{
	struct log_piece piece = { s->request_id, p, len, ended };

	inbox_add_log_piece(&s->d->inbox, &piece);
	s->credit -= (int64_t)len;
	if (!ended)
		return s->credit > 0;
	stream_free(s);
	return true;
}

static bool
on_log_piece(void *ctx, const void *p, size_t len, bool ended)
{
	struct stream *s = ctx;
	bool room = true;

	if ((s->request_id & REQUEST_REMOTE) != 0)
		return remote_piece(s, p, len, ended);

	if (len > 0)
		room = http_stream(s->d->http, s->request_id, NULL, p, len);
	if (ended) {
		http_stream_end(s->d->http, s->request_id);
		inbox_add_id(&s->d->inbox, EVENT_REQUEST_GONE, s->request_id);
		stream_free(s);
	}
	return room;
}

static void
note_ended(struct stream *s, const struct effect *f)
{
	for (size_t i = 0; i < f->log_count; i++)
		if (f->logs[i].ended)
			log_stream_task_ended(s->logs, f->logs[i].task_id);
}

/* More tasks join a stream that is followed, or it is said that none will. */
static bool
join_logs(struct daemon *d, const struct effect *f)
{
	struct stream *s = stream_find(d, f->request_id);
	bool last = f->log_count == 0 && !f->log_endless;

	if (s == NULL || s->logs == NULL)
		return last;
	for (size_t i = 0; i < f->log_count; i++)
		log_stream_add(s->logs, &f->logs[i]);
	note_ended(s, f);
	if (last)
		log_stream_no_more(s->logs);
	return true;
}

static void
start_logs(struct daemon *d, const struct effect *f)
{
	bool raw = f->log_count == 1 && f->logs[0].tty;
	struct stream *s = stream_new(d, f->request_id);
	struct log_stream_config config = {
		.root = d->options.root,
		.loop = d->loop,
		.raw = raw,
		.endless = f->log_endless,
		.piece = on_log_piece,
		.ctx = s,
	};
	struct err e;

	s->credit = (int64_t)min_u64(f->log_credit, CREDIT_MAX);
	/* The headers go out first: with follow there may be no line yet. */
	if ((f->request_id & REQUEST_REMOTE) == 0)
		(void)http_stream(d->http, f->request_id,
				  raw ? RAW_TYPE : FRAMES_TYPE, "", 0);
	if (log_stream_open(&config, &f->log_options, f->logs, f->log_count,
			    &s->logs, &e) < 0) {
		say(SAY_ERROR, "logs: %s", e.msg);
		(void)on_log_piece(s, NULL, 0, true);
		return;
	}
	note_ended(s, f);
}

void
streams_task_ended(struct daemon *d, const char *task_id)
{
	list_each_safe (it, tmp, &d->streams) {
		struct stream *s = container_of(it, struct stream, link);

		if (s->logs != NULL)
			log_stream_task_ended(s->logs, task_id);
	}
}

static void
on_upload_lines(void *ctx, const void *p, size_t len)
{
	struct stream *s = ctx;

	(void)http_stream(s->d->http, s->request_id, "application/json", p,
			  len);
}

static void
on_upload_resume(void *ctx)
{
	struct stream *s = ctx;

	http_body_resume(s->d->http, s->request_id);
}

static void
on_upload_ended(void *ctx, bool loaded)
{
	struct stream *s = ctx;
	struct daemon *d = s->d;
	struct err e;

	if (loaded && images_reload(d->images, &e) < 0)
		say(SAY_ERROR, "image load: %s", e.msg);
	if (loaded)
		inbox_add(&d->inbox, EVENT_IMAGES);
	http_stream_end(d->http, s->request_id);
	stream_free(s);
}

void
streams_upload(struct daemon *d, const struct request *r)
{
	struct stream *s = stream_new(d, r->id);
	struct upload_config config = {
		.loop = d->loop,
		.images = d->images,
		.load = { .self = d->self,
			  .name = request_query(r, "name"),
			  .quiet = request_query_bool(r, "quiet") },
		.lines = on_upload_lines,
		.resume = on_upload_resume,
		.ended = on_upload_ended,
		.ctx = s,
	};
	struct err e;

	if (upload_start(&config, &s->upload, &e) == 0)
		return;
	answer_error(d, r->id, 500, e.msg);
	stream_free(s);
}

bool
on_body(void *ctx, uint64_t request_id, const void *p, size_t len)
{
	struct stream *s = stream_find(ctx, request_id);

	/* One that was refused is read to its end and forgotten. */
	return s == NULL || upload_put(s->upload, p, len);
}

void
answer_images(struct daemon *d, const struct request *r)
{
	struct strings used = { 0 };
	struct buf body = { 0 };
	struct arena a;
	int status;

	arena_init(&a);
	node_images_used(d->node, &a, &used);
	status = images_answer(d->images, r, &used, &body);
	http_reply(d->http, r->id, status, "application/json", body.p,
		   body.len);
	buf_fini(&body);
	arena_fini(&a);
}

void
streams_piece(struct daemon *d, const struct effect *f)
{
	static const char *const types[] = {
		[STREAM_JSON] = "application/json",
		[STREAM_FRAMES] = FRAMES_TYPE,
		[STREAM_RAW] = RAW_TYPE,
	};

	if (http_stream(d->http, f->request_id, types[f->stream], f->body,
			f->body_len))
		return;
	if (f->stream != STREAM_JSON) {
		inbox_add_id(&d->inbox, EVENT_STREAM_FULL, f->request_id);
		return;
	}
	/* A watcher that does not read is let go, not waited for. */
	http_stream_end(d->http, f->request_id);
	inbox_add_id(&d->inbox, EVENT_REQUEST_GONE, f->request_id);
}

void
on_gone(void *ctx, uint64_t request_id)
{
	struct daemon *d = ctx;
	struct stream *s = stream_find(d, request_id);

	if (s != NULL && s->logs != NULL) {
		log_stream_close(s->logs);
		stream_free(s);
	} else if (s != NULL) {
		upload_abandon(s->upload);
	}
	inbox_add_id(&d->inbox, EVENT_REQUEST_GONE, request_id);
}

void
on_drained(void *ctx, uint64_t request_id)
{
	struct daemon *d = ctx;
	struct stream *s = stream_find(d, request_id);

	if (s != NULL && s->logs != NULL)
		log_stream_resume(s->logs);
	else if (s == NULL)
		inbox_add_id(&d->inbox, EVENT_STREAM_DRAINED, request_id);
}

void
streams_logs(struct daemon *d, const struct effect *f)
{
	if (!join_logs(d, f))
		start_logs(d, f);
}

void
streams_more(struct daemon *d, const struct effect *f)
{
	struct stream *s = stream_find(d, f->request_id);
	bool waits = s != NULL && s->credit <= 0;

	if (s == NULL || s->logs == NULL)
		return;
	s->credit += (int64_t)min_u64(f->log_credit, CREDIT_MAX);
	if (s->credit > (int64_t)CREDIT_MAX)
		s->credit = CREDIT_MAX;
	if (waits && s->credit > 0)
		log_stream_resume(s->logs);
}

void
streams_init(struct daemon *d)
{
	list_init(&d->streams);
}

void
streams_fini(struct daemon *d)
{
	list_each_safe (it, tmp, &d->streams) {
		struct stream *s = container_of(it, struct stream, link);

		if (s->logs != NULL)
			log_stream_close(s->logs);
		stream_free(s);
	}
}

void
streams_stop(struct daemon *d, uint64_t request_id)
{
	struct stream *s = stream_find(d, request_id);

	if (s == NULL || s->logs == NULL)
		return;
	log_stream_close(s->logs);
	stream_free(s);
}
