/*
 * constraint.h - placement constraints: "node.labels.disk==ssd" (facts 4.6).
 * Pure: text in, yes or no out. What users write is checked when a service
 * is made, so that a constraint in the tables always parses; one that does
 * not, matches no node.
 */
#ifndef CORE_MANAGER_CONSTRAINT_H
#define CORE_MANAGER_CONSTRAINT_H

#include "core/base/err.h"
#include "core/model/objects.h"

#define CONSTRAINT_TEXT_MAX 1024 /* bytes of one constraint */

enum constraint_field {
	CONSTRAINT_UNKNOWN, /* matches no node */
	CONSTRAINT_ID,
	CONSTRAINT_HOSTNAME,
	CONSTRAINT_IP,
	CONSTRAINT_ROLE,
	CONSTRAINT_OS,
	CONSTRAINT_ARCH,
	CONSTRAINT_NODE_LABEL,
	CONSTRAINT_ENGINE_LABEL,
};

/* Points into the text it was parsed from: parts are not terminated. */
struct constraint {
	const char *key;
	size_t key_len;
	enum constraint_field field;
	const char *label; /* of the two kinds of labels */
	size_t label_len;
	bool negated; /* != */
	const char *value;
	size_t value_len;
};

/* Fails with -EINVAL in Docker's words: "key 'x y' is invalid". */
int constraint_parse(const char *text, struct constraint *ret, struct err *e);

/* Would every one of texts parse? What validation asks. */
int constraints_check(const struct strings *texts, struct err *e);

bool constraint_matches(const struct constraint *c,
			const struct node_object *n);

/*
 * What a placement preference spreads over: "node.labels.zone" gives the
 * node's value of it, "" where it has none; NULL if it is not a label.
 */
const char *spread_value(const char *descriptor, const struct node_object *n);

/* Does the node satisfy all of them? None given: yes. */
bool constraints_match(const struct strings *texts,
		       const struct node_object *n);

#endif
