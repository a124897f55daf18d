/* expand_test.c - templates in specifications (facts 10.2). */
#include "core/model/expand.h"
#include "test/t.h"

T(placeholders_become_what_they_name)
{
	static struct kv labels[] = { { "tier", "front" } };
	static const struct expand_names names = {
		.service_id = "sid",
		.service_name = "web",
		.service_labels = { labels, 1 },
		.node_id = "nid",
		.node_hostname = "rack1",
		.node_os = "linux",
		.node_arch = "x86_64",
		.task_id = "tid",
		.task_name = "web.3.tid",
		.task_slot = "3",
	};
	static const struct {
		const char *text;
		const char *want; /* NULL: it is refused */
	} rows[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "{{.Service.ID}}", "sid" },
		{ "{{.Service.Name}}-{{.Task.Slot}}", "web-3" },
		{ "{{index .Service.Labels \"tier\"}}", "front" },
		{ "{{.Node.ID}}/{{.Node.Hostname}}", "nid/rack1" },
		{ "{{.Node.Platform.OS}}:{{.Node.Platform.Architecture}}",
		  "linux:x86_64" },
		{ "{{.Task.ID}} {{.Task.Name}}", "tid web.3.tid" },
		{ "{{upper .Service.Name}}", "WEB" },
		{ "{{.Nonsense}}", NULL },
		{ "{{.Service.Name", NULL },
		{ "{{nofunc .}}", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *got = NULL;
		struct arena a;
		struct err e;
		int r;

		T_ROW(rows[i].text);
		arena_init(&a);
		r = expand_text(rows[i].text, &names, &a, &got, &e);
		EQ(r == 0, rows[i].want != NULL);
		if (rows[i].want != NULL)
			EQ_STR(got, rows[i].want);
		arena_fini(&a);
	}
}

T(a_container_is_expanded_where_it_may_be)
{
	static const struct expand_names names = { .service_name = "web" };
	const char *env[] = { "{{.Service.Name}}=x", "A={{.Service.Name}}",
			      "B" };
	struct mount m = { .source = "/srv/{{.Service.Name}}",
			   .target = "/{{.Service.Name}}" };
	struct container_spec c = { .image = "{{.Service.Name}}",
				    .hostname = "{{.Service.Name}}",
				    .env = { env, 3 },
				    .mounts = { &m, 1 } };
	struct arena a;
	struct err e;

	arena_init(&a);
	EQ(expand_container(&c, &names, &a, &e), 0);
	EQ_STR(c.image, "{{.Service.Name}}");
	EQ_STR(c.hostname, "web");
	EQ_STR(c.env.v[0], "{{.Service.Name}}=x");
	EQ_STR(c.env.v[1], "A=web");
	EQ_STR(c.env.v[2], "B");
	EQ_STR(m.source, "/srv/web");
	EQ_STR(m.target, "/web");
	c.hostname = "{{.Bad}}";
	OK(expand_container(&c, &names, &a, &e) < 0);
	arena_fini(&a);
}
