/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/mmu/guest.h"

#include <string.h>

#include "core/descriptors.h"
#include "core/pt_store.h"
#include "tests/fake/fake_grants.h"
#include "tests/fuzz/mmu/domains.h"
#include "tests/fuzz/mmu/input.h"
#include "tests/fuzz/mmu/model.h"
#include "tests/fuzz/mmu/operation.h"
#include "tests/fuzz/mmu/trace.h"

static uint64_t pick_mapped_address(mfn_t root)
{
    uint64_t address = 0;
    for (unsigned int level = 4; level >= 1; level--) {
        unsigned int index = pick_index();
        pte_t entry = fake_entries(root)[index];
        if (!pte_is_present(entry) || pte_slot_is_hypervisor(level, index)) {
            return pick_address();
        }
        address |= (uint64_t)index << (PAGE_SHIFT + 9 * (level - 1));
        root = pte_mfn(entry);
    }
    return (address >> 47) != 0 ? address | UINT64_C(0xffff000000000000) : address;
}

void guest_access(void)
{
    struct vcpu *vcpu = pick_vcpu();
    mfn_t root = (take_byte() & 3) != 0 ? vcpu->kernel_base : vcpu->user_base;
    if (mfn_equal(root, MFN_INVALID)) {
        return;
    }
    enum fake_access access = pick(2) == 0 ? FAKE_WRITE : FAKE_READ;
    uint64_t address = pick_mapped_address(root);
    unsigned int cpu = vcpu_cpu(vcpu);
    uint8_t *bytes = fake_access(cpu, vcpu->domain, root, address, access);
    trace("d%uv%u %s %#llx: %s\n", vcpu->domain->id, vcpu->id,
          access == FAKE_WRITE ? "writes" : "reads", (unsigned long long)address,
          bytes != NULL ? "done" : "faults");
    if (bytes != NULL && access == FAKE_WRITE) {
        uint64_t entry = pick_entry(vcpu->domain, 1 + pick(4)).raw;
        memcpy(bytes + pick_index() * sizeof(entry), &entry, sizeof(entry));
    }
    mirror_adopt_contents(&model);
}

/* mov %rax,(%rdi), with the address in the tables that the guest sees read-only. */
void guest_store(void)
{
    static const uint8_t code[15] = {0x48, 0x89, 0x07};
    struct vcpu *vcpu = pick_vcpu();
    struct cpu_user_regs regs;
    memset(&regs, 0, sizeof(regs));
    memcpy(argument_bytes(CODE_DEPTH, 0), code, sizeof(code));
    regs.rip = arguments_at(CODE_DEPTH);
    regs.rdi = take_byte() < 192 ? FAKE_VA(FAKE_TABLES_AT + 3) : pick_address();
    regs.rdi += pick_index() * sizeof(pte_t);
    regs.rax = pick_entry(vcpu->domain, 1).raw;
    fake.vcpu = vcpu;
    fake.cpu = vcpu_cpu(vcpu);
    bool done = pt_emulate_store(vcpu, &regs, regs.rdi);
    trace("d%uv%u stores %#llx to %#llx: %s\n", vcpu->domain->id, vcpu->id,
          (unsigned long long)regs.rax, (unsigned long long)regs.rdi, done ? "done" : "faults");
    fake.vcpu = NULL;
    assert_audit_clean();
    fake_tlb_check();
    if (model_follows()) {
        struct reference_caller caller = mirror_caller(&model, vcpu);
        assert_int_equal(done, reference_store(&model, caller, regs.rdi, regs.rax));
        mirror_compare(&model, "an emulated store");
    }
}

void guest_use_ldt(void)
{
    struct vcpu *vcpu = pick_vcpu();
    uint64_t offset = (uint64_t)pick(3) * PAGE_SIZE + 8;
    fake.cpu = vcpu_cpu(vcpu);
    bool shown = vcpu_ldt_fault(vcpu, offset);
    trace("d%uv%u uses LDT offset %#llx: %s\n", vcpu->domain->id, vcpu->id,
          (unsigned long long)offset, shown ? "done" : "faults");
    assert_audit_clean();
    fake_tlb_check();
    if (model_follows()) {
        struct reference_caller caller = mirror_caller(&model, vcpu);
        assert_int_equal(shown, reference_ldt_fault(&model, caller, offset));
        mirror_compare(&model, "an LDT fault");
    }
}

/* A guest writes an entry of its own table: for somebody, or to take a frame, or nonsense. */
void guest_write_grant(void)
{
    const struct vcpu *vcpu = pick_vcpu();
    const struct fake_guest granter = {.domain = vcpu->domain};
    static const uint16_t usual[] = {GTF_permit_access, GTF_permit_access | GTF_readonly,
                                     GTF_accept_transfer};
    unsigned int choice = take_byte();
    uint16_t flags = choice < 220 ? usual[choice % ARRAY_SIZE(usual)] : (uint16_t)take_byte();
    uint32_t ref = FIRST_REF + pick(REFS);
    grant_entry_v1_t *entry = fake_grant_entry(&granter, ref);
    *entry = (grant_entry_v1_t){.flags = flags,
                                .domid = pick_granter(vcpu),
                                .frame = (uint32_t)pick_frame(vcpu->domain, pick(5)).value};
    trace("d%u writes grant %u: flags %#x, for d%u, frame %#x\n", vcpu->domain->id, ref,
          entry->flags, entry->domid, entry->frame);
    mirror_adopt_contents(&model);
}

void guest_assist(void)
{
    struct vcpu *vcpu = pick_vcpu();
    uint64_t type = pick(2) == 0 ? VMASST_TYPE_m2p_strict : VMASST_TYPE_writable_pagetables;
    uint64_t arg[6] = {pick(2), type};
    assert_int_equal(fake_call_once(call_vm_assist, vcpu, arg).value, 0);
    for (unsigned int i = 0; i < 2; i++) {
        reference_find_domain(&model, domains[i]->id)->assists = domains[i]->assists;
    }
}
