/* buf_test.c - buffers, against a plain array that does the same. */
#include "core/base/buf.h"

#include "core/base/mem.h"
#include "core/base/rand.h"
#include "test/t.h"

#define MODEL_MAX 20000

T(random_changes_give_what_a_plain_array_gives)
{
	static char model[MODEL_MAX + 1];
	struct buf b = { 0 };
	size_t len = 0;
	uint64_t rand = 1;

	for (int i = 0; i < 20000; i++) {
		char piece[100];
		uint64_t r = rand_next(&rand);
		size_t n = r % sizeof(piece);

		memset(piece, 'a' + (int)(r % 26), n);
		if (r >> 32 & 1 && len + n <= MODEL_MAX) {
			buf_put(&b, piece, n);
			memcpy(model + len, piece, n);
			len += n;
		} else if (r >> 33 & 1) {
			n = n < len ? n : len;
			buf_drop(&b, n);
			memmove(model, model + n, len - n);
			len -= n;
		} else if (len < MODEL_MAX) {
			buf_putc(&b, 'x');
			model[len++] = 'x';
		}
		EQ(b.len, len);
		OK(len == 0 || memcmp(b.p, model, len) == 0);
	}
	model[len] = '\0';
	EQ_STR(buf_cstr(&b), model);
	buf_fini(&b);
}

T(an_empty_buffer_is_an_empty_string)
{
	struct buf b = { 0 };
	char *s;

	EQ_STR(buf_cstr(&b), "");
	buf_put(&b, NULL, 0);
	buf_drop(&b, 0);
	EQ(b.len, 0);
	s = buf_take(&b);
	EQ_STR(s, "");
	mem_free(s);
	OK(b.p == NULL);
	buf_fini(&b);
}

T(printing_appends_and_clearing_keeps_the_room)
{
	struct buf b = { 0 };
	size_t cap;
	char *s;

	buf_puts(&b, "a");
	buf_printf(&b, "%s%d", "b", 1);
	buf_printf(&b, "%500s", "");
	EQ(b.len, 503);
	cap = b.cap;
	buf_clear(&b);
	EQ(b.len, 0);
	EQ(b.cap, cap);
	memcpy(buf_room(&b, 3), "xyz", 3);
	b.len += 3;
	s = buf_take(&b);
	EQ_STR(s, "xyz");
	EQ(b.len, 0);
	mem_free(s);
}
