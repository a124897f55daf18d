/* host.h - what this host is and has. */
#ifndef EXEC_HOST_H
#define EXEC_HOST_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/model/objects.h"

/* hostname NULL or "": the kernel's. All strings are in a. */
void host_describe(const char *hostname, const char *version, struct arena *a,
		   struct node_description *ret);

/* What only people read of it. */
struct host_facts {
	const char *kernel_version;   /* as uname -r */
	const char *operating_system; /* PRETTY_NAME of os-release, or NULL */
	const char *default_addr; /* what others would reach us by, or NULL */
};
/* All strings are in a. */
void host_find_facts(struct arena *a, struct host_facts *ret);

/*
 * The path of the OCI runtime: given (a path, or a name that is looked up),
 * else runc, else crun. -ENOENT says what to install.
 */
int host_find_runtime(const char *given, struct arena *a, const char **ret,
		      struct err *e);

/* One directory, unless it is there. */
int host_make_dir(const char *path, unsigned mode, struct err *e);

/* Tell systemd that the daemon is up (sd_notify(3)'s READY=1), if asked. */
int host_notify_ready(struct err *e);

#endif
