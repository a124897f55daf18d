/* pem.c - see pem.h. */
#include "net/tls/pem.h"

#include <errno.h>
#include <string.h>

#include "core/base/base64.h"

#define LINE_BYTES 48 /* 64 digits */
#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

void
pem_put(const char *label, const void *p, size_t len, struct buf *out)
{
	const uint8_t *b = p;

	buf_printf(out, BEGIN "%s" DASHES "\n", label);
	for (size_t n; len > 0; len -= n, b += n) {
		n = len < LINE_BYTES ? len : LINE_BYTES;
		base64_put(out, b, n);
		buf_putc(out, '\n');
	}
	buf_printf(out, END "%s" DASHES "\n", label);
}

/* "-----BEGIN X-----" at a line's begin; moves *at behind it. */
static bool
read_begin(const char **at, char ret_label[PEM_LABEL_MAX])
{
	const char *s = *at + strlen(BEGIN), *end = strstr(s, DASHES);
	size_t len = end == NULL ? PEM_LABEL_MAX : (size_t)(end - s);

	if (len >= PEM_LABEL_MAX || memchr(s, '\n', len) != NULL)
		return false;
	memcpy(ret_label, s, len);
	ret_label[len] = '\0';
	*at = end + strlen(DASHES);
	return true;
}

/* "-----END X-----" with the label that it began with. */
static bool
read_end(const char **at, const char *label)
{
	size_t len = strlen(label);
	const char *s = *at + strlen(END);

	if (strncmp(*at, END, strlen(END)) != 0 ||
	    strncmp(s, label, len) != 0 ||
	    strncmp(s + len, DASHES, strlen(DASHES)) != 0)
		return false;
	*at = s + len + strlen(DASHES);
	return true;
}

/* The digits up to the next '-', without white space, wiped after use: it
 * may be a key. */
static int
read_body(const char **at, size_t max, struct buf *out, struct err *e)
{
	size_t digits_max = max / 3 * 4 + 4, before = out->len;
	struct buf text = { 0 };
	bool ok;

	(void)buf_room(&text, digits_max);
	(void)buf_room(out, max + 3);
	for (; **at != '-' && **at != '\0' && text.len < digits_max; ++*at)
		if (strchr(" \t\r\n", **at) == NULL)
			buf_putc(&text, **at);
	ok = **at == '-' && base64_read(text.p, text.len, out);
	explicit_bzero(text.p, text.cap);
	buf_fini(&text);
	if (ok && out->len > before && out->len - before <= max)
		return 0;
	explicit_bzero(out->p + before, out->len - before);
	out->len = before;
	return err_set(e, -EINVAL,
		       "what is between the dashes is not base64, encrypted, "
		       "or longer than %zu bytes",
		       max);
}

int
pem_next(const char **at, size_t max, char ret_label[PEM_LABEL_MAX],
	 struct buf *out, struct err *e)
{
	char label[PEM_LABEL_MAX];
	size_t before = out->len;
	const char *s = *at;
	int r;

	for (; strncmp(s, BEGIN, strlen(BEGIN)) != 0; s++) {
		s = strchr(s, '\n');
		if (s == NULL)
			return 0;
	}
	if (!read_begin(&s, label))
		return err_set(e, -EINVAL, "a PEM block has no proper name");
	r = read_body(&s, max, out, e);
	if (r < 0)
		return err_wrap(e, r, "read the PEM block '%s'", label);
	if (!read_end(&s, label)) {
		out->len = before;
		return err_set(e, -EINVAL, "the PEM block '%s' does not end",
			       label);
	}
	memcpy(ret_label, label, sizeof(label));
	*at = s;
	return 1;
}
