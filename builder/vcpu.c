/* SPDX-License-Identifier: BSD-2-Clause */
#include "builder/contents.h"

#define RFLAGS_ALWAYS_SET (UINT64_C(1) << 1)
#define RFLAGS_IF         (UINT64_C(1) << 9)

/* Larger than a kernel stack should bear, so not on it. All that changes from one domain to the
 * next is written each time; nothing else ever is. */
static struct vcpu_guest_context context;

enum build_status vcpu_set(struct build_target *target, const struct kernel_image *image,
                           const struct build_layout *layout, struct build_detail *detail)
{
    uint64_t stack_top = layout_address(layout, page_range_end(layout->stack));
    /* Interrupts are on in the CPU's flag; events are masked in shared_info. */
    context.flags = VGCF_in_kernel | VGCF_online;
    context.user_regs.rip = image->entry;
    context.user_regs.rsp = stack_top;
    context.user_regs.rsi = layout_address(layout, layout->start_info.first);
    context.user_regs.rflags = RFLAGS_IF | RFLAGS_ALWAYS_SET;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = stack_top;
    context.ctrlreg[3] = xen_pfn_to_cr3(build_port_mfn(target, layout->tables.first).value);
    int error = build_port_set_vcpu(target, &context);
    if (error != 0) {
        return build_refuse(detail, BUILD_VCPU_REFUSED, (uint64_t) - (int64_t)error, 0);
    }
    return BUILD_OK;
}
