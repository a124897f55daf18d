/*
 * image.h - images on this host: OCI blobs by digest, layers unpacked once.
 *
 *   ROOT/images/blobs/sha256/HEX     configs and manifests (not layers)
 *   ROOT/images/layers/HEX/          a layer by its diff id, for overlayfs
 *   ROOT/images/index.json           names and digests -> config digests
 *   ROOT/images/tmp/                 what is being loaded; emptied at start
 *
 * Loading is done by a child ("swarm image-loader"), confined to its target
 * directory: it reads the archive from stdin, hashes, unpacks, and writes
 * Docker's JSON progress lines to stdout. Only a load that is whole is moved
 * into place, by rename, and then the index is replaced by rename.
 */
#ifndef EXEC_IMAGE_IMAGE_H
#define EXEC_IMAGE_IMAGE_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/model/objects.h"

struct images;

/* Opens (and makes) root/images; does not hash or copy anything. */
int images_open(const char *root, struct images **ret, struct err *e);
void images_close(struct images *im);
size_t images_count(struct images *im);

/* What a container needs of an image; all of it in the arena. */
struct image_config {
	const char *id;		 /* sha256:... of the config blob */
	const char *reference;	 /* familiar name */
	const char *repo_digest; /* name@sha256:..., or NULL */
	struct strings layers;	 /* absolute directories, lowest first */
	struct strings entrypoint, cmd, env;
	const char *user, *working_dir, *stop_signal;
	struct kvs labels;
	struct strings volumes;	      /* container paths */
	struct strings exposed_ports; /* "80/tcp" */
	struct healthcheck *healthcheck;
	const char *architecture, *os;
	int64_t size;
};

/*
 * Find by name, name:tag, name@digest, id or its unique prefix. The built-in
 * swarm/whoami:latest is always there; its layer is made on first use from
 * this program's own binary. -ENOENT: "No such image: X".
 */
int images_find(struct images *im, const char *ref, struct arena *a,
		struct image_config *ret, struct err *e);

/*
 * The API, whole replies: HTTP status is returned, body is filled. list:
 * GET /images/json (filters); inspect; remove (in_use: config ids that tasks
 * run from; 409 without force); prune; distribution (facts 12.3).
 */
int images_api_list(struct images *im, const char *filters_json, bool all,
		    struct buf *body);
int images_api_inspect(struct images *im, const char *ref, struct buf *body);
int images_api_remove(struct images *im, const char *ref, bool force,
		      const struct strings *in_use, struct buf *body);
int images_api_prune(struct images *im, const char *filters_json,
		     const struct strings *in_use, struct buf *body);
int images_api_distribution(struct images *im, const char *ref,
			    struct buf *body);

struct load_options {
	const char *self; /* path of this program */
	const char *name; /* what an image with a tag only is called, or NULL */
	bool quiet;
};
/*
 * Start a loader: *ret_pid, a pipe to write the archive to, and one to read
 * progress lines from (both O_NONBLOCK, O_CLOEXEC, the caller's to close).
 * After it exited with 0, images_reload().
 */
int images_load_start(struct images *im, const struct load_options *o,
		      int *ret_pid, int *ret_in_fd, int *ret_out_fd,
		      struct err *e);
int images_reload(struct images *im, struct err *e);

/* The child: "swarm image-loader DIR [--quiet] [--name=NAME]". Ends the
 * process, or gives the exit code. */
int image_loader_main(int argc, char **argv);

#endif
