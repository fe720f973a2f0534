/* SPDX-License-Identifier: BSD-2-Clause */
/* physdev_op: I/O privilege, PCI devices and their interrupts (xen/physdev.h). */
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "hv/irq/pirq.h"
#include "hv/refuse.h"

#include <xen/physdev.h>

#define IOPL_MAX      3U
#define IO_PORT_COUNT 65536U

typedef int (*operation_fn)(struct hv_vcpu *vcpu, uint64_t address);

static bool has_io(const struct hv_vcpu *vcpu)
{
    return vcpu->core.domain->has_io;
}

/* Copy a record in for a command that only the first domain may give. */
static int take_record(const struct hv_vcpu *vcpu, void *record, uint64_t address, size_t size)
{
    if (!guest_copy_in(record, address, size)) {
        return refuse_unreadable(address, size);
    }
    return has_io(vcpu) ? 0 : refuse(-XEN_EPERM, "devices are the first domain's");
}

static int give_record(uint64_t address, const void *record, size_t size)
{
    return guest_copy_out(address, record, size) ? 0 : refuse_unwritable(address, size);
}

/* ---- ports --------------------------------------------------------------------------------- */

static int set_iopl(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_set_iopl record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return refuse_unreadable(address, sizeof(record));
    }
    if (record.iopl > IOPL_MAX) {
        return refuse(-XEN_EINVAL, "I/O privilege level %u: there are 0 to 3", record.iopl);
    }
    vcpu->iopl = (uint8_t)record.iopl;
    return 0;
}

/* Single ports for user programs are not offered; to take them all away is no change. */
static struct call_result set_io_bitmap(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_set_iobitmap record;
    if (!guest_copy_in(&record, address, sizeof(record))) {
        return call_done(refuse_unreadable(address, sizeof(record)));
    }
    if (record.nr_ports > IO_PORT_COUNT) {
        return call_done(
            refuse(-XEN_EINVAL, "%u ports: there are %u", record.nr_ports, IO_PORT_COUNT));
    }
    if (record.nr_ports == 0) {
        return call_done(0);
    }
    return hypercall_unknown(vcpu, __HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap);
}

/* ---- PCI ----------------------------------------------------------------------------------- */

/* All devices belong to the first domain whether it reports them or not. */
static int pci_device_add(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_pci_device_add record;
    return take_record(vcpu, &record, address, offsetof(struct physdev_pci_device_add, optarr));
}

/* ---- interrupts ---------------------------------------------------------------------------- */

static int apic_read(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_apic record;
    int result = take_record(vcpu, &record, address, sizeof(record));
    if (result != 0) {
        return result;
    }
    if (!pirq_read_ioapic(record.apic_physbase, record.reg, &record.value)) {
        return refuse(-XEN_EINVAL, "I/O APIC at 0x%lx, register %u: there is none",
                      record.apic_physbase, record.reg);
    }
    return give_record(address, &record, sizeof(record));
}

/* The I/O APICs can raise any vector: setup_gsi is how guests have a line changed. */
static int apic_write(struct hv_vcpu *vcpu, uint64_t address)
{
    (void)vcpu;
    (void)address;
    return refuse(-XEN_EPERM, "I/O APICs are the hypervisor's: setup_gsi changes a line");
}

/* Which vector an interrupt has is not the guest's business. As on Xen it gets any number back. */
static int alloc_irq_vector(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_irq record;
    int result = take_record(vcpu, &record, address, sizeof(record));
    if (result != 0) {
        return result;
    }
    record.vector = record.irq;
    return give_record(address, &record, sizeof(record));
}

/* Only the first domain has interrupts, and it maps its own. */
static int check_target(const struct hv_vcpu *vcpu, domid_t id)
{
    if (id == DOMID_SELF || id == vcpu->core.domain->id) {
        return 0;
    }
    return domain_find(id) == NULL
               ? refuse_domain(id)
               : refuse(-XEN_EPERM, "d%u: the first domain has all interrupts", id);
}

/* A line's PIRQ is its GSI; a negative number leaves the choice to us. */
static int map_gsi(struct hv_vcpu *vcpu, struct physdev_map_pirq *record)
{
    if (record->index < 0 || (record->pirq >= 0 && record->pirq != record->index)) {
        return refuse(-XEN_EINVAL, "GSI %d as PIRQ %d: a GSI's PIRQ has its number", record->index,
                      record->pirq);
    }
    record->pirq = record->index;
    return pirq_map(hv_vcpu_domain(vcpu), (uint32_t)record->index);
}

static int map_pirq(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_map_pirq record;
    int result = take_record(vcpu, &record, address, sizeof(record));
    if (result == 0) {
        result = check_target(vcpu, record.domid);
    }
    if (result != 0) {
        return result;
    }
    switch (record.type) {
    case MAP_PIRQ_TYPE_GSI:
        result = map_gsi(vcpu, &record);
        /* If the record cannot be written the line stays mapped: to map it again is no change. */
        return result != 0 ? result : give_record(address, &record, sizeof(record));
    case MAP_PIRQ_TYPE_MSI:
    case MAP_PIRQ_TYPE_MSI_SEG:
    case MAP_PIRQ_TYPE_MULTI_MSI:
        /* hv/irq/pirq.h says why. */
        return refuse(-XEN_EOPNOTSUPP, "there are no MSIs: use the device's INTx line");
    default:
        return refuse(-XEN_EINVAL, "type %d: only GSIs are mapped", record.type);
    }
}

static int unmap_pirq(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_unmap_pirq record;
    int result = take_record(vcpu, &record, address, sizeof(record));
    if (result == 0) {
        result = check_target(vcpu, record.domid);
    }
    if (result != 0) {
        return result;
    }
    return pirq_unmap(hv_vcpu_domain(vcpu), (uint32_t)record.pirq); /* below 0: there is none */
}

/* Each PIRQ stands for the GSI of its number: there are no others to hand out. */
static int get_free_pirq(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_get_free_pirq record;
    int result = take_record(vcpu, &record, address, sizeof(record));
    return result != 0 ? result : refuse(-XEN_ENOSPC, "there are no PIRQs but those of the GSIs");
}

static int irq_status_query(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_irq_status_query record;
    int result = take_record(vcpu, &record, address, sizeof(record));
    if (result != 0) {
        return result;
    }
    if (!pirq_exists(record.irq)) {
        return pirq_refuse_number(record.irq);
    }
    record.flags = pirq_needs_eoi(record.irq) ? XENIRQSTAT_needs_eoi : 0;
    return give_record(address, &record, sizeof(record));
}

static int setup_gsi(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_setup_gsi record;
    int result = take_record(vcpu, &record, address, sizeof(record));
    if (result != 0) {
        return result;
    }
    return pirq_set_wiring((uint32_t)record.gsi, record.triggering != 0, record.polarity != 0);
}

static int eoi(struct hv_vcpu *vcpu, uint64_t address)
{
    struct physdev_eoi record;
    int result = take_record(vcpu, &record, address, sizeof(record));
    return result != 0 ? result : pirq_eoi(hv_vcpu_domain(vcpu), record.irq);
}

/* A bitmap of the PIRQs that need an EOI: it would save nothing, as irq_status_query already says
 * so for good. Guests try it once. */
static int refuse_eoi_bitmap(struct hv_vcpu *vcpu, uint64_t address)
{
    (void)vcpu;
    (void)address;
    return refuse(-XEN_ENOSYS, "there is no bitmap of EOIs: irq_status_query says who needs one");
}

/* ---- all of them --------------------------------------------------------------------------- */

/* set_iobitmap is apart: it may be said to be unknown. */
static const operation_fn operations[] = {
    [PHYSDEVOP_irq_status_query] = irq_status_query,
    [PHYSDEVOP_set_iopl] = set_iopl,
    [PHYSDEVOP_apic_read] = apic_read,
    [PHYSDEVOP_apic_write] = apic_write,
    [PHYSDEVOP_alloc_irq_vector] = alloc_irq_vector,
    [PHYSDEVOP_eoi] = eoi,
    [PHYSDEVOP_map_pirq] = map_pirq,
    [PHYSDEVOP_unmap_pirq] = unmap_pirq,
    [PHYSDEVOP_pirq_eoi_gmfn_v1] = refuse_eoi_bitmap,
    [PHYSDEVOP_setup_gsi] = setup_gsi,
    [PHYSDEVOP_get_free_pirq] = get_free_pirq,
    [PHYSDEVOP_pci_device_add] = pci_device_add,
    [PHYSDEVOP_pirq_eoi_gmfn_v2] = refuse_eoi_bitmap,
};

/* physdev_op(command, record) */
struct call_result hypercall_physdev_op(struct hv_vcpu *vcpu, uint64_t arg[])
{
    uint32_t command = (uint32_t)arg[0];
    if (command == PHYSDEVOP_set_iobitmap) {
        return set_io_bitmap(vcpu, arg[1]);
    }
    operation_fn operation = NULL;
    if (command < ARRAY_SIZE(operations)) {
        operation = operations[index_nospec(command, ARRAY_SIZE(operations))];
    }
    if (operation == NULL) {
        return hypercall_unknown(vcpu, __HYPERVISOR_physdev_op, command);
    }
    return call_done(operation(vcpu, arg[1]));
}
