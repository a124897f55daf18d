/* holder.h - who on this host has a port: found in /proc, for messages. */
#ifndef NET_HOLDER_H
#define NET_HOLDER_H

#include "core/base/base.h"

#define HOLDER_TEXT_MAX 64

/*
 * "nginx (pid 123)" for the process that has this TCP or UDP port of the
 * caller's network namespace; false if it cannot be found. One of several.
 */
bool holder_find(bool udp, uint16_t port, char ret[HOLDER_TEXT_MAX]);

/*
 * A line of /proc/net/{tcp,udp}{,6}: does it bind this port, and by which
 * inode? Pure. ret_listens: it is a listening socket.
 */
bool holder_read_line(const char *line, uint16_t port, uint64_t *ret_inode,
		      bool *ret_listens);

#endif
