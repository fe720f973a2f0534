/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of things: a domain that crashed, a machine that goes off, a hypervisor that cannot go
 * on. Each says so in a last line that tools outside look for:
 *
 *   machine: power off | reboot | halted after a crash of d0 | reboot after a crash of d0 | panic
 */
#ifndef HV_CRASH_H
#define HV_CRASH_H

#include "hv/vcpu.h"

/* An exception in the hypervisor that is nobody's fault but ours: state, last line, halt.
 * `address` is CR2 for a page fault. */
NORETURN void panic_on_trap(const struct cpu_user_regs *regs, uint64_t address);

/* The hypervisor stops with this reason. */
NORETURN void panic(const char *format, ...) PRINTF_FORMAT(1, 2);

/* Whether a crash of the first domain leaves the machine halted (the option noreboot). */
void crash_set_options(bool noreboot);

#endif
