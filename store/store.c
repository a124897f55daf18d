/* store.c - see store.h: opening, wiping and closing. */
#include "store/store.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "store/store_impl.h"

static int
open_key(struct store *s, bool has_data, struct err *e)
{
	int r = store_read_key(s->dir, s->secret, e);

	if (r != -ENOENT)
		return r;
	if (has_data)
		return err_set(e, -EIO,
			       "%s/key is missing: without it nothing in "
			       "data.mdb can be read; put it back from a "
			       "backup, or move %s away to start anew",
			       s->dir, s->dir);
	return store_make_key(s->dir, s->secret, e);
}

/* Nothing is written before what is there was looked at. */
static int
open_all(struct store *s, const char *root, struct stored *ret, struct err *e)
{
	bool has_data;
	int r = store_make_dirs(root, s->dir, e);

	if (r == 0)
		r = store_lock(s->dir, &s->lock_fd, e);
	if (r < 0)
		return r;
	has_data = store_file_exists(s->dir, "data.mdb");
	if (has_data)
		r = store_env_probe(s->dir, e);
	if (r == 0)
		r = open_key(s, has_data, e);
	if (r == 0)
		r = store_env_open(s, e);
	if (r == 0)
		r = store_env_read(s, ret, e);
	return r;
}

static void
store_free(struct store *s)
{
	store_env_close(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	memset(s->secret, 0, sizeof(s->secret));
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
	s->done = done;
	s->ctx = ctx;
	pthread_mutex_init(&s->mutex, NULL);
	init_cond(&s->cond);
	r = open_all(s, root, ret_stored, e);
	if (r < 0) {
		store_free(s);
		return r;
	}
	store_thread_start(s);
	*ret = s;
	return 0;
}

void
store_on_full(struct store *s, store_full_fn full)
{
	s->full = full;
}

static int
remove_file(const char *dir, const char *name, struct err *e)
{
	owned(mem_freep) char *path = store_path(dir, name);

	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(e, -errno, "remove %s: %s", path,
			       strerror(errno));
	return 0;
}

/* The data goes first: data without its key would be taken for damage. */
int
store_wipe(struct store *s, struct err *e)
{
	int r;

	store_give_up(s);
	store_env_close(s);
	s->hard = (struct record_hard){ 0 };
	r = remove_file(s->dir, "data.mdb", e);
	if (r == 0)
		r = store_sync_dir(s->dir, e);
	if (r == 0)
		r = store_make_key(s->dir, s->secret, e);
	if (r == 0)
		r = store_env_open(s, e);
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
