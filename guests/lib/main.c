/* SPDX-License-Identifier: BSD-2-Clause */
/* From the first instruction to the last test. */
#include "guests/lib/console.h"
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "guests/lib/trap.h"
#include "guests/lib/user.h"
#include "lib/string.h"

NORETURN void guest_main(void);

/*
 * "crash=early": an exception before there is a trap table. "crash=stack": one that the kernel
 * stack cannot take. "crash=user": to user mode without a user page table. Each is the domain's
 * end, and only the domain's.
 */
static void crash_as_asked(void)
{
    if (argument_find("crash=stack") != NULL) {
        __asm__ volatile("xor %%esp, %%esp\n\tud2" ::: "memory");
    }
    if (argument_find("crash=user") != NULL) {
        const struct iret_context frame = {.cs = 0x33, .ss = 0x2b, .rflags = 0x202};
        __asm__ volatile("mov %0, %%rsp\n\tmov %1, %%eax\n\tsyscall" ::"r"(&frame),
                         "i"(__HYPERVISOR_iret)
                         : "memory");
    }
}

/*
 * "end=reboot" on the command line reboots instead of powering off: QEMU's -no-reboot then ends it
 * also under hypervisors that only halt when their first domain powers off. "end=never" goes on and
 * on instead.
 */
void guest_main(void)
{
    start_info = (start_info_t *)boot_state.rsi;
    print("BEGIN %s, %lu pages, \"%s\"\n", start_info->magic, start_info->nr_pages,
          (const char *)start_info->cmd_line);
    if (argument_find("crash=early") != NULL) {
        __asm__ volatile("mov 0x123456789, %%al" ::: "memory");
    }
    trap_init();
    event_init();
    crash_as_asked();
    user_init();
    memory_init();
    test_run_all();
    while (argument_find("end=never") != NULL) {
        /* somebody has to end it */
    }
    guest_shutdown(argument_find("end=reboot") != NULL ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}
