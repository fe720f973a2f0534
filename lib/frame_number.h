/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of 4 KiB frames: MFN in the machine, PFN in a guest's own contiguous view. Structs of one
 * member, so that the compiler refuses to take one for the other.
 */
#ifndef LIB_FRAME_NUMBER_H
#define LIB_FRAME_NUMBER_H

#include "lib/compiler.h"

typedef struct {
    uint64_t value;
} mfn_t;

typedef struct {
    uint64_t value;
} pfn_t;

#define MFN_INVALID ((mfn_t){.value = UINT64_MAX})

static inline mfn_t mfn_make(uint64_t value)
{
    return (mfn_t){.value = value};
}

static inline mfn_t mfn_add(mfn_t mfn, uint64_t count)
{
    return (mfn_t){.value = mfn.value + count};
}

static inline bool mfn_equal(mfn_t a, mfn_t b)
{
    return a.value == b.value;
}

static inline pfn_t pfn_make(uint64_t value)
{
    return (pfn_t){.value = value};
}

static inline pfn_t pfn_add(pfn_t pfn, uint64_t count)
{
    return (pfn_t){.value = pfn.value + count};
}

#endif
