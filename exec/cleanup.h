/*
 * cleanup.h - taking away what a container had on this host. Every step may
 * find its work done; any number of tries ends the same.
 */
#ifndef EXEC_CLEANUP_H
#define EXEC_CLEANUP_H

#include "exec/runtime.h"

/* The runtime's record and the cgroups of a container that has ended. */
void cleanup_release(const struct runtime *rt);

/*
 * "swarm shim --cleanup DIR ROOT RUNTIME keep|remove", for a container whose
 * shim is dead or about to be: kills what is left and releases it. keep: its
 * files stay, and the state says that it has ended. remove: they go, too.
 * Gives the exit code.
 */
int cleanup_main(int argc, char **argv);

#endif
