/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on descriptor tables. */
#include "tests/fuzz/mmu/operation.h"

#include <string.h>

#include "tests/fuzz/mmu/domains.h"
#include "tests/fuzz/mmu/input.h"
#include "tests/fuzz/mmu/model.h"

static int64_t ask_gdt(const struct operation *operation, struct reference_caller caller)
{
    return reference_set_gdt(&model, caller, operation->list, operation->count);
}

void make_gdt(struct operation *operation)
{
    operation->name = "set_gdt";
    for (unsigned int i = 0; i < ELEMENTS; i++) {
        operation->list[i] = pick_frame(operation->vcpu->domain, DESCRIPTORS).value;
    }
    operation->count = pick(ELEMENTS) * 512 + pick(2);
    memcpy(argument_bytes(operation->depth, 0), operation->list, sizeof(operation->list));
    operation->call = call_set_gdt;
    operation->arg[1] = operation->count;
    operation->ask_model = ask_gdt;
}

static int64_t ask_descriptor(const struct operation *operation, struct reference_caller caller)
{
    return reference_update_descriptor(&model, caller, operation->list[0], operation->list[1]);
}

void make_descriptor(struct operation *operation)
{
    operation->name = "update_descriptor";
    mfn_t mfn = pick_frame(operation->vcpu->domain, pick(DESCRIPTORS + 1));
    operation->list[0] =
        (mfn.value << PAGE_SHIFT) + pick_index() * sizeof(uint64_t) + (take_byte() == 255 ? 4 : 0);
    operation->list[1] = (uint64_t)take_byte() << 40 | take_byte();
    operation->call = call_update_descriptor;
    operation->arg[0] = operation->list[0];
    operation->arg[1] = operation->list[1];
    operation->ask_model = ask_descriptor;
}
