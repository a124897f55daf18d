/*
 * load_swarm.c - writes to our daemon: HTTP/1.1 on its socket, one connection
 * for each writer, as Docker's client would.
 *
 * A write must be one change that is committed by itself, without a read
 * before it. An update of a service needs the version that the last one made,
 * which its answer does not tell; so a writer makes a service without
 * replicas, but with a label, and removes it, and so on. Each is an entry of
 * the log; with LABEL_LEN as many bytes reach a follower for each write as do
 * with etcd and LOAD_VALUE_LEN (counted at its interface).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/bench/load.h"

#define ANSWER_MAX 16384
#define LABEL_LEN (LOAD_VALUE_LEN + 64)

struct swarm_connection {
	struct connection c;
	struct writer *writer;
	char in[ANSWER_MAX + 1];
	size_t in_len;
};

static void
begin(struct swarm_connection *s)
{
	static char value[LABEL_LEN + 1];
	char body[1024], request[2048];
	struct writer *w = s->writer;
	unsigned long long nth = w->written / 2;
	int n;

	memset(value, 'v', sizeof(value) - 1);
	n = snprintf(body, sizeof(body),
		     "{\"Name\":\"w%u-%d-%llu\",\"Labels\":{\"v\":\"%s\"},"
		     "\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"x\"}},"
		     "\"Mode\":{\"Replicated\":{\"Replicas\":0}}}",
		     w->number, getpid(), nth, value);
	if (w->written % 2 == 0)
		n = snprintf(request, sizeof(request),
			     "POST /services/create HTTP/1.1\r\nHost: h\r\n"
			     "Content-Type: application/json\r\n"
			     "Content-Length: %d\r\n\r\n%s",
			     n, body);
	else
		n = snprintf(request, sizeof(request),
			     "DELETE /services/w%u-%d-%llu HTTP/1.1\r\n"
			     "Host: h\r\n\r\n",
			     w->number, getpid(), nth);
	w->began_us = load_now_us();
	/* One request waits at a time: the socket has room for it. */
	if (send(s->c.fd, request, (size_t)n, MSG_NOSIGNAL) != n)
		load_fail("send a request");
}

/* Bytes of the whole answer that is at the start of in; 0: not yet there. */
static size_t
whole_answer(const struct swarm_connection *s)
{
	const char *end = strstr(s->in, "\r\n\r\n");
	const char *len = strcasestr(s->in, "\r\ncontent-length:");
	size_t whole;

	if (end == NULL)
		return 0;
	whole = (size_t)(end + 4 - s->in);
	if (len != NULL && len < end)
		whole += strtoul(len + 17, NULL, 10);
	return whole <= s->in_len ? whole : 0;
}

static void
turn(struct connection *c)
{
	struct swarm_connection *s = (struct swarm_connection *)c;
	ssize_t n = recv(c->fd, s->in + s->in_len, ANSWER_MAX - s->in_len, 0);

	if (n <= 0)
		load_fail("the daemon hung up");
	s->in_len += (size_t)n;
	s->in[s->in_len] = '\0';
	if (whole_answer(s) == 0)
		return;
	load_done(s->writer, s->in[9] == '2', s->in);
	s->in_len = 0;
	begin(s);
}

static struct connection *
swarm_open(const struct load_options *o, struct writer *v, uint32_t count)
{
	struct swarm_connection *s = calloc(1, sizeof(*s));
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	(void)count; /* one writer each */
	if (s == NULL)
		load_fail("memory");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", o->target);
	s->writer = v;
	s->c.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->c.fd < 0 ||
	    connect(s->c.fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		load_fail(o->target);
	begin(s);
	return &s->c;
}

const struct load_system load_swarm = { swarm_open, turn };
