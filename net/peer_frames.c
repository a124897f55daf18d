/* peer_frames.c - see peer_frames.h. Pure: bytes in, messages out. */
#include "net/peer_frames.h"

#include <string.h>

#include "core/base/check.h"

void
frame_head(uint8_t ret[FRAME_HEAD_LEN], uint32_t len)
{
	ret[0] = (uint8_t)(len >> 24);
	ret[1] = (uint8_t)(len >> 16);
	ret[2] = (uint8_t)(len >> 8);
	ret[3] = (uint8_t)len;
}

void
frames_fini(struct frames *f)
{
	buf_fini(&f->body);
}

/* Returns how many bytes were used. */
static size_t
read_head(struct frames *f, const uint8_t *p, size_t len)
{
	size_t n = min_u64(FRAME_HEAD_LEN - f->head_len, len);

	memcpy(f->head + f->head_len, p, n);
	f->head_len = (uint8_t)(f->head_len + n);
	if (f->head_len == FRAME_HEAD_LEN)
		f->len = (uint32_t)f->head[0] << 24 |
			 (uint32_t)f->head[1] << 16 |
			 (uint32_t)f->head[2] << 8 | f->head[3];
	return n;
}

static struct frame
whole(struct frames *f, size_t used, const void *p)
{
	f->head_len = 0;
	return (struct frame){
		.got = FRAME_WHOLE, .used = used, .p = p, .len = f->len
	};
}

static struct frame
refused(const struct frames *f, enum frame_got got, size_t used)
{
	return (struct frame){ .got = got, .used = used, .len = f->len };
}

struct frame
frames_read(struct frames *f, const uint8_t *p, size_t len)
{
	size_t used = 0, n;

	check(f->max > 0);
	if (f->head_len < FRAME_HEAD_LEN) {
		/* What the last message took is not kept for the next. */
		buf_fini(&f->body);
		used = read_head(f, p, len);
		if (f->head_len < FRAME_HEAD_LEN)
			return (struct frame){ .got = FRAME_MORE,
					       .used = used };
	}
	if (f->len == 0)
		return refused(f, FRAME_EMPTY, used);
	if (f->len > f->max)
		return refused(f, FRAME_TOO_LONG, used);
	check(f->body.len < f->len);
	n = min_u64(f->len - f->body.len, len - used);
	if (n == f->len)
		return whole(f, used + n, p + used);
	buf_put(&f->body, p + used, n);
	if (f->body.len == f->len)
		return whole(f, used + n, f->body.p);
	return (struct frame){ .got = FRAME_MORE, .used = used + n };
}
