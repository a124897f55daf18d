/*
 * whoami_http.c - see whoami_http.h. It is no web server: it knows as much of
 * HTTP as its few replies need, and closes whatever is unusual.
 */
#include "exec/whoami_http.h"

#include <string.h>
#include <strings.h>

struct request {
	const char *line; /* "GET / HTTP/1.1" */
	size_t line_len;
	const char *method, *target;
	size_t method_len, target_len;
	bool old; /* HTTP/1.0 */
	bool head;
	bool close; /* the client asks for it */
	bool body;  /* one follows, and is not read */
};

/* After a bare newline, too, as RFC 9112 2.2 allows. */
size_t
whoami_head_len(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != '\n')
			continue;
		if (i + 1 < len && p[i + 1] == '\n')
			return i + 2;
		if (i + 2 < len && p[i + 1] == '\r' && p[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

static bool
is_word(const char *p, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(p, word, len) == 0;
}

/* The next line of the head without its end; NULL: the empty one. */
static const char *
next_line(const char **at, const char *end, size_t *ret_len)
{
	const char *line = *at;
	const char *stop = memchr(line, '\n', (size_t)(end - line));

	if (stop == NULL)
		return NULL;
	*at = stop + 1;
	*ret_len = (size_t)(stop - line);
	if (*ret_len > 0 && line[*ret_len - 1] == '\r')
		(*ret_len)--;
	return *ret_len > 0 ? line : NULL;
}

static bool
header_is(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && strncasecmp(line, name, n) == 0 && line[n] == ':';
}

static bool
value_has(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
		if (strncasecmp(line + i, word, n) == 0)
			return true;
	return false;
}

static void
read_header(struct request *r, const char *line, size_t len)
{
	if (header_is(line, len, "Connection") && value_has(line, len, "close"))
		r->close = true;
	else if (header_is(line, len, "Transfer-Encoding"))
		r->body = true;
	else if (header_is(line, len, "Content-Length") &&
		 !is_word(line + strlen("Content-Length"),
			  len - strlen("Content-Length"), ": 0"))
		r->body = true;
}

/* METHOD SP TARGET SP VERSION, printable, and nothing else. */
static bool
read_request_line(struct request *r)
{
	const char *end = r->line + r->line_len, *space, *version;

	for (const char *p = r->line; p < end; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	space = memchr(r->line, ' ', r->line_len);
	if (space == NULL || space == r->line)
		return false;
	r->method = r->line;
	r->method_len = (size_t)(space - r->line);
	r->target = space + 1;
	version = memchr(r->target, ' ', (size_t)(end - r->target));
	if (version == NULL || version == r->target)
		return false;
	r->target_len = (size_t)(version - r->target);
	version++;
	r->old = is_word(version, (size_t)(end - version), "HTTP/1.0");
	r->head = is_word(r->method, r->method_len, "HEAD");
	return r->old || is_word(version, (size_t)(end - version), "HTTP/1.1");
}

static bool
read_request(struct request *r, const char *head, size_t len)
{
	const char *at = head, *end = head + len, *line;
	size_t n;

	r->line = next_line(&at, end, &r->line_len);
	if (r->line == NULL || !read_request_line(r))
		return false;
	while ((line = next_line(&at, end, &n)) != NULL)
		read_header(r, line, n);
	return true;
}

/* The request as it came, line by line. */
static void
put_request(const char *head, size_t len, struct buf *out)
{
	const char *at = head, *line;
	size_t n;

	while ((line = next_line(&at, head + len, &n)) != NULL) {
		buf_put(out, line, n);
		buf_putc(out, '\n');
	}
}

static void
put_place(const struct whoami_place *place, struct buf *out)
{
	buf_printf(out, "Hostname: %s\n", place->hostname);
	for (const char *const *p = place->addresses; *p != NULL; p++)
		buf_printf(out, "IP: %s\n", *p);
	buf_printf(out, "RemoteAddr: %s\n", place->remote);
}

static void
put_reply(const char *status, const struct buf *body, bool open, bool head,
	  struct buf *out)
{
	buf_printf(out,
		   "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		   "Content-Length: %zu\r\nConnection: %s\r\n\r\n",
		   status, body->len, open ? "keep-alive" : "close");
	if (!head)
		buf_put(out, body->p, body->len);
}

static bool
path_is(const struct request *r, const char *path)
{
	size_t n = strlen(path);

	return r->target_len >= n && memcmp(r->target, path, n) == 0 &&
	       (r->target_len == n || r->target[n] == '?');
}

bool
whoami_reply(const char *head, size_t len, bool last,
	     const struct whoami_place *place, struct buf *out)
{
	owned(buf_fini) struct buf body = { 0 };
	struct request r = { 0 };
	bool open;

	if (!read_request(&r, head, len)) {
		buf_puts(&body, "this is not a request\n");
		put_reply("400 Bad Request", &body, false, false, out);
		return false;
	}
	open = !last && !r.close && !r.old && !r.body;
	if (path_is(&r, "/health")) {
		buf_puts(&body, "ok\n");
	} else {
		put_place(place, &body);
		put_request(head, len, &body);
	}
	if (path_is(&r, "/env"))
		for (const char *const *p = place->env; *p != NULL; p++)
			buf_printf(&body, "%s\n", *p);
	put_reply("200 OK", &body, open, r.head, out);
	return open;
}
