/* control_name.c - names for services that come without one. */
#include "core/base/check.h"
#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/manager/control_impl.h"

#define TRIES_MAX 20

static const char *const adjectives[] = {
	"amber",  "ancient", "bold",   "brave",	 "breezy", "bright", "calm",
	"candid", "cheery",  "clever", "cosmic", "crisp",  "daring", "dapper",
	"eager",  "earnest", "fabled", "fair",	 "fleet",  "gentle", "glad",
	"golden", "hardy",   "honest", "humble", "jolly",  "keen",   "kind",
	"lively", "loyal",   "lucid",  "mellow", "merry",  "mighty", "nimble",
	"noble",  "patient", "placid", "plucky", "proud",  "quick",  "quiet",
	"rapid",  "robust",  "serene", "silver", "steady", "sunny",  "swift",
	"tidy",	  "vivid",   "wise",
};

static const char *const animals[] = {
	"badger",    "beaver", "bee",	  "bison",   "bobcat",	"condor",
	"cormorant", "crane",  "cricket", "curlew",  "dolphin", "egret",
	"falcon",    "ferret", "finch",	  "gannet",  "gecko",	"gull",
	"hare",	     "heron",  "ibex",	  "jackdaw", "kestrel", "lark",
	"lemur",     "lynx",   "marmot",  "marten",  "mole",	"moose",
	"narwhal",   "newt",   "ocelot",  "osprey",  "otter",	"owl",
	"pelican",   "plover", "puffin",  "quail",   "raven",	"robin",
	"salmon",    "seal",   "shrew",	  "stork",   "swallow", "tapir",
	"teal",	     "tern",   "walrus",  "wren",
};

const char *
control_random_name(const struct state *state, uint64_t *rand_state,
		    struct arena *a)
{
	const char *name = NULL;

	check(rand_state);
	for (int i = 0; i < TRIES_MAX; i++) {
		uint64_t r = rand_next(rand_state);

		name = arena_printf(a, "%s_%s",
				    adjectives[r % ARRAY_LEN(adjectives)],
				    animals[(r >> 32) % ARRAY_LEN(animals)]);
		if (!state_service_named(state, name))
			return name;
	}
	/* Thousands of services: a number makes it their own. */
	return arena_printf(a, "%s_%llu", name,
			    (unsigned long long)rand_next(rand_state));
}
