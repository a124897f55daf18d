/* constraint.c - see constraint.h. */
#include "core/manager/constraint.h"

#include <errno.h>
#include <string.h>

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

int
constraint_parse(const char *text, struct constraint *ret, struct err *e)
{
	const char *op = strstr(text, "==");
	struct constraint c = { .negated = op == NULL };

	if (strlen(text) > CONSTRAINT_TEXT_MAX)
		return err_set(e, -EINVAL, "constraint is longer than %d bytes",
			       CONSTRAINT_TEXT_MAX);
	if (op == NULL)
		op = strstr(text, "!=");
	if (op == NULL)
		return err_set(e, -EINVAL,
			       "constraint expected one operator from ==, !=");
	c.key = text;
	c.key_len = (size_t)(op - text);
	trim(&c.key, &c.key_len);
	if (!key_valid(c.key, c.key_len))
		return err_set(e, -EINVAL, "key '%.*s' is invalid",
			       (int)c.key_len, c.key);
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

/* A terminated copy of a part; parts are at most CONSTRAINT_TEXT_MAX long. */
static void
part_copy(const char *p, size_t len, char ret[CONSTRAINT_TEXT_MAX + 1])
{
	memcpy(ret, p, len);
	ret[len] = '\0';
}

static bool
value_is(const struct constraint *c, const char *actual)
{
	char value[CONSTRAINT_TEXT_MAX + 1];

	part_copy(c->value, c->value_len, value);
	return (str_cmp_nocase(value, str_or(actual, "")) == 0) != c->negated;
}

static bool
address_is(const struct constraint *c, const char *addr)
{
	char value[CONSTRAINT_TEXT_MAX + 1];
	struct ip have, want;
	struct ip_net net;
	bool known = ip_parse(addr, &have), hit;

	part_copy(c->value, c->value_len, value);
	if (ip_parse(value, &want))
		hit = known && memcmp(&have, &want, sizeof(have)) == 0;
	else if (ip_net_parse(value, &net))
		hit = known && ip_net_contains(&net, &have);
	else
		return false;
	return hit != c->negated;
}

/* What follows prefix in key (the prefix without case), or NULL. */
static const char *
label_of(const char *key, const char *prefix)
{
	char head[32];
	size_t len = strlen(prefix);

	if (strlen(key) <= len)
		return NULL;
	memcpy(head, key, len);
	head[len] = '\0';
	return str_cmp_nocase(head, prefix) == 0 ? key + len : NULL;
}

static const char *
role_name(const struct node_object *n)
{
	return n->role == ROLE_MANAGER ? "manager" : "worker";
}

bool
constraint_matches(const struct constraint *c, const struct node_object *n)
{
	char key[CONSTRAINT_TEXT_MAX + 1];
	const char *label;

	part_copy(c->key, c->key_len, key);
	if (str_cmp_nocase(key, "node.id") == 0)
		return value_is(c, n->head.id);
	if (str_cmp_nocase(key, "node.hostname") == 0)
		return value_is(c, n->description.hostname);
	if (str_cmp_nocase(key, "node.ip") == 0)
		return address_is(c, n->status.addr);
	if (str_cmp_nocase(key, "node.role") == 0)
		return value_is(c, role_name(n));
	if (str_cmp_nocase(key, "node.platform.os") == 0)
		return value_is(c, n->description.platform.os);
	if (str_cmp_nocase(key, "node.platform.arch") == 0)
		return value_is(c, n->description.platform.architecture);
	label = label_of(key, "node.labels.");
	if (label != NULL)
		return value_is(c, kvs_get(&n->spec.labels, label));
	label = label_of(key, "engine.labels.");
	if (label != NULL)
		return value_is(c,
				kvs_get(&n->description.engine.labels, label));
	return false;
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
