/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets of C structs for the assembly: compiled to assembly text, out of which the build takes
 * the "->NAME value" lines. */
#include "hv/boot/pvh.h"
#include "hv/cpu/cpu.h"
#include "hv/vcpu.h"

#define OFFSET(name, type, member)                                                                 \
    __asm__ volatile(".ascii \"->" #name " %c0\"" ::"i"(offsetof(type, member)))
#define VALUE(name, value) __asm__ volatile(".ascii \"->" #name " %c0\"" ::"i"(value))

void offsets(void);

void offsets(void)
{
    OFFSET(REGS_RAX, struct cpu_user_regs, rax);
    OFFSET(REGS_ENTRY_VECTOR, struct cpu_user_regs, entry_vector);
    OFFSET(REGS_ERROR_CODE, struct cpu_user_regs, error_code);
    OFFSET(REGS_RIP, struct cpu_user_regs, rip);
    OFFSET(REGS_CS, struct cpu_user_regs, cs);
    OFFSET(REGS_RFLAGS, struct cpu_user_regs, rflags);
    OFFSET(REGS_RSP, struct cpu_user_regs, rsp);
    OFFSET(REGS_ES, struct cpu_user_regs, es);
    VALUE(STACK_TOP_SIZE, sizeof(struct cpu_stack_top));
    VALUE(STACK_TOP_REGS_ES, offsetof(struct cpu_stack_top, regs.es));
    VALUE(STACK_TOP_SYSCALL_RSP, offsetof(struct cpu_stack_top, info.syscall_rsp));
    VALUE(STACK_TOP_VCPU, offsetof(struct cpu_stack_top, info.vcpu));
    VALUE(STACK_TOP_WORK, offsetof(struct cpu_stack_top, info.work));
    VALUE(BOOT_PVH_MAGIC, PVH_MAGIC);
    OFFSET(VCPU_INFO, struct hv_vcpu, info);
    OFFSET(VCPU_IN_KERNEL, struct hv_vcpu, in_kernel);
    OFFSET(INFO_UPCALL_PENDING, struct vcpu_info, evtchn_upcall_pending);
    OFFSET(INFO_UPCALL_MASK, struct vcpu_info, evtchn_upcall_mask);
}
