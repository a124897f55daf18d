/*
 * addrs.h - the addresses of this host's interfaces, and when they change
 * (rtnetlink(7), RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR).
 */
#ifndef NET_ADDRS_H
#define NET_ADDRS_H

#include <ev.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/node/node.h"

/* All of ret is in a. Link-local IPv6 is left out. */
int addrs_list(struct arena *a, struct host_addrs *ret, struct err *e);

struct addrs_watch;

/* changed is called on the loop, half a second after the last of several
 * changes: whoever is told lists them again. */
int addrs_watch_open(struct ev_loop *loop, void (*changed)(void *ctx),
		     void *ctx, struct addrs_watch **ret, struct err *e);
void addrs_watch_close(struct addrs_watch *w); /* NULL is fine */

#endif
