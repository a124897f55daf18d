/* health_test.c - health checks over time (facts 10.3). */
#include "core/agent/health.h"
#include "test/t.h"

static const char *shell[] = { "CMD-SHELL", "curl -f localhost" };
static const char *plain[] = { "CMD", "/bin/check", "-q" };
static const char *none[] = { "NONE" };

T(a_check_is_a_command_or_a_line_for_the_shell)
{
	struct healthcheck c = { .test = { shell, 2 } };
	struct strings argv;
	struct arena a;

	arena_init(&a);
	OK(health_argv(&c, &a, &argv));
	EQ(argv.count, 3);
	EQ_STR(argv.v[0], "/bin/sh");
	EQ_STR(argv.v[1], "-c");
	EQ_STR(argv.v[2], "curl -f localhost");
	c.test = (struct strings){ plain, 3 };
	OK(health_argv(&c, &a, &argv));
	EQ(argv.count, 2);
	EQ_STR(argv.v[1], "-q");
	c.test = (struct strings){ none, 1 };
	OK(!health_argv(&c, &a, &argv));
	c.test = (struct strings){ plain, 1 };
	OK(!health_argv(&c, &a, &argv));
	c.test = (struct strings){ 0 };
	OK(!health_argv(&c, &a, &argv));
	arena_fini(&a);
}

T(what_the_spec_leaves_open_is_the_images)
{
	struct healthcheck spec = { .interval_ns = 7 };
	struct healthcheck image = { .test = { shell, 2 },
				     .interval_ns = 9,
				     .retries = 5 };
	struct healthcheck m = health_merge(&spec, &image);

	EQ(m.test.count, 2);
	EQ(m.interval_ns, 7);
	EQ(m.retries, 5);
	EQ(m.timeout_ns, 30 * NS_PER_S);
	EQ(m.start_period_ns, 0);
	EQ(m.start_interval_ns, 5 * NS_PER_S);
	spec.test = (struct strings){ none, 1 };
	EQ_STR(health_merge(&spec, &image).test.v[0], "NONE");
	EQ(health_merge(NULL, NULL).test.count, 0);
	EQ(health_merge(NULL, NULL).interval_ns, 30 * NS_PER_S);
	EQ(health_merge(NULL, NULL).retries, 3);
}

/*
 * Each letter is one probe: y passes, n fails. The states after each: s
 * starting, h healthy, u unhealthy. Interval 10 s, start interval 1 s.
 */
T(probes_make_a_verdict)
{
	static const struct {
		const char *name;
		int64_t start_period_s, retries;
		const char *probes, *states;
	} rows[] = {
		{ "healthy at once", 0, 3, "y", "h" },
		{ "fails thrice", 0, 3, "nnn", "ssu" },
		{ "recovers", 0, 3, "nnynn", "sshhh" },
		{ "falls later", 0, 3, "ynnn", "hhhu" },
		{ "one try", 0, 1, "n", "u" },
		{ "failures in the start period do not count", 3, 2, "nnnn",
		  "sssu" },
		{ "a success ends the start period", 5, 2, "nynn", "shhu" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct healthcheck c = {
			.test = { plain, 3 },
			.interval_ns = 10 * NS_PER_S,
			.start_interval_ns = NS_PER_S,
			.start_period_ns = rows[i].start_period_s * NS_PER_S,
			.retries = rows[i].retries,
		};
		uint64_t now = 5000;
		uint64_t period_ms = (uint64_t)rows[i].start_period_s * 1000;
		struct health h;
		bool early;

		T_ROW(rows[i].name);
		health_begin(&h, &c, now, 0);
		EQ(h.state, HEALTH_STARTING);
		for (size_t p = 0; rows[i].probes[p] != '\0'; p++) {
			early = h.state == HEALTH_STARTING &&
				now - 5000 < period_ms;
			EQ(h.next_ms - now, early ? 1000 : 10000);
			OK(!health_due(&h, h.next_ms - 1, 1));
			now = h.next_ms;
			OK(health_due(&h, now, p + 1));
			OK(!health_due(&h, now + 100000, p + 2));
			health_result(&h, now, rows[i].probes[p] == 'y');
			EQ(" shu"[h.state], rows[i].states[p]);
		}
	}
}

T(without_a_check_nothing_is_ever_due)
{
	struct healthcheck c = { .test = { none, 1 } };
	struct health h;

	health_begin(&h, &c, 1000, 0);
	EQ(h.state, HEALTH_NONE);
	EQ(h.next_ms, UINT64_MAX);
	OK(!health_due(&h, UINT64_MAX - 1, 1));
	EQ_STR(health_name(h.state), "");
}

T(the_longest_times_are_no_overflow)
{
	struct healthcheck c = { .test = { plain, 2 },
				 .interval_ns = INT64_MAX,
				 .timeout_ns = INT64_MAX,
				 .start_period_ns = INT64_MAX,
				 .start_interval_ns = INT64_MAX,
				 .retries = INT64_MAX };
	struct health h;

	health_begin(&h, &c, 1000, 0);
	EQ(h.next_ms, 1000 + (uint64_t)(INT64_MAX / NS_PER_MS) + 1);
	OK(!health_due(&h, 1000000, 1));
	OK(health_due(&h, h.next_ms, 1));
	health_result(&h, 2000, false);
	EQ(h.state, HEALTH_STARTING);
}
