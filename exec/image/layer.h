/*
 * layer.h - one layer of an image: a tar stream becomes a directory for
 * overlayfs. Refused whole, so that nothing half right is ever used.
 */
#ifndef EXEC_IMAGE_LAYER_H
#define EXEC_IMAGE_LAYER_H

#include "core/base/base.h"
#include "core/base/err.h"

struct unzip;

/* What one load may still put on the disk; counted down. */
struct layer_budget {
	uint64_t bytes;
	uint64_t entries;
	void (*progress)(void *ctx); /* called now and then; or NULL */
	void *ctx;
};

/*
 * Unpack all of u below the empty directory root; u is read to its end, so
 * that a digest set on it is of the whole. Whiteouts become overlayfs's.
 * Owners, modes, times, hard links, FIFOs, user.* and security.capability
 * are kept. *ret_bytes: the sum of its files' sizes. -EPERM: an entry is
 * refused, e names it and says why. -EFBIG: the budget is spent.
 */
int layer_unpack(int root, struct unzip *u, struct layer_budget *budget,
		 uint64_t *ret_bytes, struct err *e);

#endif
