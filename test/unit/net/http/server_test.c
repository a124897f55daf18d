/* server_test.c - a server in this process, clients on its real socket. */
#include "net/http/server.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/str.h"
#include "net/http/client.h"
#include "test/t.h"

#define TURNS_MAX 200000

/* What the server told, as text, and how to answer. */
static struct {
	struct ev_loop *loop;
	struct http_server *server;
	char dir[64], path[96];
	struct buf log;
	uint64_t last_id;
	bool hold; /* do not answer by itself */
	bool body_stops;
	size_t body_len;
	unsigned drained;
} w;

static void
on_request(void *ctx, const struct request *r)
{
	char reply[128];

	OK(ctx == &w);
	OK(r->id > w.last_id);
	w.last_id = r->id;
	buf_printf(&w.log, "ask %d %s%s%s;", (int)r->op, str_or(r->target, "-"),
		   r->body ? " " : "", r->body ? r->body : "");
	if (w.hold || r->op == OP_IMAGE_LOAD)
		return;
	snprintf(reply, sizeof(reply), "{\"op\":%d}\n", (int)r->op);
	http_reply(w.server, r->id, 200, NULL, reply, strlen(reply));
}

static bool
on_body(void *ctx, uint64_t id, const void *p, size_t len)
{
	OK(ctx == &w);
	EQ(id, w.last_id);
	w.body_len += len;
	if (p == NULL) {
		buf_puts(&w.log, "end;");
		http_reply(w.server, id, 200, NULL, "loaded", 6);
		return true;
	}
	return !w.body_stops;
}

static void
on_gone(void *ctx, uint64_t id)
{
	OK(ctx == &w);
	EQ(id, w.last_id);
	buf_puts(&w.log, "gone;");
}

static void
on_drained(void *ctx, uint64_t id)
{
	OK(ctx == &w);
	EQ(id, w.last_id);
	w.drained++;
}

static const char *
swarm_state(void *ctx)
{
	OK(ctx == &w);
	return "active/manager";
}

static int
open_server(struct http_server **ret, struct err *e)
{
	struct http_server_config config = {
		.loop = w.loop,
		.socket_path = w.path,
		.version = "1.2",
		.request = on_request,
		.body = on_body,
		.gone = on_gone,
		.drained = on_drained,
		.swarm_state = swarm_state,
		.ctx = &w,
	};

	return http_server_open(&config, ret, e);
}

static void
begin(void)
{
	struct err e;

	memset(&w, 0, sizeof(w));
	snprintf(w.dir, sizeof(w.dir), "/tmp/swarm-http-XXXXXX");
	OK(mkdtemp(w.dir) != NULL);
	snprintf(w.path, sizeof(w.path), "%s/s.sock", w.dir);
	w.loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	OK(w.loop != NULL);
	EQ(open_server(&w.server, &e), 0);
}

static void
end(void)
{
	http_server_close(w.server);
	ev_loop_destroy(w.loop);
	OK(access(w.path, F_OK) < 0);
	OK(rmdir(w.dir) == 0);
	buf_fini(&w.log);
}

static int
dial(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", w.path);
	OK(connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	OK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	return fd;
}

static void
turn(void)
{
	ev_run(w.loop, EVRUN_NOWAIT);
}

static void
say(int fd, const char *s)
{
	EQ(send(fd, s, strlen(s), MSG_NOSIGNAL), (ssize_t)strlen(s));
}

/* Run the server until it hangs up; all that it said is in out. */
static void
hear_all(int fd, struct buf *out)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		ssize_t n;

		turn();
		n = recv(fd, buf_room(out, 65536), 65536, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return;
		if (n > 0)
			out->len += (size_t)n;
	}
	OK(!"the server did not hang up");
}

/* Run the server until its words end with this. */
static void
hear_until(int fd, struct buf *out, const char *last)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		ssize_t n;

		turn();
		n = recv(fd, buf_room(out, 65536), 65536, 0);
		if (n > 0)
			out->len += (size_t)n;
		if (str_ends(buf_cstr(out), last))
			return;
		OK(n > 0 || (n < 0 && errno == EAGAIN));
	}
	fprintf(stderr, "heard: %s\n", buf_cstr(out));
	OK(!"the server did not say it");
}

static void
until_logged(const char *last)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		if (str_ends(buf_cstr(&w.log), last))
			return;
		turn();
	}
	fprintf(stderr, "log: %s\n", buf_cstr(&w.log));
	OK(!"it was not logged");
}

static int
count(const char *text, const char *what)
{
	int n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* One exchange on its own connection; the answer without the date. */
static void
exchange(const char *request, struct buf *out)
{
	int fd = dial();
	char *date;

	buf_clear(out);
	say(fd, request);
	hear_all(fd, out);
	close(fd);
	date = strstr(buf_cstr(out), "Date: ");
	if (date)
		memmove(date, strchr(date, '\n') + 1,
			strlen(strchr(date, '\n') + 1) + 1);
}

#define HEADERS                                                                \
	"Api-Version: 1.50\r\nDocker-Experimental: false\r\n"                  \
	"Ostype: linux\r\nServer: Swarm/1.2 (linux)\r\n"
#define JSON "Content-Type: application/json\r\n"
#define CLOSE "Connection: close\r\n"
#define PING                                                                   \
	"HTTP/1.1 200 OK\r\n" HEADERS                                          \
	"Content-Type: text/plain; charset=utf-8\r\n" CLOSE                    \
	"Content-Length: 2\r\nBuilder-Version: 1\r\n"                          \
	"Swarm: active/manager\r\n"                                            \
	"Cache-Control: no-cache, no-store, must-revalidate\r\n"               \
	"Pragma: no-cache\r\n\r\n"

T(answers_are_dockers_to_the_byte)
{
	static const struct {
		const char *name, *request, *want;
	} rows[] = {
		{ "ping", "GET /_ping HTTP/1.1\r\n" CLOSE "\r\n", PING "OK" },
		{ "ping HEAD", "HEAD /_ping HTTP/1.1\r\n" CLOSE "\r\n", PING },
		{ "versioned ping",
		  "GET /v1.41/_ping HTTP/1.1\r\n" CLOSE "\r\n", PING "OK" },
		{ "unknown", "GET /nope HTTP/1.1\r\n" CLOSE "\r\n",
		  "HTTP/1.1 404 Not Found\r\n" HEADERS JSON CLOSE
		  "Content-Length: 29\r\n\r\n"
		  "{\"message\":\"page not found\"}\n" },
	};
	struct buf out = { 0 };

	begin();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].name);
		exchange(rows[i].request, &out);
		EQ_STR(buf_cstr(&out), rows[i].want);
	}
	buf_fini(&out);
	end();
}

#define JSON_POST "POST /v1.50/services/create HTTP/1.1\r\n"
T(what_is_wrong_is_refused_with_its_status)
{
	static const struct {
		const char *name, *request, *start, *has;
	} rows[] = {
		{ "not HTTP", "hello\r\n\r\n", "HTTP/1.1 400 ", "not HTTP" },
		{ "HTTP/2", "GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505 ", "" },
		{ "length and chunks",
		  JSON_POST "Content-Length: 4\r\nTransfer-Encoding: "
			    "chunked\r\n\r\n0\r\n\r\n",
		  "HTTP/1.1 400 ", "" },
		{ "unknown with a body",
		  "POST /nope HTTP/1.1\r\nContent-Length: 9\r\n\r\n{",
		  "HTTP/1.1 404 ", "page not found" },
		{ "old version", "GET /v1.1/tasks HTTP/1.1\r\n" CLOSE "\r\n",
		  "HTTP/1.1 400 ", "too old" },
		{ "not JSON",
		  JSON_POST CLOSE
		  "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
		  "HTTP/1.1 400 ", "text/plain" },
		{ "almost JSON",
		  JSON_POST CLOSE "Content-Type: application/jsonx\r\n"
				  "Content-Length: 2\r\n\r\n{}",
		  "HTTP/1.1 400 ", "application/jsonx" },
		{ "a key that is none",
		  JSON_POST CLOSE "Idempotency-Key: a b\r\n"
				  "Content-Length: 0\r\n\r\n",
		  "HTTP/1.1 400 ", "The Idempotency-Key is not" },
		{ "two keys",
		  JSON_POST CLOSE "Idempotency-Key: a\r\n"
				  "idempotency-key: a\r\n"
				  "Content-Length: 0\r\n\r\n",
		  "HTTP/1.1 400 ", "given more than once" },
		{ "body too long",
		  JSON_POST "Content-Type: application/json\r\n"
			    "Content-Length: 4194305\r\n\r\n",
		  "HTTP/1.1 413 ", "4 MiB" },
		{ "body too long, expecting",
		  JSON_POST "Expect: 100-continue\r\n"
			    "Content-Length: 4194305\r\n\r\n",
		  "HTTP/1.1 413 ", "4 MiB" },
	};
	struct buf out = { 0 };

	begin();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		T_ROW(rows[i].name);
		exchange(rows[i].request, &out);
		OK(str_starts(buf_cstr(&out), rows[i].start));
		OK(strstr(buf_cstr(&out), rows[i].has) != NULL);
		OK(strstr(buf_cstr(&out), "{\"message\":\"") != NULL);
		OK(strstr(buf_cstr(&out), "Api-Version: 1.50\r\n") != NULL);
	}
	EQ(w.log.len, 0); /* none was handed on */
	buf_fini(&out);
	end();
}

T(a_body_that_grows_too_long_in_chunks_is_refused)
{
	struct buf out = { 0 }, piece = { 0 };
	size_t sent = 0;
	int fd;

	begin();
	fd = dial();
	say(fd, JSON_POST "Content-Type: application/json\r\n"
			  "Transfer-Encoding: chunked\r\n\r\n");
	buf_puts(&piece, "8000\r\n");
	memset(buf_room(&piece, 0x8000), ' ', 0x8000);
	piece.len += 0x8000;
	buf_puts(&piece, "\r\n");
	while (sent < (size_t)REQUEST_BODY_MAX * 2 && out.len == 0) {
		ssize_t n = send(fd, piece.p, piece.len, MSG_NOSIGNAL);

		turn();
		if (n < 0 && errno != EAGAIN)
			break;
		if (n >= 0 && (size_t)n < piece.len)
			OK(!"a piece was cut");
		sent += n > 0 ? (size_t)n : 0;
		n = recv(fd, buf_room(&out, 4096), 4096, 0);
		out.len += n > 0 ? (size_t)n : 0;
	}
	OK(str_starts(buf_cstr(&out), "HTTP/1.1 413 "));
	OK(sent >= REQUEST_BODY_MAX);
	close(fd);
	EQ(w.log.len, 0);
	buf_fini(&out);
	buf_fini(&piece);
	end();
}

T(pipelined_requests_are_answered_in_order)
{
	struct buf out = { 0 };
	uint64_t first;
	int fd;

	begin();
	w.hold = true;
	fd = dial();
	say(fd, "GET /tasks HTTP/1.1\r\n\r\nGET /nodes/a HTTP/1.1\r\n\r\n"
		"GET /_ping HTTP/1.1\r\n" CLOSE "\r\n");
	until_logged(";");
	turn();
	turn();
	EQ(count(buf_cstr(&w.log), "ask"), 1); /* one at a time */
	first = w.last_id;
	http_reply(w.server, first, 200, NULL, "[1]", 3);
	until_logged("a;");
	OK(w.last_id > first);
	http_reply(w.server, first, 200, NULL, "[no]", 4); /* known no more */
	http_reply(w.server, w.last_id, 404, NULL, "[2]", 3);
	hear_all(fd, &out);
	EQ(count(buf_cstr(&out), "HTTP/1.1 "), 3);
	OK(strstr(out.p, "[1]") < strstr(out.p, "[2]"));
	OK(strstr(out.p, "[2]") < strstr(out.p, "\r\n\r\nOK"));
	OK(!strstr(out.p, "[no]"));
	close(fd);
	buf_fini(&out);
	end();
}

T(requests_wait_while_answers_are_not_read)
{
	static const char ping[] = "GET /_ping HTTP/1.1\r\n\r\n";
	struct buf all = { 0 };
	size_t sent = 0;
	int fd;

	begin();
	fd = dial();
	for (int i = 0; i < 1000; i++)
		buf_puts(&all, ping);
	/* Far more than sockets buffer: the server must stop reading. */
	for (int idle = 0; sent < 100000000 && idle < 100;) {
		ssize_t n = send(fd, all.p, all.len, MSG_NOSIGNAL);

		turn();
		idle = n > 0 ? 0 : idle + 1;
		sent += n > 0 ? (size_t)n : 0;
	}
	OK(sent < 10000000);
	close(fd);
	turn();
	buf_fini(&all);
	end();
}

T(a_request_may_come_byte_by_byte)
{
	static const char text[] =
		JSON_POST "Content-Type: application/json; charset=utf-8\r\n"
			  "Content-Length: 12\r\n\r\n{\"Name\":\"a\"}";
	struct buf out = { 0 };
	int fd;

	begin();
	fd = dial();
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		EQ(send(fd, text + i, 1, 0), 1);
		turn();
	}
	hear_until(fd, &out, "}\n");
	OK(str_ends(buf_cstr(&w.log), " {\"Name\":\"a\"};"));
	say(fd, "GET /tasks HTTP/1.1\r\n\r\n"); /* kept alive */
	buf_clear(&out);
	hear_until(fd, &out, "}\n");
	close(fd);
	buf_fini(&out);
	end();
}

T(who_waits_to_be_told_to_continue_is_told)
{
	struct buf out = { 0 };
	int fd;

	begin();
	fd = dial();
	say(fd, JSON_POST "Content-Type: application/json\r\n"
			  "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	hear_until(fd, &out, "HTTP/1.1 100 Continue\r\n\r\n");
	say(fd, "{}");
	hear_until(fd, &out, "}\n");
	close(fd);
	buf_fini(&out);
	end();
}

T(who_hangs_up_early_is_gone_once)
{
	int fd;

	begin();
	w.hold = true;
	fd = dial();
	say(fd, "GET /tasks HTTP/1.1\r\n\r\n");
	until_logged(";");
	close(fd);
	until_logged("gone;");
	http_reply(w.server, w.last_id, 200, NULL, "", 0); /* nobody there */
	http_stream_end(w.server, w.last_id);
	turn();
	EQ(count(buf_cstr(&w.log), "gone"), 1);
	end();
}

T(who_only_stops_sending_gets_the_answer)
{
	struct buf out = { 0 };
	int fd;

	begin();
	w.hold = true;
	fd = dial();
	say(fd, "GET /tasks HTTP/1.1\r\n\r\n");
	OK(shutdown(fd, SHUT_WR) == 0);
	until_logged(";");
	for (int i = 0; i < 10; i++)
		turn();
	EQ(count(buf_cstr(&w.log), "gone"), 0);
	http_reply(w.server, w.last_id, 200, NULL, "[]", 2);
	hear_all(fd, &out);
	OK(str_ends(buf_cstr(&out), "\r\n\r\n[]"));
	close(fd);
	buf_fini(&out);
	end();
}

T(who_stopped_sending_and_then_left_is_gone)
{
	int fd;

	begin();
	w.hold = true;
	fd = dial();
	say(fd, "GET /tasks HTTP/1.1\r\n\r\n");
	OK(shutdown(fd, SHUT_WR) == 0);
	until_logged(";");
	for (int i = 0; i < 10; i++)
		turn();
	close(fd);
	/* Nothing is watched now; it looks once a second. */
	while (!str_ends(buf_cstr(&w.log), "gone;"))
		ev_run(w.loop, EVRUN_ONCE);
	end();
}

T(a_stream_comes_in_chunks_with_head_and_1_0_plain)
{
	static const struct {
		const char *name, *request, *want;
	} rows[] = {
		{ "1.1", "GET /events HTTP/1.1\r\n" CLOSE "\r\n",
		  CLOSE "Transfer-Encoding: chunked\r\n\r\n"
			"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n" },
		{ "1.0", "GET /events HTTP/1.0\r\n\r\n", CLOSE "\r\nabcd" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = { 0 };
		int fd;

		T_ROW(rows[i].name);
		begin();
		w.hold = true;
		fd = dial();
		say(fd, rows[i].request);
		until_logged(";");
		OK(http_stream(w.server, w.last_id, "a/b", "", 0));
		hear_until(fd, &out, "\r\n\r\n"); /* the head is sent at once */
		OK(strstr(buf_cstr(&out), "Content-Type: a/b\r\n") != NULL);
		OK(http_stream(w.server, w.last_id, "a/b", "abc", 3));
		OK(http_stream(w.server, w.last_id, "a/b", "d", 1));
		http_stream_end(w.server, w.last_id);
		hear_all(fd, &out);
		OK(str_ends(buf_cstr(&out), rows[i].want));
		close(fd);
		buf_fini(&out);
		end();
	}
}

T(a_stream_that_is_not_read_is_held_back_until_it_is)
{
	static char piece[65536];
	size_t sent = 0, heard = 0;
	int fd;

	begin();
	w.hold = true;
	fd = dial();
	say(fd, "GET /events HTTP/1.1\r\n\r\n");
	until_logged(";");
	do {
		turn();
		sent += sizeof(piece);
		OK(sent < (size_t)HTTP_QUEUE_MAX * 2);
	} while (http_stream(w.server, w.last_id, NULL, piece, sizeof(piece)));
	OK(sent > HTTP_QUEUE_MAX);
	EQ(w.drained, 0);
	http_stream(w.server, w.last_id, NULL, piece, 1); /* not lost */
	while (w.drained == 0) {
		ssize_t n = recv(fd, piece, sizeof(piece), 0);

		heard += n > 0 ? (size_t)n : 0;
		turn();
	}
	EQ(w.drained, 1);
	OK(http_stream(w.server, w.last_id, NULL, "x", 1));
	OK(heard > sent / 2);
	close(fd);
	until_logged("gone;");
	end();
}

T(a_stream_that_is_ended_while_it_is_full_is_not_told_to_go_on)
{
	static char piece[65536];
	int fd;

	begin();
	w.hold = true;
	fd = dial();
	say(fd, "GET /events HTTP/1.1\r\n" CLOSE "\r\n");
	until_logged(";");
	while (http_stream(w.server, w.last_id, NULL, piece, sizeof(piece)))
		turn();
	http_stream_end(w.server, w.last_id);
	for (int i = 0; i < TURNS_MAX; i++) {
		turn();
		if (recv(fd, piece, sizeof(piece), 0) == 0)
			break;
	}
	EQ(w.drained, 0);
	EQ(count(buf_cstr(&w.log), "gone"), 0);
	close(fd);
	end();
}

T(an_upload_is_handed_on_as_it_comes_and_can_be_held_back)
{
	static char zeros[0x10000];
	struct buf out = { 0 };
	int fd, pieces = 0;

	begin();
	fd = dial();
	say(fd, "POST /images/load HTTP/1.1\r\n"
		"Transfer-Encoding: chunked\r\n\r\n");
	until_logged(";");
	w.body_stops = true;
	for (int i = 0; i < 100; i++) {
		char head[] = "10000\r\n";

		if (send(fd, head, strlen(head), MSG_NOSIGNAL) < 0)
			break;
		pieces++;
		turn();
		if (send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL) !=
		    sizeof(zeros))
			break; /* held back */
		say(fd, "\r\n");
		turn();
	}
	OK(pieces < 50);
	OK(w.body_len > 0 && w.body_len <= 65536);
	close(fd);
	http_body_resume(w.server, w.last_id);
	w.body_stops = false;
	until_logged("gone;");
	w.body_len = 0;

	buf_clear(&w.log);
	fd = dial();
	w.body_stops = true;
	say(fd, "POST /images/load HTTP/1.1\r\n"
		"Content-Length: 5\r\n\r\nhello");
	until_logged(";");
	turn();
	EQ(w.body_len, 5);
	EQ(count(buf_cstr(&w.log), "end"), 0);
	http_body_resume(w.server, w.last_id);
	hear_until(fd, &out, "loaded");
	OK(str_ends(buf_cstr(&w.log), "end;"));
	close(fd);
	buf_fini(&out);
	end();
}

T(an_upload_that_is_answered_early_ends_the_connection)
{
	struct buf out = { 0 };
	int fd;

	begin();
	fd = dial();
	say(fd, "POST /images/load HTTP/1.1\r\n"
		"Content-Length: 500\r\n\r\nhello");
	until_logged(";");
	http_reply(w.server, w.last_id, 500, NULL, "full", 4);
	hear_all(fd, &out);
	OK(strstr(buf_cstr(&out), CLOSE) != NULL);
	OK(str_ends(buf_cstr(&out), "full"));
	EQ(count(buf_cstr(&w.log), "gone"), 0);
	close(fd);
	buf_fini(&out);
	end();
}

T(a_broken_upload_is_gone)
{
	struct buf out = { 0 };
	int fd;

	begin();
	fd = dial();
	say(fd, "POST /images/load HTTP/1.1\r\n"
		"Transfer-Encoding: chunked\r\n\r\n2\r\nhello");
	hear_all(fd, &out);
	OK(str_starts(buf_cstr(&out), "HTTP/1.1 400 "));
	OK(str_ends(buf_cstr(&w.log), "gone;"));
	close(fd);
	buf_fini(&out);
	end();
}

T(more_clients_than_the_limit_wait_for_a_place)
{
	static int fds[HTTP_CLIENTS_MAX + 1];
	struct buf out = { 0 };

	begin();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = dial();
		turn();
	}
	say(fds[HTTP_CLIENTS_MAX], "GET /_ping HTTP/1.1\r\n\r\n");
	for (int i = 0; i < 10; i++)
		turn();
	OK(recv(fds[HTTP_CLIENTS_MAX], buf_room(&out, 1), 1, 0) < 0);
	close(fds[7]);
	hear_until(fds[HTTP_CLIENTS_MAX], &out, "\r\n\r\nOK");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (i != 7)
			close(fds[i]);
	buf_fini(&out);
	end();
}

T(a_stale_socket_is_replaced_and_a_live_one_respected)
{
	struct http_server *other = NULL;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;
	struct err e;
	int fd;

	begin();
	EQ(open_server(&other, &e), -EADDRINUSE);
	OK(strstr(e.msg, w.path) != NULL);
	OK(stat(w.path, &st) == 0);
	EQ(st.st_mode & 0777, 0660);
	http_server_close(w.server);
	OK(access(w.path, F_OK) < 0);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", w.path);
	OK(bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	close(fd);
	EQ(open_server(&w.server, &e), 0);
	end();
}

T(a_file_in_the_sockets_place_is_left_alone)
{
	struct http_server *other = NULL;
	struct err e;
	int fd;

	begin();
	http_server_close(w.server);
	fd = open(w.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	OK(fd >= 0);
	close(fd);
	EQ(open_server(&other, &e), -EEXIST);
	OK(unlink(w.path) == 0);
	EQ(open_server(&w.server, &e), 0);
	end();
}

/* ---- the asking side, in a child, against the server here --------------- */

static ssize_t
upload(void *ctx, void *p, size_t cap)
{
	size_t *left = ctx;
	size_t n = *left < cap ? *left : cap;

	memset(p, 'u', n);
	*left -= n;
	return (ssize_t)n;
}

static bool
piece(void *ctx, const void *p, size_t len)
{
	struct buf *b = ctx;

	buf_put(b, p, len);
	return b->len < 5;
}

static int
client_asks(void)
{
	char host[160];
	struct http_client *c = NULL;
	struct buf body = { 0 }, pieces = { 0 };
	size_t left = 1000000;
	struct err e;
	struct http_exchange load = { .method = "POST",
				      .path = "/images/load",
				      .content_type = "application/x-tar",
				      .upload = upload,
				      .ctx = &left };
	struct http_exchange events = { .method = "GET",
					.path = "/events",
					.piece = piece,
					.ctx = &pieces };

	snprintf(host, sizeof(host), "unix://%s", w.path);
	EQ(http_client_new(host, &c, &e), 0);
	EQ(http_ask(c, "HEAD", "/_ping", NULL, 0, &body, &e), 200);
	EQ(body.len, 0);
	EQ(http_ask(c, "GET", "/_ping", NULL, 0, &body, &e), 200);
	EQ_STR(buf_cstr(&body), "OK");
	buf_clear(&body);
	EQ(http_ask(c, "GET", "/nope", NULL, 0, &body, &e), 404);
	EQ_STR(buf_cstr(&body), "{\"message\":\"page not found\"}\n");
	buf_clear(&body);
	EQ(http_ask(c, "POST", "/services/create", "{}", 2, &body, &e), 200);
	buf_clear(&body);
	EQ(http_exchange(c, &load, &body, &e), 200);
	EQ_STR(buf_cstr(&body), "loaded");
	EQ(left, 0);
	buf_clear(&body);
	EQ(http_exchange(c, &events, &body, &e), 200);
	EQ_STR(buf_cstr(&pieces), "abcde");
	EQ(http_ask(c, "GET", "/a b", NULL, 0, &body, &e), -EINVAL);
	http_client_free(c);
	buf_fini(&body);
	buf_fini(&pieces);
	return 0;
}

T(a_client_asks_uploads_and_listens)
{
	bool streamed = false;
	int status = -1;
	pid_t pid;

	begin();
	pid = fork();
	if (pid == 0)
		_exit(client_asks());
	for (int i = 0; waitpid(pid, &status, WNOHANG) == 0; i++) {
		ev_run(w.loop, EVRUN_NOWAIT);
		if (!streamed && str_ends(buf_cstr(&w.log), "end;"))
			w.hold = true;
		if (!w.hold || streamed || str_ends(buf_cstr(&w.log), "end;"))
			continue;
		http_stream(w.server, w.last_id, NULL, "abc", 3);
		http_stream(w.server, w.last_id, NULL, "de", 2);
		streamed = true;
	}
	OK(WIFEXITED(status));
	EQ(WEXITSTATUS(status), 0);
	EQ(w.body_len, 1000000);
	until_logged("gone;");
	end();
}

T(a_daemon_that_is_not_there_is_named)
{
	struct http_client *c = NULL;
	struct buf body = { 0 };
	struct err e;

	EQ(http_client_new("tcp://1.2.3.4", &c, &e), -EINVAL);
	EQ(http_client_new("unix:///nowhere/s.sock", &c, &e), 0);
	EQ(http_ask(c, "GET", "/info", NULL, 0, &body, &e), -ENOENT);
	EQ_STR(e.msg, "Cannot connect to the swarm daemon at "
		      "unix:///nowhere/s.sock. Is it running? \"swarm init\" "
		      "starts it on a new node, \"swarm daemon\" again.");
	http_client_free(c);
	buf_fini(&body);
}
