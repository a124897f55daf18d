/* control_network.c - networks: for now the three that always are. */
#include <string.h>

#include "core/base/json.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "core/manager/control_impl.h"

/* Docker's own shape; it is not that of the other cluster objects. */
static void
write_network(const struct network *n, struct buf *out)
{
	struct json w = { .out = out };
	char created[TIME_TEXT_MAX];

	time_format(n->head.created_at, created);
	json_open(&w, '{');
	json_put_str(&w, "Name", n->name);
	json_put_str(&w, "Id", n->head.id);
	json_put_str(&w, "Created", created);
	json_put_str(&w, "Scope", "swarm");
	json_put_str(&w, "Driver", n->driver);
	json_put_bool(&w, "EnableIPv4", true);
	json_put_bool(&w, "EnableIPv6", false);
	json_key(&w, "IPAM");
	json_raw(&w, "{\"Driver\":\"\",\"Options\":null,\"Config\":[]}");
	json_put_bool(&w, "Internal", n->internal);
	json_put_bool(&w, "Attachable", n->attachable);
	json_put_bool(&w, "Ingress", n->ingress);
	json_key(&w, "ConfigFrom");
	json_raw(&w, "{\"Network\":\"\"}");
	json_put_bool(&w, "ConfigOnly", false);
	json_key(&w, "Containers");
	json_raw(&w, "{}");
	json_key(&w, "Options");
	json_raw(&w, "{}");
	json_key(&w, "Labels");
	json_open(&w, '{');
	for (uint32_t i = 0; i < n->labels.count; i++)
		json_put_str(&w, n->labels.v[i].key, n->labels.v[i].value);
	json_close(&w, '}');
	json_close(&w, '}');
}

/* Docker matches any part of a network's name. */
static bool
name_matches(const struct filters *f, const struct network *n)
{
	const struct strings *values = filters_get(f, "name");

	if (!values)
		return true;
	for (uint32_t i = 0; i < values->count; i++)
		if (strstr(str_or(n->name, ""), values->v[i]))
			return true;
	return false;
}

/* All are predefined: none is dangling, and none is "custom". */
static bool
matches(const struct filters *f, const struct network *n)
{
	return name_matches(f, n) &&
	       control_filter_prefix(f, "id", n->head.id) &&
	       filters_match(f, "driver", n->driver) &&
	       filters_match(f, "scope", "swarm") &&
	       filters_match(f, "type", "builtin") &&
	       !filters_get(f, "dangling") &&
	       filters_match_labels(f, "label", &n->labels);
}

void
control_network_list(struct control *c)
{
	static const char *const allowed[] = { "dangling", "driver", "id",
					       "label",	   "name",   "scope",
					       "type",	   NULL };
	const struct state *s = c->env->state;
	size_t count = s ? state_count(s, OBJECT_NETWORK) : 0;
	struct control_list l;
	struct filters f;

	if (!control_filters(c, allowed, &f))
		return;
	control_list_begin(c, &l);
	for (size_t i = 0; i < count; i++) {
		const struct network *n = state_at(s, OBJECT_NETWORK, i);

		if (matches(&f, n))
			write_network(n, control_list_next(&l));
	}
	control_list_end(&l);
}

void
control_network_inspect(struct control *c)
{
	const struct network *n = control_find(c, OBJECT_NETWORK, c->r->target);

	if (!n)
		return;
	c->ret->status = 200;
	write_network(n, &c->ret->body);
	buf_putc(&c->ret->body, '\n');
}
