/*
 * filters.c - the filters parameter of list requests (request.h). Two forms
 * are in use: {"key":{"value":true}}, and the older {"key":["value"]}.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "core/model/request.h"

static bool
is_allowed(const char *const *allowed, const char *key)
{
	for (; *allowed; allowed++)
		if (!strcmp(*allowed, key))
			return true;
	return false;
}

static int
values_of_object(json_t *from, struct arena *a, struct strings *to,
		 struct err *e)
{
	const char *value;
	json_t *on;

	json_object_foreach(from, value, on)
	{
		if (!json_is_boolean(on))
			return err_set(e, -EINVAL,
				       "invalid filter: want true after '%s'",
				       value);
		if (json_is_true(on))
			to->v[to->count++] = arena_strdup(a, value);
	}
	return 0;
}

static int
values_of_array(json_t *from, struct arena *a, struct strings *to,
		struct err *e)
{
	size_t i;
	json_t *value;

	json_array_foreach(from, i, value)
	{
		if (!json_is_string(value))
			return err_set(e, -EINVAL,
				       "invalid filter: want strings");
		to->v[to->count++] = arena_strdup(a, json_string_value(value));
	}
	return 0;
}

static int
read_values(json_t *from, struct arena *a, struct strings *to, struct err *e)
{
	size_t count = json_object_size(from) + json_array_size(from);

	if (count > REQUEST_FILTERS_MAX)
		return err_set(e, -EINVAL,
			       "invalid filter: more than %d values",
			       REQUEST_FILTERS_MAX);
	to->v = arena_array(a, count, sizeof(*to->v));
	if (json_is_object(from))
		return values_of_object(from, a, to, e);
	if (json_is_array(from))
		return values_of_array(from, a, to, e);
	return err_set(e, -EINVAL, "invalid filter: want {\"value\":true}");
}

static int
read_root(json_t *root, const char *const *allowed, struct arena *a,
	  struct filters *ret, struct err *e)
{
	const char *key;
	json_t *values;

	if (!json_is_object(root))
		return err_set(e, -EINVAL, "invalid filter: want an object");
	ret->v = arena_array(a, json_object_size(root), sizeof(*ret->v));
	json_object_foreach(root, key, values)
	{
		struct filter f = { 0 };
		int r;

		if (!is_allowed(allowed, key))
			return err_set(e, -EINVAL, "invalid filter '%s'", key);
		r = read_values(values, a, &f.values, e);
		if (r < 0)
			return r;
		f.key = arena_strdup(a, key);
		if (f.values.count > 0)
			ret->v[ret->count++] = f;
	}
	return 0;
}

int
filters_read(const char *json, const char *const *allowed, struct arena *a,
	     struct filters *ret, struct err *e)
{
	struct filters f = { 0 };
	json_error_t why;
	json_t *root;
	int r;

	if (str_empty(json)) {
		*ret = f;
		return 0;
	}
	root = json_loads(json, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return err_set(e, -EINVAL, "invalid filter: not JSON: %s",
			       why.text);
	r = read_root(root, allowed, a, &f, e);
	json_decref(root);
	if (r == 0)
		*ret = f;
	return r;
}

const struct strings *
filters_get(const struct filters *f, const char *key)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (!strcmp(f->v[i].key, key))
			return &f->v[i].values;
	return NULL;
}

bool
filters_match(const struct filters *f, const char *key, const char *s)
{
	const struct strings *values = filters_get(f, key);

	if (!values)
		return true;
	for (uint32_t i = 0; i < values->count; i++)
		if (str_eq(values->v[i], s))
			return true;
	return false;
}

static bool
label_holds(const char *want, const struct kvs *labels)
{
	const char *eq = strchr(want, '=');
	size_t key_len = eq ? (size_t)(eq - want) : strlen(want);

	for (uint32_t i = 0; i < labels->count; i++) {
		const char *key = labels->v[i].key;

		if (strlen(key) == key_len && !memcmp(key, want, key_len))
			return !eq || str_eq(labels->v[i].value, eq + 1);
	}
	return false;
}

bool
filters_match_labels(const struct filters *f, const char *key,
		     const struct kvs *labels)
{
	const struct strings *values = filters_get(f, key);

	if (!values)
		return true;
	for (uint32_t i = 0; i < values->count; i++)
		if (!label_holds(values->v[i], labels))
			return false;
	return true;
}
