/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families H and I: grants. One use of a grant is recorded in several places, and attacks make two
 * of them disagree: a mapping unmapped twice or by halves, overwritten behind the handle's back,
 * named crookedly; an entry that changes while it is used. A domain grants to itself here, which
 * has all the records that two domains have. Only a frame without any reference can be exchanged,
 * so an exchange at the end counts them.
 */
#include "guests/hostile/references.h"
#include "guests/lib/grant.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/test.h"

#define REF        GRANT_FIRST
#define MAPPING_VA SCRATCH_VA
#define OTHER_VA   (SCRATCH_VA + PAGE_SIZE)
#define MARKS      (GTF_reading | GTF_writing)
#define BUS(page)  (mfn_of(page).value << PAGE_SHIFT)

static void begin(void)
{
    test_needs_first_domain();
    if (!grant_table_open()) {
        test_skip("there are no grant tables");
    }
}

static int16_t try_map(grant_ref_t ref, uint64_t address, uint32_t flags)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = address, .flags = flags, .ref = ref, .dom = GRANT_DOMAIN};
    return grant_map(&map);
}

static struct gnttab_copy copy_to_grant(void *source, grant_ref_t destination)
{
    struct gnttab_copy copy = {
        .source = {.domid = DOMID_SELF},
        .dest = {.domid = GRANT_DOMAIN},
        .len = 64,
        .flags = GNTCOPY_dest_gref,
    };
    copy.source.u.gmfn = mfn_of(source).value;
    copy.dest.u.ref = destination;
    return copy;
}

/* An entry's address that is not a multiple of 8 is parts of two entries, or leaves the table. */
TEST(xsa_227_addresses_of_entries_must_be_aligned)
{
    begin();
    void *page = page_alloc();
    uint64_t *table = table_new(1);
    grant_give(REF, mfn_of(page), GTF_permit_access);
    static const size_t indexes[] = {0, 100, 511};
    for (size_t i = 0; i < ARRAY_SIZE(indexes); i++) {
        for (uint64_t offset = 1; offset < 8; offset++) {
            uint64_t address = entry_address(table, indexes[i]) + offset;
            EXPECT_EQUAL(try_map(REF, address, GNTMAP_host_map | GNTMAP_contains_pte),
                         GNTST_general_error);
        }
    }
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        EXPECT_EQUAL(table[i], 0);
    }
    EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access);
    expect_no_reference_left(page);
}

/* What is taken is a function of the flags, and what is given back of the flags that were recorded:
 * whatever half is unmapped first, twice, or with the other's address. */
TEST(xsa_224_all_flags_take_and_give_back_the_same)
{
    begin();
    void *page = page_alloc();
    uint64_t bus = BUS(page);
    grant_give(REF, mfn_of(page), GTF_permit_access);
    for (uint32_t flags = 0; flags < 16; flags++) {
        for (unsigned int way = 0; way < 4; way++) {
            struct gnttab_map_grant_ref map = {
                .host_addr = MAPPING_VA, .flags = flags, .ref = REF, .dom = GRANT_DOMAIN};
            if ((flags & (GNTMAP_host_map | GNTMAP_device_map)) == 0) {
                EXPECT_EQUAL(grant_map(&map), GNTST_bad_gntref);
                continue;
            }
            EXPECT_EQUAL(grant_map(&map), GNTST_okay);
            EXPECT_EQUAL(grant_unmap(map.handle, 0, 0), GNTST_okay);
            grant_unmap(map.handle, (way & 1) != 0 ? MAPPING_VA : 0, (way & 2) != 0 ? bus : 0);
            grant_unmap(map.handle, (way & 1) != 0 ? MAPPING_VA : 0, (way & 2) != 0 ? bus : 0);
            grant_unmap(map.handle, MAPPING_VA, bus);
            EXPECT_EQUAL(grant_unmap(map.handle, MAPPING_VA, bus), GNTST_bad_handle);
            EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access);
            EXPECT_EQUAL(pte_of(MAPPING_VA), 0);
        }
    }
    expect_no_reference_left(page);
}

/* A counter that each partial unmap decrements reaches zero long before the mapping ends. */
TEST(xsa_394_partial_unmaps_over_and_over_end_one_half_only)
{
    begin();
    void *page = page_alloc();
    grant_give(REF, mfn_of(page), GTF_permit_access);
    grant_handle_t handle = grant_map_at(REF, MAPPING_VA, GNTMAP_device_map);
    for (unsigned int i = 0; i < 100; i++) {
        EXPECT_EQUAL(grant_unmap(handle, 0, BUS(page)), GNTST_okay);
        EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access | MARKS);
    }
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
    EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access);
    expect_no_reference_left(page);
}

/* The handle of a mapping that another one replaced does not end that one, nor what an update made
 * of it: the entry must be just what the handle stands for, present and with the same right. */
TEST(xsa_234_a_mapping_replaced_behind_its_handle)
{
    begin();
    void *page = page_alloc();
    grant_give(REF, mfn_of(page), GTF_permit_access);
    grant_handle_t first = grant_map_at(REF, MAPPING_VA, 0);
    grant_handle_t second = grant_map_at(REF, MAPPING_VA, GNTMAP_readonly);
    EXPECT_EQUAL(grant_unmap(first, MAPPING_VA, 0), GNTST_general_error);
    EXPECT_EQUAL(grant_unmap(second, MAPPING_VA, 0), GNTST_okay);
    EXPECT_EQUAL(grant_unmap(first, MAPPING_VA, 0), GNTST_general_error);
    uint64_t pte = pte_make(mfn_of(page), PTE_READ_WRITE);
    const uint64_t wrong[] = {pte & ~PTE_PRESENT, pte & ~PTE_WRITABLE, 0};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        EXPECT_RESULT(va_set(MAPPING_VA, wrong[i]), 0);
        EXPECT_EQUAL(grant_unmap(first, MAPPING_VA, 0), GNTST_general_error);
    }
    EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access | MARKS);
    EXPECT_RESULT(va_set(MAPPING_VA, pte), 0);
    EXPECT_EQUAL(grant_unmap(first, MAPPING_VA, 0), GNTST_okay);
    EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access);
    expect_no_reference_left(page);
}

/* When the marks are clear the granter may use the page for anything: also for a page table. */
TEST(xsa_218_no_store_reaches_a_page_after_its_marks_are_clear)
{
    begin();
    uint64_t *page = page_alloc();
    grant_give(REF, mfn_of(page), GTF_permit_access);
    grant_handle_t handle = grant_map_at(REF, MAPPING_VA, 0);
    *(volatile uint64_t *)MAPPING_VA = 0;
    EXPECT_RESULT(page_read_only(page), 0);
    EXPECT_RESULT(pin(1, page), -XEN_EINVAL);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
    EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access);
    EXPECT_RESULT(pin(1, page), 0);
    EXPECT_PAGE_FAULT(trap_try_write(MAPPING_VA, PTE_READ_WRITE), 2, MAPPING_VA);
    EXPECT_EQUAL(page[0], 0);
}

/* However a mapping goes, its page can be a page table then, and no store reaches it. */
static void expect_safe_as_table(uint64_t *page, uint64_t address)
{
    EXPECT_RESULT(page_read_only(page), 0);
    EXPECT_RESULT(pin(1, page), 0);
    EXPECT_PAGE_FAULT(trap_try_write(address, PTE_READ_WRITE), 2, address);
    EXPECT_EQUAL(page[0], 0);
    EXPECT_RESULT(unpin(page), 0);
    EXPECT_RESULT(page_writable(page), 0);
}

/* Make the entry what the handle says, so that the handle ends with the test. */
static void end_overwritten(grant_handle_t handle, void *page, uint64_t address)
{
    EXPECT_EQUAL(grant_unmap(handle, address, 0), GNTST_general_error);
    EXPECT_RESULT(va_set(MAPPING_VA, pte_make(mfn_of(page), PTE_READ_WRITE)), 0);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
}

TEST(h14_a_mapping_ended_by_an_update_without_a_flush)
{
    begin();
    uint64_t *page = page_alloc();
    grant_give(REF, mfn_of(page), GTF_permit_access);
    grant_handle_t handle = grant_map_at(REF, MAPPING_VA, 0);
    *(volatile uint64_t *)MAPPING_VA = 0;
    EXPECT_RESULT(hypercall_update_va_mapping(MAPPING_VA, 0, UVMF_NONE), 0);
    expect_safe_as_table(page, MAPPING_VA);
    end_overwritten(handle, page, MAPPING_VA);
    expect_no_reference_left(page);
}

TEST(h14_a_mapping_ended_with_its_table)
{
    begin();
    uint64_t *page = page_alloc(), *table = page_alloc();
    grant_give(REF, mfn_of(page), GTF_permit_access);
    EXPECT_RESULT(table_link(pool_l2, FREE_L2_INDEX, table), 0);
    grant_handle_t handle = grant_map_at(REF, FREE_VA, 0);
    *(volatile uint64_t *)FREE_VA = 0;
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, 0), 0);
    expect_safe_as_table(page, FREE_VA);
    end_overwritten(handle, page, FREE_VA);
    expect_no_reference_left(page);
}

/* Only real domains have grant tables. */
TEST(xsa_232_domains_that_are_none_grant_nothing)
{
    begin();
    void *page = page_alloc();
    grant_give(REF, mfn_of(page), GTF_permit_access);
    for (uint32_t id = DOMID_FIRST_RESERVED; id < DOMID_FIRST_RESERVED + 16; id++) {
        struct gnttab_map_grant_ref map = {
            .host_addr = MAPPING_VA, .flags = GNTMAP_host_map, .ref = REF, .dom = (domid_t)id};
        EXPECT_EQUAL(grant_map(&map), GNTST_bad_domain);
        if (id != DOMID_SELF) {
            struct gnttab_copy copy = copy_to_grant(page, REF);
            copy.dest.domid = (domid_t)id;
            EXPECT_EQUAL(grant_copy(&copy), GNTST_bad_domain);
            struct gnttab_query_size size = {.dom = (domid_t)id};
            EXPECT_RESULT(grant_call(GNTTABOP_query_size, &size, 1), 0);
            EXPECT_EQUAL(size.status, GNTST_bad_domain);
        }
    }
    EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access);
}

/* The marks stand for every use, not for the copy alone. */
TEST(xsa_230_a_copy_does_not_clear_the_marks_of_a_mapping)
{
    begin();
    void *page = page_alloc(), *source = page_alloc();
    grant_give(REF, mfn_of(page), GTF_permit_access);
    struct gnttab_map_grant_ref map = {.flags = GNTMAP_device_map, .ref = REF, .dom = GRANT_DOMAIN};
    EXPECT_EQUAL(grant_map(&map), GNTST_okay);
    struct gnttab_copy copy = copy_to_grant(source, REF);
    EXPECT_EQUAL(grant_copy(&copy), GNTST_okay);
    EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access | MARKS);
    EXPECT_EQUAL(grant_unmap(map.handle, 0, BUS(page)), GNTST_okay);
}

/* While an entry is used, its frame is the one recorded. Changed to a page table's, a copy must not
 * write to that. */
TEST(xsa_500_a_copy_through_an_entry_that_was_changed_while_in_use)
{
    begin();
    uint64_t *page = page_alloc(), *source = page_alloc(), *table = table_new(1);
    source[0] = pte_make(mfn_of(boot_l4()), PTE_READ_WRITE);
    grant_give(REF, mfn_of(page), GTF_permit_access);
    grant_handle_t handle = grant_map_at(REF, MAPPING_VA, 0);
    grant_entry(REF)->frame = (uint32_t)mfn_of(table).value;
    struct gnttab_copy copy = copy_to_grant(source, REF);
    int16_t status = grant_copy(&copy);
    EXPECT(status == GNTST_okay || status == GNTST_general_error);
    EXPECT_EQUAL(table[0], 0);
    EXPECT_EQUAL(page[0], status == GNTST_okay ? source[0] : 0);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
}

/* A page table is granted for reading only, whatever comes first, and a copy does not write to it.
 */
TEST(h15_a_granted_page_table_is_not_written)
{
    begin();
    uint64_t *table = table_new(1), *source = page_alloc();
    source[0] = pte_make(mfn_of(boot_l4()), PTE_READ_WRITE);
    uint64_t *tables[] = {table, pool_l2, pool_l3, boot_l4()};
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        uint64_t first = tables[i][0];
        grant_give(REF, mfn_of(tables[i]), GTF_permit_access);
        EXPECT_EQUAL(try_map(REF, MAPPING_VA, GNTMAP_host_map), GNTST_general_error);
        EXPECT_EQUAL(try_map(REF, MAPPING_VA, GNTMAP_device_map), GNTST_general_error);
        struct gnttab_copy copy = copy_to_grant(source, REF);
        EXPECT_EQUAL(grant_copy(&copy), GNTST_general_error);
        copy = copy_to_grant(source, 0);
        copy.dest = (struct gnttab_copy_ptr){.domid = DOMID_SELF};
        copy.dest.u.gmfn = mfn_of(tables[i]).value;
        copy.flags = 0;
        EXPECT_EQUAL(grant_copy(&copy), GNTST_general_error);
        EXPECT_EQUAL(tables[i][0], first);
        EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access);
        EXPECT_EQUAL(pte_of(MAPPING_VA), 0);
    }
}

/* The eight bits of each kind of use must not overflow. */
TEST(h13_pins_do_not_overflow)
{
    begin();
    void *page = page_alloc();
    static grant_handle_t handles[300];
    static const uint32_t kinds[] = {GNTMAP_device_map, GNTMAP_device_map | GNTMAP_readonly};
    grant_give(REF, mfn_of(page), GTF_permit_access);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t count = 0;
        for (size_t j = 0; j < ARRAY_SIZE(handles); j++) {
            struct gnttab_map_grant_ref map = {.flags = kinds[i], .ref = REF, .dom = GRANT_DOMAIN};
            int16_t status = grant_map(&map);
            if (status == GNTST_okay) {
                handles[count++] = map.handle;
            } else {
                EXPECT_EQUAL(status, GNTST_general_error);
            }
        }
        EXPECT(count > 0 && count < 256);
        while (count > 0) {
            EXPECT(grant_entry(REF)->flags != GTF_permit_access);
            EXPECT_EQUAL(grant_unmap(handles[--count], 0, BUS(page)), GNTST_okay);
        }
        EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access);
    }
    expect_no_reference_left(page);
}

/* Every refusal, over and over, leaves nothing: no mark, no entry, no reference, no handle. */
TEST(xsa_316_refused_mappings_leave_no_trace)
{
    begin();
    void *page = page_alloc();
    uint64_t *table = table_new(1);
    uint32_t both = GNTMAP_host_map | GNTMAP_device_map;
    grant_give(REF, mfn_of(page), GTF_permit_access | GTF_readonly);
    grant_give(REF + 1, mfn_of(page), GTF_permit_access);
    grant_give(REF + 2, mfn_of(table), GTF_permit_access);
    for (unsigned int round = 0; round < 600; round++) {
        EXPECT(try_map(REF, MAPPING_VA, both) < 0);
        EXPECT(try_map(REF + 1, FREE_VA, both) < 0);
        EXPECT(try_map(REF + 1, UINT64_C(0xffff800000000000), both) < 0);
        EXPECT(try_map(REF + 1, entry_address(table, 0) + 1, both | GNTMAP_contains_pte) < 0);
        EXPECT(try_map(REF + 1, entry_address(page, 0), both | GNTMAP_contains_pte) < 0);
        EXPECT(try_map(REF + 2, MAPPING_VA, both) < 0);
        EXPECT(try_map(REF + 3, MAPPING_VA, both) < 0);
    }
    EXPECT_EQUAL(grant_entry(REF)->flags, GTF_permit_access | GTF_readonly);
    EXPECT_EQUAL(grant_entry(REF + 1)->flags, GTF_permit_access);
    EXPECT_EQUAL(grant_entry(REF + 2)->flags, GTF_permit_access);
    EXPECT_EQUAL(pte_of(MAPPING_VA), 0);
    expect_no_reference_left(page);
}

/* Version 1 has neither transitive nor sub-page grants. (Xen's copy overlooks the sub-page flag.)
 */
TEST(xsa_226_transitive_and_sub_page_grants_are_none)
{
    begin();
    void *page = page_alloc(), *source = page_alloc();
    static const uint16_t flags[] = {GTF_transitive, GTF_transitive | GTF_sub_page,
                                     GTF_permit_access | GTF_sub_page, GTF_invalid | GTF_sub_page};
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        grant_give(REF, mfn_of(page), flags[i]);
        EXPECT_EQUAL(try_map(REF, MAPPING_VA, GNTMAP_host_map), GNTST_general_error);
        struct gnttab_copy copy = copy_to_grant(source, REF);
        if (flags[i] != (GTF_permit_access | GTF_sub_page)) {
            EXPECT_EQUAL(grant_copy(&copy), GNTST_general_error);
        }
        EXPECT_EQUAL(grant_entry(REF)->flags, flags[i]);
    }
}

static int64_t frames_owned(void)
{
    domid_t self = DOMID_SELF;
    return hypercall_memory_op(XENMEM_current_reservation, &self);
}

/* A frame that is mapped, typed or the hypervisor's is not given away, and one that is stays one.
 */
TEST(xsa_284_transfers_neither_make_nor_lose_frames)
{
    begin();
    void *page = page_alloc();
    uint64_t *table = table_new(1);
    int64_t owned = frames_owned();
    grant_give(REF, mfn_make(pfn_of(page).value), GTF_accept_transfer);
    EXPECT_EQUAL(grant_transfer(mfn_of(page), GRANT_DOMAIN, REF), GNTST_bad_page);
    EXPECT_EQUAL(grant_transfer(mfn_of(table), GRANT_DOMAIN, REF), GNTST_bad_page);
    EXPECT_EQUAL(grant_transfer(mfn_of(boot_l4()), GRANT_DOMAIN, REF), GNTST_bad_page);
    EXPECT_EQUAL(grant_transfer(pte_mfn(pte_of(GRANT_TABLE_VA)), GRANT_DOMAIN, REF),
                 GNTST_bad_page);
    EXPECT_EQUAL(frames_owned(), owned);
    for (unsigned int round = 0; round < 100; round++) {
        grant_give(REF, mfn_make(pfn_of(page).value), GTF_accept_transfer);
        EXPECT_RESULT(va_set(pointer_value(page), 0), 0);
        EXPECT_EQUAL(grant_transfer(mfn_of(page), GRANT_DOMAIN, REF), GNTST_okay);
        EXPECT_EQUAL(grant_entry(REF)->flags & GTF_transfer_completed, GTF_transfer_completed);
        p2m_set(pfn_of(page), mfn_make(grant_entry(REF)->frame));
        EXPECT_RESULT(page_writable(page), 0);
        EXPECT_EQUAL(frames_owned(), owned);
    }
    expect_no_reference_left(page);
}

/* The frames of the table are the hypervisor's: they become nothing else. */
TEST(f11_the_grant_table_is_no_ordinary_memory)
{
    begin();
    mfn_t frame = pte_mfn(pte_of(GRANT_TABLE_VA));
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT_RESULT(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, frame), -XEN_EINVAL);
    }
    uint64_t gdt = frame.value;
    EXPECT_RESULT(hypercall_set_gdt(&gdt, 512), -XEN_EINVAL);
    EXPECT_RESULT(entry_set(pool_l2, FREE_L2_INDEX, pte_make(frame, PTE_TABLE)), -XEN_EINVAL);
    xen_pfn_t in = frame.value, out = 5;
    struct xen_memory_exchange exchange = {
        .in = {.nr_extents = 1, .domid = DOMID_SELF},
        .out = {.nr_extents = 1, .domid = DOMID_SELF},
    };
    set_xen_guest_handle(exchange.in.extent_start, &in);
    set_xen_guest_handle(exchange.out.extent_start, &out);
    EXPECT(hypercall_memory_op(XENMEM_exchange, &exchange) < 0);
    void *page = page_alloc();
    grant_give(REF, mfn_of(page), GTF_permit_access);
    grant_handle_t handle = grant_map_at(REF, MAPPING_VA, 0);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
}

/* The switch to version 2 and back, with the table mapped and an entry in use, ends in a table that
 * works, whether there is a version 2 or not. */
TEST(xsa_255_switches_between_versions_leave_a_table_that_works)
{
    begin();
    void *page = page_alloc();
    grant_give(REF, mfn_of(page), GTF_permit_access);
    grant_handle_t handle = grant_map_at(REF, MAPPING_VA, 0);
    for (unsigned int round = 0; round < 20; round++) {
        struct gnttab_set_version second = {.version = 2}, first = {.version = 1};
        EXPECT(grant_call(GNTTABOP_set_version, &second, 1) < 0); /* busy, or none at all */
        EXPECT_EQUAL(second.version, 1);
        EXPECT_RESULT(grant_call(GNTTABOP_set_version, &first, 1), 0);
    }
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
    for (unsigned int round = 0; round < 20; round++) {
        struct gnttab_set_version second = {.version = 2}, first = {.version = 1};
        (void)grant_call(GNTTABOP_set_version, &second, 1);
        EXPECT_RESULT(grant_call(GNTTABOP_set_version, &first, 1), 0);
    }
    grant_give(REF, mfn_of(page), GTF_permit_access);
    handle = grant_map_at(REF, MAPPING_VA, 0);
    EXPECT_EQUAL(grant_unmap(handle, MAPPING_VA, 0), GNTST_okay);
    expect_no_reference_left(page);
}

/* Arrays where the status cannot be written, beside the hole, and of sizes that wrap. */
TEST(g1_arrays_that_are_not_ours_to_write)
{
    begin();
    uint64_t *table = table_new(1);
    EXPECT_RESULT(grant_call(GNTTABOP_copy, table, 1), -XEN_EFAULT);
    EXPECT_RESULT(grant_call(GNTTABOP_copy, boot_l4(), 1), -XEN_EFAULT);
    for (unsigned int command = 0; command < 16; command++) {
        void *edge = (void *)(UINT64_C(0xffff800000000000) - 1);
        EXPECT(grant_call(command, edge, 1) < 0);
        EXPECT(grant_call(command, (void *)UINT64_C(0x00007fffffffffff), 1) < 0);
        EXPECT(grant_call(command, (void *)(UINT64_MAX - 3), 0x7fffffff) < 0);
    }
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        EXPECT_EQUAL(table[i], 0);
    }
}
