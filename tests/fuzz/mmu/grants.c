/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on grants. */
#include "tests/fuzz/mmu/operation.h"

#include <string.h>

#include "core/grant_table.h"
#include "tests/fuzz/mmu/domains.h"
#include "tests/fuzz/mmu/input.h"
#include "tests/fuzz/mmu/model.h"

static size_t grant_size(uint64_t command)
{
    switch (command) {
    case GNTTABOP_map_grant_ref:
        return sizeof(struct gnttab_map_grant_ref);
    case GNTTABOP_unmap_grant_ref:
        return sizeof(struct gnttab_unmap_grant_ref);
    case GNTTABOP_transfer:
        return sizeof(struct gnttab_transfer);
    default:
        return sizeof(struct gnttab_copy);
    }
}

/* One element; `answer` is what core wrote into it. */
static int16_t ask_grant_one(uint64_t command, const union grant_element *element,
                             struct reference_caller caller, const uint8_t *answer, int16_t *found)
{
    union grant_element answered;
    memcpy(&answered, answer, grant_size(command));
    switch (command) {
    case GNTTABOP_map_grant_ref:
        *found = answered.map.status;
        return (int16_t)reference_grant_map(&model, caller, &element->map, answered.map.handle);
    case GNTTABOP_unmap_grant_ref:
        *found = answered.unmap.status;
        return (int16_t)reference_grant_unmap(&model, caller, &element->unmap);
    case GNTTABOP_transfer:
        *found = answered.transfer.status;
        return (int16_t)reference_grant_transfer(&model, caller, &element->transfer);
    default:
        *found = answered.copy.status;
        return (int16_t)reference_grant_copy(&model, caller, &element->copy);
    }
}

static int64_t ask_grants(const struct operation *operation, struct reference_caller caller)
{
    for (unsigned int i = 0; i < operation->count; i++) {
        const uint8_t *answer =
            argument_bytes(operation->depth, 0) + i * grant_size(operation->command);
        int16_t found;
        int16_t expected =
            ask_grant_one(operation->command, &operation->grants[i], caller, answer, &found);
        assert_int_equal(found, expected);
    }
    return 0;
}

static uint32_t pick_ref(void)
{
    unsigned int choice = take_byte();
    return choice < 240 ? FIRST_REF + choice % REFS : choice % 2 * 511 + choice % 3;
}

/* An empty slot of the guest's L1, or any other address. */
static uint64_t pick_map_address(const struct vcpu *vcpu, bool by_entry)
{
    if (by_entry) {
        return (pick_frame(vcpu->domain, 1).value << PAGE_SHIFT) + pick_index() * sizeof(pte_t) +
               (take_byte() == 255 ? 4 : 0);
    }
    return take_byte() < 200 ? FAKE_VA(40 + pick(4)) : pick_address();
}

static struct gnttab_map_grant_ref pick_map(const struct vcpu *vcpu)
{
    unsigned int choice = take_byte();
    uint32_t flags = choice < 200 ? GNTMAP_host_map : choice % 4;
    flags |= (choice & 1) != 0 ? GNTMAP_readonly : 0;
    flags |= (choice & 6) == 6 ? GNTMAP_device_map : 0;
    flags |= (choice & 24) == 24 ? GNTMAP_contains_pte : 0;
    flags |= (choice & 32) != 0 ? GNTMAP_application_map : 0;
    return (struct gnttab_map_grant_ref){
        .host_addr = pick_map_address(vcpu, (flags & GNTMAP_contains_pte) != 0),
        .flags = flags,
        .ref = pick_ref(),
        .dom = pick_granter(vcpu)};
}

/* A handle that is in use, with the addresses it may have been mapped at. */
static struct gnttab_unmap_grant_ref pick_unmap(const struct vcpu *vcpu)
{
    struct gnttab_unmap_grant_ref op = {.handle = pick(REFERENCE_HANDLES)};
    for (uint32_t i = 0; i < REFERENCE_HANDLES; i++) {
        uint32_t number = (op.handle + i) % REFERENCE_HANDLES;
        const struct grant_handle *handle = grant_handle_find(vcpu->domain->grants, number);
        if (handle != NULL) {
            mfn_t mfn = grant_active(domain_find(handle->granter)->grants, handle->ref)->mfn;
            op.handle = number;
            op.host_addr = take_byte() < 64 ? 0 : pick_map_address(vcpu, handle->is_pte_address);
            op.dev_bus_addr = take_byte() < 128 ? mfn.value << PAGE_SHIFT : pick(2);
            break;
        }
    }
    return op;
}

static struct gnttab_copy_ptr pick_side(const struct vcpu *vcpu, bool is_grant)
{
    struct gnttab_copy_ptr side = {.offset = (uint16_t)(take_byte() * 17)};
    if (is_grant) {
        side.u.ref = pick_ref();
        side.domid = pick_granter(vcpu);
    } else {
        side.u.gmfn = pick_frame(vcpu->domain, pick(5)).value;
        side.domid = take_byte() < 240 ? DOMID_SELF : vcpu->domain->id;
    }
    return side;
}

static void make_grant_one(const struct vcpu *vcpu, uint64_t command, union grant_element *element)
{
    switch (command) {
    case GNTTABOP_map_grant_ref:
        element->map = pick_map(vcpu);
        break;
    case GNTTABOP_unmap_grant_ref:
        element->unmap = pick_unmap(vcpu);
        break;
    case GNTTABOP_transfer:
        element->transfer.mfn = pick_frame(vcpu->domain, pick(5)).value;
        element->transfer.domid = pick_granter(vcpu);
        element->transfer.ref = pick_ref();
        break;
    default:
        element->copy.flags = (uint16_t)pick(4);
        element->copy.source = pick_side(vcpu, (element->copy.flags & GNTCOPY_source_gref) != 0);
        element->copy.dest = pick_side(vcpu, (element->copy.flags & GNTCOPY_dest_gref) != 0);
        element->copy.len = (uint16_t)(take_byte() * 8);
        break;
    }
}

/* The model knows so many handles, and each operation under way may take some. */
static bool has_free_handles(const struct domain *domain)
{
    unsigned int used = 0;
    for (uint32_t i = 0; i < grant_handle_count(domain->grants); i++) {
        used += grant_handle_find(domain->grants, i) != NULL ? 1 : 0;
    }
    return used + 2 * ELEMENTS <= REFERENCE_HANDLES;
}

void make_grants(struct operation *operation)
{
    static const uint64_t commands[] = {GNTTABOP_map_grant_ref,   GNTTABOP_map_grant_ref,
                                        GNTTABOP_unmap_grant_ref, GNTTABOP_unmap_grant_ref,
                                        GNTTABOP_transfer,        GNTTABOP_copy};
    operation->name = "grant_table_op";
    operation->command = commands[pick(ARRAY_SIZE(commands))];
    if (!has_free_handles(operation->vcpu->domain)) {
        operation->command = GNTTABOP_unmap_grant_ref;
    }
    operation->count = pick(4) == 0 ? pick(ELEMENTS + 1) : 1;
    size_t size = grant_size(operation->command);
    for (unsigned int i = 0; i < operation->count; i++) {
        make_grant_one(operation->vcpu, operation->command, &operation->grants[i]);
        memcpy(argument_bytes(operation->depth, 0) + i * size, &operation->grants[i], size);
    }
    operation->call = call_grant_table_op;
    operation->arg[0] = operation->command;
    operation->arg[2] = operation->count;
    operation->ask_model = ask_grants;
}
