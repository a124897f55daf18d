/*
 * http_fuzz.c - a stream of HTTP messages. The first byte says which role,
 * the second where to cut: cut or whole, the same must come out.
 */
#include <stdint.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/check.h"
#include "net/http/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
tell(struct buf *out, const struct http_parser *ps,
     const struct http_parsed *ev)
{
	const struct http_head *h = http_parser_head(ps);

	if (ev->event == HTTP_GOT_HEAD)
		buf_printf(out, "H %s %s %s %d %d %d\n", h->method, h->target,
			   h->content_type, h->status, h->keep_alive,
			   h->has_body);
	if (ev->event == HTTP_GOT_BODY)
		buf_put(out, ev->body, ev->body_len);
	if (ev->event == HTTP_GOT_END)
		buf_puts(out, "\nE\n");
	if (ev->event == HTTP_BAD)
		buf_printf(out, "\nB %d\n", ev->status);
}

static bool
feed(struct buf *out, struct http_parser *ps, const char *p, size_t len)
{
	for (;;) {
		struct http_parsed ev = http_parse(ps, p, len);

		check(ev.used <= len);
		if (ev.event == HTTP_MORE)
			return true;
		tell(out, ps, &ev);
		if (ev.event == HTTP_BAD)
			return false;
		p += ev.used;
		len -= ev.used;
	}
}

static void
run(struct buf *out, enum http_role role, const char *p, size_t len, size_t cut)
{
	struct http_parser *ps = http_parser_new(role);

	if (feed(out, ps, p, cut))
		feed(out, ps, p + cut, len - cut);
	http_parser_free(ps);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = { 0 }, halves = { 0 };
	enum http_role role;
	size_t cut;

	if (size < 2)
		return 0;
	role = data[0] & 1 ? HTTP_READS_REQUESTS : HTTP_READS_ANSWERS;
	size -= 2;
	cut = size * data[1] / 255;
	run(&whole, role, (const char *)data + 2, size, size);
	run(&halves, role, (const char *)data + 2, size, cut);
	check(whole.len == halves.len);
	check(whole.len == 0 || memcmp(whole.p, halves.p, whole.len) == 0);
	buf_fini(&whole);
	buf_fini(&halves);
	return 0;
}
