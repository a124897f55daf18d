/*
 * expand.h - templates in a task's specification: {{.Service.Name}},
 * {{.Task.Slot}}, {{.Node.Hostname}} ... (facts 10.2). Environment values,
 * hostname, mount sources and targets may have them.
 */
#ifndef CORE_MODEL_EXPAND_H
#define CORE_MODEL_EXPAND_H

#include "core/model/objects.h"

#define EXPAND_MAX 65536 /* bytes of one expanded text */

/* Any may be NULL; they expand to nothing then. */
struct expand_names {
	const char *service_id, *service_name;
	struct kvs service_labels;
	const char *node_id, *node_hostname, *node_os, *node_arch;
	const char *task_id, *task_name;
	const char *task_slot; /* the number, or the node's id for slot 0 */
};

/* In a, or text itself when there is nothing to expand. */
int expand_text(const char *text, const struct expand_names *n, struct arena *a,
		const char **ret, struct err *e);

/*
 * Expands all that may have templates in s, in place; strings are put in a.
 * With the names left out it tells whether the templates are valid.
 */
int expand_container(struct container_spec *s, const struct expand_names *n,
		     struct arena *a, struct err *e);

#endif
