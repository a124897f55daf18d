/*
 * unzip.c - see unzip.h. zlib and zstd are used directly and not through
 * libarchive, because libarchive takes bytes after the end of a gzip stream
 * in silence, and because both ends of the stream must be counted.
 */
#include "exec/image/unzip.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "exec/image/digest.h"

#define UNZIP_IN_SIZE 65536
/* 2^27 bytes is what zstd itself decodes unasked; image tools use 2^23. */
#define UNZIP_ZSTD_WINDOW_LOG_MAX 27

enum unzip_kind { UNZIP_UNKNOWN, UNZIP_PLAIN, UNZIP_GZIP, UNZIP_ZSTD };

struct unzip {
	int fd;
	const char *what;
	struct unzip_limits limits;
	struct digest *hash; /* or NULL */
	enum unzip_kind kind;
	z_stream z;
	ZSTD_DStream *zstd;
	bool in_frame; /* in the middle of a gzip member or zstd frame */
	bool in_eof;
	size_t in_pos, in_len;
	uint64_t in_bytes, out_bytes; /* read from fd; given out */
	unsigned char in[UNZIP_IN_SIZE];
};

struct unzip *
unzip_new(int fd, const char *what, const struct unzip_limits *limits)
{
	struct unzip *u = mem_new(sizeof(*u));

	u->fd = fd;
	u->what = what;
	u->limits = *limits;
	return u;
}

void
unzip_free(struct unzip *u)
{
	if (u == NULL)
		return;
	if (u->kind == UNZIP_GZIP)
		(void)inflateEnd(&u->z);
	(void)ZSTD_freeDStream(u->zstd); /* NULL is fine; cannot fail */
	mem_free(u);
}

void
unzip_hash(struct unzip *u, struct digest *d)
{
	u->hash = d;
}

uint64_t
unzip_in_bytes(const struct unzip *u)
{
	return u->in_bytes;
}

uint64_t
unzip_out_bytes(const struct unzip *u)
{
	return u->out_bytes;
}

bool
unzip_is_plain(const struct unzip *u)
{
	return u->kind == UNZIP_PLAIN;
}

/* One more read(2) behind what is there. */
static int
fill_more(struct unzip *u, struct err *e)
{
	ssize_t n;

	if (u->in_pos > 0) {
		memmove(u->in, u->in + u->in_pos, u->in_len - u->in_pos);
		u->in_len -= u->in_pos;
		u->in_pos = 0;
	}
	check(u->in_len < sizeof(u->in));
	do
		n = read(u->fd, u->in + u->in_len, sizeof(u->in) - u->in_len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set(e, -errno, "cannot read %s: %s", u->what,
			       strerror(errno));
	if (n == 0)
		u->in_eof = true;
	u->in_len += (size_t)n;
	u->in_bytes += (uint64_t)n;
	return 0;
}

/* At least one byte of input, unless the input is at its end. */
static int
fill(struct unzip *u, struct err *e)
{
	if (u->in_pos < u->in_len || u->in_eof)
		return 0;
	return fill_more(u, e);
}

static int
start_gzip(struct unzip *u, struct err *e)
{
	/* 15 bits of window, + 16: a gzip wrapper and no other. */
	if (inflateInit2(&u->z, 15 + 16) != Z_OK)
		return err_set(e, -ENOMEM, "cannot start to decompress %s",
			       u->what);
	u->kind = UNZIP_GZIP;
	return 0;
}

static int
start_zstd(struct unzip *u, struct err *e)
{
	u->zstd = ZSTD_createDStream();
	if (u->zstd == NULL ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax,
						UNZIP_ZSTD_WINDOW_LOG_MAX)))
		return err_set(e, -ENOMEM, "cannot start to decompress %s",
			       u->what);
	u->kind = UNZIP_ZSTD;
	return 0;
}

static int
start(struct unzip *u, struct err *e)
{
	static const unsigned char gzip[] = { 0x1f, 0x8b };
	static const unsigned char zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
	int r;

	while (u->in_len < sizeof(zstd) && !u->in_eof) {
		r = fill_more(u, e);
		if (r < 0)
			return r;
	}
	if (u->in_len >= sizeof(gzip) && memcmp(u->in, gzip, sizeof(gzip)) == 0)
		return start_gzip(u, e);
	if (u->in_len >= sizeof(zstd) && memcmp(u->in, zstd, sizeof(zstd)) == 0)
		return start_zstd(u, e);
	u->kind = UNZIP_PLAIN;
	return 0;
}

static int
damaged(struct unzip *u, const char *how, struct err *e)
{
	return err_set(e, -EPROTO, "%s is damaged: %s", u->what, how);
}

static int
read_plain(struct unzip *u, void *p, size_t cap, size_t *ret_len)
{
	size_t n = min_u64(cap, u->in_len - u->in_pos);

	memcpy(p, u->in + u->in_pos, n);
	u->in_pos += n;
	*ret_len = n;
	return 0;
}

static int
read_gzip(struct unzip *u, void *p, size_t cap, size_t *ret_len, struct err *e)
{
	int r;

	if (!u->in_frame) { /* a gzip file is one or more members */
		if (u->in[u->in_pos] != 0x1f)
			return damaged(u, "there are bytes after its end", e);
		(void)inflateReset(&u->z); /* its state is sound */
		u->in_frame = true;
	}
	u->z.next_in = u->in + u->in_pos;
	u->z.avail_in = (uInt)(u->in_len - u->in_pos);
	u->z.next_out = p;
	u->z.avail_out = (uInt)min_u64(cap, 1 << 30);
	r = inflate(&u->z, Z_NO_FLUSH);
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return damaged(u, u->z.msg ? u->z.msg : "not gzip", e);
	if (r == Z_STREAM_END)
		u->in_frame = false;
	u->in_pos = u->in_len - u->z.avail_in;
	*ret_len = (size_t)(u->z.next_out - (unsigned char *)p);
	return 0;
}

static int
read_zstd(struct unzip *u, void *p, size_t cap, size_t *ret_len, struct err *e)
{
	ZSTD_inBuffer in = { u->in, u->in_len, u->in_pos };
	ZSTD_outBuffer out = { p, cap, 0 };
	size_t r = ZSTD_decompressStream(u->zstd, &out, &in);

	if (ZSTD_isError(r))
		return damaged(u, ZSTD_getErrorName(r), e);
	u->in_frame = r != 0;
	u->in_pos = in.pos;
	*ret_len = out.pos;
	return 0;
}

static int
step(struct unzip *u, void *p, size_t cap, size_t *ret_len, struct err *e)
{
	switch (u->kind) {
	case UNZIP_GZIP:
		return read_gzip(u, p, cap, ret_len, e);
	case UNZIP_ZSTD:
		return read_zstd(u, p, cap, ret_len, e);
	case UNZIP_PLAIN:
		return read_plain(u, p, cap, ret_len);
	case UNZIP_UNKNOWN:
		break;
	}
	unreachable();
}

static int
count_out(struct unzip *u, const void *p, size_t len, struct err *e)
{
	u->out_bytes += len;
	if (u->out_bytes > u->limits.bytes)
		return err_set(e, -EFBIG,
			       "%s unpacks to more than the %llu bytes that "
			       "are allowed",
			       u->what, (unsigned long long)u->limits.bytes);
	if (u->out_bytes > u->limits.ratio_from &&
	    u->out_bytes / u->limits.ratio > u->in_bytes)
		return err_set(e, -EFBIG,
			       "%s unpacks to more than %llu times its size",
			       u->what, (unsigned long long)u->limits.ratio);
	if (u->hash != NULL)
		digest_put(u->hash, p, len);
	return 0;
}

/*
 * What a decoder still holds comes out without new input; so at the end of
 * the input it is asked until it gives nothing.
 */
int
unzip_read(struct unzip *u, void *p, size_t cap, size_t *ret_len, struct err *e)
{
	size_t len = 0;
	int r = u->kind == UNZIP_UNKNOWN ? start(u, e) : 0;

	check(cap > 0);
	while (r == 0 && len == 0) {
		r = fill(u, e);
		if (r < 0)
			return r;
		if (u->in_pos == u->in_len && !u->in_frame)
			break;
		r = step(u, p, cap, &len, e);
		if (r == 0 && len == 0 && u->in_frame && u->in_eof &&
		    u->in_pos == u->in_len)
			return damaged(u, "it ends in the middle", e);
	}
	if (r == 0)
		r = count_out(u, p, len, e);
	if (r == 0)
		*ret_len = len;
	return r;
}

int
unzip_drain(struct unzip *u, struct err *e)
{
	char scrap[16384];
	size_t len = 1;
	int r = 0;

	while (r == 0 && len > 0)
		r = unzip_read(u, scrap, sizeof(scrap), &len, e);
	return r;
}
