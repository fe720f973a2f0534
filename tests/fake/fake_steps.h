/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations of many steps, and the machine they are for: two domains with large trees and grant
 * tables, of which the first controls the second. What is made is the call as it is before anybody
 * executes it; who resumes it, gives it up or destroys its domain is the test's affair.
 */
#ifndef TESTS_FAKE_STEPS_H
#define TESTS_FAKE_STEPS_H

#include "tests/fake/fake_grants.h"
#include "tests/fake/fake_machine.h"

#define FAKE_STEPS_FRAMES 256U
#define FAKE_EXTENTS      6U /* elements of a batch */

struct fake_steps {
    struct domain *domain;
    struct domain *other;
    struct vcpu *vcpu;
    struct vcpu *second; /* of the same domain */
    struct fake_guest guest;
    struct fake_guest other_guest;
    mfn_t wide;             /* a tree with three L3, six L2 and twelve L1 tables */
    mfn_t other_wide;       /* the same, of the other domain */
    struct fake_tree spare; /* small trees for what comes between */
    struct fake_tree second_spare;
    mfn_t shared_info;    /* of `domain` */
    uint64_t free_before; /* frames that were free before there was `domain` */
};
extern struct fake_steps steps;

/* A new machine. */
void fake_steps_start(void);

struct fake_request {
    fake_call_fn call;
    uint64_t arg[6];
};
typedef struct fake_request (*fake_make_fn)(void);

struct fake_operation {
    const char *name;
    fake_make_fn make;
    unsigned int stops;  /* at least */
    bool is_one_element; /* given up, it has happened or it has not */
    bool changes_other;  /* what it does to the other domain outlives its own */
};
extern const struct fake_operation fake_operations[];
extern const unsigned int fake_operation_count;

/* Pages of arguments; the operations use the first few. */
uint8_t *fake_argument_page(unsigned int page);

#endif
