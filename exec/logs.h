/*
 * logs.h - container logs: Docker's json-file lines, with rotation.
 *
 * ROOT/containers/TASK/TASK-json.log, rotated to .1, .2 ... Written by the
 * shim, read by the daemon. A line: {"log":"text\n","stream":"stdout",
 * "time":"2026-..."}; partial lines have no "\n" at the end of "log".
 */
#ifndef EXEC_LOGS_H
#define EXEC_LOGS_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/model/objects.h"

/* ---- writing (the shim) ------------------------------------------------- */

struct log_writer;

struct log_limits {
	uint64_t max_size_bytes; /* 0: no rotation */
	uint32_t max_file;	 /* files kept, the current one too; >= 1 */
	bool compress;		 /* accepted; rotated files are gzip'd */
};
/* From the json-file driver's options; -EINVAL names the bad one. */
int log_limits_read(const struct kvs *options, struct log_limits *ret,
		    struct err *e);

int log_writer_open(const char *path, const struct log_limits *limits,
		    struct log_writer **ret, struct err *e);
/* Bytes as they came from stream ("stdout", "stderr"); split into lines;
 * a line longer than 16 KiB is written in parts. wall_ns: when read. */
int log_writer_put(struct log_writer *w, const char *stream, const void *p,
		   size_t len, int64_t wall_ns);
/* Writes the last partial lines. NULL is fine. */
void log_writer_close(struct log_writer *w);

/* ---- reading (the daemon) ----------------------------------------------- */

/*
 * Streams one or several tasks' logs merged by time, as Docker's multiplexed
 * frames (facts 12.2) or raw when raw is set; follow waits for more through
 * inotify until all tasks are marked as ended. The first piece comes from the
 * loop, never from within log_stream_open().
 */
struct ev_loop;
struct log_options;
struct log_source;
struct log_stream;

struct log_stream_config {
	const char *root; /* ROOT */
	struct ev_loop *loop;
	bool raw; /* no frames: a TTY's */
	/*
	 * Followed, and tasks may join later: it does not end when all have
	 * ended (service logs), as it else does (a container's).
	 */
	bool endless;
	/*
	 * A piece of the body; gives false when the client's queue is full:
	 * then log_stream_resume() says when to go on. ended: no more comes
	 * (the stream then frees itself after the call).
	 */
	bool (*piece)(void *ctx, const void *p, size_t len, bool ended);
	void *ctx;
};

int log_stream_open(const struct log_stream_config *config,
		    const struct log_options *options,
		    const struct log_source *sources, size_t count,
		    struct log_stream **ret, struct err *e);
void log_stream_resume(struct log_stream *s);
/* One more task joins a followed stream. */
void log_stream_add(struct log_stream *s, const struct log_source *source);
/* A task's container has ended: its log is complete. */
void log_stream_task_ended(struct log_stream *s, const char *task_id);
/* No task joins any more: an endless stream ends with those it has. */
void log_stream_no_more(struct log_stream *s);
void log_stream_close(struct log_stream *s); /* NULL is fine */

#endif
