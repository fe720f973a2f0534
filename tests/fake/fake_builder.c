/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fake/fake_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "builder/hypercall_page.h"

/* Frame i of the machine has this MFN: no two are neighbours. */
#define MFN_BASE   UINT64_C(0x12340)
#define MFN_STRIDE UINT64_C(7)

/* Each frame is followed by a guard of its size, which stays zero. */
#define FRAME_DISTANCE (2 * PAGE_SIZE)

static void rule(bool holds, const char *text)
{
    if (!holds) {
        fprintf(stderr, "fake builder: broken rule: %s\n", text);
        abort();
    }
}

/* A small generator of our own, so that a seed means the same everywhere. */
static uint64_t random_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

void fake_builder_init(struct build_target *target, uint64_t frame_count, unsigned seed)
{
    *target = (struct build_target){
        .frame_count = frame_count,
        .frame_of = calloc(frame_count, sizeof(uint64_t)),
        .pfn_of = calloc(frame_count, sizeof(uint64_t)),
        .pinned_l4 = MFN_INVALID,
        .hypercall_frame = MFN_INVALID,
    };
    /* Frames nobody touches cost nothing this way, and most are not touched. */
    target->memory = mmap(NULL, frame_count * FRAME_DISTANCE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    rule(target->memory != MAP_FAILED && target->frame_of != NULL && target->pfn_of != NULL,
         "the host has memory");
    uint64_t state = seed;
    for (uint64_t i = 0; i < frame_count; i++) {
        uint64_t other = random_next(&state) % (i + 1);
        target->frame_of[i] = target->frame_of[other];
        target->frame_of[other] = i;
    }
    for (uint64_t pfn = 0; pfn < frame_count; pfn++) {
        target->pfn_of[target->frame_of[pfn]] = pfn;
    }
}

void fake_builder_free(struct build_target *target)
{
    munmap(target->memory, target->frame_count * FRAME_DISTANCE);
    free(target->frame_of);
    free(target->pfn_of);
    target->memory = NULL;
    target->frame_of = NULL;
    target->pfn_of = NULL;
}

/* The index of a frame; frame_count if there is none of that number. */
static uint64_t frame_index(const struct build_target *target, uint64_t mfn)
{
    uint64_t frame = (mfn - MFN_BASE) / MFN_STRIDE;
    bool exists =
        mfn >= MFN_BASE && (mfn - MFN_BASE) % MFN_STRIDE == 0 && frame < target->frame_count;
    return exists ? frame : target->frame_count;
}

const uint8_t *fake_builder_frame(const struct build_target *target, uint64_t mfn)
{
    uint64_t frame = frame_index(target, mfn);
    return frame < target->frame_count ? target->memory + frame * FRAME_DISTANCE : NULL;
}

uint64_t fake_builder_pfn(const struct build_target *target, uint64_t mfn)
{
    uint64_t frame = frame_index(target, mfn);
    uint64_t pfn = frame < target->frame_count ? target->pfn_of[frame] : UINT64_MAX;
    return pfn < target->used ? pfn : UINT64_MAX;
}

unsigned fake_builder_held(const struct build_target *target)
{
    return (target->held[0] != NULL ? 1U : 0U) + (target->held[1] != NULL ? 1U : 0U);
}

static bool call_fails(struct build_target *target)
{
    return ++target->calls == target->fail_at;
}

bool build_port_allocate(struct build_target *target, pfn_t first, uint64_t count)
{
    rule(first.value == target->used, "each PFN is allocated once, in order");
    target->allocations++;
    if (call_fails(target) || count > target->frame_count - target->used) {
        return false;
    }
    target->used += count;
    return true;
}

mfn_t build_port_mfn(struct build_target *target, pfn_t pfn)
{
    rule(pfn.value < target->used, "only allocated PFNs have an MFN");
    return mfn_make(MFN_BASE + target->frame_of[pfn.value] * MFN_STRIDE);
}

void *build_port_map(struct build_target *target, pfn_t pfn)
{
    rule(pfn.value < target->used, "only allocated PFNs are mapped");
    rule(fake_builder_held(target) < 2, "at most two pages are held");
    if (call_fails(target)) {
        return NULL;
    }
    void *page = target->memory + target->frame_of[pfn.value] * FRAME_DISTANCE;
    rule(page != target->held[0] && page != target->held[1], "a page is not mapped twice");
    target->held[target->held[0] == NULL ? 0 : 1] = page;
    return page;
}

static bool guard_is_whole(const void *page)
{
    static const uint8_t zeros[PAGE_SIZE];
    return memcmp((const uint8_t *)page + PAGE_SIZE, zeros, PAGE_SIZE) == 0;
}

void build_port_unmap(struct build_target *target, void *page)
{
    rule(page != NULL && (page == target->held[0] || page == target->held[1]),
         "only a mapped page is unmapped, by the address it was mapped at");
    rule(guard_is_whole(page), "nothing is written behind a mapped page");
    target->held[page == target->held[0] ? 0 : 1] = NULL;
}

int build_port_pin_l4(struct build_target *target, mfn_t l4)
{
    rule(fake_builder_held(target) == 0, "nothing is held writable when tables are pinned");
    rule(target->pinned_l4.value == UINT64_MAX, "the L4 is pinned once");
    if (call_fails(target)) {
        return -XEN_EINVAL;
    }
    rule(fake_builder_pfn(target, l4.value) != UINT64_MAX, "the L4 is the domain's");
    target->pinned_l4 = l4;
    return 0;
}

bool build_port_hypercall_page(struct build_target *target, mfn_t frame)
{
    rule(target->pinned_l4.value == UINT64_MAX, "pages are filled before tables are pinned");
    if (call_fails(target)) {
        return false;
    }
    rule(fake_builder_pfn(target, frame.value) != UINT64_MAX, "the frame is the domain's");
    target->hypercall_frame = frame;
    hypercall_page_fill(target->memory + frame_index(target, frame.value) * FRAME_DISTANCE);
    return true;
}

int build_port_set_vcpu(struct build_target *target, const struct vcpu_guest_context *context)
{
    rule(fake_builder_held(target) == 0, "nothing is held when the vCPU is set");
    rule(target->pinned_l4.value != UINT64_MAX, "the L4 is pinned before the vCPU is set");
    if (call_fails(target)) {
        return -XEN_ENOMEM;
    }
    target->vcpu = *context;
    target->vcpu_is_set = true;
    return 0;
}
