/*
 * wrong_tokens.c - who brings one wrong join token after the other is not
 * looked at for a while: by address, as there is nothing else to know it by.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/node/node_impl.h"

#define SLOTS 64 /* addresses that are remembered; the oldest goes */
#define FREE 5	 /* wrong ones within WINDOW_MS that are answered */
#define WINDOW_MS 10000

struct wrong_tokens {
	struct {
		char ip[IP_TEXT_MAX];
		uint64_t since_ms, count;
	} v[SLOTS];
};

static size_t
slot_of(const struct wrong_tokens *w, const char *ip)
{
	size_t oldest = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		if (strcmp(w->v[i].ip, ip) == 0)
			return i;
		if (w->v[i].since_ms < w->v[oldest].since_ms)
			oldest = i;
	}
	return oldest;
}

bool
wrong_tokens_too_many(const struct node *n, const char *ip)
{
	const struct wrong_tokens *w = n->wrong_tokens;
	size_t i;

	if (w == NULL)
		return false;
	i = slot_of(w, ip);
	return strcmp(w->v[i].ip, ip) == 0 && w->v[i].count >= FREE &&
	       n->now.mono_ms < w->v[i].since_ms + WINDOW_MS;
}

void
wrong_tokens_note(struct node *n, const char *ip)
{
	struct wrong_tokens *w = n->wrong_tokens;
	size_t i;

	if (w == NULL)
		w = n->wrong_tokens = mem_new(sizeof(*w));
	i = slot_of(w, ip);
	if (strcmp(w->v[i].ip, ip) != 0 ||
	    n->now.mono_ms >= w->v[i].since_ms + WINDOW_MS) {
		snprintf(w->v[i].ip, sizeof(w->v[i].ip), "%s", ip);
		w->v[i].since_ms = n->now.mono_ms;
		w->v[i].count = 0;
	}
	w->v[i].count++;
}

void
wrong_tokens_fini(struct node *n)
{
	mem_free(n->wrong_tokens);
	n->wrong_tokens = NULL;
}
