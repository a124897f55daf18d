/* confine.h - what a loader child gives up before it reads foreign bytes. */
#ifndef EXEC_IMAGE_CONFINE_H
#define EXEC_IMAGE_CONFINE_H

#include "core/base/err.h"

/*
 * dir becomes the root of all this process can name; it cannot gain
 * privileges, and keeps the capabilities only that unpacking needs. The
 * process has one thread, and is root.
 */
int confine_to(int dir, struct err *e);

/* The last part of it: no devices, mounts, programs or sockets any more. */
int confine_calls(struct err *e);

#endif
