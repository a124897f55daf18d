/* own.h - descriptors that close themselves at the end of their scope. */
#ifndef EXEC_IMAGE_OWN_H
#define EXEC_IMAGE_OWN_H

#include <errno.h>
#include <unistd.h>

#include "core/base/base.h"

/* errno survives, so that a cleanup cannot hide why a call failed. */
static inline void
own_fd_end(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = saved;
}

/* Hand the descriptor to the caller; the local stops owning it. */
static inline int
take_fd(int *fd)
{
	int got = *fd;

	*fd = -1;
	return got;
}

#define own_fd owned(own_fd_end)

#endif
