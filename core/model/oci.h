/*
 * oci.h - the records of image archives: what docker save and OCI layouts
 * hold. Field tables only; what may be in them is exec/image's business.
 *
 * Read one with model_json_read(&oci_manifest_type, ...), a manifest.json
 * with model_json_read_list(&docker_manifest_type, ...) into a struct
 * docker_manifests.
 */
#ifndef CORE_MODEL_OCI_H
#define CORE_MODEL_OCI_H

#include "core/model/objects.h"
#include "core/model/type.h"

/* Docker's own "repositories"-free list: manifest.json, an array of these. */
struct docker_manifest {
	const char *config; /* file name in the archive */
	struct strings repo_tags;
	struct strings layers; /* file names, lowest first */
};
struct docker_manifests {
	struct docker_manifest *v;
	uint32_t count;
};

#define OCI_MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_MEDIA_LAYER "application/vnd.oci.image.layer.v1.tar"
#define DOCKER_MEDIA_LIST                                                      \
	"application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MEDIA_MANIFEST                                                  \
	"application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_MEDIA_CONFIG "application/vnd.docker.container.image.v1+json"

struct oci_platform {
	const char *architecture;
	const char *os;
	const char *os_version;
	struct strings os_features;
	const char *variant;
};
struct oci_descriptor {
	const char *media_type;
	const char *digest; /* "sha256:HEX" */
	int64_t size;
	struct strings urls;
	struct kvs annotations;
	struct oci_platform *platform;
};
struct oci_index { /* index.json, or a manifest list */
	int64_t schema_version;
	const char *media_type;
	LIST_OF(struct oci_descriptor) manifests;
	struct kvs annotations;
};
struct oci_manifest {
	int64_t schema_version;
	const char *media_type;
	struct oci_descriptor config;
	LIST_OF(struct oci_descriptor) layers;
	struct kvs annotations;
};
struct oci_layout { /* the file oci-layout */
	const char *version;
};

struct oci_config { /* what a container of the image starts with */
	const char *user;
	struct strings exposed_ports; /* "80/tcp"; sorted */
	struct strings env;
	struct strings entrypoint;
	struct strings cmd;
	struct strings volumes; /* paths; sorted */
	const char *working_dir;
	struct kvs labels;
	const char *stop_signal;
	struct healthcheck *healthcheck;
};
struct oci_rootfs {
	const char *type; /* "layers" */
	struct strings diff_ids;
};
struct oci_image { /* the config blob; its history is not read */
	const char *architecture;
	const char *variant;
	const char *os;
	const char *author;
	int64_t created;
	struct oci_config config;
	struct oci_rootfs rootfs;
};

extern const struct type docker_manifest_type, oci_descriptor_type,
	oci_index_type, oci_manifest_type, oci_layout_type, oci_config_type,
	oci_image_type;

#endif
