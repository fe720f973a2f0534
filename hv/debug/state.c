/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/debug/state.h"

#include "hv/console/console.h"
#include "hv/cpu/segments.h"
#include "hv/guest_memory.h"
#include "hv/layout.h"

#define STACK_WORDS 24U

void registers_print(const struct cpu_user_regs *regs)
{
    console_log(LOG_ALWAYS, "rip %04x:%016lx  rsp %04x:%016lx  rflags %08lx", regs->cs, regs->rip,
                regs->ss, regs->rsp, regs->rflags);
    console_log(LOG_ALWAYS, "rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", regs->rax, regs->rbx,
                regs->rcx, regs->rdx);
    console_log(LOG_ALWAYS, "rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx", regs->rsi, regs->rdi,
                regs->rbp, regs->r8);
    console_log(LOG_ALWAYS, "r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx", regs->r9, regs->r10,
                regs->r11, regs->r12);
    console_log(LOG_ALWAYS, "r13 %016lx  r14 %016lx  r15 %016lx", regs->r13, regs->r14, regs->r15);
    console_log(LOG_ALWAYS, "vector %u  error %x  fs %016lx  gs %016lx / %016lx",
                regs->entry_vector, regs->error_code, segment_fs_base(), segment_gs_base_active(),
                segment_gs_base_inactive());
}

void walk_print(mfn_t base, uint64_t address)
{
    console_log(LOG_ALWAYS, "walk of 0x%016lx from L4 frame 0x%lx:", address, base.value);
    mfn_t mfn = base;
    for (unsigned int level = 4; level > 0 && mfn.value < machine.frame_count; level--) {
        const pte_t *table = (const pte_t *)(DIRECT_MAP_BASE + (mfn.value << PAGE_SHIFT));
        unsigned int index = pte_index(level, address);
        pte_t pte = pte_read(&table[index]);
        console_log(LOG_ALWAYS, "  L%u[%3u] = %016lx%s%s%s%s", level, index, pte.raw,
                    pte_is_present(pte) ? " present" : "", pte_is_writable(pte) ? " writable" : "",
                    pte_has(pte, PTE_USER) ? " user" : "",
                    pte_has(pte, PTE_NO_EXECUTE) ? " no-execute" : "");
        if (!pte_is_present(pte) || pte_has(pte, PTE_PAGE_SIZE)) {
            return;
        }
        mfn = pte_mfn(pte);
    }
}

void stack_print(uint64_t rsp)
{
    console_log(LOG_ALWAYS, "stack from 0x%016lx:", rsp);
    for (unsigned int i = 0; i < STACK_WORDS; i += 4) {
        uint64_t words[4];
        if (!guest_copy_in(words, rsp + i * sizeof(words[0]), sizeof(words))) {
            console_log(LOG_ALWAYS, "  (not readable)");
            return;
        }
        console_log(LOG_ALWAYS, "  %016lx %016lx %016lx %016lx", words[0], words[1], words[2],
                    words[3]);
    }
}

void vcpu_print_state(const struct hv_vcpu *vcpu, const struct cpu_user_regs *regs)
{
    console_log(LOG_ALWAYS, "d%uv%u in %s mode, L4 frame 0x%lx, cr2 0x%lx", vcpu->core.domain->id,
                vcpu->core.id, vcpu->in_kernel ? "kernel" : "user", vcpu_base(vcpu).value,
                vcpu->info->arch.cr2);
    registers_print(regs);
}

void vcpu_print_walks(const struct hv_vcpu *vcpu, const struct cpu_user_regs *regs)
{
    mfn_t base = vcpu_base(vcpu);
    walk_print(base, regs->rip);
    walk_print(base, regs->rsp);
    walk_print(base, vcpu->info->arch.cr2);
}
