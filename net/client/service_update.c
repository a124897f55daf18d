/* service_update.c - "service update": add, remove and set on a spec. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/str.h"
#include "net/client/progress.h"
#include "net/client/service_edit.h"
#include "net/client/service_image.h"
#include "net/client/service_text.h"

/* ---- lists of strings -------------------------------------------------------
 */

/* --NAME-rm, then --NAME-add. */
static void
update_list(const struct parsed *p, const char *name, struct strings *list,
	    struct arena *a)
{
	const struct strings *rm = flag_list(p, arena_printf(a, "%s-rm", name));
	const struct strings *add =
		flag_list(p, arena_printf(a, "%s-add", name));

	for (uint32_t i = 0; i < rm->count; i++)
		strings_remove(list, rm->v[i]);
	for (uint32_t i = 0; i < add->count; i++)
		strings_add(list, a, add->v[i]);
}

static void
update_pairs(const struct parsed *p, const char *name, struct kvs *m,
	     struct arena *a)
{
	const struct strings *rm = flag_list(p, arena_printf(a, "%s-rm", name));
	const struct strings *add =
		flag_list(p, arena_printf(a, "%s-add", name));

	for (uint32_t i = 0; i < rm->count; i++)
		*m = kvs_with(m, a, rm->v[i], NULL);
	for (uint32_t i = 0; i < add->count; i++) {
		size_t len = strcspn(add->v[i], "=");

		*m = kvs_with(m, a, arena_strndup(a, add->v[i], len),
			      add->v[i][len] == '=' ? add->v[i] + len + 1 : "");
	}
}

static int
update_env(const struct parsed *p, struct strings *env, struct arena *a,
	   struct err *e)
{
	const struct strings *rm = flag_list(p, "env-rm");
	struct strings kept = { arena_array(a, env->count, sizeof(char *)), 0 };
	static const struct strings none;

	for (uint32_t i = 0; i < env->count; i++) {
		size_t len = strcspn(env->v[i], "=");
		char *key = arena_strndup(a, env->v[i], len);

		if (!strings_has(rm, key))
			kept.v[kept.count++] = env->v[i];
	}
	*env = kept;
	return env_read(&none, flag_list(p, "env-add"), a, env, e);
}

/* ---- lists of records
 * -------------------------------------------------------- */

/* Appends v to a LIST_OF, moved into the arena. */
#define LIST_ADD(list, a, item)                                                \
	do {                                                                   \
		void *grown_ =                                                 \
			arena_array(a, (list)->count + 1, sizeof(*(list)->v)); \
		if ((list)->count > 0)                                         \
			memcpy(grown_, (list)->v,                              \
			       (list)->count * sizeof(*(list)->v));            \
		(list)->v = grown_;                                            \
		(list)->v[(list)->count++] = (item);                           \
	} while (0)
#define LIST_REMOVE(list, i)                                                   \
	do {                                                                   \
		memmove(&(list)->v[i], &(list)->v[(i) + 1],                    \
			((list)->count - (i)-1) * sizeof(*(list)->v));         \
		(list)->count--;                                               \
	} while (0)

static void
mount_remove(struct container_spec *c, const char *target)
{
	for (uint32_t i = 0; i < c->mounts.count; i++)
		if (str_eq(c->mounts.v[i].target, target)) {
			LIST_REMOVE(&c->mounts, i);
			return;
		}
}

static int
update_mounts(const struct parsed *p, struct container_spec *c, struct arena *a,
	      struct err *e)
{
	const struct strings *rm = flag_list(p, "mount-rm");
	const struct strings *add = flag_list(p, "mount-add");
	struct mount m;

	for (uint32_t i = 0; i < rm->count; i++)
		mount_remove(c, rm->v[i]);
	for (uint32_t i = 0; i < add->count; i++) {
		if (text_to_mount(add->v[i], a, &m, e) < 0)
			return -EINVAL;
		mount_remove(c, m.target);
		LIST_ADD(&c->mounts, a, m);
	}
	return 0;
}

static void
ulimit_remove(struct container_spec *c, const char *name)
{
	for (uint32_t i = 0; i < c->ulimits.count; i++)
		if (str_eq(c->ulimits.v[i].name, name)) {
			LIST_REMOVE(&c->ulimits, i);
			return;
		}
}

static int
update_ulimits(const struct parsed *p, struct container_spec *c,
	       struct arena *a, struct err *e)
{
	const struct strings *rm = flag_list(p, "ulimit-rm");
	const struct strings *add = flag_list(p, "ulimit-add");
	struct ulimit u;

	for (uint32_t i = 0; i < rm->count; i++)
		ulimit_remove(c, rm->v[i]);
	for (uint32_t i = 0; i < add->count; i++) {
		if (text_to_ulimit(add->v[i], a, &u, e) < 0)
			return -EINVAL;
		ulimit_remove(c, u.name);
		LIST_ADD(&c->ulimits, a, u);
	}
	return 0;
}

static void
port_remove(struct endpoint_spec *ep, uint64_t target, int protocol)
{
	for (uint32_t i = 0; i < ep->ports.count;) {
		const struct port_config *p = &ep->ports.v[i];
		int theirs = p->protocol ? p->protocol : PROTO_TCP;

		if (p->target_port == target &&
		    theirs == (protocol ? protocol : PROTO_TCP))
			LIST_REMOVE(&ep->ports, i);
		else
			i++;
	}
}

static int
update_ports(const struct parsed *p, struct service_spec *s, struct arena *a,
	     struct err *e)
{
	const struct strings *rm = flag_list(p, "publish-rm");
	const struct strings *add = flag_list(p, "publish-add");
	struct ports ports;
	uint64_t target;
	int protocol;

	if (rm->count + add->count == 0)
		return 0;
	if (s->endpoint == NULL)
		s->endpoint = arena_alloc(a, sizeof(*s->endpoint));
	for (uint32_t i = 0; i < rm->count; i++) {
		if (text_to_port_ref(rm->v[i], &target, &protocol, e) < 0)
			return -EINVAL;
		port_remove(s->endpoint, target, protocol);
	}
	for (uint32_t i = 0; i < add->count; i++) {
		if (text_to_ports(add->v[i], a, &ports, e) < 0)
			return -EINVAL;
		for (uint32_t j = 0; j < ports.count; j++)
			LIST_ADD(&s->endpoint->ports, a, ports.v[j]);
	}
	return 0;
}

static bool
names_network(const struct strings *rows, const char *target)
{
	for (uint32_t i = 0; i < rows->count; i++)
		if (str_eq(network_of_text(rows->v[i]), target))
			return true;
	return false;
}

static void
update_networks(const struct parsed *p, struct task_spec *t, struct arena *a)
{
	const struct strings *rm = flag_list(p, "network-rm");
	const struct strings *add = flag_list(p, "network-add");

	for (uint32_t i = 0; i < t->networks.count;) {
		if (names_network(rm, t->networks.v[i].target))
			LIST_REMOVE(&t->networks, i);
		else
			i++;
	}
	for (uint32_t i = 0; i < add->count; i++) {
		struct network_attachment_config n = {
			.target = network_of_text(add->v[i]),
		};

		LIST_ADD(&t->networks, a, n);
	}
}

static int
update_hosts(const struct parsed *p, struct container_spec *c, struct arena *a,
	     struct err *e)
{
	const struct strings *rm = flag_list(p, "host-rm");
	const struct strings *add = flag_list(p, "host-add");
	const char *row;

	for (uint32_t i = 0; i < rm->count; i++) {
		if (text_to_host(rm->v[i], a, &row, e) < 0)
			return -EINVAL;
		strings_remove(&c->hosts, row);
	}
	for (uint32_t i = 0; i < add->count; i++) {
		if (text_to_host(add->v[i], a, &row, e) < 0)
			return -EINVAL;
		strings_add(&c->hosts, a, row);
	}
	return 0;
}

static void
update_dns(const struct parsed *p, struct container_spec *c, struct arena *a)
{
	struct dns_config d = { 0 };

	if (c->dns != NULL)
		d = *c->dns;
	update_list(p, "dns", &d.nameservers, a);
	update_list(p, "dns-option", &d.options, a);
	update_list(p, "dns-search", &d.search, a);
	if (c->dns != NULL ||
	    d.nameservers.count + d.options.count + d.search.count > 0)
		c->dns = arena_dup(a, &d, sizeof(d));
}

static void
preference_remove(struct placement *to, const struct preference *gone)
{
	for (uint32_t i = 0; i < to->preferences.count;) {
		const struct spread *s = to->preferences.v[i].spread;

		if (s != NULL &&
		    str_eq(s->descriptor, gone->spread->descriptor))
			LIST_REMOVE(&to->preferences, i);
		else
			i++;
	}
}

static int
update_preferences(const struct parsed *p, struct placement *to,
		   struct arena *a, struct err *e)
{
	const struct strings *rm = flag_list(p, "placement-pref-rm");
	const struct strings *add = flag_list(p, "placement-pref-add");
	struct preference pref;

	for (uint32_t i = 0; i < rm->count; i++) {
		if (text_to_preference(rm->v[i], a, &pref, e) < 0)
			return -EINVAL;
		preference_remove(to, &pref);
	}
	for (uint32_t i = 0; i < add->count; i++) {
		if (text_to_preference(add->v[i], a, &pref, e) < 0)
			return -EINVAL;
		LIST_ADD(&to->preferences, a, pref);
	}
	return 0;
}

static int
update_placement(const struct parsed *p, struct task_spec *t, struct arena *a,
		 struct err *e)
{
	if (!flag_given(p, "constraint-add") &&
	    !flag_given(p, "constraint-rm") &&
	    !flag_given(p, "placement-pref-add") &&
	    !flag_given(p, "placement-pref-rm"))
		return 0;
	if (t->placement == NULL)
		t->placement = arena_alloc(a, sizeof(*t->placement));
	update_list(p, "constraint", &t->placement->constraints, a);
	return update_preferences(p, t->placement, a, e);
}

int
edit_update(const struct parsed *p, struct service_spec *s, struct arena *a,
	    struct err *e)
{
	struct container_spec *c = container_of_spec(s, a);

	if (flag_given(p, "image"))
		c->image = flag_str(p, "image");
	if (flag_given(p, "args") &&
	    text_to_words(flag_str(p, "args"), a, &c->args, e) < 0)
		return -EINVAL;
	if (flag_bool(p, "force"))
		s->task.force_update++;
	update_pairs(p, "label", &s->labels, a);
	update_pairs(p, "container-label", &c->labels, a);
	update_pairs(p, "sysctl", &c->sysctls, a);
	update_list(p, "group", &c->groups, a);
	update_dns(p, c, a);
	update_networks(p, &s->task, a);
	if (update_env(p, &c->env, a, e) < 0 || update_mounts(p, c, a, e) < 0 ||
	    update_ulimits(p, c, a, e) < 0 || update_hosts(p, c, a, e) < 0 ||
	    update_ports(p, s, a, e) < 0 ||
	    update_placement(p, &s->task, a, e) < 0)
		return -EINVAL;
	return edit_common(p, s, a, e);
}

/* ---- the command
 * -------------------------------------------------------------- */

static int
read_service(struct cli *cli, const char *ref, struct service *ret,
	     struct err *e)
{
	const char *path =
		arena_printf(&cli->arena, "/services/%s", cli_escape(cli, ref));
	struct buf body = { 0 };
	int r = cli_ask(cli, "GET", path, NULL, &body, e);

	if (r == 0)
		r = model_json_read(&service_type, body.p, body.len,
				    &cli->arena, ret, e);
	buf_fini(&body);
	return r;
}

static int
post_update(struct cli *cli, const struct service *s, const char *query,
	    struct err *e)
{
	const char *path = arena_printf(
		&cli->arena, "/services/%s/update?version=%" PRIu64 "%s",
		s->head.id, s->head.version.index, query);
	struct buf body = { 0 }, answer = { 0 };
	json_t *root = NULL;
	int r;

	model_json_write(&service_spec_type, &s->spec, &body);
	r = cli_ask(cli, "POST", path, buf_cstr(&body), &answer, e);
	if (r == 0)
		root = json_loadb(answer.p, answer.len, 0, NULL);
	service_put_warnings(cli, root);
	json_decref(root);
	buf_fini(&body);
	buf_fini(&answer);
	return r;
}

/* --rollback goes with --detach and --quiet, and with nothing else. */
static int
check_alone(const struct parsed *p, struct err *e)
{
	for (size_t i = 0; i < *p->command->flag_count; i++) {
		const char *name = p->command->flags[i].name;

		if (p->flags[i].given && !str_eq(name, "rollback") &&
		    !str_eq(name, "detach") && !str_eq(name, "quiet"))
			return err_set(e, -EINVAL,
				       "other flags may not be combined with "
				       "--rollback");
	}
	return 0;
}

int
cmd_service_update(struct cli *cli, const struct parsed *p)
{
	bool rollback = flag_bool(p, "rollback");
	struct service s = { 0 };
	struct err e;
	int r = rollback ? check_alone(p, &e) : 0;

	if (r == 0)
		r = read_service(cli, p->args.v[0], &s, &e);
	if (r == 0 && !rollback)
		r = edit_update(p, &s.spec, &cli->arena, &e);
	if (r == 0 && flag_given(p, "image") &&
	    !flag_bool(p, "no-resolve-image"))
		service_image_resolve(cli, &s.spec.task);
	if (r == 0)
		r = post_update(cli, &s, rollback ? "&rollback=previous" : "",
				&e);
	if (r < 0)
		return cli_fail_err(cli, &e);
	fprintf(cli->out, "%s\n", cli_clean(&cli->arena, p->args.v[0]));
	if (flag_bool(p, "detach"))
		return CLI_OK;
	(void)fflush(cli->out);
	return progress_wait(cli, s.head.id,
			     flag_bool(p, "quiet") ? PROGRESS_QUIET
						   : PROGRESS_SHOW);
}
