/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/crash.h"


#include "core/audit.h"
#include "hv/acpi/acpi.h"
#include "hv/console/console.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/msr.h"
#include "hv/cpu/segments.h"
#include "hv/guest_memory.h"
#include "lib/check.h"
#include <xen/sched.h>

static bool option_noreboot;
static bool option_audit;

void crash_set_options(bool noreboot, bool audit_at_end)
{
    option_noreboot = noreboot;
    option_audit = audit_at_end;
}

static NORETURN void halt_for_ever(void)
{
    for (;;) {
        irq_disable();
        cpu_halt();
    }
}

/* ---- audit --------------------------------------------------------------------------------- */

#define AUDIT_LINES 32U /* differences printed in full */

static unsigned int audit_lines;

static void print_difference(mfn_t mfn, const char *rule, uint64_t counted, uint64_t recorded)
{
    if (audit_lines++ < AUDIT_LINES) {
        console_log(LOG_ALWAYS, "audit: frame 0x%lx %s: counted 0x%lx, recorded 0x%lx", mfn.value,
                    rule, counted, recorded);
    }
}

/* Memory to count in: as large a free block as there is, given back afterwards. */
void audit_print(void)
{
    unsigned int order = 10;
    mfn_t scratch = frame_alloc(order, 64);
    while (mfn_equal(scratch, MFN_INVALID) && order > 0) {
        scratch = frame_alloc(--order, 64);
    }
    if (mfn_equal(scratch, MFN_INVALID)) {
        console_log(LOG_ALWAYS, "audit: no free frame to count in");
        return;
    }
    /* The block is free all the time: put it back first, so that the audit finds it so. */
    frame_alloc_undo(scratch, order);
    audit_lines = 0;
    struct audit_result result =
        audit_run((void *)(DIRECT_MAP_BASE + (scratch.value << PAGE_SHIFT)),
                  (PAGE_SIZE << order) / sizeof(struct audit_count), print_difference);
    console_log(LOG_ALWAYS, "audit: %lu frames examined, %lu references counted, %lu differences",
                result.frames, result.references, result.differences);
}

/* ---- state --------------------------------------------------------------------------------- */

static void print_registers(const struct cpu_user_regs *regs)
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

/* Each level's entry on the way to `address` in the tree under `base`. */
static void print_walk(mfn_t base, uint64_t address)
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

#define STACK_WORDS 24U

static void print_stack(uint64_t rsp)
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

/* ---- the machine goes ---------------------------------------------------------------------- */

static void last_words(void)
{
    if (option_audit) {
        audit_print();
    }
}

static NORETURN void machine_power_off(void)
{
    last_words();
    console_log(LOG_ALWAYS, "machine: power off");
    bool known = acpi_power_off();
    (void)known;
    console_log(LOG_ALWAYS, "the firmware did not switch the machine off; it is halted");
    halt_for_ever();
}

static NORETURN void machine_restart(void)
{
    last_words();
    console_log(LOG_ALWAYS, "machine: reboot");
    machine_reboot();
}

static NORETURN void machine_end_after_crash(const struct hv_vcpu *vcpu)
{
    last_words();
    if (option_noreboot) {
        console_log(LOG_ALWAYS, "machine: halted after a crash of d%u", vcpu->core.domain->id);
        halt_for_ever();
    }
    console_log(LOG_ALWAYS, "machine: reboot after a crash of d%u", vcpu->core.domain->id);
    machine_reboot();
}

void domain_shutdown(struct hv_vcpu *vcpu, unsigned int reason)
{
    irq_disable();
    switch (reason) {
    case SHUTDOWN_poweroff:
        console_log(LOG_INFO, "d%u powers off", vcpu->core.domain->id);
        machine_power_off();
    case SHUTDOWN_reboot:
        console_log(LOG_INFO, "d%u reboots", vcpu->core.domain->id);
        machine_restart();
    case SHUTDOWN_crash:
        console_log(LOG_ALWAYS, "d%uv%u says that it has crashed", vcpu->core.domain->id,
                    vcpu->core.id);
        print_registers(current_registers());
        machine_end_after_crash(vcpu);
    default:
        console_log(LOG_ALWAYS, "d%u shuts down with reason %u; the machine reboots",
                    vcpu->core.domain->id, reason);
        machine_restart();
    }
}

void domain_crash(struct hv_vcpu *vcpu, const char *why)
{
    irq_disable();
    const struct cpu_user_regs *regs = current_registers();
    console_log(LOG_ALWAYS, "d%uv%u crashed in %s mode: %s", vcpu->core.domain->id, vcpu->core.id,
                vcpu->in_kernel ? "kernel" : "user", why);
    print_registers(regs);
    mfn_t base = vcpu->in_kernel ? vcpu->core.kernel_base : vcpu->core.user_base;
    bool page_fault = regs->entry_vector == 14;
    if (!mfn_equal(base, MFN_INVALID)) {
        print_walk(base, page_fault ? vcpu->info->arch.cr2 : regs->rip);
    }
    print_stack(regs->rsp);
    machine_end_after_crash(vcpu);
}

/* ---- the hypervisor goes ------------------------------------------------------------------- */

static NORETURN void panic_end(void)
{
    console_log(LOG_ALWAYS, "machine: panic");
    halt_for_ever();
}

void panic(const char *format, ...)
{
    irq_disable();
    console_enter_panic();
    va_list arguments;
    va_start(arguments, format);
    console_log_v(LOG_ALWAYS, format, arguments);
    va_end(arguments);
    panic_end();
}

/* Return addresses by the chain of frame pointers (which debug builds keep), as long as it stays on
 * this CPU's stacks. */
static void print_backtrace(uint64_t rbp)
{
    uint64_t block = (uint64_t)cpu_stack_top() / CPU_AREA_SIZE;
    for (unsigned int depth = 0; depth < 16 && rbp / CPU_AREA_SIZE == block && rbp % 8 == 0;
         depth++) {
        const uint64_t *frame = (const uint64_t *)rbp;
        console_log(LOG_ALWAYS, "  called from %016lx", frame[1]);
        if (frame[0] <= rbp) {
            return;
        }
        rbp = frame[0];
    }
}

void panic_on_trap(const struct cpu_user_regs *regs, uint64_t address)
{
    irq_disable();
    console_enter_panic();
    console_log(LOG_ALWAYS, "exception %u in the hypervisor, error %x, address 0x%lx",
                regs->entry_vector, regs->error_code, address);
    print_registers(regs);
    if (regs->rbp != 0 && (regs->cs & 3) == 0) {
        print_backtrace(regs->rbp);
    }
    panic_end();
}

void check_failed(const char *file, int line, const char *condition)
{
    panic("check failed at %s:%d: %s", file, line, condition);
}
