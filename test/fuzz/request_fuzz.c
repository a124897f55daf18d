/*
 * Any bytes as "METHOD PATH\nFILTERS": routed or refused with a sentence,
 * and what comes out is whole.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/model/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use(const struct request *r, struct arena *a)
{
	static const char *const allowed[] = { "id", "label", "name", NULL };
	struct filters f = { 0 };
	struct err e = { { 0 } };

	check(r->target && r->op && r->where);
	check(r->query.count <= REQUEST_QUERY_MAX);
	check(r->api_minor >= API_MINOR_MIN && r->api_minor <= API_MINOR_MAX);
	for (uint32_t i = 1; i < r->query.count; i++)
		check(strcmp(r->query.v[i - 1].key, r->query.v[i].key) < 0);
	(void)request_query_bool(r, "a");
	if (filters_read(request_query(r, "filters"), allowed, a, &f, &e) < 0)
		check(e.msg[0]);
	(void)filters_match(&f, "id", "x");
	(void)filters_match_labels(&f, "label", &r->query);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct request r;
	struct err e = { { 0 } };
	char *method, *path;

	arena_init(&a);
	method = arena_strndup(&a, (const char *)data, size);
	path = strchr(method, ' ');
	if (path) {
		*path++ = '\0';
		if (request_route(method, path, &a, &r, &e) == 0)
			use(&r, &a);
		else
			check(e.msg[0]);
	}
	arena_fini(&a);
	return 0;
}
