/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/exchange.h"

#include "core/port.h"
#include "core/pte_update.h"
#include "core/reservation.h"
#include "lib/string.h"

#include <xen/memory.h>

/* One exchange, decoded. A chunk, 2^(the larger order) frames, is traded whole or not at all. */
struct exchange {
    uint64_t in_list;
    uint64_t out_list;
    unsigned int in_order;
    unsigned int out_order;
    unsigned int chunk_order;
    unsigned int address_bits;
    uint64_t in_count; /* input extents in all */
    uint64_t done;     /* input extents traded: what the guest said, then what we did */
};

static uint64_t handle_address(const void *handle)
{
    uint64_t address;
    memcpy(&address, handle, sizeof(address));
    return address;
}

/* Bytes [first, end) of an array are the guest's, from the element where the work goes on: the
 * guest chooses that index, so the base alone proves nothing (XSA-212). */
static bool list_is_guest(uint64_t list, uint64_t first, uint64_t end)
{
    uint64_t start;
    uint64_t last;
    if (__builtin_mul_overflow(first, sizeof(uint64_t), &start) ||
        __builtin_add_overflow(start, list, &start) ||
        __builtin_mul_overflow(end, sizeof(uint64_t), &last) ||
        __builtin_add_overflow(last, list - 1, &last)) {
        return false;
    }
    return address_is_guest(start) && address_is_guest(last) &&
           (start >= HYPERVISOR_VIRT_END) == (last >= HYPERVISOR_VIRT_END);
}

/* The numbers fit together. */
static enum status check(const struct xen_memory_exchange *arguments, struct refusal *about)
{
    const struct xen_memory_reservation *in = &arguments->in;
    const struct xen_memory_reservation *out = &arguments->out;
    if (in->extent_order > RESERVATION_ORDER_MAX || out->extent_order > RESERVATION_ORDER_MAX) {
        bool is_in = in->extent_order > RESERVATION_ORDER_MAX;
        refusal_number(about, "order", is_in ? in->extent_order : out->extent_order);
        return STATUS_EXTENT_TOO_LARGE;
    }
    if (arguments->nr_exchanged > in->nr_extents) {
        refusal_number(about, "nr_exchanged", arguments->nr_exchanged);
        return STATUS_EXCHANGE_DONE;
    }
    if (in->domid != out->domid) {
        refusal_number(about, "domain", out->domid);
        return STATUS_EXCHANGE_OWNERS;
    }
    if (in->nr_extents > UINT64_MAX >> in->extent_order ||
        out->nr_extents > UINT64_MAX >> out->extent_order ||
        in->nr_extents << in->extent_order != out->nr_extents << out->extent_order) {
        refusal_number(about, "count", out->nr_extents);
        return STATUS_EXCHANGE_UNEQUAL;
    }
    return STATUS_OK;
}

/* The rest of a list is the guest's. */
static enum status check_list(uint64_t list, uint64_t first, uint64_t end, struct refusal *about)
{
    if (list_is_guest(list, first, end)) {
        return STATUS_OK;
    }
    uint64_t count = min_u64(end - first, UINT64_MAX / sizeof(uint64_t));
    return refusal_fault(about, list + first * sizeof(uint64_t), count * sizeof(uint64_t));
}

static enum status decode(const struct domain *caller, const struct xen_memory_exchange *arguments,
                          struct exchange *exchange, struct refusal *about)
{
    const struct xen_memory_reservation *in = &arguments->in;
    const struct xen_memory_reservation *out = &arguments->out;
    enum status status = check(arguments, about);
    if (status != STATUS_OK) {
        return status;
    }
    *exchange = (struct exchange){
        .in_list = handle_address(&in->extent_start),
        .out_list = handle_address(&out->extent_start),
        .in_order = in->extent_order,
        .out_order = out->extent_order,
        .chunk_order = in->extent_order > out->extent_order ? in->extent_order : out->extent_order,
        .address_bits = reservation_address_bits(out->mem_flags),
        .in_count = in->nr_extents,
        .done = arguments->nr_exchanged,
    };
    if (exchange->done == exchange->in_count) {
        return STATUS_OK;
    }
    /* The cursor comes from the guest: it counts whole chunks only. */
    exchange->done =
        round_down(exchange->done, UINT64_C(1) << (exchange->chunk_order - in->extent_order));
    uint64_t out_done = (exchange->done << in->extent_order) >> out->extent_order;
    status = check_list(exchange->in_list, exchange->done, in->nr_extents, about);
    if (status == STATUS_OK) {
        status = check_list(exchange->out_list, out_done, out->nr_extents, about);
    }
    if (status == STATUS_OK && !reservation_node_exists(caller, out->mem_flags)) {
        refusal_number(about, "flags", out->mem_flags);
        status = STATUS_NO_NODE;
    }
    return status;
}

/* ---- one chunk ----------------------------------------------------------------------------- */

/* An element of a list can no longer be read or written. */
static enum status refuse_element(struct mmu_context *context, uint64_t address)
{
    context_explain(
        context, STATUS_FAULT,
        &(struct refusal){.what = "exchange", .address = address, .size = sizeof(uint64_t)});
    return STATUS_FAULT;
}

/* Where the MFN of frame `index` of the whole input is. */
static uint64_t input_address(const struct exchange *exchange, uint64_t index)
{
    return exchange->in_list + (index >> exchange->in_order) * sizeof(uint64_t);
}

static enum status read_input(struct mmu_context *context, const struct exchange *exchange,
                              uint64_t index, mfn_t *mfn)
{
    uint64_t first;
    uint64_t address = input_address(exchange, index);
    if (!port_copy_from_guest(&first, address, sizeof(first))) {
        return refuse_element(context, address);
    }
    *mfn = mfn_make(first + (index & ((UINT64_C(1) << exchange->in_order) - 1)));
    return STATUS_OK;
}

/*
 * The chunk's new extents, allocated and not yet the domain's. Their own memory keeps the books:
 * the first word of each extent links to the next extent, and the second word of the n-th new frame
 * is the MFN of the n-th frame stolen. Both are wiped before the domain gets the frame.
 */
struct fresh {
    mfn_t first; /* extent allocated last; MFN_INVALID ends the chain */
    mfn_t extent;
    uint64_t offset; /* cursor: frame `offset` of `extent` */
};

struct fresh_page {
    mfn_t next_extent;
    mfn_t stolen;
};

static void fresh_rewind(struct fresh *fresh)
{
    fresh->extent = fresh->first;
    fresh->offset = 0;
}

/* The frame at the cursor, which moves on. */
static mfn_t fresh_next(struct fresh *fresh, const struct exchange *exchange)
{
    mfn_t mfn = mfn_add(fresh->extent, fresh->offset);
    if (++fresh->offset == UINT64_C(1) << exchange->out_order) {
        const struct fresh_page *page = port_map_frame(fresh->extent);
        fresh->extent = page->next_extent;
        fresh->offset = 0;
    }
    return mfn;
}

/* The books are wiped: the frames count as empty, and their next owner may be anybody. */
static void undo_allocation(const struct exchange *exchange, struct fresh *fresh)
{
    while (!mfn_equal(fresh->first, MFN_INVALID)) {
        mfn_t extent = fresh->first;
        const struct fresh_page *page = port_map_frame(extent);
        fresh->first = page->next_extent;
        for (uint64_t i = 0; i < UINT64_C(1) << exchange->out_order; i++) {
            memset(port_map_frame(mfn_add(extent, i)), 0, sizeof(struct fresh_page));
        }
        frame_alloc_undo(extent, exchange->out_order);
    }
}

/* STATUS_NO_MEMORY; STATUS_PREEMPTED: somebody waits, and nothing has been allocated. */
static enum status allocate_chunk(struct mmu_context *context, const struct exchange *exchange,
                                  struct fresh *fresh)
{
    unsigned int wiped = 0;
    fresh->first = MFN_INVALID;
    for (uint64_t i = 0; i < UINT64_C(1) << (exchange->chunk_order - exchange->out_order); i++) {
        mfn_t extent = frame_alloc(exchange->out_order, exchange->address_bits);
        if (mfn_equal(extent, MFN_INVALID)) {
            undo_allocation(exchange, fresh);
            return STATUS_NO_MEMORY;
        }
        /* Nothing may reach the frames in an old part any more before we write to them. */
        if (!reservation_prepare(context, extent, exchange->out_order, &wiped)) {
            frame_alloc_undo(extent, exchange->out_order);
            undo_allocation(exchange, fresh);
            return STATUS_PREEMPTED;
        }
        struct fresh_page *page = port_map_frame(extent);
        page->next_extent = fresh->first;
        fresh->first = extent;
    }
    return STATUS_OK;
}

static enum status steal_one(struct mmu_context *context, const struct exchange *exchange,
                             uint64_t index, mfn_t keeper)
{
    mfn_t mfn;
    enum status status = read_input(context, exchange, index, &mfn);
    if (status != STATUS_OK) {
        return status;
    }
    struct frame *frame = context_find_frame(context, mfn);
    status = frame == NULL ? STATUS_FRAME_NOT_OWNED : frame_steal(frame);
    if (status == STATUS_OK) {
        struct fresh_page *page = port_map_frame(keeper);
        page->stolen = mfn;
    } else {
        context_explain(context, status,
                        &(struct refusal){.what = "exchange",
                                          .noun = "frame",
                                          .address = input_address(exchange, index),
                                          .number = mfn.value,
                                          .frame = frame_find(mfn)});
    }
    return status;
}

/* The first `count` stolen frames go back to the domain, or to the free ones. */
static void dispose_stolen(struct mmu_context *context, const struct exchange *exchange,
                           struct fresh *fresh, uint64_t count, bool give_back)
{
    fresh_rewind(fresh);
    for (uint64_t i = 0; i < count; i++) {
        const struct fresh_page *page = port_map_frame(fresh_next(fresh, exchange));
        struct frame *frame = frame_find(page->stolen);
        if (give_back) {
            frame_assign(frame, context->pg_owner);
        } else {
            frame_free_stolen(frame);
        }
    }
}

static enum status steal_chunk(struct mmu_context *context, const struct exchange *exchange,
                               uint64_t first, struct fresh *fresh)
{
    fresh_rewind(fresh);
    for (uint64_t i = 0; i < UINT64_C(1) << exchange->chunk_order; i++) {
        mfn_t keeper = fresh_next(fresh, exchange);
        enum status status = steal_one(context, exchange, first + i, keeper);
        if (status != STATUS_OK) {
            dispose_stolen(context, exchange, fresh, i, true);
            return status;
        }
    }
    dispose_stolen(context, exchange, fresh, UINT64_C(1) << exchange->chunk_order, false);
    return STATUS_OK;
}

/* Make the new extents the domain's and tell it their numbers; the frames stay its own even where
 * the number cannot be written. */
static enum status hand_over_chunk(struct mmu_context *context, const struct exchange *exchange,
                                   uint64_t first_extent, struct fresh *fresh)
{
    enum status status = STATUS_OK;
    for (uint64_t i = 0; !mfn_equal(fresh->first, MFN_INVALID); i++) {
        mfn_t extent = fresh->first;
        fresh->first = ((const struct fresh_page *)port_map_frame(extent))->next_extent;
        uint64_t address = exchange->out_list + (first_extent + i) * sizeof(uint64_t);
        uint64_t pfn = M2P_INVALID;
        bool told = port_copy_from_guest(&pfn, address, sizeof(pfn));
        for (uint64_t j = 0; j < UINT64_C(1) << exchange->out_order; j++) {
            mfn_t mfn = mfn_add(extent, j);
            memset(port_map_frame(mfn), 0, sizeof(struct fresh_page));
            frame_give(frame_find(mfn), context->pg_owner);
            m2p_set(mfn, told ? pfn + j : M2P_INVALID);
        }
        told = told && port_copy_to_guest(address, &extent.value, sizeof(extent.value));
        status = told ? status : refuse_element(context, address);
    }
    return status;
}

static enum status exchange_chunk(struct mmu_context *context, const struct exchange *exchange)
{
    uint64_t first = exchange->done << exchange->in_order;
    struct fresh fresh;
    if (context->pg_owner->is_dying) {
        return context_refuse_number(context, STATUS_DYING, "exchange", "domain",
                                     context->pg_owner->id);
    }
    enum status status = allocate_chunk(context, exchange, &fresh);
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY ? context_refuse_number(context, status, "exchange",
                                                                  "order", exchange->out_order)
                                          : status;
    }
    status = steal_chunk(context, exchange, first, &fresh);
    if (status != STATUS_OK) {
        undo_allocation(exchange, &fresh);
        return status;
    }
    return hand_over_chunk(context, exchange, first >> exchange->out_order, &fresh);
}

struct call_result call_exchange(struct vcpu *vcpu, const uint64_t arg[])
{
    struct xen_memory_exchange arguments;
    struct exchange exchange;
    if (!port_copy_from_guest(&arguments, arg[1], sizeof(arguments))) {
        return call_refuse_memory(vcpu, "exchange", arg[1], sizeof(arguments));
    }
    struct refusal about = {.what = "exchange"};
    enum status status = decode(vcpu->domain, &arguments, &exchange, &about);
    if (status == STATUS_OK && exchange.done == exchange.in_count) {
        return call_done(0);
    }
    struct domain *domain;
    if (status == STATUS_OK) {
        refusal_number(&about, "domain", arguments.in.domid);
        status = reservation_find_domain(vcpu, arguments.in.domid, &domain);
    }
    if (status != STATUS_OK) {
        return call_refuse(vcpu, status, &about);
    }
    struct mmu_context context;
    context_open(&context, vcpu, domain, domain);
    uint64_t step = UINT64_C(1) << (exchange.chunk_order - exchange.in_order);
    bool stop = false;
    while (exchange.done < exchange.in_count && status == STATUS_OK && !stop) {
        status = exchange_chunk(&context, &exchange);
        if (status == STATUS_OK) {
            exchange.done += step;
            stop = exchange.done < exchange.in_count && context_should_stop(&context);
        } else if (status == STATUS_PREEMPTED) {
            status = STATUS_OK;
            stop = !context_breathe(&context);
        }
    }
    uint64_t report = arg[1] + offsetof(struct xen_memory_exchange, nr_exchanged);
    if (!port_copy_to_guest(report, &exchange.done, sizeof(exchange.done)) && status == STATUS_OK) {
        status = refuse_element(&context, report);
    }
    context_close(&context);
    return stop && status == STATUS_OK ? call_again() : call_status(status);
}
