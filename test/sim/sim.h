/*
 * sim.h - a whole cluster in one process: hosts with clocks, disks, container
 * runners and daemons, the network between them, and people who ask for
 * things. All that happens follows from the seed.
 *
 * Time is a heap of things that are due. Only what is due gives a node an
 * event; what a node orders is carried out by making things due.
 */
#ifndef TEST_SIM_SIM_H
#define TEST_SIM_SIM_H

#include "core/base/buf.h"
#include "core/base/list.h"
#include "core/node/node.h"
#include "core/state/state.h"
#include "test/sim/trust.h"

#define HOSTS_MAX 110
#define SERVICES 6	 /* names s_0 .. s_5 */
#define GLOBAL_SERVICE 5 /* the one that is global */
#define CONTAINERS_MAX 512
#define IMAGES 2 /* img:0, img:1; img:1 may be missing */
#define HISTORY_MAX 5
#define US_PER_MS UINT64_C(1000)
#define US_PER_S UINT64_C(1000000)

struct world;
struct host;

/* ---- what is due ---------------------------------------------------------
 */

typedef void (*due_fn)(struct world *w, void *ctx, uint64_t arg);
struct due {
	uint64_t at_us;
	uint64_t tie; /* by chance, then by age: none is twice there */
	due_fn fn;
	void *ctx; /* owned by whatever list it is in */
	uint64_t arg;
	struct host *host; /* waits while this one is stopped; or NULL */
};
struct dues {
	struct due *v;
	size_t count, cap;
};

/* ---- the disk ------------------------------------------------------------
 */

#define PENDING_MAX 8

struct disk {
	struct raft_hard hard;
	uint64_t applied;
	struct raft_entry *entries;
	size_t entry_count, entry_cap;
	struct batch_row *rows; /* by table, then key */
	size_t row_count, row_cap;
	/* submitted and not synced, oldest first */
	const struct batch *pending[PENDING_MAX];
	uint64_t due_us[PENDING_MAX];
	size_t pending_count;
};

void disk_write(struct disk *d, const struct batch *b);
void disk_erase(struct disk *d);
void disk_fini(struct disk *d);
/* Borrowed: all points into the disk. */
void disk_stored(const struct disk *d, struct stored *ret);
uint64_t disk_last(const struct disk *d);
/* The term of the entry at index; 0: it is not there. */
uint64_t disk_term(const struct disk *d, uint64_t index);
const char *disk_check(const struct disk *d); /* NULL: whole */
const struct batch_row *disk_row(const struct disk *d, int table,
				 const char *key);

/* ---- the runner ----------------------------------------------------------
 */

struct container {
	char task_id[32];
	char slot_of[64];	 /* service and slot */
	enum runner_phase phase; /* 0: being prepared */
	int64_t pid, started_at, finished_at, exit_code;
	/* orders that wait, in order; the first is being carried out */
	enum runner_verb todo[8];
	uint64_t probe_id[8];
	size_t todo_count;
	uint64_t due_us;  /* when the first is done */
	uint64_t exit_us; /* when it ends by itself */
	int image;
	char address[24];
};

/* ---- a host --------------------------------------------------------------
 */

struct host {
	struct world *w;
	int index;
	char name[16], ip[40];
	bool is_manager;	   /* what it is to join as */
	bool wanted;		   /* to be in the cluster; else it stays out */
	bool off;		   /* no power */
	bool gone;		   /* and it never comes back */
	uint64_t stopped_until_us; /* SIGSTOP; 0: it runs */
	struct dues deferred;	   /* what came meanwhile */

	/* clocks */
	uint64_t mono_us, mono_at_us; /* mono was mono_us at mono_at_us */
	uint64_t rate_ppm;
	int64_t wall_off_ns;

	/* the daemon */
	struct node *node; /* NULL: down */
	uint64_t daemon;   /* how many there were; others' events are void */
	uint64_t timer_us; /* UINT64_MAX: none */
	uint64_t wakeups, same_time, same_us;
	uint64_t started_us;
	bool force_new; /* the next start is force-new-cluster */
	bool stopped;	/* it said that it may end */

	struct disk disk;
	uint64_t sync_us;  /* when the next sync is due; UINT64_MAX: none */
	uint64_t wiped_by; /* the daemon that left a cluster last */
	bool disk_full, disk_full_told;
	uint64_t stall_until_us;
	uint64_t disk_made; /* grows when the disk is another one */
	uint8_t lock[32];   /* what seals the store */
	size_t lock_len;
	uint8_t unlock_key[32];	 /* to be tried, for .. */
	uint64_t unlock_request; /* .. or 0 */

	bool doomed;	      /* it was told to leave */
	uint64_t question;    /* of the operator's, on its way; 0: none */
	uint64_t lost_us;     /* since when it knows no manager that is one */
	uint64_t stranger_us; /* since when the cluster does not know it; 0 */

	struct container *containers;
	size_t container_count, container_cap;
	uint64_t next_pid;
	uint64_t scan_us;   /* when the runner says what it found; 0: it has */
	uint64_t runner_us; /* when it is looked at again */
	bool has_image[IMAGES];
	char refused[32]; /* the task whose host port somebody else has */

	/* the network */
	struct identity_model identity;
	bool listening;
	unsigned port, gossip_port; /* 0: closed */
	uint8_t gossip_keys[4][32];
	size_t gossip_key_count;
	uint64_t inbound_last;

	struct raft_view *view; /* check_raft.c's */
	uint64_t seen_applied;
};

/* ---- what this world is to suffer ------------------------------------------
 */

enum fault {
	FAULT_CRASH,
	FAULT_DEATH, /* of a host */
	FAULT_STOP,  /* SIGSTOP */
	FAULT_PARTITION,
	FAULT_BREAK, /* of one link */
	FAULT_STALL, /* of a disk */
	FAULT_FULL,
	FAULT_LOSS, /* of a disk */
	FAULT_CLOCK,
	FAULT_ADDRESS,
	FAULT_ROLE,
	FAULT_AVAILABILITY,
	FAULT_LEAVE,
	FAULT_REMOVE, /* node rm */
	FAULT_TOKEN,
	FAULT_ROOT,
	FAULT_LOCK,
	FAULT_IMAGE,
	FAULTS,
};

struct plan {
	int managers, workers;
	uint64_t chaos_ms;
	uint64_t election_ms, heartbeat_ms;
	int clients;
	uint64_t ask_ms; /* a client pauses up to so long */
	uint64_t latency_us, jitter_us;
	uint64_t sync_ms;      /* at most, as a rule */
	unsigned loss, repeat; /* of gossip's packets, of 1000 */
	unsigned at_effect;    /* a crash at one of so many effects; 0: none */
	uint64_t every_ms[FAULTS]; /* on average; 0: never */
	bool refuse_large;	   /* entries of raft */
	uint64_t slack;		   /* entries that raft keeps; 0: its own */
	bool drift;
	bool after_forming; /* chaos begins when all have joined */
	bool lose_majority; /* for good: force-new-cluster */
};
void plan_make(struct world *w, struct plan *p);

/* ---- the world --------------------------------------------------------------
 */

struct world {
	uint64_t seed, rnd;
	uint64_t us;
	struct dues dues;
	uint64_t tie;
	struct plan plan;
	struct host *hosts;
	int host_count;
	bool calm; /* nothing fails any more */

	/* net.c, packets.c */
	struct list wires, packets;
	uint8_t cut[HOSTS_MAX][HOSTS_MAX]; /* nothing goes from .. to .. */
	uint64_t cut_since_us[HOSTS_MAX][HOSTS_MAX];
	/* trust.c */
	struct list reports;
	uint64_t next_key;

	/* ask.c, client.c, admin.c */
	struct list asked;
	uint64_t next_request;
	struct client *clients;
	struct history *history; /* of SERVICES */
	uint64_t next_rev;
	bool leaving; /* the only manager: what there is goes */
	struct admin *admin;

	/* check*.c */
	struct raft_log_view *raft_view;
	struct seen_task *seen;
	size_t seen_count, seen_cap;
	uint64_t seen_applied; /* the tables were looked at up to here */

	uint64_t hash;
	uint64_t steps, crashes, replies, acked, links, leaders;
	bool trace, failed;
	char reason[256];
};

/* The history so far goes into one number. */
void world_mix(struct world *w, const void *p, size_t len);
void world_fail(struct world *w, const char *fmt, ...) printf_like(2, 3);
void world_trace(struct world *w, const char *fmt, ...) printf_like(2, 3);
uint64_t dice(struct world *w, uint64_t sides); /* 0 .. sides - 1 */
bool chance(struct world *w, uint64_t one_of);	/* never while it is calm */
/* fn is called at at_us; not while h (if not NULL) is stopped. */
void world_at(struct world *w, struct host *h, uint64_t at_us, due_fn fn,
	      void *ctx, uint64_t arg);
void world_run(struct world *w, uint64_t until_us);
void dues_fini(struct dues *d);

/* ---- host.c -------------------------------------------------------------- */

struct now host_now(const struct host *h);
void host_init(struct host *h, struct world *w, int index);
void host_fini(struct host *h);
void host_give(struct host *h, const struct event *ev);
/* An event that brings nothing, once the host is not stopped. */
void host_poke(struct host *h, enum event_type type);
/* It runs, and may be given things to do. */
bool host_answers(const struct host *h);
void host_start(struct host *h);
void host_crash(struct host *h); /* it is down, and stays so */
void host_start_later(struct host *h, uint64_t after_ms);
void host_die(struct host *h); /* no power */
void host_power_on(struct host *h);
void host_stop(struct host *h, uint64_t ms);
void host_continue(struct host *h);
void host_jump(struct host *h, int64_t wall_off_ns);
void host_lose_disk(struct host *h);
void host_disk_full(struct host *h, bool full);
void host_move(struct host *h); /* to another address */
void host_drain(struct host *h);

/* ---- runner.c ------------------------------------------------------------ */

void runner_take(struct host *h, const struct runner_order *o);
void runner_arm(struct host *h);
void runner_started(struct host *h);
void runner_daemon_died(struct host *h);
void runner_host_died(struct host *h);
void runner_refuse(struct host *h); /* a port, some time from now */
size_t runner_running(const struct host *h, const char *task_id);

/* ---- net.c, packets.c ---------------------------------------------------- */

void net_init(struct world *w);
void net_fini(struct world *w);
void net_order(struct host *h, const struct link_order *o);
void net_daemon_died(struct host *h);
void net_forget(struct host *h); /* nobody any more: all links go down */
void net_moved(struct host *h);
/* Nothing goes from one host to another any more, or all does again. */
void net_cut(struct world *w, int from, int to, bool cut);
void net_break_one(struct world *w);
bool net_path(const struct world *w, const struct host *from,
	      const struct host *to);
uint64_t net_latency_us(struct world *w);
struct host *net_host_at(struct world *w, const char *addr, unsigned *ret_port);

void packets_order(struct host *h, const struct gossip_order *o);
void packets_fini(struct world *w);

/* ---- trust.c --------------------------------------------------------------
 */

void trust_take_order(struct host *h, const struct trust_order *o);
void trust_reports_fini(struct world *w);

/* ---- ask.c -----------------------------------------------------------------
 */

struct answer {
	int status; /* 0: the connection broke; -1: nobody waits any more */
	const char *body;
	size_t len;
};
typedef void (*answer_fn)(struct world *w, void *ctx, uint64_t arg,
			  const struct answer *a);
struct question {
	enum op op;
	const char *target;
	struct kv query[6];
	uint32_t query_count;
	const char *body;
	const char *key; /* the request's own, or NULL */
	answer_fn fn;
	void *ctx;
	uint64_t arg;
};
/* Gives its number; fn is called once, and asks nothing itself. */
uint64_t ask(struct host *h, const struct question *q);
void ask_hang_up(struct world *w, uint64_t id);
void ask_take(struct host *h, const struct effect *e);
void ask_daemon_died(struct host *h);
void ask_fini(struct world *w);

/* ---- client.c, linear.c ----------------------------------------------------
 */

void clients_start(struct world *w);
void clients_stop(struct world *w);
void clients_fini(struct world *w);
/* Reads all that there is once more, through several managers; false: not
 * all is read yet. */
bool clients_read_all(struct world *w);
void clients_forget(struct world *w); /* the cluster is another one */
void clients_begin_with(struct world *w, const struct state *s);

enum op_kind { OP_READ = 1, OP_CREATE, OP_CAS, OP_REMOVE };
/* FAILED: because of what the register held; VOID: it did nothing, whatever
 * that was; UNKNOWN: it may still take effect. */
enum op_end { OP_OPEN, OP_OK, OP_FAILED, OP_UNKNOWN, OP_VOID };
struct op_record {
	enum op_kind kind;
	enum op_end end;
	uint64_t from, to; /* CAS; READ: to is what was read; CREATE: to */
	uint64_t called, returned;
};
struct history {
	struct op_record *v;
	size_t count, cap;
	uint64_t clock;
	uint64_t first; /* what the register held at first */
};
/* NULL: there is an order in which all is as it was answered. */
const char *linear_check(const struct history *h);

/* ---- admin.c
 * ----------------------------------------------------------------- */

void admin_start(struct world *w);
void admin_fini(struct world *w);
struct host *admin_leader(struct world *w); /* NULL: none now */
const struct node_object *admin_node_of(struct world *w, const struct host *h);
void admin_role(struct world *w);
void admin_availability(struct world *w);
void admin_leave(struct world *w);
void admin_remove(struct world *w);
void admin_token(struct world *w);
void admin_root(struct world *w);
void admin_lock(struct world *w);
bool admin_may_lose(struct world *w, const struct host *h);
bool admin_has_formed(struct world *w);
bool admin_is_manager(const struct host *h); /* by its disk */
/* Asks for what must be, so that the end can be judged. */
void admin_finish(struct world *w);

/* ---- plan.c
 * ------------------------------------------------------------------ */

void faults_start(struct world *w);
void faults_stop(struct world *w);

/* ---- check*.c
 * ------------------------------------------------------------------ */

void check_init(struct world *w);
void check_fini(struct world *w);
/* After each event that a node took. */
void check_step(struct host *h);
void check_started(struct host *h);
void check_ports(struct host *h, const struct port_wish *v, size_t count);
void check_order(struct host *h, const struct runner_order *o);
void check_disk_lost(struct host *h);
/* NULL: all has come to rest as it was asked for. */
const char *check_rest(struct world *w);
void check_end(struct world *w);
void check_dump(struct world *w);
const char *check_soonest(const struct host *h);
void check_tables(struct host *h);
const char *check_services(struct host *leader, char *why, size_t size);

/* check_raft.c */
void raft_view_init(struct world *w);
void raft_view_fini(struct world *w);
void raft_view_step(struct host *h);
void raft_view_started(struct host *h);
void raft_view_reset(struct world *w); /* the cluster is another one */
void raft_view_said(struct host *h, const struct raft_msg *m);
const char *raft_view_rest(struct world *w, char *why, size_t size);

/* ---- planted.c: what the linker leads here
 * --------------------------------------- */

enum bug {
	BUG_NONE,
	BUG_VOTE_SAID,
	BUG_VOTES_TWICE,
	BUG_OLD_TERM,
	BUG_SELF_ACK,
	BUG_EARLY_ACK,
	BUG_TWO_CHANGES,
	BUG_SNAPSHOT_ROWS,
	BUG_READ,
	BUG_ORDER,
	BUGS,
};
extern enum bug planted_bug;
const char *planted_name(enum bug b);
void planted_world(struct world *w); /* whose node is stepped from now on */
void planted_host(struct host *h);

#endif
