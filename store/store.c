/* store.c - see store.h: opening, unlocking, wiping and closing. */
#include "store/store.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "store/store_impl.h"

static int
make_key(struct store *s, bool has_data, struct err *e)
{
	if (!has_data)
		return store_key_make(s->dir, s->keys, e);
	return err_set(e, -EIO,
		       "%s/key is missing: without it nothing in data.mdb can "
		       "be read; put it back from a backup, or move %s away "
		       "to start anew",
		       s->dir, s->dir);
}

/* Nothing is written before what is there was looked at. */
static int
open_data(struct store *s, const uint8_t *unlock_key, struct stored *ret,
	  struct err *e)
{
	bool has_data = store_file_exists(s->dir, "data.mdb"), has_key;
	int r = store_key_read(s->dir, unlock_key, s->keys, e);

	has_key = r != -ENOENT;
	if (!has_key)
		r = 0;
	if (r == 0 && has_data)
		r = store_env_probe(s->dir, e);
	if (r == 0 && !has_key)
		r = make_key(s, has_data, e);
	if (r == 0 && !has_data)
		r = tail_make(s->dir, e);
	if (r == 0)
		r = store_env_open(s, e);
	if (r == 0)
		r = store_env_read(s, ret, e);
	return r;
}

static int
open_all(struct store *s, const char *root, struct stored *ret, struct err *e)
{
	int r = store_make_dirs(root, s->dir, e);

	if (r == 0)
		r = store_lock(s->dir, &s->lock_fd, e);
	if (r == 0) /* of a change of the key that was cut off */
		r = store_remove_file(s->dir, "key.new", e);
	return r == 0 ? open_data(s, NULL, ret, e) : r;
}

static void
store_free(struct store *s)
{
	store_env_close(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	store_keys_free(s->keys);
	buf_fini(&s->rewrite.key);
	pthread_cond_destroy(&s->cond);
	pthread_mutex_destroy(&s->mutex);
	mem_free(s->dir);
	mem_free(s);
}

/* The writer waits by a clock that nobody sets. */
static void
init_cond(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int
store_open(const char *root, store_done_fn done, void *ctx, struct store **ret,
	   struct stored *ret_stored, struct err *e)
{
	struct store *s = mem_new(sizeof(*s));
	int r;

	s->dir = store_path(root, "state");
	s->lock_fd = -1;
	s->keys = store_keys_new();
	s->done = done;
	s->ctx = ctx;
	pthread_mutex_init(&s->mutex, NULL);
	init_cond(&s->cond);
	r = open_all(s, root, ret_stored, e);
	if (r < 0 && r != -ENOKEY) {
		store_free(s);
		return r;
	}
	if (r == 0)
		store_thread_start(s);
	*ret = s;
	return r;
}

int
store_unlock(struct store *s, const uint8_t unlock_key[STORE_LOCK_LEN],
	     struct stored *ret_stored, struct err *e)
{
	int r;

	check(!s->has_thread);
	r = open_data(s, unlock_key, ret_stored, e);
	if (r < 0) {
		store_env_close(s);
		explicit_bzero(s->keys, sizeof(*s->keys));
		return r;
	}
	store_thread_start(s);
	return 0;
}

void
store_on_full(struct store *s, store_full_fn full)
{
	s->full = full;
}

/* The data goes first: data without its key would be taken for damage. */
int
store_wipe(struct store *s, struct err *e)
{
	int r;

	store_give_up(s);
	store_env_close(s);
	s->hard = (struct record_hard){ 0 };
	r = store_remove_file(s->dir, "data.mdb", e);
	if (r == 0)
		r = store_sync_dir(s->dir, e);
	if (r == 0)
		r = store_key_make(s->dir, s->keys, e);
	if (r == 0)
		r = tail_make(s->dir, e);
	if (r == 0)
		r = store_env_open(s, e);
	if (r == 0)
		r = store_open_tail(s, e);
	if (r == 0 && !s->has_thread) /* it was locked */
		store_thread_start(s);
	return r;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	store_thread_stop(s);
	store_free(s);
}
