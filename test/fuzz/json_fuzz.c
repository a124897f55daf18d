/*
 * json_fuzz.c - a service spec from JSON: refused with a message, or read;
 * what was read is written, read and written again, and nothing changes.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/model/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
round_trip(const struct type *t, const char *text, size_t len)
{
	struct buf one = { 0 }, two = { 0 };
	struct arena a;
	struct err e = { "" };
	void *x, *y;

	arena_init(&a);
	x = arena_alloc(&a, t->size);
	y = arena_alloc(&a, t->size);
	if (model_json_read(t, text, len, &a, x, &e) == 0) {
		model_json_write(t, x, &one);
		check(model_json_read(t, one.p, one.len, &a, y, &e) == 0);
		check(model_equal(t, x, y));
		model_json_write(t, y, &two);
		check(one.len == two.len && memcmp(one.p, two.p, one.len) == 0);
	} else {
		check(e.msg[0] != '\0');
	}
	buf_fini(&one);
	buf_fini(&two);
	arena_fini(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct type *const types[] = { &service_spec_type,
						    &oci_image_type,
						    &oci_index_type,
						    &cluster_type };

	if (len == 0)
		return 0;
	round_trip(types[data[0] % ARRAY_LEN(types)], (const char *)data + 1,
		   len - 1);
	return 0;
}
