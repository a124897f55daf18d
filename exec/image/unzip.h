/*
 * unzip.h - a stream of bytes out of a descriptor that holds them plain, as
 * gzip or as zstd (told by the first bytes), with the limits that keep a
 * small file from becoming a full disk.
 */
#ifndef EXEC_IMAGE_UNZIP_H
#define EXEC_IMAGE_UNZIP_H

#include "core/base/base.h"
#include "core/base/err.h"

struct digest;
struct unzip;

struct unzip_limits {
	uint64_t bytes;	     /* that come out, at most */
	uint64_t ratio;	     /* out to in, at most ... */
	uint64_t ratio_from; /* ... once so many bytes came out */
};

/* fd is borrowed; what names it in errors ("layer 3"), borrowed too. */
struct unzip *unzip_new(int fd, const char *what,
			const struct unzip_limits *limits);
void unzip_free(struct unzip *u); /* NULL is fine */

/* Hash what comes out from now on; d is borrowed. NULL stops it. */
void unzip_hash(struct unzip *u, struct digest *d);

/*
 * The next bytes, at most cap: 0 and *ret_len, which is 0 at the end only.
 * -EPROTO: damaged, cut off, or with bytes after its end. -EFBIG: a limit.
 */
int unzip_read(struct unzip *u, void *p, size_t cap, size_t *ret_len,
	       struct err *e);
/* Reads to the end and drops it, so that all was hashed and checked. */
int unzip_drain(struct unzip *u, struct err *e);

uint64_t unzip_in_bytes(const struct unzip *u);
uint64_t unzip_out_bytes(const struct unzip *u);
bool unzip_is_plain(const struct unzip *u); /* after the first read */

#endif
