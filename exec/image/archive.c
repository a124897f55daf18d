/*
 * archive.c - see archive.h. A docker save archive of today is an OCI layout
 * too: then manifest.json says which images and names, and index.json which
 * manifest an image really has, so that its digest is the registry's.
 */
#include "exec/image/archive.h"

#include <errno.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/json.h"
#include "core/base/str.h"
#include "exec/image/index.h"
#include "exec/image/name.h"
#include "exec/image/spool.h"

#define ANNOTATION_NAME "io.containerd.image.name"
#define ANNOTATION_REF "org.opencontainers.image.ref.name"
#define ANNOTATION_REFERENCE "vnd.docker.reference.type"

/* A manifest that an index speaks of, and which is in the archive. */
struct candidate {
	const struct oci_descriptor *d;
	const char *name; /* in full, or NULL */
	const char *text;
	size_t len;
	struct oci_manifest manifest;
};

struct planner {
	const struct spool *s;
	struct arena *a;
	const char *prefix; /* "", or "dir/" when all is in one directory */
	const char *name;   /* of the archive: nginx of nginx.tar; or NULL */
	struct candidate *candidates;
	size_t candidate_count;
	size_t text_bytes; /* of all that was read */
	struct archive_plan plan;
};

const char *
archive_architecture(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__riscv)
	return "riscv64";
#else
	return "unknown";
#endif
}

/* The text of a member, terminated, in the arena. */
static int
text_of(struct planner *p, const struct member *m, const char **ret,
	size_t *ret_len, struct err *e)
{
	owned(buf_fini) struct buf text = { 0 };
	int r = spool_text(p->s, m, &text, e);

	if (r < 0)
		return r;
	p->text_bytes += text.len;
	if (p->text_bytes > ARCHIVE_TEXT_MAX)
		return err_set(e, -EFBIG,
			       "the archive's manifests are longer "
			       "than the %u bytes that are allowed",
			       ARCHIVE_TEXT_MAX);
	*ret_len = text.len;
	*ret = arena_strndup(p->a, buf_cstr(&text), text.len);
	return 0;
}

static int
read_json(struct planner *p, const struct member *m, const struct type *t,
	  void *ret, struct err *e)
{
	const char *text;
	size_t len;
	int r = text_of(p, m, &text, &len, e);

	if (r == 0)
		r = model_json_read(t, text, len, p->a, ret, e);
	return r < 0 ? err_wrap(e, r, "\"%.100s\" of the archive", m->name) : 0;
}

/*
 * The blob a descriptor speaks of; *ret is NULL if the archive lacks it. Its
 * hash is compared again, because a link of that name was not checked.
 */
static int
find_blob(struct planner *p, const struct oci_descriptor *d,
	  const struct member **ret, struct err *e)
{
	const char *hex = digest_hex_part(d->digest);
	const struct member *m;

	if (hex == NULL)
		return err_set(e, -EPROTO,
			       "the digest \"%.80s\" is not a sha256 one",
			       str_or(d->digest, ""));
	m = spool_findf(p->s, "%sblobs/sha256/%s", p->prefix, hex);
	if (m != NULL && strcmp(m->hex, hex) != 0)
		return err_set(e, -EPROTO,
			       "the blob sha256:%s is damaged: its content is "
			       "sha256:%s",
			       hex, m->hex);
	if (m != NULL && d->size > 0 && m->size != (uint64_t)d->size)
		return err_set(e, -EPROTO,
			       "the blob sha256:%s has %llu bytes, its "
			       "descriptor says %lld",
			       hex, (unsigned long long)m->size,
			       (long long)d->size);
	*ret = m;
	return 0;
}

static int
need_blob(struct planner *p, const struct oci_descriptor *d, const char *what,
	  const struct member **ret, struct err *e)
{
	int r = find_blob(p, d, ret, e);

	if (r == 0 && *ret == NULL)
		return err_set(e, -ENOENT,
			       "the archive is not whole: the %s %s is missing",
			       what, d->digest);
	return r;
}

/* ---- index.json --------------------------------------------------------- */

static bool
is_index(const struct oci_descriptor *d)
{
	return str_eq(d->media_type, OCI_MEDIA_INDEX) ||
	       str_eq(d->media_type, DOCKER_MEDIA_LIST);
}

/* Build records and signatures hang in an index beside the images. */
static bool
is_image(const struct oci_descriptor *d)
{
	if (kvs_get(&d->annotations, ANNOTATION_REFERENCE) != NULL)
		return false;
	if (!str_empty(d->media_type) &&
	    !str_eq(d->media_type, OCI_MEDIA_MANIFEST) &&
	    !str_eq(d->media_type, DOCKER_MEDIA_MANIFEST))
		return false;
	return d->platform == NULL || !str_eq(d->platform->os, "unknown");
}

static bool
is_for_here(const struct oci_descriptor *d)
{
	return d->platform == NULL ||
	       (str_eq(d->platform->os, "linux") &&
		str_eq(d->platform->architecture, archive_architecture()));
}

/* In full, or NULL if it is no name with a tag. */
static const char *
full_name(struct planner *p, const char *name)
{
	struct image_ref ref;
	struct err ignored;

	if (image_ref_parse(name, p->a, &ref, &ignored) < 0 || ref.tag == NULL)
		return NULL;
	return name_tagged(&ref, p->a);
}

/*
 * What an image with a tag only is called: after the layout's directory in
 * the archive, or after the archive. Without both, a word that cannot be a
 * version is taken for a repository.
 */
static const char *
tag_name(struct planner *p, const char *tag)
{
	size_t len = strlen(p->prefix);
	const char *name = NULL;

	if (len > 0)
		name = full_name(p, arena_printf(p->a, "%.*s:%s", (int)len - 1,
						 p->prefix, tag));
	if (name == NULL && !str_empty(p->name))
		name = full_name(p, arena_printf(p->a, "%s:%s", p->name, tag));
	if (name == NULL && !str_eq(tag, "latest") &&
	    (*tag < '0' || *tag > '9'))
		name = full_name(p, tag);
	return name;
}

/*
 * The name of an image of an index, in full, or NULL. containerd's annotation
 * is a whole name. OCI's is often a tag only, as umoci writes it.
 */
static const char *
annotated_name(struct planner *p, const struct kvs *annotations)
{
	const char *name = kvs_get(annotations, ANNOTATION_NAME);
	const char *tag = kvs_get(annotations, ANNOTATION_REF);

	if (!str_empty(name))
		return full_name(p, name);
	if (str_empty(tag))
		return NULL;
	return strpbrk(tag, ":/@") != NULL ? full_name(p, tag)
					   : tag_name(p, tag);
}

static int
add_candidate(struct planner *p, const struct oci_descriptor *d,
	      const char *name, struct err *e)
{
	struct candidate c = { .d = d, .name = name };
	const struct member *m;
	int r = find_blob(p, d, &m, e);

	if (r < 0 || m == NULL)
		return r;
	if (p->candidate_count == ARCHIVE_IMAGES_MAX)
		return err_set(e, -EFBIG,
			       "the archive has more than the %d "
			       "images that are allowed",
			       ARCHIVE_IMAGES_MAX);
	r = text_of(p, m, &c.text, &c.len, e);
	if (r == 0)
		r = read_json(p, m, &oci_manifest_type, &c.manifest, e);
	if (r == 0)
		p->candidates[p->candidate_count++] = c;
	return r;
}

/* Of a list of one image for many platforms, the one for this host. */
static int
add_nested(struct planner *p, const struct oci_descriptor *d, const char *name,
	   struct err *e)
{
	const struct oci_descriptor *best = NULL;
	struct oci_index index;
	const struct member *m;
	int r = find_blob(p, d, &m, e);

	if (r < 0 || m == NULL)
		return r;
	r = read_json(p, m, &oci_index_type, &index, e);
	for (uint32_t i = 0; r == 0 && i < index.manifests.count; i++) {
		const struct oci_descriptor *it = &index.manifests.v[i];

		if (!is_image(it))
			continue;
		r = find_blob(p, it, &m, e);
		if (r == 0 && m != NULL &&
		    (best == NULL || (!is_for_here(best) && is_for_here(it))))
			best = it;
	}
	if (r < 0 || best == NULL)
		return r;
	return add_candidate(p, arena_dup(p->a, best, sizeof(*best)), name, e);
}

static int
read_index(struct planner *p, const struct member *m, struct err *e)
{
	struct oci_index *index = arena_alloc(p->a, sizeof(*index));
	int r = read_json(p, m, &oci_index_type, index, e);

	p->candidates =
		arena_array(p->a, ARCHIVE_IMAGES_MAX, sizeof(*p->candidates));
	for (uint32_t i = 0; r == 0 && i < index->manifests.count; i++) {
		const struct oci_descriptor *d = &index->manifests.v[i];
		const char *name = annotated_name(p, &d->annotations);

		if (is_index(d))
			r = add_nested(p, d, name, e);
		else if (is_image(d))
			r = add_candidate(p, d, name, e);
	}
	return r;
}

/* ---- plans -------------------------------------------------------------- */

static struct image_plan *
find_plan(struct planner *p, const char *id)
{
	for (size_t i = 0; i < p->plan.count; i++)
		if (str_eq(p->plan.images[i].id, id))
			return &p->plan.images[i];
	return NULL;
}

static int
check_image(const struct image_plan *it, size_t layer_count, struct err *e)
{
	const struct strings *ids = &it->image.rootfs.diff_ids;

	if (!str_empty(it->image.os) && !str_eq(it->image.os, "linux"))
		return err_set(e, -EINVAL,
			       "the image is for %.40s, not for "
			       "linux",
			       it->image.os);
	if (ids->count != layer_count)
		return err_set(e, -EPROTO,
			       "the image has %zu layers, its "
			       "configuration speaks of %u",
			       layer_count, ids->count);
	if (ids->count > ARCHIVE_LAYERS_MAX)
		return err_set(e, -EFBIG,
			       "the image has more than the %d "
			       "layers that are allowed",
			       ARCHIVE_LAYERS_MAX);
	for (uint32_t i = 0; i < ids->count; i++)
		if (digest_hex_part(ids->v[i]) == NULL)
			return err_set(e, -EPROTO,
				       "the layer id \"%.80s\" is not a "
				       "sha256 digest",
				       ids->v[i]);
	return 0;
}

/* A plan for the config m, new or the one that is there already. */
static int
start_plan(struct planner *p, const struct member *m, size_t layer_count,
	   struct image_plan **ret, struct err *e)
{
	struct image_plan it = { .config = m };
	int r;

	it.id = arena_printf(p->a, DIGEST_PREFIX "%s", m->hex);
	*ret = find_plan(p, it.id);
	if (*ret != NULL)
		return check_image(*ret, layer_count, e);
	if (p->plan.count == ARCHIVE_IMAGES_MAX)
		return err_set(e, -EFBIG,
			       "the archive has more than the %d "
			       "images that are allowed",
			       ARCHIVE_IMAGES_MAX);
	r = text_of(p, m, &it.config_text, &it.config_len, e);
	if (r == 0)
		r = read_json(p, m, &oci_image_type, &it.image, e);
	if (r == 0)
		r = check_image(&it, layer_count, e);
	if (r < 0)
		return r;
	it.layers = arena_array(p->a, layer_count, sizeof(struct member *));
	*ret = &p->plan.images[p->plan.count++];
	**ret = it;
	return 0;
}

static void
set_manifest(struct planner *p, struct image_plan *it, const char *type,
	     const char *text, size_t len)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_of(text, len, hex);
	it->manifest = text;
	it->manifest_len = len;
	it->manifest_type = type;
	it->manifest_digest = arena_printf(p->a, DIGEST_PREFIX "%s", hex);
}

static int
plan_candidate(struct planner *p, const struct candidate *c, struct err *e)
{
	const struct oci_manifest *man = &c->manifest;
	const struct member *m;
	struct image_plan *it;
	int r;

	if (!str_empty(man->config.media_type) &&
	    !str_eq(man->config.media_type, OCI_MEDIA_CONFIG) &&
	    !str_eq(man->config.media_type, DOCKER_MEDIA_CONFIG))
		return 0; /* an artifact that is not a container image */
	r = need_blob(p, &man->config, "configuration", &m, e);
	if (r == 0)
		r = start_plan(p, m, man->layers.count, &it, e);
	for (uint32_t i = 0; r == 0 && i < man->layers.count; i++)
		r = need_blob(p, &man->layers.v[i], "layer", &it->layers[i], e);
	if (r < 0)
		return r;
	if (c->name != NULL)
		strings_add(&it->names, p->a, c->name);
	set_manifest(p, it,
		     str_or(man->media_type,
			    str_or(c->d->media_type, OCI_MEDIA_MANIFEST)),
		     c->text, c->len);
	return 0;
}

/* Several platforms under one name, side by side: one is for this host. */
static bool
has_better(const struct planner *p, const struct candidate *c)
{
	if (is_for_here(c->d))
		return false;
	for (size_t i = 0; i < p->candidate_count; i++)
		if (str_eq(p->candidates[i].name, c->name) &&
		    is_for_here(p->candidates[i].d))
			return true;
	return false;
}

static int
plan_layout(struct planner *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->candidate_count; i++)
		if (!has_better(p, &p->candidates[i]))
			r = plan_candidate(p, &p->candidates[i], e);
	return r;
}

/* ---- manifest.json ------------------------------------------------------ */

static void
add_descriptor(struct json *w, const char *type, const struct member *m)
{
	char digest[DIGEST_TEXT_LEN + 1];

	memcpy(digest, DIGEST_PREFIX, sizeof(DIGEST_PREFIX) - 1);
	memcpy(digest + sizeof(DIGEST_PREFIX) - 1, m->hex, sizeof(m->hex));
	json_open(w, '{');
	json_put_str(w, "mediaType", type);
	json_put_str(w, "digest", digest);
	json_put_u64(w, "size", m->size);
	json_close(w, '}');
}

/*
 * An archive without manifests gets one made of the same members, so that
 * the image has the same digest wherever this archive is loaded.
 */
static void
make_manifest(struct planner *p, struct image_plan *it)
{
	owned(buf_fini) struct buf text = { 0 };
	struct json w = { .out = &text };

	json_open(&w, '{');
	json_put_u64(&w, "schemaVersion", 2);
	json_put_str(&w, "mediaType", OCI_MEDIA_MANIFEST);
	json_key(&w, "config");
	add_descriptor(&w, OCI_MEDIA_CONFIG, it->config);
	json_key(&w, "layers");
	json_open(&w, '[');
	for (uint32_t i = 0; i < it->image.rootfs.diff_ids.count; i++)
		add_descriptor(&w, OCI_MEDIA_LAYER, it->layers[i]);
	json_close(&w, ']');
	json_close(&w, '}');
	set_manifest(p, it, OCI_MEDIA_MANIFEST,
		     arena_strndup(p->a, text.p, text.len), text.len);
}

static void
find_manifest(struct planner *p, struct image_plan *it)
{
	for (size_t i = 0; i < p->candidate_count; i++) {
		const struct candidate *c = &p->candidates[i];

		if (!str_eq(c->manifest.config.digest, it->id))
			continue;
		set_manifest(p, it,
			     str_or(c->manifest.media_type, OCI_MEDIA_MANIFEST),
			     c->text, c->len);
		return;
	}
	make_manifest(p, it);
}

/* "HEX.json" and "blobs/sha256/HEX" promise what is in them. */
static int
check_config_name(const char *name, const struct member *m, struct err *e)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash != NULL ? slash + 1 : name;
	size_t len = strcspn(base, ".");
	char hex[DIGEST_HEX_LEN + 1];

	if (len != DIGEST_HEX_LEN)
		return 0;
	memcpy(hex, base, len);
	hex[len] = '\0';
	if (!digest_is_hex(hex) || strcmp(hex, m->hex) == 0)
		return 0;
	return err_set(e, -EPROTO,
		       "the configuration sha256:%s is damaged: its content "
		       "is sha256:%s",
		       hex, m->hex);
}

static int
find_named(struct planner *p, const char *name, const struct member **ret,
	   struct err *e)
{
	*ret = spool_findf(p->s, "%s%s", p->prefix, str_or(name, ""));
	if (*ret == NULL)
		return err_set(e, -ENOENT,
			       "the archive is not whole: \"%.100s\" is "
			       "missing",
			       str_or(name, ""));
	return 0;
}

static int
add_tag(struct planner *p, struct image_plan *it, const char *tag,
	struct err *e)
{
	struct image_ref ref;
	int r = image_ref_parse(tag, p->a, &ref, e);

	if (r < 0)
		return err_wrap(e, r, "a name in manifest.json");
	if (ref.tag != NULL)
		strings_add(&it->names, p->a, name_tagged(&ref, p->a));
	return 0;
}

static int
plan_docker(struct planner *p, const struct docker_manifest *d, struct err *e)
{
	const struct member *m;
	struct image_plan *it;
	int r = find_named(p, d->config, &m, e);

	if (r == 0)
		r = check_config_name(d->config, m, e);
	if (r == 0)
		r = start_plan(p, m, d->layers.count, &it, e);
	for (uint32_t i = 0; r == 0 && i < d->layers.count; i++)
		r = find_named(p, d->layers.v[i], &it->layers[i], e);
	for (uint32_t i = 0; r == 0 && i < d->repo_tags.count; i++)
		r = add_tag(p, it, d->repo_tags.v[i], e);
	if (r == 0)
		find_manifest(p, it);
	return r;
}

static int
plan_dockers(struct planner *p, const struct member *m, struct err *e)
{
	struct docker_manifests list = { 0 };
	const char *text;
	size_t len;
	int r = text_of(p, m, &text, &len, e);

	if (r == 0)
		r = model_json_read_list(&docker_manifest_type, text, len, p->a,
					 &list, e);
	if (r < 0)
		return err_wrap(e, r, "manifest.json of the archive");
	for (uint32_t i = 0; r == 0 && i < list.count; i++)
		r = plan_docker(p, &list.v[i], e);
	return r;
}

/* ---- the whole ---------------------------------------------------------- */

static bool
is_table_of_contents(const char *name)
{
	return str_eq(name, "manifest.json") || str_eq(name, "index.json");
}

/* All may be in one directory, as "tar c nginx/" makes it. */
static int
find_prefix(struct planner *p, struct err *e)
{
	const char *found = NULL;

	for (size_t i = 0; i < p->s->count; i++) {
		const char *name = p->s->members[i].name;
		const char *slash = strchr(name, '/');

		if (is_table_of_contents(name)) {
			p->prefix = "";
			return 0;
		}
		if (slash == NULL || !is_table_of_contents(slash + 1))
			continue;
		if (found != NULL &&
		    strncmp(found, name, (size_t)(slash + 1 - name)) != 0)
			return err_set(e, -EINVAL,
				       "the archive holds more "
				       "than one image layout");
		found = arena_strndup(p->a, name, (size_t)(slash + 1 - name));
	}
	if (found == NULL)
		return err_set(e, -EINVAL,
			       "this is no image archive: it has neither a "
			       "manifest.json, as docker save writes it, nor "
			       "an OCI layout's index.json");
	p->prefix = found;
	return 0;
}

int
archive_plan(const struct spool *s, const char *name, struct arena *a,
	     struct archive_plan *ret, struct err *e)
{
	struct planner p = { .s = s, .a = a, .name = name };
	const struct member *index, *manifest;
	int r = find_prefix(&p, e);

	if (r < 0)
		return r;
	p.plan.images =
		arena_array(a, ARCHIVE_IMAGES_MAX, sizeof(*p.plan.images));
	index = spool_findf(s, "%sindex.json", p.prefix);
	manifest = spool_findf(s, "%smanifest.json", p.prefix);
	if (index != NULL)
		r = read_index(&p, index, e);
	if (r == 0 && manifest != NULL)
		r = plan_dockers(&p, manifest, e);
	else if (r == 0)
		r = plan_layout(&p, e);
	if (r == 0 && p.plan.count == 0)
		r = err_set(e, -EINVAL,
			    "the archive has no image for linux/%s in it",
			    archive_architecture());
	if (r == 0)
		*ret = p.plan;
	return r;
}
