/* log_reader.c - see log_reader.h. */
#include "exec/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/mem.h"
#include "exec/image/own.h"

#define READ_PIECE 16384
#define SCAN_PIECE 65536
#define FILES_MAX 1000
/* What a compressed file may become: no more than a log is likely to be. */
#define UNPACKED_MAX (UINT64_C(1) << 30)

struct log_reader {
	char *path;
	uint32_t number; /* of the file that is read: 0 is the current one */
	int fd;
	uint64_t pos;
	struct buf buf; /* read, from at on not yet taken */
	size_t at;
	bool skipping; /* in the middle of a line that is too long */
	struct buf scratch;
};

static int
open_name(const char *path, uint32_t number, const char *suffix)
{
	char name[PATH_MAX];
	int len = number == 0 ? snprintf(name, sizeof(name), "%s", path)
			      : snprintf(name, sizeof(name), "%s.%u%s", path,
					 number, suffix);
	int fd;

	if (len < 0 || (size_t)len >= sizeof(name))
		return -ENAMETOOLONG;
	fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int
gunzip(int from, int to)
{
	char piece[READ_PIECE];
	uint64_t total = 0;
	int copy = fcntl(from, F_DUPFD_CLOEXEC, 0), n = 0;
	gzFile z = copy >= 0 ? gzdopen(copy, "rb") : NULL;

	if (z == NULL) {
		own_fd_end(&copy);
		return -EIO;
	}
	while (total < UNPACKED_MAX &&
	       (n = gzread(z, piece, sizeof(piece))) > 0) {
		if (write(to, piece, (size_t)n) != n)
			break;
		total += (uint64_t)n;
	}
	(void)gzclose_r(z); /* it was only read */
	return 0;	    /* what of a damaged file came out is shown */
}

/* The file of that number, plain: a compressed one is unpacked beside it,
 * without a name. */
static int
open_number(const char *path, uint32_t number)
{
	char dir[PATH_MAX], *slash;
	int fd = open_name(path, number, "");
	own_fd int packed = -1;
	int plain;

	if (fd != -ENOENT || number == 0)
		return fd;
	packed = open_name(path, number, ".gz");
	if (packed < 0)
		return packed;
	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	snprintf(slash != NULL ? slash : dir, 2, "%s", slash ? "/" : ".");
	if (slash != NULL && slash != dir)
		*slash = '\0';
	plain = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (plain < 0)
		plain = memfd_create("log", MFD_CLOEXEC);
	if (plain >= 0)
		(void)gunzip(packed, plain);
	return plain < 0 ? -errno : plain;
}

static uint64_t
size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/*
 * Where in fd its last want lines begin; *want becomes how many more are
 * wanted from older files.
 */
static uint64_t
tail_offset(int fd, uint64_t *want)
{
	uint64_t end = size_of(fd), seen = 0;
	char *piece = mem_new(SCAN_PIECE);
	uint64_t offset = 0;

	for (uint64_t at = end; at > 0 && offset == 0;) {
		size_t n = min_u64(at, SCAN_PIECE);

		at -= n;
		if (pread(fd, piece, n, (off_t)at) != (ssize_t)n)
			break;
		for (size_t i = n; i > 0 && offset == 0; i--)
			if (piece[i - 1] == '\n' && seen++ == *want)
				offset = at + i;
	}
	mem_free(piece);
	*want -= offset > 0 ? *want : min_u64(seen, *want);
	return offset;
}

/* Number of the oldest file. */
static uint32_t
oldest(const char *path)
{
	uint32_t number = 0;

	for (; number < FILES_MAX; number++) {
		int fd = open_name(path, number + 1, "");

		if (fd == -ENOENT)
			fd = open_name(path, number + 1, ".gz");
		if (fd < 0)
			break;
		own_fd_end(&fd);
	}
	return number;
}

static bool
enter(struct log_reader *r, uint32_t number)
{
	int fd = open_number(r->path, number);

	if (fd < 0)
		return false;
	own_fd_end(&r->fd);
	r->fd = fd;
	r->number = number;
	r->pos = 0;
	r->at = 0;
	buf_clear(&r->buf);
	r->skipping = false;
	return true;
}

/* From the current file back to the one in which the tail begins. */
static void
seek_tail(struct log_reader *r, uint64_t lines)
{
	uint32_t last = oldest(r->path);

	r->pos = tail_offset(r->fd, &lines);
	while (lines > 0 && r->number < last && enter(r, r->number + 1))
		r->pos = tail_offset(r->fd, &lines);
}

int
log_reader_open(const char *path, int64_t tail, struct log_reader **ret,
		struct err *e)
{
	int fd = open_name(path, 0, "");
	struct log_reader *r;

	if (fd < 0)
		return err_set(e, fd, "cannot open the log %s: %s", path,
			       strerror(-fd));
	r = mem_new(sizeof(*r));
	r->path = mem_strdup(path);
	r->fd = fd;
	if (tail == 0)
		r->pos = size_of(fd);
	else if (tail > 0)
		seek_tail(r, (uint64_t)tail);
	else /* if it goes away now, the next older one is the oldest */
		for (uint32_t n = oldest(path); n > 0 && !enter(r, n); n--)
			;
	*ret = r;
	return 0;
}

void
log_reader_close(struct log_reader *r)
{
	if (r == NULL)
		return;
	own_fd_end(&r->fd);
	buf_fini(&r->buf);
	buf_fini(&r->scratch);
	mem_free(r->path);
	mem_free(r);
}

/* More bytes of the file that is read; false at its end. */
static bool
fill(struct log_reader *r)
{
	ssize_t n;

	buf_drop(&r->buf, r->at);
	r->at = 0;
	if (r->buf.len > LOG_JSON_MAX) {
		buf_clear(&r->buf);
		r->skipping = true;
	}
	do
		n = pread(r->fd, buf_room(&r->buf, READ_PIECE), READ_PIECE,
			  (off_t)r->pos);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	r->buf.len += (size_t)n;
	r->pos += (uint64_t)n;
	return true;
}

/* The number that the file we read has by now; otherwise, if unknown. */
static uint32_t
find_again(struct log_reader *r, const struct stat *was, uint32_t otherwise)
{
	uint32_t last = oldest(r->path);

	for (uint32_t i = 1; i <= last; i++) {
		own_fd int fd = open_name(r->path, i, "");
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0 &&
		    st.st_ino == was->st_ino && st.st_dev == was->st_dev)
			return i;
	}
	return otherwise; /* it was compressed, or is gone */
}

/*
 * At the end of what is there: an older file is followed by the next newer
 * one. The current file may have been rotated away, and then may have got
 * lines between our last read and that; so it is read once more.
 */
static bool
next_file(struct log_reader *r)
{
	struct stat now, was;

	if (fstat(r->fd, &was) < 0)
		return false;
	if (r->number > 0)
		return enter(r, find_again(r, &was, r->number) - 1);
	if (stat(r->path, &now) < 0)
		return false;
	if (now.st_ino != was.st_ino || now.st_dev != was.st_dev)
		return fill(r) || enter(r, find_again(r, &was, 1) - 1);
	if ((uint64_t)was.st_size >= r->pos)
		return false;
	return enter(r, 0); /* it was emptied: max-file=1 */
}

/* The next whole line, without its newline; NULL: none for now. */
static const char *
take_line(struct log_reader *r, size_t *ret_len)
{
	for (;;) {
		const char *start = r->buf.p + r->at, *end = NULL;
		bool skip = r->skipping;

		if (r->buf.len > r->at)
			end = memchr(start, '\n', r->buf.len - r->at);
		if (end == NULL) {
			if (!fill(r) && !next_file(r))
				return NULL;
			continue;
		}
		r->at += (size_t)(end - start) + 1;
		r->skipping = false;
		if (skip)
			continue;
		*ret_len = (size_t)(end - start);
		return start;
	}
}

bool
log_reader_next(struct log_reader *r, struct log_line *ret)
{
	const char *p;
	size_t len;

	while ((p = take_line(r, &len)) != NULL)
		if (log_line_read(p, len, &r->scratch, ret))
			return true;
	return false;
}
