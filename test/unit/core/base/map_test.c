/* map_test.c - the map, against an array that is searched from end to end. */
#include "core/base/map.h"

#include "core/base/rand.h"
#include "test/t.h"

#define KEYS 200

static char keys[KEYS][8];
static int values[KEYS];

static void
make_keys(void)
{
	for (int i = 0; i < KEYS; i++)
		snprintf(keys[i], sizeof(keys[i]), "k%d", i);
}

/* One random change of the map and of what it ought to hold. */
static void
change(struct map *m, int *want[KEYS], uint64_t r)
{
	int k = (int)(r % KEYS);
	int *value = &values[r >> 16 & 127];

	if (r >> 40 & 1) {
		OK(map_put(m, keys[k], value) == want[k]);
		want[k] = value;
	} else {
		OK(map_del(m, keys[k]) == want[k]);
		want[k] = NULL;
	}
}

T(random_changes_give_what_a_plain_array_gives)
{
	make_keys();
	for (uint64_t seed = 0; seed < 5; seed++) {
		int *want[KEYS] = { NULL };
		uint64_t rand = seed;
		struct map m;
		size_t count;

		map_init(&m, seed * 77);
		for (int i = 0; i < 4000; i++) {
			change(&m, want, rand_next(&rand));
			count = 0;
			for (int k = 0; k < KEYS; k++) {
				OK(map_get(&m, keys[k]) == want[k]);
				count += want[k] != NULL;
			}
			EQ(m.count, count);
		}
		map_fini(&m);
	}
}

T(an_empty_map_has_nothing_and_deletes_nothing)
{
	struct map m;

	map_init(&m, 1);
	OK(map_get(&m, "a") == NULL);
	OK(map_del(&m, "a") == NULL);
	map_put(&m, "", &m);
	OK(map_get(&m, "") == &m);
	map_fini(&m);
	OK(map_get(&m, "") == NULL);
}

T(keys_are_compared_by_content)
{
	char one[] = "same", two[] = "same";
	struct map m;

	map_init(&m, 1);
	map_put(&m, one, &one);
	OK(map_get(&m, two) == &one);
	OK(map_put(&m, two, &two) == &one);
	EQ(m.count, 1);
	/* The key that is kept is the new value's. */
	one[0] = 'x';
	OK(map_get(&m, "same") == &two);
	map_fini(&m);
}
