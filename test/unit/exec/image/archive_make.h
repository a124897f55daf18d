/*
 * archive_make.h - archives for the image tests, made in memory: tar streams
 * by libarchive, and the files of docker save and OCI layouts around them.
 */
#ifndef TEST_ARCHIVE_MAKE_H
#define TEST_ARCHIVE_MAKE_H

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/buf.h"
#include "exec/image/digest.h"
#include "test/t.h"

struct entry {
	const char *name;
	mode_t type;	  /* S_IF*; 0 with link: a hard link */
	const char *text; /* of files */
	const char *link; /* of links */
	mode_t mode;	  /* 0: 0644 or 0755 */
	uid_t uid;
	time_t mtime;
	const char *xattr; /* name; its value is "value" */
};

enum packing { PLAIN, GZIP, ZSTD };

static la_ssize_t
archive_make_write(struct archive *a, void *ctx, const void *p, size_t len)
{
	(void)a;
	buf_put(ctx, p, len);
	return (la_ssize_t)len;
}

static inline struct archive *
tar_begin(struct buf *out, enum packing packing)
{
	struct archive *a = archive_write_new();

	EQ(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
	if (packing == GZIP)
		EQ(archive_write_add_filter_gzip(a), ARCHIVE_OK);
	if (packing == ZSTD)
		EQ(archive_write_add_filter_zstd(a), ARCHIVE_OK);
	EQ(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	EQ(archive_write_open(a, out, NULL, archive_make_write, NULL),
	   ARCHIVE_OK);
	return a;
}

static inline void
tar_put(struct archive *a, const struct entry *e, const void *p, size_t len)
{
	struct archive_entry *at = archive_entry_new();
	mode_t mode = e->mode != 0 ? e->mode : S_ISDIR(e->type) ? 0755 : 0644;

	archive_entry_set_pathname(at, e->name);
	archive_entry_set_filetype(at, e->type == 0 ? S_IFREG : e->type);
	archive_entry_set_perm(at, mode);
	archive_entry_set_uid(at, e->uid);
	archive_entry_set_mtime(at, e->mtime, 0);
	archive_entry_set_size(at, S_ISREG(e->type) ? (la_int64_t)len : 0);
	if (e->type == 0)
		archive_entry_set_hardlink(at, e->link);
	else if (S_ISLNK(e->type))
		archive_entry_set_symlink(at, e->link);
	if (S_ISCHR(e->type) || S_ISBLK(e->type))
		archive_entry_set_rdev(at, 0x103);
	if (e->xattr != NULL)
		archive_entry_xattr_add_entry(at, e->xattr, "value", 5);
	/* It warns of names that are not ASCII, and takes them. */
	OK(archive_write_header(a, at) >= ARCHIVE_WARN);
	if (S_ISREG(e->type) && len > 0)
		EQ(archive_write_data(a, p, len), (la_ssize_t)len);
	archive_entry_free(at);
}

static inline void
tar_end(struct archive *a)
{
	EQ(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

/* A layer of the entries, ended by one without a name. */
static inline void
layer_make(struct buf *out, enum packing packing, const struct entry *entries)
{
	struct archive *a = tar_begin(out, packing);

	for (const struct entry *e = entries; e->name != NULL; e++)
		tar_put(a, e, e->text, e->text != NULL ? strlen(e->text) : 0);
	tar_end(a);
}

static inline void
file_put(struct archive *a, const char *name, const void *p, size_t len)
{
	struct entry e = { .name = name, .type = S_IFREG };

	tar_put(a, &e, p, len);
}

/* What tells configs apart that are of the same layer. */
static const char *config_cmd = "run";

/* A config of one layer with that diff id (HEX). */
static inline void
config_make(struct buf *out, const char *diff_hex)
{
	buf_printf(out,
		   "{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":"
		   "\"2025-01-02T03:04:05.6Z\",\"config\":{\"Env\":[\"A=b\"],"
		   "\"Cmd\":[\"%s\"],\"ExposedPorts\":{\"80/tcp\":{}},"
		   "\"Labels\":{\"k\":\"v\"},\"User\":\"7\"},\"rootfs\":{"
		   "\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}",
		   config_cmd, diff_hex);
}

/* docker save as it was before OCI: HEX.json, DIR/layer.tar. */
static inline void
docker_make(struct buf *out, enum packing packing, const char *tag,
	    const struct buf *layer, const char *diff_hex)
{
	struct buf config = { 0 }, manifest = { 0 };
	char hex[DIGEST_HEX_LEN + 1], name[DIGEST_HEX_LEN + 6];
	struct archive *a = tar_begin(out, packing);

	config_make(&config, diff_hex);
	digest_of(config.p, config.len, hex);
	snprintf(name, sizeof(name), "%s.json", hex);
	buf_printf(&manifest,
		   "[{\"Config\":\"%s\",\"RepoTags\":[\"%s\"],\"Layers\":["
		   "\"one/layer.tar\"]}]",
		   name, tag);
	/* manifest.json comes last, and the layer through a link. */
	file_put(a, "other/layer.tar", layer->p, layer->len);
	tar_put(a,
		&(struct entry){ .name = "one/layer.tar",
				 .type = S_IFLNK,
				 .link = "../other/layer.tar" },
		NULL, 0);
	file_put(a, name, config.p, config.len);
	file_put(a, "manifest.json", manifest.p, manifest.len);
	tar_end(a);
	buf_fini(&config);
	buf_fini(&manifest);
}

static inline void
blob_put(struct archive *a, const char *prefix, const struct buf *blob,
	 char ret_hex[DIGEST_HEX_LEN + 1])
{
	char name[128];

	digest_of(blob->p, blob->len, ret_hex);
	snprintf(name, sizeof(name), "%sblobs/sha256/%s", prefix, ret_hex);
	file_put(a, name, blob->p, blob->len);
}

/* An OCI layout below prefix ("" or "DIR/"). */
static inline void
layout_make(struct buf *out, const char *prefix, const char *annotations,
	    const struct buf *layer, const char *diff_hex)
{
	struct buf config = { 0 }, manifest = { 0 }, index = { 0 };
	char layer_hex[65], config_hex[65], manifest_hex[65], name[80];
	struct archive *a = tar_begin(out, PLAIN);

	config_make(&config, diff_hex);
	blob_put(a, prefix, layer, layer_hex);
	blob_put(a, prefix, &config, config_hex);
	buf_printf(&manifest,
		   "{\"schemaVersion\":2,\"mediaType\":\"application/"
		   "vnd.oci.image.manifest.v1+json\",\"config\":{"
		   "\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
		   "\"digest\":\"sha256:%s\",\"size\":%zu},\"layers\":[{"
		   "\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
		   "\"digest\":\"sha256:%s\",\"size\":%zu}]}",
		   config_hex, config.len, layer_hex, layer->len);
	blob_put(a, prefix, &manifest, manifest_hex);
	buf_printf(&index,
		   "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
		   "\"application/vnd.oci.image.manifest.v1+json\","
		   "\"digest\":\"sha256:%s\",\"size\":%zu,\"annotations\":{"
		   "%s}}]}",
		   manifest_hex, manifest.len, annotations);
	snprintf(name, sizeof(name), "%sindex.json", prefix);
	file_put(a, name, index.p, index.len);
	snprintf(name, sizeof(name), "%soci-layout", prefix);
	file_put(a, name, "{\"imageLayoutVersion\":\"1.0.0\"}", 30);
	tar_end(a);
	buf_fini(&config);
	buf_fini(&manifest);
	buf_fini(&index);
}

/* The diff id of a layer that is given packed: of its plain bytes. */
static inline void
diff_id(const struct entry *entries, char ret[DIGEST_HEX_LEN + 1])
{
	struct buf plain = { 0 };

	layer_make(&plain, PLAIN, entries);
	digest_of(plain.p, plain.len, ret);
	buf_fini(&plain);
}

#endif
