/* service_image.h - pinning a service's image to what its name means now. */
#ifndef NET_CLIENT_SERVICE_IMAGE_H
#define NET_CLIENT_SERVICE_IMAGE_H

#include "net/client/command.h"

struct task_spec;

/*
 * Ask the daemon what the image's name stands for, and record the digest
 * ("nginx:1.25@sha256:...") and the platforms in the spec, as Docker's client
 * does. An image that the daemon does not have stays as it was named, and a
 * warning goes to stderr.
 */
void service_image_resolve(struct cli *cli, struct task_spec *t);

#endif
