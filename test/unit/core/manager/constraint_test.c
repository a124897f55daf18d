/* constraint_test.c - facts 4.6, row by row. */
#include "core/manager/constraint.h"
#include "test/t.h"

T(constraints_are_read_as_docker_reads_them)
{
	static const struct {
		const char *text;
		const char *err; /* NULL: it parses */
	} rows[] = {
		{ "node.role==manager", NULL },
		{ " node.role == manager ", NULL },
		{ "node.labels.a-b_c.d!=x y", NULL },
		{ "engine.labels.os==a:b/c.d*(e)?+[f]\\^$|", NULL },
		{ "node.id==2ivku8v2gvtg4", NULL },
		{ "_x==y", NULL },
		{ "node.role", "constraint expected one operator from ==, !=" },
		{ "", "constraint expected one operator from ==, !=" },
		{ "node.role=manager",
		  "constraint expected one operator from ==, !=" },
		{ "==manager", "key '' is invalid" },
		{ "a==b", "key 'a' is invalid" },
		{ "9a==b", "key '9a' is invalid" },
		{ "node role==b", "key 'node role' is invalid" },
		{ "node.role==", "value '' is invalid" },
		{ "node.role==a;b", "value 'a;b' is invalid" },
		{ "node.role===x", "value '=x' is invalid" },
		{ "a.b!=x==y", "key 'a.b!=x' is invalid" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct constraint c;
		struct err e = { "" };
		int r = constraint_parse(rows[i].text, &c, &e);

		T_ROW(rows[i].text);
		EQ(r == 0, rows[i].err == NULL);
		if (rows[i].err != NULL)
			EQ_STR(e.msg, rows[i].err);
	}
}

T(constraints_match_by_what_the_node_is)
{
	static struct kv labels[] = { { "disk", "ssd" } };
	static struct kv engine[] = { { "zone", "B" } };
	struct node_object n = {
		.head = { .id = "2ivku8v2gvtg4" },
		.role = ROLE_MANAGER,
		.spec = { .labels = { labels, 1 } },
		.description = { .hostname = "Rack1",
				 .platform = { "x86_64", "linux" },
				 .engine = { .labels = { engine, 1 } } },
		.status = { .addr = "10.1.2.3" },
	};
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ "node.id==2ivku8v2gvtg4", true },
		{ "node.id==2IVKU8v2gvtg4", true },
		{ "node.id!=2ivku8v2gvtg4", false },
		{ "node.hostname==rack1", true },
		{ "NODE.HOSTNAME==rack1", true },
		{ "node.hostname==rack", false },
		{ "node.role==manager", true },
		{ "node.role==worker", false },
		{ "node.role!=worker", true },
		{ "node.platform.os==linux", true },
		{ "node.platform.arch==x86_64", true },
		{ "node.platform.arch==amd64", false },
		{ "node.labels.disk==SSD", true },
		{ "Node.Labels.disk==ssd", true },
		{ "node.labels.Disk==ssd", false },
		{ "node.labels.none==ssd", false },
		{ "node.labels.none!=ssd", true },
		{ "engine.labels.zone==b", true },
		{ "engine.labels.zone!=b", false },
		{ "node.ip==10.1.2.3", true },
		{ "node.ip!=10.1.2.3", false },
		{ "node.ip==10.1.0.0/16", true },
		{ "node.ip==10.2.0.0/16", false },
		{ "node.ip!=10.2.0.0/16", true },
		{ "node.ip!=nonsense", false },
		{ "node.ip==fd00::/8", false },
		{ "node.unknown==x", false },
		{ "node.unknown!=x", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *text = rows[i].text;
		struct strings one = { &text, 1 };

		T_ROW(text);
		EQ(constraints_match(&one, &n), rows[i].want);
	}
}

T(all_constraints_must_hold_and_none_is_fine)
{
	struct node_object n = { .head = { .id = "abc" }, .role = ROLE_WORKER };
	const char *v[] = { "node.role==worker", "node.id==xyz" };
	struct strings both = { v, 2 }, first = { v, 1 }, none = { 0 };
	const char *bad[] = { "nonsense" };
	struct strings broken = { bad, 1 };
	struct err e;

	OK(constraints_match(&none, &n));
	OK(constraints_match(&first, &n));
	OK(!constraints_match(&both, &n));
	OK(!constraints_match(&broken, &n));
	EQ(constraints_check(&both, &e), 0);
	OK(constraints_check(&broken, &e) < 0);
}
