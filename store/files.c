/* files.c - the store's directory, its lock, and random bytes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "store/store_impl.h"

char *
store_path(const char *dir, const char *name)
{
	size_t size = strlen(dir) + strlen(name) + 2;
	char *path = mem_new(size);

	snprintf(path, size, "%s/%s", dir, name);
	return path;
}

/* What may be done about it, for the errors that users meet. */
int
store_file_error(struct err *e, const char *verb, const char *path)
{
	int r = errno;

	switch (r) {
	case EROFS:
		return err_set(e, -EROFS,
			       "%s %s: the file system is read-only; mount it "
			       "for writing or choose another --root",
			       verb, path);
	case ENOSPC:
	case EDQUOT:
		return err_set(e, -ENOSPC,
			       "%s %s: the disk is full; free some space and "
			       "start again",
			       verb, path);
	default:
		return err_set(e, -r, "%s %s: %s", verb, path, strerror(r));
	}
}

static int
make_dir(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		return err_set(e, -ENOTDIR, "%s is not a directory", path);
	}
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	return store_file_error(e, "make the directory", path);
}

int
store_make_dirs(const char *root, const char *dir, struct err *e)
{
	int r = make_dir(root, e);

	return r < 0 ? r : make_dir(dir, e);
}

/*
 * A record lock: it is this process's, and goes with it. A flock(2) would
 * live on in children that were between fork and exec, or read the file for
 * us, when the daemon was killed, and keep the next one from starting.
 */
static int
lock_whole(int fd, int command, struct flock *ret)
{
	*ret = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	return fcntl(fd, command, ret);
}

static int
lock_refused(int fd, const char *dir, struct err *e)
{
	struct flock holder;
	long pid = 0;

	if (lock_whole(fd, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK)
		pid = (long)holder.l_pid;
	return err_set(e, -EBUSY,
		       "another swarm daemon (pid %ld) uses %s; stop it, or "
		       "give this one its own --root",
		       pid, dir);
}

static int
write_pid(int fd, const char *path, struct err *e)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	ssize_t n = pwrite(fd, text, (size_t)len, 0);

	/* It is for people: a full disk is no reason not to start. */
	if (n < 0 && (errno == ENOSPC || errno == EDQUOT))
		return 0;
	if (n != len || ftruncate(fd, len) < 0)
		return store_file_error(e, "write", path);
	return 0;
}

int
store_lock(const char *dir, int *ret_fd, struct err *e)
{
	owned(mem_freep) char *path = store_path(dir, "lock");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct flock lock;
	int r = 0;

	if (fd < 0)
		return store_file_error(e, "open", path);
	if (lock_whole(fd, F_SETLK, &lock) < 0)
		r = errno == EAGAIN || errno == EACCES
			    ? lock_refused(fd, dir, e)
			    : store_file_error(e, "lock", path);
	if (r == 0)
		r = write_pid(fd, path, e);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int
store_random(void *p, size_t len, struct err *e)
{
	uint8_t *at = p;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(e, -EIO,
				       "the kernel gives no random "
				       "bytes");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
store_sync_dir(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return store_file_error(e, "open", dir);
	if (fsync(fd) < 0)
		r = store_file_error(e, "sync", dir);
	close(fd);
	return r;
}

bool
store_file_exists(const char *dir, const char *name)
{
	owned(mem_freep) char *path = store_path(dir, name);
	struct stat st;

	return stat(path, &st) == 0 && st.st_size > 0;
}

int
store_remove_file(const char *dir, const char *name, struct err *e)
{
	owned(mem_freep) char *path = store_path(dir, name);

	if (unlink(path) < 0 && errno != ENOENT)
		return store_file_error(e, "remove", path);
	return 0;
}
