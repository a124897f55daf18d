/*
 * tar.h - the entries of a tar stream: libarchive's tar reader over our own
 * decompression, which counts and hashes. The one file that knows libarchive.
 */
#ifndef EXEC_IMAGE_TAR_H
#define EXEC_IMAGE_TAR_H

#include <sys/types.h>
#include <time.h>

#include "core/base/base.h"
#include "core/base/err.h"

struct tar;
struct unzip;

struct tar_entry {
	const char *name; /* as it is in the archive */
	const char *link; /* of symbolic and hard links; else NULL */
	bool hard;	  /* link is a hard link's */
	mode_t mode;	  /* with the type, S_IF* */
	uid_t uid;
	gid_t gid;
	uint64_t size;
	struct timespec mtime;
};

/* u is borrowed. */
struct tar *tar_new(struct unzip *u);
void tar_free(struct tar *t); /* NULL is fine */

/* 1: *ret is the next entry, valid until the next call. 0: the end. */
int tar_next(struct tar *t, struct tar_entry *ret, struct err *e);
/*
 * A piece of the entry's content and where it belongs (files may be sparse).
 * 1, 0 at its end.
 */
int tar_piece(struct tar *t, const void **ret, size_t *ret_len,
	      uint64_t *ret_offset, struct err *e);
/* The entry's extended attributes, one by one. false: no more. */
bool tar_xattr(struct tar *t, const char **ret_name, const void **ret,
	       size_t *ret_len);

#endif
