/* scratch.h - a ROOT of its own for a test, with a victim beside it. */
#ifndef TEST_SCRATCH_H
#define TEST_SCRATCH_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "exec/image/image.h"
#include "exec/image/loader.h"
#include "exec/image/tree.h"
#include "test/t.h"

struct scratch {
	char top[64]; /* TOP/root, TOP/victim */
	char root[80];
	struct images *images;
	struct loader_config limits;
};

static inline void
scratch_open(struct scratch *s)
{
	char path[128];
	struct err e;
	int fd;

	snprintf(s->top, sizeof(s->top), "/tmp/swarm-image-XXXXXX");
	OK(mkdtemp(s->top) != NULL);
	snprintf(s->root, sizeof(s->root), "%s/root", s->top);
	EQ(mkdir(s->root, 0755), 0);
	snprintf(path, sizeof(path), "%s/victim", s->top);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	EQ(write(fd, "safe", 4), 4);
	close(fd);
	EQ(images_open(s->root, &s->images, &e), 0);
	s->limits = loader_defaults;
}

static inline void
scratch_close(struct scratch *s)
{
	images_close(s->images);
	EQ(tree_remove(AT_FDCWD, s->top, NULL), 0);
}

static inline void
read_whole(int dir, const char *name, struct buf *out)
{
	int fd = openat(dir, name, O_RDONLY);
	ssize_t n;

	OK(fd >= 0);
	while ((n = read(fd, buf_room(out, 4096), 4096)) > 0)
		out->len += (size_t)n;
	close(fd);
}

/* Loads what is in archive; lines gets the progress. */
static inline int
scratch_load(struct scratch *s, const struct buf *archive, struct buf *lines,
	     struct err *e)
{
	char path[128];
	int r;

	snprintf(path, sizeof(path), "%s/images", s->root);
	s->limits.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->limits.in_fd = memfd_create("in", MFD_CLOEXEC);
	s->limits.out_fd = memfd_create("out", MFD_CLOEXEC);
	EQ(write(s->limits.in_fd, archive->p, archive->len), archive->len);
	lseek(s->limits.in_fd, 0, SEEK_SET);
	r = loader_run(&s->limits, e);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->limits.out_fd);
	read_whole(AT_FDCWD, path, lines);
	(void)buf_cstr(lines);
	close(s->limits.dir);
	close(s->limits.in_fd);
	close(s->limits.out_fd);
	if (r == 0)
		EQ(images_reload(s->images, e), 0);
	return r;
}

/* Entries of ROOT/images/NAME. */
static inline int
count_entries(const struct scratch *s, const char *name)
{
	char path[160], piece[32768];
	int fd, count = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/images/%s", s->root, name);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	OK(fd >= 0);
	while ((n = getdents64(fd, piece, sizeof(piece))) > 0)
		for (ssize_t at = 0; at < n;) {
			unsigned short len;

			memcpy(&len, piece + at + 16, sizeof(len));
			at += len;
			count++;
		}
	close(fd);
	return count - 2;
}

static inline void
victim_is_safe(const struct scratch *s)
{
	struct buf text = { 0 };
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/victim", s->top);
	read_whole(AT_FDCWD, path, &text);
	EQ_STR(buf_cstr(&text), "safe");
	EQ(stat(path, &st), 0);
	EQ(st.st_nlink, 1);
	EQ(st.st_mode & 07777, 0600);
	buf_fini(&text);
}

#endif
