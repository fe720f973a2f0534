/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stand-in for builder/port.h: a machine whose memory is a host array. Frames are handed out in a
 * shuffled order and with gaps between their numbers, so that nothing works by accident that takes
 * a PFN for an MFN or one MFN for the neighbour of the next.
 *
 * Every rule of the port is checked: only allocated PFNs are named, at most two pages are mapped,
 * nothing is written behind them, and none is held when the L4 is pinned or the vCPU is set. A
 * broken rule ends the test program.
 */
#ifndef TESTS_FAKE_BUILDER_H
#define TESTS_FAKE_BUILDER_H

#include "builder/port.h"

struct build_target {
    uint64_t frame_count; /* in the machine */
    uint64_t used;        /* given to the domain */
    uint8_t *memory;      /* the machine's frames, with a guard behind each */
    uint64_t *frame_of;   /* index of the frame behind each PFN */
    uint64_t *pfn_of;     /* and back */
    unsigned calls;       /* of functions that can refuse, so far */
    unsigned fail_at;     /* the call that does refuse, from 1; 0: none */
    unsigned allocations;
    const void *held[2]; /* pages mapped just now */
    mfn_t pinned_l4;     /* MFN_INVALID: not yet */
    mfn_t hypercall_frame;
    bool vcpu_is_set;
    struct vcpu_guest_context vcpu;
};

/* A machine with `frame_count` frames, all free. */
void fake_builder_init(struct build_target *target, uint64_t frame_count, unsigned seed);
void fake_builder_free(struct build_target *target);

/* The contents of a frame; NULL if the machine has no frame of that number. */
const uint8_t *fake_builder_frame(const struct build_target *target, uint64_t mfn);

/* The PFN a frame was given as; UINT64_MAX if it was not. */
uint64_t fake_builder_pfn(const struct build_target *target, uint64_t mfn);

unsigned fake_builder_held(const struct build_target *target);

#endif
