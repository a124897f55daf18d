/* naming.h - names that are derived from objects (facts 3.3, 10.1). */
#ifndef CORE_MODEL_NAMING_H
#define CORE_MODEL_NAMING_H

#include "core/base/arena.h"
#include "core/model/objects.h"

/* SERVICE.SLOT.ID, or SERVICE.NODE.ID for slot 0; unless the task has one. */
const char *task_name(const struct task *t, struct arena *a);

/* Without the effect of absent fields: the defaults of facts 2.4. */
enum restart_condition restart_condition_of(const struct task_spec *s);
int64_t restart_delay_ns(const struct task_spec *s);
int64_t stop_grace_ns(const struct task_spec *s);
uint64_t service_replicas(const struct service_spec *s); /* replicated */
bool service_is_global(const struct service_spec *s);
bool task_state_ended(int state); /* > RUNNING */

/* A deep copy of s with every default of facts 2.4 filled in. */
void service_spec_with_defaults(const struct service_spec *s, struct arena *a,
				struct service_spec *ret);

/*
 * Image references. "nginx" is "docker.io/library/nginx:latest" in full and
 * "nginx:latest" in familiar form. ret parts point into a. -EINVAL if it is
 * not a reference.
 */
struct image_ref {
	const char *domain; /* docker.io */
	const char *path;   /* library/nginx */
	const char *tag;    /* latest; NULL if there is only a digest */
	const char *digest; /* sha256:...; or NULL */
};
int image_ref_parse(const char *s, struct arena *a, struct image_ref *ret,
		    struct err *e);
/* nginx:latest; with the digest if with_digest and there is one. */
const char *image_ref_familiar(const struct image_ref *r, struct arena *a,
			       bool with_digest);

#endif
