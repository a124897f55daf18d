/*
 * init.h - "swarm container-init", process 1 of containers whose service asks
 * for --init: runs one program, hands signals on to it, and reaps what its
 * descendants leave. The container has this binary as /sbin/docker-init.
 */
#ifndef EXEC_INIT_H
#define EXEC_INIT_H

/* argv: "container-init" -- PROGRAM ARGS; gives its exit code, or 128 + n. */
int container_init_main(int argc, char **argv);

#endif
