/* caps.c - see caps.h. */
#include "exec/caps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/base/str.h"

const char *const cap_names[CAP_COUNT] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

const int cap_defaults[] = {
	0,  /* CHOWN */
	1,  /* DAC_OVERRIDE */
	4,  /* FSETID */
	3,  /* FOWNER */
	27, /* MKNOD */
	13, /* NET_RAW */
	6,  /* SETGID */
	7,  /* SETUID */
	31, /* SETFCAP */
	8,  /* SETPCAP */
	10, /* NET_BIND_SERVICE */
	18, /* SYS_CHROOT */
	5,  /* KILL */
	29, /* AUDIT_WRITE */
	-1,
};

#define ALL_CAPS ((UINT64_C(1) << CAP_COUNT) - 1)

uint64_t
caps_possible(void)
{
	uint64_t set = 0;

	for (int i = 0; i < CAP_COUNT; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			set |= UINT64_C(1) << i;
	return set;
}

static int
cap_bits(const char *name, uint64_t *ret)
{
	if (str_cmp_nocase(name, "ALL") == 0 ||
	    str_cmp_nocase(name, "CAP_ALL") == 0) {
		*ret = ALL_CAPS;
		return 0;
	}
	for (int i = 0; i < CAP_COUNT; i++) {
		if (str_cmp_nocase(name, cap_names[i]) != 0 &&
		    str_cmp_nocase(name, cap_names[i] + 4) != 0)
			continue;
		*ret = UINT64_C(1) << i;
		return 0;
	}
	return -EINVAL;
}

static int
union_of(const struct strings *names, const char *what, uint64_t *ret,
	 struct err *e)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < names->count; i++) {
		if (cap_bits(names->v[i], &bits) < 0)
			return err_set(e, -EINVAL,
				       "invalid %s: unknown capability: \"%s\"",
				       what, names->v[i]);
		*ret |= bits;
	}
	return 0;
}

int
caps_compute(const struct strings *add, const struct strings *drop,
	     uint64_t possible, uint64_t *ret, struct err *e)
{
	uint64_t added = 0, dropped = 0, set = 0;
	int r = union_of(add, "CapAdd", &added, e);

	if (r == 0)
		r = union_of(drop, "CapDrop", &dropped, e);
	if (r < 0)
		return r;
	for (const int *c = cap_defaults; *c >= 0; c++)
		set |= UINT64_C(1) << *c;
	/* With ALL added, what is dropped by name stays dropped. */
	if (added == ALL_CAPS)
		set = possible & ~(dropped == ALL_CAPS ? 0 : dropped);
	else
		set = (set & ~dropped) | added;
	*ret = set;
	return 0;
}
