/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Run a command in a first domain and print what the time-stamp counter was:
 *
 *   stopwatch COMMAND...      when it was started and when it had ended
 *   stopwatch -c COMMAND...   when it made the control call that creates a domain
 *
 * For the latter the command is traced up to that call and then let go, so that all behind it takes
 * what it takes without a tracer; all before does not. A tracer cannot read the memory that holds a
 * control call's record, so it looks after each whether there is a domain now that was not there
 * before; the time for that is taken off.
 */
#define __XEN_TOOLS__ 1

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/xen.h>

#include <xen/domctl.h>
#include <xen/sysctl.h>

/* Linux's ioctl of /dev/xen/privcmd: its argument is the call's number and five words. */
#define PRIVCMD_HYPERCALL UINT64_C(0x305000)

static uint64_t time_stamp(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static void die(const char *what)
{
    fprintf(stderr, "stopwatch: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void execute(char **command)
{
    execvp(command[0], command);
    die(command[0]);
}

/* ---- is there a domain besides the first? ---- */

static xen_domctl_getdomaininfo_t found __attribute__((aligned(4096)));
static struct xen_sysctl list_call __attribute__((aligned(4096)));

static bool has_other_domain(void)
{
    static int privcmd = -1;
    if (privcmd < 0) {
        privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
        if (privcmd < 0 || mlockall(MCL_CURRENT) != 0) {
            die("/dev/xen/privcmd");
        }
    }
    list_call.cmd = XEN_SYSCTL_getdomaininfolist;
    list_call.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    list_call.u.getdomaininfolist.first_domain = 1;
    list_call.u.getdomaininfolist.max_domains = 1;
    set_xen_guest_handle_raw(list_call.u.getdomaininfolist.buffer, &found);
    const uint64_t call[6] = {__HYPERVISOR_sysctl, (uint64_t)(uintptr_t)&list_call};
    if (ioctl(privcmd, PRIVCMD_HYPERCALL, call) != 0) {
        die("the domains cannot be listed");
    }
    return list_call.u.getdomaininfolist.num_domains != 0;
}

/* ---- the traced command ---- */

static bool is_control_call(pid_t child)
{
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, child, NULL, &registers) != 0) {
        die("registers of the command");
    }
    return registers.orig_rax == SYS_ioctl && registers.rsi == PRIVCMD_HYPERCALL &&
           ptrace(PTRACE_PEEKDATA, child, registers.rdx, NULL) == __HYPERVISOR_domctl;
}

/* To the beginning or end of its next system call. */
static void go_on(pid_t child)
{
    int status;
    ptrace(PTRACE_SYSCALL, child, NULL, NULL);
    waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) {
        errno = 0;
        die("the command ended without making a domain");
    }
}

static void trace_to_createdomain(pid_t child)
{
    waitpid(child, NULL, 0);
    if (has_other_domain()) {
        errno = EBUSY;
        die("there is a domain already");
    }
    for (;;) {
        go_on(child);
        bool may_be_it = is_control_call(child);
        uint64_t begin = time_stamp();
        go_on(child);
        uint64_t end = time_stamp();
        if (may_be_it && has_other_domain()) {
            ptrace(PTRACE_DETACH, child, NULL, NULL);
            printf("BENCH createdomain %" PRIu64 "\n", begin + (time_stamp() - end));
            return;
        }
    }
}

int main(int argc, char **argv)
{
    bool traced = argc > 1 && strcmp(argv[1], "-c") == 0;
    char **command = argv + (traced ? 2 : 1);
    if (command[0] == NULL) {
        fputs("usage: stopwatch [-c] COMMAND...\n", stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    uint64_t start = time_stamp();
    pid_t child = fork();
    if (child == 0) {
        if (traced) {
            ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        }
        execute(command);
    }
    if (traced) {
        trace_to_createdomain(child);
    }
    int status;
    waitpid(child, &status, 0);
    uint64_t end = time_stamp();
    if (!traced) {
        printf("BENCH start %" PRIu64 "\nBENCH end %" PRIu64 "\n", start, end);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
