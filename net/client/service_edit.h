/*
 * service_edit.h - flags into a service's spec, for "service create" (an
 * empty spec) and "service update" (the spec as the daemon has it). All that
 * is put into the spec is in the arena. -EINVAL with what is wrong.
 */
#ifndef NET_CLIENT_SERVICE_EDIT_H
#define NET_CLIENT_SERVICE_EDIT_H

#include "core/model/objects.h"
#include "core/model/strings.h"
#include "net/client/command.h"

/* What both commands have; only flags that were given change anything. */
int edit_common(const struct parsed *p, struct service_spec *s, struct arena *a,
		struct err *e);
int edit_create(const struct parsed *p, struct service_spec *s, struct arena *a,
		struct err *e);
int edit_update(const struct parsed *p, struct service_spec *s, struct arena *a,
		struct err *e);

/* "K" takes the client's value, and is left out when it has none. */
int env_read(const struct strings *files, const struct strings *rows,
	     struct arena *a, struct strings *ret, struct err *e);

/* The "Warnings" of a daemon's answer, to stderr. */
struct json_t;
void service_put_warnings(struct cli *cli, const struct json_t *answer);

/* Container of a spec, made if need be. */
struct container_spec *container_of_spec(struct service_spec *s,
					 struct arena *a);

#endif
