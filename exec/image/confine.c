/* confine.c - see confine.h. */
#include "exec/image/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAP_BIT(cap) (UINT64_C(1) << (cap))

/* Owners and modes, whiteouts, file capabilities, trusted.overlay.*. */
#define KEPT                                                                   \
	(CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) |                      \
	 CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_MKNOD) |      \
	 CAP_BIT(CAP_SETFCAP) | CAP_BIT(CAP_SYS_ADMIN))

static int
cannot(const char *what, struct err *e)
{
	int code = -errno;

	return err_set(e, code, "cannot %s the image loader: %s", what,
		       strerror(-code));
}

/* Mounts that it might make stay its own; and the root cannot be left
 * without CAP_SYS_CHROOT, which goes next. */
static int
change_root(int dir, struct err *e)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return cannot("make a mount namespace for", e);
	if (fchdir(dir) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return cannot("change the root of", e);
	return 0;
}

static int
drop_capabilities(struct err *e)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t kept;

	/* Ends with EINVAL at the first one that the kernel does not know. */
	for (unsigned long cap = 0; cap < 64; cap++)
		if (!(KEPT & CAP_BIT(cap)) &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			break;
	if (syscall(SYS_capget, &head, data) < 0)
		return cannot("read the capabilities of", e);
	kept = KEPT & (data[0].permitted | (uint64_t)data[1].permitted << 32);
	for (int i = 0; i < 2; i++) {
		data[i].permitted = (uint32_t)(kept >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return cannot("drop capabilities of", e);
	return 0;
}

int
confine_to(int dir, struct err *e)
{
	int r = change_root(dir, e);

	if (r == 0)
		r = drop_capabilities(e);
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = cannot("forbid new privileges to", e);
	return r < 0 ? r : confine_calls(e);
}
