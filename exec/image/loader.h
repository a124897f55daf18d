/*
 * loader.h - one load: an archive from a descriptor into ROOT/images. Runs
 * in the loader child; the tests run it in theirs, with smaller limits.
 *
 * spool -> plan -> unpack into tmp/ -> commit. Until the commit nothing but
 * tmp/ has changed; the commit takes the index's lock.
 */
#ifndef EXEC_IMAGE_LOADER_H
#define EXEC_IMAGE_LOADER_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "exec/image/unzip.h"

struct loader_config {
	int dir;	  /* ROOT/images, borrowed */
	int in_fd;	  /* the archive, borrowed */
	int out_fd;	  /* progress lines; -1: none */
	bool quiet;	  /* the result only */
	const char *name; /* of images that have a tag only; or NULL */
	struct unzip_limits archive;
	struct unzip_limits layer;
	uint64_t unpacked_bytes; /* of all layers */
	uint64_t unpacked_entries;
};

/* The limits as they are in production; the descriptors are the caller's. */
extern const struct loader_config loader_defaults;

/* Failures are said on out_fd, too. Leaves nothing in tmp/ behind. */
int loader_run(const struct loader_config *config, struct err *e);

#endif
