/* SPDX-License-Identifier: BSD-2-Clause */
/* The decision about entries (core/pte_decide.h): every bit of every level, every class of frame,
 * the rule for I/O memory, and what is stored for what the guest wrote. */
#include "tests/fake/fake_machine.h"

#define FRAMES  UINT64_C(64)
#define IO_HIGH UINT64_C(1000) /* above the RAM */

static struct domain *domain;
static struct domain *io_domain;
static mfn_t page;
static mfn_t io_page;
static struct pte_owners own;
static struct pte_owners with_io;

static int setup(void **state)
{
    (void)state;
    fake_start(FRAMES);
    domain = fake_domain(1, 1);
    io_domain = fake_domain(2, 1);
    io_domain->has_io = true;
    page = fake_give(domain);
    io_page = fake_give(io_domain);
    own = (struct pte_owners){domain, domain, domain};
    with_io = (struct pte_owners){io_domain, io_domain, io_domain};
    return 0;
}

static struct pte_decision decide(const struct pte_owners *owners, unsigned int level,
                                  uint64_t old_raw, uint64_t new_raw)
{
    return pte_decide(owners, level, NULL, (pte_t){old_raw}, (pte_t){new_raw});
}

static uint64_t entry(mfn_t mfn, uint64_t flags)
{
    return pte_make(mfn, PTE_PRESENT | flags).raw;
}

/* ---- bits ---------------------------------------------------------------------------------- */

static void each_bit_of_each_level_is_allowed_as_the_interface_says(void **state)
{
    (void)state;
    /* P RW U PWT PCD A D PAT/PS G and the available bits 9 to 11, from bit 0 on. */
    static const char *const allowed[5] = {
        [1] = "111001101111", [2] = "111001100111", [3] = "111001100111", [4] = "111001100111"};
    for (unsigned int level = 1; level <= 4; level++) {
        for (unsigned int bit = 0; bit < 64; bit++) {
            if (bit >= PAGE_SHIFT && bit < 52) {
                continue;
            }
            bool ok = bit >= 52 || allowed[level][bit] == '1';
            struct pte_decision decision = decide(&own, level, 0, entry(page, UINT64_C(1) << bit));
            assert_int_equal(decision.status, ok ? STATUS_OK : STATUS_RESERVED_BITS);
        }
    }
}

static void entries_that_are_not_present_may_hold_anything(void **state)
{
    (void)state;
    for (unsigned int level = 1; level <= 4; level++) {
        uint64_t raw = UINT64_C(0xfffffffffffffffe);
        struct pte_decision decision = decide(&own, level, 0, raw);
        assert_int_equal(decision.status, STATUS_OK);
        assert_int_equal(decision.store.raw, raw);
        assert_int_equal(decision.take, PTE_HOLD_NOTHING);
        assert_int_equal(decision.drop, PTE_HOLD_NOTHING);
    }
}

static void leaves_are_stored_for_ring_3_and_marked(void **state)
{
    (void)state;
    static const struct {
        uint64_t wrote;
        uint64_t stored;
    } cases[] = {
        {0, PTE_USER | PTE_GUEST_KERNEL},
        {PTE_GUEST_KERNEL, PTE_USER | PTE_GUEST_KERNEL},
        {PTE_USER, PTE_USER | PTE_GLOBAL},
        {PTE_USER | PTE_GUEST_KERNEL, PTE_USER | PTE_GUEST_KERNEL},
        {PTE_GLOBAL, PTE_USER | PTE_GUEST_KERNEL | PTE_GLOBAL},
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        struct pte_decision decision = decide(&own, 1, 0, entry(page, cases[i].wrote));
        assert_int_equal(decision.store.raw, entry(page, cases[i].stored));
        decision = decide(&own, 1, 0, decision.store.raw);
        assert_int_equal(decision.store.raw, entry(page, cases[i].stored));
    }
}

static void upper_entries_are_stored_for_ring_3(void **state)
{
    (void)state;
    assert_int_equal(decide(&own, 2, 0, entry(page, 0)).store.raw, entry(page, PTE_USER));
    assert_int_equal(decide(&own, 3, 0, entry(page, 0)).store.raw, entry(page, PTE_USER));
    assert_int_equal(decide(&own, 4, 0, entry(page, 0)).store.raw,
                     entry(page, PTE_USER | PTE_ACCESSED));
}

/* ---- what is taken and dropped ------------------------------------------------------------- */

static void each_kind_of_entry_holds_its_kind_of_use(void **state)
{
    (void)state;
    assert_int_equal(decide(&own, 1, 0, entry(page, 0)).take, PTE_HOLD_REFERENCE);
    assert_int_equal(decide(&own, 1, 0, entry(page, PTE_WRITABLE)).take, PTE_HOLD_WRITABLE);
    for (unsigned int level = 2; level <= 4; level++) {
        assert_int_equal(decide(&own, level, 0, entry(page, 0)).take, PTE_HOLD_TABLE);
        assert_int_equal(decide(&own, level, entry(page, PTE_USER), 0).drop, PTE_HOLD_TABLE);
    }
    assert_int_equal(decide(&own, 1, entry(page, PTE_USER), 0).drop, PTE_HOLD_REFERENCE);
    assert_int_equal(decide(&own, 1, entry(page, PTE_WRITABLE), 0).drop, PTE_HOLD_WRITABLE);
}

static void a_change_of_other_bits_moves_nothing(void **state)
{
    (void)state;
    static const uint64_t harmless[] = {PTE_ACCESSED,   PTE_DIRTY,        PTE_GLOBAL,
                                        PTE_NO_EXECUTE, UINT64_C(7) << 9, UINT64_C(0x3ff) << 53};
    for (unsigned int i = 0; i < ARRAY_SIZE(harmless); i++) {
        uint64_t old = entry(page, PTE_USER | PTE_GUEST_KERNEL);
        struct pte_decision decision = decide(&own, 1, old, old | harmless[i]);
        assert_int_equal(decision.status, STATUS_OK);
        assert_int_equal(decision.take, PTE_HOLD_NOTHING);
        assert_int_equal(decision.drop, PTE_HOLD_NOTHING);
        assert_int_equal(decision.store.raw, old | harmless[i]);
    }
}

static void a_change_of_frame_or_rights_is_judged_anew(void **state)
{
    (void)state;
    uint64_t old = entry(page, PTE_USER | PTE_GUEST_KERNEL);
    struct pte_decision decision = decide(&own, 1, old, old | PTE_WRITABLE);
    assert_int_equal(decision.take, PTE_HOLD_WRITABLE);
    assert_int_equal(decision.drop, PTE_HOLD_REFERENCE);
    decision = decide(&own, 1, old | PTE_WRITABLE, old);
    assert_int_equal(decision.take, PTE_HOLD_REFERENCE);
    assert_int_equal(decision.drop, PTE_HOLD_WRITABLE);
    decision = decide(&own, 1, old, entry(io_page, 0));
    assert_int_equal(decision.status, STATUS_LEAF_NOT_OWNED);
    decision = decide(&own, 2, old, old | PTE_WRITABLE);
    assert_int_equal(decision.take, PTE_HOLD_TABLE);
    assert_int_equal(decision.drop, PTE_HOLD_TABLE);
}

static void a_flag_change_does_not_excuse_a_reserved_bit(void **state)
{
    (void)state;
    uint64_t old = entry(page, PTE_USER);
    assert_int_equal(decide(&own, 2, old, old | PTE_PAGE_SIZE).status, STATUS_RESERVED_BITS);
    assert_int_equal(decide(&own, 1, old, old | PTE_PWT).status, STATUS_RESERVED_BITS);
}

/* ---- frames -------------------------------------------------------------------------------- */

static void a_leaf_names_only_frames_of_the_page_owner(void **state)
{
    (void)state;
    mfn_t shared = frame_alloc(0, 64);
    frame_make_shared(fake_frame(shared), domain);
    assert_int_equal(decide(&own, 1, 0, entry(page, PTE_WRITABLE)).status, STATUS_OK);
    assert_int_equal(decide(&own, 1, 0, entry(shared, PTE_WRITABLE)).status, STATUS_OK);
    assert_int_equal(decide(&own, 1, 0, entry(io_page, 0)).status, STATUS_LEAF_NOT_OWNED);
    assert_int_equal(decide(&own, 1, 0, entry(mfn_make(FRAMES - 1), 0)).status,
                     STATUS_LEAF_NOT_OWNED);
    assert_int_equal(decide(&own, 1, 0, entry(mfn_make(FAKE_HYPERVISOR), 0)).status,
                     STATUS_LEAF_NOT_OWNED);
    assert_int_equal(decide(&own, 1, 0, entry(mfn_make(FAKE_SHARED_READ), 0)).status,
                     STATUS_LEAF_NOT_OWNED);
}

static void a_free_frame_is_nobodys_even_if_it_was_once_the_domains(void **state)
{
    (void)state;
    assert_int_equal(frame_give_back(fake_frame(page)), STATUS_OK);
    assert_int_equal(fake_frame(page)->owner, domain->id);
    assert_int_equal(decide(&own, 1, 0, entry(page, 0)).status, STATUS_LEAF_NOT_OWNED);
    for (unsigned int level = 2; level <= 4; level++) {
        assert_int_not_equal(decide(&own, level, 0, entry(page, 0)).status, STATUS_OK);
    }
}

static void the_m2p_may_be_mapped_read_only_in_the_hypervisors_name(void **state)
{
    (void)state;
    struct pte_owners owners = {io_domain, &domain_xen, &domain_xen};
    mfn_t m2p = mfn_make(FAKE_SHARED_READ);
    assert_int_equal(decide(&owners, 1, 0, entry(m2p, 0)).status, STATUS_OK);
    assert_int_equal(decide(&owners, 1, 0, entry(m2p, PTE_WRITABLE)).status,
                     STATUS_LEAF_WRONG_TYPE);
    assert_int_equal(decide(&owners, 1, 0, entry(m2p, PTE_PCD)).status, STATUS_LEAF_UNCACHED);
    assert_int_equal(decide(&owners, 1, 0, entry(mfn_make(FAKE_HYPERVISOR), 0)).status,
                     STATUS_LEAF_NOT_OWNED);
}

static void an_upper_entry_names_only_plain_ram_of_the_tables_owner(void **state)
{
    (void)state;
    mfn_t shared = frame_alloc(0, 64);
    frame_make_shared(fake_frame(shared), domain);
    struct pte_owners foreign = {domain, io_domain, io_domain};
    for (unsigned int level = 2; level <= 4; level++) {
        assert_int_equal(decide(&own, level, 0, entry(page, 0)).status, STATUS_OK);
        assert_int_equal(decide(&own, level, 0, entry(io_page, 0)).status, STATUS_TABLE_NOT_OWNED);
        assert_int_equal(decide(&own, level, 0, entry(shared, 0)).status, STATUS_TABLE_NOT_RAM);
        assert_int_equal(decide(&own, level, 0, entry(mfn_make(0), 0)).status,
                         STATUS_TABLE_NOT_OWNED);
        assert_int_equal(decide(&own, level, 0, entry(mfn_make(FRAMES), 0)).status,
                         STATUS_BAD_FRAME_NUMBER);
        assert_int_equal(decide(&own, level, 0, entry(mfn_make(PTE_MFN_ALL_ONES), 0)).status,
                         STATUS_BAD_FRAME_NUMBER);
        assert_int_equal(decide(&foreign, level, 0, entry(io_page, 0)).status,
                         STATUS_FOREIGN_TABLE);
    }
}

/* ---- I/O memory ---------------------------------------------------------------------------- */

static void io_memory_needs_the_right(void **state)
{
    (void)state;
    const mfn_t frames[] = {mfn_make(0), mfn_make(FRAMES), mfn_make(IO_HIGH)};
    struct pte_owners table_lacks = {domain, io_domain, io_domain};
    struct pte_owners page_lacks = {io_domain, domain, domain};
    struct pte_owners in_io_name = {io_domain, &domain_io, io_domain};
    for (unsigned int i = 0; i < ARRAY_SIZE(frames); i++) {
        uint64_t raw = entry(frames[i], PTE_WRITABLE);
        assert_int_equal(decide(&own, 1, 0, raw).status, STATUS_NO_IO_RIGHT);
        assert_int_equal(decide(&table_lacks, 1, 0, raw).status, STATUS_NO_IO_RIGHT);
        assert_int_equal(decide(&page_lacks, 1, 0, raw).status, STATUS_NO_IO_RIGHT);
        assert_int_equal(decide(&with_io, 1, 0, raw).status, STATUS_OK);
        assert_int_equal(decide(&in_io_name, 1, 0, raw).status, STATUS_OK);
        assert_int_equal(decide(&with_io, 1, 0, raw).take, PTE_HOLD_NOTHING);
        assert_int_equal(decide(&with_io, 1, raw, 0).drop, PTE_HOLD_NOTHING);
    }
}

static void io_memory_is_never_mapped_cacheable(void **state)
{
    (void)state;
    static const struct {
        uint64_t wrote;
        uint64_t stored;
    } cases[] = {
        {0, PTE_PCD | PTE_PWT},                 /* write-back */
        {PTE_PWT, PTE_PCD | PTE_PWT},           /* write-through */
        {PTE_PCD, PTE_PCD},                     /* UC- */
        {PTE_PCD | PTE_PWT, PTE_PCD | PTE_PWT}, /* UC */
        {PTE_PAT, PTE_PAT},                     /* write-combining */
        {PTE_PAT | PTE_PWT, PTE_PCD | PTE_PWT}, /* write-protect */
        {PTE_PAT | PTE_PCD, PTE_PAT | PTE_PCD},
        {PTE_PAT | PTE_PCD | PTE_PWT, PTE_PAT | PTE_PCD | PTE_PWT},
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        struct pte_decision decision =
            decide(&with_io, 1, 0, entry(mfn_make(IO_HIGH), cases[i].wrote));
        assert_int_equal(decision.status, STATUS_OK);
        assert_int_equal(decision.store.raw & PTE_CACHE, cases[i].stored);
    }
}

static void ram_is_always_write_back_even_with_io_rights(void **state)
{
    (void)state;
    static const uint64_t bits[] = {PTE_PWT, PTE_PCD, PTE_PAT};
    for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++) {
        assert_int_equal(decide(&with_io, 1, 0, entry(io_page, bits[i])).status,
                         STATUS_RESERVED_BITS);
    }
}

/* The interface allows the bits by domain before it looks at the frame; then the frame must be the
 * page owner's. */
static void cache_bits_without_io_rights_are_refused_as_bits_whatever_they_name(void **state)
{
    (void)state;
    const mfn_t frames[] = {page,
                            io_page,
                            mfn_make(0),
                            mfn_make(IO_HIGH),
                            mfn_make(FAKE_HYPERVISOR),
                            mfn_make(FAKE_SHARED_READ),
                            mfn_make(FRAMES - 1)};
    for (unsigned int i = 0; i < ARRAY_SIZE(frames); i++) {
        assert_int_equal(decide(&own, 1, 0, entry(frames[i], PTE_PCD)).status,
                         STATUS_RESERVED_BITS);
    }
    assert_int_equal(decide(&with_io, 1, 0, entry(page, PTE_PCD)).status, STATUS_LEAF_NOT_OWNED);
    assert_int_equal(decide(&with_io, 1, 0, entry(mfn_make(FRAMES - 1), PTE_PCD)).status,
                     STATUS_LEAF_NOT_OWNED);
}

static void a_read_only_range_clears_the_writable_bit(void **state)
{
    (void)state;
    machine_add_io_range(mfn_make(IO_HIGH), mfn_make(IO_HIGH + 1), IO_READ_ONLY);
    for (uint64_t i = 0; i < 4; i++) {
        struct pte_decision decision =
            decide(&with_io, 1, 0, entry(mfn_make(IO_HIGH - 1 + i), PTE_WRITABLE));
        assert_int_equal(decision.status, STATUS_OK);
        assert_int_equal(pte_is_writable(decision.store), i == 0 || i == 3);
        assert_int_equal(pte_io_is_read_only(mfn_make(IO_HIGH - 1 + i)), i == 1 || i == 2);
    }
}

static void a_denied_range_is_refused_with_its_ends(void **state)
{
    (void)state;
    machine_add_io_range(mfn_make(IO_HIGH), mfn_make(IO_HIGH + 1), IO_DENIED);
    for (uint64_t i = 0; i < 4; i++) {
        struct pte_decision decision = decide(&with_io, 1, 0, entry(mfn_make(IO_HIGH - 1 + i), 0));
        assert_int_equal(decision.status, i == 0 || i == 3 ? STATUS_OK : STATUS_NO_IO_RIGHT);
        assert_false(pte_io_is_read_only(mfn_make(IO_HIGH - 1 + i)));
    }
}

static void frame_numbers_beyond_the_processor_are_refused(void **state)
{
    (void)state;
    uint64_t limit = UINT64_C(1) << (FAKE_PHYSICAL_BITS - PAGE_SHIFT);
    assert_int_equal(decide(&with_io, 1, 0, entry(mfn_make(limit - 1), 0)).status, STATUS_OK);
    assert_int_equal(decide(&with_io, 1, 0, entry(mfn_make(limit), 0)).status, STATUS_NO_IO_RIGHT);
    assert_int_equal(status_to_errno(STATUS_NO_IO_RIGHT), -XEN_EPERM);
}

static void the_frame_number_of_an_invalid_p2m_entry_has_its_own_refusal(void **state)
{
    (void)state;
    uint64_t raw = entry(mfn_make(PTE_MFN_ALL_ONES), 0);
    assert_int_equal(decide(&own, 1, 0, raw).status, STATUS_BAD_FRAME_NUMBER);
    assert_int_equal(decide(&with_io, 1, 0, raw).status, STATUS_BAD_FRAME_NUMBER);
    assert_int_equal(status_to_errno(STATUS_BAD_FRAME_NUMBER), -XEN_EINVAL);
}

static void a_decision_changes_nothing(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    for (uint64_t mfn = 0; mfn < FRAMES + 2; mfn++) {
        for (unsigned int level = 1; level <= 4; level++) {
            (void)decide(&own, level, entry(page, PTE_USER), entry(mfn_make(mfn), PTE_WRITABLE));
        }
    }
    assert_unchanged(before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_bit_of_each_level_is_allowed_as_the_interface_says),
        TEST(entries_that_are_not_present_may_hold_anything),
        TEST(leaves_are_stored_for_ring_3_and_marked),
        TEST(upper_entries_are_stored_for_ring_3),
        TEST(each_kind_of_entry_holds_its_kind_of_use),
        TEST(a_change_of_other_bits_moves_nothing),
        TEST(a_change_of_frame_or_rights_is_judged_anew),
        TEST(a_flag_change_does_not_excuse_a_reserved_bit),
        TEST(a_leaf_names_only_frames_of_the_page_owner),
        TEST(a_free_frame_is_nobodys_even_if_it_was_once_the_domains),
        TEST(the_m2p_may_be_mapped_read_only_in_the_hypervisors_name),
        TEST(an_upper_entry_names_only_plain_ram_of_the_tables_owner),
        TEST(io_memory_needs_the_right),
        TEST(io_memory_is_never_mapped_cacheable),
        TEST(ram_is_always_write_back_even_with_io_rights),
        TEST(cache_bits_without_io_rights_are_refused_as_bits_whatever_they_name),
        TEST(a_read_only_range_clears_the_writable_bit),
        TEST(a_denied_range_is_refused_with_its_ends),
        TEST(frame_numbers_beyond_the_processor_are_refused),
        TEST(the_frame_number_of_an_invalid_p2m_entry_has_its_own_refusal),
        TEST(a_decision_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
