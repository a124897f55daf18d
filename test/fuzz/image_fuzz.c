/*
 * image_fuzz.c - any bytes as an image archive: the whole loader, with small
 * limits, into a directory of its own that is made once. Whatever the bytes
 * are, nothing stays in tmp/, and nothing beside the directory changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/check.h"
#include "exec/image/image.h"
#include "exec/image/loader.h"
#include "exec/image/tree.h"

#define BYTES_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char top[] = "/tmp/swarm-image-fuzz-XXXXXX";
static int dir = -1;

static void
clean_up(void)
{
	(void)tree_remove(AT_FDCWD, top, NULL);
}

static void
set_up(void)
{
	struct images *images;
	char path[128];
	struct err e;

	check(mkdtemp(top) != NULL);
	(void)atexit(clean_up);
	snprintf(path, sizeof(path), "%s/root", top);
	check(mkdir(path, 0700) == 0);
	check(images_open(path, &images, &e) == 0);
	images_close(images);
	snprintf(path, sizeof(path), "%s/root/images", top);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(dir >= 0);
}

/* rmdir works on empty directories only. */
static void
check_clean(void)
{
	char path[128];
	struct stat st;

	check(unlinkat(dir, "tmp", AT_REMOVEDIR) == 0);
	snprintf(path, sizeof(path), "%s/root", top);
	check(stat(path, &st) == 0);
	check(st.st_nlink == 3); /* ".", its name, and images/ */
	check(stat(top, &st) == 0);
	check(st.st_nlink == 3);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loader_config c = loader_defaults;
	struct err e;

	if (dir < 0)
		set_up();
	c.dir = dir;
	c.in_fd = memfd_create("fuzz", MFD_CLOEXEC);
	check(c.in_fd >= 0);
	check(write(c.in_fd, data, size) == (ssize_t)size);
	check(lseek(c.in_fd, 0, SEEK_SET) == 0);
	c.archive.bytes = c.layer.bytes = c.unpacked_bytes = BYTES_MAX;
	c.unpacked_entries = 200;
	(void)loader_run(&c, &e); /* either is fine */
	close(c.in_fd);
	check_clean();
	return 0;
}
