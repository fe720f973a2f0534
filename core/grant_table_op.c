/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grant_table_op(command, elements, count): the hypercall (xen/grant_table.h). An array of
 * elements, each with a status of its own; the call itself answers 0 even if all of them are
 * refused. A long one is interrupted between two elements, with the array and the count moved on.
 */
#include "core/grant_op.h"
#include "core/mmu_call.h"
#include "core/port.h"
#include "core/pt_validate.h"
#include "core/pte_update.h"
#include "lib/string.h"

#define COMMAND_MASK  UINT32_C(0xfff) /* above it: where a continued cache_flush goes on */
#define COUNT_INVALID UINT32_C(0x80000000)

struct operation {
    enum status (*perform)(struct grant_call *call, union grant_element *element);
    const char *name;
    uint32_t size;
    uint32_t status_offset;
    bool is_single; /* no array: a count other than 1 is refused */
};

#define ELEMENT(type) sizeof(struct type), offsetof(struct type, status)

static const struct operation operations[] = {
    [GNTTABOP_map_grant_ref] = {grant_map, "grant map", ELEMENT(gnttab_map_grant_ref), false},
    [GNTTABOP_unmap_grant_ref] = {grant_unmap, "grant unmap", ELEMENT(gnttab_unmap_grant_ref),
                                  false},
    [GNTTABOP_setup_table] = {grant_setup_table, "grant table set-up", ELEMENT(gnttab_setup_table),
                              true},
    [GNTTABOP_transfer] = {grant_transfer, "grant transfer", ELEMENT(gnttab_transfer), false},
    [GNTTABOP_copy] = {grant_copy, "grant copy", ELEMENT(gnttab_copy), false},
    [GNTTABOP_query_size] = {grant_query_size, "grant table query", ELEMENT(gnttab_query_size),
                             true},
    [GNTTABOP_unmap_and_replace] = {grant_unmap_and_replace, "grant unmap and replace",
                                    ELEMENT(gnttab_unmap_and_replace), false},
    [GNTTABOP_get_status_frames] = {grant_get_status_frames, "grant status frames",
                                    ELEMENT(gnttab_get_status_frames), true},
    [GNTTABOP_swap_grant_ref] = {grant_swap, "grant swap", ELEMENT(gnttab_swap_grant_ref), false},
};

static const struct operation *find_operation(uint32_t command)
{
    if (command >= ARRAY_SIZE(operations)) {
        return NULL;
    }
    const struct operation *operation = &operations[index_nospec(command, ARRAY_SIZE(operations))];
    return operation->perform != NULL ? operation : NULL;
}

/* One element: read, done, and its status written. False: guest memory cannot be read or written.
 */
static bool perform(struct grant_call *call, const struct operation *operation, uint64_t address)
{
    union grant_element element;
    if (!port_copy_from_guest(&element, address, operation->size)) {
        return false;
    }
    call->about = (struct refusal){.what = operation->name};
    enum status status = operation->perform(call, &element);
    if (UNLIKELY(status == STATUS_FAULT)) {
        return false;
    }
    if (UNLIKELY(status != STATUS_OK)) {
        port_explain_refusal(call->vcpu, status, &call->about);
    }
    int16_t number = status_to_grant(status);
    memcpy((uint8_t *)&element + operation->status_offset, &number, sizeof(number));
    return port_copy_to_guest(address, &element, operation->size);
}

static struct call_result run(struct vcpu *vcpu, uint32_t command, uint64_t arg[])
{
    const struct operation *operation = find_operation(command);
    uint32_t left = (uint32_t)arg[2];
    if (operation == NULL) {
        return call_status(STATUS_UNKNOWN_COMMAND); /* our caller says so, once */
    }
    if (operation->is_single && left != 1) {
        return call_refuse(vcpu, STATUS_BAD_ARGUMENT, operation->name, left);
    }
    if (!address_range_is_guest(arg[1], (uint64_t)left * operation->size)) {
        return call_refuse(vcpu, STATUS_FAULT, operation->name, arg[1]);
    }
    struct grant_call call = {.vcpu = vcpu};
    struct call_result result = call_done(0);
    while (left > 0) {
        if (!perform(&call, operation, arg[1])) {
            result = call_refuse(vcpu, STATUS_FAULT, operation->name, arg[1]);
            break;
        }
        left--;
        arg[1] += operation->size;
        arg[2] = left;
        if (call.ended_count == GRANT_ENDED_LIMIT) {
            grant_finish_unmaps(&call);
        }
        if (left > 0 && port_should_yield()) {
            result = call_again();
            break;
        }
    }
    grant_finish_unmaps(&call);
    return result;
}

struct call_result call_grant_table_op(struct vcpu *vcpu, uint64_t arg[])
{
    uint32_t command = (uint32_t)arg[0];
    CHECK(vcpu->domain->grants != NULL);
    if (UNLIKELY(!pt_begin_call(vcpu, vcpu->domain))) {
        return call_again();
    }
    bool continues = (command & ~COMMAND_MASK) != 0;
    if (((uint32_t)arg[2] & COUNT_INVALID) != 0 ||
        (continues && (command & COMMAND_MASK) != GNTTABOP_cache_flush)) {
        return call_refuse(vcpu, STATUS_BAD_ARGUMENT, "grant_table_op", command);
    }
    enum status status;
    switch (command & COMMAND_MASK) {
    case GNTTABOP_cache_flush:
        status = STATUS_UNSUPPORTED;
        break;
    case GNTTABOP_set_version:
        status = grant_set_version(vcpu, arg[1]);
        break;
    case GNTTABOP_get_version:
        status = grant_get_version(vcpu, arg[1]);
        break;
    default:
        return run(vcpu, command, arg);
    }
    return status == STATUS_OK ? call_done(0)
                               : call_refuse(vcpu, status, "grant_table_op", command);
}
