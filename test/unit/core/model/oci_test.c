/* oci_test.c - the records of image archives, as tools write them. */
#include "core/model/oci.h"

#include "core/base/str.h"
#include "test/t.h"

static struct arena arena;
static struct err e;

#define READ(type, text, ret)                                                  \
	model_json_read(&type, text, strlen(text), &arena, ret, &e)

T(a_docker_save_manifest_is_a_list)
{
	static const char text[] =
		"[{\"Config\":\"ab.json\",\"RepoTags\":[\"nginx:latest\"],"
		"\"Layers\":[\"1/layer.tar\",\"2/layer.tar\"],"
		"\"LayerSources\":{\"sha256:1\":{\"size\":1}}},"
		"{\"Config\":\"cd.json\",\"RepoTags\":null,\"Layers\":[]}]";
	struct docker_manifests m;

	EQ(model_json_read_list(&docker_manifest_type, text, strlen(text),
				&arena, &m, &e),
	   0);
	EQ(m.count, 2);
	EQ_STR(m.v[0].config, "ab.json");
	EQ_STR(m.v[0].repo_tags.v[0], "nginx:latest");
	EQ(m.v[0].layers.count, 2);
	EQ(m.v[1].repo_tags.count, 0);
	arena_fini(&arena);
}

T(an_oci_layout_is_read)
{
	static const char index[] =
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_INDEX "\","
		"\"manifests\":[{\"mediaType\":\"" OCI_MEDIA_MANIFEST "\","
		"\"digest\":\"sha256:aa\",\"size\":483,\"annotations\":"
		"{\"org.opencontainers.image.ref.name\":\"latest\"},"
		"\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\","
		"\"variant\":\"v8\"}}]}";
	static const char manifest[] =
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"c\","
		"\"digest\":\"sha256:bb\",\"size\":7},\"layers\":"
		"[{\"mediaType\":\"l\",\"digest\":\"sha256:cc\",\"size\":9}]}";
	struct oci_layout l;
	struct oci_index i;
	struct oci_manifest m;

	EQ(READ(oci_layout_type, "{\"imageLayoutVersion\":\"1.0.0\"}", &l), 0);
	EQ_STR(l.version, "1.0.0");
	EQ(READ(oci_index_type, index, &i), 0);
	EQ(i.manifests.count, 1);
	EQ(i.manifests.v[0].size, 483);
	EQ_STR(i.manifests.v[0].platform->variant, "v8");
	EQ_STR(kvs_get(&i.manifests.v[0].annotations,
		       "org.opencontainers.image.ref.name"),
	       "latest");
	EQ(READ(oci_manifest_type, manifest, &m), 0);
	EQ_STR(m.config.digest, "sha256:bb");
	EQ_STR(m.layers.v[0].digest, "sha256:cc");
	arena_fini(&arena);
}

T(an_image_config_is_read)
{
	static const char text[] =
		"{\"architecture\":\"amd64\",\"os\":\"linux\","
		"\"created\":\"2024-01-02T03:04:05.5+01:00\",\"config\":{"
		"\"User\":\"www\",\"ExposedPorts\":{\"80/tcp\":{},"
		"\"443/tcp\":{}},\"Env\":[\"A=b\"],\"Entrypoint\":[\"/e\"],"
		"\"Cmd\":null,\"Volumes\":{\"/data\":{}},\"WorkingDir\":\"/w\","
		"\"Labels\":{\"k\":\"v\"},\"StopSignal\":\"SIGQUIT\","
		"\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],"
		"\"Interval\":1000000000,\"Retries\":3}},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:1\"]},"
		"\"history\":[{\"created_by\":\"x\",\"empty_layer\":true}]}";
	struct oci_image m;

	EQ(READ(oci_image_type, text, &m), 0);
	EQ(m.created, 1704161045500000000);
	EQ(m.config.exposed_ports.count, 2);
	EQ_STR(m.config.exposed_ports.v[0], "443/tcp"); /* sorted */
	EQ_STR(m.config.volumes.v[0], "/data");
	EQ(m.config.cmd.count, 0);
	EQ(m.config.healthcheck->retries, 3);
	EQ_STR(m.rootfs.diff_ids.v[0], "sha256:1");
	arena_fini(&arena);
}

T(sets_are_objects_of_empty_objects)
{
	struct oci_config c;
	struct buf out = { 0 };

	EQ(READ(oci_config_type, "{\"Volumes\":{\"/b\":null,\"/a\":{}}}", &c),
	   0);
	model_json_write(&oci_config_type, &c, &out);
	EQ_STR(buf_cstr(&out), "{\"Volumes\":{\"/a\":{},\"/b\":{}}}");
	EQ(READ(oci_config_type, "{\"Volumes\":{\"/b\":1}}", &c), -22);
	EQ_STR(e.msg, "Volumes./b: want an empty object, got an integer");
	EQ(READ(oci_config_type, "{\"Volumes\":[\"/b\"]}", &c), -22);
	buf_fini(&out);
	arena_fini(&arena);
}
