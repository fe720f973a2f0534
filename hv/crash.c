/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/crash.h"

#include "hv/acpi/acpi.h"
#include "hv/boot/kernels.h"
#include "hv/console/console.h"
#include "hv/console/guest_console.h"
#include "hv/console/serial.h"
#include "hv/debug/audit.h"
#include "hv/debug/stretch.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/msr.h"
#include "hv/debug/state.h"
#include "hv/domain/domain.h"
#include "hv/entry/work.h"
#include "hv/sched/vcpu.h"
#include "lib/check.h"
#include <xen/sched.h>

static bool option_noreboot;

void crash_set_options(bool noreboot)
{
    option_noreboot = noreboot;
}

static NORETURN void halt_for_ever(void)
{
    for (;;) {
        irq_disable();
        cpu_halt();
    }
}

/* ---- the machine goes ---------------------------------------------------------------------- */

static void last_words(void)
{
    stretch_print();
    if (audit_is_on()) {
        audit_print();
    }
}

static NORETURN void machine_power_off(void)
{
    last_words();
    console_log(LOG_ALWAYS, "machine: power off");
    serial_finish();
    bool known = acpi_power_off();
    (void)known;
    console_log(LOG_ALWAYS, "the firmware did not switch the machine off; it is halted");
    halt_for_ever();
}

static NORETURN void machine_restart(void)
{
    last_words();
    console_log(LOG_ALWAYS, "machine: reboot");
    serial_finish();
    machine_reboot();
}

static NORETURN void machine_end_after_crash(const struct hv_domain *domain)
{
    last_words();
    if (option_noreboot) {
        console_log(LOG_ALWAYS, "machine: halted after a crash of d%u", domain->core.id);
        halt_for_ever();
    }
    console_log(LOG_ALWAYS, "machine: reboot after a crash of d%u", domain->core.id);
    serial_finish();
    machine_reboot();
}

/* ---- a domain goes ------------------------------------------------------------------------- */

/* With the first domain goes the machine, the same way. */
static NORETURN void machine_end(const struct hv_domain *domain, unsigned int reason)
{
    irq_disable();
    switch (reason) {
    case SHUTDOWN_poweroff:
        machine_power_off();
    case SHUTDOWN_crash:
        machine_end_after_crash(domain);
    default:
        machine_restart();
    }
}

/* How bad an end is for who started the machine. */
static unsigned int badness(const struct hv_domain *domain)
{
    switch (domain->shutdown_code) {
    case SHUTDOWN_poweroff:
        return 0;
    case SHUTDOWN_crash:
        return 2;
    default:
        return 1;
    }
}

/* Without a first domain the machine goes with the last domain, and the way that the one took that
 * ended worst. Comes back while one is left. */
static void machine_end_with_last_domain(void)
{
    const struct hv_domain *worst = NULL;
    for (unsigned int id = 0; id < DOMAIN_LIMIT; id++) {
        const struct hv_domain *domain = hv_domain_find((uint16_t)id);
        if (domain != NULL && !domain->is_shut_down) {
            return;
        }
        if (domain != NULL && (worst == NULL || badness(domain) > badness(worst))) {
            worst = domain;
        }
    }
    machine_end(worst, worst->shutdown_code);
}

static const char *reason_text(unsigned int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        return "powers off";
    case SHUTDOWN_reboot:
        return "reboots";
    case SHUTDOWN_crash:
        return "says that it has crashed";
    case SHUTDOWN_watchdog:
        return "was shut down by its watchdog";
    default:
        return "shuts down";
    }
}

static NORETURN void end_domain(struct hv_vcpu *vcpu, unsigned int reason)
{
    struct hv_domain *domain = hv_vcpu_domain(vcpu);
    if (domain->core.id == FIRST_DOMAIN) {
        machine_end(domain, reason);
    }
    guest_console_detach(domain);
    hv_domain_shut_down(domain, reason);
    if (boot_kernels_is_unpacker(domain)) {
        cpu_work_raise(CPU_WORK_BOOT);
    } else {
        machine_end_with_last_domain();
    }
    vcpu_abandon();
}

void domain_shutdown(struct hv_vcpu *vcpu, unsigned int reason)
{
    bool is_usual = reason != SHUTDOWN_crash;
    if (!is_usual || !boot_kernels_is_unpacker(hv_vcpu_domain(vcpu))) {
        console_log(is_usual ? LOG_INFO : LOG_ALWAYS, "d%u %s", vcpu->core.domain->id,
                    reason_text(reason));
    }
    if (reason == SHUTDOWN_crash) {
        registers_print(current_registers());
    }
    end_domain(vcpu, reason);
}

void domain_crash(struct hv_vcpu *vcpu, const char *why)
{
    irq_enable(); /* so much text takes long on a serial line, and the others go on */
    const struct cpu_user_regs *regs = current_registers();
    console_log(LOG_ALWAYS, "d%uv%u crashed in %s mode: %s", vcpu->core.domain->id, vcpu->core.id,
                vcpu->in_kernel ? "kernel" : "user", why);
    registers_print(regs);
    mfn_t base = vcpu_base(vcpu);
    bool page_fault = regs->entry_vector == 14;
    if (!mfn_equal(base, MFN_INVALID)) {
        walk_print(base, page_fault ? vcpu->info->arch.cr2 : regs->rip);
    }
    stack_print(regs->rsp);
    irq_disable();
    end_domain(vcpu, SHUTDOWN_crash);
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
    registers_print(regs);
    if (regs->rbp != 0 && (regs->cs & 3) == 0) {
        print_backtrace(regs->rbp);
    }
    panic_end();
}

void check_failed(const char *file, int line, const char *condition)
{
    panic("check failed at %s:%d: %s", file, line, condition);
}
