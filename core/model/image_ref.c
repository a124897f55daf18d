/*
 * image_ref.c - image references, see naming.h. The grammar is that of
 * distribution/reference: [domain/]path[:tag][@digest], where a first part
 * is a domain only if it has a dot, a port, a capital or is "localhost".
 */
#include <errno.h>
#include <string.h>

#include "core/base/str.h"
#include "core/model/naming.h"

#define NAME_MAX_LEN 255 /* domain and path together */
#define TAG_MAX_LEN 128
#define HEX "0123456789abcdef"
#define SMALL_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"
#define WORD SMALL_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"

static bool
is_hex64(const char *s)
{
	return strlen(s) == 64 && strspn(s, HEX) == 64;
}

/* Between letters and digits: ".", "_", "__" or any number of "-". */
static size_t
separator_len(const char *s)
{
	if (*s == '.')
		return 1;
	if (*s == '_')
		return s[1] == '_' ? 2 : 1;
	return strspn(s, "-");
}

static bool
is_path(const char *s)
{
	for (;;) {
		size_t len = strspn(s, SMALL_DIGITS), gap;

		if (len == 0)
			return false;
		s += len;
		if (*s == '\0')
			return true;
		gap = *s == '/' ? 1 : separator_len(s);
		if (gap == 0)
			return false;
		s += gap;
	}
}

/* Labels of letters, digits and inner dashes, with dots between them. */
static bool
is_host(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		bool inner = i > 0 && i + 1 < len && s[i - 1] != '.' &&
			     s[i + 1] != '.';

		if (c == '-' && !inner)
			return false;
		if (c == '.' && (!inner || s[i - 1] == '-'))
			return false;
		if (c == '_' || (c != '-' && c != '.' && !strchr(WORD, c)))
			return false;
	}
	return len > 0;
}

static bool
is_domain(const char *s)
{
	const char *host_end = *s == '[' ? strchr(s, ']') : strchr(s, ':');
	const char *port;

	if (*s == '[') {
		size_t len = strspn(s + 1, HEX "ABCDEF:");

		if (host_end == NULL || len == 0 || s + 1 + len != host_end)
			return false;
		port = host_end + 1;
	} else {
		port = host_end ? host_end : s + strlen(s);
		if (!is_host(s, (size_t)(port - s)))
			return false;
	}
	if (*port == '\0')
		return true;
	return *port == ':' && port[1] != '\0' &&
	       port[1 + strspn(port + 1, "0123456789")] == '\0';
}

static bool
is_tag(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= TAG_MAX_LEN && *s != '.' && *s != '-' &&
	       strspn(s, WORD ".-") == len;
}

/* Only what images here have: sha256. */
static bool
is_digest(const char *s)
{
	return str_starts(s, "sha256:") && is_hex64(s + strlen("sha256:"));
}

/* Does a part before the first slash name a registry? */
static bool
looks_like_domain(const char *s)
{
	return strpbrk(s, ".:") != NULL || strcmp(s, "localhost") == 0 ||
	       strpbrk(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL;
}

/* Domain and path of a name without tag and digest. */
static void
split_name(const char *name, struct arena *a, struct image_ref *ret)
{
	const char *slash = strchr(name, '/');
	char *first =
		slash ? arena_strndup(a, name, (size_t)(slash - name)) : NULL;

	ret->domain = "docker.io";
	ret->path = name;
	if (first != NULL && looks_like_domain(first)) {
		ret->domain = first;
		ret->path = slash + 1;
	}
	if (strcmp(ret->domain, "index.docker.io") == 0)
		ret->domain = "docker.io";
	if (strcmp(ret->domain, "docker.io") == 0 &&
	    strchr(ret->path, '/') == NULL)
		ret->path = arena_printf(a, "library/%s", ret->path);
}

static int
invalid(const char *s, const char *why, struct err *e)
{
	return err_set(e, -EINVAL, "invalid reference format: %.100s: %s", s,
		       why);
}

static int
check_parts(const char *s, const struct image_ref *r, struct err *e)
{
	if (strpbrk(r->path, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL)
		return err_set(e, -EINVAL,
			       "invalid reference format: repository name "
			       "(%.100s) must be lowercase",
			       r->path);
	if (!is_domain(r->domain))
		return invalid(s, "the registry is not a host name", e);
	if (!is_path(r->path))
		return invalid(s, "the name is not one", e);
	if (strlen(r->domain) + strlen(r->path) + 1 > NAME_MAX_LEN)
		return invalid(s, "the name is longer than 255", e);
	if (r->tag != NULL && !is_tag(r->tag))
		return invalid(s, "the tag is not one", e);
	if (r->digest != NULL && !is_digest(r->digest))
		return invalid(s, "the digest is not sha256 and 64 hex digits",
			       e);
	return 0;
}

int
image_ref_parse(const char *s, struct arena *a, struct image_ref *ret,
		struct err *e)
{
	struct image_ref r = { 0 };
	char *name, *at, *slash, *colon;
	int code;

	if (str_empty(s))
		return err_set(e, -EINVAL,
			       "invalid reference format: it is empty");
	if (is_hex64(s))
		return invalid(s, "64 hex digits are an id, not a name", e);
	name = arena_strdup(a, s);
	at = strchr(name, '@');
	if (at != NULL) {
		*at = '\0';
		r.digest = at + 1;
	}
	slash = strrchr(name, '/');
	colon = strchr(slash ? slash : name, ':');
	if (colon != NULL) {
		*colon = '\0';
		r.tag = colon + 1;
	}
	if (r.tag == NULL && r.digest == NULL)
		r.tag = "latest";
	split_name(name, a, &r);
	code = check_parts(s, &r, e);
	if (code == 0)
		*ret = r;
	return code;
}

const char *
image_ref_familiar(const struct image_ref *r, struct arena *a, bool with_digest)
{
	bool hub = strcmp(r->domain, "docker.io") == 0;
	const char *path = r->path;
	const char *at = with_digest && r->digest ? "@" : "";

	/* "library/" goes only if what is left has no slash of its own. */
	if (hub && str_starts(path, "library/") &&
	    strchr(path + strlen("library/"), '/') == NULL)
		path += strlen("library/");
	return arena_printf(a, "%s%s%s%s%s%s%s", hub ? "" : r->domain,
			    hub ? "" : "/", path, r->tag ? ":" : "",
			    str_or(r->tag, ""), at, *at ? r->digest : "");
}
