/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/mmu/execute.h"

#include <string.h>

#include "tests/fuzz/mmu/domains.h"
#include "tests/fuzz/mmu/input.h"
#include "tests/fuzz/mmu/model.h"
#include "tests/fuzz/mmu/mortal.h"
#include "tests/fuzz/mmu/operation.h"

#define PATIENCE        40U   /* executions before a call is given up that others may block */
#define EXECUTION_LIMIT 3000U /* executions in which a call that nobody blocks is done */

static bool was_disturbed; /* something came between the executions of this operation */

/* Can somebody else's unfinished work keep this vCPU waiting? */
static bool may_be_blocked(const struct vcpu *vcpu)
{
    for (unsigned int i = 0; i < 4; i++) {
        const struct vcpu *other = domains[i / 2]->vcpus[i % 2];
        if (other != vcpu && other->walk.mode != PT_WALK_NONE) {
            return true;
        }
    }
    return false;
}

static void disturb(const struct operation *operation, unsigned int choice)
{
    if (choice >= 240 && operation->vcpu->domain == domains[0]) {
        mortal_destroy();
    } else {
        run_operation(1);
    }
}

/* Execute until there is an answer. False: given up. */
static bool execute(struct operation *operation, int64_t *answer)
{
    for (unsigned int executions = 1;; executions++) {
        pick_yield();
        fake.cpu = vcpu_cpu(operation->vcpu);
        struct call_result result =
            fake_call_once(operation->call, operation->vcpu, operation->arg);
        *answer = result.value;
        if (!result.again) {
            assert_int_not_equal(operation->vcpu->walk.mode, PT_WALK_RELEASE);
            return true;
        }
        bool blocked = may_be_blocked(operation->vcpu);
        unsigned int choice = take_byte();
        if (choice >= 248 || (blocked && executions > PATIENCE)) {
            was_disturbed = true;
            return false;
        }
        assert_true(blocked || executions < EXECUTION_LIMIT);
        if (operation->depth == 0 && choice >= 160) {
            was_disturbed = true;
            disturb(operation, choice);
        }
    }
}

/* Both do it, or after a disturbance only core; then the model starts anew as soon as it can. */
static void finish(const struct operation *operation, bool answered, int64_t answer)
{
    if (model_follows() && !was_disturbed && answered) {
        struct reference_caller caller = mirror_caller(&model, operation->vcpu);
        assert_int_equal(answer, operation->ask_model(operation, caller));
        mirror_compare(&model, operation->name);
        if (!mirror_is_settled()) {
            model_lose();
        }
    } else {
        model_catch_up();
    }
}

/* What is refused is explained. (Grant operations and reservations answer 0 or a count; a command
 * that is missing, the hypervisor explains.) */
static void check_explained(int64_t answer, unsigned int refusals)
{
    if (answer < 0 && answer != -XEN_ENOSYS) {
        assert_true(fake.refusal.count > refusals);
    }
}

void run_operation(unsigned int depth)
{
    typedef void (*make_fn)(struct operation * operation);
    static const make_fn makers[] = {make_update,   make_update,     make_update,
                                     make_extended, make_extended,   make_va_mapping,
                                     make_gdt,      make_descriptor, make_reservation,
                                     make_grants,   make_grants,     make_grants};
    struct operation operation = {
        .vcpu = pick_vcpu(), .depth = depth, .arg = {arguments_at(depth), arguments_at(depth)}};
    makers[pick(ARRAY_SIZE(makers))](&operation);
    int64_t answer;
    if (depth == 0) {
        was_disturbed = false;
        memset(fake.buffers[1].bytes, 0xee, fake.buffers[1].size);
    }
    unsigned int refusals = fake.refusal.count;
    bool answered = execute(&operation, &answer);
    operation_trace(&operation, answered, answer);
    if (depth > 0) {
        return;
    }
    if (answered) {
        check_explained(answer, refusals);
    }
    finish(&operation, answered, answer);
}

void settle(void)
{
    fake_yield_never();
    for (unsigned int i = 0; i < 8; i++) {
        struct vcpu *vcpu = domains[(i / 2) % 2]->vcpus[i % 2];
        const struct pt_walk *walk = &vcpu->walk;
        if (vcpu->domain->is_dying || walk->mode == PT_WALK_NONE) {
            continue;
        }
        struct mmuext_op op;
        memset(&op, 0, sizeof(op));
        uint16_t owner = walk->domain == vcpu->domain ? DOMID_SELF : walk->domain->id;
        op.cmd = (uint32_t)fake_frame(walk->stack[0])->type - FRAME_L1 + MMUEXT_PIN_L1_TABLE;
        op.arg1.mfn = walk->stack[0].value;
        memcpy(argument_bytes(0, 0), &op, sizeof(op));
        uint64_t arg[6] = {arguments_at(0), 1, 0, owner};
        fake.cpu = vcpu_cpu(vcpu);
        (void)fake_call_once(call_mmuext_op, vcpu, arg);
    }
    mortal_revive();
    if (!model_follows() && !domains[1]->is_dying) {
        model_catch_up();
        assert_true(model_follows());
    }
}
