/* etc_files.c - see etc_files.h. */
#include "exec/etc_files.h"

#include <string.h>

#include "core/base/str.h"

#define WORDS_MAX 64 /* of one line that are looked at */

static const char always[] = "127.0.0.1\tlocalhost\n"
			     "::1\tlocalhost ip6-localhost ip6-loopback\n"
			     "fe00::0\tip6-localnet\n"
			     "ff00::0\tip6-mcastprefix\n"
			     "ff02::1\tip6-allnodes\n"
			     "ff02::2\tip6-allrouters\n";
/* What Docker falls back to when the host knows none that is reachable. */
static const char last_resort[] = "nameserver 8.8.8.8\nnameserver 8.8.4.4\n";

struct word {
	const char *p;
	size_t len;
};

static size_t
words_of(const char *line, size_t len, struct word *ret)
{
	const char *end = line + len;
	size_t count = 0;

	while (line < end && count < WORDS_MAX) {
		const char *start;

		while (line < end && (*line == ' ' || *line == '\t'))
			line++;
		start = line;
		while (line < end && *line != ' ' && *line != '\t' &&
		       *line != '\r')
			line++;
		if (line == start)
			break;
		ret[count++] = (struct word){ start, (size_t)(line - start) };
	}
	return count;
}

static bool
word_is(struct word w, const char *s)
{
	return w.len == strlen(s) && memcmp(w.p, s, w.len) == 0;
}

/* Of "ip name ..." only the first name is used, as Docker does. */
void
etc_hosts(const struct etc_request *q, struct buf *out)
{
	if (q->host_network)
		buf_puts(out, q->host);
	else
		buf_puts(out, always);
	if (out->len > 0 && out->p[out->len - 1] != '\n')
		buf_putc(out, '\n');
	for (uint32_t i = 0; i < q->spec->hosts.count; i++) {
		const char *line = q->spec->hosts.v[i];
		struct word w[WORDS_MAX];

		if (words_of(line, strcspn(line, "\n"), w) < 2)
			continue;
		buf_printf(out, "%.*s\t%.*s\n", (int)w[0].len, w[0].p,
			   (int)w[1].len, w[1].p);
	}
	if (!str_empty(q->address))
		buf_printf(out, "%.*s\t%s\n", (int)strcspn(q->address, "/"),
			   q->address, q->hostname);
}

/* A resolver on the host's loopback is not there in another namespace, and
 * one that has an IPv6 address only cannot be reached from it. */
static bool
is_out_of_reach(struct word server)
{
	return (server.len >= 4 && memcmp(server.p, "127.", 4) == 0) ||
	       memchr(server.p, ':', server.len) != NULL;
}

struct resolv {
	const struct etc_request *q;
	struct buf *out;
	uint32_t servers;
};

static void
host_line(struct resolv *r, const char *line, size_t len)
{
	struct word w[WORDS_MAX];
	size_t count = words_of(line, len, w);

	if (count >= 2 && word_is(w[0], "nameserver")) {
		if (!r->q->host_network && is_out_of_reach(w[1]))
			return;
		r->servers++;
	}
	buf_put(r->out, line, len);
	buf_putc(r->out, '\n');
}

/* The values of all the host's lines with this keyword, on one line or one
 * each. */
static uint32_t
host_values(const struct etc_request *q, const char *keyword, const char *sep,
	    struct buf *out)
{
	uint32_t found = 0;

	for (const char *at = q->host; *at != '\0';) {
		size_t len = strcspn(at, "\n");
		struct word w[WORDS_MAX];
		size_t count = words_of(at, len, w);

		for (size_t i = 1; i < count && word_is(w[0], keyword); i++) {
			if (str_eq(keyword, "nameserver") && !q->host_network &&
			    is_out_of_reach(w[i]))
				continue;
			buf_printf(out, "%s%.*s", found++ ? sep : "",
				   (int)w[i].len, w[i].p);
		}
		at += len + (at[len] == '\n');
	}
	return found;
}

static void
put_line(const struct etc_request *q, const char *keyword,
	 const struct strings *own, struct buf *out)
{
	bool servers = str_eq(keyword, "nameserver");
	const char *sep = servers ? "\nnameserver " : " ";
	struct buf values = { 0 };
	uint32_t count = own->count;

	for (uint32_t i = 0; i < own->count; i++)
		buf_printf(&values, "%s%s", i ? sep : "", own->v[i]);
	if (count == 0)
		count = host_values(q, keyword, sep, &values);
	if (count == 0 && servers)
		buf_puts(out, last_resort);
	else if (count > 0 && !str_eq(buf_cstr(&values), "."))
		buf_printf(out, "%s %s\n", keyword, buf_cstr(&values));
	buf_fini(&values);
}

void
etc_resolv_conf(const struct etc_request *q, struct buf *out)
{
	const struct dns_config *dns = q->spec->dns;
	struct resolv r = { .q = q, .out = out };

	if (dns != NULL &&
	    dns->nameservers.count + dns->search.count + dns->options.count >
		    0) {
		put_line(q, "search", &dns->search, out);
		put_line(q, "nameserver", &dns->nameservers, out);
		put_line(q, "options", &dns->options, out);
		return;
	}
	for (const char *at = q->host; *at != '\0';) {
		size_t len = strcspn(at, "\n");

		host_line(&r, at, len);
		at += len + (at[len] == '\n');
	}
	if (r.servers == 0 && !q->host_network)
		buf_puts(out, last_resort);
}
