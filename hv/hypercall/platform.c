/* SPDX-License-Identifier: BSD-2-Clause */
/* platform_op: the machine itself, for the domain that drives it (xen/platform.h). */
#include "core/port.h"
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "hv/irq/lapic.h"
#include "hv/refuse.h"
#include "hv/time/time.h"
#include "hv/time/wall_clock.h"

#include <xen/platform.h>
#include <xen/sched.h>

#define ACPI_S1 1U
#define ACPI_S5 5U

static int set_time(uint64_t seconds, uint32_t nanoseconds, uint64_t system_ns)
{
    if (nanoseconds >= NS_PER_SECOND || !time_set_wall_clock(seconds, nanoseconds, system_ns)) {
        return refuse(-XEN_EINVAL,
                      "the time %lu.%09u s at system time %lu ns: a second has 10^9 "
                      "ns, and the machine was not started before 1970",
                      seconds, nanoseconds, system_ns);
    }
    wall_clock_publish_all();
    return 0;
}

/* No boot service of the firmware was asked for anything, so there is nothing to hand on. */
static int firmware_info(struct xenpf_firmware_info *info)
{
    switch (info->type) {
    case XEN_FW_DISK_INFO:
    case XEN_FW_DISK_MBR_SIGNATURE:
    case XEN_FW_VBEDDC_INFO:
        return refuse(-XEN_ESRCH, "the firmware was not asked for information %u", info->type);
    case XEN_FW_EFI_INFO:
        return refuse(-XEN_ENOSYS, "the machine was not started by EFI");
    case XEN_FW_KBD_SHIFT_FLAGS:
        info->u.kbd_shift_flags = 0;
        return 0;
    default:
        return refuse(-XEN_EINVAL, "the firmware's information %u is not known", info->type);
    }
}

/* Comes back only to refuse. Only S5 is offered, and reached by the hypervisor's own reading of the
 * tables: the values for the registers are the guest's. */
static int enter_sleep(struct hv_vcpu *vcpu, const struct xenpf_enter_acpi_sleep *sleep)
{
    if (sleep->flags != 0 || sleep->sleep_state < ACPI_S1 || sleep->sleep_state > ACPI_S5) {
        return refuse(-XEN_EINVAL, "sleep state %u, flags 0x%x: states are 1 to 5, without flags",
                      sleep->sleep_state, sleep->flags);
    }
    if (sleep->sleep_state != ACPI_S5) {
        return refuse(-XEN_EOPNOTSUPP, "sleep state %u: there is only 5, off", sleep->sleep_state);
    }
    domain_shutdown(vcpu, SHUTDOWN_poweroff);
}

/* This CPU is the only one. Its ACPI number is taken to be its APIC ID, as firmware usually has it:
 * the reader wants the highest number there is. */
static int get_cpu_info(struct xenpf_pcpuinfo *info)
{
    info->max_present = port_cpu();
    info->flags = XEN_PCPU_FLAGS_INVALID;
    info->apic_id = 0;
    info->acpi_id = 0;
    if (info->xen_cpuid == port_cpu()) {
        info->flags = XEN_PCPU_FLAGS_ONLINE;
        info->apic_id = lapic_id();
        info->acpi_id = lapic_id();
    }
    return 0;
}

/* platform_op(record): the commands that answer have their answer in it. */
struct call_result hypercall_platform_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    struct xen_platform_op op;
    if (!guest_copy_in(&op, arg[0], sizeof(op))) {
        return call_done(refuse_unreadable(arg[0], sizeof(op)));
    }
    if (op.interface_version != XENPF_INTERFACE_VERSION) {
        return call_done(refuse(-XEN_EACCES, "interface version 0x%x: it must be 0x%x",
                                op.interface_version, XENPF_INTERFACE_VERSION));
    }
    if (!vcpu->core.domain->has_io) {
        return call_done(
            refuse(-XEN_EPERM, "command %u: the machine is the first domain's", op.cmd));
    }
    int result;
    switch (op.cmd) {
    case XENPF_settime32:
        return call_done(
            set_time(op.u.settime32.secs, op.u.settime32.nsecs, op.u.settime32.system_time));
    case XENPF_settime64:
        return call_done(
            op.u.settime64.mbz != 0
                ? refuse(-XEN_EINVAL, "mbz is 0x%x, but must be 0", op.u.settime64.mbz)
                : set_time(op.u.settime64.secs, op.u.settime64.nsecs, op.u.settime64.system_time));
    case XENPF_enter_acpi_sleep:
        return call_done(enter_sleep(vcpu, &op.u.enter_acpi_sleep));
    case XENPF_firmware_info:
        result = firmware_info(&op.u.firmware_info);
        break;
    case XENPF_get_cpuinfo:
        result = get_cpu_info(&op.u.pcpu_info);
        break;
    default:
        return hypercall_unknown(vcpu, __HYPERVISOR_platform_op, op.cmd);
    }
    if (result == 0 && !guest_copy_out(arg[0], &op, sizeof(op))) {
        result = refuse_unwritable(arg[0], sizeof(op));
    }
    return call_done(result == 0 ? 0 : refusal_name(result, "command %u", op.cmd));
}
