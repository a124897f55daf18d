/* constraint_fuzz.c - any text as a constraint, asked of a node. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/manager/constraint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kv label = { "disk", "ssd" };
	struct node_object n = { .head = { .id = "abc" },
				 .role = ROLE_MANAGER,
				 .spec = { .labels = { &label, 1 } },
				 .status = { .addr = "10.1.2.3" } };
	char *text = mem_new(size + 1);
	struct strings one = { (const char **)&text, 1 };
	struct constraint c;
	struct err e;
	bool match;

	memcpy(text, data, size);
	match = constraints_match(&one, &n);
	if (constraint_parse(text, &c, &e) < 0) {
		check(!match);
		mem_free(text);
		return 0;
	}
	check(c.key >= text && c.key + c.key_len <= text + size);
	check(c.value >= text && c.value + c.value_len <= text + size);
	check(c.key_len >= 2 && c.value_len >= 1);
	check(match == constraint_matches(&c, &n));
	mem_free(text);
	return 0;
}
