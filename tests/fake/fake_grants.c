/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fake/fake_grants.h"

#include <string.h>

static void build(struct fake_guest *guest, uint16_t id, unsigned int cpu)
{
    struct domain *domain = fake_domain(id, 1);
    domain->vcpus[0]->cpus = UINT64_C(1) << cpu;
    fake_guest_build(guest, domain);
    assert_int_equal(grant_table_create(domain, FAKE_GRANT_FRAMES, FAKE_MAPTRACK_FRAMES),
                     STATUS_OK);
}

void fake_grants_start(struct fake_grants *grants)
{
    fake_start(512);
    build(&grants->granter, 1, 0);
    build(&grants->mapper, 2, 1);
    build(&grants->other, 3, 2);
    fake.full_flushes = 0;
}

grant_entry_v1_t *fake_grant_entry(const struct fake_guest *granter, uint32_t ref)
{
    assert_true(ref < grant_entry_count(granter->domain->grants));
    return grant_entry(granter->domain->grants, ref);
}

void fake_grant(const struct fake_guest *granter, uint32_t ref, const struct fake_guest *mapper,
                mfn_t mfn, uint16_t flags)
{
    *fake_grant_entry(granter, ref) = (grant_entry_v1_t){
        .flags = flags, .domid = mapper->domain->id, .frame = (uint32_t)mfn.value};
}

int64_t do_grant(struct vcpu *vcpu, unsigned int command, void *elements, size_t size,
                 unsigned int count)
{
    uint8_t *bytes = fake.buffers[0].bytes;
    assert_true(size * count <= fake.buffers[0].size);
    memcpy(bytes, elements, size * count);
    uint64_t arg[6] = {command, FAKE_ARGUMENTS, count};
    int64_t result = fake_call(call_grant_table_op, vcpu, arg);
    memcpy(elements, bytes, size * count);
    return result;
}

/* One element; a refused one explains itself. */
static void do_one(struct vcpu *vcpu, unsigned int command, void *element, size_t size,
                   const int16_t *status)
{
    unsigned int refusals = fake.refusal.count;
    assert_int_equal(do_grant(vcpu, command, element, size, 1), 0);
    assert_int_equal(fake.refusal.count - refusals, *status != GNTST_okay ? 1 : 0);
}

int16_t do_grant_map(struct vcpu *vcpu, struct gnttab_map_grant_ref *map)
{
    map->status = 99;
    do_one(vcpu, GNTTABOP_map_grant_ref, map, sizeof(*map), &map->status);
    return map->status;
}

int16_t do_grant_unmap(struct vcpu *vcpu, uint32_t handle, uint64_t host, uint64_t device)
{
    struct gnttab_unmap_grant_ref unmap = {
        .host_addr = host, .dev_bus_addr = device, .handle = handle, .status = 99};
    do_one(vcpu, GNTTABOP_unmap_grant_ref, &unmap, sizeof(unmap), &unmap.status);
    return unmap.status;
}

int16_t do_grant_replace(struct vcpu *vcpu, uint32_t handle, uint64_t host, uint64_t replacement)
{
    struct gnttab_unmap_and_replace unmap = {
        .host_addr = host, .new_addr = replacement, .handle = handle, .status = 99};
    do_one(vcpu, GNTTABOP_unmap_and_replace, &unmap, sizeof(unmap), &unmap.status);
    return unmap.status;
}

int16_t do_grant_copy(struct vcpu *vcpu, struct gnttab_copy *copy)
{
    copy->status = 99;
    do_one(vcpu, GNTTABOP_copy, copy, sizeof(*copy), &copy->status);
    return copy->status;
}

int16_t do_grant_transfer(struct vcpu *vcpu, mfn_t mfn, uint16_t domain, uint32_t ref)
{
    struct gnttab_transfer transfer = {.mfn = mfn.value, .domid = domain, .ref = ref, .status = 99};
    do_one(vcpu, GNTTABOP_transfer, &transfer, sizeof(transfer), &transfer.status);
    return transfer.status;
}

struct gnttab_map_grant_ref fake_map_of(const struct fake_guest *granter, uint32_t ref,
                                        uint64_t address, uint32_t flags)
{
    return (struct gnttab_map_grant_ref){
        .host_addr = address, .flags = flags, .ref = ref, .dom = granter->domain->id};
}

uint32_t fake_map(struct vcpu *vcpu, const struct fake_guest *granter, uint32_t ref,
                  uint64_t address, uint32_t flags)
{
    struct gnttab_map_grant_ref map = fake_map_of(granter, ref, address, flags);
    assert_int_equal(do_grant_map(vcpu, &map), GNTST_okay);
    return map.handle;
}
