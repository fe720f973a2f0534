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
    const char *noun; /* what an element's number is, as far as its operation does not say */
    uint32_t size;
    uint32_t status_offset;
    bool is_single; /* no array: a count other than 1 is refused */
};

#define ELEMENT(type) sizeof(struct type), offsetof(struct type, status)

static const struct operation operations[] = {
    [GNTTABOP_map_grant_ref] = {grant_map, "grant map", "reference", ELEMENT(gnttab_map_grant_ref),
                                false},
    [GNTTABOP_unmap_grant_ref] = {grant_unmap, "grant unmap", "handle",
                                  ELEMENT(gnttab_unmap_grant_ref), false},
    [GNTTABOP_setup_table] = {grant_setup_table, "grant table set-up", "frame count",
                              ELEMENT(gnttab_setup_table), true},
    [GNTTABOP_transfer] = {grant_transfer, "grant transfer", "frame", ELEMENT(gnttab_transfer),
                           false},
    [GNTTABOP_copy] = {grant_copy, "grant copy", "reference or frame", ELEMENT(gnttab_copy), false},
    [GNTTABOP_query_size] = {grant_query_size, "grant table query", "domain",
                             ELEMENT(gnttab_query_size), true},
    [GNTTABOP_unmap_and_replace] = {grant_unmap_and_replace, "grant unmap and replace", "handle",
                                    ELEMENT(gnttab_unmap_and_replace), false},
    [GNTTABOP_get_status_frames] = {grant_get_status_frames, "grant status frames", "frame count",
                                    ELEMENT(gnttab_get_status_frames), true},
    [GNTTABOP_swap_grant_ref] = {grant_swap, "grant swap", "reference",
                                 ELEMENT(gnttab_swap_grant_ref), false},
};

static const struct operation *find_operation(uint32_t command)
{
    if (command >= ARRAY_SIZE(operations)) {
        return NULL;
    }
    const struct operation *operation = &operations[index_nospec(command, ARRAY_SIZE(operations))];
    return operation->perform != NULL ? operation : NULL;
}

COLD static void explain(struct grant_call *call, const struct operation *operation,
                         enum status status)
{
    call->about.what = operation->name;
    if (call->about.noun == NULL) {
        call->about.noun = operation->noun;
    }
    port_explain_refusal(call->vcpu, status, &call->about);
    call->about = (struct refusal){.what = NULL};
}

/* One element: read, done, and its status written. STATUS_FAULT: guest memory cannot be read or
 * written; call->about says which. */
static enum status perform(struct grant_call *call, const struct operation *operation,
                           uint64_t address)
{
    union grant_element element;
    if (!port_copy_from_guest(&element, address, operation->size)) {
        return refusal_fault(&call->about, address, operation->size);
    }
    call->about.frame = NULL; /* of the element before; its number is always another */
    enum status status = operation->perform(call, &element);
    if (UNLIKELY(status == STATUS_FAULT)) {
        return status;
    }
    if (UNLIKELY(status != STATUS_OK)) {
        explain(call, operation, status);
    }
    int16_t number = status_to_grant(status);
    memcpy((uint8_t *)&element + operation->status_offset, &number, sizeof(number));
    return port_copy_to_guest(address, &element, operation->size)
               ? STATUS_OK
               : refusal_fault(&call->about, address, operation->size);
}

static struct call_result run(struct vcpu *vcpu, uint32_t command, uint64_t arg[])
{
    const struct operation *operation = find_operation(command);
    uint32_t left = (uint32_t)arg[2];
    if (operation == NULL) {
        return call_refuse_unknown(vcpu, __HYPERVISOR_grant_table_op, command);
    }
    if (operation->is_single && left != 1) {
        return call_refuse_number(vcpu, STATUS_GRANT_ONE_ELEMENT, operation->name, "count", left);
    }
    uint64_t size = (uint64_t)left * operation->size;
    if (!address_range_is_guest(arg[1], size)) {
        return call_refuse_memory(vcpu, operation->name, arg[1], size);
    }
    struct grant_call call = {.vcpu = vcpu};
    struct call_result result = call_done(0);
    while (left > 0) {
        if (perform(&call, operation, arg[1]) != STATUS_OK) {
            explain(&call, operation, STATUS_FAULT);
            result = call_status(STATUS_FAULT);
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
    if (((uint32_t)arg[2] & COUNT_INVALID) != 0) {
        return call_refuse_number(vcpu, STATUS_GRANT_COUNT, "grant_table_op", "count",
                                  (uint32_t)arg[2]);
    }
    if (continues && (command & COMMAND_MASK) != GNTTABOP_cache_flush) {
        return call_refuse_number(vcpu, STATUS_NOT_CONTINUED, "grant_table_op", "command", command);
    }
    enum status status;
    struct refusal about;
    switch (command & COMMAND_MASK) {
    case GNTTABOP_cache_flush:
        return call_refuse_number(vcpu, STATUS_GRANT_NO_CACHE_FLUSH, "grant cache flush", "count",
                                  (uint32_t)arg[2]);
    case GNTTABOP_set_version:
        about = (struct refusal){.what = "grant table version"};
        status = grant_set_version(arg[1], &about);
        break;
    case GNTTABOP_get_version:
        about = (struct refusal){.what = "grant table version"};
        status = grant_get_version(vcpu, arg[1], &about);
        break;
    default:
        return run(vcpu, command, arg);
    }
    return status == STATUS_OK ? call_done(0) : call_refuse(vcpu, status, &about);
}
