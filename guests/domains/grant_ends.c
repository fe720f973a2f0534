/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families H and Q: grants and the ends of domains. Whoever goes first, the other keeps what it
 * uses and no more, the frame serves its owner again, and nothing is left at the end.
 */
#include "guests/domains/child_grants.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#define SECRET      UINT64_C(0xe11de11de11de11d)
#define DEVICE_REF  (CHILD_REF + 1)
#define BY_PTE_REF  (CHILD_REF + 2)
#define ENTRIES     9U /* the slot of a child's table */
#define BY_PTE_SLOT (GRANT_SLOT + 1)

/* Destroyed, and no longer than that takes still there: something of it is in use. */
static void destroy_but_not_wholly(const struct child *child)
{
    EXPECT_RESULT(foreign_map(child->slot, child->id, child->frames[0], 0), 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, child->id), 0);
    let_time_pass();
    EXPECT(!is_gone(child->id));
}

/* ---- the granter first ---------------------------------------------------------------------- */

TEST(q_granter_dies_while_its_grants_are_used)
{
    grants_begin();
    struct child child = child_start();
    mfn_t page = child.frames[PAGE_PLAIN];
    volatile grant_entry_v1_t *entries = child_grant_table(&child, ENTRIES);
    for (grant_ref_t ref = CHILD_REF; ref <= BY_PTE_REF; ref++) {
        grant_entry_write(&entries[ref], 0, page, GTF_permit_access);
    }
    EXPECT_RESULT(foreign_map(ENTRIES, child.id, page, 0), 0);
    grant_handle_t host = mapped_from(&child, CHILD_REF, 0);
    struct gnttab_map_grant_ref device = {
        .flags = GNTMAP_device_map, .ref = DEVICE_REF, .dom = child.id};
    EXPECT_EQUAL(grant_map(&device), GNTST_okay);
    struct gnttab_map_grant_ref by_pte = {
        .host_addr = entry_address(scratch_l1, BY_PTE_SLOT),
        .flags = GNTMAP_host_map | GNTMAP_contains_pte,
        .ref = BY_PTE_REF,
        .dom = child.id,
    };
    EXPECT_EQUAL(grant_map(&by_pte), GNTST_okay);

    destroy_but_not_wholly(&child);
    EXPECT_EQUAL(frames_of(child.id), 1);
    volatile uint64_t *words = slot_address(GRANT_SLOT);
    words[0] = SECRET;
    EXPECT_EQUAL(*(volatile uint64_t *)slot_address(BY_PTE_SLOT), SECRET);
    EXPECT(foreign_map(GRANT_SLOT + 6, DOMID_SELF, page, PTE_READ_ONLY) < 0);
    struct xen_domctl again = create_record();
    EXPECT_RESULT(domctl(XEN_DOMCTL_createdomain, child.id, &again), -XEN_EEXIST);

    EXPECT_EQUAL(grant_unmap(host, pointer_value(words), 0), GNTST_okay);
    EXPECT_EQUAL(grant_unmap(by_pte.handle, by_pte.host_addr, 0), GNTST_okay);
    let_time_pass();
    EXPECT(!is_gone(child.id));
    EXPECT_EQUAL(grant_unmap(device.handle, 0, page.value << PAGE_SHIFT), GNTST_okay);
    wait_until_gone(child.id);
    EXPECT_EQUAL(grant_unmap(device.handle, 0, page.value << PAGE_SHIFT), GNTST_bad_handle);
}

/* What a use of a dying domain's grant answers; where it is possible, it is ended again. */
static int16_t try_map(domid_t granter, size_t slot, uint32_t flags, mfn_t page)
{
    uint64_t address = pointer_value(slot_address(slot));
    struct gnttab_map_grant_ref map = {
        .host_addr = address, .flags = flags, .ref = CHILD_REF, .dom = granter};
    int16_t status = grant_map(&map);
    if (status == GNTST_okay) {
        EXPECT_EQUAL(grant_unmap(map.handle, address, page.value << PAGE_SHIFT), GNTST_okay);
    }
    return status;
}

static int16_t try_copy(domid_t granter)
{
    struct gnttab_copy copy = {
        .source = {.domid = DOMID_SELF, .u.gmfn = mfn_of(page_alloc()).value},
        .dest = {.domid = granter, .u.ref = CHILD_REF},
        .len = 64,
        .flags = GNTCOPY_dest_gref,
    };
    return grant_copy(&copy);
}

/* What is in use already goes on; nothing begins (I24). */
TEST(choice_dying_granter_is_used_no_more)
{
    grants_begin();
    struct child child = child_start();
    mfn_t page = child.frames[PAGE_PLAIN];
    volatile grant_entry_v1_t *entries = child_grant_table(&child, ENTRIES);
    grant_entry_write(&entries[CHILD_REF], 0, page, GTF_permit_access);
    grant_handle_t handle = mapped_from(&child, CHILD_REF, 0);
    EXPECT_RESULT(foreign_map(ENTRIES, child.id, page, 0), 0);
    destroy_but_not_wholly(&child);
    volatile uint64_t *word = slot_address(GRANT_SLOT);
    *word = SECRET;
    int16_t host = try_map(child.id, GRANT_SLOT + 5, GNTMAP_host_map, page);
    int16_t device = try_map(child.id, GRANT_SLOT + 5, GNTMAP_device_map, page);
    int16_t copied = try_copy(child.id);
    uint64_t left = *word;
    EXPECT_EQUAL(grant_unmap(handle, pointer_value(slot_address(GRANT_SLOT)), 0), GNTST_okay);
    wait_until_gone(child.id);
    EXPECT_EQUAL(host, GNTST_bad_domain);
    EXPECT_EQUAL(device, GNTST_bad_domain);
    EXPECT_EQUAL(copied, GNTST_bad_domain);
    EXPECT_EQUAL(left, SECRET);
}

/* The mapping is overwritten, and all that remains of the dead domain is the handle. */
TEST(q_granter_dies_before_a_handle_whose_mapping_is_overwritten)
{
    grants_begin();
    struct child child = child_start();
    volatile grant_entry_v1_t *entries = child_grant_table(&child, ENTRIES);
    mfn_t page = child.frames[PAGE_PLAIN];
    grant_entry_write(&entries[CHILD_REF], 0, page, GTF_permit_access);
    EXPECT_RESULT(foreign_map(ENTRIES, child.id, page, 0), 0);
    grant_handle_t handle = mapped_from(&child, CHILD_REF, 0);
    uint64_t free_before = free_frames();
    EXPECT_RESULT(foreign_map(GRANT_SLOT + 1, child.id, page, PTE_READ_WRITE), 0);
    EXPECT_RESULT(foreign_map(GRANT_SLOT, DOMID_SELF, page, 0), 0);
    destroy_but_not_wholly(&child);
    /* The other mapping takes its place, as it looks just like it. */
    EXPECT_EQUAL(grant_unmap(handle, pointer_value(slot_address(GRANT_SLOT)), 0),
                 GNTST_general_error);
    EXPECT_EQUAL(grant_unmap(handle, pointer_value(slot_address(GRANT_SLOT + 1)), 0), GNTST_okay);
    wait_until_gone(child.id);
    EXPECT(free_frames() > free_before);
}

/* ---- the mapper first ----------------------------------------------------------------------- */

static int16_t child_maps_in_way(const struct child *child, unsigned int way, grant_ref_t ref)
{
    grant_handle_t handle;
    uint64_t entry = (child->frames[PAGE_L1].value << PAGE_SHIFT) + 200 * sizeof(uint64_t);
    switch (way) {
    case 0:
        return child_maps(child, 0, ref, GNTMAP_host_map, &handle);
    case 1:
        return child_maps(child, 0, ref, GNTMAP_device_map, &handle);
    case 2:
        return child_maps(child, 0, ref, GNTMAP_host_map | GNTMAP_device_map, &handle);
    case 3:
        return child_maps_at(child, 0, ref, GNTMAP_host_map | GNTMAP_contains_pte, entry, &handle);
    default: { /* overwritten: the references are gone, the handle is not */
        int16_t status = child_maps(child, 0, ref, GNTMAP_host_map, &handle);
        EXPECT_RESULT(child_sets_page(child, GRANT_PLACE, 0), 0);
        return status;
    }
    }
}

#define WAYS 5U

TEST(q_mapper_dies_while_it_uses_our_grants)
{
    for (unsigned int way = 0; way < WAYS; way++) {
        grants_begin();
        struct child child = child_start();
        uint64_t *page = page_alloc();
        grant_entry_write(grant_entry(CHILD_REF), child.id, mfn_of(page), GTF_permit_access);
        EXPECT_EQUAL(child_maps_in_way(&child, way, CHILD_REF), GNTST_okay);
        EXPECT_EQUAL(grant_entry(CHILD_REF)->flags, GTF_permit_access | GRANT_MARKS);
        EXPECT_RESULT(page_read_only(page), 0);
        EXPECT_RESULT(pin(1, page), way < WAYS - 1 ? -XEN_EINVAL : 0);
        unpin(page);
        EXPECT_RESULT(foreign_map(child.slot, child.id, child.frames[0], 0), 0);
        EXPECT_RESULT(destroy(child.id), 0);
        EXPECT_EQUAL(grant_entry(CHILD_REF)->flags, GTF_permit_access);
        EXPECT_RESULT(pin(1, page), 0);
        EXPECT_RESULT(unpin(page), 0);
        EXPECT_RESULT(page_writable(page), 0);
    }
}

/* Only the number is the same: neither handle nor mark nor recorded mapper is the next one's. */
TEST(f_domain_with_the_number_of_a_dead_mapper_has_none_of_its_handles)
{
    grants_begin();
    destroy_all();
    void *page = page_alloc();
    grant_handle_t handles[2];
    for (unsigned int round = 0; round < 2; round++) {
        struct child child;
        struct xen_domctl create = create_record();
        create.domain = 33;
        child_build_from(&child, &create, 0, STEP_START);
        if (round > 0) {
            EXPECT_EQUAL(child_unmaps(&child, handles[0], child_address(GRANT_PLACE)),
                         GNTST_bad_handle);
            EXPECT_EQUAL(child_unmaps(&child, handles[1], child_address(GRANT_PLACE)),
                         GNTST_bad_handle);
        }
        EXPECT_EQUAL(grant_entry(CHILD_REF)->flags & GRANT_MARKS, 0);
        grant_entry_write(grant_entry(CHILD_REF), 33, mfn_of(page), GTF_permit_access);
        EXPECT_EQUAL(child_maps(&child, 0, CHILD_REF, GNTMAP_host_map, &handles[0]), GNTST_okay);
        EXPECT_EQUAL(child_maps(&child, 0, CHILD_REF, GNTMAP_device_map, &handles[1]), GNTST_okay);
        EXPECT_RESULT(foreign_map(0, 33, child.frames[0], 0), 0);
        EXPECT_RESULT(destroy(33), 0);
    }
    EXPECT_EQUAL(grant_entry(CHILD_REF)->flags, GTF_permit_access);
}

/* ---- both ----------------------------------------------------------------------------------- */

struct pair {
    struct child first, second;
};

/* Two children, each of which has a page of the other's mapped. */
static struct pair pair_that_maps_each_other(void)
{
    struct pair pair = {.first = child_start(), .second = child_start_another(1)};
    const struct child *children[] = {&pair.first, &pair.second};
    for (size_t i = 0; i < 2; i++) {
        const struct child *granter = children[i], *mapper = children[1 - i];
        grant_handle_t handle;
        volatile grant_entry_v1_t *entries = child_grant_table(granter, ENTRIES);
        grant_entry_write(&entries[CHILD_REF], mapper->id, granter->frames[PAGE_PLAIN],
                          GTF_permit_access);
        EXPECT_EQUAL(child_maps(mapper, granter->id, CHILD_REF, GNTMAP_host_map | GNTMAP_device_map,
                                &handle),
                     GNTST_okay);
        EXPECT_RESULT(foreign_map(ENTRIES, granter->id, granter->frames[0], 0), 0);
    }
    return pair;
}

TEST(q_domains_that_map_each_other_die_one_after_the_other)
{
    uint64_t free_before = 0;
    for (unsigned int round = 0; round < 3; round++) {
        grants_begin();
        destroy_all();
        free_before = round == 1 ? free_frames() : free_before; /* records of domains are made */
        struct pair pair = pair_that_maps_each_other();
        const struct child *dead = round % 2 == 0 ? &pair.first : &pair.second;
        const struct child *alive = round % 2 == 0 ? &pair.second : &pair.first;
        destroy_but_not_wholly(dead);
        EXPECT_EQUAL(frames_of(dead->id), 1);
        EXPECT_RESULT(child_call(alive, CHILD_STORE, child_address(GRANT_PLACE), SECRET, 0, 0), 0);
        EXPECT_RESULT(child_call(alive, CHILD_LOAD, child_address(GRANT_PLACE), 0, 0, 0), SECRET);
        EXPECT_RESULT(foreign_map(alive->slot, alive->id, alive->frames[0], 0), 0);
        EXPECT_RESULT(destroy(alive->id), 0);
        wait_until_gone(dead->id);
    }
    EXPECT_EQUAL(free_frames(), free_before);
}

TEST(xsa_73_domains_that_map_each_other_die_at_once)
{
    grants_begin();
    struct pair pair = pair_that_maps_each_other();
    EXPECT_RESULT(foreign_map(0, pair.first.id, pair.first.frames[0], 0), 0);
    EXPECT_RESULT(foreign_map(1, pair.second.id, pair.second.frames[0], 0), 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, pair.first.id), 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_destroydomain, pair.second.id), 0);
    wait_until_gone(pair.first.id);
    wait_until_gone(pair.second.id);
    EXPECT_EQUAL(domain_count(), 1);
}
