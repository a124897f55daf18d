/*
 * bundle.h - config.json of a container, as Docker would have written it.
 * Pure: everything that had to be looked up is in struct bundle.
 */
#ifndef EXEC_BUNDLE_H
#define EXEC_BUNDLE_H

#include "core/base/buf.h"
#include "exec/mount_plan.h"
#include "exec/order.h"
#include "exec/passwd.h"

struct bundle {
	const struct order *order;
	struct strings argv;
	struct user_ids user;
	uint64_t caps;
	const char *rootfs;
	const char *hostname;
	const char *netns; /* path; NULL: the host's network */
	struct plan plan;
	bool cgroup_v2;
};

/* PATH, HOSTNAME, TERM for a terminal; the service's; the image's; HOME. */
struct strings bundle_env(const struct bundle *b, struct arena *a);

void bundle_write(const struct bundle *b, struct buf *out);

/*
 * What "runtime exec --process" takes for a health check, up to and with
 * "args": - the words and a closing brace are put behind it for each probe.
 */
void bundle_write_probe(const struct bundle *b, struct buf *out);

#endif
