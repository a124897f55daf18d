/* service_text.c - see service_text.h. Mounts are in mount_text.c. */
#include "net/client/service_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "core/base/ip.h"
#include "core/base/str.h"

/* ---- words --------------------------------------------------------------- */

/* One word from *s into b; false: a quote is open at the end. */
static bool
read_word(const char **s, struct buf *b)
{
	char quote = '\0';

	for (; **s != '\0'; (*s)++) {
		char c = **s;

		if (quote == '\0' && (c == ' ' || c == '\t' || c == '\n'))
			break;
		if (quote == '\0' && (c == '\'' || c == '"')) {
			quote = c;
		} else if (c == quote) {
			quote = '\0';
		} else if (c == '\\' && quote != '\'' && (*s)[1] != '\0') {
			(*s)++;
			buf_putc(b, **s);
		} else {
			buf_putc(b, c);
		}
	}
	return quote == '\0';
}

int
text_to_words(const char *s, struct arena *a, struct strings *ret,
	      struct err *e)
{
	struct strings words = { arena_array(a, WORDS_MAX, sizeof(char *)), 0 };
	struct buf b = { 0 };
	bool closed = true;

	for (s += strspn(s, " \t\n"); *s != '\0' && closed;
	     s += strspn(s, " \t\n")) {
		closed = read_word(&s, &b) && words.count < WORDS_MAX;
		if (closed)
			words.v[words.count++] = arena_strdup(a, buf_cstr(&b));
		buf_clear(&b);
	}
	buf_fini(&b);
	if (!closed)
		return err_set(e, -EINVAL,
			       "a quote is not closed, or there are more than "
			       "%d words",
			       WORDS_MAX);
	*ret = words;
	return 0;
}

const char *
capability_name(const char *s, struct arena *a)
{
	char *name = arena_strdup(a, s);

	for (char *p = name; *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	if (str_eq(name, "ALL") || str_eq(name, "RESET") ||
	    str_starts(name, "CAP_"))
		return name;
	return arena_printf(a, "CAP_%s", name);
}

const char *
network_of_text(const char *s)
{
	return str_starts(s, "name=") ? s + strlen("name=") : s;
}

int
text_to_host(const char *s, struct arena *a, const char **ret, struct err *e)
{
	const char *colon = strpbrk(s, ":=");
	struct ip ip;

	if (colon == NULL || colon == s || colon[1] == '\0')
		return err_set(e, -EINVAL, "bad format for add-host: \"%s\"",
			       s);
	if (!ip_parse(colon + 1, &ip))
		return err_set(e, -EINVAL,
			       "invalid IP address in add-host: \"%s\"",
			       colon + 1);
	*ret = arena_printf(a, "%s %.*s", colon + 1, (int)(colon - s), s);
	return 0;
}

int
text_to_ulimit(const char *s, struct arena *a, struct ulimit *ret,
	       struct err *e)
{
	static const char *const names[] = {
		"core",	   "cpu",      "data",	 "fsize",      "locks",
		"memlock", "msgqueue", "nice",	 "nofile",     "nproc",
		"rss",	   "rtprio",   "rttime", "sigpending", "stack",
	};
	const char *eq = strchr(s, '=');
	const char *colon = eq ? strchr(eq, ':') : NULL;
	const char *soft;
	bool known = false;

	if (eq == NULL)
		return err_set(e, -EINVAL, "invalid ulimit argument: %s", s);
	ret->name = arena_strndup(a, s, (size_t)(eq - s));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		known = known || str_eq(ret->name, names[i]);
	if (!known)
		return err_set(e, -EINVAL, "invalid ulimit type: %s",
			       ret->name);
	soft = colon ? arena_strndup(a, eq + 1, (size_t)(colon - eq - 1))
		     : eq + 1;
	if (!str_to_i64(soft, &ret->soft))
		return err_set(e, -EINVAL,
			       "strconv.ParseInt: parsing \"%s\": invalid "
			       "syntax",
			       soft);
	ret->hard = ret->soft;
	if (colon != NULL && !str_to_i64(colon + 1, &ret->hard))
		return err_set(e, -EINVAL,
			       "strconv.ParseInt: parsing \"%s\": invalid "
			       "syntax",
			       colon + 1);
	if (ret->hard != -1 && ret->soft > ret->hard)
		return err_set(e, -EINVAL,
			       "ulimit soft limit must be less than or equal "
			       "to hard limit: %lld > %lld",
			       (long long)ret->soft, (long long)ret->hard);
	return 0;
}

/* ---- ports --------------------------------------------------------------- */

static bool
text_to_port(const char *s, uint64_t *ret)
{
	return str_to_u64(s, ret) && *ret >= 1 && *ret <= 65535;
}

/* "8000-8009" or "80". */
static bool
text_to_range(const char *s, struct arena *a, uint64_t *lo, uint64_t *hi)
{
	const char *dash = strchr(s, '-');

	if (dash == NULL) {
		if (!text_to_port(s, lo))
			return false;
		*hi = *lo;
		return true;
	}
	return text_to_port(arena_strndup(a, s, (size_t)(dash - s)), lo) &&
	       text_to_port(dash + 1, hi) && *lo <= *hi;
}

static int
text_to_protocol(const char *s, int *ret, struct err *e)
{
	int v = enum_from_name(&port_protocol_names, s);

	if (v <= 0)
		return err_set(e, -EINVAL, "invalid proto: %s", s);
	*ret = v;
	return 0;
}

static int
short_ports(const char *s, struct arena *a, struct ports *ret, struct err *e)
{
	const char *slash = strchr(s, '/'), *colon;
	char *ports = slash ? arena_strndup(a, s, (size_t)(slash - s))
			    : arena_strdup(a, s);
	uint64_t from = 0, from_end = 0, to, to_end;
	int protocol = PROTO_TCP;
	const char *target;

	colon = strrchr(ports, ':');
	target = colon ? colon + 1 : ports;
	if (slash != NULL && text_to_protocol(slash + 1, &protocol, e) < 0)
		return -EINVAL;
	if (!text_to_range(target, a, &to, &to_end))
		return err_set(e, -EINVAL, "invalid containerPort: %s", target);
	if (colon != NULL) {
		const char *host =
			arena_strndup(a, ports, (size_t)(colon - ports));

		if (strchr(host, ':') != NULL)
			return err_set(e, -EINVAL, "hostip is not supported");
		if (*host != '\0' && !text_to_range(host, a, &from, &from_end))
			return err_set(e, -EINVAL, "invalid hostPort: %s",
				       host);
		if (from != 0 && from_end - from != to_end - to)
			return err_set(e, -EINVAL,
				       "invalid ranges specified for container "
				       "and host Ports: %s and %s",
				       target, host);
	}
	if (to_end - to >= PORT_RANGE_MAX)
		return err_set(e, -EINVAL, "more than %d ports in %s",
			       PORT_RANGE_MAX, s);
	ret->count = (uint32_t)(to_end - to + 1);
	ret->v = arena_array(a, ret->count, sizeof(*ret->v));
	for (uint32_t i = 0; i < ret->count; i++)
		ret->v[i] = (struct port_config){
			.protocol = protocol,
			.target_port = to + i,
			.published_port = from ? from + i : 0,
			.publish_mode = PUBLISH_INGRESS,
		};
	return 0;
}

static int
long_port_field(const char *key, const char *value, struct port_config *p,
		struct err *e)
{
	int mode;

	if (str_eq(key, "protocol")) {
		if (enum_from_name(&port_protocol_names, value) > 0)
			return text_to_protocol(value, &p->protocol, e);
		return err_set(e, -EINVAL, "invalid protocol value '%s'",
			       value);
	}
	if (str_eq(key, "mode")) {
		mode = enum_from_name(&publish_mode_names, value);
		if (mode <= 0)
			return err_set(e, -EINVAL,
				       "invalid publish mode value (%s): must "
				       "be either 'ingress' or 'host'",
				       value);
		p->publish_mode = mode;
		return 0;
	}
	if (str_eq(key, "target") && text_to_port(value, &p->target_port))
		return 0;
	if (str_eq(key, "published") &&
	    (str_eq(value, "0") || text_to_port(value, &p->published_port)))
		return 0;
	if (str_eq(key, "target") || str_eq(key, "published"))
		return err_set(e, -EINVAL,
			       "invalid %s port (%s): value must be an "
			       "integer: invalid syntax",
			       key, value);
	return err_set(e, -EINVAL, "invalid field key: %s", key);
}

static int
long_port(const char *s, struct arena *a, struct ports *ret, struct err *e)
{
	struct port_config *p = arena_alloc(a, sizeof(*p));

	p->protocol = PROTO_TCP;
	p->publish_mode = PUBLISH_INGRESS;
	while (*s != '\0') {
		size_t len = strcspn(s, ",");
		char *field = arena_strndup(a, s, len);
		char *eq = strchr(field, '=');

		if (eq == NULL)
			return err_set(e, -EINVAL, "invalid field: %s", field);
		*eq = '\0';
		if (long_port_field(field, eq + 1, p, e) < 0)
			return -EINVAL;
		s += len + (s[len] == ',');
	}
	if (p->target_port == 0)
		return err_set(e, -EINVAL, "missing mandatory field 'target'");
	*ret = (struct ports){ p, 1 };
	return 0;
}

int
text_to_ports(const char *s, struct arena *a, struct ports *ret, struct err *e)
{
	if (strchr(s, '=') != NULL)
		return long_port(s, a, ret, e);
	return short_ports(s, a, ret, e);
}

int
text_to_port_ref(const char *s, uint64_t *ret_target, int *ret_protocol,
		 struct err *e)
{
	char port[8] = "";
	size_t len = strcspn(s, "/");

	*ret_protocol = 0;
	if (len < sizeof(port))
		memcpy(port, s, len);
	if (!text_to_port(port, ret_target))
		return err_set(e, -EINVAL, "invalid containerPort: %s", s);
	if (s[len] == '/')
		return text_to_protocol(s + len + 1, ret_protocol, e);
	return 0;
}

int
text_to_preference(const char *s, struct arena *a, struct preference *ret,
		   struct err *e)
{
	const char *equals = strchr(s, '=');

	if (equals == NULL)
		return err_set(e, -EINVAL,
			       "placement preference must be of the format "
			       "\"<strategy>=<arg>\"");
	if (!str_starts(s, "spread="))
		return err_set(e, -EINVAL,
			       "unsupported placement preference %.*s (only "
			       "spread is supported)",
			       (int)(equals - s < 80 ? equals - s : 80), s);
	ret->spread = arena_alloc(a, sizeof(*ret->spread));
	ret->spread->descriptor = arena_strdup(a, equals + 1);
	return 0;
}

/* ---- for the flag tables --------------------------------------------------
 */

int
port_rm_check(const char *s, struct err *e)
{
	uint64_t target;
	int protocol;

	return text_to_port_ref(s, &target, &protocol, e);
}

int
ip_check(const char *s, struct err *e)
{
	unsigned char addr[16];

	if (inet_pton(AF_INET, s, addr) == 1 ||
	    inet_pton(AF_INET6, s, addr) == 1)
		return 0;
	return err_set(e, -EINVAL, "IP address is not correctly formatted: %s",
		       s);
}

int
env_check(const char *s, struct err *e)
{
	if (*s != '\0' && *s != '=')
		return 0;
	return err_set(e, -EINVAL, "invalid environment variable: %s", s);
}

int
sysctl_check(const char *s, struct err *e)
{
	const char *eq = strchr(s, '=');

	if (eq != NULL && eq != s)
		return 0;
	return err_set(e, -EINVAL, "sysctl '%s' is not KEY=VALUE", s);
}

int
label_check(const char *s, struct err *e)
{
	size_t skip = strspn(s, " \t"), len = strcspn(s, "=");

	if (len <= skip)
		return err_set(e, -EINVAL, "invalid label '%s': empty name", s);
	if (skip > 0 || strcspn(s, " \t\n") < len)
		return err_set(e, -EINVAL, "label '%.*s' contains whitespaces",
			       (int)(len - skip), s + skip);
	return 0;
}

int
port_check(const char *s, struct err *e)
{
	struct ports ports;
	struct arena a;
	int r;

	arena_init(&a);
	r = text_to_ports(s, &a, &ports, e);
	arena_fini(&a);
	return r;
}

int
pref_check(const char *s, struct err *e)
{
	struct preference pref;
	struct arena a;
	int r;

	arena_init(&a);
	r = text_to_preference(s, &a, &pref, e);
	arena_fini(&a);
	return r;
}

int
ulimit_check(const char *s, struct err *e)
{
	struct ulimit u;
	struct arena a;
	int r;

	arena_init(&a);
	r = text_to_ulimit(s, &a, &u, e);
	arena_fini(&a);
	return r;
}

int
host_check(const char *s, struct err *e)
{
	const char *host;
	struct arena a;
	int r;

	arena_init(&a);
	r = text_to_host(s, &a, &host, e);
	arena_fini(&a);
	return r;
}

int
words_check(const char *s, struct err *e)
{
	struct strings words;
	struct arena a;
	int r;

	arena_init(&a);
	r = text_to_words(s, &a, &words, e);
	arena_fini(&a);
	return r;
}
