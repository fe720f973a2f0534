/* SPDX-License-Identifier: BSD-2-Clause */
/* The one global of the core: the machine's frames and what belongs to them. */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

#include <stdatomic.h>

#include "core/frame.h"
#include "core/pte.h"
#include "lib/abi.h"
#include "lib/ticket_lock.h"

#define CPU_LIMIT    64U  /* a CPU set is one 64-bit word */
#define FIRST_DOMAIN 0U   /* the id of the domain made at boot */
#define DOMAIN_LIMIT 512U /* domain ids are 0 .. DOMAIN_LIMIT - 1 */

/* A range of I/O frames the first domain may not map as it likes. */
enum io_rule { IO_DENIED, IO_READ_ONLY };
struct io_range {
    mfn_t first;
    mfn_t last;
    enum io_rule rule;
};
#define IO_RANGE_LIMIT 32U

struct machine {
    struct frame *frames; /* frame_count of them, indexed by MFN */
    uint64_t frame_count; /* highest RAM frame + 1 */
    uint64_t mfn_limit;   /* frames the CPU can address: physical width */
    uint64_t *m2p;        /* frame_count entries or more; guests read them */
    uint64_t m2p_count;   /* entries that are mapped; a multiple of 512 */
    mfn_t m2p_first;      /* the frames they are in, one after the other */
    pte_t hypervisor_slots[L4_HYPERVISOR_LAST - L4_HYPERVISOR_FIRST + 1];

    /* Free RAM: a bit for each frame, set while FREE and in the allocator's hands. Fields of the
     * allocator: alloc_lock. */
    struct ticket_lock alloc_lock;
    uint64_t *free_bitmap; /* (frame_count + 63) / 64 words */
    uint64_t free_count;
    uint64_t alloc_cursor; /* word where the last single frame was found */

    struct io_range io_ranges[IO_RANGE_LIMIT];
    unsigned int io_range_count;

    _Atomic uint32_t flush_clock;
    _Atomic uint32_t cpu_flushed[CPU_LIMIT]; /* flush clock at the CPU's last full flush */
    uint64_t cpus_online;
    bool flush_always; /* test mode: take every stamp for stale */
    bool linear_pt;    /* entries may name a table of their own level (pv-linear-pt=) */

    struct domain *domains[DOMAIN_LIMIT];
};

extern struct machine machine;

/* The record of a frame, or NULL where there is no RAM that high: then it is I/O space. The index
 * cannot be used speculatively beyond the table. */
static inline struct frame *frame_find(mfn_t mfn)
{
    if (UNLIKELY(mfn.value >= machine.frame_count)) {
        return NULL;
    }
    return &machine.frames[index_nospec(mfn.value, machine.frame_count)];
}

static inline mfn_t frame_mfn(const struct frame *frame)
{
    return mfn_make((uint64_t)(frame - machine.frames));
}

/*
 * Boot: tell the core about the machine. `frames` (zeroed) and `free_bitmap` (zeroed) have room for
 * frame_count entries, `m2p` for m2p_count. Every frame starts as FRAME_IO; then machine_add_free()
 * names the RAM nobody uses, machine_add_hypervisor() what the hypervisor keeps.
 */
void machine_init(struct frame *frames, uint64_t frame_count, uint64_t *free_bitmap, uint64_t *m2p,
                  uint64_t m2p_count, unsigned int physical_address_bits);
/* What firmware and boot loader left in free RAM the first domain may see, and nobody else: it
 * counts as that domain's data. */
void machine_add_free(mfn_t first, uint64_t count);
void machine_add_hypervisor(mfn_t first, uint64_t count);
/* The M2P's own frames begin here: hypervisor memory that guests may read. */
void machine_add_m2p(mfn_t first);
void machine_add_io_range(mfn_t first, mfn_t last, enum io_rule rule);

/* 2^order contiguous, naturally aligned free frames below 2^address_bits bytes (64: anywhere).
 * They stay FREE until frame_assign() and its siblings. MFN_INVALID: none. */
NODISCARD mfn_t frame_alloc(unsigned int order, unsigned int address_bits);
/* Give back what frame_alloc() gave, unused. */
void frame_alloc_undo(mfn_t first, unsigned int order);

/* What the guest last told about a frame; never used for a decision. */
static inline void m2p_set(mfn_t mfn, uint64_t value)
{
    if (mfn.value < machine.m2p_count) {
        machine.m2p[mfn.value] = value;
    }
}
#define M2P_INVALID UINT64_MAX

#endif
