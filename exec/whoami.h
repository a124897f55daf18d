/*
 * whoami.h - the demo container: a small HTTP server that says who and where
 * it is. It may run as PID 1, and stops gracefully on SIGTERM and SIGINT.
 *
 *   swarm whoami [--port N]            serve, on port 80 by default
 *   swarm whoami --health [--port N]   ask the server here; exit 0 or 1
 *
 * /        hostname, addresses, the client's address, the request
 * /env     the same, and the environment
 * /health  200 and "ok"
 */
#ifndef EXEC_WHOAMI_H
#define EXEC_WHOAMI_H

int whoami_main(int argc, char **argv);

#endif
