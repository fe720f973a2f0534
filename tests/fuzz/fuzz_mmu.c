/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams of MMU and grant operations of two domains with two vCPUs each; the second may be
 * destroyed and made anew. The input chooses the operations, their arguments, where they are
 * interrupted, and what comes between. After each execution the audit is clean and no CPU remembers
 * what it must not (fake_call_once()); after each operation that nothing came between, the answer
 * and the whole state are those of the reference model.
 *
 * In mmu/: input.c turns bytes into choices. domains.c has the machine with both domains, mortal.c
 * the second one's end and return. operation.c says what an operation is; its kinds, each with what
 * the model is asked, are in tables.c, descriptors.c, reservation.c and grants.c. execute.c runs
 * one and compares; model.c has the model and knows whether it can be compared. guest.c is what
 * guests do that is no operation, and trace.c what is said of it all.
 *
 * With FUZZ_TRACE in the environment it says what an input does: FUZZ_TRACE=1 build/fuzz/mmu FILE.
 */
#include <stdlib.h>

#include "tests/fuzz/mmu/domains.h"
#include "tests/fuzz/mmu/execute.h"
#include "tests/fuzz/mmu/guest.h"
#include "tests/fuzz/mmu/input.h"
#include "tests/fuzz/mmu/model.h"
#include "tests/fuzz/mmu/mortal.h"
#include "tests/fuzz/mmu/trace.h"

#define STEP_LIMIT 100U

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    trace_start();
    return setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed assertion is a crash */
}

/* An operation or an event, each with a share of the byte's values. */
static void step(void)
{
    unsigned int choice = take_byte();
    if (choice < 160) {
        run_operation(0);
    } else if (choice < 200) {
        guest_access();
    } else if (choice < 212) {
        guest_store();
    } else if (choice < 222) {
        guest_use_ldt();
    } else if (choice < 236) {
        guest_write_grant();
    } else if (choice < 240) {
        guest_assist();
    } else if (choice < 244) {
        mortal_destroy();
    } else {
        settle();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_start(data, size);
    domains_start(pick(2) == 0);
    model_catch_up();
    machine.linear_pt = model.linear_tables = size % 2 != 0;
    for (unsigned int i = 0; i < STEP_LIMIT && !input_is_over(); i++) {
        step();
    }
    settle();
    if (model_follows()) {
        mirror_compare(&model, "the end");
    }
    fake_stop();
    return 0;
}
