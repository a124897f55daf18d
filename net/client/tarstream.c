/* tarstream.c - see tarstream.h. Depth first, with open directories only. */
#include "net/client/tarstream.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define BLOCK 512
#define OCTAL_SIZE_MAX INT64_C(077777777777) /* what 11 digits hold */
#define PATH_TEXT_MAX 4096

/* The ustar header, byte for byte (POSIX.1-1988). */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12];
	char checksum[8], type, link[100], magic[6], version[2];
	char user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "one block");

struct tarstream {
	DIR *dirs[TARSTREAM_DEPTH_MAX];
	size_t path_lens[TARSTREAM_DEPTH_MAX]; /* of path, per directory */
	unsigned depth;
	unsigned entries;
	char path[PATH_TEXT_MAX]; /* of the entry, in the archive */
	struct buf out;		  /* made, not read yet */
	size_t out_at;
	int fd; /* the file whose bytes come next, or -1 */
	int64_t file_left, padding;
	bool done;
};

int
tarstream_open(const char *dir, struct tarstream **ret, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tarstream *t;
	DIR *d;

	if (fd < 0)
		return err_set(e, -errno, "open %s: %s", dir, strerror(errno));
	d = fdopendir(fd);
	if (d == NULL) {
		int code = -errno;

		close(fd);
		return err_set(e, code, "read %s: %s", dir, strerror(-code));
	}
	t = mem_new(sizeof(*t));
	t->fd = -1;
	t->dirs[t->depth++] = d;
	*ret = t;
	return 0;
}

void
tarstream_close(struct tarstream *t)
{
	if (t == NULL)
		return;
	while (t->depth > 0)
		closedir(t->dirs[--t->depth]);
	if (t->fd >= 0)
		close(t->fd);
	buf_fini(&t->out);
	mem_free(t);
}

/* ---- headers
 * --------------------------------------------------------------------- */

static void
octal(char *field, size_t size, uint64_t v)
{
	field[size - 1] = '\0';
	for (size_t i = size - 1; i > 0; i--, v >>= 3)
		field[i - 1] = (char)('0' + (v & 7));
}

/* A name of more than 100 bytes is split at a slash. */
static int
put_name(struct header *h, const char *path, struct err *e)
{
	size_t len = strlen(path), cut = 0;

	if (len <= sizeof(h->name)) {
		memcpy(h->name, path, len);
		return 0;
	}
	for (size_t i = 0; i < len && i <= sizeof(h->prefix); i++)
		if (path[i] == '/' && len - i - 1 <= sizeof(h->name))
			cut = i;
	if (cut == 0)
		return err_set(e, -ENAMETOOLONG,
			       "%.200s: the name is too long for an archive",
			       path);
	memcpy(h->prefix, path, cut);
	memcpy(h->name, path + cut + 1, len - cut - 1);
	return 0;
}

static void
put_checksum(struct header *h)
{
	const uint8_t *p = (const uint8_t *)h;
	unsigned sum = 0;

	memset(h->checksum, ' ', sizeof(h->checksum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += p[i];
	octal(h->checksum, 7, sum);
	h->checksum[7] = ' ';
}

/* Larger sizes than octal holds are binary with the top bit set (GNU). */
static void
put_size(struct header *h, int64_t size)
{
	if (size <= OCTAL_SIZE_MAX) {
		octal(h->size, sizeof(h->size), (uint64_t)size);
		return;
	}
	h->size[0] = (char)0x80;
	for (size_t i = sizeof(h->size) - 1; i > 3; i--, size >>= 8)
		h->size[i] = (char)(size & 0xff);
}

static int
add_header(struct tarstream *t, const struct stat *st, char type,
	   const char *link, struct err *e)
{
	struct header h = { .type = type,
			    .magic = "ustar",
			    .version = { '0', '0' } };
	int rc = put_name(&h, t->path, e);

	if (rc != 0)
		return rc;
	if (strlen(link) > sizeof(h.link))
		return err_set(e, -ENAMETOOLONG,
			       "%.200s: the link is too long for an archive",
			       t->path);
	memcpy(h.link, link, strlen(link));
	octal(h.mode, sizeof(h.mode), st->st_mode & 07777);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.mtime, sizeof(h.mtime),
	      st->st_mtime > 0 ? (uint64_t)st->st_mtime : 0);
	put_size(&h, type == '0' ? st->st_size : 0);
	put_checksum(&h);
	buf_put(&t->out, &h, sizeof(h));
	return 0;
}

/* ---- entries
 * ---------------------------------------------------------------------- */

static int
fail_entry(const struct tarstream *t, const char *verb, struct err *e)
{
	return err_set(e, -errno, "%s %.300s: %s", verb, t->path,
		       strerror(errno));
}

static int
add_file(struct tarstream *t, int dir, const char *name, struct err *e)
{
	struct stat st;
	int rc, fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return fail_entry(t, "open", e);
	rc = fstat(fd, &st) == 0 ? add_header(t, &st, '0', "", e)
				 : fail_entry(t, "stat", e);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	t->fd = fd;
	t->file_left = st.st_size;
	t->padding = (BLOCK - st.st_size % BLOCK) % BLOCK;
	return 0;
}

static int
add_link(struct tarstream *t, int dir, const char *name, const struct stat *st,
	 struct err *e)
{
	char target[PATH_TEXT_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return fail_entry(t, "read the link", e);
	target[n] = '\0';
	return add_header(t, st, '2', target, e);
}

static int
add_directory(struct tarstream *t, int dir, const char *name,
	      const struct stat *st, struct err *e)
{
	int fd, rc;
	DIR *d;

	if (t->depth == TARSTREAM_DEPTH_MAX)
		return err_set(e, -ELOOP, "%.300s: deeper than %d directories",
			       t->path, TARSTREAM_DEPTH_MAX);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fail_entry(t, "open", e);
	d = fdopendir(fd);
	if (d == NULL) {
		rc = fail_entry(t, "read", e);
		close(fd);
		return rc;
	}
	t->path_lens[t->depth] = strlen(t->path) + 1;
	t->dirs[t->depth++] = d;
	memcpy(t->path + strlen(t->path), "/", 2);
	return add_header(t, st, '5', "", e);
}

static int
add_entry(struct tarstream *t, const char *name, struct err *e)
{
	int dir = dirfd(t->dirs[t->depth - 1]);
	size_t base = t->path_lens[t->depth - 1];
	struct stat st;

	if (t->entries++ == TARSTREAM_ENTRIES_MAX)
		return err_set(e, -E2BIG, "more than %d files",
			       TARSTREAM_ENTRIES_MAX);
	if (base + strlen(name) + 2 > sizeof(t->path))
		return err_set(e, -ENAMETOOLONG, "%.200s: the path is too long",
			       name);
	memcpy(t->path + base, name, strlen(name) + 1);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fail_entry(t, "stat", e);
	if (S_ISREG(st.st_mode))
		return add_file(t, dir, name, e);
	if (S_ISDIR(st.st_mode))
		return add_directory(t, dir, name, &st, e);
	if (S_ISLNK(st.st_mode))
		return add_link(t, dir, name, &st, e);
	return err_set(e, -EINVAL,
		       "%.300s is no file, directory or symbolic link",
		       t->path);
}

/* The next entry of the innermost directory, or a step out of it. */
static int
advance(struct tarstream *t, struct err *e)
{
	struct dirent *d;

	errno = 0;
	d = readdir(t->dirs[t->depth - 1]);
	if (d == NULL && errno != 0)
		return err_set(e, -errno, "read a directory: %s",
			       strerror(errno));
	if (d == NULL) {
		closedir(t->dirs[--t->depth]);
		if (t->depth > 0)
			return 0;
		/* Two blocks of zeros end an archive. */
		memset(buf_room(&t->out, BLOCK * 2), 0, BLOCK * 2);
		t->out.len += BLOCK * 2;
		t->done = true;
		return 0;
	}
	if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
		return 0;
	return add_entry(t, d->d_name, e);
}

/* ---- bytes
 * ------------------------------------------------------------------------- */

static ssize_t
read_file(struct tarstream *t, void *p, size_t cap, struct err *e)
{
	ssize_t n = read(t->fd, p, min_u64(cap, (uint64_t)t->file_left));

	if (n < 0)
		return fail_entry(t, "read", e);
	if (n == 0)
		return err_set(e, -EIO, "%.300s: it became shorter", t->path);
	t->file_left -= n;
	return n;
}

static void
end_file(struct tarstream *t)
{
	close(t->fd);
	t->fd = -1;
	memset(buf_room(&t->out, (size_t)t->padding), 0, (size_t)t->padding);
	t->out.len += (size_t)t->padding;
}

ssize_t
tarstream_read(struct tarstream *t, void *p, size_t cap, struct err *e)
{
	int rc = 0;

	check(cap > 0);
	for (;;) {
		if (t->out_at < t->out.len) {
			size_t n = min_u64(cap, t->out.len - t->out_at);

			memcpy(p, t->out.p + t->out_at, n);
			t->out_at += n;
			return (ssize_t)n;
		}
		buf_clear(&t->out);
		t->out_at = 0;
		if (t->fd >= 0 && t->file_left > 0)
			return read_file(t, p, cap, e);
		if (t->fd >= 0)
			end_file(t);
		else if (t->done)
			return 0;
		else
			rc = advance(t, e);
		if (rc != 0)
			return rc;
	}
}
