/* expand.c - see expand.h. */
#include "core/model/expand.h"

#include <errno.h>
#include <string.h>

#include "core/base/str.h"
#include "core/model/template.h"

static void
drop_template(struct template **t)
{
	template_free(*t);
}

static void
drop_json(json_t **j)
{
	json_decref(*j);
}

static void
set(json_t *o, const char *key, const char *value)
{
	(void)json_object_set_new(o, key, json_string(str_or(value, "")));
}

static json_t *
names_tree(const struct expand_names *n)
{
	json_t *service = json_object(), *labels = json_object();
	json_t *node = json_object(), *platform = json_object();
	json_t *task = json_object(), *top = json_object();

	for (uint32_t i = 0; i < n->service_labels.count; i++)
		set(labels, n->service_labels.v[i].key,
		    n->service_labels.v[i].value);
	set(service, "ID", n->service_id);
	set(service, "Name", n->service_name);
	(void)json_object_set_new(service, "Labels", labels);
	set(platform, "OS", n->node_os);
	set(platform, "Architecture", n->node_arch);
	set(node, "ID", n->node_id);
	set(node, "Hostname", n->node_hostname);
	(void)json_object_set_new(node, "Platform", platform);
	set(task, "ID", n->task_id);
	set(task, "Name", n->task_name);
	set(task, "Slot", n->task_slot);
	(void)json_object_set_new(top, "Service", service);
	(void)json_object_set_new(top, "Node", node);
	(void)json_object_set_new(top, "Task", task);
	return top;
}

int
expand_text(const char *text, const struct expand_names *n, struct arena *a,
	    const char **ret, struct err *e)
{
	owned(drop_template) struct template *t = NULL;
	owned(drop_json) json_t *tree = NULL;
	owned(buf_fini) struct buf out = { 0 };
	int r;

	if (text == NULL || strstr(text, "{{") == NULL) {
		*ret = text;
		return 0;
	}
	r = template_parse(text, &t, e);
	if (r < 0)
		return r;
	tree = names_tree(n);
	r = template_run(t, tree, TEMPLATE_STRICT, &out, e);
	if (r < 0)
		return r;
	if (out.len > EXPAND_MAX)
		return err_set(e, -EINVAL, "%s expands to more than %d bytes",
			       text, EXPAND_MAX);
	*ret = arena_strndup(a, out.p != NULL ? out.p : "", out.len);
	return 0;
}

/* The key is not a template. */
static int
expand_env(const char **entry, const struct expand_names *n, struct arena *a,
	   struct err *e)
{
	const char *eq = strchr(*entry, '='), *value;
	int r;

	if (eq == NULL)
		return 0;
	r = expand_text(eq + 1, n, a, &value, e);
	if (r < 0)
		return err_wrap(e, r, "expanding env failed");
	if (value != eq + 1)
		*entry = arena_printf(a, "%.*s%s", (int)(eq + 1 - *entry),
				      *entry, value);
	return 0;
}

static int
expand_mount(struct mount *m, const struct expand_names *n, struct arena *a,
	     struct err *e)
{
	int r = expand_text(m->source, n, a, &m->source, e);

	if (r < 0)
		return err_wrap(e, r, "expanding mount source failed");
	r = expand_text(m->target, n, a, &m->target, e);
	if (r < 0)
		return err_wrap(e, r, "expanding mount target failed");
	return 0;
}

int
expand_container(struct container_spec *s, const struct expand_names *n,
		 struct arena *a, struct err *e)
{
	int r = expand_text(s->hostname, n, a, &s->hostname, e);

	if (r < 0)
		return err_wrap(e, r, "expanding hostname failed");
	for (uint32_t i = 0; i < s->env.count && r == 0; i++)
		r = expand_env(&s->env.v[i], n, a, e);
	for (uint32_t i = 0; i < s->mounts.count && r == 0; i++)
		r = expand_mount(&s->mounts.v[i], n, a, e);
	return r;
}
