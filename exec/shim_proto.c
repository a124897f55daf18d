/* shim_proto.c - see shim_proto.h. */
#include "exec/shim_proto.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/fs.h"

static bool
state_valid(const struct shim_state *s)
{
	return s->magic == SHIM_MAGIC && s->phase >= SHIM_PREPARING &&
	       s->phase <= SHIM_FAILED && s->pid >= 0 && s->pid <= INT_MAX &&
	       memchr(s->err, '\0', sizeof(s->err)) != NULL;
}

bool
shim_request_valid(const struct shim_request *q, size_t len)
{
	if (len < SHIM_REQUEST_HEAD || q->magic != SHIM_MAGIC ||
	    q->verb < SHIM_START || q->verb > SHIM_END ||
	    q->text_len > SHIM_TEXT_MAX || q->time_ns < 0 || q->signal < 0 ||
	    q->signal > 64)
		return false;
	if (len != SHIM_REQUEST_HEAD + q->text_len)
		return false;
	return q->text_len == 0 || q->text[q->text_len - 1] == '\0';
}

bool
shim_event_valid(const struct shim_event *v, size_t len)
{
	if (len < SHIM_EVENT_HEAD || v->magic != SHIM_MAGIC ||
	    v->text_len > SHIM_TEXT_MAX || len != SHIM_EVENT_HEAD + v->text_len)
		return false;
	if (v->news != SHIM_STATE && v->news != SHIM_PROBED)
		return false;
	return state_valid(&v->state);
}

int
shim_state_read(const char *dir, struct shim_state *ret, struct err *e)
{
	char path[PATH_MAX];
	own_fd int fd = -1;
	struct shim_state s = { 0 };
	int r = fs_path(path, sizeof(path), e, "%s/state", dir);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, -errno, "cannot open %s: %s", path,
			       strerror(errno));
	if (read(fd, &s, sizeof(s)) != (ssize_t)sizeof(s) || !state_valid(&s))
		return err_set(e, -EINVAL, "%s is damaged", path);
	*ret = s;
	return 0;
}

int
shim_state_write(const char *dir, const struct shim_state *s, struct err *e)
{
	char path[PATH_MAX];
	int r = fs_path(path, sizeof(path), e, "%s/state", dir);

	if (r < 0)
		return r;
	return fs_write(path, s, sizeof(*s), 0600, e);
}

/* Field 22; the name in field 2 may hold anything, so count from its end. */
uint64_t
process_born(int64_t pid)
{
	char path[40], text[1024];
	own_fd int fd = -1;
	ssize_t n;
	char *at;

	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	at = strrchr(text, ')');
	for (int i = 0; at != NULL && i < 20; i++)
		at = strchr(at + 1, ' ');
	return at != NULL ? strtoull(at, NULL, 10) : 0;
}
