/*
 * fake.h - a command line without a daemon: canned answers by method and
 * path, and what was printed as strings.
 */
#ifndef TEST_UNIT_NET_CLIENT_FAKE_H
#define TEST_UNIT_NET_CLIENT_FAKE_H

#include <errno.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "net/client/command.h"
#include "test/t.h"

#define FAKE_WORDS_MAX 32

struct fake_answer {
	const char *request; /* "GET /nodes" without the version */
	int status;
	const char *body;
	size_t len; /* 0: strlen(body) */
};

struct fake {
	const struct fake_answer *answers; /* ended by { 0 } */
	struct cli cli;
	char *out, *err; /* what was printed */
	size_t out_len, err_len;
	struct buf sent; /* "METHOD PATH BODY\n" of each request */
};

#define FAKE_NOW INT64_C(1700000000000000000)

/* How often it was sent already. */
static inline unsigned
fake_count(struct fake *f, const char *request)
{
	size_t len = strlen(request);
	unsigned n = 0;

	for (const char *line = buf_cstr(&f->sent); *line != '\0';) {
		const char *end = strchr(line, '\n');

		n += strncmp(line, request, len) == 0 && line[len] == ' ';
		if (end == NULL)
			break;
		line = end + 1;
	}
	return n;
}

/* Rows with the same request that follow one another are answers in turn. */
static inline int
fake_exchange(struct cli *cli, const struct http_exchange *x,
	      struct buf *ret_body, struct err *e)
{
	struct fake *f = cli->test;
	char request[1024], chunk[512];
	unsigned before;
	ssize_t n;

	snprintf(request, sizeof(request), "%s %s", x->method,
		 x->path + strlen("/v1.50"));
	before = fake_count(f, request);
	buf_printf(&f->sent, "%s %.*s", request, (int)x->len,
		   x->body ? (const char *)x->body : "");
	while (x->upload != NULL) {
		n = x->upload(x->ctx, chunk, sizeof(chunk));
		if (n < 0)
			return err_set(e, (int)n, "upload failed");
		if (n == 0)
			break;
		buf_put(&f->sent, chunk, (size_t)n);
	}
	buf_putc(&f->sent, '\n');
	for (const struct fake_answer *a = f->answers; a->request; a++) {
		size_t len = a->len ? a->len : strlen(a->body);

		if (strcmp(a->request, request) != 0)
			continue;
		if (before > 0 && a[1].request != NULL &&
		    strcmp(a[1].request, request) == 0) {
			before--;
			continue;
		}
		if (x->piece != NULL && a->status == 200) {
			/* In small pieces: what is cut must be joined. */
			for (size_t i = 0; i < len; i += 7)
				if (!x->piece(x->ctx, a->body + i,
					      len - i < 7 ? len - i : 7))
					break;
		} else {
			buf_put(ret_body, a->body, len);
		}
		return a->status;
	}
	return err_set(e, -ECONNREFUSED, "nobody answers %s", request);
}

static inline int64_t
fake_clock(struct cli *cli)
{
	(void)cli;
	return FAKE_NOW;
}

static inline void
fake_digest(const void *p, size_t len, char *ret)
{
	snprintf(ret, 65, "digest-of-%.*s", (int)(len < 8 ? len : 8),
		 (const char *)p);
}

/* Run "node ls -q"; words are cut at blanks. Gives the exit code. */
static inline int
fake_run_in(struct fake *f, const struct fake_answer *answers, const char *line,
	    int in_fd)
{
	static const struct cli_hooks hooks = { .digest_of = fake_digest };
	char *words = mem_strdup(line), *at = words;
	char *argv[FAKE_WORDS_MAX] = { (char *)"swarm" };
	int argc = 1, rc;

	*f = (struct fake){ .answers = answers };
	f->cli = (struct cli){ .exchange = fake_exchange,
			       .test = f,
			       .host = "unix:///fake",
			       .width = 80,
			       .in_fd = in_fd,
			       .hooks = &hooks,
			       .clock_ns = fake_clock };
	f->cli.out = open_memstream(&f->out, &f->out_len);
	f->cli.err = open_memstream(&f->err, &f->err_len);
	arena_init(&f->cli.arena);
	while (*at != '\0' && argc < FAKE_WORDS_MAX - 1) {
		char *blank = strchr(at, ' ');

		argv[argc++] = at;
		if (blank == NULL)
			break;
		*blank = '\0';
		at = blank + 1;
	}
	for (int i = 1; i < argc; i++) /* a word with blanks has '_' */
		for (char *c = argv[i]; *c != '\0'; c++)
			if (*c == '~')
				*c = ' ';
	rc = cli_run(&f->cli, argc, argv);
	fclose(f->cli.out);
	fclose(f->cli.err);
	mem_free(words);
	return rc;
}

static inline int
fake_run(struct fake *f, const struct fake_answer *answers, const char *line)
{
	return fake_run_in(f, answers, line, -1);
}

static inline void
fake_fini(struct fake *f)
{
	arena_fini(&f->cli.arena);
	free(f->out);
	free(f->err);
	buf_fini(&f->sent);
}

struct fake_row {
	const char *line;
	int code;
	const char *out, *err;
};

static inline void
fake_rows(const struct fake_answer *answers, const struct fake_row *rows,
	  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct fake f;
		int rc = fake_run(&f, answers, rows[i].line);

		t_row(rows[i].line);
		EQ_STR(f.err, rows[i].err);
		EQ_STR(f.out, rows[i].out);
		EQ(rc, rows[i].code);
		fake_fini(&f);
	}
	t_row("");
}

/* What is sent, whole: "METHOD PATH BODY\n" of each request. */
static inline void
fake_sent(const struct fake_answer *answers, const struct fake_row *rows,
	  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct fake f;
		int rc = fake_run(&f, answers, rows[i].line);

		t_row(rows[i].line);
		EQ_STR(buf_cstr(&f.sent), rows[i].out);
		EQ_STR(f.err, rows[i].err);
		EQ(rc, rows[i].code);
		fake_fini(&f);
	}
	t_row("");
}

#endif
