/* id_test.c - ids, errors and random numbers. */
#include "core/base/id.h"

#include <errno.h>

#include "core/base/err.h"
#include "core/base/rand.h"
#include "test/t.h"

T(ids_are_valid_and_follow_from_the_seed)
{
	uint64_t one = 5, two = 5;
	char a[ID_LEN + 1], b[ID_LEN + 1], first[ID_LEN + 1];

	id_make(&one, first);
	id_make(&two, b);
	EQ_STR(first, b);
	for (int i = 0; i < 1000; i++) {
		id_make(&one, a);
		OK(id_valid(a));
		OK(strcmp(a, first) != 0);
	}
}

T(container_ids_are_64_hex_digits)
{
	uint64_t rand = 1;
	char id[CONTAINER_ID_LEN + 1];

	container_id_make(&rand, id);
	EQ(strlen(id), 64);
	EQ(strspn(id, "0123456789abcdef"), 64);
	OK(!id_valid(id));
}

T(what_is_not_an_id_is_not_valid)
{
	OK(id_valid("9mnpnzenvg8p8tdbtq4wvbkcz"));
	OK(!id_valid("9mnpnzenvg8p8tdbtq4wvbkc"));
	OK(!id_valid("9mnpnzenvg8p8tdbtq4wvbkczz"));
	OK(!id_valid("9Mnpnzenvg8p8tdbtq4wvbkcz"));
	OK(!id_valid("9mnpnzenvg8p8tdbtq4wvbk-z"));
	OK(!id_valid(""));
	OK(!id_valid(NULL));
}

T(random_numbers_are_those_of_splitmix64)
{
	uint64_t state = 1234567;

	OK(rand_next(&state) == UINT64_C(6457827717110365317));
	OK(rand_next(&state) == UINT64_C(3203168211198807973));
}

T(errors_grow_outwards_and_are_cut_at_the_tail)
{
	struct err e;
	char longer[2 * ERR_MSG_MAX];

	EQ(err_set(&e, -ENOENT, "open %s", "x"), -ENOENT);
	EQ(err_wrap(&e, -EINVAL, "task %d", 7), -EINVAL);
	EQ_STR(e.msg, "task 7: open x");
	memset(longer, 'z', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	err_set(&e, -EINVAL, "%s", longer);
	EQ(strlen(e.msg), ERR_MSG_MAX - 1);
	err_wrap(&e, -EINVAL, "a");
	EQ(strlen(e.msg), ERR_MSG_MAX - 1);
	EQ(strncmp(e.msg, "a: zzz", 6), 0);
	err_wrap(&e, -EINVAL, "%s", longer);
	EQ(strlen(e.msg), ERR_MSG_MAX - 1);
}
