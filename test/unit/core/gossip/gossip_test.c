/* gossip_test.c - who answers, over a network in memory: how soon the dead
 * are known by all, and that the living are not called dead. */
#include "core/gossip/gossip.h"

#include "core/gossip/gossip_impl.h"
#include "test/unit/core/gossip/net.h"

/* So that a manager acts within 3 s. */
#define SILENT_LIMIT_MS 2700
#define REFUSED_LIMIT_MS 1500
#define QUIET_MS 3000 /* until all have found their way */

static const int sizes[] = { 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 20, 31, 50 };

#ifdef SWARM_SANITIZED
#define SEEDS 3
#else
#define SEEDS 40
#endif

struct tally {
	uint64_t max, sum, count;
};

static void
add(struct tally *t, uint64_t ms)
{
	t->max = ms > t->max ? ms : t->max;
	t->sum += ms;
	t->count++;
}

static uint64_t
time_to_death(int count, uint64_t seed, bool refuses, unsigned loss)
{
	struct net n;
	uint64_t took;
	int who;

	net_start(&n, count, seed);
	n.loss = loss;
	net_run(&n, QUIET_MS + rand_next(&n.rand) % 1000);
	who = (int)(rand_next(&n.rand) % (uint64_t)count);
	EQ(n.dead_said, 0);
	if (refuses)
		n.hosts[who].refuses = true;
	else
		n.hosts[who].silent = true;
	took = net_until(&n, who, GOSSIP_DEAD, 20000);
	net_run(&n, 2000);
	EQ(n.dead_said, count - 1); /* each said it once, of nobody else */
	net_end(&n);
	return took;
}

static void
all_die_in_time(bool refuses, unsigned loss, uint64_t limit)
{
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct tally t = { 0 };
		char row[32];

		snprintf(row, sizeof(row), "%d members", sizes[i]);
		T_ROW(row);
		for (uint64_t seed = 1; seed <= SEEDS; seed++)
			add(&t, time_to_death(sizes[i], seed, refuses, loss));
		if (getenv("GOSSIP_SHOW") != NULL)
			printf("%s %2d members, loss %2u: mean %llu max %llu\n",
			       refuses ? "refused" : "silent", sizes[i], loss,
			       (unsigned long long)(t.sum / t.count),
			       (unsigned long long)t.max);
		OK(t.max <= limit);
	}
}

T(a_silent_member_is_dead_to_all_in_time)
{
	all_die_in_time(false, 0, SILENT_LIMIT_MS);
}

T(so_it_is_when_one_packet_in_twenty_is_lost)
{
	all_die_in_time(false, 50, SILENT_LIMIT_MS);
}

T(a_refused_member_is_dead_to_all_sooner)
{
	all_die_in_time(true, 0, REFUSED_LIMIT_MS);
}

static unsigned
deaths_with_a_cut(int count, bool both, unsigned loss, uint64_t seed,
		  unsigned *suspects)
{
	struct net n;
	unsigned dead;

	net_start(&n, count, seed);
	n.loss = loss;
	net_run(&n, QUIET_MS);
	net_cut(&n, 0, 1, true);
	net_cut(&n, 1, 0, both);
	net_run(&n, 60000);
	dead = n.dead_said;
	*suspects = n.suspect_said;
	net_end(&n);
	return dead;
}

T(one_link_cut_kills_nobody)
{
	static const int counts[] = { 3, 4, 5, 20 };
	unsigned suspects;

	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		for (uint64_t seed = 1; seed <= SEEDS / 2 + 1; seed++) {
			int c = counts[i];

			EQ(deaths_with_a_cut(c, false, 0, seed, &suspects), 0);
			EQ(suspects, 0);
			EQ(deaths_with_a_cut(c, true, 0, seed, &suspects), 0);
			EQ(suspects, 0);
		}
}

T(one_link_cut_kills_nobody_where_packets_are_lost)
{
	unsigned suspects;

	for (uint64_t seed = 1; seed <= SEEDS / 2 + 1; seed++) {
		EQ(deaths_with_a_cut(3, true, 50, seed, &suspects), 0);
		EQ(deaths_with_a_cut(5, true, 50, seed, &suspects), 0);
	}
}

T(lost_packets_kill_nobody)
{
	static const int counts[] = { 2, 3, 5, 20, 20, 20, 50 };

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct net n;

		net_start(&n, counts[i], i + 1);
		n.loss = 50;
		net_run(&n, 300000);
		EQ(n.dead_said, 0);
		if (getenv("GOSSIP_SHOW") != NULL)
			printf("5%% loss, %d members, 5 min: each suspects "
			       "%u times\n",
			       counts[i], n.suspect_said / (unsigned)counts[i]);
		net_end(&n);
	}
}

T(a_pause_of_a_second_kills_nobody)
{
	static const int counts[] = { 2, 3, 5, 20, 50 };

	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct net n;
			struct host *h;

			net_start(&n, counts[i], seed);
			net_run(&n, QUIET_MS + rand_next(&n.rand) % 500);
			h = &n.hosts[seed % (uint64_t)counts[i]];
			h->paused_to = n.now + 1000;
			net_run(&n, 6000);
			EQ(n.dead_said, 0);
			for (int j = 0; j < counts[i]; j++)
				EQ(net_until(&n, j, GOSSIP_ALIVE, 1000), 0);
			net_end(&n);
		}
}

T(who_was_stalled_long_accuses_nobody)
{
	struct net n;

	net_start(&n, 10, 7);
	net_run(&n, QUIET_MS);
	n.hosts[3].paused_to = n.now + 10000;
	net_run(&n, 9000);
	EQ(n.dead_said, 9); /* the others, of it */
	net_run(&n, 5000);
	EQ(n.dead_said, 9);
	for (int i = 0; i < 10; i++)
		EQ(n.verdicts[3 * 10 + i] <= GOSSIP_ALIVE, 1);
	EQ(net_until(&n, 3, GOSSIP_ALIVE, 1000), 0);
	net_end(&n);
}

/* Host 3 has asked the suspect in vain, and stops; then all is well again. */
T(who_was_stalled_gives_the_suspect_its_time)
{
	for (uint64_t seed = 1; seed <= SEEDS / 2 + 1; seed++) {
		struct net n;
		const struct member *m;

		net_start(&n, 6, seed);
		net_run(&n, QUIET_MS);
		m = member_find(n.hosts[3].g, member_ref(n.hosts[0].id));
		n.hosts[0].silent = true;
		for (int i = 0; m->asked == ASKED_NOT && i < 200; i++)
			net_run(&n, 10);
		EQ(m->state, GOSSIP_SUSPECT);
		n.hosts[0].silent = false;
		n.hosts[3].paused_to = n.now + 3000;
		n.hosts[3].ticks_first = true;
		net_run(&n, 6000);
		EQ(n.verdicts[3 * 6 + 0], GOSSIP_ALIVE);
		for (int i = 0; i < 6; i++)
			OK(n.verdicts[i * 6 + 0] <= GOSSIP_ALIVE);
		EQ(n.dead_said, 5); /* the others, of host 3 */
		net_end(&n);
	}
}

static uint64_t
time_to_return(int count, uint64_t seed, bool restarts)
{
	struct net n;
	uint64_t took;

	net_start(&n, count, seed);
	net_run(&n, QUIET_MS);
	n.hosts[1].silent = !restarts;
	n.hosts[1].refuses = restarts;
	OK(net_until(&n, 1, GOSSIP_DEAD, 5000) < 5000);
	net_run(&n, 10000);
	if (restarts)
		net_boot(&n, 1);
	n.hosts[1].silent = false;
	took = net_until(&n, 1, GOSSIP_ALIVE, 20000);
	for (int i = 0; i < count; i++)
		OK(net_until(&n, i, GOSSIP_ALIVE, 5000) < 5000);
	net_end(&n);
	return took;
}

T(the_dead_that_answer_are_alive_at_once)
{
	static const int counts[] = { 2, 3, 5, 20, 50 };

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct tally back = { 0 }, again = { 0 };

		for (uint64_t seed = 1; seed <= SEEDS / 2 + 1; seed++) {
			add(&back, time_to_return(counts[i], seed, false));
			add(&again, time_to_return(counts[i], seed, true));
		}
		if (getenv("GOSSIP_SHOW") != NULL)
			printf("back after: %d members: link max %llu, "
			       "restart max %llu\n",
			       counts[i], (unsigned long long)back.max,
			       (unsigned long long)again.max);
		OK(back.max <= 1500);
		OK(again.max <= 500);
	}
}

T(halves_that_lost_each_other_find_each_other)
{
	struct net n;

	net_start(&n, 20, 3);
	net_run(&n, QUIET_MS);
	for (int i = 0; i < 10; i++)
		for (int j = 10; j < 20; j++) {
			net_cut(&n, i, j, true);
			net_cut(&n, j, i, true);
		}
	net_run(&n, 20000);
	EQ(n.dead_said, 200);
	memset(n.cut, 0, 400);
	for (int i = 0; i < 20; i++)
		OK(net_until(&n, i, GOSSIP_ALIVE, 6000) < 6000);
	net_run(&n, 10000);
	EQ(n.dead_said, 200);
	net_end(&n);
}

T(many_deaths_at_once_are_known_in_time)
{
	struct net n;

	for (uint64_t seed = 1; seed <= SEEDS / 4 + 1; seed++) {
		uint64_t took = 0;

		net_start(&n, 50, seed);
		net_run(&n, QUIET_MS);
		for (int i = 0; i < 20; i++)
			n.hosts[i].silent = true;
		for (int i = 0; i < 20; i++)
			took += net_until(&n, i, GOSSIP_DEAD, 20000);
		if (getenv("GOSSIP_SHOW") != NULL)
			printf("20 of 50 at once: %llu\n",
			       (unsigned long long)took);
		OK(took < 4000);
		net_run(&n, 3000);
		EQ(n.dead_said, 600);
		net_end(&n);
	}
}

T(who_starts_late_learns_who_is_dead)
{
	struct net n;

	net_start(&n, 50, 5);
	net_run(&n, QUIET_MS);
	n.hosts[4].silent = n.hosts[9].silent = true;
	net_run(&n, 20000);
	net_boot(&n, 20);
	OK(net_until(&n, 4, GOSSIP_DEAD, 5000) < 5000);
	OK(net_until(&n, 9, GOSSIP_DEAD, 5000) < 5000);
	EQ(n.dead_said, 2 * 47 + 2 * 1 + 2);
	net_end(&n);
}

T(a_member_that_moved_is_found_without_being_told)
{
	char addr[GOSSIP_ADDR_MAX];

	for (uint64_t seed = 1; seed <= SEEDS / 4 + 1; seed++) {
		struct net n;

		net_start(&n, 10, seed);
		net_run(&n, QUIET_MS);
		n.hosts[2].addr_index = 1000;
		net_run(&n, 30000);
		EQ(n.dead_said, 0);
		net_addr(1000, addr);
		EQ_STR(gossip_place(n.hosts[0].g, n.hosts[2].id), addr);
		n.suspect_said = 0;
		net_run(&n, 10000);
		EQ(n.suspect_said, 0);
		net_end(&n);
	}
}

T(who_has_the_address_of_a_dead_member_does_not_answer_for_it)
{
	struct net n;

	net_start(&n, 6, 4);
	net_run(&n, QUIET_MS);
	n.hosts[2].silent = true;
	n.hosts[2].addr_index = 3000;
	n.hosts[3].addr_index = 2;
	OK(net_until(&n, 2, GOSSIP_DEAD, 5000) <= SILENT_LIMIT_MS);
	net_run(&n, 10000);
	EQ(n.dead_said, 5);
	net_end(&n);
}

T(the_address_told_last_is_used_at_once)
{
	struct net n;

	net_start(&n, 5, 1);
	net_run(&n, QUIET_MS);
	n.hosts[2].silent = true;
	OK(net_until(&n, 2, GOSSIP_DEAD, 5000) < 5000);
	n.hosts[2].silent = false;
	n.hosts[2].addr_index = 2000;
	net_addr(2000, n.told[2].addr);
	for (int i = 0; i < 5; i++)
		net_tell(&n, i);
	OK(net_until(&n, 2, GOSSIP_ALIVE, 3000) < 3000);
	n.suspect_said = 0;
	net_run(&n, 5000);
	EQ(n.suspect_said, 0);
	net_end(&n);
}

T(a_thousand_members_cost_each_what_fifty_do)
{
#ifdef SWARM_SANITIZED
	static const int counts[] = { 50, 100 };
#else
	static const int counts[] = { 50, 1000 };
#endif
	uint64_t packets[2], bytes[2];

	for (int i = 0; i < 2; i++) {
		struct net n;

		net_start(&n, counts[i], 1);
		net_run(&n, 2000);
		n.packets = n.bytes = 0;
		net_run(&n, 4000);
		EQ(n.suspect_said, 0);
		packets[i] = n.packets * 10 / 4 / (uint64_t)counts[i];
		bytes[i] = n.bytes / 4 / (uint64_t)counts[i];
		n.hosts[7].silent = true;
		n.packets = 0;
		OK(net_until(&n, 7, GOSSIP_DEAD, 20000) <= SILENT_LIMIT_MS);
		if (getenv("GOSSIP_SHOW") != NULL)
			printf("%d members: %llu.%llu packets, %llu bytes "
			       "a second each; a death: %llu packets each\n",
			       counts[i], (unsigned long long)packets[i] / 10,
			       (unsigned long long)packets[i] % 10,
			       (unsigned long long)bytes[i],
			       (unsigned long long)n.packets /
				       (unsigned)counts[i]);
		EQ(n.dead_said, counts[i] - 1);
		net_end(&n);
	}
	OK(packets[0] <= 200 && packets[1] <= packets[0] + 20);
	OK(bytes[1] <= bytes[0] + 200);
}

/* What a member with the key could say: who is accused, and of what. */
static void
forge(struct net *n, int to, const struct packet_entry *entry)
{
	struct packet_head head = { .type = PACKET_NEWS,
				    .from = member_ref(n->hosts[2].id),
				    .incarnation = 1,
				    .subject = 1 };
	struct packet_writer w;

	packet_begin(&w, &head);
	OK(packet_put(&w, entry));
	gossip_packet(n->hosts[to].g, n->hosts[2].addr, w.bytes, w.len, n->now);
	net_drain(n, to);
}

T(forged_accusations_are_refuted_whatever_they_say)
{
	struct packet_entry entry = { .accuser_count = 3,
				      .refused_by = 7,
				      .accusers = { 1, 2, 3 } };
	static const uint64_t incarnations[] = {
		0,
		1,
		2,
		1000000,
		INCARNATION_WINDOW,
		9 * INCARNATION_WINDOW,
		INCARNATION_END / 2,
	};

	for (int loss = 0; loss <= 50; loss += 50) {
		struct net n;

		net_start(&n, 8, 2);
		n.loss = (unsigned)loss;
		net_run(&n, QUIET_MS);
		for (int i = 0; i < 2000; i++) {
			int about = (int)(rand_next(&n.rand) % 8);

			entry.ref = member_ref(n.hosts[about].id);
			entry.accuser_count =
				rand_next(&n.rand) % 4 > 0 ? 3 : 0;
			entry.refused_by = entry.accuser_count > 0 ? 7 : 0;
			entry.incarnation =
				n.hosts[about].g->self.incarnation +
				incarnations[rand_next(&n.rand) %
					     ARRAY_LEN(incarnations)];
			if (entry.incarnation < INCARNATION_END)
				forge(&n, (int)(rand_next(&n.rand) % 8),
				      &entry);
			net_run(&n, rand_next(&n.rand) % 20);
		}
		OK(n.suspect_said > 100);
		net_run(&n, 5000);
		EQ(n.dead_said, 0);
		for (int i = 0; i < 8; i++)
			EQ(net_until(&n, i, GOSSIP_ALIVE, 2000), 0);
		for (int i = 0; i < 8; i++)
			OK(n.hosts[i].g->self.incarnation <
			   INCARNATION_END / 4);
		net_end(&n);
	}
}

/* A sick member asks slowly; it calls nobody dead before it has. */
T(nobody_is_dead_on_hearsay)
{
	struct packet_entry entry = { .incarnation = 1,
				      .accuser_count = 3,
				      .refused_by = 7,
				      .accusers = { 1, 2, 3 } };
	struct gossip *g;
	struct net n;

	net_start(&n, 3, 2);
	n.hosts[1].silent = n.hosts[2].silent = true;
	g = n.hosts[0].g;
	g->health = HEALTH_MAX;
	entry.ref = member_ref(n.hosts[1].id);
	forge(&n, 0, &entry);
	EQ(gossip_state(g, n.hosts[1].id), GOSSIP_SUSPECT);
	net_run(&n, 3500);
	EQ(gossip_state(g, n.hosts[1].id), GOSSIP_SUSPECT);
	net_run(&n, 1500);
	EQ(gossip_state(g, n.hosts[1].id), GOSSIP_DEAD);
	net_end(&n);
}

/* A ping of host 1 that somebody caught and sends from his own address. */
T(a_packet_sent_again_from_elsewhere_moves_nobody)
{
	struct net n;
	struct packet_writer w;
	struct packet_head head = { .type = PACKET_PING,
				    .seq = 5,
				    .incarnation = 1 };

	net_start(&n, 5, 2);
	net_run(&n, QUIET_MS);
	head.from = member_ref(n.hosts[1].id);
	head.subject = member_ref(n.hosts[0].id);
	packet_begin(&w, &head);
	for (int i = 0; i < 1000; i++) {
		gossip_packet(n.hosts[0].g, "10.9.9.9:1", w.bytes, w.len,
			      n.now);
		net_drain(&n, 0);
		net_run(&n, 10);
	}
	EQ(n.suspect_said, 0);
	net_end(&n);
}

T(a_seed_gives_the_same_history)
{
	uint64_t first = 0;

	for (int i = 0; i < 2; i++) {
		struct net n;

		net_start(&n, 20, 11);
		n.loss = 100;
		net_run(&n, 20000);
		n.hosts[3].silent = true;
		net_run(&n, 5000);
		if (i == 0)
			first = n.bytes ^ n.rand;
		else
			OK(first == (n.bytes ^ n.rand));
		net_end(&n);
	}
}

T(who_does_not_exist_is_dead_and_self_is_alive)
{
	struct gossip_member v[3] = { { "a", "10.0.0.1:1" },
				      { "b", "10.0.0.2:1" },
				      { "c", "10.0.0.3:1" } };
	struct gossip *g = gossip_new("b", 1, 50);
	struct gossip_out o;

	OK(gossip_deadline(g) == UINT64_MAX);
	EQ(gossip_state(g, "b"), GOSSIP_ALIVE);
	EQ(gossip_state(g, "a"), GOSSIP_DEAD);
	gossip_members(g, v, 3, 50);
	OK(!gossip_next(g, &o));
	EQ(gossip_state(g, "a"), GOSSIP_ALIVE);
	EQ(gossip_state(g, "c"), GOSSIP_ALIVE);
	OK(gossip_deadline(g) <= 50 + GOSSIP_PERIOD_MS);
	gossip_members(g, v, 3, 60);
	gossip_members(g, v + 1, 2, 60);
	EQ(gossip_state(g, "a"), GOSSIP_DEAD);
	EQ(gossip_state(g, "b"), GOSSIP_ALIVE);
	gossip_members(g, NULL, 0, 70);
	EQ(gossip_state(g, "c"), GOSSIP_DEAD);
	OK(!gossip_next(g, &o));
	OK(gossip_deadline(g) == UINT64_MAX);
	gossip_free(g);
	gossip_free(NULL);
}
