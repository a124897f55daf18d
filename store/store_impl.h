/* store_impl.h - what the files of store/ share, and nobody else sees. */
#ifndef STORE_STORE_IMPL_H
#define STORE_STORE_IMPL_H

#include <lmdb.h>
#include <pthread.h>

#include "store/fold.h"
#include "store/record.h"
#include "store/store.h"
#include "store/tail.h"

#define STORE_MAP_BYTES ((size_t)4 << 30) /* sparse: only what is used */
#define STORE_TABLES 3
#define STORE_MAGIC "swarm-store"
#define STORE_VERSION 2	     /* 1 had no tail */
#define STORE_WAITING_MAX 64 /* batches not yet written */
#define STORE_RELOCKS_MAX 8  /* asked for, not yet begun */

/* The databases of the environment; their letters go into the seals. */
enum store_table { STORE_HARD, STORE_LOG, STORE_ROWS };

/* Asked for by store_relock(), not yet done. */
struct relock {
	bool lock; /* by secret; else the keys are to lie there in clear */
	uint8_t secret[RECORD_KEY_LEN];
	store_lock_fn fn;
	void *ctx;
};

/* All that is secret, in pages of its own. */
struct store_keys {
	uint8_t data[RECORD_KEY_LEN]; /* seals what is written */
	uint8_t old[RECORD_KEY_LEN];  /* has_old: sealed what is rewritten */
	uint8_t lock[RECORD_KEY_LEN]; /* is_locked: seals the file of keys */
	bool has_old, is_locked;
	struct relock asked[STORE_RELOCKS_MAX];
	size_t asked_count;
};

/* How far the values were rewritten. */
struct rewrite {
	bool tail_done; /* the tail goes first */
	enum store_table table;
	struct buf key;	  /* the last one that was looked at; empty: none */
	store_lock_fn fn; /* told when it is done; or NULL */
	void *ctx;
};

struct store {
	char *dir; /* ROOT/state */
	int lock_fd;
	struct store_keys *keys; /* the writer's, but for what is asked */
	struct rewrite rewrite;	 /* of all values to a new key */
	MDB_env *env;
	MDB_dbi dbi[STORE_TABLES];
	int version;		 /* of what was found */
	struct tail *tail;	 /* the writer's, as all from here on */
	struct record_hard hard; /* as in the tables: without the tail */
	struct fold fold;	 /* what the tail has beside that */
	bool folded;		 /* what is being written is in it already */
	bool spilled;		 /* a batch had no room in the tail */
	size_t tail_limit;	 /* used so far, it is emptied */
	uint64_t checkpoint_ms;	 /* when it was; 0: never */

	store_done_fn done;
	store_full_fn full; /* or NULL */
	void *ctx;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mutex;
	pthread_cond_t cond; /* something was put in, or taken */
	const struct batch *waiting[STORE_WAITING_MAX];
	size_t waiting_count;
	bool writing, closing;
	bool wiping; /* what cannot be written now need not be */
};

/* files.c: the directory, the lock */
char *store_path(const char *dir, const char *name); /* on the heap */
int store_make_dirs(const char *root, const char *dir, struct err *e);
int store_lock(const char *dir, int *ret_fd, struct err *e);
int store_random(void *p, size_t len, struct err *e);
int store_sync_dir(const char *dir, struct err *e);
bool store_file_exists(const char *dir, const char *name);
int store_remove_file(const char *dir, const char *name, struct err *e);
/* Of errno: what may be done about it, for the errors that users meet. */
int store_file_error(struct err *e, const char *verb, const char *path);

/* key.c: the keys, in memory and in their file */
struct store_keys *store_keys_new(void);
void store_keys_free(struct store_keys *k);
void store_buf_wipe(struct buf *b); /* like buf_fini, of what was secret */
/* -ENOENT: there is none; -ENOKEY: it is locked and lock is NULL; -EACCES:
 * lock is not the one. */
int store_key_read(const char *dir, const uint8_t *lock, struct store_keys *ret,
		   struct err *e);
int store_key_write(const char *dir, const struct store_keys *k, struct err *e);
int store_key_make(const char *dir, struct store_keys *ret, struct err *e);
int store_seal(const struct store *s, const struct record_place *place,
	       const struct buf *plain, struct buf *out, struct err *e);
int store_unseal(const struct store *s, const struct record_place *place,
		 const struct buf *sealed, struct buf *ret, struct err *e);

/* env.c: LMDB opened, checked, and read */
int store_error(int r); /* what LMDB gave as a negative errno */
int store_env_probe(const char *dir, struct err *e);
int store_env_open(struct store *s, struct err *e);
void store_env_close(struct store *s);
int store_env_read(struct store *s, struct stored *ret, struct err *e);

/* tables.c: what batches hold, into LMDB's tables */
extern const char store_table_letters[STORE_TABLES];
int store_put_fold(struct store *s, MDB_txn *txn, const struct fold *f,
		   struct err *e); /* LMDB's codes */
int store_write_error(const struct store *s, int r, struct err *e);

/* write.c: batches into the tail, and from there into the tables */
int store_write(struct store *s, const struct batch *const *batches,
		size_t count, struct err *e);
int store_checkpoint(struct store *s, struct err *e);
int store_tidy(struct store *s, struct err *e); /* a checkpoint, if it is due */
int store_open_tail(struct store *s, struct err *e); /* and fold it */

/* relock.c: the keys changed while the store is in use; the writer's */
int store_relock_begin(struct store *s, struct relock *ask, struct err *e);
/* Some more values of the old key; when it was the last, has_old goes. */
int store_rewrite_some(struct store *s, struct err *e);
void store_rewrite_drop(struct store *s);

/* writer.c: the writer thread */
void store_thread_start(struct store *s);
void store_thread_stop(struct store *s);
void store_wait_idle(struct store *s);
void store_give_up(struct store *s); /* idle, a full disk or not */

#endif
