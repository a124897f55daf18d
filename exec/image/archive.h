/*
 * archive.h - what an image archive wants: docker save's manifest.json or an
 * OCI layout's index.json, read, checked, and made into one plan per image.
 * Touches no layer.
 */
#ifndef EXEC_IMAGE_ARCHIVE_H
#define EXEC_IMAGE_ARCHIVE_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/model/oci.h"
#include "exec/image/digest.h"

#define ARCHIVE_IMAGES_MAX 1024
#define ARCHIVE_LAYERS_MAX 512		      /* of one image */
#define ARCHIVE_TEXT_MAX (UINT32_C(64) << 20) /* of all manifests */

struct member;
struct spool;

struct image_plan {
	const struct member *config;
	const char *config_text;
	size_t config_len;
	const char *id; /* sha256:HEX */
	struct oci_image image;
	const struct member **layers; /* one for each diff id */
	struct strings names;	      /* in full, with tags */
	/* The archive's own, or else made of config and layers. */
	const char *manifest;
	size_t manifest_len;
	const char *manifest_type;
	const char *manifest_digest;
};
struct archive_plan {
	struct image_plan *images;
	size_t count;
};

/*
 * name: what an image is called that has only a tag in its layout, or NULL.
 * All of it is in a, but for the members, which are the spool's.
 */
int archive_plan(const struct spool *s, const char *name, struct arena *a,
		 struct archive_plan *ret, struct err *e);

/* The architecture that images should have here, as OCI names it. */
const char *archive_architecture(void);

#endif
