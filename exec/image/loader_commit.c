/*
 * loader_commit.c - the end of a load. Nothing of it is in use before the
 * index names it, and the index is replaced last; so a crash at any point
 * leaves the list as it was, and at worst a directory that no one names,
 * which the next load of the same layer replaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/str.h"
#include "exec/image/file.h"
#include "exec/image/loader_impl.h"
#include "exec/image/name.h"
#include "exec/image/own.h"

#define BLOB_DIR "blobs/sha256"

static int
cannot(const char *what, const char *name, struct err *e)
{
	int code = -errno;

	return err_set(e, code, "cannot %s %s: %s", what, name,
		       strerror(-code));
}

static int
sync_dir(int dir, const char *name, struct err *e)
{
	own_fd int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return cannot("sync", name, e);
	return 0;
}

static int
put_blob(struct loader *l, const char *digest, const char *text, size_t len,
	 struct err *e)
{
	const char *hex = digest_hex_part(digest);
	char path[sizeof(BLOB_DIR) + 1 + DIGEST_HEX_LEN];
	int r = file_write(l->tmp, "blob", text, len, e);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), BLOB_DIR "/%s", hex);
	if (renameat(l->tmp, "blob", l->config->dir, path) < 0)
		return cannot("move into place", path, e);
	return 0;
}

static int
put_blobs(struct loader *l, struct err *e)
{
	int dir = l->config->dir;
	int r = file_mkdir(dir, "blobs", 0700, e);

	if (r == 0)
		r = file_mkdir(dir, BLOB_DIR, 0700, e);
	for (size_t i = 0; r == 0 && i < l->plan.count; i++) {
		const struct image_plan *it = &l->plan.images[i];

		r = put_blob(l, it->id, it->config_text, it->config_len, e);
		if (r == 0)
			r = put_blob(l, it->manifest_digest, it->manifest,
				     it->manifest_len, e);
	}
	return r < 0 ? r : sync_dir(dir, BLOB_DIR, e);
}

/*
 * A directory in the way is of no image: the index is locked and does not
 * have it. It goes where the load's own directory goes.
 */
static int
put_layer(struct loader *l, const struct new_layer *n, struct err *e)
{
	char from[NEW_LAYER_NAME_MAX], aside[NEW_LAYER_NAME_MAX];
	char to[sizeof("layers/") + DIGEST_HEX_LEN];
	int dir = l->config->dir;

	new_layer_name(n->hex, from);
	snprintf(to, sizeof(to), "layers/%s", n->hex);
	snprintf(aside, sizeof(aside), "aside-%s", n->hex);
	if (renameat(dir, to, l->tmp, aside) < 0 && errno != ENOENT)
		return cannot("move aside", to, e);
	if (renameat(l->tmp, from, dir, to) < 0)
		return cannot("move into place", to, e);
	return 0;
}

static int
put_layers(struct loader *l, struct image_index *index, struct err *e)
{
	int r = file_mkdir(l->config->dir, "layers", 0700, e);

	for (size_t i = 0; r == 0 && i < l->layer_count; i++) {
		const struct new_layer *n = &l->layers[i];

		/* Another load may have been faster. */
		if (index_layer(index, n->hex) != NULL)
			continue;
		r = put_layer(l, n, e);
		if (r == 0)
			index_add_layer(index, &l->a, n->hex, n->size);
	}
	return r < 0 ? r : sync_dir(l->config->dir, "layers", e);
}

/* A layer that was there at the start may have been removed since. */
static int
fill_layers(struct loader *l, struct image_index *index,
	    const struct image_plan *it, struct image_record *ret,
	    struct err *e)
{
	const struct strings *ids = &it->image.rootfs.diff_ids;

	ret->layers = (struct strings){
		.v = arena_array(&l->a, ids->count, sizeof(*ids->v)),
		.count = ids->count,
	};
	ret->size = 0;
	for (uint32_t i = 0; i < ids->count; i++) {
		const struct layer_record *layer;

		ret->layers.v[i] = digest_hex_part(ids->v[i]);
		layer = index_layer(index, ret->layers.v[i]);
		if (layer == NULL)
			return err_set(e, -EAGAIN,
				       "the layer %.12s was removed while the "
				       "image was being loaded; load it again",
				       ret->layers.v[i]);
		ret->size += layer->size;
	}
	return 0;
}

static void
put_name(struct loader *l, struct image_index *index, const char *id,
	 const char *name)
{
	struct image_record *was = index_untag(index, name), *now;

	if (was != NULL && !str_eq(was->id, id))
		loader_say_stream(l,
				  "The image %s already exists, renaming the "
				  "old one with ID %s to empty string\n",
				  name_familiar(name, &l->a), was->id);
	now = index_image(index, id);
	strings_add(&now->tags, &l->a, name);
}

static void
put_names(struct loader *l, struct image_index *index,
	  const struct image_plan *it)
{
	struct image_record *record = index_image(index, it->id);
	struct image_ref ref;
	struct err ignored;

	for (uint32_t i = 0; i < it->names.count; i++) {
		put_name(l, index, it->id, it->names.v[i]);
		if (image_ref_parse(it->names.v[i], &l->a, &ref, &ignored) == 0)
			strings_add(&record->digests, &l->a,
				    name_digested(&ref, it->manifest_digest,
						  &l->a));
	}
}

static int
put_image(struct loader *l, struct image_index *index,
	  const struct image_plan *it, struct err *e)
{
	struct image_record *record = index_add_image(index, &l->a, it->id);
	int r = fill_layers(l, index, it, record, e);

	if (r < 0)
		return r;
	record->manifest_type = it->manifest_type;
	record->manifest_digest = it->manifest_digest;
	record->manifest_size = (int64_t)it->manifest_len;
	record->created = it->image.created;
	record->architecture = it->image.architecture;
	record->variant = it->image.variant;
	record->os = str_or(it->image.os, "linux");
	record->labels = it->image.config.labels;
	put_names(l, index, it);
	return 0;
}

int
loader_commit(struct loader *l, struct err *e)
{
	own_fd int lock = -1;
	struct image_index index;
	int r = 0;

	/* The layers' files, before anything says that they are there. */
	if (syncfs(l->config->dir) < 0)
		return cannot("sync", "the layers", e);
	r = index_lock(l->config->dir, &lock, e);
	if (r == 0)
		r = index_read(l->config->dir, &l->a, &index, e);
	if (r == 0)
		r = put_blobs(l, e);
	if (r == 0)
		r = put_layers(l, &index, e);
	for (size_t i = 0; r == 0 && i < l->plan.count; i++)
		r = put_image(l, &index, &l->plan.images[i], e);
	return r < 0 ? r : index_write(l->config->dir, &index, e);
}
