/*
 * der.h - DER, written forwards and read with bounds. Readers take one element
 * at a time from what is left and go down by being called again, so depth is
 * what the caller's code is; lengths are definite, minimal and at most
 * DER_LEN_MAX.
 */
#ifndef NET_TLS_DER_H
#define NET_TLS_DER_H

#include "core/base/buf.h"
#include "core/model/type.h"

#define DER_LEN_MAX 65535

enum der_tag {
	DER_BOOL = 0x01,
	DER_INT = 0x02,
	DER_BITS = 0x03,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_UTF8 = 0x0c,
	DER_PRINTABLE = 0x13,
	DER_UTC = 0x17,
	DER_TIME = 0x18,
	DER_SEQ = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT = 0x80,    /* + n: primitive */
	DER_CONTEXT_IN = 0xa0, /* + n: constructed */
};

/* An OID's content octets, without its length: DER_ID("\x55\x04\x03"). */
#define DER_ID(s) ((struct bytes){ (const uint8_t *)(s), sizeof(s) - 1 })

/* ---- writing: between open and close is what the element holds ---- */
size_t der_open(struct buf *out, int tag);
void der_close(struct buf *out, size_t opened);
void der_put(struct buf *out, int tag, const void *p, size_t len);
void der_put_oid(struct buf *out, struct bytes id);
void der_put_uint(struct buf *out, const void *p, size_t len); /* big-endian */
void der_put_bits(struct buf *out, int unused, const void *p, size_t len);
/* Whole seconds, as UTCTime until 2049 and GeneralizedTime after. */
void der_put_time(struct buf *out, int64_t ns);

/* ---- reading: false leaves *from and *ret as they were ---- */
bool der_any(struct bytes *from, int *ret_tag, struct bytes *ret,
	     struct bytes *ret_whole);
bool der_get(struct bytes *from, int tag, struct bytes *ret);
/* The same, and how it is encoded: tag, length and all. */
bool der_get_whole(struct bytes *from, int tag, struct bytes *ret,
		   struct bytes *ret_whole);
bool der_is(const struct bytes *from, int tag); /* is it next? */
/* A time as X.509 has it; what is later than int64_t can say is the last
 * that it can. */
bool der_get_time(struct bytes *from, int64_t *ret_ns);
bool der_get_small(struct bytes *from, int64_t *ret); /* INTEGER, 0 to 2^31 */
/* A BIT STRING of whole bytes. */
bool der_get_bits(struct bytes *from, struct bytes *ret);

bool der_same(struct bytes a, struct bytes b);

#endif
