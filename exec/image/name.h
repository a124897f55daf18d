/* name.h - image names as the index has them: in full, with tag or digest. */
#ifndef EXEC_IMAGE_NAME_H
#define EXEC_IMAGE_NAME_H

#include "core/model/naming.h"

/* docker.io/library/nginx */
const char *name_repository(const struct image_ref *r, struct arena *a);
/* docker.io/library/nginx:latest; r has a tag */
const char *name_tagged(const struct image_ref *r, struct arena *a);
/* docker.io/library/nginx@sha256:...; digest with its "sha256:" */
const char *name_digested(const struct image_ref *r, const char *digest,
			  struct arena *a);
/* A full name of the index as people write it: nginx:latest. */
const char *name_familiar(const char *full, struct arena *a);

#endif
