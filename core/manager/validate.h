/*
 * validate.h - may a service be what a spec says? In Docker's words where
 * Docker refuses too (facts 4.9), by the flag's name where we do not do it
 * yet. Pure: a spec and the tables in, yes or a sentence out.
 */
#ifndef CORE_MANAGER_VALIDATE_H
#define CORE_MANAGER_VALIDATE_H

#include "core/base/err.h"
#include "core/model/objects.h"
#include "core/state/state.h"

#define SERVICE_NAME_MAX 63
#define SERVICE_REPLICAS_MAX 10000
#define SERVICE_PORTS_MAX 1000
#define PLACEMENT_PREFERENCES_MAX 8

/*
 * -EINVAL: it is wrong. -EOPNOTSUPP: it is not supported yet. -ENOENT: it
 * names a network that is not there.
 */
int validate_service_spec(const struct state *state,
			  const struct service_spec *spec, struct err *e);

/*
 * The same for the parts that are one task's; its templates may name the
 * service's labels.
 */
int validate_task_spec(const struct state *state, const struct task_spec *spec,
		       const struct kvs *labels, struct err *e);
int validate_mounts(const struct container_spec *c, struct err *e);

/* A name that DNS could carry: letters, digits, '-' and '_' within. */
int validate_name(const char *name, struct err *e);

/* "X is not supported yet" */
int validate_later(struct err *e, const char *what);

#endif
