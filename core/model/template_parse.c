/*
 * template_parse.c - the text of a template to a tree of nodes. Recursive
 * descent, at most TEMPLATE_DEPTH_MAX deep.
 */
#include "core/model/template_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define STRING_LITERAL_MAX 4096

struct parser {
	struct template *t;
	const char *text;
	unsigned at;
	unsigned nodes;
	unsigned depth;
	unsigned loops; /* nested ranges: where break may stand */
	bool trim_next;
	struct err *e;
	struct {
		const char *name;
		size_t len;
	} vars[TEMPLATE_VARS_MAX];
	unsigned var_count;
};

int
template_at(const char *text, unsigned pos, int code, struct err *e)
{
	unsigned line = 1, column = 1;

	for (unsigned i = 0; i < pos && text[i] != '\0'; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	return err_wrap(e, code, "template: :%u:%u", line, column);
}

#define FAIL(p, pos, ...)                                                      \
	template_at((p)->text, pos, err_set((p)->e, -EINVAL, __VA_ARGS__),     \
		    (p)->e)

static void *
node_room(struct parser *p, size_t size)
{
	p->nodes++;
	return arena_alloc(&p->t->arena, size);
}

static int
room_left(struct parser *p)
{
	if (p->nodes < TEMPLATE_NODES_MAX)
		return 0;
	return FAIL(p, p->at, "more than %d parts", TEMPLATE_NODES_MAX);
}

/* ---- characters ---------------------------------------------------------- */

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static bool
letter_or_digit(char c)
{
	return letter(c) || (c >= '0' && c <= '9');
}

static size_t
word_len(const char *s)
{
	size_t n = 0;

	while (letter_or_digit(s[n]))
		n++;
	return n;
}

static void
skip_blanks(struct parser *p)
{
	while (blank(p->text[p->at]))
		p->at++;
}

static bool
looking_at(const struct parser *p, const char *s)
{
	return str_starts(p->text + p->at, s);
}

/* "}}", or " -}}" behind at least one blank. */
static bool
at_end_of_action(const struct parser *p)
{
	if (looking_at(p, "}}"))
		return true;
	return looking_at(p, "-}}") && p->at > 0 && blank(p->text[p->at - 1]);
}

static int
end_action(struct parser *p)
{
	skip_blanks(p);
	if (!at_end_of_action(p)) {
		char c = p->text[p->at];

		if (c == '\0')
			return FAIL(p, p->at, "unclosed action");
		return FAIL(p, p->at, "unexpected \"%c\" in action", c);
	}
	p->trim_next = p->text[p->at] == '-';
	p->at += p->trim_next ? 3 : 2;
	return 0;
}

/* The next word is exactly this one. */
static bool
take_word(struct parser *p, const char *word)
{
	size_t n;

	skip_blanks(p);
	n = word_len(p->text + p->at);
	if (n != strlen(word) || memcmp(p->text + p->at, word, n) != 0)
		return false;
	p->at += (unsigned)n;
	return true;
}

/* ---- literals ------------------------------------------------------------ */

static void
keep_literal(struct parser *p, struct operand *o, json_t *v)
{
	check(v != NULL);
	(void)json_array_append_new(p->t->literals, v);
	o->kind = OPERAND_LITERAL;
	o->literal = v;
}

static bool
unescape(char c, char *ret)
{
	static const char from[] = "abfnrtv\\'\"";
	static const char to[] = "\a\b\f\n\r\t\v\\'\"";
	const char *at = strchr(from, c);

	if (c == '\0' || at == NULL)
		return false;
	*ret = to[at - from];
	return true;
}

static int
string_literal(struct parser *p, struct operand *o)
{
	char quote = p->text[p->at], text[STRING_LITERAL_MAX];
	unsigned begin = p->at++;
	size_t len = 0;
	json_t *v;

	for (;; p->at++) {
		char c = p->text[p->at];

		if (c == '\0' || (c == '\n' && quote == '"'))
			return FAIL(p, begin, "unterminated quoted string");
		if (c == quote)
			break;
		if (c == '\\' && quote == '"' &&
		    !unescape(p->text[++p->at], &c))
			return FAIL(p, p->at, "unknown escape in string");
		if (len + 1 >= sizeof(text))
			return FAIL(p, begin, "a string of more than %d bytes",
				    STRING_LITERAL_MAX);
		text[len++] = c;
	}
	p->at++;
	v = json_stringn(text, len);
	if (v == NULL)
		return FAIL(p, begin, "a string that is not UTF-8");
	keep_literal(p, o, v);
	return 0;
}

static int
char_literal(struct parser *p, struct operand *o)
{
	const char *s = p->text + p->at;
	char c = s[1];
	unsigned len = 3;

	if (c == '\\') {
		if (!unescape(s[2], &c))
			return FAIL(p, p->at, "malformed character constant");
		len = 4;
	}
	if (c == '\0' || s[len - 1] != '\'')
		return FAIL(p, p->at, "malformed character constant");
	p->at += len;
	keep_literal(p, o, json_integer((unsigned char)c));
	return 0;
}

static int
number_literal(struct parser *p, struct operand *o)
{
	char text[64];
	const char *digits;
	size_t n = strspn(p->text + p->at, "+-0123456789.eE_xXabcdfABCDF");
	int64_t i;
	char *end;
	double d;

	if (n >= sizeof(text))
		return FAIL(p, p->at, "a number of more than %zu digits",
			    sizeof(text) - 1);
	memcpy(text, p->text + p->at, n);
	text[n] = '\0';
	digits = text + (text[0] == '+');
	if (str_to_i64(digits, &i)) {
		keep_literal(p, o, json_integer(i));
	} else {
		if (strspn(digits, "+-0123456789.eE") != strlen(digits))
			return FAIL(p, p->at, "bad number syntax: \"%s\"",
				    text);
		d = strtod(digits, &end);
		if (end == digits || *end != '\0' || d - d != 0)
			return FAIL(p, p->at, "bad number syntax: \"%s\"",
				    text);
		keep_literal(p, o, json_real(d));
	}
	p->at += (unsigned)n;
	return 0;
}

/* ---- operands ------------------------------------------------------------ */

static int parse_pipe(struct parser *p, struct pipe **ret);

/* ".A.B" behind a value, with no blank before it. */
static int
parse_path(struct parser *p, struct operand *o)
{
	const char *names[TEMPLATE_PATH_MAX];

	while (p->text[p->at] == '.' && letter(p->text[p->at + 1])) {
		size_t n = word_len(p->text + p->at + 1);

		if (o->path_count == TEMPLATE_PATH_MAX)
			return FAIL(p, p->at, "more than %d names in a row",
				    TEMPLATE_PATH_MAX);
		names[o->path_count++] =
			arena_strndup(&p->t->arena, p->text + p->at + 1, n);
		p->at += 1 + (unsigned)n;
	}
	o->path =
		arena_dup(&p->t->arena, names, o->path_count * sizeof(*names));
	return 0;
}

static int
parse_variable(struct parser *p, struct operand *o)
{
	const char *name = p->text + p->at;
	size_t len = 1 + word_len(name + 1);

	for (unsigned i = p->var_count; i-- > 0;)
		if (p->vars[i].len == len &&
		    memcmp(p->vars[i].name, name, len) == 0) {
			o->kind = OPERAND_VAR;
			o->var = i;
			p->at += (unsigned)len;
			return parse_path(p, o);
		}
	return FAIL(p, p->at, "undefined variable \"%.*s\"",
		    (int)min_u64(len, 60), name);
}

static int
parse_parentheses(struct parser *p, struct operand *o)
{
	unsigned begin = p->at++;
	int rc;

	if (++p->depth > TEMPLATE_DEPTH_MAX)
		return FAIL(p, begin, "nested more than %d deep",
			    TEMPLATE_DEPTH_MAX);
	o->kind = OPERAND_PIPE;
	rc = parse_pipe(p, &o->pipe);
	p->depth--;
	if (rc != 0)
		return rc;
	skip_blanks(p);
	if (p->text[p->at] != ')')
		return FAIL(p, begin, "unclosed left paren");
	p->at++;
	return parse_path(p, o);
}

static int
parse_word(struct parser *p, struct operand *o)
{
	const char *word = p->text + p->at;
	size_t len = word_len(word);

	p->at += (unsigned)len;
	if (len == 4 && memcmp(word, "true", 4) == 0)
		keep_literal(p, o, json_true());
	else if (len == 5 && memcmp(word, "false", 5) == 0)
		keep_literal(p, o, json_false());
	else if (len == 3 && memcmp(word, "nil", 3) == 0)
		keep_literal(p, o, json_null());
	else {
		o->kind = OPERAND_FUNC;
		o->func = template_func(word, len);
		if (o->func == NULL)
			return FAIL(p, o->pos, "function \"%.*s\" not defined",
				    (int)min_u64(len, 60), word);
	}
	return 0;
}

static int
parse_operand(struct parser *p, struct operand *o)
{
	char c = p->text[p->at], next = c == '\0' ? '\0' : p->text[p->at + 1];

	if (c == '.' && letter(next))
		return parse_path(p, o); /* of dot */
	if (c == '.' && !(next >= '0' && next <= '9')) {
		p->at++;
		return 0;
	}
	if (c == '$')
		return parse_variable(p, o);
	if (c == '(')
		return parse_parentheses(p, o);
	if (c == '"' || c == '`')
		return string_literal(p, o);
	if (c == '\'')
		return char_literal(p, o);
	if (letter(c))
		return parse_word(p, o);
	if (c != '\0' && strchr("+-.0123456789", c) != NULL)
		return number_literal(p, o);
	if (c == '\0')
		return FAIL(p, p->at, "unclosed action");
	return FAIL(p, p->at, "unexpected \"%c\" in operand", c);
}

/* ---- pipelines ------------------------------------------------------------
 */

static bool
at_end_of_call(const struct parser *p)
{
	char c = p->text[p->at];

	return c == '|' || c == ')' || c == '\0' || at_end_of_action(p);
}

static int
add_operand(struct parser *p, struct call *call)
{
	struct operand *o = node_room(p, sizeof(*o));
	int rc = room_left(p);

	if (rc != 0)
		return rc;
	if (call->count == TEMPLATE_ARGS_MAX)
		return FAIL(p, p->at, "more than %d arguments",
			    TEMPLATE_ARGS_MAX);
	o->kind = OPERAND_DOT;
	o->pos = p->at;
	rc = parse_operand(p, o);
	o->len = p->at - o->pos;
	call->operands[call->count++] = o;
	if (rc != 0)
		return rc;
	if (!blank(p->text[p->at]) && !at_end_of_call(p))
		return FAIL(p, p->at, "unexpected \"%c\" after operand",
			    p->text[p->at]);
	return 0;
}

static int
parse_call(struct parser *p, bool first, struct call **ret)
{
	struct call *call = node_room(p, sizeof(*call));
	unsigned begin;
	int rc = room_left(p);

	skip_blanks(p);
	begin = call->pos = p->at;
	while (rc == 0 && !at_end_of_call(p)) {
		rc = add_operand(p, call);
		skip_blanks(p);
	}
	if (rc != 0)
		return rc;
	if (call->count == 0)
		return FAIL(p, begin,
			    p->text[begin] == '\0'
				    ? "unclosed action"
				    : "missing value for command");
	if (call->operands[0]->kind != OPERAND_FUNC &&
	    (call->count > 1 || !first))
		return FAIL(p, begin,
			    "can't give argument to non-function %.*s",
			    (int)min_u64(call->operands[0]->len, 60),
			    p->text + begin);
	*ret = call;
	return 0;
}

struct declaration {
	unsigned pos, count;
	struct {
		const char *name;
		size_t len;
	} names[2];
};

/* "$x =": the variable is there already. */
static int
parse_assignment(struct parser *p, unsigned begin, struct pipe *pipe)
{
	struct operand o = { 0 };
	unsigned after = p->at + 1;
	int rc;

	p->at = begin;
	rc = parse_variable(p, &o);
	p->at = after;
	pipe->var_count = 1;
	pipe->vars[0] = o.var;
	return rc;
}

/* "$x :=", "$i, $x :=" or "$x ="; at is moved only if it is one. */
static int
parse_declaration(struct parser *p, struct pipe *pipe, struct declaration *d)
{
	unsigned begin = d->pos = p->at, count = 0;

	while (p->text[p->at] == '$' && count < 2) {
		d->names[count].name = p->text + p->at;
		d->names[count].len = 1 + word_len(p->text + p->at + 1);
		p->at += (unsigned)d->names[count++].len;
		skip_blanks(p);
		if (p->text[p->at] != ',')
			break;
		p->at++;
		skip_blanks(p);
	}
	if (count > 0 && looking_at(p, ":=")) {
		p->at += 2;
		d->count = count;
		return 0;
	}
	if (count == 1 && looking_at(p, "="))
		return parse_assignment(p, begin, pipe);
	p->at = begin;
	return 0;
}

/* They are in scope behind their pipeline, not in it: "$x := $x". */
static int
declare(struct parser *p, struct pipe *pipe, const struct declaration *d)
{
	if (p->var_count + d->count > TEMPLATE_VARS_MAX)
		return FAIL(p, d->pos, "more than %d variables",
			    TEMPLATE_VARS_MAX);
	for (unsigned i = 0; i < d->count; i++) {
		pipe->vars[i] = p->var_count;
		p->vars[p->var_count].name = d->names[i].name;
		p->vars[p->var_count++].len = d->names[i].len;
		pipe->var_count = i + 1;
	}
	return 0;
}

static int
parse_pipe(struct parser *p, struct pipe **ret)
{
	struct pipe *pipe = node_room(p, sizeof(*pipe));
	struct call **tail = &pipe->calls;
	struct declaration d = { 0 };
	int rc;

	skip_blanks(p);
	rc = parse_declaration(p, pipe, &d);
	while (rc == 0) {
		rc = parse_call(p, tail == &pipe->calls, tail);
		if (rc != 0 || p->text[p->at] != '|')
			break;
		tail = &(*tail)->next;
		p->at++;
	}
	*ret = pipe;
	return rc != 0 ? rc : declare(p, pipe, &d);
}

/* ---- nodes -----------------------------------------------------------------
 */

enum ending { ENDING_TEXT, ENDING_END, ENDING_ELSE };

static int parse_list(struct parser *p, struct node **ret,
		      enum ending *ret_ending);

static int parse_branch(struct parser *p, struct node *n);

/* Behind "else": nothing, or "if"/"with", which is a node of its own. */
static int
parse_else(struct parser *p, struct node *n)
{
	enum ending ending = ENDING_TEXT;
	struct node *inner;
	enum node_kind kind = NODE_TEXT;
	int rc;

	if (n->kind != NODE_RANGE && take_word(p, "if"))
		kind = NODE_IF;
	else if (n->kind == NODE_WITH && take_word(p, "with"))
		kind = NODE_WITH;
	if (kind != NODE_TEXT) {
		inner = node_room(p, sizeof(*inner));
		inner->kind = kind;
		inner->pos = p->at;
		n->otherwise = inner;
		return parse_branch(p, inner); /* takes the "end" */
	}
	rc = end_action(p);
	if (rc == 0)
		rc = parse_list(p, &n->otherwise, &ending);
	if (rc == 0 && ending != ENDING_END)
		rc = FAIL(p, n->pos, "expected end; found %s",
			  ending == ENDING_ELSE ? "else" : "EOF");
	return rc;
}

static int
parse_branch_body(struct parser *p, struct node *n)
{
	enum ending ending = ENDING_TEXT;
	int rc = parse_pipe(p, &n->pipe);

	if (rc == 0)
		rc = end_action(p);
	if (rc != 0)
		return rc;
	if (n->pipe->var_count == 2 && n->kind != NODE_RANGE)
		return FAIL(p, n->pos, "too many declarations");
	p->loops += n->kind == NODE_RANGE;
	rc = parse_list(p, &n->body, &ending);
	p->loops -= n->kind == NODE_RANGE;
	if (rc != 0)
		return rc;
	if (ending == ENDING_ELSE)
		return parse_else(p, n);
	if (ending != ENDING_END)
		return FAIL(p, n->pos, "unexpected EOF: no end");
	return 0;
}

static int
parse_branch(struct parser *p, struct node *n)
{
	unsigned vars = p->var_count;
	int rc;

	if (++p->depth > TEMPLATE_DEPTH_MAX)
		return FAIL(p, n->pos, "nested more than %d deep",
			    TEMPLATE_DEPTH_MAX);
	rc = parse_branch_body(p, n);
	p->depth--;
	p->var_count = vars;
	return rc;
}

static int
refuse_word(struct parser *p)
{
	static const char *const words[] = { "define", "block", "template" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (take_word(p, words[i]))
			return FAIL(p, p->at, "{{%s}} is not supported here",
				    words[i]);
	return 0;
}

/* One action behind "{{"; *ret_ending says if it ends the list. */
static int
parse_action(struct parser *p, struct node *n, enum ending *ret_ending)
{
	static const struct {
		const char *word;
		enum node_kind kind;
	} branches[] = { { "if", NODE_IF },
			 { "with", NODE_WITH },
			 { "range", NODE_RANGE } };
	int rc = refuse_word(p);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(branches); i++)
		if (take_word(p, branches[i].word)) {
			n->kind = branches[i].kind;
			return parse_branch(p, n);
		}
	if (take_word(p, "end")) {
		*ret_ending = ENDING_END;
		return end_action(p);
	}
	if (take_word(p, "else")) {
		*ret_ending = ENDING_ELSE;
		return 0; /* "else if" goes on in this action */
	}
	if (take_word(p, "break")) {
		n->kind = NODE_BREAK;
	} else if (take_word(p, "continue")) {
		n->kind = NODE_CONTINUE;
	} else {
		n->kind = NODE_ACTION;
		rc = parse_pipe(p, &n->pipe);
		return rc != 0 ? rc : end_action(p);
	}
	if (p->loops == 0)
		return FAIL(p, n->pos,
			    "{{break}} or {{continue}} outside "
			    "{{range}}");
	return end_action(p);
}

static int
skip_comment(struct parser *p)
{
	const char *end = strstr(p->text + p->at + 2, "*/");
	unsigned begin = p->at;

	if (end == NULL)
		return FAIL(p, begin, "unclosed comment");
	p->at = (unsigned)(end + 2 - p->text);
	skip_blanks(p);
	if (!at_end_of_action(p))
		return FAIL(p, begin, "comment ends before closing delimiter");
	return end_action(p);
}

static struct node *
text_node(struct parser *p, const char *begin, size_t len, bool trim_end)
{
	struct node *n;

	if (p->trim_next)
		for (; len > 0 && blank(*begin); begin++)
			len--;
	p->trim_next = false;
	while (trim_end && len > 0 && blank(begin[len - 1]))
		len--;
	if (len == 0)
		return NULL;
	n = node_room(p, sizeof(*n));
	n->kind = NODE_TEXT;
	n->text = begin;
	n->len = len;
	return n;
}

/* Text up to the next "{{", which is stepped over; false at the end. */
static bool
take_text(struct parser *p, struct node **ret)
{
	const char *begin = p->text + p->at, *open = strstr(begin, "{{");
	size_t len = open ? (size_t)(open - begin) : strlen(begin);
	bool trim = open != NULL && open[2] == '-' && blank(open[3]);

	*ret = text_node(p, begin, len, trim);
	p->at += (unsigned)len + (open == NULL ? 0 : trim ? 3 : 2);
	return open != NULL;
}

/* Nodes until "end", "else" or the end of the text. */
static int
parse_list(struct parser *p, struct node **ret, enum ending *ret_ending)
{
	struct node **tail = ret, *n;
	int rc = 0;

	*ret_ending = ENDING_TEXT;
	while (rc == 0 && *ret_ending == ENDING_TEXT) {
		bool more = take_text(p, tail);

		if (*tail != NULL)
			tail = &(*tail)->next;
		if (!more)
			break;
		rc = room_left(p);
		if (rc != 0)
			break;
		skip_blanks(p);
		if (looking_at(p, "/*")) {
			rc = skip_comment(p);
			continue;
		}
		n = node_room(p, sizeof(*n));
		n->pos = p->at;
		rc = parse_action(p, n, ret_ending);
		if (rc == 0 && *ret_ending == ENDING_TEXT) {
			*tail = n;
			tail = &n->next;
		}
	}
	return rc;
}

static int
parse_all(struct parser *p)
{
	enum ending ending = ENDING_TEXT;
	int rc;

	p->vars[0].name = "$";
	p->vars[0].len = 1;
	p->var_count = 1;
	rc = parse_list(p, &p->t->first, &ending);
	if (rc == 0 && ending != ENDING_TEXT)
		rc = FAIL(p, p->at, "unexpected {{%s}}",
			  ending == ENDING_END ? "end" : "else");
	return rc;
}

int
template_parse(const char *text, struct template **ret, struct err *e)
{
	struct template *t;
	struct parser p = { .e = e };
	int rc;

	if (strlen(text) > TEMPLATE_TEXT_MAX)
		return err_set(e, -EINVAL,
			       "template: it has more than %d bytes",
			       TEMPLATE_TEXT_MAX);
	t = mem_new(sizeof(*t));
	arena_init(&t->arena);
	t->literals = json_array();
	t->text = p.text = arena_strdup(&t->arena, text);
	p.t = t;
	rc = parse_all(&p);
	if (rc != 0) {
		template_free(t);
		return rc;
	}
	*ret = t;
	return 0;
}

void
template_free(struct template *t)
{
	if (t == NULL)
		return;
	json_decref(t->literals);
	arena_fini(&t->arena);
	mem_free(t);
}
