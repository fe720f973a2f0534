/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of the reservation, and exchanges of frames. */
#include "tests/fuzz/mmu/operation.h"

#include <string.h>

#include <xen/memory.h>

#include "tests/fuzz/mmu/domains.h"
#include "tests/fuzz/mmu/input.h"
#include "tests/fuzz/mmu/model.h"

static int64_t ask_reservation(const struct operation *operation, struct reference_caller caller)
{
    uint64_t got[ELEMENTS];
    memcpy(got, argument_bytes(operation->depth, 1), sizeof(got));
    uint16_t foreign = (uint16_t)operation->word;
    if (operation->command == XENMEM_decrease_reservation) {
        return reference_decrease(&model, caller, foreign, operation->list, operation->count,
                                  operation->order);
    }
    const uint64_t *pfns = operation->command == XENMEM_populate_physmap ? operation->list : NULL;
    return reference_populate(&model, caller, foreign, pfns, got, operation->count,
                              operation->order);
}

static int64_t ask_exchange(const struct operation *operation, struct reference_caller caller)
{
    uint64_t got[ELEMENTS];
    unsigned int done;
    memcpy(got, argument_bytes(operation->depth, 2), sizeof(got));
    int64_t answer = reference_exchange(&model, caller, (uint16_t)operation->word, operation->list,
                                        operation->pfns, got, operation->count, &done);
    struct xen_memory_exchange exchange;
    memcpy(&exchange, argument_bytes(operation->depth, 0), sizeof(exchange));
    assert_int_equal(exchange.nr_exchanged, done);
    return answer;
}

/* The structure both kinds of call begin with: a list in guest memory. */
static struct xen_memory_reservation make_list(const struct operation *operation, size_t page,
                                               const uint64_t list[])
{
    struct xen_memory_reservation reservation;
    uint64_t address = arguments_at(operation->depth) + page * PAGE_SIZE;
    memset(&reservation, 0, sizeof(reservation));
    memcpy(&reservation.extent_start, &address, sizeof(address));
    memcpy(argument_bytes(operation->depth, page), list, sizeof(operation->list));
    reservation.nr_extents = operation->count;
    reservation.extent_order = operation->order;
    reservation.domid = (domid_t)operation->word;
    return reservation;
}

void make_reservation(struct operation *operation)
{
    static const uint64_t commands[] = {XENMEM_decrease_reservation, XENMEM_populate_physmap,
                                        XENMEM_increase_reservation, XENMEM_exchange,
                                        XENMEM_decrease_reservation, XENMEM_exchange};
    operation->command = commands[pick(ARRAY_SIZE(commands))];
    operation->count = 1 + pick(ELEMENTS);
    operation->word = pick_foreign();
    bool is_exchange = operation->command == XENMEM_exchange;
    unsigned int order = take_byte();
    operation->order = is_exchange || order < 200 ? 0 : order % 3;
    for (unsigned int i = 0; i < ELEMENTS; i++) {
        operation->list[i] = pick_frame(operation->vcpu->domain, pick(5)).value;
        operation->pfns[i] = take_byte();
    }
    struct xen_memory_exchange exchange;
    memset(&exchange, 0, sizeof(exchange));
    exchange.in = make_list(operation, 1, operation->list);
    exchange.out = make_list(operation, 2, operation->pfns);
    memcpy(argument_bytes(operation->depth, 0), &exchange, sizeof(exchange));
    operation->name = is_exchange ? "exchange" : "a change of the reservation";
    operation->call = call_memory_op;
    operation->arg[0] = operation->command;
    operation->ask_model = is_exchange ? ask_exchange : ask_reservation;
}
