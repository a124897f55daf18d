/* packet_test.c - gossip packets as bytes: what is written is read, and
 * nothing else is. */
#include "core/gossip/gossip_impl.h"
#include "test/t.h"

static const struct packet_head head = { .type = PACKET_ACK,
					 .flags = 1,
					 .seq = 0x01020304,
					 .from = 0x1112131415161718,
					 .incarnation = 7,
					 .subject = 0x2122232425262728,
					 .subject_incarnation = 9 };
static const struct packet_entry accused = { .ref = 0x3132333435363738,
					     .incarnation = 5,
					     .accuser_count = 2,
					     .refused_by = 2,
					     .accusers = { 100, 0xfffffffe } };
static const struct packet_entry alive = { .ref = 1, .incarnation = 1 };

static void
write_one(struct packet_writer *w)
{
	packet_begin(w, &head);
	OK(packet_put(w, &accused));
	OK(packet_put(w, &alive));
}

T(what_is_written_is_read)
{
	struct packet_writer w;
	struct packet p;

	write_one(&w);
	EQ(w.len, PACKET_HEAD + 2 * PACKET_ENTRY + 8);
	OK(packet_read(w.bytes, w.len, &p));
	EQ(p.head.type, PACKET_ACK);
	EQ(p.head.flags, 1);
	EQ(p.head.seq, 0x01020304);
	OK(p.head.from == head.from && p.head.subject == head.subject);
	EQ(p.head.incarnation, 7);
	EQ(p.head.subject_incarnation, 9);
	EQ(p.count, 2);
	OK(p.entries[0].ref == accused.ref);
	EQ(p.entries[0].incarnation, 5);
	EQ(p.entries[0].accuser_count, 2);
	EQ(p.entries[0].refused_by, 2);
	EQ(p.entries[0].accusers[0], 100);
	EQ(p.entries[0].accusers[1], 0xfffffffe);
	EQ(p.entries[1].accuser_count, 0);
}

T(the_bytes_are_these)
{
	static const uint8_t want[PACKET_HEAD] = {
		1,    2,    1,	  0,	0x04, 0x03, 0x02, 0x01, 0x18, 0x17,
		0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 7,	  0,	0,    0,
		0,    0,    0,	  0,	0x28, 0x27, 0x26, 0x25, 0x24, 0x23,
		0x22, 0x21, 9,	  0,	0,    0,    0,	  0,	0,    0
	};
	struct packet_writer w;

	packet_begin(&w, &head);
	EQ(w.len, PACKET_HEAD);
	OK(memcmp(w.bytes, want, sizeof(want)) == 0);
}

T(a_packet_that_is_cut_or_too_long_is_none)
{
	uint8_t longer[GOSSIP_PACKET_MAX + 1] = { 0 };
	struct packet_writer w;
	struct packet p;

	write_one(&w);
	memcpy(longer, w.bytes, w.len);
	for (size_t len = 0; len < w.len; len++)
		OK(!packet_read(longer, len, &p));
	OK(packet_read(longer, w.len, &p));
	OK(!packet_read(longer, w.len + 1, &p));
	OK(!packet_read(longer, sizeof(longer), &p));
}

T(a_field_that_cannot_be_makes_it_none)
{
	static const struct {
		const char *name;
		size_t at;
		uint8_t byte;
	} rows[] = {
		{ "version", 0, 2 },
		{ "type 0", 1, 0 },
		{ "type past the last", 1, 6 },
		{ "one entry less", 3, 1 },
		{ "one entry more", 3, 3 },
		{ "more entries than fit", 3, 255 },
		{ "incarnation of the sender", 23, 0x40 },
		{ "incarnation of the subject", 39, 0x40 },
		{ "an entry's bits", 40, 0x2a },
		{ "refused by who does not accuse", 40, 0x42 },
		{ "more accusers than follow", 40, 3 },
		{ "an entry's incarnation", 56, 0x80 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct packet_writer w;
		struct packet p;

		T_ROW(rows[i].name);
		write_one(&w);
		w.bytes[rows[i].at] = rows[i].byte;
		OK(!packet_read(w.bytes, w.len, &p));
	}
}

T(a_full_packet_takes_no_more_and_is_read)
{
	struct packet_writer w;
	struct packet p;
	unsigned count = 0;

	packet_begin(&w, &head);
	while (packet_put(&w, &alive))
		count++;
	EQ(count, PACKET_ENTRIES_MAX);
	OK(packet_read(w.bytes, w.len, &p));
	EQ(p.count, count);
}
