/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second opinion: the rules of direct paging as the memory ABI states them, in the simplest form.
 * It knows no CPU, no flush, no lock and no interruption: an operation is one step, a walk is a
 * recursion, a refusal restores a copy. It shares no code with core/. Tests run the same operations
 * here and there, and compare answers and states (tests/model/mirror.h).
 *
 * Where the ABI leaves a choice and core made one, a comment here begins with "Choice:".
 */
#ifndef TESTS_MODEL_REFERENCE_H
#define TESTS_MODEL_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/grant_table.h>

#include "lib/abi.h"

#define REFERENCE_FRAMES  192
#define REFERENCE_DOMAINS 3
#define REFERENCE_VCPUS   2
#define REFERENCE_HANDLES 64
#define REFERENCE_NONE    UINT64_MAX /* no frame */

enum reference_class {
    REFERENCE_FREE,
    REFERENCE_PLAIN,            /* RAM of a domain */
    REFERENCE_SPECIAL,          /* hypervisor memory a domain may map writable */
    REFERENCE_SPECIAL_READONLY, /* ... or only read */
    REFERENCE_IO,
    REFERENCE_PRIVATE, /* the hypervisor's own */
};

enum reference_type {
    REFERENCE_UNTYPED,
    REFERENCE_L1,
    REFERENCE_L2,
    REFERENCE_L3,
    REFERENCE_L4,
    REFERENCE_DESCRIPTORS,
    REFERENCE_WRITABLE,
};

struct reference_frame {
    enum reference_class class;
    uint16_t owner; /* of a free frame: whose data it still holds */
    bool allocated;
    bool pinned;
    bool validated;
    enum reference_type type; /* means something while `types` is not 0 */
    uint32_t references;
    uint32_t types;
    int links; /* same-level entries: above 0, it has so many; below 0, so many name it */
    uint64_t m2p;
    bool contents_unknown; /* it may still hold what its new owner once had there, or zeros */
};

struct reference_vcpu {
    uint64_t kernel_base;
    uint64_t user_base;
    uint64_t gdt[14];
    uint64_t ldt[16];
    unsigned int gdt_entries;
    unsigned int ldt_entries;
    uint64_t ldt_base;
};

/* A domain's use of a grant, by its handle. */
struct reference_use {
    unsigned int kinds; /* 0: the handle is free */
    uint16_t granter;
    uint32_t ref;
    uint64_t mfn;
    bool by_machine_address;
};

struct reference_domain {
    uint16_t id;
    bool is_control;
    bool has_io;
    uint64_t assists;
    uint64_t page_limit;
    unsigned int vcpu_count;
    struct reference_vcpu vcpus[REFERENCE_VCPUS];
    uint64_t grant_frame; /* of its grant table, which has one; REFERENCE_NONE: it has no table */
    struct reference_use uses[REFERENCE_HANDLES];
};

struct reference_io_range {
    uint64_t first;
    uint64_t last;
    bool denied; /* else read-only */
};

struct reference_records {
    struct reference_frame frames[REFERENCE_FRAMES];
    struct reference_domain domains[REFERENCE_DOMAINS];
};

struct reference {
    struct reference_records records; /* what a refusal restores */
    uint64_t words[REFERENCE_FRAMES][512];
    uint64_t frame_count;
    uint64_t mfn_limit;
    bool linear_tables; /* entries without RW may name a table of their own level */
    uint64_t hypervisor_slots[16];
    unsigned int domain_count;
    unsigned int io_range_count;
    struct reference_io_range io_ranges[4];
};

/* Who calls: indices of a domain of the model and of its vCPU. */
struct reference_caller {
    unsigned int domain;
    unsigned int vcpu;
};

/* Whose table an entry is in, and whose frames it may name (a domain, DOMID_IO, DOMID_XEN).
 * `caller`: whose I/O rights count where the page owner is DOMID_IO. */
struct reference_owners {
    uint16_t table;
    uint16_t page;
    uint16_t caller;
};

/* ---- rules (reference.c) ------------------------------------------------------------------- */

/* NULL: the number belongs to no domain of the model. */
struct reference_domain *reference_find_domain(struct reference *model, uint16_t id);
bool reference_owns(const struct reference *model, uint64_t mfn, uint16_t owner);

/* Replace an entry of a live table. 0, or the negative errno; a refusal changes nothing but how
 * entries of new tables are spelled. `keep_ad`: A and D of the old entry stay. */
int reference_set_entry(struct reference *model, const struct reference_owners *owners,
                        uint64_t table, unsigned int index, uint64_t entry, bool keep_ad);

/* One use of the frame as `type`, with its reference; and the end of one. */
int reference_take(struct reference *model, uint64_t mfn, enum reference_type type);
void reference_drop(struct reference *model, uint64_t mfn);
/* A reference alone. */
void reference_put(struct reference *model, uint64_t mfn);

bool reference_descriptor(uint64_t *descriptor);

/* The L1 slot that maps an address. False: some table is missing. */
bool reference_walk(const struct reference *model, uint64_t base, uint64_t address, uint64_t *table,
                    unsigned int *index);
bool reference_address_ok(uint64_t address);

/* ---- calls (reference_calls.c): what each answers ------------------------------------------ */

int reference_mmu_update(struct reference *model, struct reference_caller caller,
                         const struct mmu_update requests[], unsigned int count, uint32_t word,
                         uint32_t *done);
int reference_mmuext(struct reference *model, struct reference_caller caller,
                     const struct mmuext_op ops[], unsigned int count, uint16_t foreign,
                     uint32_t *done);
/* `kernel`: a frame's number; `user` may be REFERENCE_NONE. */
int reference_first_bases(struct reference *model, struct reference_caller caller, uint64_t kernel,
                          uint64_t user);
int reference_va_mapping(struct reference *model, struct reference_caller caller, uint64_t address,
                         uint64_t entry);
int reference_va_mapping_other(struct reference *model, struct reference_caller caller,
                               uint64_t address, uint64_t entry, uint16_t foreign);
int reference_set_gdt(struct reference *model, struct reference_caller caller,
                      const uint64_t frames[], unsigned int entries);
int reference_update_descriptor(struct reference *model, struct reference_caller caller,
                                uint64_t address, uint64_t descriptor);

/* True: done as the guest meant it; false: the guest gets its fault. */
bool reference_store(struct reference *model, struct reference_caller caller, uint64_t address,
                     uint64_t entry);
bool reference_ldt_fault(struct reference *model, struct reference_caller caller, uint64_t offset);

/* The reservation. Which free frames are taken is the allocator's affair: `got` has what it chose;
 * REFERENCE_IMPOSSIBLE if it should not have. */
#define REFERENCE_IMPOSSIBLE (-1000)
int reference_decrease(struct reference *model, struct reference_caller caller, uint16_t foreign,
                       const uint64_t extents[], unsigned int count, unsigned int order);
/* `pfns` NULL: increase_reservation. */
int reference_populate(struct reference *model, struct reference_caller caller, uint16_t foreign,
                       const uint64_t pfns[], const uint64_t got[], unsigned int count,
                       unsigned int order);
/* Order 0 to order 0. `done`: extents traded. */
int reference_exchange(struct reference *model, struct reference_caller caller, uint16_t foreign,
                       const uint64_t in[], const uint64_t pfns[], const uint64_t got[],
                       unsigned int count, unsigned int *done);

/* ---- grants (reference_grants.c): the status of one element -------------------------------- */

/* `handle`: what core chose. */
int reference_grant_map(struct reference *model, struct reference_caller caller,
                        const struct gnttab_map_grant_ref *op, uint32_t handle);
int reference_grant_unmap(struct reference *model, struct reference_caller caller,
                          const struct gnttab_unmap_grant_ref *op);
int reference_grant_transfer(struct reference *model, struct reference_caller caller,
                             const struct gnttab_transfer *op);
int reference_grant_copy(struct reference *model, struct reference_caller caller,
                         const struct gnttab_copy *op);

#endif
