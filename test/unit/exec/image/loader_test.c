/* loader_test.c - archives of each kind load; hostile ones change nothing. */
#include "exec/image/loader.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "core/base/str.h"
#include "exec/image/confine.h"
#include "test/unit/exec/image/archive_make.h"
#include "test/unit/exec/image/scratch.h"

/* As "image-loader" this test program is the loader child itself. */
__attribute__((constructor)) static void
be_the_loader(int argc, char **argv)
{
	if (argc > 1 && str_eq(argv[1], "image-loader"))
		exit(image_loader_main(argc, argv));
}

static const struct entry good[] = {
	{ .name = "./", .type = S_IFDIR, .mode = 0751 },
	{ .name = "bin/", .type = S_IFDIR, .mtime = 1000000 },
	{ .name = "bin/tool",
	  .type = S_IFREG,
	  .text = "tool",
	  .mode = 04755,
	  .uid = 1234,
	  .mtime = 2000000,
	  .xattr = "user.color" },
	{ .name = "bin/same", .link = "bin/tool" },
	{ .name = "lib", .type = S_IFLNK, .link = "usr/lib" },
	{ .name = "usr/lib/", .type = S_IFDIR },
	{ .name = "lib/through", .type = S_IFREG, .text = "x" },
	{ .name = "mtab", .type = S_IFLNK, .link = "/proc/mounts" },
	{ .name = "caf\xc3\xa9", .type = S_IFREG, .text = "utf-8" },
	{ .name = "raw\xff", .type = S_IFREG, .text = "not utf-8" },
	{ .name = "pipe", .type = S_IFIFO },
	{ .name = "a/.wh.gone", .type = S_IFREG, .text = "" },
	{ .name = "d/.wh..wh..opq", .type = S_IFREG, .text = "" },
	{ .name = ".wh..wh.plnk", .type = S_IFREG, .text = "" },
	{ 0 },
};

static const char *
load_error(struct scratch *s, const struct buf *archive, struct buf *lines,
	   struct err *e)
{
	return scratch_load(s, archive, lines, e) < 0 ? e->msg : "";
}

static int
layer_dir(const struct scratch *s, const char *hex)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/images/layers/%s", s->root, hex);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	OK(fd >= 0);
	return fd;
}

static void
check_good_layer(int dir)
{
	struct stat st, same;
	struct buf text = { 0 };
	char value[16], path[64];

	EQ(fstat(dir, &st), 0);
	EQ(st.st_mode & 07777, 0751);
	EQ(fstatat(dir, "bin/tool", &st, 0), 0);
	EQ(st.st_mode & 07777, 04755);
	EQ(st.st_uid, 1234);
	EQ(st.st_mtime, 2000000);
	EQ(fstatat(dir, "bin/same", &same, 0), 0);
	EQ(same.st_ino, st.st_ino);
	EQ(fstatat(dir, "bin", &st, 0), 0);
	EQ(st.st_mtime, 1000000);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/bin/tool", dir);
	EQ(getxattr(path, "user.color", value, sizeof(value)), 5);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/d", dir);
	EQ(getxattr(path, "trusted.overlay.opaque", value, 16), 1);
	read_whole(dir, "usr/lib/through", &text);
	EQ_STR(buf_cstr(&text), "x");
	buf_clear(&text);
	read_whole(dir, "caf\xc3\xa9", &text);
	EQ_STR(buf_cstr(&text), "utf-8");
	EQ(faccessat(dir, "raw\xff", F_OK, 0), 0);
	EQ(fstatat(dir, "a/gone", &st, AT_SYMLINK_NOFOLLOW), 0);
	OK(S_ISCHR(st.st_mode));
	EQ(st.st_rdev, makedev(0, 0));
	EQ(fstatat(dir, "pipe", &st, 0), 0);
	OK(S_ISFIFO(st.st_mode));
	OK(faccessat(dir, ".wh..wh.plnk", F_OK, 0) < 0);
	EQ(readlinkat(dir, "mtab", path, sizeof(path)), 12);
	buf_fini(&text);
}

T(an_archive_of_docker_save_is_loaded_however_it_is_packed)
{
	static const struct {
		const char *name;
		enum packing outer, inner;
	} rows[] = { { "plain", PLAIN, PLAIN },
		     { "gzip", GZIP, PLAIN },
		     { "zstd", ZSTD, PLAIN },
		     { "layer in gzip", PLAIN, GZIP },
		     { "layer in zstd", PLAIN, ZSTD } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf layer = { 0 }, archive = { 0 }, lines = { 0 };
		struct image_config c;
		struct arena a = { 0 };
		struct scratch s;
		struct err e = { "" };
		char diff[65];
		int dir;

		T_ROW(rows[i].name);
		scratch_open(&s);
		diff_id(good, diff);
		layer_make(&layer, rows[i].inner, good);
		docker_make(&archive, rows[i].outer, "web:1", &layer, diff);
		EQ_STR(load_error(&s, &archive, &lines, &e), "");
		OK(strstr(lines.p, "\"status\":\"Loading layer\"") != NULL);
		OK(str_ends(lines.p,
			    "{\"stream\":\"Loaded image: web:1\\n\"}\r\n"));
		EQ(images_find(s.images, "web:1", &a, &c, &e), 0);
		EQ(c.layers.count, 1);
		EQ_STR(c.cmd.v[0], "run");
		EQ_STR(c.exposed_ports.v[0], "80/tcp");
		EQ_STR(c.user, "7");
		dir = layer_dir(&s, diff);
		check_good_layer(dir);
		close(dir);
		EQ(count_entries(&s, "tmp"), 0);
		EQ(count_entries(&s, "blobs/sha256"), 2);
		/* by digest, by id, by a part of the id */
		EQ(images_find(s.images, c.repo_digest, &a, &c, &e), 0);
		EQ(images_find(s.images, c.id, &a, &c, &e), 0);
		EQ(images_find(s.images, arena_strndup(&a, c.id + 7, 12), &a,
			       &c, &e),
		   0);
		EQ_STR(c.reference, "web:1");
		arena_fini(&a);
		buf_fini(&layer);
		buf_fini(&archive);
		buf_fini(&lines);
		scratch_close(&s);
	}
}

T(an_oci_layout_is_loaded_and_named_by_its_annotations)
{
	static const struct {
		const char *name, *prefix, *annotations, *ref, *archive;
	} rows[] = {
		{ "a whole name is not overruled", "shop/",
		  "\"org.opencontainers.image.ref.name\":\"my/web:3\"",
		  "my/web:3", "box" },
		{ "a tag goes with the archive's name", "",
		  "\"org.opencontainers.image.ref.name\":\"latest\"",
		  "box:latest", "box" },
		{ "a word is a tag, too, where there is a name", "",
		  "\"org.opencontainers.image.ref.name\":\"web\"", "box:web",
		  "box" },
		{ "the directory is nearer than the archive", "shop/",
		  "\"org.opencontainers.image.ref.name\":\"4\"", "shop:4",
		  "box" },
		{ "an archive's name that is none is passed over", "",
		  "\"org.opencontainers.image.ref.name\":\"web\"", "web:latest",
		  "My Box" },
		{ "no annotation, no name", "", "", NULL, "box" },
		{ "containerd", "",
		  "\"io.containerd.image.name\":\"docker.io/library/web:2\","
		  "\"org.opencontainers.image.ref.name\":\"2\"",
		  "web:2", NULL },
		{ "ref with a tag", "",
		  "\"org.opencontainers.image.ref.name\":\"my/web:3\"",
		  "my/web:3", NULL },
		{ "ref is a tag", "shop/",
		  "\"org.opencontainers.image.ref.name\":\"4\"", "shop:4",
		  NULL },
		{ "ref is a name", "",
		  "\"org.opencontainers.image.ref.name\":\"web\"", "web:latest",
		  NULL },
		{ "latest names nothing", "",
		  "\"org.opencontainers.image.ref.name\":\"latest\"", NULL,
		  NULL },
		{ "no name", "", "", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf layer = { 0 }, archive = { 0 }, lines = { 0 };
		struct image_config c;
		struct arena a = { 0 };
		struct scratch s;
		struct err e = { "" };
		char diff[65];

		T_ROW(rows[i].name);
		scratch_open(&s);
		s.limits.name = rows[i].archive;
		diff_id(good, diff);
		layer_make(&layer, GZIP, good);
		layout_make(&archive, rows[i].prefix, rows[i].annotations,
			    &layer, diff);
		EQ_STR(load_error(&s, &archive, &lines, &e), "");
		if (rows[i].ref != NULL)
			EQ(images_find(s.images, rows[i].ref, &a, &c, &e), 0);
		else
			OK(strstr(lines.p, "Loaded image ID: sha256:") != NULL);
		arena_fini(&a);
		buf_fini(&layer);
		buf_fini(&archive);
		buf_fini(&lines);
		scratch_close(&s);
	}
}

/* ---- hostile ------------------------------------------------------------ */

#define F(n)                                                                   \
	{                                                                      \
		.name = n, .type = S_IFREG, .text = "evil"                     \
	}

static const struct evil_layer {
	const char *name, *why;
	struct entry entries[5];
} evil_layers[] = {
	{ "absolute name", "absolute", { F("/tmp/swarm-evil") } },
	{ "dotdot", "\\\"..\\\"", { F("../../../../victim") } },
	{ "dotdot inside", "\\\"..\\\"", { F("a/../../victim") } },
	{ "absolute link, then through it",
	  "leads out",
	  { { .name = "l", .type = S_IFLNK, .link = "/tmp" },
	    F("l/swarm-evil") } },
	{ "relative link, then through it",
	  "leads out",
	  { { .name = "l", .type = S_IFLNK, .link = "../../../.." },
	    F("l/victim") } },
	{ "links in a chain",
	  "leads out",
	  { { .name = "d/a", .type = S_IFLNK, .link = "../.." },
	    { .name = "b", .type = S_IFLNK, .link = "d/a/.." },
	    F("b/victim") } },
	{ "a directory through a link",
	  "leads out",
	  { { .name = "l", .type = S_IFLNK, .link = "../../../.." },
	    { .name = "l/victim/", .type = S_IFDIR } } },
	{ "hard link with dotdot",
	  "hard link that leads out",
	  { { .name = "h", .link = "../../../../victim" } } },
	{ "absolute hard link",
	  "hard link that leads out",
	  { { .name = "h", .link = "/etc/passwd" } } },
	{ "hard link through a link",
	  "hard link that leads out",
	  { { .name = "l", .type = S_IFLNK, .link = "../../../.." },
	    { .name = "h", .link = "l/victim" } } },
	{ "hard link to nothing",
	  "hard link to nothing",
	  { { .name = "h", .link = "nothing" } } },
	{ "character device",
	  "device nodes",
	  { { .name = "null", .type = S_IFCHR } } },
	{ "block device",
	  "device nodes",
	  { { .name = "sda", .type = S_IFBLK } } },
	{ "whiteout of the parent", "whiteout of nothing", { F("a/.wh...") } },
	{ "whiteout of itself", "whiteout of nothing", { F(".wh..") } },
	{ "empty whiteout", "whiteout of nothing", { F(".wh.") } },
	{ "root is a link",
	  "no directory",
	  { { .name = ".", .type = S_IFLNK, .link = "/tmp" } } },
};

/* The list is as it was, nothing is left over, nobody was hurt. */
static void
check_unchanged(struct scratch *s, size_t images, int layers)
{
	struct err e;

	EQ(images_reload(s->images, &e), 0);
	EQ(images_count(s->images), images);
	EQ(count_entries(s, "tmp"), 0);
	EQ(count_entries(s, "layers"), layers);
	OK(access("/tmp/swarm-evil", F_OK) < 0);
	victim_is_safe(s);
}

static void
load_refused(struct scratch *s, const struct buf *archive, const char *why)
{
	struct buf lines = { 0 };
	struct err e = { "" };

	OK(scratch_load(s, archive, &lines, &e) < 0);
	if (strstr(lines.p, why) == NULL)
		EQ_STR(lines.p, why);
	OK(strstr(lines.p, "{\"errorDetail\":{\"message\":\"") != NULL);
	OK(strstr(lines.p, "Loaded image") == NULL);
	buf_fini(&lines);
}

T(a_hostile_layer_is_refused_and_the_list_stays)
{
	struct buf layer = { 0 }, archive = { 0 }, lines = { 0 };
	struct scratch s;
	struct err e;
	char diff[65];

	scratch_open(&s);
	diff_id(good, diff);
	layer_make(&layer, PLAIN, good);
	docker_make(&archive, PLAIN, "good:1", &layer, diff);
	EQ(scratch_load(&s, &archive, &lines, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(evil_layers); i++) {
		T_ROW(evil_layers[i].name);
		buf_clear(&layer);
		buf_clear(&archive);
		layer_make(&layer, PLAIN, evil_layers[i].entries);
		digest_of(layer.p, layer.len, diff);
		docker_make(&archive, PLAIN, "good:1", &layer, diff);
		load_refused(&s, &archive, evil_layers[i].why);
		check_unchanged(&s, 2, 1);
	}
	buf_fini(&layer);
	buf_fini(&archive);
	buf_fini(&lines);
	scratch_close(&s);
}

static const struct evil_layer evil_archives[] = {
	{ "absolute name", "absolute", { F("/tmp/swarm-evil") } },
	{ "dotdot", "\\\"..\\\"", { F("../victim") } },
	{ "link out",
	  "link that leads out",
	  { { .name = "l", .type = S_IFLNK, .link = "../victim" } } },
	{ "absolute link",
	  "link that leads out",
	  { { .name = "l", .type = S_IFLNK, .link = "/etc" } } },
	{ "hard link out",
	  "link that leads out",
	  { { .name = "l", .link = "../victim" } } },
	{ "device",
	  "neither a file nor a directory",
	  { { .name = "n", .type = S_IFCHR } } },
	{ "twice",
	  "twice",
	  { F("a"), { .name = "a", .type = S_IFREG, .text = "other" } } },
	{ "blob is another",
	  "is damaged",
	  { F("blobs/sha256/"
	      "000000000000000000000000000000000000000000000000000000000000000"
	      "0") } },
	{ "no image", "no image archive", { F("a") } },
	{ "bad manifest", "manifest.json", { F("manifest.json") } },
	{ "empty manifest",
	  "has no image",
	  { { .name = "manifest.json", .type = S_IFREG, .text = "[]" } } },
	{ "what is named is missing",
	  "\\\"x.json\\\" is missing",
	  { { .name = "manifest.json",
	      .type = S_IFREG,
	      .text = "[{\"Config\":\"x.json\",\"Layers\":[]}]" } } },
	{ "config outside",
	  "is missing",
	  { { .name = "manifest.json",
	      .type = S_IFREG,
	      .text = "[{\"Config\":\"../victim\",\"Layers\":[]}]" } } },
	{ "links in a ring",
	  "is missing",
	  { { .name = "manifest.json",
	      .type = S_IFREG,
	      .text = "[{\"Config\":\"a\",\"Layers\":[]}]" },
	    { .name = "a", .type = S_IFLNK, .link = "b" },
	    { .name = "b", .type = S_IFLNK, .link = "a" } } },
};

T(a_hostile_archive_is_refused)
{
	struct scratch s;

	scratch_open(&s);
	for (size_t i = 0; i < ARRAY_LEN(evil_archives); i++) {
		struct buf archive = { 0 };

		T_ROW(evil_archives[i].name);
		layer_make(&archive, PLAIN, evil_archives[i].entries);
		load_refused(&s, &archive, evil_archives[i].why);
		check_unchanged(&s, 1, 0);
		buf_fini(&archive);
	}
	scratch_close(&s);
}

T(a_layer_that_is_not_what_was_promised_is_refused)
{
	struct buf layer = { 0 }, archive = { 0 };
	struct scratch s;

	scratch_open(&s);
	layer_make(&layer, GZIP, good);
	/* the digest of the packed bytes is not the diff id */
	docker_make(&archive, PLAIN, "x:1", &layer,
		    "1111111111111111111111111111111111111111111111111111111"
		    "111111111");
	load_refused(&s, &archive, "promises sha256:1111");
	check_unchanged(&s, 1, 0);
	buf_fini(&layer);
	buf_fini(&archive);
	scratch_close(&s);
}

T(a_cut_archive_is_refused_wherever_it_is_cut)
{
	static const enum packing packings[] = { PLAIN, GZIP, ZSTD };
	struct buf layer = { 0 };
	struct scratch s;
	char diff[65];

	scratch_open(&s);
	diff_id(good, diff);
	layer_make(&layer, PLAIN, good);
	for (size_t i = 0; i < ARRAY_LEN(packings); i++) {
		struct buf archive = { 0 };
		size_t whole;

		docker_make(&archive, packings[i], "x:1", &layer, diff);
		whole = archive.len;
		for (size_t k = 0; k < 16; k++) {
			archive.len = whole * k / 16;
			load_refused(&s, &archive, "error");
		}
		archive.len = whole;
		if (packings[i] != PLAIN) {
			buf_putc(&archive, 'x');
			load_refused(&s, &archive, "is damaged");
		}
		check_unchanged(&s, 1, 0);
		buf_fini(&archive);
	}
	buf_fini(&layer);
	scratch_close(&s);
}

T(a_bomb_is_refused_before_it_fills_the_disk)
{
	static const struct {
		const char *name, *why;
		uint64_t bytes, entries, ratio;
	} rows[] = {
		{ "bytes", "more than", 1 << 20, 100, 1 << 20 },
		{ "entries", "too many files", 1 << 30, 2, 1 << 20 },
		{ "ratio", "times its size", 1 << 30, 100, 50 },
	};
	char *zeros = calloc(1, 8 << 20);
	struct buf plain = { 0 }, packed = { 0 }, archive = { 0 };
	char diff[65];

	for (int i = 0; i < 2; i++) {
		struct archive *a =
			tar_begin(i == 0 ? &plain : &packed, i ? GZIP : PLAIN);

		file_put(a, "a", "", 0);
		file_put(a, "b", "", 0);
		file_put(a, "zeros", zeros, 8 << 20);
		tar_end(a);
	}
	digest_of(plain.p, plain.len, diff);
	docker_make(&archive, PLAIN, "bomb:1", &packed, diff);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scratch s;

		T_ROW(rows[i].name);
		scratch_open(&s);
		s.limits.unpacked_bytes = rows[i].bytes;
		s.limits.unpacked_entries = rows[i].entries;
		s.limits.layer.ratio = rows[i].ratio;
		s.limits.layer.ratio_from = 1 << 20;
		load_refused(&s, &archive, rows[i].why);
		check_unchanged(&s, 1, 0);
		scratch_close(&s);
	}
	buf_fini(&plain);
	buf_fini(&packed);
	buf_fini(&archive);
	free(zeros);
}

/* ---- several loads ------------------------------------------------------ */

T(a_layer_is_unpacked_once_and_a_name_moves_to_the_newer_image)
{
	static const struct entry other[] = { F("x"), { 0 } };
	struct buf layer = { 0 }, archive = { 0 }, lines = { 0 };
	struct image_config first, second;
	struct arena a = { 0 };
	struct scratch s;
	struct err e;
	char diff[65];

	scratch_open(&s);
	diff_id(good, diff);
	layer_make(&layer, PLAIN, good);
	docker_make(&archive, PLAIN, "web:1", &layer, diff);
	EQ(scratch_load(&s, &archive, &lines, &e), 0);
	EQ(images_find(s.images, "web:1", &a, &first, &e), 0);
	buf_clear(&lines);
	EQ(scratch_load(&s, &archive, &lines, &e), 0);
	OK(strstr(lines.p, "Loading layer") == NULL);
	EQ(images_count(s.images), 2);
	buf_clear(&layer);
	buf_clear(&archive);
	buf_clear(&lines);
	layer_make(&layer, PLAIN, other);
	diff_id(other, diff);
	docker_make(&archive, PLAIN, "web:1", &layer, diff);
	EQ(scratch_load(&s, &archive, &lines, &e), 0);
	OK(strstr(lines.p, "already exists, renaming the old one") != NULL);
	EQ(images_find(s.images, "web:1", &a, &second, &e), 0);
	OK(!str_eq(first.id, second.id));
	/* a service that is pinned to the old one still finds it */
	EQ(images_find(s.images, first.repo_digest, &a, &second, &e), 0);
	EQ_STR(second.id, first.id);
	arena_fini(&a);
	buf_fini(&layer);
	buf_fini(&archive);
	buf_fini(&lines);
	scratch_close(&s);
}

/* 0, or the number of the first thing that it can or cannot do. */
static int
try_out_confinement(const char *dir)
{
	static char name[] = "true";
	char *argv[] = { name, NULL };
	struct err e;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || confine_to(fd, &e) < 0)
		return 1;
	if (mknodat(fd, "null", S_IFCHR | 0600, makedev(1, 3)) == 0 ||
	    errno != EPERM)
		return 2;
	if (mknodat(fd, "disk", S_IFBLK | 0600, makedev(8, 0)) == 0)
		return 3;
	if (mknodat(fd, "whiteout", S_IFCHR, makedev(0, 0)) < 0 ||
	    mknodat(fd, "fifo", S_IFIFO | 0600, 0) < 0)
		return 4;
	if (mount("x", "/", "tmpfs", 0, NULL) == 0 || errno != EPERM)
		return 5;
	if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM)
		return 6;
	if (execve("/proc/self/exe", argv, NULL) == 0 || errno != EPERM)
		return 7;
	if (unlinkat(fd, "whiteout", 0) < 0 || unlinkat(fd, "fifo", 0) < 0)
		return 8;
	return 0;
}

T(the_child_makes_no_devices_mounts_sockets_or_programs)
{
	char dir[] = "/tmp/swarm-confine-XXXXXX";
	int status;
	pid_t pid;

	OK(mkdtemp(dir) != NULL);
	pid = fork();
	if (pid == 0)
		_exit(try_out_confinement(dir));
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, 0);
	EQ(rmdir(dir), 0);
}

T(the_child_is_confined_and_loads_the_same)
{
	struct buf layer = { 0 }, archive = { 0 }, lines = { 0 };
	int pid, in, out, status;
	struct scratch s;
	struct err e;
	char diff[65], piece[4096];
	ssize_t n;

	scratch_open(&s);
	diff_id(good, diff);
	layer_make(&layer, PLAIN, good);
	docker_make(&archive, GZIP, "web:1", &layer, diff);
	EQ(images_load_start(
		   s.images,
		   &(struct load_options){ "/proc/self/exe", "x", true }, &pid,
		   &in, &out, &e),
	   0);
	EQ(write(in, archive.p, archive.len), archive.len);
	close(in);
	EQ(fcntl(out, F_SETFL, 0), 0);
	while ((n = read(out, piece, sizeof(piece))) > 0)
		buf_put(&lines, piece, (size_t)n);
	close(out);
	EQ(waitpid(pid, &status, 0), pid);
	EQ_STR(buf_cstr(&lines), "{\"stream\":\"Loaded image: web:1\\n\"}\r\n");
	EQ(status, 0);
	EQ(images_reload(s.images, &e), 0);
	EQ(images_count(s.images), 2);
	buf_fini(&layer);
	buf_fini(&archive);
	buf_fini(&lines);
	scratch_close(&s);
}
