/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on page tables. */
#include "tests/fuzz/mmu/operation.h"

#include <string.h>

#include "tests/fuzz/mmu/domains.h"
#include "tests/fuzz/mmu/input.h"
#include "tests/fuzz/mmu/model.h"

/* How many elements, where to report, and whose tables and frames. */
static void set_batch_arguments(struct operation *operation)
{
    operation->arg[1] = operation->count;
    operation->arg[2] = operation->depth == 0 ? FAKE_RESULT : 0;
    operation->arg[3] = operation->word;
}

static int64_t ask_update(const struct operation *operation, struct reference_caller caller)
{
    uint32_t done;
    int answer = reference_mmu_update(&model, caller, operation->updates, operation->count,
                                      operation->word, &done);
    operation_check_done(operation, done);
    return answer;
}

void make_update(struct operation *operation)
{
    operation->name = "mmu_update";
    uint16_t foreign = pick_foreign();
    const struct domain *owner = operation->vcpu->domain;
    operation->word = foreign;
    operation->count = pick(8) == 0 ? pick(ELEMENTS + 1) : 1;
    unsigned int choice = take_byte();
    if (choice >= 240) {
        operation->word |= (choice - 239U) << 16;
        owner = domains[(choice - 240U) & 1];
    }
    for (unsigned int i = 0; i < operation->count; i++) {
        unsigned int level = pick(5);
        mfn_t table = pick_frame(owner, level);
        unsigned int command = take_byte();
        operation->updates[i] = (struct mmu_update){
            .ptr = (table.value << PAGE_SHIFT) + pick_index() * sizeof(pte_t) +
                   (command < 208 ? 0 : command % 5),
            .val = pick_entry(domain_of(operation->vcpu, foreign), level).raw,
        };
    }
    memcpy(argument_bytes(operation->depth, 0), operation->updates, sizeof(operation->updates));
    operation->call = call_mmu_update;
    operation->ask_model = ask_update;
    set_batch_arguments(operation);
}

static int64_t ask_extended(const struct operation *operation, struct reference_caller caller)
{
    uint32_t done;
    int answer = reference_mmuext(&model, caller, operation->ops, operation->count,
                                  (uint16_t)operation->word, &done);
    operation_check_done(operation, done);
    return answer;
}

/* Pins, unpins and changes of bases are three quarters of all. */
static unsigned int pick_command(void)
{
    unsigned int choice = take_byte();
    if (choice < 64) {
        return MMUEXT_PIN_L1_TABLE + choice % 4;
    }
    if (choice < 128) {
        return MMUEXT_UNPIN_TABLE;
    }
    static const unsigned int usual[] = {MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR,
                                         MMUEXT_SET_LDT};
    return choice < 192 ? usual[choice % ARRAY_SIZE(usual)] : choice % 22;
}

static void make_extended_one(struct mmuext_op *op, const struct domain *owner)
{
    memset(op, 0, sizeof(*op));
    op->cmd = pick_command();
    switch (op->cmd) {
    case MMUEXT_SET_LDT:
        op->arg1.linear_addr = take_byte() < 128 ? FAKE_VA(16) : pick_address();
        op->arg1.linear_addr += take_byte() == 255 ? 8 : 0;
        op->arg2.nr_ents = pick(3) * 512 + (take_byte() == 255 ? 8192 : 0);
        break;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI: {
        uint64_t bitmap = FAKE_ARGUMENTS; /* readable, and it does not matter what it says */
        op->arg1.linear_addr = pick_address();
        memcpy(&op->arg2.vcpumask, &bitmap, sizeof(bitmap));
        break;
    }
    case MMUEXT_INVLPG_LOCAL:
    case MMUEXT_INVLPG_ALL:
        op->arg1.linear_addr = pick_address();
        break;
    case MMUEXT_CLEAR_PAGE:
    case MMUEXT_COPY_PAGE:
        op->arg1.mfn = pick_frame(owner, pick(5)).value;
        op->arg2.src_mfn = pick_frame(owner, pick(5)).value;
        break;
    default:
        op->arg1.mfn = pick_frame(owner, op->cmd <= MMUEXT_PIN_L4_TABLE  ? op->cmd + 1
                                         : op->cmd == MMUEXT_UNPIN_TABLE ? PINNED
                                                                         : 4)
                           .value;
        break;
    }
}

void make_extended(struct operation *operation)
{
    operation->name = "mmuext_op";
    operation->word = pick_foreign();
    operation->count = pick(8) == 0 ? pick(ELEMENTS + 1) : 1;
    const struct domain *owner = domain_of(operation->vcpu, (uint16_t)operation->word);
    for (unsigned int i = 0; i < operation->count; i++) {
        make_extended_one(&operation->ops[i], owner);
    }
    memcpy(argument_bytes(operation->depth, 0), operation->ops, sizeof(operation->ops));
    operation->call = call_mmuext_op;
    operation->ask_model = ask_extended;
    set_batch_arguments(operation);
}

static int64_t ask_va_mapping(const struct operation *operation, struct reference_caller caller)
{
    return reference_va_mapping(&model, caller, operation->list[0], operation->list[1]);
}

static int64_t ask_va_mapping_other(const struct operation *operation,
                                    struct reference_caller caller)
{
    return reference_va_mapping_other(&model, caller, operation->list[0], operation->list[1],
                                      (uint16_t)operation->word);
}

void make_va_mapping(struct operation *operation)
{
    uint16_t foreign = pick_foreign();
    bool other = foreign != DOMID_SELF;
    operation->name = "update_va_mapping";
    operation->word = foreign;
    operation->list[0] = pick_address();
    operation->list[1] = pick_entry(domain_of(operation->vcpu, foreign), 1).raw;
    operation->call = other ? call_update_va_mapping_otherdomain : call_update_va_mapping;
    operation->arg[0] = operation->list[0];
    operation->arg[1] = operation->list[1];
    operation->arg[2] = pick(8) % 7; /* 7 would be a bitmap */
    operation->arg[3] = foreign;
    operation->ask_model = other ? ask_va_mapping_other : ask_va_mapping;
}
