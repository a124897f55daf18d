/* oci.c - the field tables of image archives. Nothing here is packed. */
#include "core/model/oci.h"

#include "core/model/fields.h"

/* clang-format off */
#define THIS struct docker_manifest
TYPE(docker_manifest, "manifest.json",
	STRING(config, "Config", 1, 0),
	STRINGS(repo_tags, "RepoTags", 2, FIELD_NULL),
	STRINGS(layers, "Layers", 3, 0));
#undef THIS

#define THIS struct oci_platform
LOCAL_TYPE(oci_platform, "platform",
	STRING(architecture, "architecture", 1, 0),
	STRING(os, "os", 2, 0),
	STRING(os_version, "os.version", 3, OMIT),
	STRINGS(os_features, "os.features", 4, OMIT),
	STRING(variant, "variant", 5, OMIT));
#undef THIS

#define THIS struct oci_descriptor
TYPE(oci_descriptor, "descriptor",
	STRING(media_type, "mediaType", 1, 0),
	STRING(digest, "digest", 2, 0),
	I64(size, "size", 3, 0),
	STRINGS(urls, "urls", 4, OMIT),
	KVS(annotations, "annotations", 5, OMIT),
	PTR(platform, "platform", 6, OMIT, oci_platform));
#undef THIS

#define THIS struct oci_index
TYPE(oci_index, "index",
	I64(schema_version, "schemaVersion", 1, 0),
	STRING(media_type, "mediaType", 2, OMIT),
	LIST(manifests, "manifests", 3, 0, oci_descriptor),
	KVS(annotations, "annotations", 4, OMIT));
#undef THIS

#define THIS struct oci_manifest
TYPE(oci_manifest, "manifest",
	I64(schema_version, "schemaVersion", 1, 0),
	STRING(media_type, "mediaType", 2, OMIT),
	STRUCT(config, "config", 3, 0, oci_descriptor),
	LIST(layers, "layers", 4, 0, oci_descriptor),
	KVS(annotations, "annotations", 5, OMIT));
#undef THIS

#define THIS struct oci_layout
TYPE(oci_layout, "oci-layout",
	STRING(version, "imageLayoutVersion", 1, 0));
#undef THIS

#define THIS struct oci_config
TYPE(oci_config, "config",
	STRING(user, "User", 1, OMIT),
	SET(exposed_ports, "ExposedPorts", 2, OMIT),
	STRINGS(env, "Env", 3, OMIT),
	STRINGS(entrypoint, "Entrypoint", 4, OMIT),
	STRINGS(cmd, "Cmd", 5, OMIT),
	SET(volumes, "Volumes", 6, OMIT),
	STRING(working_dir, "WorkingDir", 7, OMIT),
	KVS(labels, "Labels", 8, OMIT),
	STRING(stop_signal, "StopSignal", 9, OMIT),
	PTR(healthcheck, "Healthcheck", 10, OMIT, healthcheck));
#undef THIS

#define THIS struct oci_rootfs
LOCAL_TYPE(oci_rootfs, "rootfs",
	STRING(type, "type", 1, 0),
	STRINGS(diff_ids, "diff_ids", 2, 0));
#undef THIS

#define THIS struct oci_image
TYPE(oci_image, "image",
	STRING(architecture, "architecture", 1, 0),
	STRING(variant, "variant", 2, OMIT),
	STRING(os, "os", 3, 0),
	STRING(author, "author", 4, OMIT),
	TIME(created, "created", 5, OMIT),
	STRUCT(config, "config", 6, 0, oci_config),
	STRUCT(rootfs, "rootfs", 7, 0, oci_rootfs));
#undef THIS
