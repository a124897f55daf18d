/* start.h - bringing up a daemon for "swarm init" where none listens. */
#ifndef NET_CLIENT_START_H
#define NET_CLIENT_START_H

#include "core/base/err.h"

/*
 * By systemd where it runs and has the unit, else as a detached process of
 * this program, with its log in /run/swarm/daemon.log. Only for the default
 * host. Returns once it answers, or with the reason why it does not.
 */
int start_daemon(const char *host, struct err *e);

#endif
