/* index.c - see index.h. */
#include "exec/image/index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/check.h"
#include "core/base/str.h"
#include "exec/image/digest.h"
#include "exec/image/file.h"
#include "exec/image/own.h"

#define INDEX_NAME "index.json"
#define INDEX_VERSION 1

#define FIELD(T, text, number, what, member)                                   \
	{                                                                      \
		.name = text, .tag = number, .kind = what,                     \
		.offset = offsetof(struct T, member)                           \
	}

static const struct field record_fields[] = {
	FIELD(image_record, "Id", 1, FIELD_STRING, id),
	FIELD(image_record, "Tags", 2, FIELD_STRINGS, tags),
	FIELD(image_record, "Digests", 3, FIELD_STRINGS, digests),
	FIELD(image_record, "ManifestType", 4, FIELD_STRING, manifest_type),
	FIELD(image_record, "ManifestDigest", 5, FIELD_STRING, manifest_digest),
	FIELD(image_record, "ManifestSize", 6, FIELD_I64, manifest_size),
	FIELD(image_record, "Size", 7, FIELD_I64, size),
	FIELD(image_record, "Created", 8, FIELD_TIME, created),
	FIELD(image_record, "Architecture", 9, FIELD_STRING, architecture),
	FIELD(image_record, "Os", 10, FIELD_STRING, os),
	FIELD(image_record, "Labels", 11, FIELD_KVS, labels),
	FIELD(image_record, "Layers", 12, FIELD_STRINGS, layers),
	FIELD(image_record, "Variant", 13, FIELD_STRING, variant),
};
static const struct type record_type = {
	.name = "Image",
	.size = sizeof(struct image_record),
	.fields = record_fields,
	.field_count = ARRAY_LEN(record_fields),
};

static const struct field layer_fields[] = {
	FIELD(layer_record, "Id", 1, FIELD_STRING, id),
	FIELD(layer_record, "Size", 2, FIELD_I64, size),
};
static const struct type layer_type = {
	.name = "Layer",
	.size = sizeof(struct layer_record),
	.fields = layer_fields,
	.field_count = ARRAY_LEN(layer_fields),
};

static const struct field index_fields[] = {
	FIELD(image_index, "Version", 1, FIELD_I64, version),
	{ .name = "Images",
	  .tag = 2,
	  .kind = FIELD_LIST,
	  .offset = offsetof(struct image_index, images),
	  .type = &record_type },
	{ .name = "Layers",
	  .tag = 3,
	  .kind = FIELD_LIST,
	  .offset = offsetof(struct image_index, layers),
	  .type = &layer_type },
};
static const struct type index_type = {
	.name = "ImageIndex",
	.size = sizeof(struct image_index),
	.fields = index_fields,
	.field_count = ARRAY_LEN(index_fields),
};

int
index_lock(int dir, int *ret_fd, struct err *e)
{
	own_fd int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_set(e, -errno,
			       "cannot open the lock of the "
			       "images: %s",
			       strerror(errno));
	do
		r = flock(fd, LOCK_EX);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_set(e, -errno, "cannot lock the images: %s",
			       strerror(errno));
	*ret_fd = take_fd(&fd);
	return 0;
}

/* What others rely on: a record has its id, a layer is a file name. */
static int
check_index(const struct image_index *index, struct err *e)
{
	if (index->version != INDEX_VERSION)
		return err_set(e, -EPROTO,
			       "it is of version %lld, this "
			       "program knows %d",
			       (long long)index->version, INDEX_VERSION);
	for (uint32_t i = 0; i < index->images.count; i++)
		if (digest_hex_part(index->images.v[i].id) == NULL)
			return err_set(e, -EPROTO, "an image has no id");
	for (uint32_t i = 0; i < index->layers.count; i++)
		if (!digest_is_hex(index->layers.v[i].id))
			return err_set(e, -EPROTO, "a layer has no id");
	return 0;
}

int
index_read(int dir, struct arena *a, struct image_index *ret, struct err *e)
{
	owned(buf_fini) struct buf text = { 0 };
	struct image_index index = { 0 };
	int r = file_read(dir, INDEX_NAME, INDEX_SIZE_MAX, &text, e);

	if (r == -ENOENT) {
		*ret = (struct image_index){ .version = INDEX_VERSION };
		return 0;
	}
	if (r == 0)
		r = model_json_read(&index_type, buf_cstr(&text), text.len, a,
				    &index, e);
	if (r == 0)
		r = check_index(&index, e);
	if (r < 0)
		return err_wrap(e, r,
				"the list of images, " INDEX_NAME
				", cannot be used; move it away and load the "
				"images again");
	*ret = index;
	return 0;
}

int
index_write(int dir, const struct image_index *index, struct err *e)
{
	owned(buf_fini) struct buf text = { 0 };
	int r;

	model_json_write(&index_type, index, &text);
	buf_putc(&text, '\n');
	r = file_write(dir, INDEX_NAME ".new", text.p, text.len, e);
	if (r < 0)
		return r;
	if (renameat(dir, INDEX_NAME ".new", dir, INDEX_NAME) < 0)
		return err_set(e, -errno, "cannot replace " INDEX_NAME ": %s",
			       strerror(errno));
	if (fsync(dir) < 0)
		return err_set(e, -errno, "cannot sync the images: %s",
			       strerror(errno));
	return 0;
}

struct image_record *
index_image(const struct image_index *index, const char *id)
{
	for (uint32_t i = 0; i < index->images.count; i++)
		if (str_eq(index->images.v[i].id, id))
			return &index->images.v[i];
	return NULL;
}

struct layer_record *
index_layer(const struct image_index *index, const char *id)
{
	for (uint32_t i = 0; i < index->layers.count; i++)
		if (str_eq(index->layers.v[i].id, id))
			return &index->layers.v[i];
	return NULL;
}

/* A copy of count elements of size bytes with room for one more, zeroed. */
static void *
one_more(struct arena *a, const void *v, uint32_t count, size_t size)
{
	char *copy = arena_array(a, (size_t)count + 1, size);

	if (count > 0)
		memcpy(copy, v, count * size);
	return copy;
}

struct image_record *
index_add_image(struct image_index *index, struct arena *a, const char *id)
{
	struct image_record *r = index_image(index, id);

	if (r != NULL)
		return r;
	index->images.v = one_more(a, index->images.v, index->images.count,
				   sizeof(*index->images.v));
	r = &index->images.v[index->images.count++];
	r->id = arena_strdup(a, id);
	return r;
}

void
index_add_layer(struct image_index *index, struct arena *a, const char *id,
		int64_t size)
{
	if (index_layer(index, id) != NULL)
		return;
	index->layers.v = one_more(a, index->layers.v, index->layers.count,
				   sizeof(*index->layers.v));
	index->layers.v[index->layers.count++] = (struct layer_record){
		.id = arena_strdup(a, id),
		.size = size,
	};
}

struct image_record *
index_untag(struct image_index *index, const char *tag)
{
	for (uint32_t i = 0; i < index->images.count; i++)
		if (strings_remove(&index->images.v[i].tags, tag))
			return &index->images.v[i];
	return NULL;
}
