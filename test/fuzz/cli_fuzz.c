/*
 * cli_fuzz.c - bytes as a command line: words are cut at NULs. What parses is
 * run against a daemon that answers whatever is left of the bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "net/client/command.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct answer {
	const uint8_t *p;
	size_t len;
};

/* Every second byte of the rest tells how much comes at once. */
static int
answer(struct cli *cli, const struct http_exchange *x, struct buf *ret_body,
       struct err *e)
{
	const struct answer *a = cli->test;

	(void)e;
	check(x->method != NULL && x->path[0] == '/');
	if (x->upload != NULL)
		return 500;
	if (x->piece == NULL)
		buf_put(ret_body, a->p, a->len);
	for (size_t i = 0; x->piece != NULL && i < a->len; i++)
		if (!x->piece(x->ctx, a->p + i, 1))
			break;
	return 200;
}

static int64_t
no_clock(struct cli *cli)
{
	(void)cli;
	return 0;
}

/* What waits for the daemon to change is left out: it never does here. */
static bool
waits(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "scale") == 0 ||
		    strcmp(argv[i], "rollback") == 0 ||
		    strcmp(argv[i], "create") == 0 ||
		    strcmp(argv[i], "rebalance") == 0 ||
		    strcmp(argv[i], "ca") == 0 ||
		    strcmp(argv[i], "update") == 0)
			return true;
	return false;
}

static void
run(int argc, char **argv, struct answer *a, FILE *sink)
{
	struct cli cli = { .exchange = answer,
			   .test = a,
			   .host = "unix:///fuzz",
			   .in_fd = -1,
			   .width = 80,
			   .out = sink,
			   .err = sink,
			   .clock_ns = no_clock };
	const char *message = NULL;
	struct parsed p;
	int rc;

	arena_init(&cli.arena);
	rc = command_parse(argc, argv, &cli.arena, &p, &message);
	check((rc == 0) == (message == NULL));
	check(rc == 0 || rc == CLI_FAILED || rc == CLI_USAGE);
	if (rc == 0 && !waits(argc, argv))
		(void)cli_run(&cli, argc, argv);
	arena_fini(&cli.arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static FILE *sink;
	char *argv[WORDS_MAX + 1] = { (char *)"swarm" };
	char *text = mem_new(len + 1);
	struct answer a = { 0 };
	size_t at = 0;
	int argc = 1;

	if (sink == NULL)
		sink = fopen("/dev/null", "we");
	memcpy(text, data, len);
	while (at < len && argc < WORDS_MAX) {
		argv[argc++] = text + at;
		at += strlen(text + at) + 1;
		if (at < len && text[at] == '\0') { /* two: the answer */
			a.p = data + at + 1;
			a.len = len - at - 1;
			break;
		}
	}
	run(argc, argv, &a, sink);
	mem_free(text);
	return 0;
}
