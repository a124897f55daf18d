/* answer.h - API requests about images, to the function that answers. */
#ifndef EXEC_IMAGE_ANSWER_H
#define EXEC_IMAGE_ANSWER_H

#include "core/model/request.h"
#include "exec/image/image.h"

/*
 * Answers r, whose where is OP_AT_IMAGES and whose op is not OP_IMAGE_LOAD.
 * used: the references of images that tasks on this host run from. Gives the
 * HTTP status; body is filled.
 */
int images_answer(struct images *im, const struct request *r,
		  const struct strings *used, struct buf *body);

#endif
