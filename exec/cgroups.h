/*
 * cgroups.h - the cgroups of a task, "/swarm/ID" in every hierarchy (v1) or
 * in the one there is (v2). The runtime makes them; these look and clean up.
 */
#ifndef EXEC_CGROUPS_H
#define EXEC_CGROUPS_H

#include "core/base/base.h"

/* Has the kernel killed a process of it for want of memory? */
bool cgroup_oom_killed(const char *id);
/* SIGKILL to every process in it; how many there were. */
unsigned cgroup_kill(const char *id);
/* Removes what is empty. */
void cgroup_remove(const char *id);
/* Removes "/swarm" itself, if no task is left in it. */
void cgroup_remove_parent(void);

#endif
