/* tail.c - see tail.h. */
#include "store/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "store/store_impl.h"

#define BLOCK_LEN ((size_t)4096)
#define SECTOR_LEN ((size_t)512)
#define SECTOR_DATA ((size_t)496)
#define CHUNK_LEN ((size_t)256 << 10) /* read at once */
#define KEEP_LEN ((size_t)64 << 10)   /* of the buffer, between records */
#define TAIL_MAGIC UINT32_C(0x6c696174)

/* As it lies on the disk, lowest byte first (we run on nothing else). */
struct sector {
	uint8_t data[SECTOR_DATA];
	uint64_t seq; /* of its record; 0: never written */
	uint32_t salt;
	uint32_t sum; /* of all before */
};
_Static_assert(sizeof(struct sector) == SECTOR_LEN, "a sector");

/* What the first sector's data begins with. */
struct head {
	uint32_t magic;
	uint32_t len; /* of the record behind this */
};

struct tail {
	char *path;
	int fd;
	size_t size, used;
	uint64_t last;
	uint8_t *room; /* whole blocks, on a block's bound */
	size_t room_len;
	size_t window_at, window_len; /* of the file, as read into room */
};

/* ---- sectors
 * ------------------------------------------------------------------ */

/* It finds accidents; that nobody forged is the seal's business. */
static uint32_t
sum_of(const struct sector *s)
{
	const uint8_t *p = s->data;
	uint64_t h = UINT64_C(0x8ebc6af09c88c6e3), w;
	uint32_t last;

	for (size_t i = 0; i + 8 <= offsetof(struct sector, sum); i += 8) {
		memcpy(&w, p + i, sizeof(w));
		h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	memcpy(&last, &s->salt, sizeof(last));
	h = (h ^ last) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32);
}

static bool
is_blank(const struct sector *s)
{
	static const struct sector blank;

	return memcmp(s, &blank, sizeof(blank)) == 0;
}

static size_t
sectors_of(size_t len)
{
	return (sizeof(struct head) + len + SECTOR_DATA - 1) / SECTOR_DATA;
}

static size_t
space_of(size_t len)
{
	size_t bytes = sectors_of(len) * SECTOR_LEN;

	return (bytes + BLOCK_LEN - 1) / BLOCK_LEN * BLOCK_LEN;
}

static void
fill(struct sector *s, const struct head *head, const struct buf *record,
     size_t at)
{
	size_t skip = at == 0 ? sizeof(*head) : 0;
	size_t from = at == 0 ? 0 : at * SECTOR_DATA - sizeof(*head);
	size_t len = from < record->len
			     ? min_u64(record->len - from, SECTOR_DATA - skip)
			     : 0;

	if (at == 0)
		memcpy(s->data, head, sizeof(*head));
	if (len > 0)
		memcpy(s->data + skip, record->p + from, len);
	memset(s->data + skip + len, 0, SECTOR_DATA - skip - len);
}

/* ---- the file
 * ----------------------------------------------------------------- */

static void
make_room(struct tail *t, size_t len)
{
	t->window_len = 0;
	if (len <= t->room_len)
		return;
	mem_free(t->room);
	t->room = aligned_alloc(BLOCK_LEN, len);
	t->room_len = len;
	if (t->room == NULL)
		fatal("there is no memory for the store's tail");
}

/* One large record is no reason to keep so much. */
static void
less_room(struct tail *t)
{
	if (t->room_len <= KEEP_LEN)
		return;
	mem_free(t->room);
	t->room = NULL;
	t->room_len = t->window_len = 0;
}

/* Past the page cache where the file system lets us: a third less time. */
static int
open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_DIRECT,
		      0600);

	if (fd < 0 && errno == EINVAL)
		fd = open(path, flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd;
}

static int
write_at(struct tail *t, size_t len, size_t at, struct err *e)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(t->fd, t->room + done, len - done,
				   (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return store_file_error(e, "write", t->path);
		done += (size_t)n;
	}
	return 0;
}

static int
read_window(struct tail *t, size_t len, size_t at, struct err *e)
{
	size_t done = 0;

	make_room(t, len);
	while (done < len) {
		ssize_t n = pread(t->fd, t->room + done, len - done,
				  (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return store_file_error(e, "read", t->path);
		done += (size_t)n;
	}
	t->window_at = at;
	t->window_len = len;
	return 0;
}

/* *ret is good until the next call. */
static int
look(struct tail *t, size_t len, size_t at, const struct sector **ret,
     struct err *e)
{
	int r = 0;

	if (at < t->window_at || at + len > t->window_at + t->window_len)
		r = read_window(t,
				min_u64(max_u64(len, CHUNK_LEN), t->size - at),
				at, e);
	if (r == 0)
		*ret = (const struct sector *)(t->room + at - t->window_at);
	return r;
}

/* Written, not only set aside: a block that was never written costs the file
 * system's journal a commit when it is. */
static int
write_zeros(struct tail *t, size_t from, size_t to, struct err *e)
{
	int r = 0;

	make_room(t, CHUNK_LEN);
	memset(t->room, 0, CHUNK_LEN);
	for (; r == 0 && from < to; from += CHUNK_LEN)
		r = write_at(t, min_u64(CHUNK_LEN, to - from), from, e);
	if (r == 0 && fsync(t->fd) < 0)
		r = store_file_error(e, "sync", t->path);
	return r;
}

void
tail_close(struct tail *t)
{
	if (t == NULL)
		return;
	if (t->fd >= 0)
		close(t->fd);
	mem_free(t->room);
	mem_free(t->path);
	mem_free(t);
}

static struct tail *
tail_new(const char *dir, int flags)
{
	struct tail *t = mem_new(sizeof(*t));

	t->path = store_path(dir, "tail");
	t->fd = open_file(t->path, flags);
	return t;
}

int
tail_make(const char *dir, struct err *e)
{
	struct tail *t = tail_new(dir, O_CREAT | O_TRUNC);
	int r = t->fd < 0 ? store_file_error(e, "make", t->path)
			  : write_zeros(t, 0, TAIL_SIZE_MIN, e);

	tail_close(t);
	return r == 0 ? store_sync_dir(dir, e) : r;
}

/* ---- finding the end
 * ---------------------------------------------------------- */

enum found { FOUND, CUT_OFF, DAMAGED };

/* A sector where one of record seq is looked for. salt NULL: its first. */
static enum found
look_at(const struct sector *s, uint64_t seq, const uint32_t *salt)
{
	if (is_blank(s))
		return CUT_OFF;
	if (s->sum != sum_of(s) || s->seq > seq)
		return DAMAGED;
	if (s->seq < seq || (salt != NULL && s->salt != *salt))
		return CUT_OFF;
	return FOUND;
}

/* The worst of a record's sectors but the first. */
static enum found
look_at_rest(const struct sector *s, size_t count)
{
	enum found worst = FOUND;

	for (size_t i = 1; i < count; i++) {
		enum found f = look_at(&s[i], s[0].seq, &s[0].salt);

		worst = f > worst ? f : worst;
	}
	return worst;
}

/* Record seq at offset at: its sectors, if it is FOUND. */
static int
look_for(struct tail *t, size_t at, uint64_t seq, enum found *ret,
	 const struct sector **ret_s, struct err *e)
{
	struct head head;
	int r;

	*ret = CUT_OFF;
	if (at == t->size)
		return 0;
	r = look(t, BLOCK_LEN, at, ret_s, e);
	if (r < 0)
		return r;
	*ret = look_at(*ret_s, seq, NULL);
	if (*ret != FOUND)
		return 0;
	memcpy(&head, *ret_s, sizeof(head));
	*ret = DAMAGED;
	if (head.magic != TAIL_MAGIC || head.len > t->size ||
	    space_of(head.len) > t->size - at)
		return 0;
	r = look(t, space_of(head.len), at, ret_s, e);
	if (r == 0)
		*ret = look_at_rest(*ret_s, space_of(head.len) / SECTOR_LEN);
	return r;
}

/* Is a record there that is later than seq, which was not found? */
static int
look_behind(struct tail *t, uint64_t seq, bool *ret, struct err *e)
{
	*ret = false;
	for (size_t at = t->used; at < t->size; at += CHUNK_LEN) {
		size_t len = min_u64(CHUNK_LEN, t->size - at);
		const struct sector *s;
		int r = look(t, len, at, &s, e);

		if (r < 0)
			return r;
		for (size_t i = 0; i < len / SECTOR_LEN; i++)
			if (s[i].seq > seq && s[i].sum == sum_of(&s[i]))
				*ret = true;
	}
	return 0;
}

static int
damaged(const struct tail *t, uint64_t seq, struct err *e)
{
	return err_set(e, -EIO,
		       "%s is damaged at record %llu, or is not of this "
		       "data.mdb; put both back from one backup, or move their "
		       "directory away to start anew",
		       t->path, (unsigned long long)seq);
}

static int
find_end(struct tail *t, struct err *e)
{
	const struct sector *s;
	enum found found;
	bool later;
	int r;

	while ((r = look_for(t, t->used, t->last + 1, &found, &s, e)) == 0 &&
	       found == FOUND) {
		struct head head;

		memcpy(&head, s, sizeof(head));
		t->used += space_of(head.len);
		t->last++;
	}
	if (r == 0 && found == CUT_OFF) {
		r = look_behind(t, t->last + 1, &later, e);
		if (later)
			found = DAMAGED;
	}
	if (r == 0 && found == DAMAGED)
		r = damaged(t, t->last + 1, e);
	less_room(t);
	return r;
}

static int
read_size(struct tail *t, struct err *e)
{
	struct stat st;

	if (fstat(t->fd, &st) < 0)
		return store_file_error(e, "read", t->path);
	/* A crash while it grew may have left a piece at the end. */
	t->size = (size_t)st.st_size / TAIL_SIZE_MIN * TAIL_SIZE_MIN;
	if (t->size == 0 || t->size > TAIL_SIZE_MAX)
		return err_set(e, -EIO,
			       "%s is damaged: it cannot have %zu bytes; put "
			       "it back from a backup",
			       t->path, (size_t)st.st_size);
	return 0;
}

int
tail_open(const char *dir, uint64_t after, struct tail **ret, struct err *e)
{
	struct tail *t = tail_new(dir, 0);
	int r = t->fd < 0 ? store_file_error(e, "open", t->path)
			  : read_size(t, e);

	t->last = after;
	if (r == 0)
		r = find_end(t, e);
	if (r < 0)
		tail_close(t);
	else
		*ret = t;
	return r;
}

/* ---- records
 * ------------------------------------------------------------------- */

uint64_t
tail_last(const struct tail *t)
{
	return t->last;
}

size_t
tail_used(const struct tail *t)
{
	return t->used;
}

size_t
tail_size(const struct tail *t)
{
	return t->size;
}

bool
tail_has_room(const struct tail *t, size_t len)
{
	return len <= t->size && space_of(len) <= t->size - t->used;
}

int
tail_append(struct tail *t, const struct buf *record, uint32_t salt,
	    struct err *e)
{
	struct head head = { TAIL_MAGIC, (uint32_t)record->len };
	size_t space = space_of(record->len);
	struct sector *s;
	int r;

	check(tail_has_room(t, record->len));
	make_room(t, space);
	s = (struct sector *)t->room;
	for (size_t i = 0; i < space / SECTOR_LEN; i++) {
		fill(&s[i], &head, record, i);
		s[i].seq = t->last + 1;
		s[i].salt = salt;
		s[i].sum = sum_of(&s[i]);
	}
	r = write_at(t, space, t->used, e);
	if (r == 0 && fdatasync(t->fd) < 0)
		r = store_file_error(e, "sync", t->path);
	less_room(t);
	if (r < 0)
		return r;
	t->used += space;
	t->last++;
	return 0;
}

int
tail_read(struct tail *t, size_t *at, uint64_t seq, struct buf *ret,
	  struct err *e)
{
	const struct sector *s;
	enum found found;
	struct head head;
	int r = look_for(t, *at, seq, &found, &s, e);

	if (r < 0)
		return r;
	if (found != FOUND || *at >= t->used)
		return damaged(t, seq, e);
	memcpy(&head, s, sizeof(head));
	buf_clear(ret);
	for (size_t i = 0; i < sectors_of(head.len); i++)
		buf_put(ret, s[i].data, SECTOR_DATA);
	buf_drop(ret, sizeof(head));
	ret->len = head.len;
	*at += space_of(head.len);
	return 0;
}

void
tail_reset(struct tail *t)
{
	less_room(t);
	t->used = 0;
}

int
tail_grow(struct tail *t, struct err *e)
{
	size_t size = t->size * 2;
	int r;

	check(t->used == 0);
	if (size > TAIL_SIZE_MAX)
		return 0;
	r = write_zeros(t, t->size, size, e);
	if (r == 0)
		t->size = size;
	else if (r == -ENOSPC && ftruncate(t->fd, (off_t)t->size) == 0)
		r = 0;
	return r;
}

int
tail_blank(struct tail *t, struct err *e)
{
	check(t->used == 0);
	return write_zeros(t, 0, t->size, e);
}
