/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The software TLB: each CPU keeps every translation it ever used, leaf and paging-structure alike,
 * until the core has it flushed, and uses the deepest it has. What no real CPU would keep so long
 * is kept here: staleness that can happen somewhere happens here always.
 */
#include "tests/fake/fake_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pte_update.h"

/*
 * A cached entry of a table of `level` (1: a leaf): for the addresses with this prefix it led to
 * `target`. Rights are those of the whole path down to it.
 */
struct cached {
    unsigned int level;
    uint64_t prefix;
    uint64_t root;
    bool global; /* leaf of any root */
    bool writable;
    bool dirty;
    mfn_t target;
    uint16_t owner; /* of the target when it was cached, */
    uint8_t type;   /* and its type */
    bool is_io;
};

struct tlb {
    struct cached *entries;
    unsigned int count;
    unsigned int room;
};
static struct tlb tlbs[FAKE_CPUS];

static uint64_t prefix_of(unsigned int level, uint64_t address)
{
    return address >> (PAGE_SHIFT + 9 * (level - 1));
}

static void violation(const char *rule, mfn_t mfn, uint64_t address)
{
    fake.violations++;
    if (!fake.violations_are_counted) {
        const struct frame *frame = frame_find(mfn);
        fail_msg("guest access to %#llx: %s: frame %#llx, owner %u, %s, type %s, type count %u",
                 (unsigned long long)address, rule, (unsigned long long)mfn.value,
                 frame != NULL ? frame->owner : 0U,
                 frame != NULL ? frame_class_text(frame_class(frame)) : "none",
                 frame != NULL ? frame_type_text(frame_type(frame)) : "none",
                 frame != NULL ? frame->type_count : 0U);
    }
}

void fake_tlb_drop_all(unsigned int cpu)
{
    tlbs[cpu].count = 0;
}

/* INVLPG drops the page's leaves, and paging-structure entries of every address. */
void fake_tlb_drop_page(unsigned int cpu, uint64_t address)
{
    struct tlb *tlb = &tlbs[cpu];
    unsigned int kept = 0;
    for (unsigned int i = 0; i < tlb->count; i++) {
        const struct cached *entry = &tlb->entries[i];
        if (entry->level == 1 && entry->prefix != prefix_of(1, address)) {
            tlb->entries[kept++] = *entry;
        }
    }
    tlb->count = kept;
}

unsigned int fake_tlb_size(unsigned int cpu)
{
    return tlbs[cpu].count;
}

static struct cached *tlb_find(unsigned int cpu, unsigned int level, mfn_t root, uint64_t address)
{
    struct tlb *tlb = &tlbs[cpu];
    for (unsigned int i = 0; i < tlb->count; i++) {
        struct cached *entry = &tlb->entries[i];
        if (entry->level == level && entry->prefix == prefix_of(level, address) &&
            (entry->root == root.value || entry->global)) {
            return entry;
        }
    }
    return NULL;
}

static void tlb_add(unsigned int cpu, struct cached entry)
{
    struct tlb *tlb = &tlbs[cpu];
    for (unsigned int i = 0; i < tlb->count; i++) {
        struct cached *old = &tlb->entries[i];
        if (old->level == entry.level && old->prefix == entry.prefix && old->root == entry.root) {
            *old = entry;
            return;
        }
    }
    if (tlb->count == tlb->room) {
        tlb->room = tlb->room == 0 ? 64 : 2 * tlb->room;
        tlb->entries = realloc(tlb->entries, tlb->room * sizeof(tlb->entries[0]));
        assert_non_null(tlb->entries);
    }
    tlb->entries[tlb->count++] = entry;
}

/* Same-level entries let a walk use tables of higher levels in the place of lower ones. */
static bool is_table_for(const struct frame *frame, unsigned int level)
{
    while (machine.linear_pt && level < 4 && !frame_is_table(frame, level)) {
        level++;
    }
    return frame_is_table(frame, level) && frame->type_count > 0;
}

/* A free frame may be remembered until it is handed out: it is its last owner's, or already wiped,
 * or a dead domain's. */
static bool is_still(const struct frame *frame, uint16_t owner)
{
    return frame->owner == owner || (frame_class(frame) == FRAME_FREE &&
                                     (frame->owner == DOMID_INVALID || frame->owner == DOMID_XEN));
}

/* The processor uses `mfn` as a table of `level`: it must be one, checked, and of this domain. */
static bool check_table(const struct domain *domain, unsigned int level, mfn_t mfn,
                        uint64_t address)
{
    const struct frame *frame = frame_find(mfn);
    if (frame == NULL || frame_class(frame) != FRAME_GUEST || frame->owner != domain->id) {
        violation("a walk uses a table that is not the domain's", mfn, address);
        return false;
    }
    if (!is_table_for(frame, level)) {
        violation("a walk uses a table that is not validated as such", mfn, address);
        return false;
    }
    return true;
}

static bool check_data(const struct cached *leaf, enum fake_access access, uint64_t address)
{
    const struct frame *frame = frame_find(leaf->target);
    if (leaf->is_io) {
        if (frame != NULL && frame_class(frame) != FRAME_IO) {
            violation("what was I/O memory is none", leaf->target, address);
            return false;
        }
        return true;
    }
    if (!is_still(frame, leaf->owner)) {
        violation("the frame has another owner now", leaf->target, address);
        return false;
    }
    if (access == FAKE_WRITE && frame->type_count > 0 && frame->type != FRAME_WRITABLE) {
        violation("a store reaches a table", leaf->target, address);
        return false;
    }
    if (access == FAKE_WRITE && frame_class(frame) == FRAME_SHARED_READ_ONLY) {
        violation("a store reaches read-only memory", leaf->target, address);
        return false;
    }
    return true;
}

/* A paging-structure entry may outlive its table, as long as that is nothing else. */
static void check_structure(const struct cached *entry, uint64_t address)
{
    const struct frame *frame = frame_find(entry->target);
    if (!is_still(frame, entry->owner)) {
        violation("a remembered table has another owner now", entry->target, address);
    } else if (frame->type_count > 0 && frame->type != entry->type) {
        violation("a remembered table is something else now", entry->target, address);
    }
}

void fake_tlb_check(void)
{
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        for (unsigned int i = 0; i < tlbs[cpu].count; i++) {
            const struct cached *entry = &tlbs[cpu].entries[i];
            uint64_t address = entry->prefix << (PAGE_SHIFT + 9 * (entry->level - 1));
            if (entry->level > 1) {
                check_structure(entry, address);
            } else {
                (void)check_data(entry, entry->writable ? FAKE_WRITE : FAKE_READ, address);
            }
        }
    }
}

static struct cached make_cached(unsigned int level, mfn_t root, uint64_t address, pte_t pte)
{
    const struct frame *frame = frame_find(pte_mfn(pte));
    return (struct cached){
        .level = level,
        .prefix = prefix_of(level, address),
        .root = root.value,
        .global = level == 1 && (pte.raw & PTE_GLOBAL) != 0,
        .target = pte_mfn(pte),
        .owner = frame != NULL ? frame->owner : DOMID_IO,
        .type = frame != NULL ? frame->type : FRAME_NONE,
        .is_io = level == 1 && (frame == NULL || frame_class(frame) == FRAME_IO),
    };
}

/* Walk down from the deepest cached paging-structure entry. False: page fault. */
static bool walk(unsigned int cpu, const struct domain *domain, mfn_t root, uint64_t address,
                 enum fake_access access, struct cached *leaf)
{
    unsigned int level = 4;
    mfn_t table = root;
    bool writable = true;
    for (unsigned int cached_level = 2; cached_level <= 4; cached_level++) {
        const struct cached *entry = tlb_find(cpu, cached_level, root, address);
        if (entry != NULL) {
            level = cached_level - 1;
            table = entry->target;
            writable = entry->writable;
            break;
        }
    }
    for (;; level--) {
        if (!check_table(domain, level, table, address)) {
            return false;
        }
        pte_t *slot = fake_entries(table) + pte_index(level, address);
        pte_t pte = pte_read(slot);
        if (!pte_is_present(pte)) {
            return false;
        }
        if ((pte.raw & PTE_USER) == 0) {
            violation("an entry is not for ring 3", table, address);
            return false;
        }
        writable = writable && pte_is_writable(pte);
        bool is_store = level == 1 && access == FAKE_WRITE && writable;
        slot->raw |= PTE_ACCESSED | (is_store ? PTE_DIRTY : 0);
        struct cached entry = make_cached(level, root, address, pte);
        entry.writable = writable;
        entry.dirty = is_store;
        tlb_add(cpu, entry);
        if (level == 1) {
            *leaf = entry;
            return true;
        }
        table = pte_mfn(pte);
    }
}

uint8_t *fake_access(unsigned int cpu, const struct domain *domain, mfn_t root, uint64_t address,
                     enum fake_access access)
{
    static uint8_t io_page[PAGE_SIZE];
    if (!address_is_guest(address) || mfn_equal(root, MFN_INVALID)) {
        return NULL;
    }
    const struct cached *entry = tlb_find(cpu, 1, root, address);
    struct cached leaf;
    if (entry != NULL && (access == FAKE_READ || (entry->writable && entry->dirty))) {
        leaf = *entry;
    } else if (!walk(cpu, domain, root, address, access, &leaf)) {
        return NULL;
    }
    if (access == FAKE_WRITE && !leaf.writable) {
        return NULL;
    }
    if (!check_data(&leaf, access, address)) {
        return NULL;
    }
    if (leaf.is_io) {
        return io_page + (address & PAGE_MASK);
    }
    return fake.memory + (leaf.target.value << PAGE_SHIFT) + (address & PAGE_MASK);
}

bool fake_guest_read(unsigned int cpu, struct vcpu *vcpu, uint64_t address, uint64_t *value)
{
    const uint8_t *bytes = fake_access(cpu, vcpu->domain, vcpu->kernel_base, address, FAKE_READ);
    if (bytes != NULL) {
        memcpy(value, bytes, sizeof(*value));
    }
    return bytes != NULL;
}

bool fake_guest_write(unsigned int cpu, struct vcpu *vcpu, uint64_t address, uint64_t value)
{
    uint8_t *bytes = fake_access(cpu, vcpu->domain, vcpu->kernel_base, address, FAKE_WRITE);
    if (bytes != NULL) {
        memcpy(bytes, &value, sizeof(value));
    }
    return bytes != NULL;
}
