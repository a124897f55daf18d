/* when.h - points in time on the command line: --since, --until. */
#ifndef NET_CLIENT_WHEN_H
#define NET_CLIENT_WHEN_H

#include "net/client/command.h"

/*
 * "42m" (that long ago), "2013-01-02T13:23:37Z" and what is shorter (UTC
 * where no zone is given), or seconds since 1970 with a fraction. *ret is as
 * the API wants it, SECONDS.NANOSECONDS, in the arena; "" gives NULL.
 */
int when_param(struct cli *cli, const char *flag, const char *text,
	       const char **ret, struct err *e);

#endif
