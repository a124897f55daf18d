/*
 * writer.c - the writer thread: all batches that wait become one write, one
 * sync; then what was asked of the keys. It touches nothing of the loop's
 * but the queues.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "store/store_impl.h"

#define FULL_RETRY_S 1

/* What the writer does in one round. */
struct work {
	const struct batch *batches[STORE_WAITING_MAX];
	size_t count;
	struct relock ask; /* has_ask */
	bool has_ask;
};

/* Both with the mutex held. */
static bool
has_work(const struct store *s)
{
	return s->waiting_count > 0 || s->keys->asked_count > 0 ||
	       (s->keys->has_old && !s->closing);
}

static void
take(struct store *s, struct work *w)
{
	struct store_keys *k = s->keys;

	w->count = s->waiting_count;
	memcpy(w->batches, s->waiting, w->count * sizeof(*w->batches));
	s->waiting_count = 0;
	w->has_ask = k->asked_count > 0;
	if (!w->has_ask)
		return;
	w->ask = k->asked[0];
	k->asked_count--;
	memmove(k->asked, k->asked + 1, k->asked_count * sizeof(*k->asked));
	explicit_bzero(&k->asked[k->asked_count], sizeof(*k->asked));
}

/* False: the end. */
static bool
take_work(struct store *s, struct work *w)
{
	bool more;

	pthread_mutex_lock(&s->mutex);
	while (!has_work(s) && !s->closing)
		pthread_cond_wait(&s->cond, &s->mutex);
	more = has_work(s);
	take(s, w);
	s->writing = more;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
	return more;
}

static void
work_done(struct store *s)
{
	pthread_mutex_lock(&s->mutex);
	s->writing = false;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
}

/* True when it is time to try again; false: the end, or a wipe. */
static bool
wait_for_space(struct store *s)
{
	struct timespec until;
	bool go_on;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FULL_RETRY_S;
	pthread_mutex_lock(&s->mutex);
	while (!s->closing && !s->wiping && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&s->cond, &s->mutex, &until);
	go_on = !s->closing && !s->wiping;
	pthread_mutex_unlock(&s->mutex);
	return go_on;
}

static void
say_full(struct store *s, const char *why)
{
	if (s->full != NULL)
		s->full(s->ctx, why);
}

typedef int (*try_fn)(struct store *s, struct work *w, struct err *e);

/*
 * A full disk is waited for: ending would only be followed by a start that
 * meets the same disk. False: it was given up.
 */
static bool
until_done(struct store *s, try_fn try, struct work *w)
{
	bool full = false;
	struct err e;
	int r;

	while ((r = try(s, w, &e)) == -ENOSPC) {
		if (!full)
			say_full(s, e.msg);
		full = true;
		if (!wait_for_space(s))
			break;
	}
	if (r < 0 && r != -ENOSPC)
		fatal(e.msg);
	if (full && (r == 0 || s->wiping))
		say_full(s, NULL);
	return r == 0;
}

static int
try_write(struct store *s, struct work *w, struct err *e)
{
	return store_write(s, w->batches, w->count, e);
}

static int
try_rewrite(struct store *s, struct work *w, struct err *e)
{
	(void)w;
	return store_rewrite_some(s, e);
}

static void
write_batches(struct store *s, struct work *w)
{
	bool written = until_done(s, try_write, w);
	uint64_t last = w->batches[w->count - 1]->seq;
	struct err e;
	int r;

	for (size_t i = 0; i < w->count; i++)
		batch_free(w->batches[i]);
	/* Wiped is as good as written: nobody will ask for it. */
	if (written || s->wiping)
		s->done(s->ctx, last);
	/* A full disk is not told before there is no more room in the tail. */
	r = s->wiping ? 0 : store_tidy(s, &e);
	if (r < 0 && r != -ENOSPC)
		fatal(e.msg);
}

static void
relock(struct store *s, struct relock *ask)
{
	struct err e;
	int r = s->wiping ? 0 : store_relock_begin(s, ask, &e);

	if (ask->fn != NULL)
		ask->fn(ask->ctx, r < 0 ? e.msg : NULL);
	explicit_bzero(ask->secret, sizeof(ask->secret));
}

static void
rewrite(struct store *s)
{
	if (!s->wiping) {
		(void)until_done(s, try_rewrite, NULL); /* else it is tried
							 again */
		return;
	}
	s->keys->has_old = false;
	store_rewrite_drop(s);
}

/* The next start is not to read a large tail. What fails is lost nothing. */
static void
last_checkpoint(struct store *s)
{
	struct err e;

	if (tail_used(s->tail) > TAIL_SIZE_MIN)
		(void)store_checkpoint(s, &e);
}

static void *
writer(void *ctx)
{
	struct store *s = ctx;
	struct work w = { 0 };

	while (take_work(s, &w)) {
		if (w.count > 0)
			write_batches(s, &w);
		if (w.has_ask)
			relock(s, &w.ask);
		if (s->keys->has_old)
			rewrite(s);
		work_done(s);
	}
	last_checkpoint(s);
	return NULL;
}

void
store_submit(struct store *s, const struct batch *b)
{
	pthread_mutex_lock(&s->mutex);
	while (s->waiting_count == STORE_WAITING_MAX)
		pthread_cond_wait(&s->cond, &s->mutex);
	s->waiting[s->waiting_count++] = b;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
}

void
store_relock(struct store *s, const uint8_t unlock_key[STORE_LOCK_LEN],
	     store_lock_fn fn, void *ctx)
{
	struct store_keys *k = s->keys;
	struct relock *ask;

	check(s->has_thread && fn != NULL);
	pthread_mutex_lock(&s->mutex);
	while (k->asked_count == STORE_RELOCKS_MAX)
		pthread_cond_wait(&s->cond, &s->mutex);
	ask = &k->asked[k->asked_count++];
	*ask = (struct relock){ .lock = unlock_key != NULL,
				.fn = fn,
				.ctx = ctx };
	if (unlock_key != NULL)
		memcpy(ask->secret, unlock_key, sizeof(ask->secret));
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
}

void
store_wait_idle(struct store *s)
{
	pthread_mutex_lock(&s->mutex);
	while (s->has_thread && (s->writing || has_work(s)))
		pthread_cond_wait(&s->cond, &s->mutex);
	pthread_mutex_unlock(&s->mutex);
}

/* All that waits is void: it is to be forgotten anyway. */
void
store_give_up(struct store *s)
{
	pthread_mutex_lock(&s->mutex);
	s->wiping = true;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
	store_wait_idle(s);
	pthread_mutex_lock(&s->mutex);
	s->wiping = false;
	pthread_mutex_unlock(&s->mutex);
}

/* Signals are the loop's: the writer takes none. */
void
store_thread_start(struct store *s)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&s->thread, NULL, writer, s) != 0)
		fatal("the kernel gives no thread for the store");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->has_thread = true;
}

void
store_thread_stop(struct store *s)
{
	if (!s->has_thread)
		return;
	pthread_mutex_lock(&s->mutex);
	s->closing = true;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->mutex);
	pthread_join(s->thread, NULL);
	s->has_thread = false;
}
