/* service_create.c - "service create": flags, a spec, a request, a wait. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "core/base/str.h"
#include "core/model/naming.h"
#include "net/client/progress.h"
#include "net/client/service_edit.h"
#include "net/client/service_image.h"
#include "net/client/service_text.h"

static struct kvs
pairs(const struct strings *rows, struct arena *a)
{
	struct kvs m = { 0 };

	for (uint32_t i = 0; i < rows->count; i++) {
		size_t len = strcspn(rows->v[i], "=");

		m = kvs_with(&m, a, arena_strndup(a, rows->v[i], len),
			     rows->v[i][len] == '=' ? rows->v[i] + len + 1
						    : "");
	}
	return m;
}

static int
create_mode(const struct parsed *p, struct service_spec *s, struct arena *a,
	    struct err *e)
{
	const char *mode = flag_str(p, "mode");

	if (str_eq(mode, "global")) {
		s->mode.global = arena_alloc(a, sizeof(*s->mode.global));
		return 0;
	}
	if (str_eq(mode, "replicated-job") || str_eq(mode, "global-job"))
		return err_set(e, -EINVAL, "--mode %s is not supported yet",
			       mode);
	if (!str_eq(mode, "replicated"))
		return err_set(e, -EINVAL,
			       "Unknown mode: %s, only replicated and global "
			       "supported",
			       mode);
	s->mode.replicated = arena_alloc(a, sizeof(*s->mode.replicated));
	return 0;
}

static int
create_lists(const struct parsed *p, struct container_spec *c, struct arena *a,
	     struct err *e)
{
	const struct strings *hosts = flag_list(p, "host");
	const struct strings *mounts = flag_list(p, "mount");
	const struct strings *ulimits = flag_list(p, "ulimit");
	const char *host;

	for (uint32_t i = 0; i < hosts->count; i++) {
		if (text_to_host(hosts->v[i], a, &host, e) < 0)
			return -EINVAL;
		strings_add(&c->hosts, a, host);
	}
	c->mounts.v = arena_array(a, mounts->count, sizeof(*c->mounts.v));
	for (; c->mounts.count < mounts->count; c->mounts.count++)
		if (text_to_mount(mounts->v[c->mounts.count], a,
				  &c->mounts.v[c->mounts.count], e) < 0)
			return -EINVAL;
	c->ulimits.v = arena_array(a, ulimits->count, sizeof(*c->ulimits.v));
	for (; c->ulimits.count < ulimits->count; c->ulimits.count++)
		if (text_to_ulimit(ulimits->v[c->ulimits.count], a,
				   &c->ulimits.v[c->ulimits.count], e) < 0)
			return -EINVAL;
	return 0;
}

static void
create_dns(const struct parsed *p, struct container_spec *c, struct arena *a)
{
	if (!flag_given(p, "dns") && !flag_given(p, "dns-search") &&
	    !flag_given(p, "dns-option"))
		return;
	c->dns = arena_alloc(a, sizeof(*c->dns));
	c->dns->nameservers = *flag_list(p, "dns");
	c->dns->search = *flag_list(p, "dns-search");
	c->dns->options = *flag_list(p, "dns-option");
}

static int
create_ports(const struct parsed *p, struct service_spec *s, struct arena *a,
	     struct err *e)
{
	const struct strings *rows = flag_list(p, "publish");
	struct endpoint_spec *ep;

	if (rows->count == 0)
		return 0;
	ep = s->endpoint = arena_alloc(a, sizeof(*ep));
	for (uint32_t i = 0; i < rows->count; i++) {
		struct port_config *v;
		struct ports ports;

		if (text_to_ports(rows->v[i], a, &ports, e) < 0)
			return -EINVAL;
		v = arena_array(a, ep->ports.count + ports.count, sizeof(*v));
		if (ep->ports.count > 0)
			memcpy(v, ep->ports.v, ep->ports.count * sizeof(*v));
		memcpy(v + ep->ports.count, ports.v, ports.count * sizeof(*v));
		ep->ports.v = v;
		ep->ports.count += ports.count;
	}
	return 0;
}

static void
create_networks(const struct parsed *p, struct task_spec *t, struct arena *a)
{
	const struct strings *rows = flag_list(p, "network");

	t->networks.v = arena_array(a, rows->count, sizeof(*t->networks.v));
	t->networks.count = rows->count;
	for (uint32_t i = 0; i < rows->count; i++)
		t->networks.v[i].target = network_of_text(rows->v[i]);
}

static int
create_placement(const struct parsed *p, struct task_spec *t, struct arena *a,
		 struct err *e)
{
	const struct strings *constraints = flag_list(p, "constraint");
	const struct strings *prefs = flag_list(p, "placement-pref");
	struct placement *to;

	if (constraints->count + prefs->count == 0)
		return 0;
	to = t->placement = arena_alloc(a, sizeof(*to));
	to->constraints = *constraints;
	to->preferences.v =
		arena_array(a, prefs->count, sizeof(*to->preferences.v));
	for (; to->preferences.count < prefs->count; to->preferences.count++)
		if (text_to_preference(
			    prefs->v[to->preferences.count], a,
			    &to->preferences.v[to->preferences.count], e) < 0)
			return -EINVAL;
	return 0;
}

int
edit_create(const struct parsed *p, struct service_spec *s, struct arena *a,
	    struct err *e)
{
	struct container_spec *c = container_of_spec(s, a);

	c->image = p->args.v[0];
	c->args = (struct strings){ p->args.v + 1, p->args.count - 1 };
	c->init = flag_bool(p, "init") ? YES : NO;
	s->name = flag_str(p, "name");
	s->labels = pairs(flag_list(p, "label"), a);
	c->labels = pairs(flag_list(p, "container-label"), a);
	c->sysctls = pairs(flag_list(p, "sysctl"), a);
	c->groups = *flag_list(p, "group");
	if (create_mode(p, s, a, e) < 0 || create_lists(p, c, a, e) < 0 ||
	    create_ports(p, s, a, e) < 0 ||
	    create_placement(p, &s->task, a, e) < 0 ||
	    env_read(flag_list(p, "env-file"), flag_list(p, "env"), a, &c->env,
		     e) < 0)
		return -EINVAL;
	create_dns(p, c, a);
	create_networks(p, &s->task, a);
	return edit_common(p, s, a, e);
}

void
service_put_warnings(struct cli *cli, const json_t *answer)
{
	const json_t *warning;
	size_t i;

	json_array_foreach(json_object_get(answer, "Warnings"), i, warning)
	{
		if (json_is_string(warning))
			fprintf(cli->err, "%s\n",
				cli_clean(&cli->arena,
					  json_string_value(warning)));
	}
}

/* The id from {"ID":"...","Warnings":[...]}; warnings go to stderr. */
static const char *
read_created(struct cli *cli, struct buf *body)
{
	json_t *root = json_loadb(body->p, body->len, 0, NULL);
	const char *text = json_string_value(json_object_get(root, "ID"));

	text = text ? arena_strdup(&cli->arena, text) : NULL;
	service_put_warnings(cli, root);
	json_decref(root);
	return text;
}

int
cmd_service_create(struct cli *cli, const struct parsed *p)
{
	struct service_spec spec = { 0 };
	struct buf body = { 0 }, answer = { 0 };
	const char *id = NULL;
	struct err e;
	int r;

	if (edit_create(p, &spec, &cli->arena, &e) < 0)
		return cli_fail_err(cli, &e);
	if (!flag_bool(p, "no-resolve-image"))
		service_image_resolve(cli, &spec.task);
	model_json_write(&service_spec_type, &spec, &body);
	r = cli_ask(cli, "POST", "/services/create", buf_cstr(&body), &answer,
		    &e);
	if (r == 0)
		id = read_created(cli, &answer);
	buf_fini(&body);
	buf_fini(&answer);
	if (r < 0)
		return cli_fail_err(cli, &e);
	if (id == NULL)
		return cli_fail(cli, "the daemon's answer has no service ID");
	fprintf(cli->out, "%s\n", id);
	if (flag_bool(p, "detach"))
		return CLI_OK;
	(void)fflush(cli->out);
	return progress_wait(cli, id,
			     flag_bool(p, "quiet") ? PROGRESS_QUIET
						   : PROGRESS_SHOW);
}
