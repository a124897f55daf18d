/* peer_frames.h - messages out of a stream: a length, big-endian, and bytes. */
#ifndef NET_PEER_FRAMES_H
#define NET_PEER_FRAMES_H

#include "core/base/buf.h"

#define FRAME_HEAD_LEN 4

struct frames {
	uint8_t head[FRAME_HEAD_LEN];
	uint8_t head_len;
	uint32_t max;	 /* longest message that is taken */
	uint32_t len;	 /* of the message that is being read */
	struct buf body; /* what came of it so far; grows with what comes */
};

enum frame_got {
	FRAME_MORE = 1, /* all bytes are used, none is whole */
	FRAME_WHOLE,	/* p, len; valid until the next call */
	FRAME_TOO_LONG, /* len is what it wants to be; read no further */
	FRAME_EMPTY,	/* the same, of no bytes */
};
struct frame {
	enum frame_got got;
	size_t used; /* bytes of what was given */
	const uint8_t *p;
	size_t len;
};

struct frame frames_read(struct frames *f, const uint8_t *p, size_t len);
void frames_fini(struct frames *f);
void frame_head(uint8_t ret[FRAME_HEAD_LEN], uint32_t len);

#endif
