/*
 * image_sweep.c - what is in tmp/ and belongs to no loader: leftovers of a
 * crash, and layers that were removed. A layer can have 100,000 files, so a
 * thread does it; it touches nothing but its own descriptors.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "exec/image/images.h"
#include "exec/image/own.h"
#include "exec/image/tree.h"

/* A loader holds a lock on its directory as long as it lives. */
static bool
is_abandoned(int tmp, const char *name, int *ret_fd)
{
	*ret_fd = openat(tmp, name,
			 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 || flock(*ret_fd, LOCK_EX | LOCK_NB) == 0;
}

static void *
sweep(void *arg)
{
	struct images *im = arg;
	int tmp = openat(im->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = tmp >= 0 ? fdopendir(tmp) : NULL;
	struct dirent *it;

	if (d == NULL) {
		own_fd_end(&tmp);
		return NULL;
	}
	while (!im->sweep_stop && (it = readdir(d)) != NULL) {
		own_fd int lock = -1;

		if (strcmp(it->d_name, ".") == 0 ||
		    strcmp(it->d_name, "..") == 0)
			continue;
		/* What cannot be removed now is tried at the next start. */
		if (is_abandoned(tmp, it->d_name, &lock))
			(void)tree_remove(tmp, it->d_name, &im->sweep_stop);
	}
	(void)closedir(d); /* it was only read */
	return NULL;
}

/* Is there anything but "." and ".."? A thread costs more than a look. */
static bool
is_empty(struct images *im)
{
	int tmp = openat(im->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = tmp >= 0 ? fdopendir(tmp) : NULL;
	int entries = 0;

	if (d == NULL) {
		own_fd_end(&tmp);
		return true;
	}
	while (entries <= 2 && readdir(d) != NULL)
		entries++;
	(void)closedir(d);
	return entries <= 2;
}

void
images_sweep_end(struct images *im)
{
	if (!im->sweeping)
		return;
	im->sweep_stop = true;
	(void)pthread_join(im->sweeper, NULL);
	im->sweeping = false;
	im->sweep_stop = false;
}

void
images_sweep(struct images *im)
{
	sigset_t all, old;

	images_sweep_end(im); /* it would miss what is new */
	if (is_empty(im))
		return;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old); /* the loop's only */
	im->sweeping = pthread_create(&im->sweeper, NULL, sweep, im) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}
