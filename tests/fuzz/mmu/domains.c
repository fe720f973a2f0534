/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/mmu/domains.h"

#include "tests/fake/fake_grants.h"

#define DOMAIN_FRAMES 40U

struct domain *domains[2];
struct mortal mortal;
mfn_t shared_frame;

bool frame_suits(const struct domain *domain, uint64_t mfn, unsigned int wanted)
{
    const struct frame *frame = &machine.frames[mfn];
    if (frame->owner != domain->id || frame_class(frame) != FRAME_GUEST) {
        return false;
    }
    if (wanted == PINNED) {
        return frame_is_pinned(frame);
    }
    if (frame->type_count > 0) {
        return wanted == 0 ? frame->type == FRAME_WRITABLE
                           : frame->type == (wanted == DESCRIPTORS ? FRAME_DESCRIPTORS : wanted);
    }
    return mfn % 5 == wanted % 5;
}

/* Contents that make most unused frames tables of the level their number suggests. */
static void fill_frames(const struct domain *domain)
{
    for (uint64_t mfn = FAKE_RAM_FIRST; mfn < FRAMES; mfn++) {
        const struct frame *frame = &machine.frames[mfn];
        unsigned int level = (unsigned int)(mfn % 5);
        if (level == 0 || frame->ref_count != 1 || !frame_suits(domain, mfn, level)) {
            continue; /* what the guest was built of has more references */
        }
        uint64_t target = mfn;
        for (unsigned int i = 0; i < 2; i++) {
            do {
                target = target + 1 < FRAMES ? target + 1 : FAKE_RAM_FIRST;
            } while (!frame_suits(domain, target, level - 1));
            fake_entries(mfn_make(mfn))[i] =
                pte_make(mfn_make(target), level > 1 || i == 0 ? FAKE_RW : FAKE_RO);
        }
    }
}

static void build_domain(unsigned int number)
{
    struct fake_guest guest;
    struct domain *domain = fake_domain((uint16_t)number, 2);
    domains[number] = domain;
    fake.is_being_built = true;
    fake_guest_build(&guest, domain);
    assert_int_equal(grant_table_create(domain, 1, 1), STATUS_OK);
    assert_int_equal(grant_handle_reserve(domain->grants), STATUS_OK);
    domain->page_limit = DOMAIN_FRAMES + 4;
    domain->assists = UINT64_C(1) << VMASST_TYPE_writable_pagetables;
    for (unsigned int i = 0; i < 2; i++) {
        domain->vcpus[i]->cpus = UINT64_C(1) << (2 * number + i);
    }
    assert_int_equal(do_base(domain->vcpus[1], guest.l4), 0);
    for (unsigned int i = 0; domain->page_count < DOMAIN_FRAMES; i++) {
        mfn_t mfn = fake_give(domain);
        if (mfn.value % 5 == 0) { /* pages that can become descriptors */
            pte_t entry = pte_make(mfn, FAKE_RO);
            assert_int_equal(do_update(domain->vcpus[0], guest.l1, 16 + i % 4, entry), 0);
        }
    }
    fill_frames(domain);
    struct mmuext_op op = {.cmd = MMUEXT_SET_LDT};
    op.arg1.linear_addr = FAKE_VA(16);
    op.arg2.nr_ents = 1024;
    assert_int_equal(do_mmuext(domain->vcpus[0], &op, 1, DOMID_SELF), 0);
    assert_int_equal(do_mmuext(domain->vcpus[1], &op, 1, DOMID_SELF), 0);
    fake.is_being_built = false;
    assert_audit_clean();
    fake_tlb_check();
}

void domains_build_mortal(void)
{
    build_domain(1);
    mortal.info = frame_alloc(0, 64);
    frame_make_shared(fake_frame(mortal.info), domains[1]);
}

void domains_start(bool shares_mortal_info)
{
    mortal.lives = FAKE_DOMAIN_LIMIT - 2;
    fake_start(FRAMES);
    machine_add_io_range(mfn_make(2), mfn_make(2), IO_DENIED);
    machine_add_io_range(mfn_make(IO_DENIED_MFN), mfn_make(IO_DENIED_MFN + 3), IO_DENIED);
    machine_add_io_range(mfn_make(IO_READ_MFN), mfn_make(IO_READ_MFN + 3), IO_READ_ONLY);
    build_domain(0);
    domains_build_mortal();
    domains[0]->is_control = true;
    domains[0]->has_io = true;
    shared_frame = shares_mortal_info ? mortal.info : frame_alloc(0, 64);
    if (!shares_mortal_info) {
        frame_make_shared(fake_frame(shared_frame), domains[0]);
    }
}

const struct domain *domain_of(const struct vcpu *vcpu, uint16_t foreign)
{
    return foreign < 2 ? domains[foreign] : vcpu->domain;
}
