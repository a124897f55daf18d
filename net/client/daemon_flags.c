/* daemon_flags.c - see daemon_flags.h. */
#include "net/client/daemon_flags.h"

#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "net/client/cluster.h"

#define HELP_WIDTH 80

/* The word before "daemon" is given back to the parser. */
static int
parse(int argc, char **argv, struct arena *a, struct parsed *ret)
{
	char **words = arena_array(a, (size_t)argc + 2, sizeof(*words));
	const char *message;
	int code;

	words[0] = argv[0];
	memcpy(words + 1, argv, (size_t)argc * sizeof(*words));
	code = command_parse(argc + 1, words, a, ret, &message);
	if (code != CLI_OK) {
		fprintf(stderr, "%s", message);
		return code;
	}
	if (!ret->help)
		return -1;
	help_print(stdout, ret->command, HELP_WIDTH);
	return CLI_OK;
}

/* ---- what to do first -----------------------------------------------------
 */

static const struct request *
request_with(const char *path, const char *body, struct arena *a)
{
	struct request *r = arena_alloc(a, sizeof(*r));
	struct err e;
	int rc = request_route("POST", path, a, r, &e);

	check(rc == 0);
	r->body = body;
	r->body_len = strlen(body);
	return r;
}

static int
usage(const char *why)
{
	fprintf(stderr, "swarm daemon: %s\n", why);
	return CLI_USAGE;
}

/*
 * A token that cannot be read is no reason not to start: a node that has
 * joined needs it no more, and one that has not is refused for it, and says
 * so.
 */
static const char *
read_token(const struct parsed *p, struct arena *a)
{
	const char *token = "";
	struct err e;

	if (cluster_token(p, STDIN_FILENO, a, &token, &e) < 0)
		fprintf(stderr, "swarm daemon: %s\n", e.msg);
	return token;
}

/* -1, or an exit code, having said why. */
static int
read_first(const struct parsed *p, struct arena *a, struct daemon_options *ret)
{
	const struct strings *join = flag_list(p, "join");
	struct cluster_place place = {
		.listen_addr = flag_str(p, "listen-addr"),
		.advertise_addr = flag_str(p, "advertise-addr"),
	};
	bool init = flag_bool(p, "init");
	const char *body;

	ret->force_new_cluster = flag_bool(p, "force-new-cluster");
	if (flag_given(p, "token") && flag_given(p, "token-file"))
		return usage("--token and --token-file cannot be used "
			     "together");
	if (init && join->count > 0)
		return usage("--init and --join cannot be used together");
	if (join->count == 0 &&
	    (flag_given(p, "token") || flag_given(p, "token-file")))
		return usage("a token is for --join");
	if (!init && join->count == 0 &&
	    (flag_given(p, "advertise-addr") || flag_given(p, "listen-addr")))
		return usage("--advertise-addr and --listen-addr are for "
			     "--init and --join");
	if (init) {
		body = cluster_dump(cluster_init_body(&place, a), a);
		ret->first = request_with("/swarm/init", body, a);
	} else if (join->count > 0) {
		body = cluster_join_body(&place, join, read_token(p, a), a);
		ret->first = request_with("/swarm/join", body, a);
	}
	return -1;
}

int
daemon_flags_read(int argc, char **argv, struct arena *a,
		  struct daemon_options *ret)
{
	const char *host;
	struct parsed p;
	int code = parse(argc, argv, a, &p);

	if (code >= 0)
		return code;
	host = flag_str(&p, "host");
	ret->root = flag_str(&p, "root");
	ret->run = flag_str(&p, "run");
	ret->hostname = flag_str(&p, "hostname");
	ret->runtime = flag_str(&p, "runtime");
	ret->log_level = flag_str(&p, "log-level");
	ret->socket = arena_printf(a, "%s/swarm.sock", ret->run);
	if (!str_empty(host) && !str_starts(host, "unix://")) {
		fprintf(stderr, "swarm daemon: --host %s: want unix://PATH\n",
			host);
		return CLI_USAGE;
	}
	if (!str_empty(host))
		ret->socket = host + strlen("unix://");
	return read_first(&p, a, ret);
}
