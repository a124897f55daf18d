/* id.h - object ids as Swarm makes them: 25 characters of base 36. */
#ifndef CORE_BASE_ID_H
#define CORE_BASE_ID_H

#include "core/base/base.h"

#define ID_LEN 25
#define CONTAINER_ID_LEN 64

/* Both terminate; both draw from the generator that state is. */
void id_make(uint64_t *rand_state, char ret[ID_LEN + 1]);
void container_id_make(uint64_t *rand_state, char ret[CONTAINER_ID_LEN + 1]);
bool id_valid(const char *s);

#endif
