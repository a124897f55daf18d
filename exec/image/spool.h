/*
 * spool.h - the members of an image archive. A tar on a pipe can be read
 * only once and its members come in any order, so each is kept as a file of
 * our own naming, hashed on the way. Foreign names never reach the file
 * system: they are keys of a sorted table.
 */
#ifndef EXEC_IMAGE_SPOOL_H
#define EXEC_IMAGE_SPOOL_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "exec/image/digest.h"
#include "exec/image/unzip.h"

#define SPOOL_MEMBERS_MAX 65536
#define SPOOL_TEXT_MAX (UINT32_C(4) << 20) /* a manifest or config */
#define SPOOL_LINKS_MAX 8		   /* from one link to the next */

struct member {
	const char *name; /* clean */
	const char *link; /* clean; NULL: a file */
	uint32_t number;  /* of its file in the spool */
	uint64_t size;
	char hex[DIGEST_HEX_LEN + 1];
};

struct spool {
	int dir;		/* borrowed; files are named by their numbers */
	struct arena a;		/* names */
	struct member *members; /* sorted by name, once it is read */
	size_t count, cap;
};

void spool_init(struct spool *s, int dir);
void spool_fini(struct spool *s);

/*
 * Read the whole archive. Names may not be absolute or have "..", links may
 * not lead out; only files, links and directories are taken; what is below a
 * blobs/sha256/ must be what it is named after.
 */
int spool_read(struct spool *s, int fd, const struct unzip_limits *limits,
	       struct err *e);

/* The file of that name, through links; NULL: none. */
const struct member *spool_find(const struct spool *s, const char *name);
/* The same for printf-made names. */
const struct member *spool_findf(const struct spool *s, const char *fmt, ...)
	printf_like(2, 3);
/* Its content, at most SPOOL_TEXT_MAX. */
int spool_text(const struct spool *s, const struct member *m, struct buf *ret,
	       struct err *e);
int spool_open(const struct spool *s, const struct member *m, int *ret_fd,
	       struct err *e);

#endif
