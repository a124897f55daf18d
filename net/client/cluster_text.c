/* cluster_text.c - see cluster.h: values of the cluster's flags. Pure. */
#include <errno.h>
#include <string.h>

#include "core/base/ip.h"
#include "core/base/str.h"
#include "net/client/cluster.h"

#define POOL_TEXT_MAX 64

/* ---- addresses ------------------------------------------------------------
 */

/* Where the port begins, behind its colon; NULL: there is none. */
static const char *
port_of(const char *s)
{
	const char *colon = strrchr(s, ':');
	struct ip ip;

	if (colon == NULL || ip_parse(s, &ip))
		return NULL; /* a colon of ::1 is not one */
	return s[0] == '[' && colon[-1] != ']' ? NULL : colon + 1;
}

static const char *
without_scheme(const char *s)
{
	return str_starts(s, "tcp://") ? s + strlen("tcp://") : s;
}

int
node_addr_check(const char *s, struct err *e)
{
	const char *port = port_of(without_scheme(s));
	uint64_t n = 0;

	if (str_empty(port) || (str_to_u64(port, &n) && n <= UINT16_MAX))
		return 0;
	return err_set(e, -EINVAL,
		       "parse \"tcp://%.100s\": invalid port \":%.20s\" after "
		       "host",
		       without_scheme(s), port);
}

const char *
text_to_node_addr(const char *s, struct arena *a)
{
	const char *port, *host;
	bool bare;

	s = without_scheme(s);
	port = port_of(s);
	host = port ? arena_strndup(a, s, (size_t)(port - s - 1)) : s;
	/* "::1" without brackets would run into its port. */
	bare = strchr(host, ':') != NULL && host[0] != '[';
	return arena_printf(a, "%s%s%s:%s", bare ? "[" : "",
			    str_or(host, "0.0.0.0"), bare ? "]" : "",
			    str_or(port, CLUSTER_PORT));
}

int
pools_check(const char *s, struct err *e)
{
	char one[POOL_TEXT_MAX];
	struct ip_net net;

	for (;;) {
		size_t len = strcspn(s, ",");

		memcpy(one, s, len < sizeof(one) ? len : 0);
		one[len < sizeof(one) ? len : 0] = '\0';
		if (!ip_net_parse(one, &net))
			return err_set(e, -EINVAL,
				       "invalid string being converted to "
				       "CIDR: %.*s",
				       len < 60 ? (int)len : 60, s);
		if (s[len] == '\0')
			return 0;
		s += len + 1;
	}
}

/* ---- words ----------------------------------------------------------------
 */

int
u32_check(const char *s, struct err *e)
{
	uint64_t n = 0;
	int r = text_to_u64(s, &n, e);

	if (r == 0 && n > UINT32_MAX)
		return err_set(e, -ERANGE,
			       "strconv.ParseUint: parsing \"%.40s\": value "
			       "out of range",
			       s);
	return r;
}

int
text_to_availability(const char *s, const char **ret, struct err *e)
{
	static const char *const words[] = { "active", "pause", "drain" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_cmp_nocase(s, words[i]) == 0) {
			*ret = words[i];
			return 0;
		}
	return err_set(e, -EINVAL,
		       "invalid availability \"%.60s\", only active, pause and "
		       "drain are supported",
		       s);
}
