/*
 * random_test.c - clusters to which everything happens in any order: lost,
 * repeated and late messages, partitions, disks that stall, crashes that lose
 * what was not synced, members that come and go, hand-overs, snapshots,
 * reads. The invariants are checked after each step (cluster.h). Then the
 * faults end, and the cluster must come to one mind.
 */
#include "test/unit/core/raft/cluster.h"

#define STEPS 1500

static uint32_t cut_now, stalled_now, paused_now;
static uint64_t value;

/* What came about, over all seeds: a fault that never happens tests nothing. */
static struct {
	uint64_t commits, leaders, crashes, joins, promotions, removals;
	uint64_t left_office, transfers, reads, reads_lost;
} seen;

static uint32_t
dice(uint32_t sides)
{
	return (uint32_t)(rand_next(&rnd) % sides);
}

static void
deliver_one(uint32_t how)
{
	size_t at = dice((uint32_t)wire_count);
	struct wire *t;

	/* Mostly in order, as over one connection. */
	if (dice(3) != 0)
		at = 0;
	if (is_cut(paused_now, wires[at]->msg.to))
		return; /* it waits in a socket */
	if (is_cut(cut_now, wires[at]->msg.to) !=
	    is_cut(cut_now, wires[at]->msg.from))
		how = 0;
	if (how == 1) { /* this is a copy, the other one is still to come */
		deliver(wires[at]);
		return;
	}
	t = take_wire(at);
	if (how != 0)
		deliver(t);
	wire_free(t);
}

static void
add_or_promote(uint32_t lead)
{
	const struct raft_members *now = raft_members(m[lead].raft);
	uint32_t i = dice(member_count + (member_count < SLOTS));
	int r;

	for (uint32_t k = 0; k < now->count; k++) {
		if (!now->learner[k] ||
		    !raft_is_caught_up(m[lead].raft, now->id[k]))
			continue;
		r = change(lead, RAFT_PROMOTE, now->id[k]);
		seen.promotions += r == 0;
		return;
	}
	if (i > member_count)
		return;
	/* A slot is used again once its member's removal is committed. */
	for (uint32_t k = 0; k < SLOTS && i < member_count; k++)
		if (i == lead || m[i].id == m[lead].members.id[k] ||
		    m[i].id == now->id[k])
			return;
	r = change(lead, RAFT_ADD_LEARNER, newcomer(i));
	seen.joins += r == 0;
}

static void
remove_one(uint32_t lead)
{
	const struct raft_members *now = raft_members(m[lead].raft);
	uint64_t id = now->id[dice(now->count)];
	uint32_t reachable, needed;

	if (dice(4) == 0)
		id = m[lead].id;
	if (raft_can_remove(m[lead].raft, id, &reachable, &needed) < 0)
		return;
	if (change(lead, RAFT_REMOVE, id) != 0)
		return;
	seen.removals++;
	seen.left_office += id == m[lead].id;
}

static void
as_leader(uint32_t what)
{
	int lead = leader(0);

	if (lead < 0)
		return;
	if (what == 0)
		add_or_promote((uint32_t)lead);
	else if (what == 1)
		remove_one((uint32_t)lead);
	else if (raft_transfer(m[lead].raft, 0) == 0)
		seen.transfers++;
	collect((uint32_t)lead);
}

static void
new_faults(void)
{
	cut_now = dice(3) == 0 ? dice(1 << SLOTS) : 0;
	stalled_now = dice(3) == 0 ? BIT(dice(SLOTS)) : 0;
	paused_now = dice(4) == 0 ? BIT(dice(SLOTS)) : 0;
}

static void
crash_one(uint32_t i)
{
	seen.crashes++;
	crash(i, dice((uint32_t)m[i].write_count + 1));
	collect(i);
}

static void
propose_one(uint32_t i)
{
	uint64_t index, term;

	value++;
	if (raft_propose(m[i].raft, &value, sizeof(value), &index, &term) ==
		    0 &&
	    dice(3) != 0) /* else the next one goes with it */
		collect(i);
}

static void
random_step(void)
{
	uint32_t i = dice(member_count);
	uint32_t what = dice(1000);

	if (what < 480 && wire_count > 0)
		deliver_one(what < 15 ? 0 : what < 40 ? 1 : 2);
	else if (what < 680 && m[i].write_count > 0 &&
		 !((stalled_now | paused_now) & BIT(i)))
		write_one(i);
	else if (paused_now & BIT(i))
		now_ms += dice(20);
	else if (what < 780) {
		now_ms += dice(80);
		tick(i);
	} else if (what < 930)
		propose_one(i);
	else if (what < 950)
		(void)read_begin(i);
	else if (what < 970)
		as_leader(0);
	else if (what < 976)
		as_leader(1);
	else if (what < 981)
		as_leader(2);
	else if (what < 986)
		crash_one(i);
	else if (what < 992)
		new_faults();
}

/* I2: an entry that two logs have with one term, and all before it, is one. */
static void
check_logs_match(void)
{
	for (uint32_t a = 0; a < member_count; a++) {
		for (uint32_t b = 0; b < a; b++) {
			bool same = false;
			uint64_t x = min_u64(raft_last_index(m[a].raft),
					     raft_last_index(m[b].raft));

			for (; x > 0; x--) {
				const struct raft_entry *p =
					raft_entry_at(m[a].raft, x);
				const struct raft_entry *q =
					raft_entry_at(m[b].raft, x);
				struct rec r, s;

				if (p == NULL || q == NULL)
					break;
				same = same || p->term == q->term;
				r = rec_of(p);
				s = rec_of(q);
				OK(!same || rec_same(&r, &s));
			}
		}
	}
}

static void
heal_and_check(void)
{
	const struct raft_members *all;
	uint32_t lead;
	uint64_t index;

	cut_now = stalled_now = paused_now = 0;
	pass(8000, 0);
	lead = elect(0);
	pass(3000, 0);
	EQ(leader(0), (int)lead); /* nobody who was removed disturbs it */
	index = propose(lead, ++value);
	OK(read_begin(lead) > 0);
	pass(2000, 0);
	OK(m[lead].applied >= index);
	EQ(m[lead].read_done, m[lead].read_seq);
	all = raft_members(m[lead].raft);
	for (uint32_t k = 0; k < all->count; k++) {
		int s = slot_of(all->id[k]);

		/* Added by a leader that lost its office, and its slot was
		 * used again: one whose host is gone. */
		if (s < 0 && all->learner[k])
			continue;
		OK(s >= 0);
		EQ(m[s].applied, m[lead].applied);
		EQ(m[s].hash, m[lead].hash);
	}
	check_logs_match();
}

static void
one_seed(uint64_t seed)
{
	static const uint32_t sizes[] = { 3, 1, 5, 2, 3, 4, 7 };
	static const uint64_t slacks[] = { 3, 0, 20 };

	cluster(sizes[seed % ARRAY_LEN(sizes)]);
	rnd = seed;
	slack = slacks[dice(ARRAY_LEN(slacks))];
	for (uint32_t i = 0; i < member_count; i++)
		crash(i, 0); /* with that slack */
	value = 0;
	cut_now = stalled_now = paused_now = 0;
	for (int n = 0; n < STEPS; n++) {
		random_step();
		if (n % 128 == 0)
			check_logs_match();
	}
	heal_and_check();
	for (uint32_t i = 0; i < member_count; i++) {
		seen.reads += m[i].read_done;
		seen.reads_lost += m[i].read_failed > 0;
	}
	for (uint64_t t = 0; t < TERMS_MAX; t++)
		seen.leaders += leader_of_term[t] != 0;
	seen.commits += committed_count;
	end();
}

/* RAFT_SEED and RAFT_SEEDS in the environment: other ones, or more. */
static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s != NULL ? strtoull(s, NULL, 10) : otherwise;
}

T(random_clusters_hold_the_invariants_and_come_to_one_mind)
{
	uint64_t first = number("RAFT_SEED", 1);
	uint64_t count = number("RAFT_SEEDS", 3000);
	char name[32];

	memset(&seen, 0, sizeof(seen));
	for (uint64_t seed = first; seed < first + count; seed++) {
		snprintf(name, sizeof(name), "seed %llu",
			 (unsigned long long)seed);
		T_ROW(name);
		one_seed(seed);
	}
	if (getenv("RAFT_SEEDS") != NULL)
		printf("commits %llu leaders %llu crashes %llu joins %llu "
		       "promotions %llu removals %llu left %llu transfers %llu "
		       "installs %llu reads %llu lost %llu\n",
		       (unsigned long long)seen.commits,
		       (unsigned long long)seen.leaders,
		       (unsigned long long)seen.crashes,
		       (unsigned long long)seen.joins,
		       (unsigned long long)seen.promotions,
		       (unsigned long long)seen.removals,
		       (unsigned long long)seen.left_office,
		       (unsigned long long)seen.transfers,
		       (unsigned long long)install_count,
		       (unsigned long long)seen.reads,
		       (unsigned long long)seen.reads_lost);
	if (count < 100)
		return;
	OK(seen.commits > count && seen.leaders > count);
	OK(seen.crashes > 100 && seen.joins > 100 && seen.promotions > 50);
	OK(install_count > 50);
	OK(seen.removals > 50 && seen.left_office > 10);
	OK(seen.transfers > 50 && seen.reads > 100 && seen.reads_lost > 5);
}
