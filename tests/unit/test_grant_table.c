/* SPDX-License-Identifier: BSD-2-Clause */
/* Grant tables themselves, copies and transfers between domains, and the call's own arguments. */
#include "tests/fake/fake_grants.h"

#include <string.h>

#include <xen/memory.h>

#define REF     8U
#define LIST    (FAKE_ARGUMENTS + PAGE_SIZE)
#define NOWHERE UINT64_C(0x0000500000000000)

static struct fake_grants grants;
static struct domain *control;
static struct fake_guest controller;
static struct vcpu *granter;
static struct vcpu *mapper;

static int setup(void **state)
{
    (void)state;
    fake_grants_start(&grants);
    granter = grants.granter.vcpu;
    mapper = grants.mapper.vcpu;
    control = fake_domain(0, 1);
    control->is_control = true;
    fake_guest_build(&controller, control);
    assert_int_equal(grant_table_create(control, 1, 1), STATUS_OK);
    return 0;
}

static uint64_t *list_at(uint64_t address)
{
    return (uint64_t *)(void *)(fake.buffers[0].bytes + (address - FAKE_ARGUMENTS));
}

/* ---- the table ----------------------------------------------------------------------------- */

static int64_t set_up_call(struct vcpu *vcpu, uint16_t domain, uint32_t count, uint64_t list,
                           int16_t *status)
{
    struct gnttab_setup_table request = {.dom = domain, .nr_frames = count, .status = 99};
    memcpy(&request.frame_list, &list, sizeof(list));
    int64_t result = do_grant(vcpu, GNTTABOP_setup_table, &request, sizeof(request), 1);
    *status = request.status;
    return result;
}

static int16_t set_up(struct vcpu *vcpu, uint16_t domain, uint32_t count, uint64_t list)
{
    int16_t status;
    assert_int_equal(set_up_call(vcpu, domain, count, list, &status), 0);
    return status;
}

static struct gnttab_query_size query(struct vcpu *vcpu, uint16_t domain)
{
    struct gnttab_query_size size = {.dom = domain, .status = 99};
    assert_int_equal(do_grant(vcpu, GNTTABOP_query_size, &size, sizeof(size), 1), 0);
    return size;
}

static void a_table_grows_by_frames_that_the_domain_may_map(void **state)
{
    (void)state;
    assert_int_equal(query(granter, DOMID_SELF).nr_frames, 1);
    assert_int_equal(query(granter, 1).max_nr_frames, FAKE_GRANT_FRAMES);
    assert_int_equal(set_up(granter, DOMID_SELF, 2, LIST), GNTST_okay);
    mfn_t second = mfn_make(list_at(LIST)[1]);
    assert_int_equal(query(granter, DOMID_SELF).nr_frames, 2);
    assert_int_equal(fake_frame(second)->owner, 1);
    assert_int_equal(frame_class(fake_frame(second)), FRAME_SHARED);
    assert_int_equal(do_va(granter, FAKE_VA(100), pte_make(second, FAKE_RW), UVMF_NONE), 0);
    assert_true(fake_guest_write(0, granter, FAKE_VA(100), 7));
    assert_int_equal(*(uint64_t *)fake_grant_entry(&grants.granter, 512), 7);
    list_at(LIST)[1] = 0;
    assert_int_equal(set_up(granter, DOMID_SELF, 1, LIST), GNTST_okay);
    assert_int_equal(list_at(LIST)[1], 0);
    assert_int_equal(query(granter, DOMID_SELF).nr_frames, 2);
    assert_int_equal(set_up(granter, DOMID_SELF, 0, 0), GNTST_okay);
}

/* As a caller would find it that did not hold the lock while the domain died. */
static void a_frame_beyond_the_table_is_not_found(void **state)
{
    (void)state;
    const struct grant_table *table = granter->domain->grants;
    mfn_t mfn = MFN_INVALID;
    assert_int_equal(grant_frame_find(granter->domain, 0, &mfn), STATUS_OK);
    assert_int_equal(mfn.value, table->frames[0].entries.value);
    assert_int_equal(grant_frame_find(granter->domain, table->frame_count, &mfn),
                     STATUS_GRANT_TABLE_LIMIT);
    assert_int_equal(mfn.value, table->frames[0].entries.value);
}

static void table_requests_are_refused_and_change_nothing(void **state)
{
    (void)state;
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(set_up(granter, 2, 1, LIST), GNTST_permission_denied);
    assert_int_equal(set_up(granter, 77, 1, LIST), GNTST_bad_domain);
    assert_int_equal(set_up(granter, DOMID_IO, 1, LIST), GNTST_bad_domain);
    assert_int_equal(set_up(granter, DOMID_SELF, FAKE_GRANT_FRAMES + 1, LIST), GNTST_general_error);
    assert_int_equal(set_up(granter, DOMID_SELF, UINT32_MAX, LIST), GNTST_general_error);
    assert_int_equal(set_up(granter, DOMID_SELF, 1, NOWHERE), GNTST_bad_virt_addr);
    assert_int_equal(query(granter, 2).status, GNTST_permission_denied);
    assert_int_equal(query(granter, 77).status, GNTST_bad_domain);
    int16_t status;
    assert_int_equal(set_up_call(granter, DOMID_SELF, 1, HYPERVISOR_VIRT_START, &status),
                     -XEN_EFAULT);
    grants.granter.domain->is_dying = true;
    assert_int_equal(set_up(control->vcpus[0], 1, 2, LIST), GNTST_general_error);
    grants.granter.domain->is_dying = false;
    assert_unchanged(before);
}

static void a_control_domain_asks_for_others(void **state)
{
    (void)state;
    assert_int_equal(set_up(control->vcpus[0], 2, 2, LIST), GNTST_okay);
    assert_int_equal(fake_frame(mfn_make(list_at(LIST)[1]))->owner, 2);
    assert_int_equal(query(control->vcpus[0], 2).nr_frames, 2);
    assert_int_equal(query(control->vcpus[0], 2).status, GNTST_okay);
}

static void a_table_needs_memory_and_keeps_none_it_cannot_use(void **state)
{
    (void)state;
    struct domain *domain = grants.granter.domain;
    static mfn_t held[512];
    for (unsigned int left = 0; left < 3; left++) {
        unsigned int count = 0;
        while (machine.free_count > left) {
            held[count++] = frame_take_hypervisor(0);
        }
        assert_int_equal(set_up(granter, DOMID_SELF, 2, LIST), GNTST_general_error);
        assert_int_equal(domain->grants->frame_count, 1);
        assert_int_equal(machine.free_count, left);
        struct domain bare;
        memset(&bare, 0, sizeof(bare));
        assert_int_equal(grant_table_create(&bare, 1, 1), STATUS_NO_MEMORY);
        assert_null(bare.grants);
        assert_int_equal(machine.free_count, left);
        while (count > 0) {
            frame_free_hypervisor(held[--count], 0);
        }
        assert_audit_clean();
    }
    assert_int_equal(set_up(granter, DOMID_SELF, 2, LIST), GNTST_okay);
}

static void tables_have_limits_within_the_maximum(void **state)
{
    (void)state;
    static const unsigned int wrong[][2] = {
        {0, 1}, {1, 0}, {GRANT_FRAMES_MAX + 1, 1}, {1, MAPTRACK_FRAMES_MAX + 1}};
    struct domain bare;
    memset(&bare, 0, sizeof(bare));
    for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_int_equal(grant_table_create(&bare, wrong[i][0], wrong[i][1]), STATUS_GRANT_TABLE_SIZE);
        assert_null(bare.grants);
    }
}

static void handles_and_entries_reach_the_maximum(void **state)
{
    (void)state;
    fake_stop();
    fake_start(4096);
    struct fake_guest guest;
    fake_guest_build(&guest, fake_domain(1, 1));
    assert_int_equal(grant_table_create(guest.domain, GRANT_FRAMES_MAX, MAPTRACK_FRAMES_MAX),
                     STATUS_OK);
    struct grant_table *table = guest.domain->grants;
    assert_int_equal(grant_table_reach(guest.domain, GRANT_FRAMES_MAX), STATUS_OK);
    struct mmu_locked locked = domain_mmu_lock(guest.domain);
    for (uint32_t i = 0; i < MAPTRACK_FRAMES_MAX * GRANT_HANDLES_PER_FRAME; i++) {
        uint32_t number;
        assert_int_equal(grant_handle_reserve(table), STATUS_OK);
        struct grant_handle *handle = grant_handle_take(table, &number);
        assert_int_equal(number, i);
        *handle = (struct grant_handle){0};
    }
    assert_int_equal(grant_handle_reserve(table), STATUS_GRANT_NO_HANDLE);
    for (uint32_t i = 0; i < MAPTRACK_FRAMES_MAX * GRANT_HANDLES_PER_FRAME; i++) {
        grant_handle_free(table, i);
    }
    domain_mmu_unlock(locked);
    uint32_t last = GRANT_FRAMES_MAX * (uint32_t)GRANT_ENTRIES_PER_FRAME - 1;
    fake_grant(&guest, last, &guest, guest.pages[0], GTF_permit_access);
    uint32_t handle = fake_map(guest.vcpu, &guest, last, FAKE_VA(100), GNTMAP_host_map);
    assert_int_equal(do_grant_unmap(guest.vcpu, handle, FAKE_VA(100), 0), GNTST_okay);
    grant_release_table(guest.domain);
    grant_table_free(guest.domain);
    assert_audit_clean();
}

/* ---- versions ------------------------------------------------------------------------------ */

static void there_is_version_1_only(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        int64_t result;
    } cases[] = {{1, 0}, {2, -XEN_ENOSYS}, {0, -XEN_EINVAL}, {3, -XEN_EINVAL}};
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        struct gnttab_set_version set = {.version = cases[i].version};
        assert_int_equal(do_grant(granter, GNTTABOP_set_version, &set, sizeof(set), 1),
                         cases[i].result);
        assert_int_equal(set.version, 1);
    }
    struct gnttab_get_version get = {.dom = DOMID_SELF};
    assert_int_equal(do_grant(granter, GNTTABOP_get_version, &get, sizeof(get), 1), 0);
    assert_int_equal(get.version, 1);
    get.dom = 2;
    assert_int_equal(do_grant(granter, GNTTABOP_get_version, &get, sizeof(get), 1), -XEN_EPERM);
    assert_int_equal(do_grant(control->vcpus[0], GNTTABOP_get_version, &get, sizeof(get), 1), 0);
    get.dom = 77;
    assert_int_equal(do_grant(granter, GNTTABOP_get_version, &get, sizeof(get), 1), -XEN_ESRCH);
    for (unsigned int command = GNTTABOP_set_version; command <= GNTTABOP_get_version;
         command += 2) {
        uint64_t arg[6] = {command, NOWHERE, 1};
        assert_int_equal(fake_call(call_grant_table_op, granter, arg), -XEN_EFAULT);
        struct fake_buffer *fixed = fake_buffer(UINT64_C(0x620000000000), 16, false);
        fixed->bytes[0] = command == GNTTABOP_set_version ? 1 : (uint8_t)0xf0;
        fixed->bytes[1] = command == GNTTABOP_set_version ? 0 : 0x7f; /* DOMID_SELF */
        arg[1] = fixed->address;
        assert_int_equal(fake_call(call_grant_table_op, granter, arg), -XEN_EFAULT);
    }
}

static void there_are_no_status_frames(void **state)
{
    (void)state;
    struct gnttab_get_status_frames get = {.nr_frames = 1, .dom = DOMID_SELF};
    assert_int_equal(do_grant(granter, GNTTABOP_get_status_frames, &get, sizeof(get), 1), 0);
    assert_int_equal(get.status, GNTST_general_error);
    get.nr_frames = 0;
    assert_int_equal(do_grant(granter, GNTTABOP_get_status_frames, &get, sizeof(get), 1), 0);
    assert_int_equal(get.status, GNTST_okay);
    get.dom = 2;
    assert_int_equal(do_grant(granter, GNTTABOP_get_status_frames, &get, sizeof(get), 1), 0);
    assert_int_equal(get.status, GNTST_permission_denied);
}

/* ---- the call ------------------------------------------------------------------------------ */

static void the_calls_arguments_are_checked_in_the_abis_order(void **state)
{
    (void)state;
    static const uint64_t top = UINT64_C(1) << 31;
    const struct {
        uint64_t command;
        uint64_t address;
        uint64_t count;
        int64_t result;
    } cases[] = {
        {13, HYPERVISOR_VIRT_START, top, -XEN_EINVAL},
        {0x1000, HYPERVISOR_VIRT_START, 1, -XEN_EINVAL},
        {0x1000 | GNTTABOP_cache_flush, HYPERVISOR_VIRT_START, 1, -XEN_EOPNOTSUPP},
        {GNTTABOP_cache_flush, FAKE_ARGUMENTS, 1, -XEN_EOPNOTSUPP},
        {GNTTABOP_dump_table, HYPERVISOR_VIRT_START, 1, -XEN_ENOSYS},
        {13, HYPERVISOR_VIRT_START, 1, -XEN_ENOSYS},
        {0xfff, HYPERVISOR_VIRT_START, 1, -XEN_ENOSYS},
        {GNTTABOP_query_size, HYPERVISOR_VIRT_START, 2, -XEN_EINVAL},
        {GNTTABOP_setup_table, HYPERVISOR_VIRT_START, 0, -XEN_EINVAL},
        {GNTTABOP_copy, HYPERVISOR_VIRT_START, 1, -XEN_EFAULT},
        {GNTTABOP_copy, UINT64_MAX - 7, top - 1, -XEN_EFAULT},
        {GNTTABOP_copy, NOWHERE, 1, -XEN_EFAULT},
        {GNTTABOP_copy, HYPERVISOR_VIRT_START, 0, 0},
        {GNTTABOP_copy, HYPERVISOR_VIRT_START, UINT64_C(1) << 32, 0},
        {(UINT64_C(1) << 32) | GNTTABOP_copy, NOWHERE, 0, 0},
    };
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t arg[6] = {cases[i].command, cases[i].address, cases[i].count};
        assert_int_equal(fake_call(call_grant_table_op, granter, arg), cases[i].result);
    }
    assert_unchanged(before);
}

/* ---- swap ---------------------------------------------------------------------------------- */

static int16_t swap(struct vcpu *vcpu, uint32_t a, uint32_t b)
{
    struct gnttab_swap_grant_ref op = {.ref_a = a, .ref_b = b, .status = 99};
    assert_int_equal(do_grant(vcpu, GNTTABOP_swap_grant_ref, &op, sizeof(op), 1), 0);
    return op.status;
}

static void entries_are_swapped_unless_they_are_in_use(void **state)
{
    (void)state;
    fake_grant(&grants.granter, 9, &grants.mapper, grants.granter.pages[1], GTF_permit_access);
    fake_grant(&grants.granter, 10, &grants.other, grants.granter.pages[2], GTF_readonly);
    grant_entry_v1_t nine = *fake_grant_entry(&grants.granter, 9);
    grant_entry_v1_t ten = *fake_grant_entry(&grants.granter, 10);
    assert_int_equal(swap(granter, 9, 10), GNTST_okay);
    assert_memory_equal(fake_grant_entry(&grants.granter, 10), &nine, sizeof(nine));
    assert_memory_equal(fake_grant_entry(&grants.granter, 9), &ten, sizeof(ten));
    (void)fake_map(mapper, &grants.granter, 10, FAKE_VA(100), GNTMAP_host_map);
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(swap(granter, 9, 10), GNTST_eagain);
    assert_int_equal(swap(granter, 10, 9), GNTST_eagain);
    assert_int_equal(swap(granter, 10, 10), GNTST_okay);
    assert_int_equal(swap(granter, 9, 512), GNTST_bad_gntref);
    assert_int_equal(swap(granter, UINT32_MAX, 9), GNTST_bad_gntref);
    assert_unchanged(before);
}

/* ---- copy ---------------------------------------------------------------------------------- */

static struct gnttab_copy copy_of(const struct fake_guest *source, uint32_t source_ref,
                                  const struct fake_guest *destination, uint32_t destination_ref)
{
    struct gnttab_copy copy = {
        .source = {.domid = source->domain->id},
        .dest = {.domid = destination->domain->id},
        .len = 16,
        .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref,
    };
    copy.source.u.ref = source_ref;
    copy.dest.u.ref = destination_ref;
    return copy;
}

static void bytes_are_copied_from_grant_to_grant_of_two_others(void **state)
{
    (void)state;
    mfn_t from = grants.granter.pages[1];
    mfn_t to = grants.other.pages[1];
    fake_entries(from)[1].raw = 0x1111;
    fake_entries(from)[2].raw = 0x2222;
    fake_grant(&grants.granter, REF, &grants.mapper, from, GTF_permit_access | GTF_readonly);
    fake_grant(&grants.other, REF, &grants.mapper, to, GTF_permit_access);
    struct gnttab_copy copy = copy_of(&grants.granter, REF, &grants.other, REF);
    copy.source.offset = 8;
    copy.dest.offset = 4080;
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_okay);
    assert_int_equal(fake_entries(to)[510].raw, 0x1111);
    assert_int_equal(fake_entries(to)[511].raw, 0x2222);
    assert_int_equal(fake_entries(to)[509].raw, 0);
    assert_int_equal(fake_grant_entry(&grants.granter, REF)->flags,
                     GTF_permit_access | GTF_readonly);
    assert_int_equal(fake_grant_entry(&grants.other, REF)->flags, GTF_permit_access);
}

static void bytes_are_copied_to_and_from_ones_own_frames(void **state)
{
    (void)state;
    mfn_t granted = grants.granter.pages[1];
    mfn_t own = grants.mapper.pages[1];
    fake_grant(&grants.granter, REF, &grants.mapper, granted, GTF_permit_access);
    fake_entries(own)[0].raw = 0x77;
    struct gnttab_copy copy = copy_of(&grants.granter, 0, &grants.granter, REF);
    copy.source = (struct gnttab_copy_ptr){.domid = DOMID_SELF};
    copy.source.u.gmfn = own.value;
    copy.flags = GNTCOPY_dest_gref;
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_okay);
    assert_int_equal(fake_entries(granted)[0].raw, 0x77);
    fake_entries(granted)[1].raw = 0x88;
    copy = copy_of(&grants.granter, REF, &grants.granter, 0);
    copy.dest = (struct gnttab_copy_ptr){.domid = DOMID_SELF};
    copy.dest.u.gmfn = own.value;
    copy.flags = GNTCOPY_source_gref;
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_okay);
    assert_int_equal(fake_entries(own)[1].raw, 0x88);
    copy.source = copy.dest;
    copy.source.offset = 0;
    copy.dest.offset = 8;
    copy.flags = 0;
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_okay); /* overlapping */
    assert_int_equal(fake_entries(own)[1].raw, 0x77);
    assert_int_equal(fake_entries(own)[2].raw, 0x88);
}

static void refused_copies_have_their_status_and_change_nothing(void **state)
{
    (void)state;
    mfn_t table = fake_give(grants.granter.domain);
    assert_int_equal(do_pin(granter, table, 1), 0);
    const struct fake_guest *g = &grants.granter;
    fake_grant(g, 8, &grants.mapper, g->pages[1], GTF_permit_access);
    fake_grant(g, 9, &grants.mapper, g->pages[2], GTF_permit_access);
    fake_grant(g, 10, &grants.mapper, g->pages[2], GTF_permit_access | GTF_readonly);
    fake_grant(g, 11, &grants.other, g->pages[2], GTF_permit_access);
    fake_grant(g, 12, &grants.mapper, table, GTF_permit_access);
    fake_grant(g, 13, &grants.mapper, grants.other.pages[2], GTF_permit_access);
    const struct {
        uint32_t source;
        uint32_t destination;
        uint16_t from;
        uint16_t to;
        int16_t status;
    } cases[] = {{512, 9, 0, 0, GNTST_bad_gntref},    {8, 512, 0, 0, GNTST_bad_gntref},
                 {8, 10, 0, 0, GNTST_general_error},  {8, 11, 0, 0, GNTST_general_error},
                 {11, 9, 0, 0, GNTST_general_error},  {8, 12, 0, 0, GNTST_general_error},
                 {13, 9, 0, 0, GNTST_bad_page},       {8, 13, 0, 0, GNTST_bad_page},
                 {8, 9, 4081, 0, GNTST_bad_copy_arg}, {8, 9, 0, 4081, GNTST_bad_copy_arg},
                 {8, 9, 65535, 0, GNTST_bad_copy_arg}};
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        struct gnttab_copy copy = copy_of(g, cases[i].source, g, cases[i].destination);
        copy.source.offset = cases[i].from;
        copy.dest.offset = cases[i].to;
        assert_int_equal(do_grant_copy(mapper, &copy), cases[i].status);
    }
    struct gnttab_copy copy = copy_of(g, 8, g, 9);
    copy.dest.domid = 77;
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_bad_domain);
    copy = copy_of(g, 8, g, 9);
    copy.flags = 0;
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_permission_denied);
    copy.source.domid = DOMID_SELF;
    copy.dest.domid = DOMID_SELF;
    copy.source.u.gmfn = g->pages[1].value; /* not its own */
    copy.dest.u.gmfn = grants.mapper.pages[1].value;
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_bad_page);
    copy.source.u.gmfn = grants.mapper.pages[1].value;
    copy.dest.u.gmfn = grants.mapper.l1.value;
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_general_error);
    copy.dest.u.gmfn = grants.mapper.domain->grants->frames[0].entries.value;
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_bad_page);
    copy.dest.u.gmfn = UINT64_MAX;
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_bad_page);
    grants.granter.domain->is_dying = true;
    copy = copy_of(g, 8, g, 9);
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_bad_domain);
    grants.granter.domain->is_dying = false;
    assert_unchanged(before);
}

/* XSA-230: the marks stand for all pins, not for the copy's alone. */
static void a_copy_leaves_the_marks_of_mappings(void **state)
{
    (void)state;
    fake_grant(&grants.granter, REF, &grants.mapper, grants.granter.pages[1], GTF_permit_access);
    (void)fake_map(mapper, &grants.granter, REF, 0, GNTMAP_device_map);
    struct gnttab_copy copy = copy_of(&grants.granter, REF, &grants.granter, REF);
    assert_int_equal(do_grant_copy(mapper, &copy), GNTST_okay);
    assert_int_equal(fake_grant_entry(&grants.granter, REF)->flags,
                     GTF_permit_access | GTF_reading | GTF_writing);
}

/* ---- transfer ------------------------------------------------------------------------------ */

#define PFN 0x4321U

static void accept(uint32_t ref)
{
    fake_grant(&grants.other, ref, &grants.mapper, mfn_make(PFN), GTF_accept_transfer);
}

static void a_frame_and_its_contents_are_handed_over(void **state)
{
    (void)state;
    mfn_t frame = fake_give(grants.mapper.domain);
    assert_int_equal(do_va(mapper, FAKE_VA(100), pte_make(frame, FAKE_RW), UVMF_NONE), 0);
    assert_true(fake_guest_write(1, mapper, FAKE_VA(100), 0x5555));
    assert_int_equal(do_va(mapper, FAKE_VA(100), (pte_t){0}, UVMF_NONE), 0);
    accept(REF);
    uint64_t mine = grants.mapper.domain->page_count;
    uint64_t theirs = grants.other.domain->page_count;
    assert_int_equal(do_grant_transfer(mapper, frame, 3, REF), GNTST_okay);
    assert_int_equal(fake_frame(frame)->owner, 3);
    assert_int_equal(grants.mapper.domain->page_count, mine - 1);
    assert_int_equal(grants.other.domain->page_count, theirs + 1);
    assert_int_equal(fake_entries(frame)[0].raw, 0x5555);
    assert_int_equal(machine.m2p[frame.value], PFN);
    const grant_entry_v1_t *entry = fake_grant_entry(&grants.other, REF);
    assert_int_equal(entry->frame, frame.value);
    assert_int_equal(entry->flags,
                     GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed);
    assert_false(fake_guest_write(1, mapper, FAKE_VA(100), 0x6666));
    assert_int_equal(do_va(grants.other.vcpu, FAKE_VA(100), pte_make(frame, FAKE_RW), UVMF_NONE),
                     0);
}

static void a_frame_in_use_is_not_handed_over(void **state)
{
    (void)state;
    mfn_t frame = fake_give(grants.mapper.domain);
    assert_int_equal(do_va(mapper, FAKE_VA(100), pte_make(frame, FAKE_RO), UVMF_NONE), 0);
    accept(REF);
    struct fake_snapshot *before = fake_snapshot();
    assert_int_equal(do_grant_transfer(mapper, frame, 3, REF), GNTST_bad_page);
    assert_int_equal(do_grant_transfer(mapper, frame, 77, REF), GNTST_bad_page);
    assert_int_equal(do_grant_transfer(mapper, grants.granter.pages[0], 3, REF), GNTST_bad_page);
    assert_int_equal(do_grant_transfer(mapper, mfn_make(UINT64_MAX), 3, REF), GNTST_bad_page);
    assert_int_equal(do_grant_transfer(mapper, mfn_make(1), 3, REF), GNTST_bad_page);
    assert_int_equal(
        do_grant_transfer(mapper, grants.mapper.domain->grants->frames[0].entries, 3, REF),
        GNTST_bad_page);
    assert_unchanged(before);
}

/* The frame is lost to its giver, and free: nobody else gets it, and nothing of it. */
static void expect_lost(uint16_t domain, uint32_t ref, int16_t status)
{
    mfn_t frame = fake_give(grants.mapper.domain);
    fake_entries(frame)[0].raw = 0x9999;
    uint64_t mine = grants.mapper.domain->page_count;
    uint64_t free_before = machine.free_count;
    assert_int_equal(do_grant_transfer(mapper, frame, domain, ref), status);
    assert_int_equal(frame_class(fake_frame(frame)), FRAME_FREE);
    assert_int_equal(grants.mapper.domain->page_count, mine - 1);
    assert_int_equal(machine.free_count, free_before + 1);
    assert_int_equal(machine.m2p[frame.value], M2P_INVALID);
}

static void a_transfer_that_is_refused_frees_the_frame(void **state)
{
    (void)state;
    accept(REF);
    fake_grant(&grants.other, 9, &grants.granter, mfn_make(PFN), GTF_accept_transfer);
    fake_grant(&grants.other, 10, &grants.mapper, mfn_make(PFN), GTF_permit_access);
    fake_grant(&grants.other, 11, &grants.mapper, mfn_make(PFN),
               GTF_accept_transfer | GTF_transfer_committed);
    struct domain *other = grants.other.domain;
    expect_lost(77, REF, GNTST_bad_domain);
    expect_lost(DOMID_SELF, REF, GNTST_bad_domain);
    expect_lost(3, 512, GNTST_general_error);
    expect_lost(3, 9, GNTST_general_error);
    expect_lost(3, 10, GNTST_general_error);
    expect_lost(3, 11, GNTST_general_error);
    other->page_limit = other->page_count;
    expect_lost(3, REF, GNTST_general_error);
    other->page_limit = other->page_count - 1;
    expect_lost(3, REF, GNTST_general_error);
    other->page_limit = UINT64_MAX;
    other->is_dying = true;
    expect_lost(3, REF, GNTST_general_error);
    other->is_dying = false;
    struct grant_table *table = control->grants;
    control->grants = NULL;
    expect_lost(0, REF, GNTST_bad_domain);
    control->grants = table;
    assert_int_equal(fake_grant_entry(&grants.other, REF)->flags, GTF_accept_transfer);
    assert_int_equal(fake_grant_entry(&grants.other, REF)->frame, PFN);
}

/* ---- XENMEM_acquire_resource --------------------------------------------------------------- */

static struct xen_mem_acquire_resource resource(uint16_t domain, uint64_t frame, uint32_t count)
{
    struct xen_mem_acquire_resource request = {
        .domid = domain,
        .type = XENMEM_resource_grant_table,
        .id = XENMEM_resource_grant_table_id_shared,
        .nr_frames = count,
        .frame = frame,
    };
    uint64_t list = count > 0 ? LIST : 0;
    memcpy(&request.frame_list, &list, sizeof(list));
    return request;
}

static int64_t acquire(struct vcpu *vcpu, const struct xen_mem_acquire_resource *request)
{
    memcpy(fake.buffers[0].bytes, request, sizeof(*request));
    return do_memory_op(vcpu, XENMEM_acquire_resource, FAKE_ARGUMENTS);
}

static void a_control_domain_maps_anothers_grant_frames(void **state)
{
    (void)state;
    struct vcpu *toolstack = control->vcpus[0];
    struct xen_mem_acquire_resource size = resource(1, 0, 0);
    assert_int_equal(acquire(toolstack, &size), 0);
    memcpy(&size, fake.buffers[0].bytes, sizeof(size));
    assert_int_equal(size.nr_frames, FAKE_GRANT_FRAMES);
    assert_int_equal(grants.granter.domain->grants->frame_count, 1);

    struct xen_mem_acquire_resource both = resource(1, 0, 2);
    assert_int_equal(acquire(toolstack, &both), 0);
    for (unsigned int i = 0; i < 2; i++) {
        mfn_t frame = grants.granter.domain->grants->frames[i].entries;
        assert_int_equal(list_at(LIST)[i], frame.value);
    }
    mfn_t second = mfn_make(list_at(LIST)[1]);
    struct mmu_update request = {.ptr = (controller.l1.value << PAGE_SHIFT) + 800,
                                 .val = pte_make(second, FAKE_RW).raw};
    assert_int_equal(do_mmu_update(toolstack, &request, 1, 1), 0);
    assert_true(fake_guest_write(0, toolstack, FAKE_VA(100), 3));
    struct xen_mem_acquire_resource last = resource(1, 1, 1);
    assert_int_equal(acquire(toolstack, &last), 0);
    assert_int_equal(list_at(LIST)[0], second.value);
}

static void resources_are_refused(void **state)
{
    (void)state;
    struct vcpu *toolstack = control->vcpus[0];
    struct xen_mem_acquire_resource wrong[] = {
        resource(1, 0, 1), resource(1, UINT32_MAX, 1), resource(1, UINT64_MAX, 1),
        resource(1, 0, 1), resource(1, 0, 0),          resource(1, FAKE_GRANT_FRAMES, 1),
        resource(1, 0, 1)};
    wrong[0].pad = 1;
    wrong[3].id = XENMEM_resource_grant_table_id_status;
    wrong[4].nr_frames = 1; /* and no list */
    memset(&wrong[6].frame_list, 0, sizeof(wrong[6].frame_list));
    struct fake_snapshot *before = fake_snapshot();
    for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_int_equal(acquire(toolstack, &wrong[i]), -XEN_EINVAL);
    }
    struct xen_mem_acquire_resource request = resource(1, 0, 1);
    assert_int_equal(acquire(mapper, &request), -XEN_EPERM);
    request.domid = 0;
    assert_int_equal(acquire(toolstack, &request), -XEN_EPERM);
    request.domid = DOMID_SELF;
    assert_int_equal(acquire(toolstack, &request), -XEN_ESRCH);
    request.domid = 77;
    assert_int_equal(acquire(toolstack, &request), -XEN_ESRCH);
    request = resource(1, 0, 1);
    request.type = XENMEM_resource_vmtrace_buf;
    assert_int_equal(acquire(toolstack, &request), -XEN_EOPNOTSUPP);
    request = resource(1, 0, 1);
    uint64_t nowhere = NOWHERE;
    memcpy(&request.frame_list, &nowhere, sizeof(nowhere));
    assert_int_equal(acquire(toolstack, &request), -XEN_EFAULT);
    assert_int_equal(do_memory_op(toolstack, XENMEM_acquire_resource, NOWHERE), -XEN_EFAULT);
    assert_int_equal(do_memory_op(toolstack, XENMEM_acquire_resource | 64, FAKE_ARGUMENTS),
                     -XEN_EINVAL);
    struct fake_buffer *fixed = fake_buffer(UINT64_C(0x620000000000), sizeof(request), false);
    request = resource(1, 0, 0);
    memcpy(fixed->bytes, &request, sizeof(request));
    assert_int_equal(do_memory_op(toolstack, XENMEM_acquire_resource, fixed->address), -XEN_EFAULT);
    assert_unchanged(before);
}

/* A domain that is being created has no table yet. */
static void a_domain_without_a_table_has_nothing_to_ask_for(void **state)
{
    (void)state;
    struct vcpu *caller = control->vcpus[0];
    (void)fake_domain(9, 1);
    assert_int_equal(set_up(caller, 9, 1, LIST), GNTST_bad_domain);
    assert_int_equal(query(caller, 9).status, GNTST_bad_domain);
    const struct xen_mem_acquire_resource request = resource(9, 0, 1);
    assert_int_equal(acquire(caller, &request), -XEN_ESRCH);
    struct gnttab_copy copy = {.source.domid = 9,
                               .source.u.ref = REF,
                               .dest.domid = DOMID_SELF,
                               .dest.u.gmfn = controller.pages[0].value,
                               .len = 8,
                               .flags = GNTCOPY_source_gref};
    assert_int_equal(do_grant_copy(caller, &copy), GNTST_bad_domain);
}

/* What has no number of its own among the grants'. */
static void a_status_that_is_not_about_grants_is_a_general_error(void **state)
{
    (void)state;
    assert_int_equal(status_to_grant(STATUS_COUNT_OVERFLOW), GNTST_general_error);
    assert_int_equal(status_to_grant(STATUS_NO_MEMORY_MAP), GNTST_general_error);
}

/* ---- an unfinished walk --------------------------------------------------------------------- */

static void a_release_is_finished_first_however_often_it_is_interrupted(void **state)
{
    (void)state;
    struct fake_tree tree;
    struct mmuext_op op = {.cmd = MMUEXT_UNPIN_TABLE};
    fake_tree_build(&tree, grants.mapper.domain, 4);
    fake_entries(tree.table[2])[1] = pte_make(fake_give(grants.mapper.domain), FAKE_TABLE);
    assert_int_equal(do_pin(mapper, tree.table[4], 4), 0);
    op.arg1.mfn = tree.table[4].value;
    memcpy(fake.buffers[0].bytes, &op, sizeof(op));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, DOMID_SELF};
    fake_yield_always();
    assert_true(fake_call_once(call_mmuext_op, mapper, arg).again);
    assert_int_equal(mapper->walk.mode, PT_WALK_RELEASE);
    assert_int_equal(query(mapper, DOMID_SELF).status, GNTST_okay);
    fake_yield_never();
    assert_true(fake.executions > 1);
    assert_int_equal(mapper->walk.mode, PT_WALK_NONE);
    assert_int_equal(fake_frame(tree.table[4])->type_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_grows_by_frames_that_the_domain_may_map),
        TEST(a_frame_beyond_the_table_is_not_found),
        TEST(table_requests_are_refused_and_change_nothing),
        TEST(a_control_domain_asks_for_others),
        TEST(a_table_needs_memory_and_keeps_none_it_cannot_use),
        TEST(tables_have_limits_within_the_maximum),
        TEST(handles_and_entries_reach_the_maximum),
        TEST(there_is_version_1_only),
        TEST(there_are_no_status_frames),
        TEST(the_calls_arguments_are_checked_in_the_abis_order),
        TEST(entries_are_swapped_unless_they_are_in_use),
        TEST(bytes_are_copied_from_grant_to_grant_of_two_others),
        TEST(bytes_are_copied_to_and_from_ones_own_frames),
        TEST(refused_copies_have_their_status_and_change_nothing),
        TEST(a_copy_leaves_the_marks_of_mappings),
        TEST(a_frame_and_its_contents_are_handed_over),
        TEST(a_frame_in_use_is_not_handed_over),
        TEST(a_transfer_that_is_refused_frees_the_frame),
        TEST(a_control_domain_maps_anothers_grant_frames),
        TEST(resources_are_refused),
        TEST(a_domain_without_a_table_has_nothing_to_ask_for),
        TEST(a_status_that_is_not_about_grants_is_a_general_error),
        TEST(a_release_is_finished_first_however_often_it_is_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
