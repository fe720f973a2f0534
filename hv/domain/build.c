/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/domain/build.h"

#include "builder/hypercall_page.h"
#include "core/mmu_call.h"
#include "core/port.h"
#include "core/reservation.h"
#include "hv/domain/vcpu_context.h"

#define EXTENT_LIMIT 256U
#define GIVEN_A_TURN 32U /* frames, under one hold of the lock */

/* Frames that follow each other both as PFNs and as MFNs. */
struct extent {
    uint64_t pfn;
    uint64_t mfn;
    uint64_t count;
};

/* The builder's target. */
struct build_target {
    struct hv_domain *domain;
    struct hv_vcpu *vcpu;
    struct extent extents[EXTENT_LIMIT];
    unsigned int extent_count;
    unsigned int extent_cursor; /* where the last look-up found its PFN */
};

/* ---- the builder's port -------------------------------------------------------------------- */

static bool add_extent(struct build_target *target, uint64_t pfn, mfn_t mfn, uint64_t count)
{
    if (target->extent_count > 0) {
        struct extent *last = &target->extents[target->extent_count - 1];
        if (last->pfn + last->count == pfn && last->mfn + last->count == mfn.value) {
            last->count += count;
            return true;
        }
    }
    if (target->extent_count == EXTENT_LIMIT) {
        return false;
    }
    target->extents[target->extent_count++] = (struct extent){pfn, mfn.value, count};
    return true;
}

/* A large block is given in pieces: a frame may have to be wiped. Nobody knows the domain yet, so
 * that nothing of it changes in between. */
static void give_block(struct domain *domain, mfn_t first, uint64_t count)
{
    for (uint64_t done = 0; done < count; done += GIVEN_A_TURN) {
        struct mmu_locked locked = domain_mmu_lock(domain);
        reservation_give(domain, mfn_add(first, done), min_u64(count - done, GIVEN_A_TURN));
        domain_mmu_unlock(locked);
    }
}

/* The largest blocks there are, so that the domain's memory is as contiguous as it can be. */
bool build_port_allocate(struct build_target *target, pfn_t first, uint64_t count)
{
    struct domain *domain = &target->domain->core;
    unsigned int order = 18;
    uint64_t done = 0;
    while (done < count) {
        while (order > 0 && UINT64_C(1) << order > count - done) {
            order--;
        }
        struct mmu_locked locked = domain_mmu_lock(domain);
        mfn_t mfn = reservation_find(domain, order, 64);
        domain_mmu_unlock(locked);
        if (mfn_equal(mfn, MFN_INVALID)) {
            if (order == 0) {
                return false;
            }
            order--;
            continue;
        }
        give_block(domain, mfn, UINT64_C(1) << order);
        for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
            m2p_set(mfn_add(mfn, i), first.value + done + i);
        }
        if (!add_extent(target, first.value + done, mfn, UINT64_C(1) << order)) {
            return false;
        }
        done += UINT64_C(1) << order;
    }
    return true;
}

mfn_t build_port_mfn(struct build_target *target, pfn_t pfn)
{
    for (unsigned int tried = 0; tried < target->extent_count; tried++) {
        const struct extent *extent = &target->extents[target->extent_cursor];
        if (pfn.value - extent->pfn < extent->count) {
            return mfn_make(extent->mfn + (pfn.value - extent->pfn));
        }
        target->extent_cursor = (target->extent_cursor + 1) % target->extent_count;
    }
    return MFN_INVALID;
}

void *build_port_map(struct build_target *target, pfn_t pfn)
{
    mfn_t mfn = build_port_mfn(target, pfn);
    return mfn_equal(mfn, MFN_INVALID) ? NULL : port_map_frame(mfn);
}

void build_port_unmap(struct build_target *target, void *page)
{
    (void)target;
    (void)page;
}

int build_port_pin_l4(struct build_target *target, mfn_t l4)
{
    return status_to_errno(vcpu_pin_built(&target->vcpu->core, l4));
}

bool build_port_hypercall_page(struct build_target *target, mfn_t frame)
{
    (void)target;
    hypercall_page_fill(port_map_frame(frame));
    return true;
}

int build_port_set_vcpu(struct build_target *target, const struct vcpu_guest_context *context)
{
    struct call_result result;
    do {
        result = vcpu_context_set(target->vcpu, context);
    } while (result.again);
    return (int)result.value;
}

/* ---- the domain ---------------------------------------------------------------------------- */

enum build_status hv_domain_build(struct hv_domain *domain, const struct build_request *request,
                                  struct build_result *result)
{
    static struct build_target target; /* too large for a stack */
    target = (struct build_target){
        .domain = domain,
        .vcpu = hv_domain_vcpu(domain, 0),
    };
    return build_domain(&target, request, result);
}
