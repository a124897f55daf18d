/* constraint.c - see constraint.h. */
#include "core/manager/constraint.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/ip.h"
#include "core/base/str.h"

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
trim(const char **p, size_t *len)
{
	while (*len > 0 && is_space(**p)) {
		(*p)++;
		(*len)--;
	}
	while (*len > 0 && is_space((*p)[*len - 1]))
		(*len)--;
}

static bool
key_valid(const char *p, size_t len)
{
	if (len < 2 || !(is_alnum(p[0]) || p[0] == '_'))
		return false;
	if (p[0] >= '0' && p[0] <= '9')
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_alnum(p[i]) && memchr("-_.", p[i], 3) == NULL)
			return false;
	return true;
}

static bool
value_valid(const char *p, size_t len)
{
	static const char others[] = ":-_.*()?+[]\\^$|/";

	for (size_t i = 0; i < len; i++)
		if (!is_alnum(p[i]) && !is_space(p[i]) &&
		    memchr(others, p[i], sizeof(others) - 1) == NULL)
			return false;
	return len > 0;
}

/* Is the part, without case, word? */
static bool
part_is(const char *p, size_t len, const char *word)
{
	for (size_t i = 0; i < len; i++) {
		char a = p[i], b = word[i];

		if (b == '\0')
			return false;
		a = a >= 'A' && a <= 'Z' ? (char)(a + 32) : a;
		b = b >= 'A' && b <= 'Z' ? (char)(b + 32) : b;
		if (a != b)
			return false;
	}
	return word[len] == '\0';
}

static const struct {
	const char *name;
	enum constraint_field field;
} fields[] = {
	{ "node.id", CONSTRAINT_ID },
	{ "node.hostname", CONSTRAINT_HOSTNAME },
	{ "node.ip", CONSTRAINT_IP },
	{ "node.role", CONSTRAINT_ROLE },
	{ "node.platform.os", CONSTRAINT_OS },
	{ "node.platform.arch", CONSTRAINT_ARCH },
};

#define NODE_LABELS "node.labels."
#define ENGINE_LABELS "engine.labels."

/* What key names: for labels, the name of the label with its case. */
static void
resolve(const char *key, size_t len, struct constraint *ret)
{
	size_t node = strlen(NODE_LABELS), engine = strlen(ENGINE_LABELS);

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (part_is(key, len, fields[i].name))
			ret->field = fields[i].field;
	if (len > node && part_is(key, node, NODE_LABELS)) {
		ret->field = CONSTRAINT_NODE_LABEL;
		ret->label = key + node;
		ret->label_len = len - node;
	} else if (len > engine && part_is(key, engine, ENGINE_LABELS)) {
		ret->field = CONSTRAINT_ENGINE_LABEL;
		ret->label = key + engine;
		ret->label_len = len - engine;
	}
}

int
constraint_parse(const char *text, struct constraint *ret, struct err *e)
{
	const char *op = strstr(text, "==");
	struct constraint c = { .key = text, .negated = op == NULL };

	if (strlen(text) > CONSTRAINT_TEXT_MAX)
		return err_set(e, -EINVAL, "constraint is longer than %d bytes",
			       CONSTRAINT_TEXT_MAX);
	if (op == NULL)
		op = strstr(text, "!=");
	if (op == NULL)
		return err_set(e, -EINVAL,
			       "constraint expected one operator from ==, !=");
	c.key_len = (size_t)(op - text);
	trim(&c.key, &c.key_len);
	if (!key_valid(c.key, c.key_len))
		return err_set(e, -EINVAL, "key '%.*s' is invalid",
			       (int)c.key_len, c.key);
	resolve(c.key, c.key_len, &c);
	c.value = op + 2;
	c.value_len = strlen(c.value);
	trim(&c.value, &c.value_len);
	if (!value_valid(c.value, c.value_len))
		return err_set(e, -EINVAL, "value '%.*s' is invalid",
			       (int)c.value_len, c.value);
	*ret = c;
	return 0;
}

int
constraints_check(const struct strings *texts, struct err *e)
{
	struct constraint c;

	for (uint32_t i = 0; i < texts->count; i++) {
		int r = constraint_parse(texts->v[i], &c, e);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool
value_is(const struct constraint *c, const char *actual)
{
	return part_is(c->value, c->value_len, str_or(actual, "")) !=
	       c->negated;
}

static bool
address_is(const struct constraint *c, const char *addr)
{
	char value[CONSTRAINT_TEXT_MAX + 1];
	struct ip have, want;
	struct ip_net net;
	bool known = ip_parse(str_or(addr, ""), &have), hit;

	memcpy(value, c->value, c->value_len);
	value[c->value_len] = '\0';
	if (ip_parse(value, &want))
		hit = known && memcmp(&have, &want, sizeof(have)) == 0;
	else if (ip_net_parse(value, &net))
		hit = known && ip_net_contains(&net, &have);
	else
		return false;
	return hit != c->negated;
}

static const char *
label_value(const struct kvs *labels, const char *name, size_t len)
{
	for (uint32_t i = 0; i < labels->count; i++) {
		const char *key = labels->v[i].key;

		if (strncmp(key, name, len) == 0 && key[len] == '\0')
			return str_or(labels->v[i].value, "");
	}
	return "";
}

bool
constraint_matches(const struct constraint *c, const struct node_object *n)
{
	switch (c->field) {
	case CONSTRAINT_UNKNOWN:
		return false;
	case CONSTRAINT_ID:
		return value_is(c, n->head.id);
	case CONSTRAINT_HOSTNAME:
		return value_is(c, n->description.hostname);
	case CONSTRAINT_IP:
		return address_is(c, n->status.addr);
	case CONSTRAINT_ROLE:
		return value_is(c,
				n->role == ROLE_MANAGER ? "manager" : "worker");
	case CONSTRAINT_OS:
		return value_is(c, n->description.platform.os);
	case CONSTRAINT_ARCH:
		return value_is(c, n->description.platform.architecture);
	case CONSTRAINT_NODE_LABEL:
		return value_is(c, label_value(&n->spec.labels, c->label,
					       c->label_len));
	case CONSTRAINT_ENGINE_LABEL:
		return value_is(c, label_value(&n->description.engine.labels,
					       c->label, c->label_len));
	}
	unreachable();
}

const char *
spread_value(const char *descriptor, const struct node_object *n)
{
	struct constraint c = { 0 };

	resolve(descriptor, strlen(descriptor), &c);
	if (c.field == CONSTRAINT_NODE_LABEL)
		return label_value(&n->spec.labels, c.label, c.label_len);
	if (c.field == CONSTRAINT_ENGINE_LABEL)
		return label_value(&n->description.engine.labels, c.label,
				   c.label_len);
	return NULL;
}

bool
constraints_match(const struct strings *texts, const struct node_object *n)
{
	struct constraint c;
	struct err e;

	for (uint32_t i = 0; i < texts->count; i++)
		if (constraint_parse(texts->v[i], &c, &e) < 0 ||
		    !constraint_matches(&c, n))
			return false;
	return true;
}
