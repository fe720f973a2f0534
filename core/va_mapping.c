/* SPDX-License-Identifier: BSD-2-Clause */
/* update_va_mapping(address, entry, flags): change the L1 entry that maps an address in the current
 * kernel tables, then flush as asked (xen/xen.h, UVMF_*). */
#include "core/guest_flush.h"
#include "core/mmu_call.h"
#include "core/port.h"
#include "core/pt_validate.h"
#include "core/pte_update.h"

static enum status update_entry(struct mmu_context *context, uint64_t address, pte_t entry)
{
    if (!address_is_guest(address)) {
        return STATUS_BAD_ADDRESS;
    }
    pte_t *slot = pt_find_leaf(context->vcpu->kernel_base, address);
    if (slot == NULL) {
        return STATUS_NO_TABLE;
    }
    return pte_update_leaf(context, slot, entry, PTE_STORE, NULL);
}

/* The CPUs that the rest of the flags names: this one, all of the domain's, or a bitmap's. */
static bool flush_cpus(const struct vcpu *vcpu, uint64_t flags, uint64_t *cpus)
{
    uint64_t scope = flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK;
    if (scope == UVMF_LOCAL) {
        *cpus = UINT64_C(1) << port_cpu();
        return true;
    }
    if (scope == UVMF_ALL) {
        *cpus = domain_cpus(vcpu->domain);
        return true;
    }
    return guest_flush_read_cpus(vcpu->domain, scope, cpus);
}

/* The ABI reads a vCPU bitmap only now: -EFAULT with the entry changed. */
static enum status flush_as_asked(const struct vcpu *vcpu, uint64_t address, uint64_t flags)
{
    uint64_t type = flags & UVMF_FLUSHTYPE_MASK;
    if (type != UVMF_TLB_FLUSH && type != UVMF_INVLPG) {
        return STATUS_OK;
    }
    uint64_t cpus;
    if (!flush_cpus(vcpu, flags, &cpus)) {
        return STATUS_FAULT; /* the bitmap */
    }
    if (type == UVMF_INVLPG) {
        guest_flush_address(cpus, address);
    } else if (cpus != 0) {
        port_flush_tlb(cpus);
    }
    return STATUS_OK;
}

static struct call_result update(struct vcpu *vcpu, struct domain *pg_owner, const uint64_t arg[])
{
    pte_t entry = {.raw = arg[1]};
    struct mmu_context context;
    context_open(&context, vcpu, vcpu->domain, pg_owner);
    enum status status = update_entry(&context, arg[0], entry);
    if (UNLIKELY(status != STATUS_OK)) {
        context_explain(&context, status,
                        &(struct refusal){.what = "update_va_mapping",
                                          .level = 1,
                                          .address = arg[0],
                                          .number = entry.raw,
                                          .frame = frame_find(pte_mfn(entry))});
    }
    context_close(&context);
    if (UNLIKELY(status != STATUS_OK)) {
        return call_status(status);
    }
    status = flush_as_asked(vcpu, arg[0], arg[2]);
    return LIKELY(status == STATUS_OK)
               ? call_done(0)
               : call_refuse_memory(vcpu, "flush by update_va_mapping",
                                    arg[2] & ~(uint64_t)UVMF_FLUSHTYPE_MASK, sizeof(uint64_t));
}

struct call_result call_update_va_mapping(struct vcpu *vcpu, uint64_t arg[])
{
    if (UNLIKELY(!pt_begin_call(vcpu, vcpu->domain))) {
        return call_again();
    }
    return update(vcpu, vcpu->domain, arg);
}

struct call_result call_update_va_mapping_otherdomain(struct vcpu *vcpu, uint64_t arg[])
{
    if (UNLIKELY(!pt_begin_call(vcpu, vcpu->domain))) {
        return call_again();
    }
    struct domain *pg_owner = context_find_page_owner(vcpu, (uint16_t)arg[3]);
    if (pg_owner == NULL || !domain_may_target(vcpu->domain, pg_owner)) {
        enum status status = pg_owner == NULL ? STATUS_NO_DOMAIN : STATUS_NOT_PERMITTED;
        return call_refuse_number(vcpu, status, "update_va_mapping_otherdomain", "domain", arg[3]);
    }
    return update(vcpu, pg_owner, arg);
}
