/*
 * disk.c - batches: one fills while at most BATCHES_MAX are being written,
 * so that under load one sync serves all that came meanwhile.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/node/node_impl.h"

static struct batch *
filling(struct node *n)
{
	if (n->filling == NULL)
		n->filling = batch_new(n->batch_seq);
	return n->filling;
}

struct batch *
disk_batch(struct node *n)
{
	n->filling_urgent = true;
	return filling(n);
}

/*
 * For rows that follow from entries which are on the disk: a restart would
 * make them again. They wait for a batch that is needed anyway, so that a
 * change costs one sync, but not for long, so that a restart has little to do.
 */
struct batch *
disk_batch_later(struct node *n)
{
	if (n->filling_due_ms == 0)
		n->filling_due_ms = n->now.mono_ms + LATER_MS;
	return filling(n);
}

uint64_t
disk_deadline(const struct node *n)
{
	bool waits = n->filling_due_ms != 0 && n->sent_count < BATCHES_MAX;

	return waits ? n->filling_due_ms : UINT64_MAX;
}

/* Something asks for it, or it has waited long enough. */
static bool
is_due(const struct node *n)
{
	if (n->filling == NULL || batch_is_empty(n->filling))
		return false;
	return n->filling_urgent ||
	       (n->filling_due_ms != 0 && n->filling_due_ms <= n->now.mono_ms);
}

void
disk_identity(struct node *n, const char *key, const void *p, size_t len)
{
	batch_row_put(disk_batch(n), TABLE_IDENTITY, key, p, len);
}

/* What raft wants written goes in last: one write of raft's, one batch. */
static uint64_t
take_raft_write(struct node *n)
{
	struct raft_write w;
	struct batch *b;

	if (n->raft == NULL || !raft_write_next(n->raft, &w))
		return 0;
	b = disk_batch(n);
	b->hard_dirty = w.hard_dirty;
	b->hard = w.hard;
	b->truncate_from = w.truncate_from;
	for (size_t i = 0; i < w.entry_count; i++)
		batch_entry_add(b, &w.entries[i]);
	return w.seq;
}

/* The applied index and the log's tail end do not ask for a write of their
 * own: they go along. */
static void
add_passengers(struct node *n, struct batch *b)
{
	uint64_t first;

	if (n->raft == NULL)
		return;
	if (n->applied > n->applied_sent) {
		b->applied = n->applied;
		n->applied_sent = n->applied;
	}
	first = n->trimmed > 0 ? raft_trim(n->raft, n->trimmed) : 0;
	if (first > 1)
		b->trim_below = first;
}

void
disk_flush(struct node *n)
{
	while (n->sent_count < BATCHES_MAX) {
		struct sent_batch sent = { 0 };

		sent.raft_seq = take_raft_write(n);
		if (!is_due(n))
			return;
		add_passengers(n, n->filling);
		check(n->filling->seq == n->batch_seq);
		sent.seq = n->batch_seq++;
		sent.applied = n->applied_sent;
		n->sent[n->sent_count++] = sent;
		effect_add(n, EFFECT_PERSIST)->batch = n->filling;
		n->filling = NULL;
		n->filling_urgent = false;
		n->filling_due_ms = 0;
	}
}

static void
one_persisted(struct node *n, const struct sent_batch *sent)
{
	struct raft_event ev = { .type = RAFT_PERSISTED,
				 .now_ms = n->now.mono_ms,
				 .seq = sent->raft_seq };

	check(sent->seq == n->durable_seq + 1);
	n->durable_seq = sent->seq;
	if (n->raft == NULL || sent->seq <= n->wiped_seq)
		return;
	n->trimmed = max_u64(n->trimmed, sent->applied);
	if (sent->raft_seq != 0)
		raft_step(n->raft, &ev);
}

void
disk_persisted(struct node *n, uint64_t seq)
{
	check(seq < n->batch_seq);
	while (n->sent_count > 0 && n->sent[0].seq <= seq) {
		struct sent_batch sent = n->sent[0];

		n->sent_count--;
		memmove(n->sent, n->sent + 1, n->sent_count * sizeof(sent));
		one_persisted(n, &sent);
	}
}

/* What is on its way waits: none of it was acknowledged, and who waits for
 * an answer is told now. */
void
disk_is_full(struct node *n)
{
	n->disk_full = true;
	change_waits(n);
}

/* After a wipe: what was not sent is void, and what was sent is gone. */
void
disk_forget(struct node *n)
{
	batch_free(n->filling);
	n->filling = NULL;
	n->filling_urgent = false;
	n->filling_due_ms = 0;
	n->worker_row_seq = 0; /* what it was in is gone */
	n->wiped_seq = n->batch_seq - 1;
	n->applied = n->applied_sent = n->trimmed = 0;
}
