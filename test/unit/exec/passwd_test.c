/* passwd_test.c - who a container runs as, and who it must never be. */
#include "exec/passwd.h"

#include "test/t.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "app:x:1000:1001:App:/home/app:/bin/sh\n"
			     "short:x:7:8\n"
			     "big:x:4294967296:4294967296::/:/bin/sh\n"
			     "over:x:2147483648:5::/:/bin/sh\n"
			     "minus:x:-1:-1::/:/bin/sh\n"
			     "plus:x:+0:+0::/:/bin/sh\n"
			     "hex:x:0x0:0x0::/:/bin/sh\n"
			     "space:x: 0: 0::/:/bin/sh\n"
			     "empty:x:::::\n"
			     "zero:x:0\n"
			     ":x:0:0::/:/bin/sh\n"
			     "\n"
			     "::::::\n"
			     "last:x:9:9::/last:/bin/sh";
static const char group[] = "root:x:0:\n"
			    "app:x:1001:\n"
			    "wheel:x:10:root,app\n"
			    "audio:x:20:other,app,app\n"
			    "prefix:x:30:ap,appl\n"
			    "wrap:x:4294967296:app\n"
			    "none:x:40:,\n"
			    "last:x:50:app";

struct row {
	const char *name;
	const char *spec;
	const char *want; /* "uid gid groups home", or the error's start */
};

static const struct row rows[] = {
	{ "nobody said is root", "", "0 0 0,10 /root" },
	{ "by name", "app", "1000 1001 1001,10,20,50 /home/app" },
	{ "by number", "1000", "1000 1001 1001,10,20,50 /home/app" },
	{ "a number that is not listed", "1234", "1234 0 0 /" },
	{ "a group by name", "app:audio", "1000 20 20 /home/app" },
	{ "a group by number", "app:77", "1000 77 77 /home/app" },
	{ "both by number", "5:6", "5 6 6 /" },
	{ "an empty group is none",
	  "app:", "1000 1001 1001,10,20,50 /home/app" },
	{ "an empty user is root", ":20", "0 20 20 /root" },
	{ "lines may lack home and shell", "short", "7 8 8 /" },
	{ "the last line needs no end", "last", "9 9 9 /last" },
	{ "the largest id", "2147483647", "2147483647 0 0 /" },
	{ "leading zeros are digits", "0001000",
	  "1000 1001 1001,10,20,50 /home/app" },
	/* what became root elsewhere */
	{ "2^31 is out of range", "2147483648", "! uids and gids must be" },
	{ "2^32 does not wrap", "4294967296", "! uids and gids must be" },
	{ "many digits do not wrap", "18446744073709551616",
	  "! uids and gids must be" },
	{ "a group's 2^32 does not wrap", "app:4294967296",
	  "! uids and gids must be" },
	{ "no hexadecimal", "0x0", "! unable to find user 0x0" },
	{ "no sign", "+0", "! unable to find user +0" },
	{ "no minus", "-1", "! unable to find user -1" },
	{ "no space", " 0", "! unable to find user" },
	{ "no such user", "nobody", "! unable to find user nobody" },
	{ "no such group", "app:nobody", "! unable to find group nobody" },
	{ "a line with 2^32 is no entry", "big", "! unable to find user big" },
	{ "a line with 2^31 is no entry", "over", "! unable to find user" },
	{ "a line with a minus is no entry", "minus", "! unable to find user" },
	{ "a line with a plus is no entry", "plus", "! unable to find user" },
	{ "a line with hex is no entry", "hex", "! unable to find user" },
	{ "a line with spaces is no entry", "space", "! unable to find user" },
	{ "a line without ids is no entry", "empty", "! unable to find user" },
	{ "three fields are too few", "zero", "! unable to find user" },
	{ "a group with 2^32 is no entry", "app:wrap",
	  "! unable to find group wrap" },
	{ "more colons belong to the group", "app:audio:x",
	  "! unable to find group audio:x" },
};

static const char *
show(const struct user_ids *u, char ret[256])
{
	int at = snprintf(ret, 256, "%u %u ", u->uid, u->gid);

	for (uint32_t i = 0; i < u->group_count; i++)
		at += snprintf(ret + at, 256 - (size_t)at, "%s%u", i ? "," : "",
			       u->groups[i]);
	snprintf(ret + at, 256 - (size_t)at, " %s", u->home);
	return ret;
}

static int
resolve(const char *spec, const struct strings *groups, struct arena *a,
	struct user_ids *u, struct err *e)
{
	static const struct strings none = { 0 };
	const struct user_request q = {
		.spec = spec,
		.groups = groups ? groups : &none,
		.passwd = { passwd, sizeof(passwd) - 1 },
		.group = { group, sizeof(group) - 1 },
	};

	return passwd_resolve(&q, a, u, e);
}

T(users_are_resolved_as_docker_does)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct user_ids u = { .uid = 99 };
		struct arena a;
		struct err e;
		char text[256];
		int r;

		T_ROW(rows[i].name);
		arena_init(&a);
		r = resolve(rows[i].spec, NULL, &a, &u, &e);
		if (rows[i].want[0] == '!') {
			OK(r < 0);
			OK(strncmp(e.msg, rows[i].want + 2,
				   strlen(rows[i].want + 2)) == 0);
			EQ(u.uid, 99);
		} else {
			EQ(r, 0);
			EQ_STR(show(&u, text), rows[i].want);
		}
		arena_fini(&a);
	}
}

T(added_groups_come_behind_and_once)
{
	const char *names[] = { "audio", "10", "60" };
	const struct strings groups = { names, 3 };
	struct user_ids u;
	struct arena a;
	struct err e;
	char text[256];

	arena_init(&a);
	EQ(resolve("5:5", &groups, &a, &u, &e), 0);
	EQ_STR(show(&u, text), "5 5 5,20,10,60 /");
	names[1] = "no-such";
	OK(resolve("5:5", &groups, &a, &u, &e) < 0);
	arena_fini(&a);
}

T(images_without_files_know_numbers_only)
{
	static const struct strings none = { 0 };
	struct user_request q = { .spec = "12:13", .groups = &none };
	struct user_ids u;
	struct arena a;
	struct err e;

	arena_init(&a);
	EQ(passwd_resolve(&q, &a, &u, &e), 0);
	EQ(u.uid, 12);
	EQ(u.gid, 13);
	q.spec = NULL;
	EQ(passwd_resolve(&q, &a, &u, &e), 0);
	EQ(u.uid, 0);
	EQ_STR(u.home, "/");
	q.spec = "root";
	OK(passwd_resolve(&q, &a, &u, &e) < 0);
	arena_fini(&a);
}

T(the_number_of_groups_is_limited)
{
	static const struct strings none = { 0 };
	struct user_request q = { .spec = "app", .groups = &none };
	char *lines = malloc(64 * 3000);
	struct user_ids u;
	struct arena a;
	struct err e;
	size_t len = 0;

	OK(lines != NULL);
	for (int i = 1; i < 3000; i++)
		len += (size_t)snprintf(lines + len, 64, "g%d:x:%d:app\n", i,
					i);
	q.passwd = (struct passwd_text){ passwd, sizeof(passwd) - 1 };
	q.group = (struct passwd_text){ lines, len };
	arena_init(&a);
	OK(passwd_resolve(&q, &a, &u, &e) < 0);
	OK(strstr(e.msg, "groups") != NULL);
	arena_fini(&a);
	free(lines);
}
