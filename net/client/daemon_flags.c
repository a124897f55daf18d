/* daemon_flags.c - see daemon_flags.h. */
#include "net/client/daemon_flags.h"

#include <string.h>

#include "core/base/str.h"
#include "net/client/command.h"

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
	if (str_empty(host))
		return -1;
	if (!str_starts(host, "unix://")) {
		fprintf(stderr, "swarm daemon: --host %s: want unix://PATH\n",
			host);
		return CLI_USAGE;
	}
	ret->socket = host + strlen("unix://");
	return -1;
}
