/* lines.c - see lines.h. */
#include "net/client/lines.h"

#include <errno.h>
#include <string.h>

static bool
blank(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != ' ' && p[i] != '\r' && p[i] != '\n')
			return false;
	return true;
}

static int
one_line(struct lines *l, const char *p, size_t len, struct err *e)
{
	json_error_t where;
	json_t *object;
	int rc;

	if (blank(p, len))
		return 0;
	object = json_loadb(p, len, 0, &where);
	if (object == NULL)
		return err_set(e, -EPROTO,
			       "a line of the daemon's answer is not JSON: %s",
			       where.text);
	rc = l->object(l->ctx, object, e);
	json_decref(object);
	return rc;
}

int
lines_add(struct lines *l, const void *p, size_t len, struct err *e)
{
	size_t at = 0;
	int rc = 0;

	buf_put(&l->in, p, len);
	while (rc == 0) {
		const char *begin = l->in.p + at;
		const char *end = memchr(begin, '\n', l->in.len - at);

		if (end == NULL)
			break;
		rc = one_line(l, begin, (size_t)(end - begin), e);
		at += (size_t)(end - begin) + 1;
	}
	buf_drop(&l->in, at);
	if (rc == 0 && l->in.len > LINES_LINE_MAX)
		rc = err_set(e, -EPROTO,
			     "a line of the daemon's answer has more than %d "
			     "bytes",
			     LINES_LINE_MAX);
	return rc;
}

int
lines_end(struct lines *l, struct err *e)
{
	int rc = l->in.len > 0 ? one_line(l, l->in.p, l->in.len, e) : 0;

	buf_clear(&l->in);
	return rc;
}

void
lines_fini(struct lines *l)
{
	buf_fini(&l->in);
}
