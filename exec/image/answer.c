/* answer.c - see answer.h. */
#include "exec/image/answer.h"

/* The config digests behind references; those that are gone are left out. */
static struct strings
config_ids(struct images *im, const struct strings *refs, struct arena *a)
{
	struct strings ids = { arena_array(a, refs->count, sizeof(char *)), 0 };
	struct image_config image;
	struct err e;

	for (uint32_t i = 0; i < refs->count; i++)
		if (images_find(im, refs->v[i], a, &image, &e) == 0)
			ids.v[ids.count++] = image.id;
	return ids;
}

static int
answer_change(struct images *im, const struct request *r,
	      const struct strings *used, struct buf *body)
{
	struct strings ids;
	struct arena a;
	int status;

	arena_init(&a);
	ids = config_ids(im, used, &a);
	if (r->op == OP_IMAGE_REMOVE)
		status = images_api_remove(im, r->target,
					   request_query_bool(r, "force"), &ids,
					   body);
	else
		status = images_api_prune(im, request_query(r, "filters"), &ids,
					  body);
	arena_fini(&a);
	return status;
}

int
images_answer(struct images *im, const struct request *r,
	      const struct strings *used, struct buf *body)
{
	if (r->op == OP_IMAGE_LIST)
		return images_api_list(im, request_query(r, "filters"),
				       request_query_bool(r, "all"), body);
	if (r->op == OP_IMAGE_INSPECT)
		return images_api_inspect(im, r->target, body);
	if (r->op == OP_DISTRIBUTION)
		return images_api_distribution(im, r->target, body);
	return answer_change(im, r, used, body);
}
