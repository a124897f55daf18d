/* caps_test.c - which capabilities, from what is added and dropped. */
#include "exec/caps.h"

#include "test/t.h"

#define POSSIBLE UINT64_C(0xff00ffffff)
#define B(n) (UINT64_C(1) << (n))

static uint64_t
defaults(void)
{
	uint64_t set = 0;

	for (const int *c = cap_defaults; *c >= 0; c++)
		set |= B(*c);
	return set;
}

static const struct {
	const char *name;
	const char *add, *drop;
	uint64_t base; /* 0: none, 1: the defaults, 2: all that is possible */
	uint64_t plus, minus;
	bool fails;
} rows[] = {
	{ "nothing said", NULL, NULL, 1, 0, 0, false },
	{ "one added", "SYS_ADMIN", NULL, 1, B(21), 0, false },
	{ "with its prefix, in small letters", "cap_sys_admin", NULL, 1, B(21),
	  0, false },
	{ "one dropped", NULL, "NET_RAW", 1, 0, B(13), false },
	{ "all dropped", NULL, "ALL", 0, 0, 0, false },
	{ "all dropped, one added", "CHOWN", "all", 0, B(0), 0, false },
	{ "all added", "ALL", NULL, 2, 0, 0, false },
	{ "all added, one dropped", "ALL", "MKNOD", 2, 0, B(27), false },
	{ "one that is there is added", "CHOWN", NULL, 1, 0, 0, false },
	{ "an unknown one is added", "CHOWNN", NULL, 0, 0, 0, true },
	{ "an unknown one is dropped", NULL, "", 0, 0, 0, true },
};

T(capabilities_are_computed_as_docker_does)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct strings add = { (const char **)&rows[i].add,
				       rows[i].add != NULL };
		struct strings drop = { (const char **)&rows[i].drop,
					rows[i].drop != NULL };
		uint64_t base = rows[i].base == 1   ? defaults()
				: rows[i].base == 2 ? POSSIBLE
						    : 0;
		uint64_t got = 42;
		struct err e;
		int r;

		T_ROW(rows[i].name);
		r = caps_compute(&add, &drop, POSSIBLE, &got, &e);
		EQ(r < 0, rows[i].fails);
		EQ(got,
		   rows[i].fails ? 42 : (base | rows[i].plus) & ~rows[i].minus);
	}
}

T(names_stand_at_the_kernels_numbers)
{
	EQ_STR(cap_names[0], "CAP_CHOWN");
	EQ_STR(cap_names[21], "CAP_SYS_ADMIN");
	EQ_STR(cap_names[37], "CAP_AUDIT_READ");
	EQ_STR(cap_names[40], "CAP_CHECKPOINT_RESTORE");
}
