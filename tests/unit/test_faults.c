/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fails from outside: in each operation of many steps the n-th access to guest memory, for all
 * n, and each allocation from the n-th on. After every execution the audit finds each reference
 * explained and each frame somebody's (fake_call_once()), and a call that answers an error says
 * why.
 */
#include "tests/fake/fake_steps.h"

#define COPY_LIMIT  400U
#define FRAMES_LEFT 24U

/* False: it does not make that many copies. */
static bool run_with_failing_copy(fake_make_fn make, unsigned int n)
{
    fake_steps_start();
    struct fake_request request = make();
    fake.copies = 0;
    fake.fail_copy_at = n;
    (void)fake_call(request.call, steps.vcpu, request.arg);
    fake.fail_copy_at = 0;
    return fake.copies >= n;
}

static void each_copy_may_fail(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < fake_operation_count; i++) {
        unsigned int n = 1;
        while (run_with_failing_copy(fake_operations[i].make, n)) {
            assert_true(++n < COPY_LIMIT);
        }
        assert_true(n > 1); /* each has arguments in memory */
        print_message("%s: %u copies\n", fake_operations[i].name, n - 1);
    }
    fake_stop();
}

/* Until only `count` frames are free. */
static void use_up_memory(unsigned int count)
{
    while (machine.free_count > count) {
        (void)fake_give(steps.other);
    }
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    unsigned int differences = 0;
    for (unsigned int i = 0; i < fake_operation_count; i++) {
        fake_steps_start();
        struct fake_request request = fake_operations[i].make();
        int64_t with_memory = fake_call(request.call, steps.vcpu, request.arg);
        for (unsigned int left = 0; left < FRAMES_LEFT; left++) {
            fake_steps_start();
            request = fake_operations[i].make();
            use_up_memory(left);
            int64_t answer = fake_call(request.call, steps.vcpu, request.arg);
            differences += answer != with_memory ? 1 : 0;
        }
    }
    assert_true(differences > 0);
    fake_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_copy_may_fail),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
