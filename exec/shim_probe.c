/*
 * shim_probe.c - health checks: a process in the container, by the runtime's
 * exec, with its output caught and a limit on its time.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "exec/fs.h"
#include "exec/shim_impl.h"

#define PROBE_JSON_MAX (1U << 20)

static void
tell(struct shim *s, uint64_t id, int64_t code, bool timed_out,
     const char *text, size_t len)
{
	struct shim_event *v = mem_new(sizeof(*v));

	v->magic = SHIM_MAGIC;
	v->news = SHIM_PROBED;
	v->state = s->state;
	v->probe_id = id;
	v->probe_code = code;
	v->probe_timed_out = timed_out;
	v->text_len = (uint32_t)min_u64(len, SHIM_TEXT_MAX);
	memcpy(v->text, text, v->text_len);
	shim_send(s, v);
	mem_free(v);
}

static void
refuse(struct shim *s, uint64_t id, const char *why)
{
	tell(s, id, -1, false, why, strlen(why));
}

/* probe.json has all but the words. */
static int
write_process(struct shim *s, const struct shim_request *q, const char *path,
	      struct err *e)
{
	char start[PATH_MAX];
	struct buf text = { 0 };
	struct json w = { .out = &text };
	int r = fs_path(start, sizeof(start), e, "%s/probe.json", s->dir);

	if (r == 0)
		r = fs_read(start, PROBE_JSON_MAX, &text, e);
	if (r == 0) {
		json_open(&w, '[');
		for (uint32_t at = 0; at < q->text_len;
		     at += (uint32_t)strlen(q->text + at) + 1)
			json_str(&w, q->text + at);
		json_close(&w, ']');
		buf_putc(&text, '}'); /* opened in probe.json */
		r = fs_write(path, text.p, text.len, 0600, e);
	}
	buf_fini(&text);
	return r;
}

static void
paths_of(const struct shim *s, const struct shim_probe *p, char *process,
	 char *pid_file)
{
	snprintf(process, PATH_MAX, "%s/probe-%td", s->dir, p - s->probes);
	snprintf(pid_file, PATH_MAX, "%s/probe-%td.pid", s->dir, p - s->probes);
}

static int
start(struct shim *s, struct shim_probe *p, const struct shim_request *q,
      struct err *e)
{
	struct runtime rt = shim_runtime(s);
	char process[PATH_MAX], pid_file[PATH_MAX];
	const char *args[] = { "exec",	 "--process", process, "--pid-file",
			       pid_file, s->id,	      NULL };
	int out[2];
	int r;

	paths_of(s, p, process, pid_file);
	(void)unlink(pid_file);
	r = write_process(s, q, process, e);
	if (r < 0)
		return r;
	if (pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set(e, -errno, "cannot make a pipe: %s",
			       strerror(errno));
	/* only our end: a program may not expect it of its own */
	(void)fcntl(out[1], F_SETFL, 0);
	p->pid = runtime_start(
		&rt, args, &(struct child_io){ { -1, out[1], out[1] }, true },
		e);
	close(out[1]);
	p->fd = out[0];
	if (p->pid < 0) {
		fs_closep(&p->fd);
		return p->pid;
	}
	return 0;
}

void
shim_probe_start(struct shim *s, const struct shim_request *q)
{
	struct shim_probe *p = NULL;
	struct err e;

	if (s->state.phase != SHIM_RUNNING) {
		refuse(s, q->probe_id, "the container is not running");
		return;
	}
	for (int i = 0; i < SHIM_PROBES_MAX; i++)
		if (!s->probes[i].used)
			p = &s->probes[i];
	if (p == NULL) {
		refuse(s, q->probe_id, "too many health checks at once");
		return;
	}
	*p = (struct shim_probe){ .id = q->probe_id, .fd = -1 };
	if (start(s, p, q, &e) < 0) {
		refuse(s, q->probe_id, e.msg);
		return;
	}
	p->used = true;
	p->output = mem_new(SHIM_OUTPUT_MAX);
	p->until_ms =
		q->time_ns > 0
			? shim_now_ms() + (uint64_t)(q->time_ns / NS_PER_MS)
			: UINT64_MAX;
}

/* What is over the limit is read and forgotten. */
void
shim_probe_read(struct shim_probe *p)
{
	char part[1024];
	ssize_t n = read(p->fd, part, sizeof(part));
	size_t take;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fs_closep(&p->fd);
		return;
	}
	take = (size_t)min_u64((uint64_t)n, SHIM_OUTPUT_MAX - p->len);
	memcpy(p->output + p->len, part, take);
	p->len += take;
}

static void
drain(struct shim_probe *p)
{
	for (int i = 0; p->fd >= 0 && i < 64; i++) {
		struct pollfd f = { .fd = p->fd, .events = POLLIN };

		if (poll(&f, 1, 0) != 1)
			break;
		shim_probe_read(p);
	}
	fs_closep(&p->fd);
}

bool
shim_probe_exited(struct shim *s, pid_t pid, int code)
{
	for (int i = 0; i < SHIM_PROBES_MAX; i++) {
		struct shim_probe *p = &s->probes[i];

		if (!p->used || p->pid != pid)
			continue;
		drain(p);
		tell(s, p->id, code, p->timed_out, p->output, p->len);
		mem_free(p->output);
		p->used = false;
		return true;
	}
	return false;
}

/* The probe's own process first: the runtime's death would leave it there. */
static void
kill_probe(struct shim *s, struct shim_probe *p)
{
	char process[PATH_MAX], pid_file[PATH_MAX];
	struct buf text = { 0 };
	struct err e;
	uint64_t pid;

	paths_of(s, p, process, pid_file);
	if (fs_read(pid_file, 32, &text, &e) == 0 &&
	    str_to_u64(buf_cstr(&text), &pid) && pid > 1 && pid <= INT_MAX)
		(void)kill((pid_t)pid, SIGKILL);
	else
		(void)kill(p->pid, SIGKILL);
	buf_fini(&text);
}

void
shim_probe_tick(struct shim *s, uint64_t now_ms)
{
	for (int i = 0; i < SHIM_PROBES_MAX; i++) {
		struct shim_probe *p = &s->probes[i];

		if (!p->used || now_ms < p->until_ms)
			continue;
		kill_probe(s, p);
		if (p->timed_out) /* a second later it is still there */
			(void)kill(p->pid, SIGKILL);
		p->timed_out = true;
		p->until_ms = now_ms + 1000;
	}
}

uint64_t
shim_probe_deadline(const struct shim *s)
{
	uint64_t first = UINT64_MAX;

	for (int i = 0; i < SHIM_PROBES_MAX; i++)
		if (s->probes[i].used)
			first = min_u64(first, s->probes[i].until_ms);
	return first;
}
