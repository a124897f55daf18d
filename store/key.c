/*
 * key.c - the keys in memory, and the file that they are kept in.
 *
 * ROOT/state/key is a line that names the format, how the keys are kept
 * ('c': in clear, 's': sealed by the unlock key), how many there are (two
 * while values are rewritten from the second to the first), the keys, and a
 * sum of all that. The sum tells a damaged file from a wrong unlock key.
 */
#include <bearssl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "store/store_impl.h"

#define KEY_MAGIC "swarm-key 1\n"
#define KEY_HEAD (sizeof(KEY_MAGIC) + 1) /* the line, how kept, how many */
#define KEY_SUM_LEN 16
#define KEY_FILE_MAX                                                           \
	(KEY_HEAD + 2 * RECORD_KEY_LEN + RECORD_OVERHEAD + KEY_SUM_LEN)

/* Pages of their own: neither swapped out where the limits allow that, nor
 * in a core file, nor in a child. */
struct store_keys *
store_keys_new(void)
{
	size_t size = sizeof(struct store_keys);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fatal("there is no memory for the store's keys");
	(void)mlock(p, size); /* a small limit is no reason not to run */
	(void)madvise(p, size, MADV_DONTDUMP);
	(void)madvise(p, size, MADV_WIPEONFORK);
	return p;
}

void
store_keys_free(struct store_keys *k)
{
	if (k == NULL)
		return;
	explicit_bzero(k, sizeof(*k));
	(void)munmap(k, sizeof(*k));
}

void
store_buf_wipe(struct buf *b)
{
	if (b->cap > 0)
		explicit_bzero(b->p, b->cap);
	buf_fini(b);
}

static void
put_sum(struct buf *file)
{
	uint8_t sum[br_sha256_SIZE];
	br_sha256_context sha;

	br_sha256_init(&sha);
	br_sha256_update(&sha, file->p, file->len);
	br_sha256_out(&sha, sum);
	buf_put(file, sum, KEY_SUM_LEN);
}

static bool
sum_is_right(const struct buf *file)
{
	struct buf again = { 0 };
	bool same;

	if (file->len < KEY_HEAD + KEY_SUM_LEN)
		return false;
	buf_put(&again, file->p, file->len - KEY_SUM_LEN);
	put_sum(&again);
	same = memcmp(again.p, file->p, file->len) == 0;
	store_buf_wipe(&again);
	return same;
}

/* The head is authenticated with the keys. */
static struct record_place
key_place(const struct buf *file)
{
	return (struct record_place){ 'k', file->p, KEY_HEAD };
}

static int
pack(const struct store_keys *k, struct buf *out, struct err *e)
{
	struct buf plain = { 0 }, sealed = { 0 };
	uint8_t nonce[RECORD_NONCE_LEN];
	struct record_place place;
	int r = store_random(nonce, sizeof(nonce), e);

	if (r < 0)
		return r;
	(void)buf_room(out, KEY_FILE_MAX); /* no copy is left behind */
	(void)buf_room(&plain, 2 * RECORD_KEY_LEN);
	buf_puts(out, KEY_MAGIC);
	buf_putc(out, k->is_locked ? 's' : 'c');
	buf_putc(out, k->has_old ? 2 : 1);
	buf_put(&plain, k->data, RECORD_KEY_LEN);
	if (k->has_old)
		buf_put(&plain, k->old, RECORD_KEY_LEN);
	place = key_place(out);
	if (k->is_locked)
		record_seal(k->lock, nonce, &place, &plain, &sealed);
	else
		buf_put(&sealed, plain.p, plain.len);
	buf_put(out, sealed.p, sealed.len);
	put_sum(out);
	store_buf_wipe(&plain);
	store_buf_wipe(&sealed);
	return 0;
}

static int
damaged(struct err *e, const char *path)
{
	return err_set(e, -EIO, "%s is damaged; put it back from a backup",
		       path);
}

static int
take_keys(const struct buf *plain, size_t count, const char *path,
	  struct store_keys *ret, struct err *e)
{
	if (count < 1 || count > 2 || plain->len != count * RECORD_KEY_LEN)
		return damaged(e, path);
	memcpy(ret->data, plain->p, RECORD_KEY_LEN);
	ret->has_old = count == 2;
	if (ret->has_old)
		memcpy(ret->old, plain->p + RECORD_KEY_LEN, RECORD_KEY_LEN);
	return 0;
}

static int
open_sealed(const struct buf *file, const struct buf *body, const uint8_t *lock,
	    struct buf *ret, struct err *e)
{
	struct record_place place = key_place(file);

	if (lock == NULL)
		return err_set(e, -ENOKEY,
			       "Swarm is encrypted and needs to be unlocked "
			       "before it can be used. Please use \"docker "
			       "swarm unlock\" to unlock it.");
	if (record_open(lock, &place, body, ret, e) < 0)
		return err_set(e, -EACCES,
			       "swarm could not be unlocked: invalid key "
			       "provided");
	return 0;
}

static int
unpack(const struct buf *file, const uint8_t *lock, const char *path,
       struct store_keys *ret, struct err *e)
{
	struct buf body, plain = { 0 };
	bool sealed;
	int r;

	/* As the first version kept it: the key and nothing else. */
	if (file->len == RECORD_KEY_LEN)
		return take_keys(file, 1, path, ret, e);
	if (!sum_is_right(file) ||
	    memcmp(file->p, KEY_MAGIC, strlen(KEY_MAGIC)) != 0)
		return damaged(e, path);
	sealed = file->p[KEY_HEAD - 2] == 's';
	body.p = file->p + KEY_HEAD;
	body.len = body.cap = file->len - KEY_HEAD - KEY_SUM_LEN;
	if (!sealed)
		return take_keys(&body, (uint8_t)file->p[KEY_HEAD - 1], path,
				 ret, e);
	r = open_sealed(file, &body, lock, &plain, e);
	if (r == 0)
		r = take_keys(&plain, (uint8_t)file->p[KEY_HEAD - 1], path, ret,
			      e);
	store_buf_wipe(&plain);
	if (r < 0)
		return r;
	ret->is_locked = true;
	memcpy(ret->lock, lock, RECORD_KEY_LEN);
	return 0;
}

int
store_key_read(const char *dir, const uint8_t *lock, struct store_keys *ret,
	       struct err *e)
{
	owned(mem_freep) char *path = store_path(dir, "key");
	struct buf file = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t len;
	int r;

	if (fd < 0)
		return store_file_error(e, "open", path);
	len = read(fd, buf_room(&file, KEY_FILE_MAX + 1), KEY_FILE_MAX + 1);
	r = len < 0 ? store_file_error(e, "read", path) : 0;
	close(fd);
	if (r == 0) {
		file.len = (size_t)len;
		r = unpack(&file, lock, path, ret, e);
	}
	store_buf_wipe(&file);
	return r;
}

static int
write_aside(const char *path, const struct buf *file, struct err *e)
{
	int fd = open(path,
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		      0600);
	int r = 0;

	if (fd < 0)
		return store_file_error(e, "make", path);
	if (write(fd, file->p, file->len) != (ssize_t)file->len ||
	    fsync(fd) < 0)
		r = store_file_error(e, "write", path);
	close(fd);
	return r;
}

/* The blocks that held the keys before: as well as a file system lets us. */
static void
blank(int fd)
{
	static const char zeros[KEY_FILE_MAX];
	off_t len = lseek(fd, 0, SEEK_END);

	if (len > 0 && len <= (off_t)sizeof(zeros) &&
	    pwrite(fd, zeros, (size_t)len, 0) == len)
		(void)fsync(fd);
}

/* Whole or not at all: written aside, then renamed. */
int
store_key_write(const char *dir, const struct store_keys *k, struct err *e)
{
	owned(mem_freep) char *path = store_path(dir, "key");
	owned(mem_freep) char *aside = store_path(dir, "key.new");
	struct buf file = { 0 };
	int old = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int r = pack(k, &file, e);

	if (r == 0)
		r = write_aside(aside, &file, e);
	if (r == 0 && rename(aside, path) < 0)
		r = store_file_error(e, "make", path);
	if (r < 0)
		(void)unlink(aside); /* what failed is told already */
	else
		r = store_sync_dir(dir, e);
	if (r == 0 && old >= 0)
		blank(old);
	if (old >= 0)
		close(old);
	store_buf_wipe(&file);
	return r;
}

int
store_key_make(const char *dir, struct store_keys *ret, struct err *e)
{
	int r = store_random(ret->data, sizeof(ret->data), e);

	ret->has_old = ret->is_locked = false;
	explicit_bzero(ret->old, sizeof(ret->old));
	explicit_bzero(ret->lock, sizeof(ret->lock));
	return r < 0 ? r : store_key_write(dir, ret, e);
}

/* A value is of the newest key, or of the one before while that goes. */
int
store_unseal(const struct store *s, const struct record_place *place,
	     const struct buf *sealed, struct buf *ret, struct err *e)
{
	int r = record_open(s->keys->data, place, sealed, ret, e);

	if (r < 0 && s->keys->has_old)
		r = record_open(s->keys->old, place, sealed, ret, e);
	return r;
}

/* Nonces are 96 random bits: none is kept, so none can come back with an old
 * disk. After 2^32 values of one key two are equal once in 2^33 stores. */
int
store_seal(const struct store *s, const struct record_place *place,
	   const struct buf *plain, struct buf *out, struct err *e)
{
	uint8_t nonce[RECORD_NONCE_LEN];
	int r = store_random(nonce, sizeof(nonce), e);

	if (r == 0)
		record_seal(s->keys->data, nonce, place, plain, out);
	return r;
}
