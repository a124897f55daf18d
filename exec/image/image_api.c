/* image_api.c - what the API tells about images; see image.h. */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/json.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/model/naming.h"
#include "core/model/request.h"
#include "exec/image/digest.h"
#include "exec/image/image_reply.h"
#include "exec/image/images.h"
#include "exec/image/name.h"

int
image_reply_error(struct buf *body, int code, const char *message)
{
	struct json w = { .out = body };

	buf_clear(body);
	json_open(&w, '{');
	json_put_str(&w, "message", message);
	json_close(&w, '}');
	buf_putc(body, '\n');
	switch (code) {
	case -ENOENT:
		return 404;
	case -EINVAL:
		return 400;
	case -EBUSY:
		return 409;
	default: /* errno values, not an enum of ours */
		return 500;
	}
}

static void
put_names(struct json *w, const char *key, const struct strings *names,
	  struct arena *a)
{
	json_key(w, key);
	json_open(w, '[');
	for (uint32_t i = 0; i < names->count; i++)
		json_str(w, name_familiar(names->v[i], a));
	json_close(w, ']');
}

static void
put_labels(struct json *w, const struct kvs *labels)
{
	json_key(w, "Labels");
	if (labels->count == 0) {
		json_nil(w);
		return;
	}
	json_open(w, '{');
	for (uint32_t i = 0; i < labels->count; i++)
		json_put_str(w, labels->v[i].key, labels->v[i].value);
	json_close(w, '}');
}

/* ---- until -------------------------------------------------------------- */

static int64_t
wall_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static int
read_until(const char *text, int64_t *ret_ns, struct err *e)
{
	int64_t v;

	if (str_to_i64(text, &v) && v < INT64_MAX / NS_PER_S && v >= 0)
		*ret_ns = v * NS_PER_S;
	else if (duration_parse(text, &v))
		*ret_ns = wall_ns() - v;
	else if (time_parse(text, &v))
		*ret_ns = v;
	else
		return err_set(e, -EINVAL,
			       "invalid filter: until=%s is neither a time "
			       "nor a duration",
			       text);
	return 0;
}

int
image_read_until(const struct filters *f, int64_t *ret_ns, struct err *e)
{
	const struct strings *v = filters_get(f, "until");

	*ret_ns = INT64_MAX;
	if (v == NULL || v->count == 0)
		return 0;
	return read_until(v->v[0], ret_ns, e);
}

/* ---- list --------------------------------------------------------------- */

struct list {
	struct images *im;
	struct arena *a;
	struct filters filters;
	int64_t before_ns, since_ns; /* 0: not given */
	int64_t until_ns;
};

static const char *const list_filters[] = { "reference", "label", "dangling",
					    "before",	 "since", "until",
					    NULL };

/* "nginx*", "nginx:1.*": against the name with and without its tag. */
static bool
matches_reference(const struct strings *patterns, const char *familiar,
		  struct arena *a)
{
	const char *colon = strrchr(familiar, ':'), *bare = familiar;

	if (colon != NULL && strchr(colon, '/') == NULL)
		bare = arena_strndup(a, familiar, (size_t)(colon - familiar));
	for (uint32_t i = 0; i < patterns->count; i++)
		if (fnmatch(patterns->v[i], familiar, FNM_PATHNAME) == 0 ||
		    fnmatch(patterns->v[i], bare, FNM_PATHNAME) == 0)
			return true;
	return false;
}

/* The tags that are shown; false: the image is not. */
static bool
select_tags(struct list *l, const struct image_record *r, struct strings *ret)
{
	const struct strings *patterns = filters_get(&l->filters, "reference");

	*ret = r->tags;
	if (patterns == NULL)
		return true;
	*ret = (struct strings){ 0 };
	for (uint32_t i = 0; i < r->tags.count; i++)
		if (matches_reference(patterns,
				      name_familiar(r->tags.v[i], l->a), l->a))
			strings_add(ret, l->a, r->tags.v[i]);
	return ret->count > 0;
}

static bool
is_selected(struct list *l, const struct image_record *r)
{
	const struct strings *dangling = filters_get(&l->filters, "dangling");

	if (!filters_match_labels(&l->filters, "label", &r->labels))
		return false;
	if (l->before_ns != 0 && r->created >= l->before_ns)
		return false;
	if (l->since_ns != 0 && r->created <= l->since_ns)
		return false;
	if (r->created > l->until_ns)
		return false;
	if (dangling == NULL || dangling->count == 0)
		return true;
	return image_reply_bool(dangling->v[0]) == (r->tags.count == 0);
}

/* before=IMAGE and since=IMAGE: when that image was made. */
static int
read_reference_time(struct list *l, const char *key, int64_t *ret,
		    struct err *e)
{
	const struct strings *v = filters_get(&l->filters, key);
	const struct image_record *r;
	int code;

	if (v == NULL || v->count == 0)
		return 0;
	code = images_resolve(l->im, v->v[0], l->a, &r, e);
	if (code == 0)
		*ret = r->created;
	return code;
}

static int
read_filters(struct list *l, const char *json, struct err *e)
{
	int r;

	l->until_ns = INT64_MAX;
	if (str_empty(json))
		return 0;
	r = filters_read(json, list_filters, l->a, &l->filters, e);
	if (r == 0)
		r = read_reference_time(l, "before", &l->before_ns, e);
	if (r == 0)
		r = read_reference_time(l, "since", &l->since_ns, e);
	if (r == 0)
		r = image_read_until(&l->filters, &l->until_ns, e);
	return r;
}

static int
newest_first(const void *x, const void *y)
{
	const struct image_record *a = *(const struct image_record *const *)x;
	const struct image_record *b = *(const struct image_record *const *)y;

	if (a->created != b->created)
		return a->created < b->created ? 1 : -1;
	return strcmp(a->id, b->id);
}

static void
put_summary(struct list *l, struct json *w, const struct image_record *r)
{
	struct strings tags;

	if (!is_selected(l, r) || !select_tags(l, r, &tags))
		return;
	json_open(w, '{');
	json_put_i64(w, "Containers", -1);
	json_put_i64(w, "Created", r->created / NS_PER_S);
	json_put_str(w, "Id", r->id);
	put_labels(w, &r->labels);
	json_put_str(w, "ParentId", "");
	put_names(w, "RepoDigests", &r->digests, l->a);
	put_names(w, "RepoTags", &tags, l->a);
	json_put_i64(w, "SharedSize", -1);
	json_put_i64(w, "Size", r->size);
	json_close(w, '}');
}

/* all adds Docker's build steps, which there are none of here. */
int
images_api_list(struct images *im, const char *filters_json, bool all,
		struct buf *body)
{
	owned(arena_fini) struct arena a = { 0 };
	struct list l = { .im = im, .a = &a };
	size_t count = images_total(im);
	const struct image_record **sorted =
		arena_array(&a, count, sizeof(struct image_record *));
	struct json w = { .out = body };
	struct err e;
	int r = read_filters(&l, filters_json, &e);

	(void)all;
	if (r < 0)
		return image_reply_error(body, r, e.msg);
	for (size_t i = 0; i < count; i++)
		sorted[i] = images_at(im, i);
	qsort(sorted, count, sizeof(struct image_record *), newest_first);
	json_open(&w, '[');
	for (size_t i = 0; i < count; i++)
		put_summary(&l, &w, sorted[i]);
	json_close(&w, ']');
	buf_putc(body, '\n');
	return 200;
}

/* ---- inspect ------------------------------------------------------------ */

static void
put_root(struct json *w, const struct image_record *r, struct arena *a)
{
	json_key(w, "RootFS");
	json_open(w, '{');
	json_put_str(w, "Type", "layers");
	json_key(w, "Layers");
	json_open(w, '[');
	for (uint32_t i = 0; i < r->layers.count; i++)
		json_str(w,
			 arena_printf(a, DIGEST_PREFIX "%s", r->layers.v[i]));
	json_close(w, ']');
	json_close(w, '}');
}

static void
put_time(struct json *w, const char *key, int64_t ns)
{
	char text[TIME_TEXT_MAX];

	time_format(ns, text);
	json_put_str(w, key, text);
}

static void
put_config(struct json *w, const struct oci_config *c)
{
	owned(buf_fini) struct buf text = { 0 };

	model_json_write(&oci_config_type, c, &text);
	json_key(w, "Config");
	json_raw(w, buf_cstr(&text));
}

static void
put_descriptor(struct json *w, const struct image_record *r)
{
	json_key(w, "Descriptor");
	json_open(w, '{');
	json_put_str(w, "mediaType", r->manifest_type);
	json_put_str(w, "digest", r->manifest_digest);
	json_put_i64(w, "size", r->manifest_size);
	json_close(w, '}');
}

static void
put_image(struct json *w, const struct image_record *r,
	  const struct oci_image *image, struct arena *a)
{
	json_open(w, '{');
	json_put_str(w, "Id", r->id);
	put_names(w, "RepoTags", &r->tags, a);
	put_names(w, "RepoDigests", &r->digests, a);
	json_put_str(w, "Parent", "");
	json_put_str(w, "Comment", "");
	put_time(w, "Created", r->created);
	json_put_str(w, "DockerVersion", "");
	json_put_str(w, "Author", image->author);
	put_config(w, &image->config);
	json_put_str(w, "Architecture", image->architecture);
	if (!str_empty(image->variant))
		json_put_str(w, "Variant", image->variant);
	json_put_str(w, "Os", r->os);
	json_put_i64(w, "Size", r->size);
	json_key(w, "GraphDriver");
	json_raw(w, "{\"Data\":null,\"Name\":\"overlay2\"}");
	put_root(w, r, a);
	json_key(w, "Metadata");
	json_open(w, '{');
	put_time(w, "LastTagTime", TIME_ZERO);
	json_close(w, '}');
	put_descriptor(w, r);
	json_close(w, '}');
}

int
images_api_inspect(struct images *im, const char *ref, struct buf *body)
{
	owned(arena_fini) struct arena a = { 0 };
	const struct image_record *r;
	struct oci_image image;
	struct json w = { .out = body };
	struct err e;
	int code = images_resolve(im, ref, &a, &r, &e);

	if (code == 0)
		code = images_config(im, r, &a, &image, &e);
	if (code < 0)
		return image_reply_error(body, code, e.msg);
	put_image(&w, r, &image, &a);
	buf_putc(body, '\n');
	return 200;
}

/* ---- distribution ------------------------------------------------------- */

/* What a registry would be asked: the digest that name stands for now. */
int
images_api_distribution(struct images *im, const char *ref, struct buf *body)
{
	owned(arena_fini) struct arena a = { 0 };
	const struct image_record *r;
	struct json w = { .out = body };
	struct err e;
	int code = images_resolve(im, ref, &a, &r, &e);

	if (code < 0)
		return image_reply_error(body, code, e.msg);
	json_open(&w, '{');
	put_descriptor(&w, r);
	json_key(&w, "Platforms");
	json_open(&w, '[');
	json_open(&w, '{');
	json_put_str(&w, "architecture", r->architecture);
	json_put_str(&w, "os", r->os);
	if (!str_empty(r->variant))
		json_put_str(&w, "variant", r->variant);
	json_close(&w, '}');
	json_close(&w, ']');
	json_close(&w, '}');
	buf_putc(body, '\n');
	return 200;
}
