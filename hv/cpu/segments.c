/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/cpu/segments.h"

#include "hv/cpu/extable.h"
#include "hv/cpu/msr.h"
#include "hv/cpu/msr_names.h"
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"
#include "lib/check.h"

/* The registers rather than RDFSBASE and its kin: those follow CR4.FSGSBASE, which is the guest's.
 */

uint64_t segment_fs_base(void)
{
    return msr_read(MSR_FS_BASE);
}

void segment_set_fs_base(uint64_t base)
{
    ASSERT(address_is_canonical(base));
    msr_write(MSR_FS_BASE, base);
}

uint64_t segment_gs_base_active(void)
{
    return msr_read(MSR_GS_BASE);
}

void segment_set_gs_base_active(uint64_t base)
{
    ASSERT(address_is_canonical(base));
    msr_write(MSR_GS_BASE, base);
}

uint64_t segment_gs_base_inactive(void)
{
    return msr_read(MSR_KERNEL_GS_BASE);
}

void segment_set_gs_base_inactive(uint64_t base)
{
    ASSERT(address_is_canonical(base));
    msr_write(MSR_KERNEL_GS_BASE, base);
}

/* ---- selectors ----------------------------------------------------------------------------- */

void segments_save(struct cpu_user_regs *regs)
{
    uint32_t selector;
    __asm__ volatile("mov %%ds, %0" : "=r"(selector));
    regs->ds = (uint16_t)selector;
    __asm__ volatile("mov %%es, %0" : "=r"(selector));
    regs->es = (uint16_t)selector;
    __asm__ volatile("mov %%fs, %0" : "=r"(selector));
    regs->fs = (uint16_t)selector;
    __asm__ volatile("mov %%gs, %0" : "=r"(selector));
    regs->gs = (uint16_t)selector;
}

/* False: the processor refused the selector, and the register has the null one. */
#define LOAD_SELECTOR(name, selector)                                                              \
    ({                                                                                             \
        uint32_t done_ = 0;                                                                        \
        __asm__ volatile("1:\tmovl %1, %%" #name "\n\t"                                            \
                         "movl $1, %0\n"                                                           \
                         "2:\n\t" EXTABLE("1b", "2b")                                              \
                         : "+&r"(done_)                                                            \
                         : "r"((uint32_t)(selector))                                               \
                         : "memory");                                                              \
        if (done_ == 0) {                                                                          \
            __asm__ volatile("movl %0, %%" #name ::"r"(0));                                        \
        }                                                                                          \
        done_ != 0;                                                                                \
    })

bool segments_load(const struct cpu_user_regs *regs)
{
    bool ds = LOAD_SELECTOR(ds, regs->ds);
    bool es = LOAD_SELECTOR(es, regs->es);
    bool fs = LOAD_SELECTOR(fs, regs->fs);
    bool gs = LOAD_SELECTOR(gs, regs->gs);
    return ds && es && fs && gs;
}

/* ---- bases --------------------------------------------------------------------------------- */

/* MOV to GS between two SWAPGS: the base that goes with the selector becomes the inactive one.
 * False: the processor refused it, and nothing changed. */
static bool load_inactive_gs(uint16_t selector)
{
    uint32_t done = 0;
    __asm__ volatile("swapgs\n"
                     "1:\tmovl %1, %%gs\n\t"
                     "movl $1, %0\n"
                     "2:\tswapgs\n\t" EXTABLE("1b", "2b")
                     : "+&r"(done)
                     : "r"((uint32_t)selector)
                     : "memory");
    return done != 0;
}

/* A selector the guest cannot load becomes the null selector, with base 0: so it is on Xen, and
 * Linux's own load_gs_index() does the same. */
static void load_user_gs(uint16_t selector)
{
    bool is_null = selector <= 3;
    /* With RPL 3, as we are in ring 0: none of our own descriptors can be meant. */
    if (!load_inactive_gs(is_null ? selector : selector | 3)) {
        CHECK(load_inactive_gs(0));
        segment_set_gs_base_inactive(0); /* not every processor clears it */
    }
}

/* set_segment_base(which, base). */
struct call_result hypercall_set_segment_base(struct hv_vcpu *vcpu, uint64_t arg[])
{
    (void)vcpu;
    uint64_t base = arg[1];
    uint32_t which = (uint32_t)arg[0];
    if (which != SEGBASE_GS_USER_SEL && !address_is_canonical(base)) {
        return call_done(refuse(-XEN_EINVAL, "base 0x%lx is not canonical", base));
    }
    switch (which) {
    case SEGBASE_FS:
        segment_set_fs_base(base);
        return call_done(0);
    case SEGBASE_GS_USER:
        segment_set_gs_base_inactive(base);
        return call_done(0);
    case SEGBASE_GS_KERNEL:
        segment_set_gs_base_active(base);
        return call_done(0);
    case SEGBASE_GS_USER_SEL:
        load_user_gs((uint16_t)base);
        return call_done(0);
    default:
        return call_done(refuse(-XEN_EINVAL, "segment %u: there are 0 to 3", which));
    }
}
