/* arena_test.c - arenas. */
#include "core/base/arena.h"

#include "test/t.h"

T(memory_is_zeroed_aligned_and_apart)
{
	static const size_t sizes[] = { 0,   1,	  7,	16,    17,     479,
					480, 481, 5000, 65536, 100000, 3 };
	unsigned char *p[ARRAY_LEN(sizes)];
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		p[i] = arena_alloc(&a, sizes[i]);
		EQ((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < sizes[i]; k++)
			EQ(p[i][k], 0);
		memset(p[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (size_t k = 0; k < sizes[i]; k++)
			EQ(p[i][k], i + 1);
	OK(a.total_bytes >= 171520);
	arena_fini(&a);
	EQ(a.total_bytes, 0);
	OK(a.blocks == NULL);
}

T(strings_are_copied_and_terminated)
{
	struct arena a;

	arena_init(&a);
	EQ_STR(arena_strdup(&a, "abc"), "abc");
	OK(arena_strdup(&a, NULL) == NULL);
	EQ_STR(arena_strndup(&a, "abcdef", 3), "abc");
	EQ_STR(arena_strndup(&a, NULL, 0), "");
	EQ_STR(arena_printf(&a, "%s-%d", "x", 5), "x-5");
	EQ(memcmp(arena_dup(&a, "a\0b", 3), "a\0b", 3), 0);
	EQ(strlen(arena_printf(&a, "%2000d", 1)), 2000);
	arena_fini(&a);
}

T(an_arena_can_be_used_again_after_its_end)
{
	struct arena a;

	arena_init(&a);
	for (int i = 0; i < 3; i++) {
		EQ_STR(arena_strdup(&a, "again"), "again");
		arena_fini(&a);
	}
}
