/*
 * seccomp.c - Docker's default seccomp profile (that of docker.io 20.10).
 *
 * Everything that is not named is refused with EPERM. Names that the kernel
 * or the runtime's library does not know are skipped by the runtime. The
 * first rule is for all; the others hang on capabilities, so that a container
 * that is given one can use it.
 */
#include "exec/seccomp.h"

#include <string.h>

#include "exec/caps.h"

#define CAP(n) (UINT64_C(1) << (n))
#define SYS_ADMIN CAP(21)
/* CLONE_NEW*: what clone may not ask for without CAP_SYS_ADMIN. */
#define CLONE_NAMESPACES 2114060288
#define ENOSYS_NUMBER 38

static const char always[] =
	"accept accept4 access adjtimex alarm bind brk capget capset "
	"chdir chmod chown chown32 clock_adjtime clock_adjtime64 "
	"clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
	"clock_nanosleep clock_nanosleep_time64 close close_range connect "
	"copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 "
	"epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
	"epoll_wait_old eventfd eventfd2 execve execveat exit exit_group "
	"faccessat faccessat2 fadvise64 fadvise64_64 fallocate "
	"fanotify_mark fchdir fchmod fchmodat fchown fchown32 fchownat "
	"fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork "
	"fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 "
	"fsync ftruncate ftruncate64 futex futex_time64 futex_waitv "
	"futimesat getcpu getcwd getdents getdents64 getegid getegid32 "
	"geteuid geteuid32 getgid getgid32 getgroups getgroups32 "
	"getitimer getpeername getpgid getpgrp getpid getppid getpriority "
	"getrandom getresgid getresgid32 getresuid getresuid32 getrlimit "
	"get_robust_list getrusage getsid getsockname getsockopt "
	"get_thread_area gettid gettimeofday getuid getuid32 getxattr "
	"inotify_add_watch inotify_init inotify_init1 inotify_rm_watch "
	"io_cancel ioctl io_destroy io_getevents io_pgetevents "
	"io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit "
	"io_uring_enter io_uring_register io_uring_setup ipc kill "
	"landlock_add_rule landlock_create_ruleset landlock_restrict_self "
	"lchown lchown32 lgetxattr link linkat listen listxattr "
	"llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 "
	"madvise membarrier memfd_create memfd_secret mincore mkdir "
	"mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect "
	"mq_getsetattr mq_notify mq_open mq_timedreceive "
	"mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 "
	"mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock "
	"munlockall munmap nanosleep newfstatat _newselect open openat "
	"openat2 pause pidfd_open pidfd_send_signal pipe pipe2 poll ppoll "
	"ppoll_time64 prctl pread64 preadv preadv2 prlimit64 "
	"process_mrelease pselect6 pselect6_time64 pwrite64 pwritev "
	"pwritev2 read readahead readlink readlinkat readv recv recvfrom "
	"recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr "
	"rename renameat renameat2 restart_syscall rmdir rseq "
	"rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo "
	"rt_sigreturn rt_sigsuspend rt_sigtimedwait "
	"rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity "
	"sched_getattr sched_getparam sched_get_priority_max "
	"sched_get_priority_min sched_getscheduler sched_rr_get_interval "
	"sched_rr_get_interval_time64 sched_setaffinity sched_setattr "
	"sched_setparam sched_setscheduler sched_yield seccomp select "
	"semctl semget semop semtimedop semtimedop_time64 send sendfile "
	"sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid "
	"setfsuid32 setgid setgid32 setgroups setgroups32 setitimer "
	"setpgid setpriority setregid setregid32 setresgid setresgid32 "
	"setresuid setresuid32 setreuid setreuid32 setrlimit "
	"set_robust_list setsid setsockopt set_thread_area "
	"set_tid_address setuid setuid32 setxattr shmat shmctl shmdt "
	"shmget shutdown sigaltstack signalfd signalfd4 sigprocmask "
	"sigreturn socket socketcall socketpair splice stat stat64 statfs "
	"statfs64 statx symlink symlinkat sync sync_file_range syncfs "
	"sysinfo tee tgkill time timer_create timer_delete "
	"timer_getoverrun timer_gettime timer_gettime64 timer_settime "
	"timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 "
	"timerfd_settime timerfd_settime64 times tkill truncate "
	"truncate64 ugetrlimit umask uname unlink unlinkat utime "
	"utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid "
	"waitpid write writev";

#if defined(__x86_64__)
static const char *const architectures[] = { "SCMP_ARCH_X86_64",
					     "SCMP_ARCH_X86", "SCMP_ARCH_X32" };
static const char machine[] = "arch_prctl modify_ldt";
#elif defined(__aarch64__)
static const char *const architectures[] = { "SCMP_ARCH_AARCH64",
					     "SCMP_ARCH_ARM" };
static const char machine[] = "arm_fadvise64_64 arm_sync_file_range "
			      "sync_file_range2 breakpoint cacheflush set_tls";
#else
#error "no seccomp profile for this machine"
#endif

static const struct {
	uint64_t caps; /* any of these */
	const char *names;
} with_caps[] = {
	{ CAP(2), "open_by_handle_at" },
	{ SYS_ADMIN,
	  "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick "
	  "lookup_dcookie mount mount_setattr move_mount name_to_handle_at "
	  "open_tree perf_event_open quotactl quotactl_fd setdomainname "
	  "sethostname setns syslog umount umount2 unshare" },
	{ CAP(22), "reboot" },
	{ CAP(18), "chroot" },
	{ CAP(16), "delete_module init_module finit_module" },
	{ CAP(20), "acct" },
	{ CAP(19), "kcmp pidfd_getfd process_madvise process_vm_readv "
		   "process_vm_writev ptrace" },
	{ CAP(17), "iopl ioperm" },
	{ CAP(25), "settimeofday stime clock_settime" },
	{ CAP(26), "vhangup" },
	{ CAP(23), "get_mempolicy mbind set_mempolicy" },
	{ CAP(34), "syslog" },
};

/* Linux, uname26, both, and the question "which is it". */
static const uint64_t personalities[] = { 0, 8, 131072, 131080, 4294967295 };

static void
put_names(struct json *w, const char *names)
{
	json_key(w, "names");
	json_open(w, '[');
	while (*names != '\0') {
		size_t len = strcspn(names, " ");
		char name[40] = { 0 };

		memcpy(name, names, len < sizeof(name) ? len : 0);
		json_str(w, name);
		names += len + strspn(names + len, " ");
	}
	json_close(w, ']');
}

static void
put_allow(struct json *w, const char *names)
{
	json_open(w, '{');
	put_names(w, names);
	json_put_str(w, "action", "SCMP_ACT_ALLOW");
	json_close(w, '}');
}

static void
put_allow_if(struct json *w, const char *name, const char *op, uint64_t value)
{
	json_open(w, '{');
	put_names(w, name);
	json_put_str(w, "action", "SCMP_ACT_ALLOW");
	json_key(w, "args");
	json_open(w, '[');
	json_open(w, '{');
	json_put_u64(w, "index", 0);
	json_put_u64(w, "value", value);
	json_put_str(w, "op", op);
	json_close(w, '}');
	json_close(w, ']');
	json_close(w, '}');
}

/* glibc tries clone3 first, and falls back to clone on ENOSYS only. */
static void
put_no_namespaces(struct json *w)
{
	put_allow_if(w, "clone", "SCMP_CMP_MASKED_EQ", CLONE_NAMESPACES);
	json_open(w, '{');
	put_names(w, "clone3");
	json_put_str(w, "action", "SCMP_ACT_ERRNO");
	json_put_u64(w, "errnoRet", ENOSYS_NUMBER);
	json_close(w, '}');
}

void
seccomp_write(struct json *w, uint64_t caps)
{
	json_open(w, '{');
	json_put_str(w, "defaultAction", "SCMP_ACT_ERRNO");
	json_key(w, "architectures");
	json_open(w, '[');
	for (size_t i = 0; i < ARRAY_LEN(architectures); i++)
		json_str(w, architectures[i]);
	json_close(w, ']');
	json_key(w, "syscalls");
	json_open(w, '[');
	put_allow(w, always);
	put_allow(w, "ptrace"); /* safe since Linux 4.8 */
	for (size_t i = 0; i < ARRAY_LEN(personalities); i++)
		put_allow_if(w, "personality", "SCMP_CMP_EQ", personalities[i]);
	put_allow(w, machine);
	for (size_t i = 0; i < ARRAY_LEN(with_caps); i++)
		if (caps & with_caps[i].caps)
			put_allow(w, with_caps[i].names);
	if (!(caps & SYS_ADMIN))
		put_no_namespaces(w);
	json_close(w, ']');
	json_close(w, '}');
}
