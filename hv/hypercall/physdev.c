/* SPDX-License-Identifier: BSD-2-Clause */
/* physdev_op: I/O privilege and PCI devices (xen/physdev.h). Guests get no device interrupts, so
 * what routes them is missing. */
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"

#include <xen/physdev.h>

#define IOPL_MAX      3U
#define IO_PORT_COUNT 65536U

static int set_iopl(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_set_iopl record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return -XEN_EFAULT;
    }
    if (record.iopl > IOPL_MAX) {
        return -XEN_EINVAL;
    }
    vcpu->iopl = (uint8_t)record.iopl;
    return 0;
}

/* Single ports for user programs are not offered; to take them all away is no change. */
static struct call_result set_io_bitmap(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_set_iobitmap record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return call_done(-XEN_EFAULT);
    }
    if (record.nr_ports > IO_PORT_COUNT) {
        return call_done(-XEN_EINVAL);
    }
    if (record.nr_ports == 0) {
        return call_done(0);
    }
    return hypercall_unknown(vcpu, __HYPERVISOR_physdev_op, "physdev_op", PHYSDEVOP_set_iobitmap);
}

/* All devices belong to the first domain whether it reports them or not. */
static int pci_device_add(const struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_pci_device_add record;
    if (!guest_copy_in(&record, address, offsetof(struct physdev_pci_device_add, optarr))) {
        return -XEN_EFAULT;
    }
    return vcpu->core.domain->has_io ? 0 : -XEN_EPERM;
}

/* physdev_op(command, record) */
struct call_result hypercall_physdev_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    uint32_t command = (uint32_t)arg[0];
    switch (command) {
    case PHYSDEVOP_set_iopl:
        return call_done(set_iopl(vcpu, arg[1]));
    case PHYSDEVOP_set_iobitmap:
        return set_io_bitmap(vcpu, arg[1]);
    case PHYSDEVOP_pci_device_add:
        return call_done(pci_device_add(vcpu, arg[1]));
    default:
        return hypercall_unknown(vcpu, __HYPERVISOR_physdev_op, "physdev_op", command);
    }
}
