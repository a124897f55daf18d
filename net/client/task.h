/* task.h - the task table of `service ps` and `node ps` (facts 1.7). */
#ifndef NET_CLIENT_TASK_H
#define NET_CLIENT_TASK_H

#include <jansson.h>

#include "net/client/command.h"

/*
 * Prints the tasks that the filters parameter selects, by the flags that
 * both commands have (format, no-resolve, no-trunc, quiet).
 */
int tasks_print(struct cli *cli, const struct parsed *p, const char *filters);

/*
 * Names of services and nodes by id, read once each. An id that is not there
 * is its own name.
 */
struct names {
	json_t *services, *nodes; /* from the API; NULL: do not resolve */
};
int names_read(struct cli *cli, struct names *ret, struct err *e);
void names_fini(struct names *n);
const char *names_service(const struct names *n, const char *id);
const char *names_node(const struct names *n, const char *id);

/* --filter rows with more rows behind: key=value for each of values. */
const struct strings *filters_with(struct cli *cli, const struct strings *rows,
				   const char *key,
				   const struct strings *values);

#endif
