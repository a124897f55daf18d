/*
 * index.h - index.json: which images there are, by which names, and which
 * layers are unpacked. Replaced whole by rename, under a lock that loaders
 * and the daemon share.
 */
#ifndef EXEC_IMAGE_INDEX_H
#define EXEC_IMAGE_INDEX_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/model/strings.h"
#include "core/model/type.h"

#define INDEX_SIZE_MAX (UINT32_C(64) << 20)

struct image_record {
	const char *id;		/* sha256:HEX of the config */
	struct strings tags;	/* in full: docker.io/library/nginx:latest */
	struct strings digests; /* in full: docker.io/library/nginx@sha256:.. */
	const char *manifest_type;
	const char *manifest_digest; /* sha256:HEX; a blob, too */
	int64_t manifest_size;
	int64_t size; /* of all layers' files */
	int64_t created;
	const char *architecture;
	const char *variant;
	const char *os;
	struct kvs labels;
	struct strings layers; /* diff ids, HEX only, lowest first */
};
struct layer_record {
	const char *id; /* diff id, HEX only */
	int64_t size;
};
struct image_index {
	int64_t version;
	LIST_OF(struct image_record) images;
	LIST_OF(struct layer_record) layers;
};

/* dir is ROOT/images. Holds the lock until the descriptor is closed. */
int index_lock(int dir, int *ret_fd, struct err *e);
/* All in a; no file is an empty index. */
int index_read(int dir, struct arena *a, struct image_index *ret,
	       struct err *e);
/* Durable when it returns. Under the lock. */
int index_write(int dir, const struct image_index *index, struct err *e);

struct image_record *index_image(const struct image_index *index,
				 const char *id);
struct layer_record *index_layer(const struct image_index *index,
				 const char *id);

/* Changes, in memory; what is new is in a. */
struct image_record *index_add_image(struct image_index *index, struct arena *a,
				     const char *id);
void index_add_layer(struct image_index *index, struct arena *a, const char *id,
		     int64_t size);
/* Takes tag away from whoever has it: the record, or NULL. */
struct image_record *index_untag(struct image_index *index, const char *tag);

#endif
