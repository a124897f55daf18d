/* map.c - see map.h. */
#include "core/base/map.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/mem.h"

struct map_slot {
	const char *key; /* NULL: free */
	void *value;
	uint64_t hash;
};

void
map_init(struct map *m, uint64_t seed)
{
	*m = (struct map){ .seed = seed };
}

void
map_fini(struct map *m)
{
	mem_free(m->slots);
	map_init(m, m->seed);
}

/* FNV-1a over the seed and the key, with a final mix. */
static uint64_t
hash_of(const struct map *m, const char *key)
{
	uint64_t h = m->seed ^ UINT64_C(0xcbf29ce484222325);

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
	h = (h ^ (h >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ (h >> 29);
}

/* The slot that holds key, or the free one where it would go. */
static size_t
find(const struct map *m, const char *key, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);

	while (m->slots[i].key != NULL) {
		if (m->slots[i].hash == hash &&
		    strcmp(m->slots[i].key, key) == 0)
			break;
		i = (i + 1) & (m->cap - 1);
	}
	return i;
}

static void
grow(struct map *m)
{
	struct map old = *m;

	m->cap = old.cap ? old.cap * 2 : 16;
	m->slots = mem_new_array(m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++) {
		struct map_slot *s = &old.slots[i];

		if (s->key != NULL)
			m->slots[find(m, s->key, s->hash)] = *s;
	}
	mem_free(old.slots);
}

void *
map_get(const struct map *m, const char *key)
{
	if (m->cap == 0)
		return NULL;
	return m->slots[find(m, key, hash_of(m, key))].value;
}

void *
map_put(struct map *m, const char *key, void *value)
{
	uint64_t hash = hash_of(m, key);
	struct map_slot *s;
	void *old;

	check(value != NULL);
	if (m->count * 4 >= m->cap * 3)
		grow(m);
	s = &m->slots[find(m, key, hash)];
	old = s->value;
	if (s->key == NULL)
		m->count++;
	*s = (struct map_slot){ key, value, hash };
	return old;
}

void *
map_del(struct map *m, const char *key)
{
	size_t hole, i;
	void *old;

	if (m->cap == 0)
		return NULL;
	hole = find(m, key, hash_of(m, key));
	old = m->slots[hole].value;
	if (old == NULL)
		return NULL;
	for (i = (hole + 1) & (m->cap - 1); m->slots[i].key != NULL;
	     i = (i + 1) & (m->cap - 1)) {
		size_t home = m->slots[i].hash & (m->cap - 1);

		if (((i - home) & (m->cap - 1)) < ((i - hole) & (m->cap - 1)))
			continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole] = (struct map_slot){ 0 };
	m->count--;
	return old;
}
