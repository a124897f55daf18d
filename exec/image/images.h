/*
 * images.h - the image store as its own files see it: image.c (open, find,
 * load), image_api.c (the API's JSON), image_remove.c, builtin.c.
 */
#ifndef EXEC_IMAGE_IMAGES_H
#define EXEC_IMAGE_IMAGES_H

#include <pthread.h>

#include "core/model/oci.h"
#include "exec/image/image.h"
#include "exec/image/index.h"

struct images {
	const char *path; /* ROOT/images */
	int dir;
	struct arena arena; /* of the index; made anew with it */
	struct image_index index;
	/* The built-in image: a record like others, never in the index. */
	struct arena builtin_arena;
	struct image_record builtin;
	const char *builtin_config;
	const char *builtin_manifest;
	/* Removes what is in tmp/, off the loop's thread. */
	pthread_t sweeper;
	bool sweeping;
	_Atomic bool sweep_stop;
};

/* Resolve a reference as image.h says; -ENOENT, or -EINVAL if ambiguous. */
int images_resolve(struct images *im, const char *ref, struct arena *a,
		   const struct image_record **ret, struct err *e);
/* The configuration of r: read, verified, decoded into a. */
int images_config(struct images *im, const struct image_record *r,
		  struct arena *a, struct oci_image *ret, struct err *e);
/* Every image, the built-in one first. */
size_t images_total(const struct images *im);
const struct image_record *images_at(const struct images *im, size_t i);

/* builtin.c */
void builtin_init(struct images *im);
bool builtin_is(const struct images *im, const struct image_record *r);
/* Its layer directory below layers/, made now if need be. */
int builtin_layer(struct images *im, struct arena *a, const char **ret,
		  struct err *e);

/* image_sweep.c: removes what no loader holds in tmp/, in a thread. */
void images_sweep(struct images *im);
void images_sweep_end(struct images *im);

#endif
