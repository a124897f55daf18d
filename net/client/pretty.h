/* pretty.h - `inspect --pretty`: one object for people (facts 1.9). */
#ifndef NET_CLIENT_PRETTY_H
#define NET_CLIENT_PRETTY_H

#include <jansson.h>

#include "net/client/format.h"

/* Writes one object; it may ask the daemon for names. */
typedef void (*pretty_fn)(struct cli *cli, const json_t *object,
			  struct buf *out);

/* As inspect_print(): all refs, found ones are printed. */
int pretty_print(struct cli *cli, const struct strings *refs, inspect_fn get,
		 pretty_fn write);

void pretty_node(struct cli *cli, const json_t *node, struct buf *out);
void pretty_service(struct cli *cli, const json_t *service, struct buf *out);

#endif
