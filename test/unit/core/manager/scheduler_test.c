/* scheduler_test.c - where tasks go, and why they do not (facts 4.4, 4.7). */
#include "core/manager/scheduler_group.h"
#include "test/unit/core/manager/cluster.h"

static size_t
on_node(struct cluster_test *c, const char *service, const char *node)
{
	struct task_span all = ct_tasks(c, service);
	size_t n = 0;

	for (size_t i = 0; i < all.count; i++)
		n += str_eq(all.v[i]->node_id, node) &&
		     all.v[i]->desired_state <= TASK_RUNNING;
	return n;
}

static void
constrain(struct service *s, const char *text)
{
	struct placement *p = ct_placement(s);

	p->constraints.v =
		arena_array(object_arena(s), 1, sizeof(const char *));
	p->constraints.v[0] = text;
	p->constraints.count = 1;
}

static void
reserve(struct service *s, int64_t cpus, int64_t memory)
{
	struct arena *a = object_arena(s);

	s->spec.task.resources =
		arena_alloc(a, sizeof(struct resource_requirements));
	s->spec.task.resources->reservations =
		arena_alloc(a, sizeof(struct resource_reservations));
	s->spec.task.resources->reservations->nano_cpus = cpus;
	s->spec.task.resources->reservations->memory_bytes = memory;
}

static void
publish(struct service *s, uint64_t port)
{
	struct arena *a = object_arena(s);

	s->spec.endpoint = arena_alloc(a, sizeof(*s->spec.endpoint));
	s->spec.endpoint->ports.v = arena_alloc(a, sizeof(struct port_config));
	s->spec.endpoint->ports.v[0] =
		(struct port_config){ .target_port = 80,
				      .published_port = port,
				      .publish_mode = PUBLISH_HOST };
	s->spec.endpoint->ports.count = 1;
}

T(tasks_spread_over_the_nodes)
{
	struct cluster_test c;

	ct_init(&c, 3);
	ct_service_put(&c, ct_service_new("web", 10));
	EQ(on_node(&c, "web", "node1"), 4);
	EQ(on_node(&c, "web", "node2"), 3);
	EQ(on_node(&c, "web", "node3"), 3);
	ct_fini(&c);
}

T(the_services_own_tasks_count_before_all_others)
{
	struct cluster_test c;
	struct service *s = ct_service_new("a", 5);

	constrain(s, "node.id==node1");
	ct_init(&c, 2);
	ct_service_put(&c, s);
	EQ(on_node(&c, "a", "node1"), 5);
	ct_service_put(&c, ct_service_new("b", 2));
	EQ(on_node(&c, "b", "node1"), 1); /* one each, for all the load */
	EQ(on_node(&c, "b", "node2"), 1);
	ct_service_put(&c, ct_service_new("d", 1));
	EQ(on_node(&c, "d", "node2"), 1); /* the emptier one */
	ct_fini(&c);
}

enum hurdle {
	NO_NODE,
	PAUSED_AND_DOWN,
	CPU,
	MEMORY,
	CONSTRAINT,
	PLATFORM,
	PORT,
	MAX_REPLICAS,
	PAUSED_AND_UNFIT,
};

static void
spoil_nodes(struct cluster_test *c, enum hurdle what)
{
	struct node_object *n = ct_node(c, "node1");

	if (what == NO_NODE)
		n->status.state = NODE_UNKNOWN;
	if (what == PAUSED_AND_DOWN || what == PAUSED_AND_UNFIT)
		n->spec.availability = NODE_PAUSE;
	ct_node_put(c, n);
	n = ct_node(c, "node2");
	if (what == NO_NODE)
		n->status.state = NODE_DISCONNECTED;
	if (what == PAUSED_AND_DOWN)
		n->status.state = NODE_DOWN;
	ct_node_put(c, n);
}

static void
want_platform(struct service *s, const char *arch, const char *os)
{
	struct placement *p = ct_placement(s);

	p->platforms.v = arena_alloc(object_arena(s), sizeof(struct platform));
	p->platforms.v[0] = (struct platform){ arch, os };
	p->platforms.count = 1;
}

static void
ask_too_much(struct service *s, enum hurdle what)
{
	if (what == CPU)
		reserve(s, INT64_C(4000000001), 0);
	if (what == MEMORY)
		reserve(s, 0, (INT64_C(8) << 30) + 1);
	if (what == CONSTRAINT)
		constrain(s, "node.role==worker");
	if (what == PAUSED_AND_UNFIT)
		constrain(s, "node.id==node1");
	if (what == PLATFORM)
		want_platform(s, "arm64", "linux");
	if (what == PORT)
		publish(s, 80);
	if (what == MAX_REPLICAS)
		ct_placement(s)->max_replicas = 1;
	if (what == PORT || what == MAX_REPLICAS)
		s->spec.mode.replicated->replicas.v = 3;
}

static const struct task *
a_pending_task(struct cluster_test *c)
{
	struct task_span all = ct_tasks(c, "web");

	for (size_t i = 0; i < all.count; i++)
		if (all.v[i]->status.state == TASK_PENDING)
			return all.v[i];
	OK(!"a task is pending");
	return NULL;
}

T(a_task_that_fits_nowhere_says_why)
{
	static const struct {
		const char *name;
		enum hurdle what;
		const char *want;
	} rows[] = {
		{ "no node is ready", NO_NODE,
		  "no suitable node (2 nodes not available for new tasks)" },
		{ "one paused, one down", PAUSED_AND_DOWN,
		  "no suitable node (2 nodes not available for new tasks)" },
		{ "cpu", CPU,
		  "no suitable node (insufficient resources on 2 nodes)" },
		{ "memory", MEMORY,
		  "no suitable node (insufficient resources on 2 nodes)" },
		{ "constraint", CONSTRAINT,
		  "no suitable node (scheduling constraints not satisfied on "
		  "2 nodes)" },
		{ "platform", PLATFORM,
		  "no suitable node (unsupported platform on 2 nodes)" },
		{ "port", PORT,
		  "no suitable node (host-mode port already in use on 2 "
		  "nodes)" },
		{ "max replicas", MAX_REPLICAS,
		  "no suitable node (max replicas per node limit exceed)" },
		{ "one paused, one unfit", PAUSED_AND_UNFIT,
		  "no suitable node (1 node not available for new tasks; "
		  "scheduling constraints not satisfied on 1 node)" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cluster_test c;
		struct service *s = ct_service_new("web", 1);
		const struct task *t;

		T_ROW(rows[i].name);
		ct_init(&c, 2);
		spoil_nodes(&c, rows[i].what);
		ask_too_much(s, rows[i].what);
		ct_service_put(&c, s);
		if (rows[i].what == PORT || rows[i].what == MAX_REPLICAS)
			EQ(ct_count(&c, "web", TASK_ASSIGNED, 0), 2);
		t = a_pending_task(&c);
		EQ_STR(t->status.message, "pending task scheduling");
		EQ_STR(t->status.err, rows[i].want);
		OK(manager_deadline(c.manager) >=
		   c.now.mono_ms + PLACE_ORPHAN_MS);
		ct_fini(&c);
	}
}

T(what_waits_goes_on_when_there_is_room)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 3);

	reserve(s, INT64_C(2000000000), 0);
	ct_init(&c, 1);
	ct_service_put(&c, s);
	ct_work(&c);
	EQ(ct_count(&c, "web", TASK_RUNNING, 0), 2);
	EQ(ct_count(&c, "web", TASK_PENDING, 0), 1);
	ct_put(&c, ct_node_new("node2"), TX_ABSENT);
	ct_settle(&c);
	EQ(ct_count(&c, "web", TASK_PENDING, 0), 0);
	EQ(on_node(&c, "web", "node2"), 1);
	ct_fini(&c);
}

T(a_platform_matches_under_both_of_its_names)
{
	static const struct {
		const char *arch, *os;
		bool fits;
	} rows[] = {
		{ "amd64", "linux", true },  { "x86_64", "linux", true },
		{ "", "linux", true },	     { "amd64", "", true },
		{ "arm64", "linux", false }, { "amd64", "windows", false }
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cluster_test c;
		struct service *s = ct_service_new("web", 1);

		want_platform(s, rows[i].arch, rows[i].os);
		ct_init(&c, 1);
		ct_service_put(&c, s);
		EQ(ct_count(&c, "web", TASK_ASSIGNED, 0), rows[i].fits);
		ct_fini(&c);
	}
}

T(a_node_where_a_service_keeps_failing_comes_last)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 1);

	constrain(s, "node.id!=node3");
	ct_restart(s)->delay_ns = (struct opt_i64){ true, 0 };
	ct_init(&c, 2);
	ct_service_put(&c, ct_service_new("other", 2));
	ct_service_put(&c, ct_service_new("more", 2));
	ct_service_put(&c, s);
	for (int i = 0; i < 5; i++) {
		EQ(on_node(&c, "web", "node1"), 1);
		ct_wait_ms(&c, 100);
		ct_work(&c);
		ct_reports(&c, ct_task(&c, "web", 1), TASK_FAILED);
	}
	EQ(on_node(&c, "web", "node2"), 1);
	ct_fini(&c);
}

T(a_node_that_changes_loses_the_tasks_that_no_longer_fit)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 1);
	struct tx refused = { 0 };
	struct node_object *n;
	const struct task *t;

	constrain(s, "node.labels.disk==ssd");
	ct_init(&c, 1);
	n = ct_node(&c, "node1");
	n->spec.labels =
		kvs_with(&n->spec.labels, object_arena(n), "disk", "ssd");
	ct_node_put(&c, n);
	ct_service_put(&c, s);
	ct_work(&c);
	EQ(ct_count(&c, "web", TASK_RUNNING, 0), 1);
	n = ct_node(&c, "node1");
	n->spec.labels.count = 0;
	ct_wait_ms(&c, 1000);
	ct_put(&c, n, TX_ANY);
	manager_step(c.manager, c.now, &refused);
	OK(refused.count > 0);
	tx_fini(&refused); /* something else came first: once more */
	ct_settle(&c);
	EQ(ct_count(&c, "web", TASK_REJECTED, TASK_SHUTDOWN), 1);
	EQ(ct_count(&c, "web", TASK_PENDING, TASK_READY), 1);
	for (size_t i = 0; i < 2; i++) {
		t = ct_tasks(&c, "web").v[i];
		if (t->status.state == TASK_REJECTED)
			EQ_STR(t->status.err,
			       "assigned node no longer meets constraints");
	}
	ct_fini(&c);
}

T(a_node_that_shrinks_keeps_what_fits)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 4);
	struct node_object *n;

	reserve(s, INT64_C(1000000000), 0);
	ct_init(&c, 1);
	ct_service_put(&c, s);
	ct_work(&c);
	n = ct_node(&c, "node1");
	n->description.resources.nano_cpus = INT64_C(3000000000);
	ct_node_put(&c, n);
	EQ(ct_count(&c, "web", TASK_REJECTED, TASK_SHUTDOWN), 1);
	EQ(ct_count(&c, "web", TASK_RUNNING, TASK_RUNNING), 3);
	ct_fini(&c);
}

T(a_task_that_never_got_a_node_is_shut_down_by_the_manager)
{
	struct cluster_test c;
	struct service *s = ct_service_new("web", 1);

	constrain(s, "node.id==nowhere");
	ct_init(&c, 1);
	ct_service_put(&c, s);
	EQ(ct_count(&c, "web", TASK_PENDING, 0), 1);
	ct_wait_ms(&c, 1000);
	s = ct_service_edit(&c, "web");
	s->spec.task.force_update++;
	constrain(s, "node.id==node1");
	ct_service_put(&c, s);
	EQ(ct_count(&c, "web", TASK_SHUTDOWN, TASK_SHUTDOWN), 1);
	ct_work(&c);
	EQ(ct_count(&c, "web", TASK_RUNNING, TASK_RUNNING), 1);
	ct_fini(&c);
}

T(many_tasks_over_many_nodes_are_placed_evenly)
{
	struct cluster_test c;
	size_t least = SIZE_MAX, most = 0;
	char id[16];

	ct_init(&c, 200);
	ct_service_put(&c, ct_service_new("web", 3000));
	for (int i = 1; i <= 200; i++) {
		size_t n;

		snprintf(id, sizeof(id), "node%d", i);
		n = on_node(&c, "web", id);
		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	EQ(least, 15);
	EQ(most, 15);
	ct_fini(&c);
}

/* ---- placement preferences -------------------------------------------- */

/* Nodes 1..n with labels "zone" and "rack", a letter each; ' ' for none. */
static void
label_nodes(struct cluster_test *c, const char *zones, const char *racks)
{
	char id[16], value[2] = "";

	for (int i = 0; zones[i] != '\0'; i++) {
		struct node_object *n;
		struct arena *a;

		snprintf(id, sizeof(id), "node%d", i + 1);
		n = ct_node(c, id);
		a = object_arena(n);
		value[0] = zones[i];
		if (zones[i] != ' ')
			n->spec.labels = kvs_with(&n->spec.labels, a, "zone",
						  arena_strdup(a, value));
		value[0] = racks[i];
		n->description.engine.labels =
			kvs_with(&n->description.engine.labels, a, "rack",
				 arena_strdup(a, value));
		ct_node_put(c, n);
	}
}

static void
prefer(struct service *s, const char *descriptor)
{
	struct arena *a = object_arena(s);
	struct placement *p = ct_placement(s);
	struct preference *v = arena_array(a, p->preferences.count + 1,
					   sizeof(struct preference));

	for (uint32_t i = 0; i < p->preferences.count; i++)
		v[i] = p->preferences.v[i];
	v[p->preferences.count].spread = arena_alloc(a, sizeof(struct spread));
	v[p->preferences.count].spread->descriptor = descriptor;
	p->preferences.v = v;
	p->preferences.count++;
}

T(tasks_spread_over_the_values_of_labels)
{
	static const struct {
		const char *name, *zones, *racks;
		const char *over[2];
		uint64_t replicas;
		size_t want[6]; /* on each node */
	} rows[] = {
		{ "no preference", "aaab", "1234", { 0 }, 4, { 1, 1, 1, 1 } },
		{ "zones",
		  "aaab",
		  "1234",
		  { "node.labels.zone" },
		  6,
		  { 1, 1, 1, 3 } },
		{ "no label is a value too",
		  "aa b",
		  "1234",
		  { "Node.Labels.zone" },
		  6,
		  { 1, 1, 2, 2 } },
		{ "engine labels",
		  "aaaa",
		  "1112",
		  { "engine.labels.rack" },
		  6,
		  { 1, 1, 1, 3 } },
		{ "racks in zones",
		  "aaabbb",
		  "112111",
		  { "node.labels.zone", "engine.labels.rack" },
		  12,
		  { 2, 1, 3, 2, 2, 2 } },
		{ "what is no label is ignored",
		  "aaab",
		  "1234",
		  { "node.id", "node.labels.zone" },
		  6,
		  { 1, 1, 1, 3 } },
		{ "nobody has it",
		  "aaab",
		  "1234",
		  { "node.labels.no" },
		  4,
		  { 1, 1, 1, 1 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct service *s = ct_service_new("web", rows[i].replicas);
		int nodes = (int)strlen(rows[i].zones);
		struct cluster_test c;
		char id[16];

		T_ROW(rows[i].name);
		for (int k = 0; k < 2 && rows[i].over[k] != NULL; k++)
			prefer(s, rows[i].over[k]);
		ct_init(&c, nodes);
		label_nodes(&c, rows[i].zones, rows[i].racks);
		ct_service_put(&c, s);
		for (int k = 0; k < nodes; k++) {
			snprintf(id, sizeof(id), "node%d", k + 1);
			EQ(on_node(&c, "web", id), rows[i].want[k]);
		}
		ct_fini(&c);
	}
}

T(a_full_branch_leaves_its_part_to_the_others)
{
	struct service *s = ct_service_new("web", 7);
	struct cluster_test c;

	prefer(s, "node.labels.zone");
	ct_placement(s)->max_replicas = 2;
	ct_init(&c, 4);
	label_nodes(&c, "aaab", "1111");
	ct_service_put(&c, s);
	EQ(on_node(&c, "web", "node4"), 2);
	EQ(on_node(&c, "web", "node1"), 2);
	EQ(ct_count(&c, "web", TASK_ASSIGNED, 0), 7);
	ct_fini(&c);
}

T(a_later_task_goes_to_the_branch_with_the_fewest)
{
	struct service *s = ct_service_new("web", 4);
	struct cluster_test c;

	prefer(s, "node.labels.zone");
	ct_init(&c, 3);
	label_nodes(&c, "aab", "111");
	ct_service_put(&c, s);
	EQ(on_node(&c, "web", "node3"), 2);
	s = ct_service_edit(&c, "web");
	s->spec.mode.replicated->replicas.v = 8;
	ct_service_put(&c, s);
	EQ(on_node(&c, "web", "node3"), 4);
	EQ(on_node(&c, "web", "node1"), 2);
	ct_fini(&c);
}
