#include "daemon/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/socket.h>

/* A process that tries one of these is not ours any more. */
static const int never[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(personality),
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setreuid),
	SCMP_SYS(setregid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setgroups),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(pidfd_getfd),
};

/* The library tells families apart by number, so each gap is a rule of its own. */
static bool forbid_families(scmp_filter_ctx filter)
{
	static const struct {
		int above;
		int below;
	} gaps[] = { { AF_INET, AF_INET6 }, { AF_INET6, AF_NETLINK }, { AF_NETLINK, AF_PACKET } };
	bool ok = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
	                           SCMP_A0(SCMP_CMP_GT, AF_PACKET)) == 0;

	for (size_t i = 0; ok && i < ARRAY_LEN(gaps); i++) {
		for (int family = gaps[i].above + 1; ok && family < gaps[i].below; family++)
			ok =
			    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket),
			                     1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family)) == 0;
	}
	return ok;
}

static bool forbid(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < ARRAY_LEN(never); i++) {
		int result = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, never[i], 0);

		/* Some do not exist on every architecture. */
		if (result != 0 && result != -EDOM)
			return false;
	}
	return forbid_families(filter);
}

bool sandbox_enter(char *error, size_t size)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	bool ok = filter != NULL && forbid(filter) && seccomp_load(filter) == 0;

	if (filter != NULL)
		seccomp_release(filter);
	if (!ok)
		snprintf(error, size, "system calls cannot be forbidden; the kernel lacks seccomp");
	return ok;
}
