/* template_test.c - the rows were compared with Go's text/template. */
#include "core/model/template.h"

#include <errno.h>

#include "core/base/base.h"
#include "test/t.h"

static const char data[] =
	"{\"ID\":\"abc\",\"Spec\":{\"Name\":\"web\",\"Labels\":{\"b\":\"2\","
	"\"a\":\"1\"},\"Mode\":{\"Replicated\":{\"Replicas\":3}},"
	"\"Empty\":[],\"Null\":null},\"List\":[\"x\",\"y\",\"z\"],"
	"\"N\":7,\"F\":1.5,\"Big\":1732140000123456789,\"Yes\":true,"
	"\"No\":false,\"Text\":\"Hello big World\",\"Utf\":\"h\xc3\xa9llo\","
	"\"Objs\":[{\"K\":1},{\"K\":2}]}";

static int
run(const char *text, enum template_mode mode, struct buf *out, struct err *e)
{
	json_t *tree = json_loads(data, 0, NULL);
	struct template *t = NULL;
	int rc;

	OK(tree != NULL);
	rc = template_parse(text, &t, e);
	if (rc == 0)
		rc = template_run(t, tree, mode, out, e);
	template_free(t);
	json_decref(tree);
	return rc;
}

struct row {
	const char *text, *want;
};

static void
check_rows(const struct row *rows, size_t count, enum template_mode mode)
{
	for (size_t i = 0; i < count; i++) {
		struct buf out = { 0 };
		struct err e = { "" };
		int rc = run(rows[i].text, mode, &out, &e);

		t_row(rows[i].text);
		EQ_STR(e.msg, "");
		EQ(rc, 0);
		EQ_STR(buf_cstr(&out), rows[i].want);
		buf_fini(&out);
	}
	t_row("");
}

static void
check_errors(const struct row *rows, size_t count, enum template_mode mode)
{
	for (size_t i = 0; i < count; i++) {
		struct buf out = { 0 };
		struct err e = { "" };
		int rc = run(rows[i].text, mode, &out, &e);

		t_row(rows[i].text);
		EQ_STR(e.msg, rows[i].want);
		EQ(rc, -EINVAL);
		buf_fini(&out);
	}
	t_row("");
}

T(fields_are_looked_up_and_printed_as_go_does)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "{{.ID}}", "abc" },
		{ "{{ .Spec.Name }}!", "web!" },
		{ "{{.Spec.Mode.Replicated.Replicas}}", "3" },
		{ "{{.Spec.Labels}}", "map[a:1 b:2]" },
		{ "{{.List}}", "[x y z]" },
		{ "{{.Nope}}", "<no value>" },
		{ "{{.Spec.Null}}", "<nil>" },
		{ "{{.Big}}", "1732140000123456789" },
		{ "{{.F}} {{.Yes}} {{.No}}", "1.5 true false" },
		{ "{{$.ID}}", "abc" },
		{ "{{.Objs}}", "[map[K:1] map[K:2]]" },
		{ "{{(index .Objs 1).K}}", "2" },
		{ "{{json .Spec.Labels}}", "{\"b\":\"2\",\"a\":\"1\"}" },
		{ "{{json .Nope}}", "null" },
		{ "{{json .ID}}", "\"abc\"" },
		{ "{{1e3}} {{1e21}} {{0.1}} {{-5}} {{'a'}}",
		  "1000 1e+21 0.1 -5 97" },
		{ "{{\"a\\tb\"}}{{`r\\n`}}", "a\tbr\\n" },
	};

	check_rows(rows, ARRAY_LEN(rows), TEMPLATE_NO_VALUE);
}

T(control_structures_do_what_gos_do)
{
	static const struct row rows[] = {
		{ "{{if .Yes}}a{{else}}b{{end}}", "a" },
		{ "{{if .No}}a{{else}}b{{end}}", "b" },
		{ "{{if .Nope}}a{{end}}", "" },
		{ "{{if .No}}a{{else if .Yes}}b{{else}}c{{end}}", "b" },
		{ "{{if .No}}a{{else if .No}}b{{else}}c{{end}}", "c" },
		{ "{{with .Spec}}{{.Name}}{{end}}", "web" },
		{ "{{with .Nope}}a{{else}}none{{end}}", "none" },
		{ "{{with .Nope}}a{{else with .ID}}{{.}}{{end}}", "abc" },
		{ "{{range .List}}{{.}},{{end}}", "x,y,z," },
		{ "{{range $i, $v := .List}}{{$i}}={{$v}} {{end}}",
		  "0=x 1=y 2=z " },
		{ "{{range $v := .List}}{{$v}}{{$.N}}{{end}}", "x7y7z7" },
		{ "{{range $k, $v := .Spec.Labels}}{{$k}}{{$v}}{{end}}",
		  "a1b2" },
		{ "{{range .Spec.Empty}}a{{else}}empty{{end}}", "empty" },
		{ "{{range .Nope}}a{{else}}none{{end}}", "none" },
		{ "{{range .List}}{{if eq . "
		  "\"y\"}}{{break}}{{end}}{{.}}{{end}}",
		  "x" },
		{ "{{range .List}}{{if eq . \"y\"}}{{continue}}{{end}}{{.}}"
		  "{{end}}",
		  "xz" },
		{ "{{$x := .ID}}{{if true}}{{$x = \"new\"}}{{end}}{{$x}}",
		  "new" },
		{ "{{$x := .ID}}{{if true}}{{$x := 1}}{{$x}}{{end}}{{$x}}",
		  "1abc" },
		{ "{{$x := 1}}{{with 2}}{{$x := $x}}{{$x}}{{end}}", "1" },
		{ "{{with $x := .Spec}}{{$x.Name}}{{end}}", "web" },
		{ "a {{- .ID -}} b", "aabcb" },
		{ "a {{/* said nothing */}} b", "a  b" },
		{ "a {{- /* trimmed */ -}} b", "ab" },
		{ "{{range .List -}}\n {{.}} {{- end}}", "xyz" },
	};

	check_rows(rows, ARRAY_LEN(rows), TEMPLATE_NO_VALUE);
}

T(functions_and_pipelines_do_what_gos_and_dockers_do)
{
	static const struct row rows[] = {
		{ "{{.ID | upper}}", "ABC" },
		{ "{{.ID | printf \"%s-%d\" .Spec.Name | upper}}",
		  "WEB-%!D(STRING=ABC)" },
		{ "{{printf \"%s-%d\" .Spec.Name .N | upper}}", "WEB-7" },
		{ "{{title .Text}} {{lower .Text}}",
		  "Hello Big World hello big world" },
		{ "{{split .Text \" \"}}", "[Hello big World]" },
		{ "{{join .List \"-\"}}", "x-y-z" },
		{ "{{join .Nope \"-\"}}", "" },
		{ "[{{pad .ID 1 2}}]", "[ abc  ]" },
		{ "{{truncate .Text 5}}|{{truncate .ID 9}}", "Hello|abc" },
		{ "{{truncate .Utf 2}}", "h" },
		{ "{{len .List}} {{len .Text}} {{len .Spec.Labels}}",
		  "3 15 2" },
		{ "{{index .List 1}} {{index .Spec.Labels \"b\"}}", "y 2" },
		{ "{{index .Spec.Labels \"zz\"}}", "<no value>" },
		{ "{{slice .Text 6 9}} {{slice .List 1}}", "big [y z]" },
		{ "{{print 1 2 \"a\" \"b\" 3}}", "1 2ab3" },
		{ "{{println \"a\" 1}}", "a 1\n" },
		{ "{{eq .N 7}} {{eq .ID \"x\" \"abc\"}} {{ne .N 7}}",
		  "true true false" },
		{ "{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge \"b\" \"a\"}}",
		  "true true false true" },
		{ "{{and .Yes .ID}} {{and .No .ID}} {{or .No .ID}}",
		  "abc false abc" },
		{ "{{and .Nope .Nope.Deep}}", "<no value>" },
		{ "{{not .No}} {{not (and .Yes .Yes)}}", "true false" },
		{ "{{if and (gt .N 5) (lt .N 10)}}in{{end}}", "in" },
		{ "{{printf \"%5d|%-5s|%05d|%q|%x|%t|%.2f|%v|%%\" 42 \"ab\" -7 "
		  "\"q\\\"\" 255 true 1.5 .List}}",
		  "   42|ab   |-0007|\"q\\\"\"|ff|true|1.50|[x y z]|%" },
		{ "{{printf \"%d\"}} {{printf \"a\" 1}}",
		  "%!d(MISSING) a%!(EXTRA int=1)" },
		{ "{{eq .Spec.Null nil}}", "true" },
		{ "{{(printf \"%s\" .ID) | len}}", "3" },
	};

	check_rows(rows, ARRAY_LEN(rows), TEMPLATE_NO_VALUE);
}

T(the_heading_pass_leaves_headings_alone)
{
	static const struct row rows[] = {
		{ "{{json .ID}} {{upper .ID}} {{truncate .Text 3}}",
		  "abc abc Hello big World" },
	};

	check_rows(rows, ARRAY_LEN(rows), TEMPLATE_HEADER);
}

T(what_is_no_template_is_refused_with_its_place)
{
	static const struct row rows[] = {
		{ "{{.ID", "template: :1:6: unclosed action" },
		{ "a\n{{nope}}",
		  "template: :2:3: function \"nope\" not defined" },
		{ "{{$x}}", "template: :1:3: undefined variable \"$x\"" },
		{ "{{if .A}}", "template: :1:3: unexpected EOF: no end" },
		{ "{{end}}", "template: :1:8: unexpected {{end}}" },
		{ "{{}}", "template: :1:3: missing value for command" },
		{ "{{.A .B}}", "template: :1:3: can't give argument to "
			       "non-function .A" },
		{ "{{(.A}}", "template: :1:3: unclosed left paren" },
		{ "{{break}}", "template: :1:3: {{break}} or {{continue}} "
			       "outside {{range}}" },
		{ "{{define \"x\"}}{{end}}",
		  "template: :1:9: {{define}} is not supported here" },
		{ "{{\"a}}", "template: :1:3: unterminated quoted string" },
		{ "{{/* x }}", "template: :1:3: unclosed comment" },
		{ "{{1x}}", "template: :1:3: bad number syntax: \"1x\"" },
		{ "{{.A}x", "template: :1:5: unexpected \"}\" after operand" },
		{ "{{len .N}}", "template: :1:3: executing \"\" at <len>: "
				"error calling len: len of type int" },
		{ "{{.ID.X}}", "template: :1:3: executing \"\" at <.ID.X>: "
			       "can't evaluate field X in type string" },
		{ "{{.Nope.X}}",
		  "template: :1:3: executing \"\" at <.Nope.X>: nil pointer "
		  "evaluating interface {}.X" },
		{ "{{range .N}}{{end}}",
		  "template: :1:3: range can't iterate over int" },
		{ "{{index .List 3}}",
		  "template: :1:3: executing \"\" at <index>: error calling "
		  "index: index out of range: 3" },
		{ "{{lt 1}}", "template: :1:3: executing \"\" at <lt>: wrong "
			      "number of args for lt: want 2 got 1" },
	};

	check_errors(rows, ARRAY_LEN(rows), TEMPLATE_NO_VALUE);
}

T(a_missing_key_is_an_error_when_strict)
{
	static const struct row rows[] = {
		{ "{{.Spec.Nope}}",
		  "template: :1:3: executing \"\" at <.Spec.Nope>: map has no "
		  "entry for key \"Nope\"" },
	};

	check_errors(rows, ARRAY_LEN(rows), TEMPLATE_STRICT);
}

T(a_map_of_strings_may_lack_a_key_when_typed)
{
	static const struct row rows[] = {
		{ "{{.Spec.Labels.zz}}", "<no value>" },
	};
	static const struct row errors[] = {
		{ "{{.Spec.Nope}}",
		  "template: :1:3: executing \"\" at <.Spec.Nope>: map has no "
		  "entry for key \"Nope\"" },
	};

	check_rows(rows, ARRAY_LEN(rows), TEMPLATE_TYPED);
	check_errors(errors, ARRAY_LEN(errors), TEMPLATE_TYPED);
}

T(nesting_and_loops_are_bounded)
{
	struct buf text = { 0 }, out = { 0 };
	struct err e = { "" };

	for (int i = 0; i < 100; i++)
		buf_puts(&text, "{{if true}}");
	EQ(run(buf_cstr(&text), TEMPLATE_NO_VALUE, &out, &e), -EINVAL);
	OK(strstr(e.msg, "nested more than") != NULL);
	buf_clear(&text);
	buf_puts(&text, "{{");
	for (int i = 0; i < 100; i++)
		buf_puts(&text, "(");
	EQ(run(buf_cstr(&text), TEMPLATE_NO_VALUE, &out, &e), -EINVAL);
	OK(strstr(e.msg, "nested more than") != NULL);
	buf_clear(&text);
	for (int i = 0; i < 20; i++)
		buf_puts(&text, "{{range $.List}}");
	for (int i = 0; i < 20; i++)
		buf_puts(&text, "{{end}}");
	EQ(run(buf_cstr(&text), TEMPLATE_NO_VALUE, &out, &e), -EINVAL);
	OK(strstr(e.msg, "steps") != NULL);
	buf_fini(&text);
	buf_fini(&out);
}
