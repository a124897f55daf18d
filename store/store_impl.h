/* store_impl.h - what the files of store/ share, and nobody else sees. */
#ifndef STORE_STORE_IMPL_H
#define STORE_STORE_IMPL_H

#include <lmdb.h>
#include <pthread.h>

#include "store/record.h"
#include "store/store.h"

#define STORE_MAP_BYTES ((size_t)4 << 30) /* sparse: only what is used */
#define STORE_TABLES 3
#define STORE_MAGIC "swarm-store"
#define STORE_VERSION 1
#define STORE_WAITING_MAX 64 /* batches not yet written */

/* The databases of the environment; their letters go into the seals. */
enum store_table { STORE_HARD, STORE_LOG, STORE_ROWS };

struct store {
	char *dir; /* ROOT/state */
	int lock_fd;
	uint8_t secret[RECORD_KEY_LEN];
	MDB_env *env;
	MDB_dbi dbi[STORE_TABLES];
	struct record_hard hard; /* as on the disk; the writer's */

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

/* files.c: the directory, the lock, the key */
char *store_path(const char *dir, const char *name); /* on the heap */
int store_make_dirs(const char *root, const char *dir, struct err *e);
int store_lock(const char *dir, int *ret_fd, struct err *e);
int store_read_key(const char *dir, uint8_t ret[RECORD_KEY_LEN],
		   struct err *e); /* -ENOENT: there is none */
int store_make_key(const char *dir, uint8_t ret[RECORD_KEY_LEN], struct err *e);
int store_random(void *p, size_t len, struct err *e);
int store_sync_dir(const char *dir, struct err *e);
bool store_file_exists(const char *dir, const char *name);

/* env.c: LMDB opened, checked, and read */
int store_error(int r); /* what LMDB gave as a negative errno */
int store_env_probe(const char *dir, struct err *e);
int store_env_open(struct store *s, struct err *e);
void store_env_close(struct store *s);
int store_env_read(struct store *s, struct stored *ret, struct err *e);

/* write.c: the writer thread */
int store_write(struct store *s, const struct batch *const *batches,
		size_t count, struct err *e);
void store_thread_start(struct store *s);
void store_thread_stop(struct store *s);
void store_wait_idle(struct store *s);
void store_give_up(struct store *s); /* idle, a full disk or not */

#endif
