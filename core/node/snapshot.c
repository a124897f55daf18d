/*
 * snapshot.c - the state for a manager that lacks too much of the log: a
 * list of references to the immutable objects of one applied index, packed
 * piece by piece while writes go on, and put together at the other end.
 *
 * The bytes are records: one byte of kind (an object's type; ENTRY for the
 * log's entry at the index, which comes first), four of length (highest
 * first), and the packed object or entry.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/node/consensus.h"
#include "core/node/node_impl.h"

#define PIECE_BYTES 262144
#define RECORD_HEAD 5
#define RECORD_BYTES_MAX 16777216
#define ENTRY 255    /* kind */
#define ENTRY_HEAD 9 /* its term, its kind */

/* ---- sending ------------------------------------------------------------
 */

struct snapshot_source {
	struct list link;
	uint64_t to, index;
	void **objects; /* one reference each */
	size_t object_count, next;
	struct buf out; /* packed and not yet acknowledged, from offset on */
	uint64_t offset;
};

static void
source_free(struct snapshot_source *s)
{
	list_remove(&s->link);
	for (size_t i = 0; i < s->object_count; i++)
		object_unref(s->objects[i]);
	mem_free(s->objects);
	buf_fini(&s->out);
	mem_free(s);
}

static struct snapshot_source *
source_find(struct node *n, uint64_t to)
{
	list_each (it, &n->snapshots) {
		struct snapshot_source *s =
			container_of(it, struct snapshot_source, link);

		if (s->to == to)
			return s;
	}
	return NULL;
}

static void
put_head(struct buf *out, int kind, size_t len)
{
	buf_putc(out, (char)kind);
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_putc(out, (char)(len >> shift));
}

static void
put_entry(struct buf *out, const struct raft_entry *e)
{
	put_head(out, ENTRY, ENTRY_HEAD + e->len);
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_putc(out, (char)(e->term >> shift));
	buf_putc(out, (char)e->kind);
	buf_put(out, e->data, e->len);
}

static void
put_object(struct buf *out, const void *object)
{
	struct buf packed = { 0 };

	object_pack(object, &packed);
	put_head(out, ((const struct object *)object)->type, packed.len);
	buf_put(out, packed.p, packed.len);
	buf_fini(&packed);
}

static void
pin_objects(struct node *n, struct snapshot_source *s)
{
	size_t total = 0;

	for (int t = OBJECT_CLUSTER; t < OBJECT_TYPE_COUNT; t++)
		total += state_count(n->state, (enum object_type)t);
	s->objects = mem_new_array(total, sizeof(*s->objects));
	for (int t = OBJECT_CLUSTER; t < OBJECT_TYPE_COUNT; t++)
		for (size_t i = 0;
		     i < state_count(n->state, (enum object_type)t); i++)
			s->objects[s->object_count++] = object_ref(
				state_at(n->state, (enum object_type)t, i));
}

/* NULL: the state has gone on past the index, or it is not in memory. */
static struct snapshot_source *
source_begin(struct node *n, const struct raft_msg *m)
{
	const struct raft_entry *at = raft_entry_at(n->raft, m->index);
	struct snapshot_source *s;

	if (m->offset != 0 || m->index != n->applied || at == NULL)
		return NULL;
	s = mem_new(sizeof(*s));
	s->to = m->to;
	s->index = m->index;
	list_append(&n->snapshots, &s->link);
	pin_objects(n, s);
	put_entry(&s->out, at);
	return s;
}

bool
snapshot_fill(struct node *n, struct raft_msg *m)
{
	struct snapshot_source *s = source_find(n, m->to);

	if (s != NULL && (s->index != m->index || s->offset > m->offset)) {
		source_free(s);
		s = NULL;
	}
	if (s == NULL)
		s = source_begin(n, m);
	if (s == NULL || m->offset - s->offset > s->out.len) {
		raft_snapshot_restart(n->raft, m->to);
		return false;
	}
	/* What lies before the offset has arrived. */
	buf_drop(&s->out, (size_t)(m->offset - s->offset));
	s->offset = m->offset;
	while (s->out.len < PIECE_BYTES && s->next < s->object_count)
		put_object(&s->out, s->objects[s->next++]);
	m->len = min_u64(s->out.len, PIECE_BYTES);
	m->data = s->out.p;
	m->done = s->next == s->object_count && m->len == s->out.len;
	return true;
}

void
snapshot_tick(struct node *n)
{
	list_each_safe (it, tmp, &n->snapshots) {
		struct snapshot_source *s =
			container_of(it, struct snapshot_source, link);

		if (n->raft == NULL ||
		    raft_snapshot_of(n->raft, s->to) != s->index)
			source_free(s);
	}
}

/* ---- receiving ----------------------------------------------------------- */

struct snapshot_sink {
	struct state *state; /* that becomes this node's */
	struct raft_entry at;
	bool has_entry;
	struct buf in;	    /* a record that is not whole yet */
	struct arena entry; /* at.data */
};

static void
sink_free(struct node *n)
{
	struct snapshot_sink *k = n->snapshot_sink;

	if (k == NULL)
		return;
	n->snapshot_sink = NULL;
	state_free(k->state);
	buf_fini(&k->in);
	arena_fini(&k->entry);
	mem_free(k);
}

static struct snapshot_sink *
sink_begin(struct node *n)
{
	struct snapshot_sink *k = mem_new(sizeof(*k));

	sink_free(n);
	k->state = state_new(rand_next(&n->rand_state));
	arena_init(&k->entry);
	n->snapshot_sink = k;
	return k;
}

static bool
take_entry(struct snapshot_sink *k, const struct raft_piece *piece,
	   const uint8_t *p, size_t len)
{
	uint64_t term = 0;

	if (k->has_entry || len < ENTRY_HEAD)
		return false;
	for (int i = 0; i < 8; i++)
		term = term << 8 | p[i];
	if (p[8] < RAFT_NOOP || p[8] > RAFT_CONFIG)
		return false;
	k->has_entry = true;
	k->at = (struct raft_entry){
		.index = piece->index,
		.term = term,
		.kind = (enum raft_entry_kind)p[8],
		.len = len - ENTRY_HEAD,
	};
	k->at.data = arena_dup(&k->entry, p + ENTRY_HEAD, k->at.len);
	return true;
}

static bool
take_object(struct snapshot_sink *k, int kind, const uint8_t *p, size_t len)
{
	enum object_type type = (enum object_type)kind;
	const struct object *head;
	void *object;
	struct err e;

	if (kind < OBJECT_CLUSTER || kind >= OBJECT_TYPE_COUNT ||
	    object_unpack(type, p, len, &object, &e) < 0)
		return false;
	head = object;
	if (str_empty(head->id) || state_get(k->state, type, head->id)) {
		object_unref(object);
		return false;
	}
	state_load(k->state, object);
	return true;
}

/* All records that are whole; false: these are not bytes of ours. */
static bool
take_records(struct snapshot_sink *k, const struct raft_piece *piece)
{
	size_t at = 0;

	while (k->in.len - at >= RECORD_HEAD) {
		const uint8_t *p = (const uint8_t *)k->in.p + at;
		size_t len = (size_t)p[1] << 24 | (size_t)p[2] << 16 |
			     (size_t)p[3] << 8 | p[4];
		bool fine;

		if (len > RECORD_BYTES_MAX)
			return false;
		if (k->in.len - at - RECORD_HEAD < len)
			break;
		fine = p[0] == ENTRY
			       ? take_entry(k, piece, p + RECORD_HEAD, len)
			       : take_object(k, p[0], p + RECORD_HEAD, len);
		if (!fine)
			return false;
		at += RECORD_HEAD + len;
	}
	buf_drop(&k->in, at);
	return true;
}

static void
store_state(struct node *n, const struct raft_members *members)
{
	struct batch *b = disk_batch(n);
	uint8_t packed[RAFT_MEMBERS_PACKED_MAX];
	size_t len = raft_members_pack(members, packed);

	batch_replace_rows(b);
	for (int t = OBJECT_CLUSTER; t < OBJECT_TYPE_COUNT; t++)
		for (size_t i = 0;
		     i < state_count(n->state, (enum object_type)t); i++) {
			const struct object *o =
				state_at(n->state, (enum object_type)t, i);
			struct buf row = { 0 };

			object_pack(o, &row);
			batch_row_put(b, t, o->id, row.p, row.len);
			buf_fini(&row);
		}
	disk_identity(n, ROW_MEMBERS, packed, len);
}

static void
install(struct node *n, const struct raft_piece *piece)
{
	struct snapshot_sink *k = n->snapshot_sink;

	/* It may have led until this very message. */
	member_office(n);
	dispatch_office(n);
	check(n->manager == NULL);
	check(n->dispatcher == NULL);
	if (k->in.len > 0 || !k->has_entry || state_cluster(k->state) == NULL) {
		raft_snapshot_abort(n->raft);
		return;
	}
	if (raft_install(n->raft, &k->at) < 0)
		return;
	state_free(n->state);
	n->state = k->state;
	k->state = NULL;
	n->applied = piece->index;
	store_state(n, &piece->members);
	watch_reset(n);
	alive_reset(n);
	n->manager_dirty = true;
}

void
snapshot_take(struct node *n)
{
	struct raft_piece piece;

	while (raft_snapshot_next(n->raft, &piece)) {
		struct snapshot_sink *k = n->snapshot_sink;

		if (piece.offset == 0)
			k = sink_begin(n);
		if (k == NULL) {
			raft_snapshot_abort(n->raft);
			continue;
		}
		buf_put(&k->in, piece.data, piece.len);
		if (!take_records(k, &piece)) {
			raft_snapshot_abort(n->raft);
			sink_free(n);
			continue;
		}
		if (!piece.done)
			continue;
		install(n, &piece);
		sink_free(n);
	}
}

void
snapshot_fini(struct node *n)
{
	sink_free(n);
	list_each_safe (it, tmp, &n->snapshots)
		source_free(container_of(it, struct snapshot_source, link));
}
