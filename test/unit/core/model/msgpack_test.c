/* msgpack_test.c - reading msgpack that nobody vouches for. */
#include "core/base/str.h"
#include "test/t.h"
#include "test/unit/core/model/fill.h"

static struct arena arena;
static struct err e;

static int
unpack(const struct type *t, const void *p, size_t len, void *ret)
{
	return model_unpack(t, p, len, &arena, ret, &e);
}

#define DEEP8 "\x91\x91\x91\x91\x91\x91\x91\x91"

/* Tags of NodeSpec: 1 Name, 2 Labels, 3 Role, 4 Availability. */
T(what_is_wrong_is_refused_with_its_place)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *message;
	} rows[] = {
		{ "", 0, "NodeSpec: the bytes end inside a value" },
		{ "\xc0", 1, "NodeSpec: want a map, got nil" },
		{ "\x90", 1, "NodeSpec: want a map, got an array" },
		{ "\x81", 1, "NodeSpec: the bytes end inside a value" },
		{ "\x80\xc0", 2, "NodeSpec: 1 bytes after the record" },
		{ "\x81\x01\x05", 3,
		  "NodeSpec: Name: want a string, got a number" },
		{ "\x81\x01\xa2z", 4,
		  "NodeSpec: Name: the bytes end inside a value" },
		{ "\x81\x01\xa1\xff", 4,
		  "NodeSpec: Name: want UTF-8 without NUL" },
		{ "\x81\x01\xa1\x00", 4,
		  "NodeSpec: Name: want UTF-8 without NUL" },
		{ "\x81\x01\xdb\xff\xff\xff\xff", 7,
		  "NodeSpec: Name: the bytes end inside a value" },
		{ "\x82\x01\xa1z\x01\xa1y", 7,
		  "NodeSpec: Name: is there twice" },
		{ "\x81\x02\x82\xa1z\xa0\xa1z\xa0", 9,
		  "NodeSpec: Labels: a key is there twice" },
		{ "\x81\x02\x81\xa1z\x01", 6,
		  "NodeSpec: Labels[0]: want a string, got a number" },
		{ "\x81\x02\xdf\xff\xff\xff\xff", 7,
		  "NodeSpec: Labels: the bytes end inside a value" },
		{ "\x81\x03\xa3"
		  "boy",
		  6, "NodeSpec: Role: \"boy\" is not known" },
		{ "\x81\xa1z\x05", 4, "NodeSpec: want a number, got a string" },
		{ "\x81\xff\x05", 3,
		  "NodeSpec: want a number, got a number below 0" },
		{ "\x81\x01\xc1", 3, "NodeSpec: Name: 0xc1 is not msgpack" },
		{ "\x81\x7f" DEEP8 DEEP8 DEEP8 "\x05", 27,
		  "NodeSpec: nested deeper than 24" },
		{ "\x81\x7f\xdd\x06\x00\x00\x00", 7,
		  "NodeSpec: the bytes end inside a value" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct node_spec s;

		memset(&s, 1, sizeof(s));
		T_ROW(rows[i].message);
		EQ(unpack(&node_spec_type, rows[i].bytes, rows[i].len, &s),
		   -22);
		EQ_STR(e.msg, rows[i].message);
		OK(model_equal(&node_spec_type, &s, &(struct node_spec){ 0 }));
	}
	arena_fini(&arena);
}

T(tags_that_are_not_known_are_skipped)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{ "\x82\x7f\x05\x01\xa1z", 6 },
		{ "\x82\xcd\x01\x00\x92\xc3\x81\xa1q\xcb"
		  "12345678\x01\xa1z",
		  21 },
		{ "\x82\x7f\xc7\x02\x01"
		  "ab\x01\xa1z",
		  10 },
		{ "\x82\x7f" DEEP8 DEEP8 "\x91\x91\x91\x91\x91\x91\x91\x05"
		  "\x01\xa1z",
		  29 },
		{ "\x82\x7f\xd8"
		  "1abcdefghijklmnop\x01\xa1z",
		  23 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct node_spec s;
		int code =
			unpack(&node_spec_type, rows[i].bytes, rows[i].len, &s);

		T_ROW(e.msg);
		EQ(code, 0);
		EQ_STR(s.name, "z");
	}
	arena_fini(&arena);
}

T(lists_over_the_limit_are_refused_with_their_place)
{
	struct container_spec c;
	struct buf b = { 0 };

	buf_put(&b, "\x81\x06\xdd\x00\x01\x00\x01", 7); /* Env, 65537 */
	for (int i = 0; i <= MODEL_COUNT_MAX; i++)
		buf_putc(&b, (char)0xa0);
	EQ(unpack(&container_spec_type, b.p, b.len, &c), -22);
	EQ_STR(e.msg, "ContainerSpec: Env: 65537 elements, want at most "
		      "65536");
	b.p[6] = 0;
	EQ(unpack(&container_spec_type, b.p, b.len - 1, &c), 0);
	EQ(c.env.count, MODEL_COUNT_MAX);
	buf_fini(&b);
	arena_fini(&arena);
}

T(every_cut_of_a_record_is_refused)
{
	struct filler r = { &arena, 3 };
	struct service *s = object_new(OBJECT_SERVICE);
	struct buf b = { 0 };
	void *back;

	fill(&r, &service_type, s);
	object_pack(s, &b);
	for (size_t len = 0; len < b.len; len++) {
		/* A copy of exactly that size, so that ASan sees a step over
		 * its end. */
		char *cut = malloc(len ? len : 1);

		memcpy(cut, b.p, len);
		EQ(object_unpack(OBJECT_SERVICE, cut, len, &back, &e), -22);
		free(cut);
	}
	EQ(object_unpack(OBJECT_SERVICE, b.p, b.len, &back, &e), 0);
	OK(model_equal(&service_type, s, back));
	object_unref(back);
	object_unref(s);
	buf_fini(&b);
	arena_fini(&arena);
}

T(numbers_of_every_width_are_read)
{
	static const struct {
		const char *bytes;
		size_t len;
		int64_t want;
	} rows[] = {
		{ "\x05", 1, 5 },
		{ "\xe0", 1, -32 },
		{ "\xcc\xff", 2, 255 },
		{ "\xcd\x01\x00", 3, 256 },
		{ "\xce\xff\xff\xff\xff", 5, 4294967295 },
		{ "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX },
		{ "\xd0\x80", 2, -128 },
		{ "\xd0\x7f", 2, 127 },
		{ "\xd1\x80\x00", 3, -32768 },
		{ "\xd2\x80\x00\x00\x00", 5, INT32_MIN },
		{ "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, INT64_MIN },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char bytes[16] = "\x81\x02"; /* Delay of UpdateConfig */
		struct update_config u;

		memcpy(bytes + 2, rows[i].bytes, rows[i].len);
		EQ(unpack(&update_config_type, bytes, rows[i].len + 2, &u), 0);
		EQ(u.delay_ns, rows[i].want);
	}
	arena_fini(&arena);
}

T(numbers_out_of_range_are_refused)
{
	struct update_config u;

	EQ(unpack(&update_config_type,
		  "\x81\x02\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 11, &u),
	   -22);
	EQ(unpack(&update_config_type, "\x81\x01\xff", 3, &u), -22);
	/* Not a number, and infinity, could not be written as JSON. */
	EQ(unpack(&update_config_type, "\x81\x05\xca\x7f\xc0\x00\x00", 7, &u),
	   -22);
	EQ(unpack(&update_config_type, "\x81\x05\xca\x7f\x80\x00\x00", 7, &u),
	   -22);
	EQ(unpack(&update_config_type, "\x81\x05\xca\x3f\x80\x00\x00", 7, &u),
	   0);
	OK(u.max_failure_ratio == 1.0);
	arena_fini(&arena);
}

T(a_damaged_record_is_refused_or_reads_as_one_that_packs_again)
{
	struct service *s = object_new(OBJECT_SERVICE);
	struct filler r = { object_arena(s), 5 };
	struct buf b = { 0 }, x = { 0 }, y = { 0 };
	uint64_t rand = 1;

	fill(&r, &service_type, s);
	object_pack(s, &b);
	for (int i = 0; i < 3000; i++) {
		size_t at = rand_next(&rand) % b.len;
		char was = b.p[at];
		void *one = NULL, *two = NULL;

		b.p[at] = (char)rand_next(&rand);
		if (object_unpack(OBJECT_SERVICE, b.p, b.len, &one, &e) == 0) {
			buf_clear(&x);
			buf_clear(&y);
			object_pack(one, &x);
			EQ(object_unpack(OBJECT_SERVICE, x.p, x.len, &two, &e),
			   0);
			object_pack(two, &y);
			OK(x.len == y.len && memcmp(x.p, y.p, x.len) == 0);
		}
		object_unref(one);
		object_unref(two);
		b.p[at] = was;
	}
	object_unref(s);
	buf_fini(&b);
	buf_fini(&x);
	buf_fini(&y);
}
