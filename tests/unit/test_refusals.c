/* SPDX-License-Identifier: BSD-2-Clause */
/* What the core says of a refused call: the rule, and the number or the bytes that it is about. */
#include "tests/fake/fake_grants.h"
#include "tests/fake/fake_machine.h"

#include <string.h>

#include <xen/memory.h>

static struct domain *domain; /* the control domain */
static struct domain *other;
static struct vcpu *vcpu;
static struct vcpu *plain; /* of the other domain */
static struct fake_guest guest;
static struct fake_guest other_guest;

#define LIST      (FAKE_ARGUMENTS + PAGE_SIZE)
#define UNMAPPED  UINT64_C(0x0000700000000000)
#define NOBODY    77
#define CONTINUED (UINT64_C(1) << 6)

static int setup(void **state)
{
    (void)state;
    fake_start(256);
    domain = fake_domain(0, 1);
    domain->is_control = true;
    domain->has_io = true;
    other = fake_domain(7, 1);
    vcpu = domain->vcpus[0];
    plain = other->vcpus[0];
    fake_guest_build(&guest, domain);
    fake_guest_build(&other_guest, other);
    assert_int_equal(grant_table_create(domain, 2, 2), STATUS_OK);
    return 0;
}

static void put(const void *from, size_t size)
{
    memcpy(fake.buffers[0].bytes, from, size);
}

/* The call is refused, and says this number. */
static void expect_number(struct vcpu *caller, fake_call_fn call, const uint64_t given[4],
                          enum status status, const char *noun, uint64_t number)
{
    uint64_t arg[6] = {given[0], given[1], given[2], given[3]};
    assert_int_equal(fake_call(call, caller, arg), status_to_errno(status));
    assert_int_equal(fake.refusal.status, status);
    assert_int_equal(fake.refusal.about.number, number);
    if (noun != NULL) {
        assert_string_equal(fake.refusal.about.noun, noun);
    }
    assert_int_equal(fake.refusal.about.size, 0);
}

/* The call is refused, and says these bytes. */
static void expect_bytes(fake_call_fn call, const uint64_t given[4], uint64_t address,
                         uint64_t size)
{
    uint64_t arg[6] = {given[0], given[1], given[2], given[3]};
    assert_int_equal(fake_call(call, vcpu, arg), -XEN_EFAULT);
    assert_int_equal(fake.refusal.status, STATUS_FAULT);
    assert_int_equal(fake.refusal.about.address, address);
    assert_int_equal(fake.refusal.about.size, size);
}

#define ARGUMENTS(...) ((const uint64_t[4]){__VA_ARGS__})

/* ---- numbers ------------------------------------------------------------------------------- */

static void the_type_the_count_and_the_command_are_said(void **state)
{
    (void)state;
    static const struct {
        fake_call_fn call;
        uint64_t arg[4];
        enum status status;
        const char *noun;
        uint64_t number;
    } cases[] = {
        {call_vm_assist, {VMASST_CMD_enable, 6}, STATUS_NO_ASSIST, "type", 6},
        {call_vm_assist, {9, VMASST_TYPE_m2p_strict}, STATUS_UNKNOWN_COMMAND, NULL, 9},
        {call_set_gdt, {FAKE_ARGUMENTS, 7169}, STATUS_TOO_MANY_DESCRIPTORS, "count", 7169},
        {call_update_va_mapping_otherdomain,
         {FAKE_VA(5), 0, 0, NOBODY},
         STATUS_NO_DOMAIN,
         "domain",
         NOBODY},
        {call_mmuext_op, {FAKE_ARGUMENTS, 1, 0, NOBODY}, STATUS_NO_DOMAIN, "domain", NOBODY},
        {call_mmu_update, {FAKE_ARGUMENTS, 1, 0, NOBODY}, STATUS_NO_DOMAIN, "domains", NOBODY},
        {call_memory_op,
         {XENMEM_maximum_ram_page | CONTINUED},
         STATUS_NOT_CONTINUED,
         "command",
         XENMEM_maximum_ram_page | CONTINUED},
        {call_memory_op, {63}, STATUS_UNKNOWN_COMMAND, NULL, 63},
        {call_grant_table_op, {99, FAKE_ARGUMENTS, 1}, STATUS_UNKNOWN_COMMAND, NULL, 99},
        {call_grant_table_op,
         {GNTTABOP_query_size, FAKE_ARGUMENTS, 2},
         STATUS_GRANT_ONE_ELEMENT,
         "count",
         2},
        {call_grant_table_op,
         {GNTTABOP_copy, FAKE_ARGUMENTS, UINT32_C(0x80000005)},
         STATUS_GRANT_COUNT,
         "count",
         UINT32_C(0x80000005)},
        {call_grant_table_op,
         {0x1000 | GNTTABOP_copy, FAKE_ARGUMENTS, 1},
         STATUS_NOT_CONTINUED,
         "command",
         0x1000 | GNTTABOP_copy},
        {call_grant_table_op,
         {GNTTABOP_cache_flush, FAKE_ARGUMENTS, 1},
         STATUS_GRANT_NO_CACHE_FLUSH,
         "count",
         1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect_number(vcpu, cases[i].call, cases[i].arg, cases[i].status, cases[i].noun,
                      cases[i].number);
    }
}

static void expect_version(uint32_t version, enum status status)
{
    struct gnttab_set_version request = {.version = version};
    put(&request, sizeof(request));
    expect_number(vcpu, call_grant_table_op, ARGUMENTS(GNTTABOP_set_version, FAKE_ARGUMENTS, 1),
                  status, "version", version);
}

static void the_version_of_grant_tables_is_said(void **state)
{
    (void)state;
    expect_version(2, STATUS_GRANT_VERSION_2);
    expect_version(3, STATUS_GRANT_NO_VERSION);
}

static void expect_mmuext(struct vcpu *caller, struct mmuext_op op, uint16_t owner,
                          enum status status, const char *noun, uint64_t number)
{
    put(&op, sizeof(op));
    expect_number(caller, call_mmuext_op, ARGUMENTS(FAKE_ARGUMENTS, 1, 0, owner), status, noun,
                  number);
}

static void what_is_wrong_with_an_operation_is_said(void **state)
{
    (void)state;
    struct mmuext_op op = {.cmd = MMUEXT_SET_LDT, .arg1.linear_addr = FAKE_VA(0)};
    op.arg2.nr_ents = 8193;
    expect_mmuext(vcpu, op, DOMID_SELF, STATUS_TOO_MANY_DESCRIPTORS, "count", 8193);
    op.arg2.nr_ents = 1;
    op.arg1.linear_addr = FAKE_VA(0) + 8;
    expect_mmuext(vcpu, op, DOMID_SELF, STATUS_LDT_NOT_ALIGNED, "base", FAKE_VA(0) + 8);
    op.arg1.linear_addr = HYPERVISOR_VIRT_START;
    expect_mmuext(vcpu, op, DOMID_SELF, STATUS_BAD_ADDRESS, "base", HYPERVISOR_VIRT_START);
    op = (struct mmuext_op){.cmd = MMUEXT_FLUSH_CACHE};
    expect_mmuext(vcpu, op, other->id, STATUS_OWN_ONLY, "domain", other->id);
    expect_mmuext(plain, op, DOMID_SELF, STATUS_NO_CACHE_RIGHT, "domain", other->id);
    op.cmd = MMUEXT_FLUSH_CACHE_GLOBAL;
    expect_mmuext(plain, op, DOMID_SELF, STATUS_NO_GLOBAL_CACHE_RIGHT, "domain", other->id);
    op.cmd = MMUEXT_MARK_SUPER;
    op.arg1.mfn = guest.pages[0].value;
    expect_mmuext(vcpu, op, DOMID_SELF, STATUS_NO_SUPERPAGES, "frame", guest.pages[0].value);
    op.cmd = 99;
    expect_mmuext(vcpu, op, DOMID_SELF, STATUS_UNKNOWN_COMMAND, "command", 99);
}

static void expect_update(struct vcpu *caller, uint64_t place, uint32_t owners, enum status status,
                          const char *noun, uint64_t number)
{
    struct mmu_update request = {.ptr = place};
    put(&request, sizeof(request));
    expect_number(caller, call_mmu_update, ARGUMENTS(FAKE_ARGUMENTS, 1, 0, owners), status, noun,
                  number);
}

static void the_domain_that_an_update_may_not_be_for_is_said(void **state)
{
    (void)state;
    struct domain *third = fake_domain(8, 1);
    struct domain *idle = fake_domain(9, 0);
    uint64_t place = guest.pages[0].value << PAGE_SHIFT;
    uint32_t for_other = (other->id + 1U) << 16;
    uint32_t for_idle = (idle->id + 1U) << 16;
    expect_update(vcpu, place | 5, DOMID_SELF, STATUS_UNKNOWN_COMMAND, "command", 5);
    expect_update(plain, place, domain->id, STATUS_NOT_PERMITTED, "domain", domain->id);
    expect_update(plain, place, (1U << 16) | DOMID_SELF, STATUS_NOT_PERMITTED, "domain", 0);
    expect_update(vcpu, place, for_other | third->id, STATUS_THIRD_DOMAIN, "domain", third->id);
    expect_update(vcpu, place | MMU_MACHPHYS_UPDATE, for_other | DOMID_SELF, STATUS_OWN_ONLY,
                  "domain", other->id);
    expect_update(vcpu, place, for_idle | DOMID_SELF, STATUS_NO_VCPU, "domains",
                  for_idle | DOMID_SELF);
}

static void a_descriptors_address_is_not_called_a_bad_descriptor(void **state)
{
    (void)state;
    uint64_t address = (guest.pages[0].value << PAGE_SHIFT) + 4;
    uint64_t arg[6] = {address};
    assert_int_equal(fake_call(call_update_descriptor, vcpu, arg), -XEN_EINVAL);
    assert_int_equal(fake.refusal.status, STATUS_DESCRIPTOR_NOT_ALIGNED);
    assert_int_equal(fake.refusal.about.address, address);
}

/* ---- memory -------------------------------------------------------------------------------- */

static void what_is_wrong_with_a_reservation_is_said(void **state)
{
    (void)state;
    static const struct {
        struct xen_memory_reservation reservation;
        enum status status;
        const char *noun;
        uint64_t number;
    } cases[] = {
        {{.nr_extents = UINT64_C(1) << 26, .domid = DOMID_SELF},
         STATUS_TOO_MANY_EXTENTS,
         "count",
         UINT64_C(1) << 26},
        {{.nr_extents = 1, .extent_order = 10, .domid = DOMID_SELF},
         STATUS_EXTENT_TOO_LARGE,
         "order",
         10},
        {{.nr_extents = 1, .mem_flags = XENMEMF_populate_on_demand, .domid = DOMID_SELF},
         STATUS_NOT_ON_DEMAND,
         "flags",
         XENMEMF_populate_on_demand},
        {{.nr_extents = 1, .mem_flags = XENMEMF_exact_node(3), .domid = DOMID_SELF},
         STATUS_NO_NODE,
         "flags",
         XENMEMF_exact_node(3)},
        {{.nr_extents = 1, .domid = NOBODY}, STATUS_NO_DOMAIN, "domain", NOBODY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        put(&cases[i].reservation, sizeof(cases[i].reservation));
        assert_int_equal(do_memory_op(vcpu, XENMEM_populate_physmap, FAKE_ARGUMENTS), 0);
        assert_int_equal(fake.refusal.status, cases[i].status);
        assert_string_equal(fake.refusal.about.noun, cases[i].noun);
        assert_int_equal(fake.refusal.about.number, cases[i].number);
    }
}

static void expect_exchange(struct xen_memory_exchange exchange, enum status status,
                            const char *noun, uint64_t number)
{
    uint64_t list = LIST;
    memcpy(&exchange.in.extent_start, &list, sizeof(list));
    memcpy(&exchange.out.extent_start, &list, sizeof(list));
    put(&exchange, sizeof(exchange));
    expect_number(vcpu, call_memory_op, ARGUMENTS(XENMEM_exchange, FAKE_ARGUMENTS), status, noun,
                  number);
}

static void what_is_wrong_with_an_exchange_is_said(void **state)
{
    (void)state;
    const struct xen_memory_exchange good = {
        .in = {.nr_extents = 1, .domid = DOMID_SELF},
        .out = {.nr_extents = 1, .domid = DOMID_SELF},
    };
    struct xen_memory_exchange bad = good;
    bad.out.extent_order = 10;
    expect_exchange(bad, STATUS_EXTENT_TOO_LARGE, "order", 10);
    bad = good;
    bad.nr_exchanged = 2;
    expect_exchange(bad, STATUS_EXCHANGE_DONE, "nr_exchanged", 2);
    bad = good;
    bad.out.domid = other->id;
    expect_exchange(bad, STATUS_EXCHANGE_OWNERS, "domain", other->id);
    bad = good;
    bad.out.nr_extents = 2;
    expect_exchange(bad, STATUS_EXCHANGE_UNEQUAL, "count", 2);
    bad = good;
    bad.out.mem_flags = XENMEMF_exact_node(3);
    expect_exchange(bad, STATUS_NO_NODE, "flags", XENMEMF_exact_node(3));
    bad = good;
    bad.in.domid = NOBODY;
    bad.out.domid = NOBODY;
    expect_exchange(bad, STATUS_NO_DOMAIN, "domain", NOBODY);
    bad = good;
    bad.out.mem_flags = XENMEMF_address_bits(12);
    expect_exchange(bad, STATUS_NO_MEMORY, "order", 0);
}

static void expect_resource(struct xen_mem_acquire_resource request, enum status status,
                            const char *noun, uint64_t number)
{
    put(&request, sizeof(request));
    expect_number(vcpu, call_memory_op, ARGUMENTS(XENMEM_acquire_resource, FAKE_ARGUMENTS), status,
                  noun, number);
}

static void what_is_wrong_with_a_resource_is_said(void **state)
{
    (void)state;
    assert_int_equal(grant_table_create(other, 2, 2), STATUS_OK);
    const struct xen_mem_acquire_resource good = {
        .domid = other->id, .type = XENMEM_resource_grant_table, .nr_frames = 1};
    struct xen_mem_acquire_resource bad = good;
    bad.pad = 5;
    expect_resource(bad, STATUS_PADDING, "padding", 5);
    bad = good;
    bad.frame = UINT32_MAX;
    expect_resource(bad, STATUS_RESOURCE_RANGE, "first frame", UINT32_MAX);
    bad = good;
    bad.domid = NOBODY;
    expect_resource(bad, STATUS_NO_DOMAIN, "domain", NOBODY);
    bad = good;
    bad.type = XENMEM_resource_ioreq_server;
    expect_resource(bad, STATUS_NO_RESOURCE, "type", XENMEM_resource_ioreq_server);
    bad = good;
    bad.id = XENMEM_resource_grant_table_id_status;
    expect_resource(bad, STATUS_RESOURCE_ID, "id", XENMEM_resource_grant_table_id_status);
    expect_resource(good, STATUS_RESOURCE_COUNT, "count", 1); /* without a list */
}

static void what_is_for_other_domains_memory_is_said(void **state)
{
    (void)state;
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign};
    put(&add, sizeof(add));
    expect_number(vcpu, call_memory_op, ARGUMENTS(XENMEM_add_to_physmap, FAKE_ARGUMENTS),
                  STATUS_NEEDS_BATCH, "space", XENMAPSPACE_gmfn_foreign);
    struct xen_add_to_physmap_batch batch = {.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_range};
    put(&batch, sizeof(batch));
    expect_number(vcpu, call_memory_op, ARGUMENTS(XENMEM_add_to_physmap_batch, FAKE_ARGUMENTS),
                  STATUS_BATCH_OF_RANGE, "space", XENMAPSPACE_gmfn_range);
    struct xen_vnuma_topology_info nodes = {.domid = DOMID_SELF};
    put(&nodes, sizeof(nodes));
    expect_number(vcpu, call_memory_op, ARGUMENTS(XENMEM_get_vnumainfo, FAKE_ARGUMENTS),
                  STATUS_NO_VIRTUAL_NODES, "domain", DOMID_SELF);
}

/* ---- bytes --------------------------------------------------------------------------------- */

static void the_bytes_that_cannot_be_reached_are_said(void **state)
{
    (void)state;
    static const struct {
        fake_call_fn call;
        uint64_t arg[4];
        uint64_t size;
        uint64_t address; /* 0: UNMAPPED */
    } cases[] = {
        {call_set_gdt, {UNMAPPED, 1024}, 2 * sizeof(uint64_t), 0},
        {call_mmuext_op,
         {HYPERVISOR_VIRT_START, 3, 0, DOMID_SELF},
         3 * sizeof(struct mmuext_op),
         HYPERVISOR_VIRT_START},
        {call_mmuext_op, {UNMAPPED, 3, 0, DOMID_SELF}, sizeof(struct mmuext_op), 0},
        {call_mmu_update,
         {HYPERVISOR_VIRT_START, 3, 0, DOMID_SELF},
         3 * sizeof(struct mmu_update),
         HYPERVISOR_VIRT_START},
        {call_mmu_update, {UNMAPPED, 3, 0, DOMID_SELF}, sizeof(struct mmu_update), 0},
        {call_update_va_mapping, {FAKE_VA(5), 0, UNMAPPED | UVMF_TLB_FLUSH}, sizeof(uint64_t), 0},
        {call_memory_op, {XENMEM_exchange, UNMAPPED}, sizeof(struct xen_memory_exchange), 0},
        {call_memory_op, {XENMEM_current_reservation, UNMAPPED}, sizeof(domid_t), 0},
        {call_memory_op,
         {XENMEM_acquire_resource, UNMAPPED},
         sizeof(struct xen_mem_acquire_resource),
         0},
        {call_memory_op,
         {XENMEM_machphys_mfn_list, UNMAPPED},
         sizeof(struct xen_machphys_mfn_list),
         0},
        {call_memory_op, {XENMEM_add_to_physmap, UNMAPPED}, sizeof(struct xen_add_to_physmap), 0},
        {call_grant_table_op,
         {GNTTABOP_copy, HYPERVISOR_VIRT_START, 3},
         3 * sizeof(struct gnttab_copy),
         HYPERVISOR_VIRT_START},
        {call_grant_table_op, {GNTTABOP_copy, UNMAPPED, 3}, sizeof(struct gnttab_copy), 0},
        {call_grant_table_op,
         {GNTTABOP_get_version, UNMAPPED, 1},
         sizeof(struct gnttab_get_version),
         0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect_bytes(cases[i].call, cases[i].arg,
                     cases[i].address != 0 ? cases[i].address : UNMAPPED, cases[i].size);
    }
}

static void the_bytes_of_a_bitmap_and_of_lists_are_said(void **state)
{
    (void)state;
    uint64_t nowhere = UNMAPPED;
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_MULTI};
    memcpy(&op.arg2.vcpumask, &nowhere, sizeof(nowhere));
    put(&op, sizeof(op));
    uint64_t arg[6] = {FAKE_ARGUMENTS, 1, 0, DOMID_SELF};
    assert_int_equal(fake_call(call_mmuext_op, vcpu, arg), -XEN_EINVAL);
    assert_int_equal(fake.refusal.status, STATUS_NO_BITMAP);
    assert_int_equal(fake.refusal.about.address, UNMAPPED);
    assert_int_equal(fake.refusal.about.size, sizeof(uint64_t));

    struct xen_memory_exchange exchange = {.in = {.nr_extents = 2, .domid = DOMID_SELF},
                                           .out = {.nr_extents = 2, .domid = DOMID_SELF}};
    memcpy(&exchange.in.extent_start, &nowhere, sizeof(nowhere));
    memcpy(&exchange.out.extent_start, &nowhere, sizeof(nowhere));
    put(&exchange, sizeof(exchange));
    expect_bytes(call_memory_op, ARGUMENTS(XENMEM_exchange, FAKE_ARGUMENTS), UNMAPPED,
                 sizeof(uint64_t));
    uint64_t hole = HYPERVISOR_VIRT_START;
    memcpy(&exchange.in.extent_start, &hole, sizeof(hole));
    put(&exchange, sizeof(exchange));
    expect_bytes(call_memory_op, ARGUMENTS(XENMEM_exchange, FAKE_ARGUMENTS), HYPERVISOR_VIRT_START,
                 2 * sizeof(uint64_t));

    struct gnttab_setup_table table = {.dom = DOMID_SELF, .nr_frames = 2};
    memcpy(&table.frame_list, &hole, sizeof(hole));
    put(&table, sizeof(table));
    expect_bytes(call_grant_table_op, ARGUMENTS(GNTTABOP_setup_table, FAKE_ARGUMENTS, 1),
                 HYPERVISOR_VIRT_START, 2 * sizeof(uint64_t));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_type_the_count_and_the_command_are_said),
        TEST(the_version_of_grant_tables_is_said),
        TEST(what_is_wrong_with_an_operation_is_said),
        TEST(the_domain_that_an_update_may_not_be_for_is_said),
        TEST(a_descriptors_address_is_not_called_a_bad_descriptor),
        TEST(what_is_wrong_with_a_reservation_is_said),
        TEST(what_is_wrong_with_an_exchange_is_said),
        TEST(what_is_wrong_with_a_resource_is_said),
        TEST(what_is_for_other_domains_memory_is_said),
        TEST(the_bytes_that_cannot_be_reached_are_said),
        TEST(the_bytes_of_a_bitmap_and_of_lists_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
