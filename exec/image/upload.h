/*
 * upload.h - an image archive on its way to the loader child, and the
 * child's progress lines on their way back, on a loop.
 */
#ifndef EXEC_IMAGE_UPLOAD_H
#define EXEC_IMAGE_UPLOAD_H

#include "exec/image/image.h"

struct ev_loop;
struct upload;

struct upload_config {
	struct ev_loop *loop;
	struct images *images;
	struct load_options load;
	/* Progress lines, as the child wrote them. */
	void (*lines)(void *ctx, const void *p, size_t len);
	/* The pipe has room again, after upload_put() gave false. */
	void (*resume)(void *ctx);
	/* The child ended; loaded: the list of images has changed. The upload
	 * frees itself after the call. */
	void (*ended)(void *ctx, bool loaded);
	void *ctx;
};

int upload_start(const struct upload_config *config, struct upload **ret,
		 struct err *e);
/* A piece of the archive; NULL: it is whole. false: wait for resume(). */
bool upload_put(struct upload *u, const void *p, size_t len);
/* Nobody waits any more: no more calls back but ended(). */
void upload_abandon(struct upload *u);

#endif
