/*
 * loader_report.c - the lines that a load tells its progress with, as docker
 * load expects them. Nobody may be listening any more: that is no reason to
 * stop, the image is still wanted.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/json.h"
#include "exec/image/loader_impl.h"

#define PROGRESS_EVERY_MS 100

static void
say(struct loader *l, struct buf *line)
{
	size_t done = 0;

	buf_puts(line, "\r\n");
	while (l->config->out_fd >= 0 && done < line->len) {
		ssize_t n = write(l->config->out_fd, line->p + done,
				  line->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	buf_fini(line);
}

static uint64_t
mono_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void
loader_say_progress(struct loader *l, bool last)
{
	struct buf line = { 0 };
	struct json w = { .out = &line };
	uint64_t now_ms = mono_ms(), current;
	char id[13] = { 0 };

	if (l->config->quiet)
		return;
	if (!last && now_ms - l->said_ms < PROGRESS_EVERY_MS)
		return;
	l->said_ms = now_ms;
	memcpy(id, l->at_hex, sizeof(id) - 1);
	current = last ? l->at_total : unzip_in_bytes(l->at);
	json_open(&w, '{');
	json_put_str(&w, "status", "Loading layer");
	json_key(&w, "progressDetail");
	json_open(&w, '{');
	json_put_u64(&w, "current", current);
	json_put_u64(&w, "total", l->at_total);
	json_close(&w, '}');
	json_put_str(&w, "id", id);
	json_close(&w, '}');
	say(l, &line);
}

void
loader_say_stream(struct loader *l, const char *fmt, ...)
{
	struct buf line = { 0 };
	struct json w = { .out = &line };
	va_list ap;

	va_start(ap, fmt);
	json_open(&w, '{');
	json_put_str(&w, "stream", arena_vprintf(&l->a, fmt, ap));
	json_close(&w, '}');
	va_end(ap);
	say(l, &line);
}

void
loader_say_error(struct loader *l, const char *why)
{
	struct buf line = { 0 };
	struct json w = { .out = &line };

	json_open(&w, '{');
	json_key(&w, "errorDetail");
	json_open(&w, '{');
	json_put_str(&w, "message", why);
	json_close(&w, '}');
	json_put_str(&w, "error", why);
	json_close(&w, '}');
	say(l, &line);
}
