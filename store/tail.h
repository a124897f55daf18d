/*
 * tail.h - a file of a fixed size that records are appended to: one write,
 * one flush each (ROOT/state/tail). What it holds is moved to LMDB when it is
 * full, and it is written from its begin again.
 *
 * A record takes whole blocks, so that no write touches an earlier record.
 * Each sector of 512 bytes carries its record's number and salt and a sum of
 * its own: disks write sectors whole, so one with the older number is the
 * trace of a write that was cut off, and one whose sum is wrong is damage.
 * Only the last record may be cut off: the next one is written when it is
 * down. It was never acknowledged, so it is as if it had not been.
 */
#ifndef STORE_TAIL_H
#define STORE_TAIL_H

#include "core/base/buf.h"
#include "core/base/err.h"

#define TAIL_SIZE_MIN ((size_t)256 << 10) /* of a new one; a power of two */
#define TAIL_SIZE_MAX ((size_t)8 << 20)

struct tail;

/* A new, empty one, in place of what is there. */
int tail_make(const char *dir, struct err *e);

/*
 * The records after number after, which was the last that is elsewhere, begin
 * the file or are not there. -ENOENT: there is no file; -EIO: damaged.
 */
int tail_open(const char *dir, uint64_t after, struct tail **ret,
	      struct err *e);
void tail_close(struct tail *t); /* NULL is fine */

/* Of the last record; after, if there is none. */
uint64_t tail_last(const struct tail *t);
size_t tail_used(const struct tail *t); /* bytes of the file */
size_t tail_size(const struct tail *t);
bool tail_has_room(const struct tail *t, size_t len);

/* Record tail_last() + 1; it is on the disk when this returns 0. salt: random.
 * On failure nothing was appended, and the same may be tried again. */
int tail_append(struct tail *t, const struct buf *record, uint32_t salt,
		struct err *e);

/* Record number seq, from *at (0: the first), which is moved behind it. */
int tail_read(struct tail *t, size_t *at, uint64_t seq, struct buf *ret,
	      struct err *e);

/* All records are elsewhere now: the next one goes to the begin. */
void tail_reset(struct tail *t);

/* Twice as large, up to TAIL_SIZE_MAX; it has no records. A disk without
 * room for that is no failure. */
int tail_grow(struct tail *t, struct err *e);

/* Nothing of old records stays; it has none. */
int tail_blank(struct tail *t, struct err *e);

#endif
