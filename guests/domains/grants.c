/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families C, H and I between two domains: what a child grants to us, and ways in which the mapping
 * ends without the granter's knowledge, or its page becomes a page table under it.
 */
#include "guests/domains/child_grants.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#define SECRET   UINT64_C(0x7e117e117e117e11)
#define HARMLESS UINT64_C(0x10) /* a word that is no present entry: a page of it can be a table */

static struct child child;
static mfn_t page; /* the child's, which it grants to us */
static volatile grant_entry_v1_t *entries;

static void begin(void)
{
    grants_begin();
    child = child_start();
    page = child.frames[PAGE_PLAIN];
    entries = child_grant_table(&child, 9);
    grant_entry_write(&entries[CHILD_REF], 0, page, GTF_permit_access);
}

static volatile uint64_t *window(void)
{
    return slot_address(GRANT_SLOT);
}

static int16_t unmap(grant_handle_t handle)
{
    return grant_unmap(handle, pointer_value(slot_address(GRANT_SLOT)), 0);
}

TEST(h_grant_is_for_the_domain_that_it_names)
{
    begin();
    struct child other = child_start_another(1);
    grant_handle_t handle, theirs;
    EXPECT_EQUAL(child_maps(&other, child.id, CHILD_REF, GNTMAP_host_map, &theirs),
                 GNTST_general_error);
    EXPECT_EQUAL(child_maps(&other, child.id, CHILD_REF, GNTMAP_device_map, &theirs),
                 GNTST_general_error);
    EXPECT_EQUAL(entries[CHILD_REF].flags, GTF_permit_access);
    handle = mapped_from(&child, CHILD_REF, 0);
    *window() = SECRET;
    EXPECT_RESULT(child_call(&child, CHILD_LOAD, child_address(PAGE_PLAIN), 0, 0, 0), SECRET);
    entries[CHILD_REF].domid = other.id; /* while it is in use, to whom it grants is recorded */
    EXPECT_EQUAL(child_maps(&other, child.id, CHILD_REF, GNTMAP_host_map, &theirs),
                 GNTST_general_error);
    EXPECT_EQUAL(unmap(handle), GNTST_okay);
    EXPECT_EQUAL(map_from(&child, CHILD_REF, 0, &handle), GNTST_general_error);
    EXPECT_EQUAL(child_maps(&other, child.id, CHILD_REF, GNTMAP_host_map, &theirs), GNTST_okay);
    EXPECT_RESULT(child_call(&other, CHILD_LOAD, child_address(GRANT_PLACE), 0, 0, 0), SECRET);
    EXPECT_EQUAL(grant_unmap(theirs, child_address(GRANT_PLACE), 0), GNTST_bad_handle);
    EXPECT_EQUAL(child_unmaps(&other, theirs, child_address(GRANT_PLACE)), GNTST_okay);
}

/* Withdrawn while it is used: the use goes on, and it is the last one. */
TEST(h_access_ended_by_the_granter_while_it_is_mapped)
{
    begin();
    grant_handle_t handle = mapped_from(&child, CHILD_REF, 0), again;
    EXPECT_EQUAL(entries[CHILD_REF].flags, GTF_permit_access | GRANT_MARKS);
    grant_entry_write(&entries[CHILD_REF], 0, child.frames[PAGE_L1], 0);
    EXPECT_NO_TRAP(trap_try_write(pointer_value(window()), SECRET));
    EXPECT_RESULT(child_call(&child, CHILD_LOAD, child_address(PAGE_PLAIN), 0, 0, 0), SECRET);
    EXPECT_RESULT(child_sets_page(&child, PAGE_PLAIN, pte_make(page, PTE_READ_ONLY)), 0);
    EXPECT_RESULT(child_mmuext(&child, MMUEXT_PIN_L1_TABLE, page), -XEN_EINVAL);
    EXPECT_EQUAL(unmap(handle), GNTST_okay);
    EXPECT_EQUAL(entries[CHILD_REF].flags, 0);
    EXPECT_EQUAL(map_from(&child, CHILD_REF, 0, &again), GNTST_general_error);
    EXPECT_EQUAL(map_from(&child, CHILD_REF, GNTMAP_readonly, &again), GNTST_general_error);
    EXPECT_EQUAL(entries[CHILD_REF].flags, 0);
}

/* The entry of a page in use is made to name the child's own table: what is mapped and copied to is
 * still what it named first. */
TEST(xsa_500_entry_in_use_that_comes_to_name_a_page_table)
{
    begin();
    uint64_t *source = page_alloc();
    memset(source, 0xff, PAGE_SIZE);
    grant_handle_t handle = mapped_from(&child, CHILD_REF, GNTMAP_readonly), second;
    entries[CHILD_REF].frame = (uint32_t)child.frames[PAGE_L1].value;
    struct gnttab_copy copy = {
        .source = {.domid = DOMID_SELF, .u.gmfn = mfn_of(source).value},
        .dest = {.domid = child.id, .u.ref = CHILD_REF},
        .len = 64,
        .flags = GNTCOPY_dest_gref,
    };
    int16_t status = grant_copy(&copy);
    EXPECT(status == GNTST_okay || status == GNTST_general_error);
    EXPECT_EQUAL(window()[0], status == GNTST_okay ? UINT64_MAX : 0);
    struct gnttab_map_grant_ref map = {
        .host_addr = pointer_value(slot_address(GRANT_SLOT + 1)),
        .flags = GNTMAP_host_map,
        .ref = CHILD_REF,
        .dom = child.id,
    };
    EXPECT_EQUAL(grant_map(&map), GNTST_okay);
    second = map.handle;
    EXPECT_EQUAL(pte_mfn(pte_of(map.host_addr)).value, page.value);
    EXPECT_EQUAL(grant_unmap(second, map.host_addr, 0), GNTST_okay);
    EXPECT_EQUAL(unmap(handle), GNTST_okay);
    EXPECT_EQUAL(map_from(&child, CHILD_REF, 0, &handle), GNTST_general_error); /* a table */
    EXPECT_EQUAL(entries[CHILD_REF].flags, GTF_permit_access);
}

/* ---- the mapping goes, and the page becomes a page table ------------------------------------- */

/* Its owner has it read-only, and has it pinned for it by us: nothing in between flushes. */
static void expect_table_out_of_reach(uint64_t va)
{
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_PIN_L1_TABLE, page), 0);
    EXPECT_PAGE_FAULT(trap_try_write(va, PTE_READ_WRITE), PAGE_FAULT_WRITE, va);
    EXPECT_RESULT(foreign_map(11, child.id, page, PTE_READ_ONLY), 0);
    EXPECT_EQUAL(*(volatile uint64_t *)slot_address(11), HARMLESS);
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_UNPIN_TABLE, page), 0);
}

static void withdraw_from_child(void)
{
    EXPECT_RESULT(child_sets_page(&child, PAGE_PLAIN, pte_make(page, PTE_READ_ONLY)), 0);
}

TEST(xsa_217_foreign_mapping_dropped_without_a_flush_writes_no_table)
{
    test_needs_audit();
    begin();
    withdraw_from_child();
    EXPECT_RESULT(foreign_map(GRANT_SLOT, child.id, page, PTE_READ_WRITE), 0);
    *window() = HARMLESS;
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_PIN_L1_TABLE, page), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_update_va_mapping(pointer_value(window()), 0, UVMF_NONE), 0);
    expect_table_out_of_reach(pointer_value(window()));
}

/* The handle of a mapping that something else ended still stands for it: end it too. */
static void end_overwritten(grant_handle_t handle, uint64_t va)
{
    EXPECT_EQUAL(grant_unmap(handle, va, 0), GNTST_general_error);
    EXPECT_EQUAL(entries[CHILD_REF].flags, GTF_permit_access | GRANT_MARKS);
    EXPECT_RESULT(foreign_map(GRANT_SLOT, child.id, page, PTE_READ_WRITE), 0);
    EXPECT_EQUAL(unmap(handle), GNTST_okay);
    EXPECT_EQUAL(entries[CHILD_REF].flags, GTF_permit_access);
}

TEST(xsa_217_grant_mapping_dropped_without_a_flush_writes_no_table)
{
    test_needs_audit();
    begin();
    withdraw_from_child();
    grant_handle_t handle = mapped_from(&child, CHILD_REF, 0);
    *window() = HARMLESS;
    EXPECT_RESULT(mmuext_for(child.id, MMUEXT_PIN_L1_TABLE, page), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_update_va_mapping(pointer_value(window()), 0, UVMF_NONE), 0);
    expect_table_out_of_reach(pointer_value(window()));
    end_overwritten(handle, pointer_value(window()));
}

/* A grant mapped at FREE_VA, by an L1 table of its own that is ours to write to, trapped. */
static uint64_t *table;

static grant_handle_t map_in_own_table(void)
{
    EXPECT_RESULT(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    table = page_alloc();
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, table), 0);
    struct gnttab_map_grant_ref map = {
        .host_addr = FREE_VA, .flags = GNTMAP_host_map, .ref = CHILD_REF, .dom = child.id};
    EXPECT_EQUAL(grant_map(&map), GNTST_okay);
    *(volatile uint64_t *)FREE_VA = HARMLESS;
    return map.handle;
}

static void overwrite_by_nothing(void)
{
    EXPECT_NO_TRAP(trap_try_write(pointer_value(table), 0));
}

static void overwrite_by_half(void) /* the half with the present bit */
{
    *(volatile uint32_t *)table = 0;
}

static void overwrite_by_a_page_of_ours(void)
{
    uint64_t *ours = page_alloc();
    EXPECT_NO_TRAP(trap_try_write(pointer_value(table), pte_make(mfn_of(ours), PTE_READ_ONLY)));
    hypercall_update_va_mapping(FREE_VA, 0, UVMF_NONE);
}

static void overwrite_by_an_update(void)
{
    EXPECT_RESULT(entry_set(table, 0, 0), 0);
}

static void overwrite_by_unlinking(void)
{
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, 0), 0);
}

TEST(h14_mapping_overwritten_in_each_way_writes_no_table)
{
    static void (*const ways[])(void) = {
        overwrite_by_nothing,   overwrite_by_half,      overwrite_by_a_page_of_ours,
        overwrite_by_an_update, overwrite_by_unlinking,
    };
    test_needs_audit();
    begin();
    withdraw_from_child();
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        grant_handle_t handle = map_in_own_table();
        EXPECT_RESULT(mmuext_for(child.id, MMUEXT_PIN_L1_TABLE, page), -XEN_EINVAL);
        ways[i]();
        expect_table_out_of_reach(FREE_VA);
        end_overwritten(handle, FREE_VA);
        EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, 0), 0);
    }
}

/* A trapped store that would keep the frame and change what may be done to it: the frame is
 * another's, and it is the grant alone that let it in. */
TEST(h2_trapped_store_does_not_change_the_right_of_a_mapping)
{
    begin();
    grant_handle_t handle = map_in_own_table();
    uint64_t before = table[0];
    const uint64_t others[] = {
        pte_make(page, PTE_READ_ONLY),
        pte_make(child.frames[PAGE_PLAIN + 1], PTE_READ_WRITE),
        pte_make(child.frames[PAGE_L1], PTE_READ_ONLY),
    };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        EXPECT_TRAP(trap_try_write(pointer_value(table), others[i]), TRAP_PAGE_FAULT,
                    PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
        EXPECT_TRAP(trap_try_write(pointer_value(table + 1), pte_make(page, PTE_READ_WRITE)),
                    TRAP_PAGE_FAULT, PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
        EXPECT_EQUAL(((volatile uint64_t *)table)[0], before);
        EXPECT_EQUAL(((volatile uint64_t *)table)[1], 0);
    }
    EXPECT_EQUAL(grant_unmap(handle, FREE_VA, 0), GNTST_okay);
    EXPECT_EQUAL(entries[CHILD_REF].flags, GTF_permit_access);
}

/* Given back by its owner while it is granted and mapped: it is the owner's until the unmap. */
TEST(f_frame_given_back_while_it_is_mapped_by_a_grant_stays_until_the_unmap)
{
    begin();
    grant_handle_t handle = mapped_from(&child, CHILD_REF, 0);
    EXPECT_RESULT(child_sets_page(&child, PAGE_PLAIN, 0), 0);
    uint64_t frames = frames_of(child.id), free_before = free_frames();
    xen_pfn_t extent = page.value;
    struct xen_memory_reservation back = {.nr_extents = 1, .domid = child.id};
    set_xen_guest_handle(back.extent_start, &extent);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_decrease_reservation, &back), 1);
    EXPECT_EQUAL(frames_of(child.id), frames);
    *window() = SECRET;
    EXPECT_EQUAL(free_frames(), free_before);
    EXPECT_EQUAL(unmap(handle), GNTST_okay);
    EXPECT_EQUAL(frames_of(child.id), frames - 1);
    EXPECT_EQUAL(free_frames(), free_before + 1);
    EXPECT_PAGE_FAULT(trap_try_write(pointer_value(window()), 0), PAGE_FAULT_WRITE,
                      pointer_value(window()));
    EXPECT(map_from(&child, CHILD_REF, 0, &handle) < 0);
    EXPECT_EQUAL(entries[CHILD_REF].flags, GTF_permit_access);
}
