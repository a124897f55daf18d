/*
 * scheduler_rule.c - which nodes satisfy a constraint, or run a platform: a
 * bit for each. Services share few constraints, so that each is asked of a
 * node once and again only when that node changes.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/manager/constraint.h"
#include "core/manager/scheduler_place.h"

#define PLATFORMS_MARK '\1' /* begins no constraint that parses */

struct rule {
	char *text;
	bool valid; /* the constraint parses; else no node passes */
	struct constraint constraint;
	struct arena arena; /* of platforms */
	struct platform *platforms;
	size_t platform_count;
	uint64_t *bits;
};

static const char *
arch_name(const char *s)
{
	if (str_eq(s, "x86_64"))
		return "amd64";
	return str_eq(s, "aarch64") ? "arm64" : str_or(s, "");
}

static bool
is_platform(const struct platform *want, const struct platform *have)
{
	return (str_empty(want->os) || str_eq(want->os, have->os)) &&
	       (str_empty(want->architecture) ||
		str_eq(arch_name(want->architecture),
		       arch_name(have->architecture)));
}

static bool
rule_passes(const struct rule *r, const struct node_object *n)
{
	if (r->text[0] != PLATFORMS_MARK)
		return r->valid && constraint_matches(&r->constraint, n);
	for (size_t i = 0; i < r->platform_count; i++)
		if (is_platform(&r->platforms[i], &n->description.platform))
			return true;
	return false;
}

static void
rule_ask(struct rule *r, const struct place *p)
{
	bit_put(r->bits, p->slot, p->node != NULL && rule_passes(r, p->node));
}

static struct rule *
rule_add(struct places *ps, const char *text, const struct placement *where)
{
	struct rule *r = mem_new(sizeof(*r));
	struct err e;

	r->text = mem_strdup(text);
	arena_init(&r->arena);
	if (where == NULL) {
		r->valid = constraint_parse(r->text, &r->constraint, &e) == 0;
	} else {
		r->platform_count = where->platforms.count;
		r->platforms = arena_array(&r->arena, r->platform_count,
					   sizeof(struct platform));
		for (size_t i = 0; i < r->platform_count; i++)
			model_copy(&platform_type, &where->platforms.v[i],
				   &r->arena, &r->platforms[i]);
	}
	r->bits = mem_new_array(ps->words + 1, sizeof(uint64_t));
	for (size_t i = 0; i < ps->count; i++)
		rule_ask(r, ps->v[i]);
	ps->rules = mem_grow(ps->rules, ps->rule_count, &ps->rule_cap,
			     sizeof(struct rule *));
	ps->rules[ps->rule_count++] = r;
	check(map_put(&ps->rule_index, r->text, r) == NULL);
	return r;
}

const struct rule *
places_rule(struct places *ps, const char *constraint)
{
	struct rule *r = map_get(&ps->rule_index, constraint);

	return r != NULL ? r : rule_add(ps, constraint, NULL);
}

const struct rule *
places_platforms(struct places *ps, const struct placement *where)
{
	struct buf text = { 0 };
	const struct rule *r;

	if (where == NULL || where->platforms.count == 0)
		return NULL;
	buf_putc(&text, PLATFORMS_MARK);
	for (uint32_t i = 0; i < where->platforms.count; i++) {
		const char *os = str_or(where->platforms.v[i].os, "");
		const char *arch =
			str_or(where->platforms.v[i].architecture, "");

		buf_printf(&text, "%zu:%s%zu:%s", strlen(os), os, strlen(arch),
			   arch);
	}
	r = map_get(&ps->rule_index, buf_cstr(&text));
	if (r == NULL)
		r = rule_add(ps, buf_cstr(&text), where);
	buf_fini(&text);
	return r;
}

const uint64_t *
rule_bits(const struct rule *r)
{
	return r->bits;
}

bool
places_allow(struct places *ps, const struct strings *constraints,
	     const struct place *p)
{
	for (uint32_t i = 0; i < constraints->count; i++)
		if (!bit_get(places_rule(ps, constraints->v[i])->bits, p->slot))
			return false;
	return true;
}

static void
rule_free(struct rule *r)
{
	arena_fini(&r->arena);
	mem_free(r->text);
	mem_free(r->bits);
	mem_free(r);
}

void
rules_fini(struct places *ps)
{
	map_fini(&ps->rule_index);
	for (size_t i = 0; i < ps->rule_count; i++)
		rule_free(ps->rules[i]);
	ps->rule_count = 0;
}

void
places_trim(struct places *ps)
{
	if (ps->rule_count > PLACE_RULES_MAX)
		rules_fini(ps);
}

void
rules_grow(struct places *ps, size_t words)
{
	for (size_t i = 0; i < ps->rule_count; i++) {
		struct rule *r = ps->rules[i];

		r->bits = mem_resize(r->bits, (words + 1) * sizeof(uint64_t));
		memset(r->bits + ps->words, 0,
		       (words + 1 - ps->words) * sizeof(uint64_t));
	}
}

void
rules_node(struct places *ps, const struct place *p)
{
	for (size_t i = 0; i < ps->rule_count; i++)
		rule_ask(ps->rules[i], p);
}
