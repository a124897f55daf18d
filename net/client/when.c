/* when.c - see when.h. */
#include "net/client/when.h"

#include <errno.h>
#include <string.h>

#include "core/base/str.h"
#include "core/base/time_text.h"

/* "2013-01-02T13:23" lacks its tail; what is left out is zero, in UTC. */
static bool
parse_date(struct arena *a, const char *text, int64_t *ret)
{
	static const char *const tails[] = { "", "Z", ":00Z", ":00:00Z",
					     "T00:00:00Z" };

	for (size_t i = 0; i < ARRAY_LEN(tails); i++)
		if (time_parse(arena_printf(a, "%s%s", text, tails[i]), ret))
			return true;
	return false;
}

/* Digits with at most one dot, not at the beginning. */
static bool
is_seconds(const char *s)
{
	size_t whole = strspn(s, "0123456789"), rest = 0;

	if (s[whole] == '.')
		rest = 1 + strspn(s + whole + 1, "0123456789");
	return whole > 0 && s[whole + rest] == '\0';
}

int
when_param(struct cli *cli, const char *flag, const char *text,
	   const char **ret, struct err *e)
{
	struct arena *a = &cli->arena;
	int64_t ns;

	*ret = NULL;
	if (*text == '\0')
		return 0;
	if (is_seconds(text)) {
		*ret = text;
		return 0;
	}
	if (duration_parse(text, &ns))
		ns = cli->clock_ns(cli) - ns;
	else if (!parse_date(a, text, &ns))
		return err_set(e, -EINVAL,
			       "invalid value for \"%s\": failed to parse "
			       "value as time or duration: \"%.100s\"",
			       flag, text);
	*ret = arena_printf(a, "%lld.%09lld", (long long)(ns / NS_PER_S),
			    (long long)(ns % NS_PER_S));
	return 0;
}
