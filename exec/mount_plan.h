/*
 * mount_plan.h - which mounts a container gets, in config.json's words: the
 * default ones, the service's, and the files of /etc. Pure: sources are host
 * paths that others have made and checked.
 */
#ifndef EXEC_MOUNT_PLAN_H
#define EXEC_MOUNT_PLAN_H

#include "exec/order.h"

struct plan_mount {
	const char *destination;
	const char *type;
	const char *source;
	struct strings options;
};

struct plan_volume { /* of the image: an anonymous one */
	const char *destination;
	const char *source;
};

struct plan_request {
	const struct container_spec *spec;
	const char *const *sources; /* host path of each of spec->mounts */
	const struct plan_volume *volumes;
	uint32_t volume_count;
	const char *etc_dir; /* has resolv.conf, hostname, hosts */
	const char *init;    /* program for /sbin/docker-init, or NULL */
	bool all_read_only;  /* the kernel can make a whole tree read-only */
};

struct plan {
	struct plan_mount *v;
	uint32_t count;
	const char *propagation; /* linux.rootfsPropagation, or NULL */
};

/* All in a, parents before children. -EINVAL: a mount makes no sense. */
int mount_plan(const struct plan_request *q, struct arena *a, struct plan *ret,
	       struct err *e);

/* path without twin slashes, "." and ".."; NULL if it is not absolute. */
const char *path_clean(const char *path, struct arena *a);

#endif
