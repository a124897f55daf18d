/*
 * tarstream.h - a directory as a tar archive (ustar), made while it is read:
 * what `image load -i DIR` sends. Regular files, directories and symbolic
 * links; anything else in it is refused by name.
 */
#ifndef NET_CLIENT_TARSTREAM_H
#define NET_CLIENT_TARSTREAM_H

#include <sys/types.h>

#include "core/base/err.h"

#define TARSTREAM_DEPTH_MAX 32
#define TARSTREAM_ENTRIES_MAX 1000000

struct tarstream;

int tarstream_open(const char *dir, struct tarstream **ret, struct err *e);
void tarstream_close(struct tarstream *t); /* NULL is fine */
/* The next bytes, 0 at the end, or -errno with the reason in e. */
ssize_t tarstream_read(struct tarstream *t, void *p, size_t cap, struct err *e);

#endif
