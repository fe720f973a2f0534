/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/mmu/mortal.h"

#include "core/teardown.h"
#include "tests/fake/fake_grants.h"
#include "tests/fuzz/mmu/domains.h"
#include "tests/fuzz/mmu/input.h"
#include "tests/fuzz/mmu/model.h"
#include "tests/fuzz/mmu/trace.h"

#define TEARDOWN_LIMIT 3000U

/* In the middle of whatever it was doing. What the first domain has of it, it keeps. */
void mortal_destroy(void)
{
    struct vcpu *caller = domains[0]->vcpus[pick(2)];
    if (domains[1]->is_dying || mortal.lives == 0) {
        return;
    }
    mortal.lives--;
    model_lose();
    trace("d1 is destroyed\n");
    domain_begin_teardown(domains[1]);
    unsigned int rounds = 0;
    do {
        pick_yield();
        assert_true(++rounds < TEARDOWN_LIMIT);
        fake.cpu = vcpu_cpu(caller);
        assert_audit_clean();
        fake_tlb_check();
    } while (!domain_tear_down(domains[1], caller));
    fake_yield_never();
    domain_end_teardown(domains[1], mortal.info);
    assert_audit_clean();
    fake_tlb_check();
}

static void empty_entry(mfn_t table, unsigned int index)
{
    const struct frame *frame = frame_find(pte_mfn(fake_entries(table)[index]));
    if (pte_is_present(fake_entries(table)[index]) && frame != NULL &&
        frame->owner == domains[1]->id) {
        assert_int_equal(do_update(domains[0]->vcpus[0], table, index, (pte_t){0}), 0);
    }
}

static void end_handles(uint64_t host_address)
{
    for (uint32_t i = 0; i < grant_handle_count(domains[0]->grants); i++) {
        const struct grant_handle *handle = grant_handle_find(domains[0]->grants, i);
        if (handle != NULL && handle->granter == domains[1]->id) {
            mfn_t mfn = grant_active(domains[1]->grants, handle->ref)->mfn;
            (void)do_grant_unmap(domains[0]->vcpus[0], i, host_address, mfn.value << PAGE_SHIFT);
        }
    }
}

/* The first domain lets go of all it has of the second. By the ABI a handle stays whose mapping is
 * not where it was made, and the dead domain with it. */
static void let_go_of_the_dead(void)
{
    for (unsigned int i = 0; i < 4; i++) {
        end_handles(FAKE_VA(40 + i));
    }
    for (uint64_t mfn = FAKE_RAM_FIRST; mfn < FRAMES; mfn++) {
        const struct frame *frame = &machine.frames[mfn];
        for (unsigned int i = 0; frame->owner == 0 && frame_is_table(frame, 1) && i < 512; i++) {
            empty_entry(mfn_make(mfn), i);
        }
    }
}

/* It comes back, and all its frames came back before. */
void mortal_revive(void)
{
    if (!domains[1]->is_dying) {
        return;
    }
    fake_yield_never();
    let_go_of_the_dead();
    if (domains[1]->grants->use_count > 0) {
        return;
    }
    assert_true(domain_is_empty(domains[1]) && fake.empty_domains[1]);
    grant_table_free(domains[1]);
    for (uint64_t mfn = 0; mfn < FRAMES; mfn++) {
        assert_int_not_equal(machine.frames[mfn].owner, 1);
    }
    machine.domains[1] = NULL;
    fake.empty_domains[1] = false;
    domains_build_mortal();
    trace("d1 is made anew\n");
}
