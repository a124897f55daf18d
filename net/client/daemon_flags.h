/* daemon_flags.h - the flags of "swarm daemon" as the daemon wants them. */
#ifndef NET_CLIENT_DAEMON_FLAGS_H
#define NET_CLIENT_DAEMON_FLAGS_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/model/request.h"

struct daemon_options {
	const char *root;
	const char *run;
	const char *socket;    /* path */
	const char *hostname;  /* "": the host's */
	const char *runtime;   /* "": to be found */
	const char *log_level; /* "info" */
	/* --init, --join: what to ask for first, with its body; or NULL. */
	const struct request *first;
	bool force_new_cluster;
};

/*
 * argv[0] is "daemon". All of ret is in a. Gives -1 when it is filled, and
 * else the exit code of a program that is to end here: the help is printed,
 * or what is wrong was said on stderr.
 */
int daemon_flags_read(int argc, char **argv, struct arena *a,
		      struct daemon_options *ret);

#endif
