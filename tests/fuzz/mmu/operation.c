/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/mmu/operation.h"

#include "tests/fuzz/mmu/trace.h"

#define BUFFER_PAGES 8U /* of arguments, at each depth */

uint64_t arguments_at(unsigned int depth)
{
    return FAKE_ARGUMENTS + depth * BUFFER_PAGES * PAGE_SIZE;
}

uint8_t *argument_bytes(unsigned int depth, size_t page)
{
    return fake.buffers[0].bytes + (depth * BUFFER_PAGES + page) * PAGE_SIZE;
}

void operation_check_done(const struct operation *operation, uint32_t expected)
{
    if (operation->depth == 0) {
        assert_int_equal(fake_done(), expected == UINT32_MAX ? 0xeeeeeeee : expected);
    }
}

void operation_trace(const struct operation *operation, bool answered, int64_t answer)
{
    const struct vcpu *vcpu = operation->vcpu;
    trace("%*sd%uv%u %s %#llx %#llx %#llx %#llx: ", (int)(4 * operation->depth), "",
          vcpu->domain->id, vcpu->id, operation->name, (unsigned long long)operation->arg[0],
          (unsigned long long)operation->arg[1], (unsigned long long)operation->arg[2],
          (unsigned long long)operation->arg[3]);
    trace(answered ? "%lld\n" : "given up\n", (long long)answer);
    bool is_update = operation->call == call_mmu_update;
    bool is_extended = operation->call == call_mmuext_op;
    for (unsigned int i = 0; (is_update || is_extended) && i < operation->count; i++) {
        const struct mmu_update *update = &operation->updates[i];
        const struct mmuext_op *op = &operation->ops[i];
        trace("%*s%#llx %#llx\n", (int)(4 * operation->depth + 2), "",
              is_update ? (unsigned long long)update->ptr : op->cmd,
              (unsigned long long)(is_update ? update->val : op->arg1.mfn));
    }
}
