/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stand-in for the machine under core/: frames in host memory, CPUs with a software TLB that
 * forgets nothing by itself, model guests, and wrappers around the MMU calls that audit the whole
 * machine after each execution. It defines core/port.h and check_failed().
 *
 * The frames of a fake machine: some I/O memory, hypervisor memory and read-only shared memory at
 * the bottom (FAKE_*), free RAM above.
 */
#ifndef TESTS_FAKE_MACHINE_H
#define TESTS_FAKE_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "core/audit.h"
#include "core/context.h"
#include "core/mmu_call.h"
#include "core/port.h"

#include <cmocka.h>

#define FAKE_IO_FIRST         0U /* frames 0 to 3: the "low 1 MiB" */
#define FAKE_HYPERVISOR       4U /* frames 4 to 7 */
#define FAKE_SHARED_READ      8U /* frame 8 and, beyond 512 frames, on: the M2P's own */
#define FAKE_RAM_FIRST        9U /* with up to 512 frames */
#define FAKE_PHYSICAL_BITS    40U
#define FAKE_CPUS             4U
#define FAKE_GUEST_PAGES      16U
#define FAKE_DOMAIN_LIMIT     5U
#define FAKE_BUFFER_LIMIT     8U
#define FAKE_DESCRIPTOR_PAGES 32U
#define FAKE_WINDOW_LDT       16U /* the first of the LDT's pages */

/* Guest-virtual addresses of test buffers that no page table maps. */
#define FAKE_ARGUMENTS UINT64_C(0x0000600000000000)
#define FAKE_RESULT    UINT64_C(0x0000610000000000)

enum fake_yield {
    FAKE_YIELD_NEVER,
    FAKE_YIELD_ALWAYS,
    FAKE_YIELD_AT, /* from query number yield_at (from 1) to the end of that execution */
};

struct fake_refusal {
    enum status status;
    struct refusal about;
    unsigned int count; /* of refusals so far */
};

struct fake_buffer {
    uint64_t address;
    size_t size;
    uint8_t *bytes;
    bool writable;
};

struct fake_state {
    uint8_t *memory;        /* frame_count frames */
    uint64_t audit_scratch; /* frames counted in one audit round */
    unsigned int cpu;       /* where the hypervisor runs now */
    struct vcpu *vcpu;      /* whose guest memory the copy functions reach */

    enum fake_yield yield;
    unsigned int yield_at;
    unsigned int waits;         /* for another vCPU's walk */
    unsigned int yield_queries; /* since fake_yield_at() or the start */
    /* Called before each re-execution of an interrupted call. */
    void (*between)(void);
    /* Called at the start of each port function that other CPUs would notice, with its name less
     * "port_": flush_tlb, base_changed, show_descriptors. */
    void (*watch)(const char *what);
    unsigned int executions; /* of the last call */
    /* A test that compares the state with the model's after each call may do with an audit after
     * every so many of them. 0: after each. */
    unsigned int audit_interval;
    unsigned int calls_until_audit;

    /* Called before each access of the hypervisor to guest memory. */
    void (*on_copy)(uint64_t address, size_t size, bool write);
    unsigned int copies;       /* such accesses so far */
    unsigned int fail_copy_at; /* the one that fails, from 1; 0: none */

    struct fake_refusal refusal;
    struct fake_buffer buffers[FAKE_BUFFER_LIMIT];
    uint64_t fs_base;
    uint64_t gs_base;

    /* Descriptor pages that were shown: fake_window(). */
    mfn_t windows[FAKE_DOMAIN_LIMIT * FAKE_CPUS][FAKE_DESCRIPTOR_PAGES];
    unsigned int full_flushes;
    unsigned int page_flushes;
    unsigned int cache_flushes;
    unsigned int base_changes;
    unsigned int ldt_changes;
    bool empty_domains[DOMAIN_LIMIT]; /* port_domain_empty() named them */
    uint64_t last_flush_cpus;
    uint64_t last_flush_address;

    bool is_being_built; /* calls are not checked one by one: the builder does that at its end */

    /* For the tests of the tests: flushes are recorded, and nothing is dropped. */
    bool flushes_are_lost;
    bool violations_are_counted; /* else the first one fails the test */
    unsigned int violations;

    unsigned int audit_differences; /* of the last audit that fake_audit() ran */
};
extern struct fake_state fake;

/* ---- the machine --------------------------------------------------------------------------- */

void fake_start(uint64_t frame_count);
void fake_stop(void);
/* fake_stop(), as a test's teardown. */
int fake_teardown(void **state);

/* A new domain with vCPUs 0.., vCPU n on CPU n. */
struct domain *fake_domain(uint16_t id, unsigned int vcpu_count);

/* One more frame for the domain, contents zero. */
mfn_t fake_give(struct domain *domain);
/* With what the core left in it, or MFN_INVALID. The domain's lock is held. */
mfn_t fake_give_as_it_is(struct domain *domain);

/* What the pages of the vCPU's descriptor window show; MFN_INVALID: nothing. */
mfn_t *fake_window(const struct vcpu *vcpu);

/* The frame as the hypervisor sees it. */
pte_t *fake_entries(mfn_t mfn);
struct frame *fake_frame(mfn_t mfn);
void assert_counts(mfn_t mfn, unsigned int references, unsigned int types);

/* ---- the audit ----------------------------------------------------------------------------- */

/* The number of differences, also between vCPUs and their windows; prints each one if `loud`. */
uint64_t fake_audit(bool loud);
void assert_audit_clean(void);

/* What fake_unchanged() compares: all but stamps and the last type of unused frames. */
struct fake_snapshot;
struct fake_snapshot *fake_snapshot(void);
/* Fails the test if anything differs; `snapshot` is used up. */
void assert_unchanged(struct fake_snapshot *snapshot);
/* Fails if two snapshots differ; contents of frames count too. Both are used up. */
void assert_same(struct fake_snapshot *first, struct fake_snapshot *second);

/* ---- guest memory and the TLB -------------------------------------------------------------- */

struct fake_buffer *fake_buffer(uint64_t address, size_t size, bool writable);

enum fake_access { FAKE_READ, FAKE_WRITE };

/*
 * The model guest's access on a CPU under a root table: from that CPU's TLB if it can, else by a
 * walk that starts at the deepest cached paging-structure entry. Sets A and D. NULL: page fault.
 * Any access that the type rules should have made impossible fails the test.
 */
uint8_t *fake_access(unsigned int cpu, const struct domain *domain, mfn_t root, uint64_t address,
                     enum fake_access access);

/* The same in guest-kernel mode of the vCPU, for one 64-bit word. False: page fault. */
bool fake_guest_read(unsigned int cpu, struct vcpu *vcpu, uint64_t address, uint64_t *value);
bool fake_guest_write(unsigned int cpu, struct vcpu *vcpu, uint64_t address, uint64_t value);

/* Does any CPU remember a frame in a part that it no longer has? Asked after every call. */
void fake_tlb_check(void);
void fake_tlb_drop_all(unsigned int cpu);
void fake_tlb_drop_page(unsigned int cpu, uint64_t address);
unsigned int fake_tlb_size(unsigned int cpu);

/* ---- calls --------------------------------------------------------------------------------- */

void fake_yield_never(void);
void fake_yield_always(void);
void fake_yield_at(unsigned int query);

typedef struct call_result (*fake_call_fn)(struct vcpu *vcpu, uint64_t arg[]);

/* One execution, then an audit. */
struct call_result fake_call_once(fake_call_fn call, struct vcpu *vcpu, uint64_t arg[]);
/* Until the call has an answer. */
int64_t fake_call(fake_call_fn call, struct vcpu *vcpu, uint64_t arg[]);

/* `fd` is the foreign-domain word. fake_done() is the reported number of elements. */
int64_t do_mmu_update(struct vcpu *vcpu, const struct mmu_update requests[], unsigned int count,
                      uint32_t fd);
int64_t do_mmuext(struct vcpu *vcpu, const struct mmuext_op ops[], unsigned int count, uint32_t fd);
int64_t do_va(struct vcpu *vcpu, uint64_t address, pte_t pte, uint64_t flags);
int64_t do_memory_op(struct vcpu *vcpu, uint64_t command, uint64_t address);
uint32_t fake_done(void);

/* One element each, of the vCPU's own domain. */
int64_t do_update(struct vcpu *vcpu, mfn_t table, unsigned int index, pte_t pte);
int64_t do_pin(struct vcpu *vcpu, mfn_t table, unsigned int level);
int64_t do_unpin(struct vcpu *vcpu, mfn_t table);
int64_t do_base(struct vcpu *vcpu, mfn_t table);
int64_t do_user_base(struct vcpu *vcpu, mfn_t table);

/* ---- a model guest ------------------------------------------------------------------------- */

/* Flags as the core stores them, so that validating changes nothing. */
#define FAKE_TABLE (PTE_PRESENT | PTE_WRITABLE | PTE_USER | PTE_ACCESSED)
#define FAKE_RO    (PTE_PRESENT | PTE_USER | PTE_GUEST_KERNEL)
#define FAKE_RW    (FAKE_RO | PTE_WRITABLE)

/*
 * A domain with one vCPU on a small address space: entry i of the L1 maps pages[i] writable at
 * FAKE_VA(i), and its tables read-only at FAKE_VA(FAKE_TABLES_AT) and on: L4, L3, L2, L1. The L4 is
 * pinned and the kernel base.
 */
#define FAKE_VA(i)     ((uint64_t)(i) << PAGE_SHIFT)
#define FAKE_TABLES_AT 32U
struct fake_guest {
    struct domain *domain;
    struct vcpu *vcpu;
    mfn_t l4;
    mfn_t l3;
    mfn_t l2;
    mfn_t l1;
    mfn_t pages[FAKE_GUEST_PAGES];
};

/* The domain exists; its tables and pages are made and used by vCPU 0. */
void fake_guest_build(struct fake_guest *guest, struct domain *domain);

/* Frames for a tree of tables that nobody uses yet: L4 entry 0, L3 entry 0, L2 entry 0 lead to the
 * L1, whose entry 0 maps a page read-only. Only levels up to `level` are there. */
struct fake_tree {
    mfn_t table[5]; /* by level; [0] is the page */
};
void fake_tree_build(struct fake_tree *tree, struct domain *domain, unsigned int level);
/* An L4 with three L3, six L2 and twelve L1 tables; each L1 maps the page. */
mfn_t fake_wide_tree_build(struct domain *domain, mfn_t page);

#endif
