/* inspect.c - see format.h: what `inspect` prints of one object or many. */
#include "net/client/format.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/template.h"

#define INDENT "    "

/* ---- white space
 * ---------------------------------------------------------------- */

static void
new_line(struct buf *out, const char *prefix, unsigned depth)
{
	buf_putc(out, '\n');
	buf_puts(out, prefix);
	for (; depth > 0; depth--)
		buf_puts(out, INDENT);
}

static size_t
string_len(const char *p, size_t len)
{
	size_t i = 1;

	while (i < len && p[i] != '"')
		i += p[i] == '\\' ? 2 : 1;
	return min_u64(i + 1, len);
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next byte that is not blank, or 0. */
static char
peek(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!blank(p[i]))
			return p[i];
	return '\0';
}

void
json_indent(const char *p, size_t len, const char *prefix, struct buf *out)
{
	unsigned depth = 0;
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		char c = p[i], next = peek(p + i + 1, len - i - 1);

		step = c == '"' ? string_len(p + i, len - i) : 1;
		if (blank(c))
			continue;
		if ((c == '}' || c == ']') && depth > 0 && i > 0) {
			char before = out->len ? out->p[out->len - 1] : '\0';

			depth--;
			if (before != '{' && before != '[')
				new_line(out, prefix, depth);
		}
		buf_put(out, p + i, step);
		if (c == '{' || c == '[') {
			depth++;
			if (next != '}' && next != ']')
				new_line(out, prefix, depth);
		} else if (c == ',') {
			new_line(out, prefix, depth);
		} else if (c == ':') {
			buf_putc(out, ' ');
		}
	}
}

/* ---- absent fields
 * ------------------------------------------------------------------ */

static json_t *fill(const struct type *t, json_t *tree, unsigned depth);

/* What Go has in a field that the JSON does not: its zero. NULL: nothing. */
static json_t *
zero_of(const struct field *f, unsigned depth)
{
	switch ((enum field_kind)f->kind) {
	case FIELD_STRING:
	case FIELD_ENUM:
	case FIELD_TIME:
	case FIELD_BYTES:
		return json_string("");
	case FIELD_BOOL:
		return json_false();
	case FIELD_I64:
	case FIELD_U64:
		return json_integer(0);
	case FIELD_FLOAT:
		return json_real(0);
	case FIELD_OPT_I64:
	case FIELD_OPT_U64:
	case FIELD_OPT_BOOL:
	case FIELD_PTR:
		return json_null();
	case FIELD_STRINGS:
	case FIELD_LIST:
		return json_array();
	case FIELD_KVS:
	case FIELD_SET:
		return json_object();
	case FIELD_STRUCT:
		return fill(f->type, json_object(), depth + 1);
	case FIELD_EMBED:
	case FIELD_LATER:
		return NULL;
	}
	unreachable();
}

static void
fill_field(const struct field *f, json_t *tree, unsigned depth)
{
	json_t *v = json_object_get(tree, f->name);

	if ((f->flags & FIELD_INTERNAL) || f->kind == FIELD_LATER)
		return;
	if (f->kind == FIELD_EMBED) {
		json_decref(fill(f->type, json_incref(tree), depth + 1));
		return;
	}
	if (v == NULL) {
		json_t *zero = zero_of(f, depth);

		if (zero != NULL)
			json_object_set_new(tree, f->name, zero);
		return;
	}
	if (f->kind == FIELD_STRUCT || f->kind == FIELD_PTR)
		json_decref(fill(f->type, json_incref(v), depth + 1));
	if (f->kind == FIELD_LIST)
		for (size_t i = 0; i < json_array_size(v); i++)
			json_decref(fill(f->type,
					 json_incref(json_array_get(v, i)),
					 depth + 1));
}

/* Takes and gives back a reference. Tables are at most MODEL_DEPTH_MAX deep. */
static json_t *
fill(const struct type *t, json_t *tree, unsigned depth)
{
	check(depth <= MODEL_DEPTH_MAX);
	if (json_is_object(tree))
		for (uint32_t i = 0; i < t->field_count; i++)
			fill_field(&t->fields[i], tree, depth);
	return tree;
}

/* ---- objects
 * ------------------------------------------------------------------------- */

struct inspection {
	struct cli *cli;
	const struct type *type;
	struct template *tmpl; /* NULL: JSON */
	struct buf out, errors;
	unsigned found;
};

static int
add_template(struct inspection *in, const struct buf *body, struct err *e)
{
	json_t *tree = json_loadb(body->p, body->len, 0, NULL);
	size_t begin = in->out.len;
	int rc;

	if (tree == NULL)
		return err_set(e, -EPROTO, "the daemon's answer is not JSON");
	rc = template_run(in->tmpl, tree, TEMPLATE_STRICT, &in->out, e);
	if (rc != 0 && in->type != NULL) {
		struct err second;

		/* Perhaps it names what is zero, and so left out. */
		in->out.len = begin;
		(void)fill(in->type, tree, 0);
		rc = template_run(in->tmpl, tree, TEMPLATE_TYPED, &in->out,
				  &second);
		if (rc != 0)
			*e = second;
	}
	json_decref(tree);
	if (rc != 0) {
		in->out.len = begin;
		return err_wrap(e, rc, "template parsing error");
	}
	buf_putc(&in->out, '\n');
	return 0;
}

static int
add_object(struct inspection *in, const struct buf *body, struct err *e)
{
	size_t len = body->len;
	json_t *tree;

	if (in->tmpl != NULL)
		return add_template(in, body, e);
	tree = json_loadb(body->len ? body->p : "", body->len, 0, NULL);
	if (tree == NULL)
		return err_set(e, -EPROTO, "the daemon's answer is not JSON");
	json_decref(tree);
	if (in->found > 0)
		buf_putc(&in->out, ',');
	while (len > 0 && blank(body->p[len - 1]))
		len--;
	buf_put(&in->out, body->p, len);
	return 0;
}

static void
one_ref(struct inspection *in, const char *ref, inspect_fn get)
{
	struct buf body = { 0 };
	struct err e = { 0 };
	int rc = get(in->cli, ref, &body, &e);

	if (rc == 0)
		rc = add_object(in, &body, &e);
	if (rc == 0)
		in->found++;
	else
		buf_printf(&in->errors, "%s%s", in->errors.len ? "\n" : "",
			   e.msg);
	buf_fini(&body);
}

static void
put_objects(struct inspection *in, const char *format)
{
	struct buf all = { 0 }, text = { 0 };

	if (in->tmpl != NULL) {
		if (in->out.len == 0)
			buf_putc(&in->out, '\n');
		buf_put(&text, in->out.p, in->out.len);
	} else {
		buf_putc(&all, '[');
		buf_put(&all, in->out.p, in->out.len);
		buf_putc(&all, ']');
		if (str_eq(format, "json"))
			buf_put(&text, all.p, all.len);
		else
			json_indent(all.p, all.len, "", &text);
		buf_putc(&text, '\n');
	}
	fputs(cli_clean(&in->cli->arena, buf_cstr(&text)), in->cli->out);
	buf_fini(&all);
	buf_fini(&text);
}

int
inspect_print(struct cli *cli, const struct strings *refs, const char *format,
	      const struct type *type, inspect_fn get)
{
	struct inspection in = { .cli = cli, .type = type };
	bool json = str_empty(format) || str_eq(format, "json");
	struct err e = { 0 };
	int rc = CLI_OK;

	if (!json && format_compile(format, &in.tmpl, &e) != 0) {
		int failed = cli_fail_err(cli, &e);

		/* Docker's inspect of cluster objects says 1 here. */
		return type != NULL ? failed : CLI_TEMPLATE;
	}
	for (uint32_t i = 0; i < refs->count; i++)
		one_ref(&in, refs->v[i], get);
	put_objects(&in, format);
	if (in.errors.len > 0)
		rc = cli_fail(cli, "%s", buf_cstr(&in.errors));
	template_free(in.tmpl);
	buf_fini(&in.out);
	buf_fini(&in.errors);
	return rc;
}
