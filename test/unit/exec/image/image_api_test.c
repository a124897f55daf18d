/* image_api_test.c - what the images API answers, and what it removes. */
#include <time.h>

#include "core/model/type.h"
#include "test/unit/exec/image/archive_make.h"
#include "test/unit/exec/image/scratch.h"

#define CREATED "2025-01-02T03:04:05.6Z"

static const struct entry base[] = {
	{ .name = "f", .type = S_IFREG, .text = "12345" },
	{ 0 },
};
static const struct entry other[] = {
	{ .name = "g", .type = S_IFREG, .text = "1234567" },
	{ 0 },
};

static void
load(struct scratch *s, const char *tag, const struct entry *entries)
{
	struct buf layer = { 0 }, archive = { 0 }, lines = { 0 };
	struct err e;
	char diff[65];

	diff_id(entries, diff);
	layer_make(&layer, PLAIN, entries);
	docker_make(&archive, PLAIN, tag, &layer, diff);
	EQ(scratch_load(s, &archive, &lines, &e), 0);
	buf_fini(&layer);
	buf_fini(&archive);
	buf_fini(&lines);
}

static const char *
id_of(struct scratch *s, const char *ref, struct arena *a)
{
	struct image_config c;
	struct err e;

	EQ(images_find(s->images, ref, a, &c, &e), 0);
	return c.id;
}

static void
has(const struct buf *body, const char *text)
{
	if (strstr(body->p, text) == NULL)
		EQ_STR(body->p, text);
}

T(the_list_has_what_docker_prints)
{
	static const struct {
		const char *name, *filters;
		int status, images;
	} rows[] = {
		{ "all", "", 200, 3 },
		{ "reference", "{\"reference\":{\"we*\":true}}", 200, 1 },
		{ "reference with tag", "{\"reference\":[\"web:1\"]}", 200, 1 },
		{ "reference to nothing", "{\"reference\":[\"x\"]}", 200, 0 },
		{ "label", "{\"label\":[\"k=v\"]}", 200, 2 },
		{ "other label", "{\"label\":[\"k=w\"]}", 200, 0 },
		{ "dangling", "{\"dangling\":[\"true\"]}", 200, 0 },
		{ "not dangling", "{\"dangling\":[\"false\"]}", 200, 3 },
		{ "before", "{\"before\":[\"web:1\"]}", 200, 1 },
		{ "since", "{\"since\":[\"swarm/whoami\"]}", 200, 2 },
		{ "until now", "{\"until\":[\"0s\"]}", 200, 3 },
		{ "until a time", "{\"until\":[\"2025-01-01T00:00:00Z\"]}", 200,
		  1 },
		{ "until 1970", "{\"until\":[\"0\"]}", 200, 0 },
		{ "until what", "{\"until\":[\"noon\"]}", 400, 0 },
		{ "before nothing", "{\"before\":[\"x\"]}", 404, 0 },
		{ "unknown", "{\"color\":[\"red\"]}", 400, 0 },
		{ "not json", "{", 400, 0 },
	};
	struct scratch s;

	scratch_open(&s);
	load(&s, "web:1", base);
	load(&s, "db:2", other);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf body = { 0 };
		int images = 0;

		T_ROW(rows[i].name);
		EQ(images_api_list(s.images, rows[i].filters, false, &body),
		   rows[i].status);
		for (const char *p = buf_cstr(&body);
		     (p = strstr(p, "\"Id\":")) != NULL; p++)
			images++;
		EQ(images, rows[i].images);
		buf_fini(&body);
	}
	scratch_close(&s);
}

T(an_image_is_shown_with_its_configuration_and_layers)
{
	struct buf body = { 0 };
	struct scratch s;

	scratch_open(&s);
	load(&s, "web:1", base);
	EQ(images_api_list(s.images, "{\"reference\":[\"web\"]}", false, &body),
	   200);
	has((buf_cstr(&body), &body), "\"RepoTags\":[\"web:1\"]");
	has(&body, "\"RepoDigests\":[\"web@sha256:");
	has(&body, "\"Created\":1735787045,");
	has(&body, "\"Labels\":{\"k\":\"v\"}");
	has(&body, "\"SharedSize\":-1,\"Size\":5}");
	buf_clear(&body);
	EQ(images_api_inspect(s.images, "web:1", &body), 200);
	has((buf_cstr(&body), &body), "\"Created\":\"" CREATED "\"");
	has(&body, "\"Cmd\":[\"run\"]");
	has(&body, "\"ExposedPorts\":{\"80/tcp\":{}}");
	has(&body, "\"RootFS\":{\"Type\":\"layers\",\"Layers\":[\"sha256:");
	has(&body, "\"Architecture\":\"amd64\"");
	buf_clear(&body);
	EQ(images_api_inspect(s.images, "nothing", &body), 404);
	EQ_STR(buf_cstr(&body),
	       "{\"message\":\"No such image: nothing:latest\"}\n");
	buf_clear(&body);
	EQ(images_api_distribution(s.images, "web:1", &body), 200);
	has((buf_cstr(&body), &body),
	    "{\"Descriptor\":{\"mediaType\":\"application/"
	    "vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:");
	has(&body, "\"Platforms\":[{\"architecture\":\"amd64\",\"os\":"
		   "\"linux\"}]}");
	buf_fini(&body);
	scratch_close(&s);
}

/* A thread does it: it has a second. */
static void
wait_swept(const struct scratch *s)
{
	for (int i = 0; i < 1000 && count_entries(s, "tmp") > 0; i++) {
		struct timespec ms = { .tv_nsec = 1000000 };

		nanosleep(&ms, NULL);
	}
	EQ(count_entries(s, "tmp"), 0);
}

static int
remove_image(struct scratch *s, const char *ref, bool force, const char *used,
	     struct buf *body)
{
	struct strings in_use = { .v = &used, .count = used != NULL };
	int status;

	buf_clear(body);
	status = images_api_remove(s->images, ref, force, &in_use, body);
	(void)buf_cstr(body);
	return status;
}

T(removing_follows_docker_s_rules)
{
	struct buf body = { 0 };
	struct arena a = { 0 };
	struct scratch s;
	const char *id;

	scratch_open(&s);
	load(&s, "web:1", base);
	load(&s, "web:2", base);
	load(&s, "db:1", other);
	id = id_of(&s, "web:1", &a);
	EQ(remove_image(&s, "nothing", false, NULL, &body), 404);
	EQ(remove_image(&s, "swarm/whoami", true, NULL, &body), 409);
	has(&body, "is built into this program");
	/* two names: by id only with force */
	EQ(remove_image(&s, id, false, NULL, &body), 409);
	has(&body, "(must be forced) - image is referenced in multiple");
	/* one of two names may go while it is used; the last may not */
	EQ(remove_image(&s, "web:1", false, id, &body), 200);
	EQ_STR(body.p, "[{\"Untagged\":\"web:1\"}]\n");
	EQ(remove_image(&s, "web:2", false, id, &body), 409);
	has(&body, "(must force)");
	EQ(remove_image(&s, id, true, id, &body), 409);
	has(&body, "(cannot be forced)");
	EQ(count_entries(&s, "layers"), 2);
	/* with force it loses its name, and stays */
	EQ(remove_image(&s, "web:2", true, id, &body), 200);
	EQ(images_count(s.images), 3);
	EQ(remove_image(&s, id, false, NULL, &body), 200);
	has(&body, "{\"Deleted\":\"sha256:");
	EQ(images_count(s.images), 2);
	EQ(count_entries(&s, "layers"), 1);
	EQ(count_entries(&s, "blobs/sha256"), 2);
	EQ(remove_image(&s, "db:1", false, NULL, &body), 200);
	EQ(count_entries(&s, "layers"), 0);
	EQ(count_entries(&s, "blobs/sha256"), 0);
	wait_swept(&s);
	images_close(s.images);
	EQ(images_open(s.root, &s.images, &(struct err){ 0 }), 0);
	EQ(images_count(s.images), 1);
	arena_fini(&a);
	buf_fini(&body);
	scratch_close(&s);
}

T(pruning_takes_what_has_no_name_or_is_not_used)
{
	struct buf body = { 0 };
	struct arena a = { 0 };
	struct image_config c;
	struct scratch s;
	struct err e;

	scratch_open(&s);
	load(&s, "web:1", base);
	load(&s, "web:1", other); /* takes the name away */
	EQ(images_count(s.images), 3);
	EQ(images_api_prune(s.images, "", &(struct strings){ 0 }, &body), 200);
	has((buf_cstr(&body), &body), "\"SpaceReclaimed\":5}");
	EQ(images_count(s.images), 2);
	EQ(images_find(s.images, "web:1", &a, &c, &e), 0);
	EQ(access(c.layers.v[0], F_OK), 0);
	buf_clear(&body);
	EQ(images_api_prune(s.images, "", &(struct strings){ 0 }, &body), 200);
	EQ_STR(buf_cstr(&body),
	       "{\"ImagesDeleted\":null,\"SpaceReclaimed\":0}\n");
	buf_clear(&body);
	EQ(images_api_prune(s.images, "{\"dangling\":[\"false\"]}",
			    &(struct strings){ &c.id, 1 }, &body),
	   200);
	EQ(images_count(s.images), 2);
	EQ(images_api_prune(s.images, "{\"dangling\":[\"false\"]}",
			    &(struct strings){ 0 }, &body),
	   200);
	EQ(images_count(s.images), 1);
	arena_fini(&a);
	buf_fini(&body);
	scratch_close(&s);
}

T(a_layer_that_another_image_has_stays)
{
	struct buf body = { 0 };
	struct arena a = { 0 };
	struct image_config c;
	struct scratch s;
	struct err e;

	scratch_open(&s);
	load(&s, "one:1", base);
	config_cmd = "other";
	load(&s, "two:1", base);
	config_cmd = "run";
	EQ(images_count(s.images), 3);
	EQ(count_entries(&s, "layers"), 1);
	EQ(remove_image(&s, "one:1", false, NULL, &body), 200);
	EQ(images_find(s.images, "two:1", &a, &c, &e), 0);
	EQ_STR(c.cmd.v[0], "other");
	EQ(access(c.layers.v[0], F_OK), 0);
	EQ(remove_image(&s, "two:1", false, NULL, &body), 200);
	EQ(count_entries(&s, "layers"), 0);
	arena_fini(&a);
	buf_fini(&body);
	scratch_close(&s);
}

T(the_builtin_image_is_this_program_and_made_when_it_is_wanted)
{
	struct arena a = { 0 };
	struct buf self = { 0 }, copy = { 0 };
	struct image_config c;
	struct scratch s;
	struct stat st;
	struct err e;
	char path[300];

	scratch_open(&s);
	EQ(count_entries(&s, "layers"), 0);
	EQ(images_find(s.images, "swarm/whoami", &a, &c, &e), 0);
	EQ(c.entrypoint.count, 2);
	EQ_STR(c.entrypoint.v[1], "whoami");
	EQ_STR(c.reference, "swarm/whoami:latest");
	EQ(images_find(s.images, c.repo_digest, &a, &c, &e), 0);
	EQ(count_entries(&s, "layers"), 1);
	EQ(count_entries(&s, "tmp"), 0);
	snprintf(path, sizeof(path), "%s/swarm", c.layers.v[0]);
	EQ(stat(path, &st), 0);
	EQ(st.st_mode & 0777, 0755);
	read_whole(AT_FDCWD, path, &copy);
	read_whole(AT_FDCWD, "/proc/self/exe", &self);
	EQ(copy.len, self.len);
	OK(memcmp(copy.p, self.p, self.len) == 0);
	buf_fini(&self);
	buf_fini(&copy);
	arena_fini(&a);
	scratch_close(&s);
}

T(what_a_crash_left_is_swept_and_a_damaged_index_is_refused)
{
	struct scratch s;
	struct err e = { "" };
	char path[200];
	int fd;

	scratch_open(&s);
	snprintf(path, sizeof(path), "%s/images/tmp/load-1", s.root);
	EQ(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/images/tmp/load-1/deep", s.root);
	EQ(mkdir(path, 0700), 0);
	images_close(s.images);
	EQ(images_open(s.root, &s.images, &e), 0);
	wait_swept(&s);
	images_close(s.images);
	s.images = NULL;
	snprintf(path, sizeof(path), "%s/images/index.json", s.root);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	EQ(write(fd, "{\"Version\":9}", 13), 13);
	close(fd);
	OK(images_open(s.root, &s.images, &e) < 0);
	OK(strstr(e.msg, "it is of version 9") != NULL);
	EQ(truncate(path, 3), 0);
	OK(images_open(s.root, &s.images, &e) < 0);
	OK(strstr(e.msg, "index.json") != NULL);
	scratch_close(&s);
}
