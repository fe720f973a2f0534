/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls through an inline SYSCALL, one function each, with the ABI's arguments in the ABI's
 * order. They answer what the hypervisor answered: 0 or a count, or a negative error number.
 */
#ifndef GUESTS_LIB_HYPERCALL_H
#define GUESTS_LIB_HYPERCALL_H

#include "lib/compiler.h"
#include "lib/frame_number.h"

#include <xen/callback.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/xen.h>

/* Any call by its number. SYSCALL itself destroys rcx and r11. */
static inline int64_t hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                                uint64_t e)
{
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    int64_t result;
    __asm__ volatile("syscall"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                     : "0"(number)
                     : "rcx", "r11", "memory");
    return result;
}

static inline uint64_t pointer_value(const volatile void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

static inline int64_t hypercall_set_trap_table(const trap_info_t *traps)
{
    return hypercall(__HYPERVISOR_set_trap_table, pointer_value(traps), 0, 0, 0, 0);
}

static inline int64_t hypercall_mmu_update(const mmu_update_t *updates, uint64_t count,
                                           uint32_t *done, uint64_t domains)
{
    return hypercall(__HYPERVISOR_mmu_update, pointer_value(updates), count, pointer_value(done),
                     domains, 0);
}

static inline int64_t hypercall_mmuext_op(const struct mmuext_op *operations, uint64_t count,
                                          uint32_t *done, uint64_t domain)
{
    return hypercall(__HYPERVISOR_mmuext_op, pointer_value(operations), count, pointer_value(done),
                     domain, 0);
}

static inline int64_t hypercall_update_va_mapping(uint64_t va, uint64_t pte, uint64_t flags)
{
    return hypercall(__HYPERVISOR_update_va_mapping, va, pte, flags, 0, 0);
}

static inline int64_t hypercall_set_gdt(const uint64_t *frames, uint64_t entries)
{
    return hypercall(__HYPERVISOR_set_gdt, pointer_value(frames), entries, 0, 0, 0);
}

static inline int64_t hypercall_update_descriptor(uint64_t address, uint64_t descriptor)
{
    return hypercall(__HYPERVISOR_update_descriptor, address, descriptor, 0, 0, 0);
}

static inline int64_t hypercall_stack_switch(uint64_t ss, uint64_t rsp)
{
    return hypercall(__HYPERVISOR_stack_switch, ss, rsp, 0, 0, 0);
}

static inline int64_t hypercall_fpu_taskswitch(uint64_t set)
{
    return hypercall(__HYPERVISOR_fpu_taskswitch, set, 0, 0, 0, 0);
}

static inline int64_t hypercall_set_debugreg(uint64_t number, uint64_t value)
{
    return hypercall(__HYPERVISOR_set_debugreg, number, value, 0, 0, 0);
}

static inline int64_t hypercall_get_debugreg(uint64_t number)
{
    return hypercall(__HYPERVISOR_get_debugreg, number, 0, 0, 0, 0);
}

static inline int64_t hypercall_memory_op(uint64_t command, const void *argument)
{
    return hypercall(__HYPERVISOR_memory_op, command, pointer_value(argument), 0, 0, 0);
}

static inline int64_t hypercall_multicall(multicall_entry_t *entries, uint64_t count)
{
    return hypercall(__HYPERVISOR_multicall, pointer_value(entries), count, 0, 0, 0);
}

static inline int64_t hypercall_set_timer_op(uint64_t deadline)
{
    return hypercall(__HYPERVISOR_set_timer_op, deadline, 0, 0, 0, 0);
}

static inline int64_t hypercall_xen_version(uint64_t command, void *argument)
{
    return hypercall(__HYPERVISOR_xen_version, command, pointer_value(argument), 0, 0, 0);
}

static inline int64_t hypercall_console_io(uint64_t command, uint64_t count, const char *text)
{
    return hypercall(__HYPERVISOR_console_io, command, count, pointer_value(text), 0, 0);
}

static inline int64_t hypercall_vm_assist(uint64_t command, uint64_t type)
{
    return hypercall(__HYPERVISOR_vm_assist, command, type, 0, 0, 0);
}

static inline int64_t hypercall_vcpu_op(uint64_t command, uint64_t vcpu, const void *argument)
{
    return hypercall(__HYPERVISOR_vcpu_op, command, vcpu, pointer_value(argument), 0, 0);
}

static inline int64_t hypercall_set_segment_base(uint64_t which, uint64_t base)
{
    return hypercall(__HYPERVISOR_set_segment_base, which, base, 0, 0, 0);
}

static inline int64_t hypercall_sched_op(uint64_t command, const void *argument)
{
    return hypercall(__HYPERVISOR_sched_op, command, pointer_value(argument), 0, 0, 0);
}

static inline int64_t hypercall_callback_op(uint64_t command, const void *argument)
{
    return hypercall(__HYPERVISOR_callback_op, command, pointer_value(argument), 0, 0, 0);
}

static inline int64_t hypercall_event_channel_op(uint64_t command, void *argument)
{
    return hypercall(__HYPERVISOR_event_channel_op, command, pointer_value(argument), 0, 0, 0);
}

static inline int64_t hypercall_physdev_op(uint64_t command, void *argument)
{
    return hypercall(__HYPERVISOR_physdev_op, command, pointer_value(argument), 0, 0, 0);
}

#endif
