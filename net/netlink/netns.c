/*
 * netns.c - work in another network namespace, for one thread and a moment;
 * see nl.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "net/netlink/nl.h"

int
netns_open(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, -errno,
			       "Cannot open the network namespace %s: %s.",
			       path, strerror(errno));
	return fd;
}

int
netns_do(int netns_fd, int (*fn)(void *ctx, struct err *e), void *ctx,
	 struct err *e)
{
	int own = netns_open("/proc/thread-self/ns/net", e);
	int code;

	if (own < 0)
		return own;
	if (setns(netns_fd, CLONE_NEWNET) < 0) {
		code = -errno;
		close(own);
		return err_set(e, code, "Cannot enter a network namespace: %s.",
			       strerror(-code));
	}
	code = fn(ctx, e);
	/* To go on in the wrong namespace would be worse than to end. */
	if (setns(own, CLONE_NEWNET) < 0)
		fatal("cannot go back to our own network namespace");
	close(own);
	return code;
}

struct opening {
	int protocol;
	struct nl *nl;
};

static int
open_here(void *ctx, struct err *e)
{
	struct opening *o = ctx;

	return nl_open(o->protocol, &o->nl, e);
}

int
nl_open_in(int netns_fd, int protocol, struct nl **ret, struct err *e)
{
	struct opening o = { .protocol = protocol };
	int code = netns_do(netns_fd, open_here, &o, e);

	if (code == 0)
		*ret = o.nl;
	return code;
}

static bool
has_value(int fd, const char *value)
{
	char text[64];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, value) == 0;
}

int
sysctl_set(const char *name, const char *value, struct err *e)
{
	char path[NL_PATH_MAX];
	int fd, code = 0;
	bool there;

	check(snprintf(path, sizeof(path), "/proc/sys/%s", name) <
	      (int)sizeof(path));
	/* What is as it should be may well be on a read-only /proc/sys. */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	there = fd >= 0 && has_value(fd, value);
	if (fd >= 0)
		close(fd);
	if (there)
		return 0;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		code = -errno;
	if (fd >= 0)
		close(fd);
	if (code < 0)
		return err_set(e, code, "Cannot set %s to %s: %s.", path, value,
			       strerror(-code));
	return 0;
}
