/* loader_impl.h - shared by loader.c, loader_commit.c and loader_report.c. */
#ifndef EXEC_IMAGE_LOADER_IMPL_H
#define EXEC_IMAGE_LOADER_IMPL_H

#include "core/base/arena.h"
#include "exec/image/archive.h"
#include "exec/image/index.h"
#include "exec/image/layer.h"
#include "exec/image/loader.h"
#include "exec/image/spool.h"

/* A layer that was unpacked by this load, as "layer-HEX" in its directory. */
struct new_layer {
	const char *hex;
	int64_t size;
};

struct loader {
	const struct loader_config *config;
	int tmp; /* this load's own directory */
	char tmp_name[40];
	struct arena a;
	struct spool spool;
	struct archive_plan plan;
	struct image_index index; /* as it was at the start */
	struct layer_budget budget;
	struct new_layer *layers;
	size_t layer_count, layer_cap;
	/* what progress lines are about */
	struct unzip *at;
	const char *at_hex;
	uint64_t at_total;
	uint64_t said_ms;
};

/* The directory of a new layer, below the load's own. */
#define NEW_LAYER_NAME_MAX (sizeof("layer-") + DIGEST_HEX_LEN)
void new_layer_name(const char *hex, char ret[NEW_LAYER_NAME_MAX]);

/* Moves all that is new into place and replaces the index. */
int loader_commit(struct loader *l, struct err *e);

void loader_say_progress(struct loader *l, bool last);
void loader_say_stream(struct loader *l, const char *fmt, ...)
	printf_like(2, 3);
void loader_say_error(struct loader *l, const char *why);

#endif
