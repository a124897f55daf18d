/* file.h - small files of our own, by name below a directory descriptor. */
#ifndef EXEC_IMAGE_FILE_H
#define EXEC_IMAGE_FILE_H

#include "core/base/buf.h"
#include "core/base/err.h"

/* Appends to ret. -ENOENT if it is not there; -EFBIG beyond max bytes. */
int file_read(int dir, const char *name, size_t max, struct buf *ret,
	      struct err *e);
/* Makes or replaces it in place, and syncs it. */
int file_write(int dir, const char *name, const void *p, size_t len,
	       struct err *e);
/* Like mkdir, but it is fine if it is there. */
int file_mkdir(int dir, const char *name, unsigned mode, struct err *e);

#endif
