/*
 * store.h - what a node remembers: one LMDB environment and, for what is not
 * yet in it, a tail of a fixed size (both in ROOT/state).
 *
 * A writer thread owns both: the batches that wait are one record of the
 * tail, one write, one sync; a nearly full tail becomes one transaction. An
 * idle store writes nothing. Values are sealed (ChaCha20-Poly1305, a data key
 * in ROOT/state/key, mode 0600) with table and key as associated data, so
 * that a value that was damaged, swapped or put by someone else is found out.
 * The data key may itself be sealed, by an unlock key that is nowhere on the
 * disk.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "core/base/err.h"
#include "core/node/batch.h"

struct store;

/*
 * Called on the writer thread when the disk is full (why: a sentence) and
 * when there is space again (NULL).
 */
typedef void (*store_full_fn)(void *ctx, const char *why);

/* Called on the writer thread when batch seq is on the disk. */
typedef void (*store_done_fn)(void *ctx, uint64_t seq);

/* Called on the writer thread. why: NULL, or what failed: all is as it was. */
typedef void (*store_lock_fn)(void *ctx, const char *why);

#define STORE_LOCK_LEN 32 /* bytes of an unlock key */

/*
 * Open or make the store below root (made with mode 0700 if it is not
 * there), check it whole, and read it. Fails with a sentence: another daemon
 * has it (-EBUSY, with its pid), not ours or of a newer version (-EPROTO),
 * damaged (-EIO, naming table and key), read-only or full (-EROFS, -ENOSPC).
 * Nothing that is there is changed on failure.
 *
 * -ENOKEY: it is locked. *ret is set all the same, and keeps other daemons
 * off; nothing was read, and until store_unlock() nothing but store_wipe()
 * and store_close() may be called.
 */
int store_open(const char *root, store_done_fn done, void *ctx,
	       struct store **ret, struct stored *ret_stored, struct err *e);

/* Open what was locked. -EACCES: this is not the key; it stays as it was, and
 * so with any other failure. The caller wipes unlock_key. */
int store_unlock(struct store *s, const uint8_t unlock_key[STORE_LOCK_LEN],
		 struct stored *ret_stored, struct err *e);

/*
 * Seal the store's key by unlock_key (copied), or leave it in clear (NULL).
 * What was in clear until now is replaced: a new key, and all values
 * rewritten by it between batches; fn is told when that is done. A crash on
 * the way leaves a store that opens by unlock_key, and goes on from there.
 * Otherwise only the key's file is written. Each call is answered once, but
 * for what a close interrupts.
 */
void store_relock(struct store *s, const uint8_t unlock_key[STORE_LOCK_LEN],
		  store_lock_fn fn, void *ctx);

/*
 * Hand over a batch: freed when written. Batches are written in order; those
 * that wait are written at once, all or none. A full disk is met when the
 * tail is full too: the write is then tried again every second. Another
 * failure (EIO) ends the process through fatal() with a sentence: nothing was
 * acknowledged and the next start reads what is there. Entries must follow
 * the last one (see batch.h): a hole is a bug.
 */
void store_submit(struct store *s, const struct batch *b);

/* Who is told of a full disk; before the first batch, with the ctx of done. */
void store_on_full(struct store *s, store_full_fn full);

/* Forget everything (swarm leave), also if locked: waits for the writer; new
 * key, in clear. */
int store_wipe(struct store *s, struct err *e);

/* Writes what was submitted (but for a full disk), stops the thread, closes.
 * NULL is fine. */
void store_close(struct store *s);

#endif
