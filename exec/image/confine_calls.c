/*
 * confine_calls.c - what the image loader may not ask of the kernel. The
 * capabilities that it needs for layers could also make a device or a mount
 * of the host's disk: whoever takes it over, by a bug in a decompressor, is to
 * find neither, nor a program to run or a socket to talk with.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "core/base/base.h"
#include "exec/image/confine.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define NUMBER_END 0x40000000U /* above are those of the x32 ABI */
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#define NUMBER_END UINT32_MAX
#elif defined(__riscv)
#define NATIVE AUDIT_ARCH_RISCV64
#define NUMBER_END UINT32_MAX
#endif

#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
#define DEV_ARG 3 /* of mknodat(2) */
#define OPS_MAX 192

static const uint16_t refused[] = {
#ifdef SYS_fork
	SYS_fork,
	SYS_vfork,
	SYS_mknod, /* the C library has mknodat */
#endif
	SYS_acct,
	SYS_add_key,
	SYS_bpf,
	SYS_chroot,
	SYS_clone,
	SYS_clone3,
	SYS_connect,
	SYS_delete_module,
	SYS_execve,
	SYS_execveat,
	SYS_fanotify_init,
	SYS_finit_module,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_fsopen,
	SYS_fspick,
	SYS_init_module,
	SYS_io_uring_setup,
	SYS_kexec_load,
	SYS_keyctl,
	SYS_kill,
	SYS_mount,
	SYS_move_mount,
	SYS_name_to_handle_at,
	SYS_open_by_handle_at,
	SYS_open_tree,
	SYS_perf_event_open,
	SYS_pidfd_getfd,
	SYS_pidfd_open,
	SYS_pidfd_send_signal,
	SYS_pivot_root,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_ptrace,
	SYS_quotactl,
	SYS_reboot,
	SYS_request_key,
	SYS_setdomainname,
	SYS_sethostname,
	SYS_setns,
	SYS_socket,
	SYS_socketpair,
	SYS_swapoff,
	SYS_swapon,
	SYS_syslog,
	SYS_tkill,
	SYS_umount2,
	SYS_unshare,
	SYS_userfaultfd,
};

_Static_assert(2 * ARRAY_LEN(refused) + 16 <= OPS_MAX, "room for all");

struct program {
	struct sock_filter ops[OPS_MAX];
	unsigned short count;
};

static void
put(struct program *p, struct sock_filter op)
{
	p->ops[p->count++] = op;
}

static void
load(struct program *p, size_t offset)
{
	put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					    (uint32_t)offset));
}

/* Skips so many operations, as what is loaded is k or is not. */
static void
if_equal(struct program *p, uint32_t k, uint8_t yes, uint8_t no)
{
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes,
					    no));
}

static void
give(struct program *p, uint32_t verdict)
{
	put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

static void
write_program(struct program *p)
{
	load(p, offsetof(struct seccomp_data, arch));
	if_equal(p, NATIVE, 1, 0);
	give(p, SECCOMP_RET_KILL_PROCESS);
	load(p, offsetof(struct seccomp_data, nr));
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
					    NUMBER_END, 0, 1));
	give(p, SECCOMP_RET_KILL_PROCESS);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if_equal(p, refused[i], 0, 1);
		give(p, REFUSED);
	}
	/* a FIFO or a whiteout has no number; the lower half is all of it */
	if_equal(p, SYS_mknodat, 0, 3);
	load(p,
	     offsetof(struct seccomp_data, args) + DEV_ARG * sizeof(uint64_t));
	if_equal(p, 0, 1, 0);
	give(p, REFUSED);
	give(p, SECCOMP_RET_ALLOW);
}

int
confine_calls(struct err *e)
{
	struct program p = { .count = 0 };
	struct sock_fprog prog = { .filter = p.ops };

	write_program(&p);
	prog.len = p.count;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0)
		return 0;
	/* A kernel without it: the rest has to do. */
	if (errno == EINVAL || errno == ENOSYS)
		return 0;
	return err_set(e, -errno,
		       "cannot filter the calls of the image "
		       "loader: %s",
		       strerror(errno));
}
