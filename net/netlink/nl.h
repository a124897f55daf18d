/*
 * nl.h - a netlink socket: requests with the kernel's answer, and dumps.
 * Calls wait for the kernel, which answers at once; at most NL_WAIT_S.
 */
#ifndef NET_NETLINK_NL_H
#define NET_NETLINK_NL_H

#include "core/base/err.h"
#include "net/netlink/build.h"

#define NL_WAIT_S 10
#define NL_PATH_MAX 256

struct nl;

/*
 * A socket of a protocol (NETLINK_ROUTE, ...), which speaks for the network
 * namespace that it was opened in: the caller's, or that of netns_fd.
 */
int nl_open(int protocol, struct nl **ret, struct err *e);
int nl_open_in(int netns_fd, int protocol, struct nl **ret, struct err *e);
void nl_close(struct nl *nl); /* NULL is fine */
void nl_closep(struct nl **nl);

/*
 * Send and wait for the acknowledgement. Fails with the kernel's -errno, e
 * being its words ("Device does not exist") where it has some.
 */
int nl_ask(struct nl *nl, struct nl_request *q, struct err *e);

/*
 * Send and call each() for every message of the answer; one that gives
 * false is the last that is looked at. A dump if q has NLM_F_DUMP.
 */
typedef bool (*nl_each_fn)(void *ctx, const struct nlmsghdr *h);
int nl_dump(struct nl *nl, struct nl_request *q, nl_each_fn each, void *ctx,
	    struct err *e);

/*
 * Send len bytes of messages in one go; the last that has NLM_F_ACK has
 * sequence number last_seq. ret_seq: of the message that failed.
 */
int nl_transact(struct nl *nl, const void *p, size_t len, uint32_t last_seq,
		uint32_t *ret_seq, struct err *e);

/* Open the namespace at a path (/run/.../net, /proc/PID/ns/net). */
int netns_open(const char *path, struct err *e);
/*
 * Call fn with this thread in the namespace, and come back. fn's code is
 * given. For what has no socket: /proc/sys/net.
 */
int netns_do(int netns_fd, int (*fn)(void *ctx, struct err *e), void *ctx,
	     struct err *e);

/* Write a value to /proc/sys/NAME, unless it is there already. */
int sysctl_set(const char *name, const char *value, struct err *e);

#endif
