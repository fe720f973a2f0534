/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An operation: a hypercall with its arguments, and what the model is asked to do the same. It is
 * executed at depth 0, or at depth 1 between the executions of another.
 */
#ifndef TESTS_FUZZ_MMU_OPERATION_H
#define TESTS_FUZZ_MMU_OPERATION_H

#include "tests/fake/fake_machine.h"
#include "tests/model/reference.h"

#define ELEMENTS   4U
#define CODE_DEPTH 2U /* no operation's: its arguments are code to emulate */

struct operation {
    const char *name;
    fake_call_fn call;
    struct vcpu *vcpu;
    uint64_t arg[6];
    /* What the model needs to do the same. */
    int64_t (*ask_model)(const struct operation *operation, struct reference_caller caller);
    unsigned int depth;
    unsigned int count;
    uint32_t word; /* foreign domains */
    uint64_t command;
    unsigned int order;
    struct mmu_update updates[ELEMENTS];
    struct mmuext_op ops[ELEMENTS];
    uint64_t list[ELEMENTS];
    uint64_t pfns[ELEMENTS];
    union grant_element {
        struct gnttab_map_grant_ref map;
        struct gnttab_unmap_grant_ref unmap;
        struct gnttab_transfer transfer;
        struct gnttab_copy copy;
    } grants[ELEMENTS];
};

/* Guest memory for the arguments at this depth, and the bytes of a page of it. */
uint64_t arguments_at(unsigned int depth);
uint8_t *argument_bytes(unsigned int depth, size_t page);

/* The number of elements that core reported is this one; only at depth 0 does it report one. */
void operation_check_done(const struct operation *operation, uint32_t expected);

/* One line, and one for each element of a batch; what came between its executions stands before it,
 * and moved to the right. */
void operation_trace(const struct operation *operation, bool answered, int64_t answer);

/* The kinds. Each takes a vCPU and a depth, chooses the rest, and puts the arguments into place. */
void make_update(struct operation *operation);     /* tables.c */
void make_extended(struct operation *operation);   /* tables.c */
void make_va_mapping(struct operation *operation); /* tables.c */
void make_gdt(struct operation *operation);        /* descriptors.c */
void make_descriptor(struct operation *operation); /* descriptors.c */
void make_reservation(struct operation *operation);
void make_grants(struct operation *operation);

#endif
