/* log.c - the entries in memory: an array that is cut at both ends. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"
#include "core/raft/raft_impl.h"

static struct raft_entry *
place(const struct raft_log *l, uint64_t index)
{
	return &l->v[l->start + (size_t)(index - l->first)];
}

void
raft_log_fini(struct raft_log *l)
{
	for (size_t i = 0; i < l->count; i++)
		mem_free(l->v[l->start + i].data);
	mem_free(l->v);
	mem_free(l->sum);
	*l = (struct raft_log){ 0 };
}

uint64_t
raft_log_last(const struct raft_log *l)
{
	return l->count > 0 ? l->first + l->count - 1 : 0;
}

const struct raft_entry *
raft_log_at(const struct raft_log *l, uint64_t index)
{
	if (l->count == 0 || index < l->first || index > raft_log_last(l))
		return NULL;
	check(place(l, index)->index == index);
	return place(l, index);
}

uint64_t
raft_log_term(const struct raft_log *l, uint64_t index)
{
	const struct raft_entry *e = raft_log_at(l, index);

	return e != NULL ? e->term : 0;
}

uint64_t
raft_log_last_term(const struct raft_log *l)
{
	return raft_log_term(l, raft_log_last(l));
}

static uint64_t
sum_before(const struct raft_log *l, uint64_t index)
{
	size_t at = l->start + (size_t)(index - l->first);

	return l->sum[at] - l->v[at].len - ENTRY_COST;
}

uint64_t
raft_log_bytes(const struct raft_log *l, uint64_t from, uint64_t to)
{
	from = max_u64(from, l->first);
	to = min_u64(to, raft_log_last(l));
	if (l->count == 0 || from > to)
		return 0;
	return l->sum[l->start + (size_t)(to - l->first)] - sum_before(l, from);
}

uint64_t
raft_log_from(const struct raft_log *l, uint64_t to, uint64_t max)
{
	uint64_t low = l->first, high = to + 1;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (raft_log_bytes(l, mid, to) <= max)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* The room before start is used again once it is half of all. */
static void
close_gap(struct raft_log *l)
{
	if (l->start == 0 || l->start < l->count)
		return;
	if (l->count > 0) {
		memmove(l->v, l->v + l->start, l->count * sizeof(*l->v));
		memmove(l->sum, l->sum + l->start, l->count * sizeof(*l->sum));
	}
	l->start = 0;
}

void
raft_log_append(struct raft_log *l, const struct raft_entry *e)
{
	struct raft_entry *own;
	size_t at;

	check(e->index > 0);
	check(e->term > 0);
	check(l->count == 0 || e->index == raft_log_last(l) + 1);
	check(l->count == 0 || e->term >= raft_log_last_term(l));
	close_gap(l);
	if (l->count == 0)
		l->first = e->index;
	l->v = mem_grow(l->v, l->start + l->count, &l->cap, sizeof(*l->v));
	l->sum = mem_grow(l->sum, l->start + l->count, &l->sum_cap,
			  sizeof(*l->sum));
	at = l->start + l->count++;
	l->sum[at] = (at > l->start ? l->sum[at - 1] : 0) + e->len + ENTRY_COST;
	own = &l->v[at];
	*own = *e;
	own->data = e->len > 0 ? mem_dup(e->data, e->len) : NULL;
}

void
raft_log_cut(struct raft_log *l, uint64_t from)
{
	while (l->count > 0 && raft_log_last(l) >= from) {
		mem_free(place(l, raft_log_last(l))->data);
		l->count--;
	}
}

void
raft_log_trim(struct raft_log *l, uint64_t first)
{
	while (l->count > 1 && l->first < first) {
		mem_free(l->v[l->start].data);
		l->start++;
		l->count--;
		l->first++;
	}
	close_gap(l);
}
