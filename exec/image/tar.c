/* tar.c - see tar.h. */
#include "exec/image/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "exec/image/unzip.h"

#define TAR_BLOCK 65536

struct tar {
	struct unzip *u;
	struct archive *a;
	struct archive_entry *at;
	bool opened;
	struct err why; /* of the stream below */
	int why_code;	/* 0: the stream below is fine */
	char block[TAR_BLOCK];
};

static la_ssize_t
on_read(struct archive *a, void *ctx, const void **ret)
{
	struct tar *t = ctx;
	size_t len = 0;
	int r = unzip_read(t->u, t->block, sizeof(t->block), &len, &t->why);

	if (r < 0) {
		t->why_code = r;
		archive_set_error(a, EIO, "see below");
		return -1;
	}
	*ret = t->block;
	return (la_ssize_t)len;
}

struct tar *
tar_new(struct unzip *u)
{
	struct tar *t = mem_new(sizeof(*t));

	t->u = u;
	t->a = archive_read_new();
	if (t->a == NULL)
		fatal("out of memory");
	if (archive_read_support_format_tar(t->a) != ARCHIVE_OK)
		fatal("libarchive has no tar reader");
	return t;
}

void
tar_free(struct tar *t)
{
	if (t == NULL)
		return;
	(void)archive_read_free(t->a); /* it was only read */
	mem_free(t);
}

static int
failed(struct tar *t, struct err *e)
{
	const char *why = archive_error_string(t->a);

	if (t->why_code < 0) {
		*e = t->why;
		return t->why_code;
	}
	return err_set(e, -EPROTO, "the tar archive is damaged: %s",
		       why ? why : "unknown error");
}

static void
describe(struct archive_entry *at, struct tar_entry *ret)
{
	const char *hard = archive_entry_hardlink(at);

	*ret = (struct tar_entry){
		.name = archive_entry_pathname(at),
		.link = hard ? hard : archive_entry_symlink(at),
		.hard = hard != NULL,
		.mode = archive_entry_mode(at),
		.uid = (uid_t)archive_entry_uid(at),
		.gid = (gid_t)archive_entry_gid(at),
		.mtime = { .tv_sec = archive_entry_mtime(at),
			   .tv_nsec = archive_entry_mtime_nsec(at) },
	};
	if (!ret->hard && S_ISREG(ret->mode))
		ret->size = (uint64_t)archive_entry_size(at);
}

int
tar_next(struct tar *t, struct tar_entry *ret, struct err *e)
{
	int r;

	if (!t->opened) {
		r = archive_read_open(t->a, t, NULL, on_read, NULL);
		if (r != ARCHIVE_OK)
			return failed(t, e);
		t->opened = true;
	}
	r = archive_read_next_header(t->a, &t->at);
	if (r == ARCHIVE_EOF)
		return 0;
	/* A warning is about a name that is not UTF-8: it is kept as it is. */
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return failed(t, e);
	describe(t->at, ret);
	if (ret->name == NULL || *ret->name == '\0')
		return err_set(e, -EPROTO,
			       "the tar archive has an entry "
			       "without a name");
	archive_entry_xattr_reset(t->at);
	return 1;
}

int
tar_piece(struct tar *t, const void **ret, size_t *ret_len,
	  uint64_t *ret_offset, struct err *e)
{
	la_int64_t offset = 0;
	int r = archive_read_data_block(t->a, ret, ret_len, &offset);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return failed(t, e);
	if (offset < 0)
		return err_set(e, -EPROTO,
			       "the tar archive is damaged: "
			       "a negative offset");
	*ret_offset = (uint64_t)offset;
	return 1;
}

bool
tar_xattr(struct tar *t, const char **ret_name, const void **ret,
	  size_t *ret_len)
{
	return archive_entry_xattr_next(t->at, ret_name, ret, ret_len) ==
	       ARCHIVE_OK;
}
