/* passwd.c - see passwd.h. Pure: the files come as text. */
#include "exec/passwd.h"

#include <errno.h>
#include <string.h>

#include "core/base/str.h"

#define FIELDS_MAX 7
#define NAME_LEN_MAX 256 /* longer names are no names */

struct span {
	const char *p;
	size_t len;
};

struct reader {
	const char *at;
	const char *end;
};

static bool
next_line(struct reader *r, struct span *ret)
{
	const char *newline;

	if (r->at == NULL || r->at >= r->end)
		return false;
	newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	ret->p = r->at;
	ret->len = (size_t)((newline ? newline : r->end) - r->at);
	r->at = newline ? newline + 1 : r->end;
	return true;
}

/* Splits at ':' into up to FIELDS_MAX fields, and gives their number. */
static size_t
split(struct span line, struct span fields[FIELDS_MAX])
{
	memset(fields, 0, FIELDS_MAX * sizeof(*fields));
	for (size_t i = 0; i < FIELDS_MAX; i++) {
		const char *colon = memchr(line.p, ':', line.len);
		size_t len = colon ? (size_t)(colon - line.p) : line.len;

		fields[i] = (struct span){ line.p, len };
		if (colon == NULL)
			return i + 1;
		line.p = colon + 1;
		line.len -= len + 1;
	}
	return FIELDS_MAX;
}

/* Digits only: no sign, no space, no base, no overflow into another id. */
static bool
span_id(struct span s, uint32_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0 || s.len > 10)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	if (v > PASSWD_ID_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool
all_digits(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.len > 0;
}

static bool
span_eq(struct span a, struct span b)
{
	return a.len == b.len && a.len > 0 && a.len <= NAME_LEN_MAX &&
	       memcmp(a.p, b.p, a.len) == 0;
}

/* What a user or group was asked for: a number, or a name. */
struct wanted {
	struct span text;
	bool numeric;
	uint32_t id;
};

static int
wanted_init(struct wanted *w, struct span text, struct err *e)
{
	*w = (struct wanted){ .text = text };
	w->numeric = all_digits(text);
	if (w->numeric && !span_id(text, &w->id))
		return err_set(e, -EINVAL,
			       "uids and gids must be in range 0-%u, not %.*s",
			       PASSWD_ID_MAX, (int)min_u64(text.len, 40),
			       text.p);
	return 0;
}

static bool
wanted_is(const struct wanted *w, struct span name, uint32_t id)
{
	return w->numeric ? w->id == id : span_eq(w->text, name);
}

struct entry {
	struct span name, home;
	uint32_t uid, gid;
};

static bool
find_user(struct passwd_text text, const struct wanted *w, struct entry *ret)
{
	struct reader r = { text.p, text.p ? text.p + text.len : NULL };
	struct span line, f[FIELDS_MAX];

	while (next_line(&r, &line)) {
		uint32_t uid, gid;

		if (split(line, f) < 4 || !span_id(f[2], &uid) ||
		    !span_id(f[3], &gid) || !wanted_is(w, f[0], uid))
			continue;
		*ret = (struct entry){ f[0], f[5], uid, gid };
		return true;
	}
	return false;
}

static bool
find_group(struct passwd_text text, const struct wanted *w, uint32_t *ret)
{
	struct reader r = { text.p, text.p ? text.p + text.len : NULL };
	struct span line, f[FIELDS_MAX];

	while (next_line(&r, &line)) {
		uint32_t gid;

		if (split(line, f) < 3 || !span_id(f[2], &gid) ||
		    !wanted_is(w, f[0], gid))
			continue;
		*ret = gid;
		return true;
	}
	return false;
}

static bool
is_member(struct span members, struct span name)
{
	while (members.len > 0) {
		const char *comma = memchr(members.p, ',', members.len);
		size_t len = comma ? (size_t)(comma - members.p) : members.len;

		if (span_eq((struct span){ members.p, len }, name))
			return true;
		if (comma == NULL)
			return false;
		members.p = comma + 1;
		members.len -= len + 1;
	}
	return false;
}

static int
add_gid(struct user_ids *u, uint32_t gid, struct err *e)
{
	for (uint32_t i = 0; i < u->group_count; i++)
		if (u->groups[i] == gid)
			return 0;
	if (u->group_count == PASSWD_GROUPS_MAX)
		return err_set(e, -E2BIG, "the user is in over %d groups",
			       PASSWD_GROUPS_MAX);
	u->groups[u->group_count++] = gid;
	return 0;
}

static int
add_memberships(struct passwd_text text, struct span name, struct user_ids *u,
		struct err *e)
{
	struct reader r = { text.p, text.p ? text.p + text.len : NULL };
	struct span line, f[FIELDS_MAX];
	int err = 0;

	while (err == 0 && next_line(&r, &line)) {
		uint32_t gid;

		if (split(line, f) < 4 || !span_id(f[2], &gid) ||
		    !is_member(f[3], name))
			continue;
		err = add_gid(u, gid, e);
	}
	return err;
}

static int
resolve_gid(const struct user_request *q, struct span text, uint32_t *ret,
	    struct err *e)
{
	struct wanted w;
	int r = wanted_init(&w, text, e);

	if (r < 0 || find_group(q->group, &w, ret))
		return r;
	if (!w.numeric)
		return err_set(e, -EINVAL,
			       "unable to find group %.*s: no matching "
			       "entries in group file",
			       (int)min_u64(text.len, 100), text.p);
	*ret = w.id;
	return 0;
}

static int
resolve_user(const struct user_request *q, struct span text,
	     struct entry *entry, struct err *e)
{
	static const struct span root = { "0", 1 };
	struct wanted w;
	int r = wanted_init(&w, text.len > 0 ? text : root, e);

	*entry = (struct entry){ .home = { "/", 1 } };
	if (r < 0 || find_user(q->passwd, &w, entry))
		return r;
	if (!w.numeric)
		return err_set(e, -EINVAL,
			       "unable to find user %.*s: no matching entries "
			       "in passwd file",
			       (int)min_u64(text.len, 100), text.p);
	entry->uid = w.id;
	return 0;
}

static int
add_groups(const struct user_request *q, struct user_ids *u, struct err *e)
{
	uint32_t gid = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < q->groups->count; i++) {
		const char *name = q->groups->v[i];

		r = resolve_gid(q, (struct span){ name, strlen(name) }, &gid,
				e);
		if (r == 0)
			r = add_gid(u, gid, e);
	}
	return r;
}

int
passwd_resolve(const struct user_request *q, struct arena *a,
	       struct user_ids *ret, struct err *e)
{
	const char *spec = str_or(q->spec, "");
	const char *colon = strchr(spec, ':');
	struct span user = { spec,
			     colon ? (size_t)(colon - spec) : strlen(spec) };
	struct span group = { colon ? colon + 1 : "", 0 };
	struct user_ids u = { 0 };
	struct entry entry;
	int r;

	group.len = strlen(group.p);
	r = resolve_user(q, user, &entry, e);
	if (r < 0)
		return r;
	u.uid = entry.uid;
	u.gid = entry.gid;
	if (group.len > 0)
		r = resolve_gid(q, group, &u.gid, e);
	if (r < 0)
		return r;
	u.groups = arena_array(a, PASSWD_GROUPS_MAX, sizeof(*u.groups));
	r = add_gid(&u, u.gid, e);
	if (r == 0 && group.len == 0 && entry.name.len > 0)
		r = add_memberships(q->group, entry.name, &u, e);
	if (r == 0)
		r = add_groups(q, &u, e);
	if (r < 0)
		return r;
	u.home = entry.home.len > 0
			 ? arena_strndup(a, entry.home.p, entry.home.len)
			 : "/";
	*ret = u;
	return 0;
}
