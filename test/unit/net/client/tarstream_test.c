/* tarstream_test.c - a directory becomes a tar archive. */
#include "net/client/tarstream.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "test/t.h"

#define BLOCK 512

T(names_are_those_below_the_directory)
{
	char top[] = "/tmp/swarm-tarstream-XXXXXX", path[64];
	struct tarstream *t;
	struct buf tar = { 0 };
	struct err e;
	ssize_t n;
	int fd;

	OK(mkdtemp(top) != NULL);
	snprintf(path, sizeof(path), "%s/web", top);
	EQ(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/web/f", top);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	EQ(write(fd, "text", 4), 4);
	close(fd);
	snprintf(path, sizeof(path), "%s/web/", top);
	EQ(tarstream_open(path, &t, &e), 0);
	while ((n = tarstream_read(t, buf_room(&tar, 100), 100, &e)) > 0)
		tar.len += (size_t)n;
	EQ(n, 0);
	EQ(tar.len % BLOCK, 0);
	OK(tar.len >= 4 * BLOCK); /* head, content, two empty blocks */
	EQ_STR(tar.p, "f");
	OK(memcmp(tar.p + BLOCK, "text", 4) == 0);
	tarstream_close(t);
	buf_fini(&tar);
	snprintf(path, sizeof(path), "%s/web/f", top);
	EQ(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/web", top);
	EQ(rmdir(path), 0);
	EQ(rmdir(top), 0);
}
