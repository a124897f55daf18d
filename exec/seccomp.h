/* seccomp.h - the default seccomp profile, as config.json has it. */
#ifndef EXEC_SECCOMP_H
#define EXEC_SECCOMP_H

#include "core/base/json.h"

/* Writes the value of linux.seccomp for a container with these caps. */
void seccomp_write(struct json *w, uint64_t caps);

#endif
