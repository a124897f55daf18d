/*
 * packet.c - a gossip packet as bytes, low byte first:
 *
 *   0 version  1 type  2 flags  3 count of entries  4 seq (4)
 *   8 from (8)  16 incarnation of from (8)  24 subject (8)
 *   32 incarnation of the subject (8)  40 entries
 *
 * An entry says of one member that it is alive, or who accuses it:
 *
 *   0 accusers (bits 0-1), which of them were refused (bits 4-6)
 *   1 ref (8)  9 incarnation (8)  17 low halves of the accusers' refs (4 each)
 */
#include <string.h>

#include "core/base/check.h"
#include "core/gossip/gossip_impl.h"

_Static_assert(PACKET_ENTRIES_MAX <= UINT8_MAX, "the count is a byte");

/* The one bounded reader: past the end it gives 0 and stays bad. */
struct reader {
	const uint8_t *p;
	size_t left;
	bool bad;
};

static uint64_t
get(struct reader *r, unsigned len)
{
	uint64_t v = 0;

	if (r->left < len) {
		r->bad = true;
		return 0;
	}
	for (unsigned i = 0; i < len; i++)
		v |= (uint64_t)r->p[i] << (8 * i);
	r->p += len;
	r->left -= len;
	return v;
}

static void
put(struct packet_writer *w, uint64_t v, unsigned len)
{
	check(w->len + len <= sizeof(w->bytes));
	for (unsigned i = 0; i < len; i++)
		w->bytes[w->len++] = (uint8_t)(v >> (8 * i));
}

static uint64_t
get_incarnation(struct reader *r)
{
	uint64_t v = get(r, 8);

	r->bad = r->bad || v >= INCARNATION_END;
	return v;
}

static uint64_t
get_ref(struct reader *r)
{
	uint64_t v = get(r, 8);

	r->bad = r->bad || v == 0;
	return v;
}

static void
read_entry(struct reader *r, struct packet_entry *ret)
{
	unsigned bits = (unsigned)get(r, 1);

	*ret = (struct packet_entry){ .accuser_count = bits & 3,
				      .refused_by = bits >> 4 & 7 };
	r->bad = r->bad || (bits & ~0x73u) != 0 ||
		 ret->refused_by >> ret->accuser_count != 0;
	ret->ref = get_ref(r);
	ret->incarnation = get_incarnation(r);
	for (unsigned i = 0; i < ret->accuser_count; i++)
		ret->accusers[i] = (uint32_t)get(r, 4);
}

bool
packet_read(const void *p, size_t len, struct packet *ret)
{
	struct reader r = { .p = p, .left = len };
	struct packet_head *h = &ret->head;
	unsigned version, type;

	if (len < PACKET_HEAD || len > GOSSIP_PACKET_MAX)
		return false;
	version = (unsigned)get(&r, 1);
	type = (unsigned)get(&r, 1);
	h->flags = (uint8_t)get(&r, 1);
	ret->count = (unsigned)get(&r, 1);
	h->seq = (uint32_t)get(&r, 4);
	h->from = get_ref(&r);
	h->incarnation = get_incarnation(&r);
	h->subject = get_ref(&r);
	h->subject_incarnation = get_incarnation(&r);
	if (r.bad || version != PACKET_VERSION || type < PACKET_PING ||
	    type > PACKET_NEWS || ret->count > PACKET_ENTRIES_MAX)
		return false;
	h->type = (enum packet_type)type;
	for (unsigned i = 0; i < ret->count && !r.bad; i++)
		read_entry(&r, &ret->entries[i]);
	return !r.bad && r.left == 0;
}

void
packet_begin(struct packet_writer *w, const struct packet_head *head)
{
	w->len = 0;
	put(w, PACKET_VERSION, 1);
	put(w, head->type, 1);
	put(w, head->flags, 1);
	put(w, 0, 1);
	put(w, head->seq, 4);
	put(w, head->from, 8);
	put(w, head->incarnation, 8);
	put(w, head->subject, 8);
	put(w, head->subject_incarnation, 8);
	check(w->len == PACKET_HEAD);
}

bool
packet_put(struct packet_writer *w, const struct packet_entry *entry)
{
	check(entry->accuser_count <= ACCUSERS_MAX);
	check(entry->incarnation < INCARNATION_END);
	if (sizeof(w->bytes) - w->len <
	    PACKET_ENTRY + 4 * (size_t)entry->accuser_count)
		return false;
	put(w, entry->accuser_count | (unsigned)entry->refused_by << 4, 1);
	put(w, entry->ref, 8);
	put(w, entry->incarnation, 8);
	for (unsigned i = 0; i < entry->accuser_count; i++)
		put(w, entry->accusers[i], 4);
	w->bytes[3]++;
	return true;
}
