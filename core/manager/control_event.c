/* control_event.c - changes of the tables as Docker's events (facts 12.4). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/control.h"

/* What there are events of; "" for the others. */
static const char *
event_type(const struct change *c)
{
	switch (c->type) {
	case OBJECT_NODE:
	case OBJECT_SERVICE:
	case OBJECT_NETWORK:
		return object_type_name(c->type);
	case OBJECT_CLUSTER:
	case OBJECT_TASK:
	case OBJECT_RECEIPT:
	case OBJECT_TYPE_COUNT:
		break;
	}
	return "";
}

static const char *
event_action(const struct change *c)
{
	if (!c->before)
		return "create";
	return c->after ? "update" : "remove";
}

static const struct object *
event_object(const struct change *c)
{
	check(c->before || c->after);
	return c->after ? c->after : c->before;
}

static const char *
event_name(const struct change *c)
{
	const void *o = event_object(c);
	const struct node_object *n = o;

	if (c->type == OBJECT_SERVICE)
		return ((const struct service *)o)->spec.name;
	if (c->type == OBJECT_NETWORK)
		return ((const struct network *)o)->name;
	return str_or(n->spec.name, n->description.hostname);
}

/* key.old and key.new, where they differ; an empty old one is left out. */
static void
put_pair(struct json *w, const char *key, const char *before, const char *after)
{
	char name[64];

	if (str_eq(before, after))
		return;
	if (!str_empty(before)) {
		(void)snprintf(name, sizeof(name), "%s.old", key);
		json_put_str(w, name, before);
	}
	(void)snprintf(name, sizeof(name), "%s.new", key);
	json_put_str(w, name, after);
}

static const char *
image_of(const struct service *s)
{
	return s->spec.task.container ? s->spec.task.container->image : "";
}

static const char *
replicas_text(const struct service *s, char text[24])
{
	const struct replicated_mode *m = s->spec.mode.replicated;

	text[0] = '\0';
	if (m && m->replicas.set)
		(void)snprintf(text, 24, "%llu",
			       (unsigned long long)m->replicas.v);
	return text;
}

static void
put_service(struct json *w, const struct service *before,
	    const struct service *after)
{
	char old_count[24], new_count[24];
	int old_state =
		before->update_status ? before->update_status->state : 0;
	int new_state = after->update_status ? after->update_status->state : 0;

	put_pair(w, "image", image_of(before), image_of(after));
	put_pair(w, "replicas", replicas_text(before, old_count),
		 replicas_text(after, new_count));
	if (new_state != 0)
		put_pair(w, "updatestate",
			 enum_name(&update_state_names, old_state),
			 enum_name(&update_state_names, new_state));
}

static void
put_node(struct json *w, const struct node_object *before,
	 const struct node_object *after)
{
	put_pair(w, "availability",
		 enum_name(&node_availability_names, before->spec.availability),
		 enum_name(&node_availability_names, after->spec.availability));
	put_pair(w, "role", enum_name(&node_role_names, before->role),
		 enum_name(&node_role_names, after->role));
	put_pair(w, "state", enum_name(&node_state_names, before->status.state),
		 enum_name(&node_state_names, after->status.state));
}

static void
put_actor(struct json *w, const struct change *c)
{
	json_key(w, "Actor");
	json_open(w, '{');
	json_put_str(w, "ID", event_object(c)->id);
	json_key(w, "Attributes");
	json_open(w, '{');
	json_put_str(w, "name", event_name(c));
	if (c->before && c->after && c->type == OBJECT_SERVICE)
		put_service(w, c->before, c->after);
	if (c->before && c->after && c->type == OBJECT_NODE)
		put_node(w, c->before, c->after);
	json_close(w, '}');
	json_close(w, '}');
}

bool
control_event(const struct change *c, struct now now, struct buf *line)
{
	struct json w = { .out = line };

	if (!*event_type(c))
		return false;
	json_open(&w, '{');
	json_put_str(&w, "Type", event_type(c));
	json_put_str(&w, "Action", event_action(c));
	put_actor(&w, c);
	json_put_str(&w, "scope", "swarm");
	json_put_i64(&w, "time", now.wall_ns / NS_PER_S);
	json_put_i64(&w, "timeNano", now.wall_ns);
	json_close(&w, '}');
	buf_putc(line, '\n');
	return true;
}

/* ---- filters --------------------------------------------------------------
 */

struct event_filter {
	struct arena arena;
	struct filters filters;
};

static const char *const event_keys[] = { "config",  "container", "daemon",
					  "event",   "image",	  "label",
					  "network", "node",	  "plugin",
					  "scope",   "secret",	  "service",
					  "type",    "volume",	  NULL };

/* These name one object, by the start of its id or its name. */
static const char *const object_keys[] = { "config", "container", "daemon",
					   "image",  "network",	  "node",
					   "plugin", "secret",	  "service",
					   "volume" };

int
control_event_filter_new(const struct request *r, struct event_filter **ret,
			 struct err *e)
{
	struct event_filter *f = mem_new(sizeof(*f));
	int rc;

	arena_init(&f->arena);
	rc = filters_read(request_query(r, "filters"), event_keys, &f->arena,
			  &f->filters, e);
	if (rc < 0) {
		control_event_filter_free(f);
		return rc;
	}
	*ret = f;
	return 0;
}

void
control_event_filter_free(struct event_filter *f)
{
	if (!f)
		return;
	arena_fini(&f->arena);
	mem_free(f);
}

static bool
names_it(const struct event_filter *f, const char *key, const struct change *c)
{
	const struct strings *values = filters_get(&f->filters, key);

	if (!values)
		return true;
	if (strcmp(key, event_type(c)) != 0)
		return false;
	for (uint32_t i = 0; i < values->count; i++)
		if (str_starts(event_object(c)->id, values->v[i]) ||
		    str_starts(str_or(event_name(c), ""), values->v[i]))
			return true;
	return false;
}

/* Docker looks for labels among an event's attributes. */
static bool
label_holds(const struct event_filter *f, const struct change *c)
{
	struct kv name = { "name", event_name(c) };
	struct kvs attributes = { &name, 1 };

	return filters_match_labels(&f->filters, "label", &attributes);
}

bool
control_event_passes(const struct event_filter *f, const struct change *c)
{
	if (!*event_type(c) ||
	    !filters_match(&f->filters, "type", event_type(c)) ||
	    !filters_match(&f->filters, "event", event_action(c)) ||
	    !filters_match(&f->filters, "scope", "swarm") || !label_holds(f, c))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(object_keys); i++)
		if (!names_it(f, object_keys[i], c))
			return false;
	return true;
}
