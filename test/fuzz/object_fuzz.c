/*
 * object_fuzz.c - a packed object: the first byte says of which type. It is
 * refused with a message, or what it packs to is read back as an equal
 * object that packs to the same bytes. (The given bytes may differ from
 * those: tags of newer programs are skipped, numbers may be wider.)
 */
#include <string.h>

#include "core/base/check.h"
#include "core/model/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
pack_again(enum object_type type, const void *one)
{
	struct buf x = { 0 }, y = { 0 };
	struct err e;
	void *two;

	object_pack(one, &x);
	check(object_unpack(type, x.p, x.len, &two, &e) == 0);
	check(model_equal(object_table(type), one, two));
	object_pack(two, &y);
	check(x.len == y.len && memcmp(x.p, y.p, x.len) == 0);
	/* Whatever was taken can be shown. */
	model_json_write(object_table(type), two, &y);
	object_unref(two);
	buf_fini(&x);
	buf_fini(&y);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err e = { "" };
	enum object_type type;
	void *one;

	if (len == 0)
		return 0;
	type = (enum object_type)(1 + data[0] % (OBJECT_TYPE_COUNT - 1));
	if (object_unpack(type, data + 1, len - 1, &one, &e) < 0) {
		check(e.msg[0] != '\0');
		return 0;
	}
	pack_again(type, one);
	object_unref(one);
	return 0;
}
