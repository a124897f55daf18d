/*
 * cli.c - the context of a command: requests to the daemon, errors to
 * stderr, and the way from main() to a command's run function.
 */
#include "net/client/command.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define API_PREFIX "/v1.50"
#define DEFAULT_HOST "unix:///run/swarm/swarm.sock"
#define DEFAULT_WIDTH 80
#define DEFAULT_HEIGHT 24
#define QUERY_PAIRS_MAX 32
#define FILTERS_MAX 1000 /* --filter on one command line */
#define AGAIN_MS 5000	 /* how long a daemon that hung up is waited for */
#define AGAIN_STEP_MS 100
#define KEY_BYTES 16 /* of an Idempotency-Key, before it is hex */

/* ---- text ------------------------------------------------------------------
 */

/* May the byte at s, with the one behind it, go to a terminal? */
static bool
may_show(const char *s)
{
	unsigned char c = (unsigned char)s[0];

	if (c == '\t' || c == '\n')
		return true;
	if (c < 0x20 || c == 0x7f)
		return false;
	/* U+0080 to U+009F: C1, which some terminals obey. */
	if (c == 0xc2 && (unsigned char)s[1] < 0xa0)
		return false;
	return true;
}

const char *
cli_clean(struct arena *a, const char *s)
{
	char *out = arena_alloc(a, strlen(s) + 1), *to = out;

	for (; *s != '\0'; s++) {
		if (may_show(s))
			*to++ = *s;
		else if ((unsigned char)*s == 0xc2 && s[1] != '\0')
			s++;
	}
	*to = '\0';
	return out;
}

void
cli_put(FILE *to, const char *s)
{
	for (; *s != '\0'; s++) {
		if (may_show(s))
			fputc(*s, to);
		else if ((unsigned char)*s == 0xc2 && s[1] != '\0')
			s++;
	}
}

int
cli_fail(struct cli *cli, const char *fmt, ...)
{
	va_list ap;
	const char *text;

	va_start(ap, fmt);
	text = arena_vprintf(&cli->arena, fmt, ap);
	va_end(ap);
	fflush(cli->out);
	fprintf(cli->err, "%s\n", cli_clean(&cli->arena, text));
	return CLI_FAILED;
}

int
cli_fail_err(struct cli *cli, const struct err *e)
{
	return cli_fail(cli, "%s", e->msg);
}

/* ---- paths ------------------------------------------------------------------
 */

static bool
unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.~", c));
}

const char *
cli_escape(struct cli *cli, const char *s)
{
	char *out = arena_alloc(&cli->arena, strlen(s) * 3 + 1), *to = out;
	static const char hex[] = "0123456789ABCDEF";

	for (; *s != '\0'; s++) {
		if (unreserved(*s)) {
			*to++ = *s;
			continue;
		}
		*to++ = '%';
		*to++ = hex[(unsigned char)*s >> 4];
		*to++ = hex[(unsigned char)*s & 15];
	}
	*to = '\0';
	return out;
}

const char *
cli_path(struct cli *cli, const char *path, ...)
{
	const char *out = path, *key, *value;
	char joint = strchr(path, '?') ? '&' : '?';
	va_list ap;

	va_start(ap, path);
	for (int i = 0; i < QUERY_PAIRS_MAX; i++) {
		key = va_arg(ap, const char *);
		if (key == NULL)
			break;
		value = va_arg(ap, const char *);
		if (value == NULL)
			continue;
		out = arena_printf(&cli->arena, "%s%c%s=%s", out, joint, key,
				   cli_escape(cli, value));
		joint = '&';
	}
	va_end(ap);
	return out;
}

/* The rows of one key, as {"value":true,...}; row k is the key's first. */
static void
filter_values(struct cli *cli, const struct strings *rows, uint32_t k,
	      struct json *w)
{
	size_t len = strcspn(rows->v[k], "=") + 1;

	json_key(w, arena_strndup(&cli->arena, rows->v[k], len - 1));
	json_open(w, '{');
	for (uint32_t i = k; i < rows->count; i++)
		if (strncmp(rows->v[i], rows->v[k], len) == 0)
			json_put_bool(w, rows->v[i] + len, true);
	json_close(w, '}');
}

static bool
key_seen(const struct strings *rows, uint32_t k)
{
	size_t len = strcspn(rows->v[k], "=") + 1;

	for (uint32_t i = 0; i < k; i++)
		if (strncmp(rows->v[i], rows->v[k], len) == 0)
			return true;
	return false;
}

int
cli_filters(struct cli *cli, const struct strings *rows, const char **ret,
	    struct err *e)
{
	struct buf b = { 0 };
	struct json w = { .out = &b };

	*ret = NULL;
	if (rows->count == 0)
		return 0;
	if (rows->count > FILTERS_MAX)
		return err_set(e, -E2BIG, "more than %d filters", FILTERS_MAX);
	for (uint32_t i = 0; i < rows->count; i++)
		if (strchr(rows->v[i], '=') == NULL)
			return err_set(e, -EINVAL,
				       "invalid filter '%s': expected "
				       "name=value",
				       rows->v[i]);
	json_open(&w, '{');
	for (uint32_t i = 0; i < rows->count; i++)
		if (!key_seen(rows, i))
			filter_values(cli, rows, i, &w);
	json_close(&w, '}');
	*ret = arena_strdup(&cli->arena, buf_cstr(&b));
	buf_fini(&b);
	return 0;
}

/* ---- requests
 * ----------------------------------------------------------------- */

static int
code_of_status(int status)
{
	switch (status) {
	case 400:
		return -EINVAL;
	case 404:
		return -ENOENT;
	case 409:
		return -EEXIST;
	case 503:
		return -EAGAIN;
	}
	return -EPROTO;
}

/* The daemon names Docker's commands; here they are called by our name. */
static const char *
in_our_words(struct arena *a, const char *s)
{
	static const struct {
		const char *theirs, *ours;
	} words[] = { { "docker swarm ", "swarm " },
		      { "docker node ", "swarm node " },
		      { "docker service ", "swarm service " } };
	struct buf b = { 0 };
	const char *copy;

	while (*s != '\0') {
		size_t i = 0;

		while (i < ARRAY_LEN(words) && !str_starts(s, words[i].theirs))
			i++;
		if (i < ARRAY_LEN(words)) {
			buf_puts(&b, words[i].ours);
			s += strlen(words[i].theirs);
		} else {
			buf_putc(&b, *s++);
		}
	}
	copy = arena_strdup(a, buf_cstr(&b));
	buf_fini(&b);
	return copy;
}

/* The daemon's {"message":"..."}; else what it said, or the number. */
static int
refused(struct cli *cli, int status, struct buf *body, struct err *e)
{
	json_t *tree = json_loadb(body->len ? body->p : "", body->len, 0, NULL);
	const char *why = json_string_value(json_object_get(tree, "message"));
	int rc;

	if (why != NULL)
		rc = err_set(e, code_of_status(status),
			     "Error response from daemon: %s",
			     in_our_words(&cli->arena, why));
	else
		rc = err_set(e, code_of_status(status),
			     "Error response from daemon: HTTP status %d",
			     status);
	json_decref(tree);
	return rc;
}

int
cli_exchange(struct cli *cli, const struct http_exchange *x,
	     struct buf *ret_body, struct err *e)
{
	struct http_exchange versioned = *x;
	int status;

	versioned.path = arena_printf(&cli->arena, "%s%s", API_PREFIX, x->path);
	status = cli->exchange(cli, &versioned, ret_body, e);
	if (status == -ENOENT)
		return -ECONNREFUSED; /* ENOENT is what a 404 gives */
	if (status < 0)
		return status;
	if (status < 200 || status > 299)
		return refused(cli, status, ret_body, e);
	return 0;
}

int
cli_ask(struct cli *cli, const char *method, const char *path, const char *body,
	struct buf *ret_body, struct err *e)
{
	struct http_exchange x = {
		.method = method,
		.path = path,
		.content_type = body ? "application/json" : NULL,
		.body = body,
		.len = body ? strlen(body) : 0,
	};

	return cli_exchange(cli, &x, ret_body, e);
}

int
cli_get(struct cli *cli, const char *path, struct json_t **ret, struct err *e)
{
	struct buf body = { 0 };
	json_error_t where;
	int rc = cli_ask(cli, "GET", path, NULL, &body, e);

	if (rc == 0) {
		*ret = json_loadb(body.len ? body.p : "", body.len, 0, &where);
		if (*ret == NULL)
			rc = err_set(e, -EPROTO,
				     "The daemon's answer to %s is not JSON: "
				     "%s",
				     path, where.text);
	}
	buf_fini(&body);
	return rc;
}

/* From within an answer that streams in: on a connection of its own. */
static int
nested_exchange(struct cli *cli, const struct http_exchange *x,
		struct buf *ret_body, struct err *e)
{
	struct http_client *http = NULL;
	int rc = http_client_new(cli->host, &http, e);

	if (rc == 0)
		rc = http_exchange(http, x, ret_body, e);
	http_client_free(http);
	return rc;
}

static bool
is_write(const struct http_exchange *x)
{
	return !str_eq(x->method, "GET") && !str_eq(x->method, "HEAD");
}

/* What changes the tables is done once, however often it is asked for with
 * one key; what makes or ends this node's part in a cluster is not. */
static bool
may_ask_twice(const struct http_exchange *x)
{
	if (x->upload != NULL)
		return false;
	return !is_write(x) || strstr(x->path, "/services") != NULL ||
	       strstr(x->path, "/nodes/") != NULL ||
	       strstr(x->path, "/swarm/update") != NULL;
}

static int
make_key(char ret[KEY_BYTES * 2 + 1], struct err *e)
{
	uint8_t random[KEY_BYTES];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_set(e, -EIO, "The kernel gives no random bytes: %s.",
			       strerror(errno));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(ret + 2 * i, 3, "%02x", random[i]);
	return 0;
}

/* The daemon may be on its way down, and up again. */
static int
ask_again(struct cli *cli, const struct http_exchange *x, struct buf *ret_body,
	  struct err *e)
{
	int rc = -ECONNREFUSED;

	for (int ms = 0; ms < AGAIN_MS; ms += AGAIN_STEP_MS) {
		rc = http_exchange(cli->http, x, ret_body, e);
		if (rc != -ECONNREFUSED && rc != -ENOENT)
			return rc;
		(void)nanosleep(
			&(struct timespec){ 0, AGAIN_STEP_MS * NS_PER_MS },
			NULL);
	}
	return rc;
}

/* Asked once more if the daemon hung up without a word. */
static int
exchange_twice(struct cli *cli, const struct http_exchange *x,
	       struct buf *ret_body, struct err *e)
{
	int rc = http_exchange(cli->http, x, ret_body, e);

	if (rc != -ECONNRESET)
		return rc;
	if (may_ask_twice(x))
		rc = ask_again(cli, x, ret_body, e);
	if (rc >= 0 || !is_write(x))
		return rc;
	return err_set(e, -ECONNRESET,
		       "The daemon at %s hung up before it answered %s %.100s: "
		       "whether that was done is not known.",
		       cli->host, x->method, x->path);
}

static int
real_exchange(struct cli *cli, const struct http_exchange *x,
	      struct buf *ret_body, struct err *e)
{
	struct http_exchange keyed = *x;
	char key[KEY_BYTES * 2 + 1];
	int rc = 0;

	if (cli->busy)
		return nested_exchange(cli, x, ret_body, e);
	if (cli->http == NULL)
		rc = http_client_new(cli->host, &cli->http, e);
	if (rc == 0 && is_write(x) && x->upload == NULL)
		rc = make_key(key, e);
	if (rc != 0)
		return rc;
	if (is_write(x) && x->upload == NULL)
		keyed.key = key;
	cli->busy = true;
	rc = exchange_twice(cli, &keyed, ret_body, e);
	cli->busy = false;
	return rc;
}

/* ---- main
 * -------------------------------------------------------------------- */

static int64_t
real_clock(struct cli *cli)
{
	struct timespec now;

	(void)cli;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Docker's rule for the width is the terminal on stdin, else 80. */
static void
find_size(struct cli *cli)
{
	struct winsize size = { 0 };

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	cli->width = size.ws_col > 0 ? size.ws_col : DEFAULT_WIDTH;
	cli->height = size.ws_row > 0 ? size.ws_row : DEFAULT_HEIGHT;
}

/* One on which the cursor can be moved. */
static bool
is_terminal(int fd)
{
	return isatty(fd) == 1 && !str_eq(getenv("TERM"), "dumb");
}

/*
 * Where stdin, stdout or stderr is closed, the next file to be opened would
 * take its number: lines meant for stderr would go into a database.
 */
static void
fill_standard_fds(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", O_RDWR);
}

static int
print_version(struct cli *cli)
{
	const struct cli_hooks *h = cli->hooks;

	fprintf(cli->out, "Swarm version %s, build %s\n",
		str_or(h ? h->version : NULL, "unknown"),
		str_or(h ? h->commit : NULL, "unknown"));
	return CLI_OK;
}

/* "daemon" is a row for its help and flags; what it does is swarm.c's. */
static int
run_hook(struct cli *cli, int argc, char **argv)
{
	int at = 1;

	while (at < argc && strcmp(argv[at], "daemon") != 0)
		at++;
	check(at < argc);
	if (cli->hooks == NULL || cli->hooks->daemon_main == NULL)
		return cli_fail(cli, "This build has no daemon.");
	return cli->hooks->daemon_main(argc - at, argv + at);
}

/* A command may have a --host of its own, so this is not flag_str(). */
static const char *
global_host(const struct parsed *p)
{
	for (size_t i = 0; i < global_flag_count; i++) {
		const struct strings *v = &p->global[i].values;

		if (str_eq(global_flags[i].name, "host") && v->count > 0)
			return v->v[v->count - 1];
	}
	return NULL;
}

static int
run_parsed(struct cli *cli, const struct parsed *p, int argc, char **argv)
{
	if (p->command == NULL && !p->help && flag_bool(p, "version"))
		return print_version(cli);
	if (p->help || p->command == NULL) {
		help_print(cli->out, p->command, cli->width);
		return CLI_OK;
	}
	if (p->command->marks & COMMAND_HOOK)
		return run_hook(cli, argc, argv);
	cli->host = str_or(global_host(p), cli->host);
	return p->command->run(cli, p);
}

/* The parser takes secrets out of argv: whoever parses again needs these. */
static char **
copy_words(struct arena *a, int argc, char **argv)
{
	char **copy = arena_array(a, (size_t)argc + 1, sizeof(*copy));

	for (int i = 0; i < argc; i++)
		copy[i] = arena_strdup(a, argv[i]);
	return copy;
}

int
cli_run(struct cli *cli, int argc, char **argv)
{
	struct parsed p;
	const char *message = NULL;
	char **words = copy_words(&cli->arena, argc, argv);
	int rc = command_parse(argc, argv, &cli->arena, &p, &message);

	if (rc != 0) {
		fputs(cli_clean(&cli->arena, message), cli->err);
		return rc;
	}
	rc = run_parsed(cli, &p, argc, words);
	if (fflush(cli->out) != 0 && rc == CLI_OK)
		return cli_fail(cli, "write to stdout: %s", strerror(errno));
	return rc;
}

/* Words that are for the program itself, before any parsing. */
static bool
inner_main(int argc, char **argv, const struct cli_hooks *h, int *ret)
{
	const struct {
		const char *word;
		int (*main)(int, char **);
	} rows[] = {
		{ "shim", h->shim_main },
		{ "image-loader", h->image_loader_main },
		{ "container-init", h->init_main },
		{ "whoami", h->whoami_main },
	};

	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(rows); i++)
		if (rows[i].main != NULL &&
		    strcmp(argv[1], rows[i].word) == 0) {
			*ret = rows[i].main(argc - 1, argv + 1);
			return true;
		}
	return false;
}

int
cli_main(int argc, char **argv, const struct cli_hooks *hooks)
{
	struct cli cli = {
		.exchange = real_exchange,
		.host = str_or(getenv("SWARM_HOST"), DEFAULT_HOST),
		.out = stdout,
		.err = stderr,
		.in_fd = STDIN_FILENO,
		.in_tty = isatty(STDIN_FILENO) == 1,
		.out_tty = is_terminal(STDOUT_FILENO),
		.err_tty = isatty(STDERR_FILENO) == 1,
		.clock_ns = real_clock,
		.hooks = hooks,
	};
	int rc;

	fill_standard_fds();
	if (inner_main(argc, argv, hooks, &rc))
		return rc;
	find_size(&cli);
	arena_init(&cli.arena);
	rc = cli_run(&cli, argc, argv);
	http_client_free(cli.http);
	arena_fini(&cli.arena);
	return rc;
}
