/* parse.c - see parse.h. */
#include "net/http/parse.h"

#include <llhttp.h>
#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define WHY_MAX 160

struct http_parser {
	llhttp_t ll;
	llhttp_settings_t settings;
	enum http_role role;
	struct http_parsed got; /* what the callbacks found */
	struct http_head head;
	struct buf target, field, value, content_type, key;
	unsigned fields, content_types, keys;
	size_t fruitless_bytes; /* since the last event */
	bool midway, fresh, in_head, no_body;
	char why[WHY_MAX];
};

static struct http_parser *
of(llhttp_t *ll)
{
	return ll->data;
}

static int
on_url(llhttp_t *ll, const char *at, size_t len)
{
	buf_put(&of(ll)->target, at, len);
	return 0;
}

static int
on_field(llhttp_t *ll, const char *at, size_t len)
{
	buf_put(&of(ll)->field, at, len);
	return 0;
}

static int
on_value(llhttp_t *ll, const char *at, size_t len)
{
	buf_put(&of(ll)->value, at, len);
	return 0;
}

/* One field is complete. Those of trailers are read and forgotten. */
static int
on_value_complete(llhttp_t *ll)
{
	struct http_parser *ps = of(ll);
	const char *name = buf_cstr(&ps->field);
	const char *value = buf_cstr(&ps->value);

	if (ps->in_head && str_cmp_nocase(name, "content-type") == 0) {
		ps->content_types++;
		buf_clear(&ps->content_type);
		buf_puts(&ps->content_type, value);
	}
	if (ps->in_head && str_cmp_nocase(name, "idempotency-key") == 0) {
		ps->keys++;
		buf_clear(&ps->key);
		buf_puts(&ps->key, value);
	}
	if (ps->in_head && str_cmp_nocase(name, "expect") == 0)
		ps->head.expects_continue =
			str_cmp_nocase(value, "100-continue") == 0;
	ps->fields++;
	buf_clear(&ps->field);
	buf_clear(&ps->value);
	if (ps->fields <= HTTP_FIELDS_MAX)
		return 0;
	llhttp_set_error_reason(ll, "Too many header fields");
	return HPE_USER;
}

static int
on_headers_complete(llhttp_t *ll)
{
	struct http_parser *ps = of(ll);
	struct http_head *h = &ps->head;

	if (ps->role == HTTP_READS_REQUESTS)
		h->method = llhttp_method_name(ll->method);
	h->target = buf_cstr(&ps->target);
	h->content_type = buf_cstr(&ps->content_type);
	h->key = buf_cstr(&ps->key);
	h->status = ll->status_code;
	h->minor = ll->http_minor;
	h->keep_alive = llhttp_should_keep_alive(ll) && h->minor == 1;
	h->has_length = (ll->flags & F_CONTENT_LENGTH) != 0;
	h->content_length = h->has_length ? ll->content_length : 0;
	h->has_body = (ll->flags & F_CHUNKED) || h->content_length > 0;
	/*
	 * Docker's client asks for upgrades (h2c, tcp) on some requests and is
	 * content with a plain answer: what follows is HTTP.
	 */
	ll->upgrade = 0;
	if (ps->no_body)
		ll->flags |= F_SKIPBODY;
	ps->in_head = false;
	ps->got.event = HTTP_GOT_HEAD;
	return HPE_PAUSED;
}

static int
on_body(llhttp_t *ll, const char *at, size_t len)
{
	struct http_parser *ps = of(ll);

	/* llhttp tells of an open span at the end of any input, even none. */
	if (len == 0)
		return 0;
	ps->got.event = HTTP_GOT_BODY;
	ps->got.body = at;
	ps->got.body_len = len;
	return HPE_PAUSED;
}

static int
on_message_complete(llhttp_t *ll)
{
	of(ll)->got.event = HTTP_GOT_END;
	return HPE_PAUSED;
}

static void
begin_message(struct http_parser *ps)
{
	/*
	 * A parser that starts anew for each message cannot carry a state
	 * from one request into the next.
	 */
	llhttp_init(&ps->ll,
		    ps->role == HTTP_READS_REQUESTS ? HTTP_REQUEST
						    : HTTP_RESPONSE,
		    &ps->settings);
	ps->ll.data = ps;
	ps->head = (struct http_head){
		.method = "", .target = "", .content_type = "", .key = ""
	};
	buf_clear(&ps->target);
	buf_clear(&ps->field);
	buf_clear(&ps->value);
	buf_clear(&ps->content_type);
	buf_clear(&ps->key);
	ps->fields = ps->content_types = ps->keys = 0;
	ps->fruitless_bytes = 0;
	ps->midway = false;
	ps->in_head = true;
	ps->fresh = false;
}

struct http_parser *
http_parser_new(enum http_role role)
{
	struct http_parser *ps = mem_new(sizeof(*ps));

	ps->role = role;
	llhttp_settings_init(&ps->settings);
	ps->settings.on_url = on_url;
	ps->settings.on_header_field = on_field;
	ps->settings.on_header_value = on_value;
	ps->settings.on_header_value_complete = on_value_complete;
	ps->settings.on_headers_complete = on_headers_complete;
	ps->settings.on_body = on_body;
	ps->settings.on_message_complete = on_message_complete;
	begin_message(ps);
	return ps;
}

void
http_parser_free(struct http_parser *ps)
{
	if (ps == NULL)
		return;
	buf_fini(&ps->target);
	buf_fini(&ps->field);
	buf_fini(&ps->value);
	buf_fini(&ps->content_type);
	buf_fini(&ps->key);
	mem_free(ps);
}

static struct http_parsed
bad(struct http_parser *ps, int status, const char *what, const char *detail)
{
	snprintf(ps->why, sizeof(ps->why), "%s%s%s", what, *detail ? ": " : "",
		 detail);
	ps->midway = true;
	return (struct http_parsed){ .event = HTTP_BAD,
				     .status = status,
				     .why = ps->why };
}

static struct http_parsed
bad_syntax(struct http_parser *ps)
{
	const char *reason = llhttp_get_error_reason(&ps->ll);

	if (ps->fields > HTTP_FIELDS_MAX)
		return bad(ps, 431, "the message has too many header fields",
			   "");
	return bad(ps, 400, "the message is not HTTP/1.1",
		   reason ? reason : llhttp_errno_name(ps->ll.error));
}

/* What llhttp lets pass and we do not. */
static struct http_parsed
judge_head(struct http_parser *ps, struct http_parsed got)
{
	if (ps->ll.http_major != 1 || ps->ll.http_minor > 1)
		return bad(ps, 505, "only HTTP/1.0 and HTTP/1.1 are spoken",
			   "");
	if (ps->content_types > 1)
		return bad(ps, 400, "Content-Type is given more than once", "");
	if (ps->keys > 1)
		return bad(ps, 400, "Idempotency-Key is given more than once",
			   "");
	/* RFC 9112 6.1: framing that a 1.0 hop may have understood otherwise */
	if (ps->head.minor == 0 && (ps->ll.flags & F_TRANSFER_ENCODING))
		return bad(ps, 400, "Transfer-Encoding in an HTTP/1.0 message",
			   "");
	if (ps->role == HTTP_READS_REQUESTS &&
	    (ps->ll.flags & F_TRANSFER_ENCODING) && !(ps->ll.flags & F_CHUNKED))
		return bad(ps, 400, "Transfer-Encoding without chunked", "");
	return got;
}

static struct http_parsed
after_pause(struct http_parser *ps, const char *p, size_t len)
{
	const char *at = llhttp_get_error_pos(&ps->ll);

	check(at >= p && at <= p + len);
	ps->got.used = (size_t)(at - p);
	llhttp_resume(&ps->ll);
	ps->fruitless_bytes = 0;
	ps->midway = ps->got.event != HTTP_GOT_END;
	if (ps->got.event == HTTP_GOT_END) {
		ps->fresh = true;
		ps->no_body = false;
	}
	if (ps->got.event == HTTP_GOT_HEAD)
		return judge_head(ps, ps->got);
	return ps->got;
}

struct http_parsed
http_parse(struct http_parser *ps, const char *p, size_t len)
{
	size_t room, take;
	llhttp_errno_t code;

	if (ps->fresh)
		begin_message(ps);
	if (len == 0)
		p = "";
	/*
	 * A piece of body is an event, so only bytes that give none count: all
	 * but the last HTTP_HEAD_MAX of a huge piece are looked at next time.
	 */
	room = HTTP_HEAD_MAX - ps->fruitless_bytes;
	take = len < room ? len : room;
	ps->got = (struct http_parsed){ .event = HTTP_MORE };
	code = llhttp_execute(&ps->ll, p, take);
	if (code == HPE_PAUSED)
		return after_pause(ps, p, take);
	if (code != HPE_OK)
		return bad_syntax(ps);
	ps->fruitless_bytes += take;
	ps->midway = ps->midway || take > 0;
	if (ps->fruitless_bytes >= HTTP_HEAD_MAX)
		return bad(ps, 431, "the header is longer than 65536 bytes",
			   "");
	ps->got.used = take;
	return ps->got;
}

struct http_parsed
http_parse_eof(struct http_parser *ps)
{
	ps->got = (struct http_parsed){ .event = HTTP_MORE };
	if (ps->fresh || !ps->midway)
		return bad(ps, 400, "the connection was closed", "");
	(void)llhttp_finish(&ps->ll);
	if (ps->got.event != HTTP_GOT_END)
		return bad(ps, 400, "the message ends too early", "");
	ps->fresh = true;
	ps->midway = false;
	return ps->got;
}

const struct http_head *
http_parser_head(const struct http_parser *ps)
{
	return &ps->head;
}

bool
http_parser_midway(const struct http_parser *ps)
{
	return ps->midway;
}

void
http_parser_no_body(struct http_parser *ps)
{
	ps->no_body = true;
}
