/* spool.c - see spool.h. */
#include "exec/image/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "exec/image/file.h"
#include "exec/image/own.h"
#include "exec/image/tar.h"
#include "exec/image/tree.h"

#define BLOBS "blobs/sha256/"

void
spool_init(struct spool *s, int dir)
{
	*s = (struct spool){ .dir = dir };
	arena_init(&s->a);
}

void
spool_fini(struct spool *s)
{
	arena_fini(&s->a);
	mem_free(s->members);
}

static void
file_name(uint32_t number, char ret[16])
{
	snprintf(ret, 16, "%u", number);
}

static int
refuse(const struct tar_entry *en, const char *why, struct err *e)
{
	return err_set(e, -EPERM, "\"%.100s\" in the archive is refused: %s",
		       en->name, why);
}

static int
write_piece(int fd, const void *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p = (const char *)p + n;
		len -= (size_t)n;
	}
	return 0;
}

static int
copy_file(struct tar *t, const struct tar_entry *en, int fd, struct member *m,
	  struct err *e)
{
	struct digest d;
	uint64_t offset;
	const void *p;
	size_t len;
	int r;

	digest_init(&d);
	while ((r = tar_piece(t, &p, &len, &offset, e)) == 1) {
		if (len == 0)
			continue;
		if (offset != m->size)
			return refuse(en, "it is a sparse file", e);
		digest_put(&d, p, len);
		m->size += len;
		r = write_piece(fd, p, len);
		if (r < 0)
			return err_set(e, r,
				       "cannot keep \"%.100s\" of the "
				       "archive: %s",
				       en->name, strerror(-r));
	}
	if (r == 0 && m->size != en->size)
		return refuse(en, "it is a sparse file", e);
	digest_hex(&d, m->hex);
	return r;
}

static int
keep_file(struct spool *s, struct tar *t, const struct tar_entry *en,
	  struct member *m, struct err *e)
{
	char name[16];
	own_fd int fd = -1;

	m->number = (uint32_t)s->count;
	file_name(m->number, name);
	fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return err_set(e, -errno, "cannot create a temporary file: %s",
			       strerror(errno));
	return copy_file(t, en, fd, m, e);
}

/* Drops the last component of a clean path; false: there is none. */
static bool
go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (*path == '\0')
		return false;
	*(slash != NULL ? slash : path) = '\0';
	return true;
}

/*
 * Where a symbolic link at the clean name leads, as a clean name: docker
 * save writes "HEX/layer.tar -> ../OTHER/layer.tar".
 */
static int
resolve_link(const char *name, const char *target, char ret[PATH_MAX])
{
	size_t len;

	if (*target == '/')
		return -EINVAL;
	snprintf(ret, PATH_MAX, "%s", name);
	(void)go_up(ret); /* from its directory on */
	for (const char *p = target; *p != '\0'; p += len) {
		size_t used = strlen(ret);

		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (len == 0 || (len == 1 && *p == '.'))
			continue;
		if (len == 2 && p[0] == '.' && p[1] == '.') {
			if (!go_up(ret))
				return -EINVAL;
			continue;
		}
		if (used + len + 2 > PATH_MAX)
			return -EINVAL;
		snprintf(ret + used, PATH_MAX - used, "%s%.*s",
			 used > 0 ? "/" : "", (int)len, p);
	}
	return 0;
}

static int
keep_link(struct spool *s, const struct tar_entry *en, struct member *m,
	  struct err *e)
{
	char path[PATH_MAX];
	int r;

	if (en->link == NULL)
		return refuse(en, "it is a link to nothing", e);
	r = en->hard ? tree_clean(en->link, path, e)
		     : resolve_link(m->name, en->link, path);
	if (r < 0)
		return refuse(en, "it is a link that leads out", e);
	m->link = arena_strdup(&s->a, path);
	return 0;
}

static int
keep_entry(struct spool *s, struct tar *t, const struct tar_entry *en,
	   struct err *e)
{
	char path[PATH_MAX];
	struct member m = { 0 };
	int r = tree_clean(en->name, path, e);

	if (r < 0)
		return err_wrap(e, -EPERM, "the archive is refused");
	if (!en->hard && S_ISDIR(en->mode))
		return 0;
	if (s->count == SPOOL_MEMBERS_MAX)
		return err_set(e, -EFBIG,
			       "the archive has more than the %d "
			       "files that are allowed",
			       SPOOL_MEMBERS_MAX);
	m.name = arena_strdup(&s->a, path);
	if (en->hard || S_ISLNK(en->mode))
		r = keep_link(s, en, &m, e);
	else if (S_ISREG(en->mode))
		r = keep_file(s, t, en, &m, e);
	else
		return refuse(en, "it is neither a file nor a directory", e);
	if (r < 0)
		return r;
	s->members =
		mem_grow(s->members, s->count, &s->cap, sizeof(*s->members));
	s->members[s->count++] = m;
	return 0;
}

static int
by_name(const void *x, const void *y)
{
	const struct member *a = x, *b = y;

	return strcmp(a->name, b->name);
}

/* Twice the same is fine; two contents under one name are a riddle. */
static int
check_twins(const struct spool *s, struct err *e)
{
	for (size_t i = 1; i < s->count; i++) {
		const struct member *a = &s->members[i - 1];
		const struct member *b = &s->members[i];

		if (strcmp(a->name, b->name) == 0 &&
		    (!str_eq(a->link, b->link) || strcmp(a->hex, b->hex) != 0))
			return err_set(e, -EPERM,
				       "\"%.100s\" is in the archive twice, "
				       "and differs",
				       a->name);
	}
	return 0;
}

static int
check_blobs(const struct spool *s, struct err *e)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct member *m = &s->members[i];
		const char *slash = strrchr(m->name, '/');
		size_t dir = slash != NULL ? (size_t)(slash - m->name) + 1 : 0;
		size_t want = strlen(BLOBS);

		if (m->link != NULL || dir < want ||
		    memcmp(slash + 1 - want, BLOBS, want) != 0 ||
		    !digest_is_hex(slash + 1))
			continue;
		if (strcmp(slash + 1, m->hex) != 0)
			return err_set(e, -EPROTO,
				       "the blob sha256:%s is damaged: its "
				       "content is sha256:%s",
				       slash + 1, m->hex);
	}
	return 0;
}

static int
read_entries(struct spool *s, struct unzip *u, struct err *e)
{
	struct tar *t = tar_new(u);
	struct tar_entry en;
	int r;

	while ((r = tar_next(t, &en, e)) == 1) {
		r = keep_entry(s, t, &en, e);
		if (r < 0)
			break;
	}
	tar_free(t);
	return r < 0 ? r : unzip_drain(u, e);
}

int
spool_read(struct spool *s, int fd, const struct unzip_limits *limits,
	   struct err *e)
{
	struct unzip *u = unzip_new(fd, "the archive", limits);
	int r = read_entries(s, u, e);

	unzip_free(u);
	if (r < 0)
		return r;
	if (s->count > 0)
		qsort(s->members, s->count, sizeof(*s->members), by_name);
	r = check_twins(s, e);
	return r < 0 ? r : check_blobs(s, e);
}

const struct member *
spool_find(const struct spool *s, const char *name)
{
	for (int i = 0; s->count > 0 && i < SPOOL_LINKS_MAX; i++) {
		struct member key = { .name = name };
		const struct member *m = bsearch(&key, s->members, s->count,
						 sizeof(key), by_name);

		if (m == NULL || m->link == NULL)
			return m;
		name = m->link;
	}
	return NULL;
}

const struct member *
spool_findf(const struct spool *s, const char *fmt, ...)
{
	char name[PATH_MAX], clean[PATH_MAX];
	struct err ignored;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(name))
		return NULL;
	if (tree_clean(name, clean, &ignored) < 0)
		return NULL;
	return spool_find(s, clean);
}

int
spool_text(const struct spool *s, const struct member *m, struct buf *ret,
	   struct err *e)
{
	char name[16];
	int r;

	file_name(m->number, name);
	r = file_read(s->dir, name, SPOOL_TEXT_MAX, ret, e);
	return r < 0 ? err_wrap(e, r, "\"%.100s\" of the archive", m->name) : 0;
}

int
spool_open(const struct spool *s, const struct member *m, int *ret_fd,
	   struct err *e)
{
	char name[16];
	int fd;

	file_name(m->number, name);
	fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, -errno,
			       "cannot open \"%.100s\" of the "
			       "archive: %s",
			       m->name, strerror(errno));
	*ret_fd = fd;
	return 0;
}
