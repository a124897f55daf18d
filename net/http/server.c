/* server.c - see server.h: the listening socket and its connections. */
#include "net/http/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/http/server_impl.h"

#define BACKLOG 128
#define ACCEPT_MAX 64 /* in one go: those who are here have their turn too */
#define GROUP_LINE_MAX 4096

_Static_assert(HTTP_HEADER_MAX == HTTP_HEAD_MAX, "one limit, two headers");

static int
socket_address(const char *path, struct sockaddr_un *ret, struct err *e)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return err_set(e, -ENAMETOOLONG,
			       "The socket's path %s is longer than %zu bytes; "
			       "give a shorter one with -H.",
			       path, sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path));
	return 0;
}

static int
new_socket(struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_set(e, -errno, "Cannot make a unix socket: %s.",
			       strerror(errno));
	return fd;
}

/* Remove a socket that a former daemon left; refuse if one listens. */
static int
clear_path(const struct sockaddr_un *sa, struct err *e)
{
	struct stat st;
	int fd, code;

	if (lstat(sa->sun_path, &st) < 0)
		return 0; /* bind() will tell what else is wrong */
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, -EEXIST,
			       "%s exists and is not a socket; remove it, or "
			       "give another path with -H.",
			       sa->sun_path);
	fd = new_socket(e);
	if (fd < 0)
		return fd;
	code = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0
		       ? -errno
		       : 0;
	close(fd);
	if (code == 0 || code == -EAGAIN)
		return err_set(e, -EADDRINUSE,
			       "Another daemon listens on %s; stop it, or give "
			       "another --run.",
			       sa->sun_path);
	if (unlink(sa->sun_path) < 0)
		return err_set(e, -errno,
			       "Cannot remove the stale socket %s: %s.",
			       sa->sun_path, strerror(errno));
	return 0;
}

/*
 * From /etc/group itself: a static program must not load the host's name
 * service modules.
 */
static bool
group_id(const char *name, gid_t *ret)
{
	char line[GROUP_LINE_MAX];
	size_t len = strlen(name);
	FILE *f = fopen("/etc/group", "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *gid = strncmp(line, name, len) == 0 && line[len] == ':'
				    ? strchr(line + len + 1, ':')
				    : NULL;
		char *end = gid ? strchr(gid + 1, ':') : NULL;
		uint64_t v;

		if (end == NULL)
			continue;
		*end = '\0';
		if (!str_to_u64(gid + 1, &v) || v > INT32_MAX)
			continue;
		*ret = (gid_t)v;
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

static int
bind_socket(int fd, const struct sockaddr_un *sa, struct err *e)
{
	/* Never open to more than it will be, not even for a moment. */
	mode_t old = umask(0117);
	int code = bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0
			   ? -errno
			   : 0;
	gid_t gid;

	umask(old);
	if (code == 0 && listen(fd, BACKLOG) < 0)
		code = -errno;
	if (code < 0)
		return err_set(e, code, "Cannot listen on %s: %s.",
			       sa->sun_path, strerror(-code));
	if (!group_id("docker", &gid) && !group_id("swarm", &gid))
		return 0;
	if (chown(sa->sun_path, (uid_t)-1, gid) < 0 && errno != EPERM)
		return err_set(e, -errno, "Cannot give %s to its group: %s.",
			       sa->sun_path, strerror(errno));
	return 0;
}

static int
listen_at(const char *path, struct err *e)
{
	struct sockaddr_un sa;
	int fd, code;

	code = socket_address(path, &sa, e);
	if (code == 0)
		code = clear_path(&sa, e);
	if (code < 0)
		return code;
	fd = new_socket(e);
	if (fd < 0)
		return fd;
	code = bind_socket(fd, &sa, e);
	if (code < 0) {
		close(fd);
		return code;
	}
	return fd;
}

static uint32_t
free_slot(const struct http_server *s)
{
	for (uint32_t i = 0; i < HTTP_CLIENTS_MAX; i++)
		if (s->slots[i] == NULL)
			return i;
	unreachable();
}

static void
add_conn(struct http_server *s, int fd)
{
	uint32_t slot = free_slot(s);

	s->slots[slot] = conn_new(s, fd, slot);
	list_append(&s->conns, &s->slots[slot]->node);
	s->conn_count++;
}

void
server_conn_gone(struct http_server *s, struct conn *c)
{
	check(s->slots[c->slot] == c && s->conn_count > 0);
	s->slots[c->slot] = NULL;
	s->conn_count--;
	list_remove(&c->node);
	list_append(&s->dead, &c->node);
	if (!ev_is_active(&s->retry))
		ev_io_start(s->config.loop, &s->accept);
}

static void
on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
	struct http_server *s = container_of(w, struct http_server, accept);

	(void)revents;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd;

		if (s->conn_count == HTTP_CLIENTS_MAX) {
			ev_io_stop(loop, w); /* until one goes */
			return;
		}
		fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			add_conn(s, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS) {
			ev_io_stop(loop, w);
			ev_timer_again(loop, &s->retry);
		}
		return;
	}
}

static void
on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct http_server *s = container_of(w, struct http_server, retry);

	(void)revents;
	ev_timer_stop(loop, w);
	ev_io_start(loop, &s->accept);
}

static void
free_all(struct list *conns)
{
	list_each_safe (it, tmp, conns) {
		list_remove(it);
		conn_free(container_of(it, struct conn, node));
	}
}

static void
on_reap(struct ev_loop *loop, ev_prepare *w, int revents)
{
	(void)loop;
	(void)revents;
	free_all(&container_of(w, struct http_server, reap)->dead);
}

int
http_server_open(const struct http_server_config *config,
		 struct http_server **ret, struct err *e)
{
	int fd = listen_at(config->socket_path, e);
	struct http_server *s;

	if (fd < 0)
		return fd;
	s = mem_new(sizeof(*s));
	s->config = *config;
	s->socket_path = mem_strdup(config->socket_path);
	s->version = mem_strdup(config->version);
	s->fd = fd;
	list_init(&s->conns);
	list_init(&s->dead);
	ev_io_init(&s->accept, on_accept, fd, EV_READ);
	ev_io_start(config->loop, &s->accept);
	ev_init(&s->retry, on_retry);
	s->retry.repeat = RETRY_S;
	ev_prepare_init(&s->reap, on_reap);
	ev_prepare_start(config->loop, &s->reap);
	*ret = s;
	return 0;
}

void
http_server_close(struct http_server *s)
{
	if (s == NULL)
		return;
	ev_io_stop(s->config.loop, &s->accept);
	ev_timer_stop(s->config.loop, &s->retry);
	ev_prepare_stop(s->config.loop, &s->reap);
	free_all(&s->conns);
	free_all(&s->dead);
	unlink(s->socket_path);
	close(s->fd);
	mem_free(s->socket_path);
	mem_free(s->version);
	mem_free(s);
}
