/* id.c - see id.h. */
#include "core/base/id.h"

#include <string.h>

#include "core/base/rand.h"

void
id_make(uint64_t *rand_state, char ret[ID_LEN + 1])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	for (int i = 0; i < ID_LEN; i++)
		ret[i] = digits[rand_next(rand_state) % 36];
	ret[ID_LEN] = '\0';
}

void
container_id_make(uint64_t *rand_state, char ret[CONTAINER_ID_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < CONTAINER_ID_LEN; i++)
		ret[i] = digits[rand_next(rand_state) & 15];
	ret[CONTAINER_ID_LEN] = '\0';
}

bool
id_valid(const char *s)
{
	return s != NULL && strlen(s) == ID_LEN &&
	       strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz") == ID_LEN;
}
