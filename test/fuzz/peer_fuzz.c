/*
 * peer_fuzz.c - what a peer, or a name server, sends. The first byte says
 * which reader: a stream of messages, an answer of the DNS, a line of
 * /etc/hosts, an address. A stream is read whole and cut; the same must come.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/check.h"
#include "core/base/mem.h"
#include "net/peers_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_MAX 5000

/* Each piece is a block of its own, so that no byte behind it is read. */
static bool
feed(struct frames *f, struct buf *out, const uint8_t *p, size_t len)
{
	struct frame g = { .got = FRAME_MORE };
	uint8_t *piece;

	if (len == 0)
		return true;
	piece = mem_dup(p, len);
	for (size_t at = 0; at < len; at += g.used) {
		g = frames_read(f, piece + at, len - at);
		check(g.used <= len - at);
		check(f->body.cap <= 2 * FRAME_MAX);
		if (g.got == FRAME_TOO_LONG || g.got == FRAME_EMPTY)
			break;
		if (g.got == FRAME_WHOLE) {
			check(g.len > 0 && g.len <= FRAME_MAX);
			buf_printf(out, "%zu:", g.len);
			buf_put(out, g.p, g.len);
		} else {
			check(g.used == len - at);
		}
	}
	mem_free(piece);
	buf_printf(out, "%s", g.got >= FRAME_TOO_LONG ? "bad" : "");
	return g.got < FRAME_TOO_LONG;
}

static void
stream(const uint8_t *p, size_t len, size_t cut)
{
	struct frames whole = { .max = FRAME_MAX }, halves = whole;
	struct buf a = { 0 }, b = { 0 };

	feed(&whole, &a, p, len);
	if (feed(&halves, &b, p, cut))
		feed(&halves, &b, p + cut, len - cut);
	check(a.len == b.len);
	check(a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
	frames_fini(&whole);
	frames_fini(&halves);
	buf_fini(&a);
	buf_fini(&b);
}

static void
answer(const uint8_t *p, size_t len, size_t had)
{
	struct ip ips[DNS_ADDRESSES_MAX] = { 0 };
	uint8_t query[DNS_QUERY_MAX], copy[DNS_ANSWER_MAX];
	size_t query_len = dns_query(query, 0x3030, "a.b", DNS_A);
	size_t count = had % (DNS_ADDRESSES_MAX + 1), before = count;

	if (len > sizeof(copy))
		return;
	memcpy(copy, p, len);
	/* Past the first check: the question is the one that was asked. */
	if (had & 0x80 && len >= query_len) {
		memcpy(copy, query, query_len);
		copy[2] = 0x81;
		memcpy(copy + 6, p + 6, 2);
	}
	if (dns_answer(copy, len, query, query_len, ips, &count) < 0)
		check(count == before);
	check(count >= before && count <= DNS_ADDRESSES_MAX);
}

static void
text(const uint8_t *p, size_t len)
{
	char *line = mem_new(len + 1);
	struct addr a;
	struct ip ip;

	memcpy(line, p, len);
	if (addr_split(line, &a)) {
		uint8_t query[DNS_QUERY_MAX];

		check(strlen(a.host) > 0 && strlen(a.host) <= DNS_NAME_MAX);
		check(dns_query(query, 1, a.host, DNS_A) <= sizeof(query));
	}
	(void)hosts_line(line, "web", &ip);
	mem_free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	switch (data[0] % 3) {
	case 0:
		stream(data + 2, size - 2, (size - 2) * data[1] / 255);
		break;
	case 1:
		answer(data + 2, size - 2, data[1]);
		break;
	default:
		text(data + 2, size - 2);
		break;
	}
	return 0;
}
