/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_op: a domain's reservation (increase, decrease, populate) and questions about it
 * (xen/memory.h). The reservation commands answer the number of extents done, never an error; where
 * a long one was interrupted is kept in the upper bits of the command.
 */
#include "core/exchange.h"
#include "core/mmu_call.h"
#include "core/physmap.h"
#include "core/port.h"
#include "core/pt_validate.h"
#include "core/reservation.h"
#include "core/resource.h"
#include "lib/string.h"

#include <xen/memory.h>

#define COMMAND_MASK       ((UINT64_C(1) << MEMOP_EXTENT_SHIFT) - 1)
#define MEMOP_EXTENT_SHIFT 6    /* not in xen/memory.h for guests: the start extent's first bit */
#define M2P_CHUNK_FRAMES   512U /* 2 MiB of the M2P */
#define M2P_CHUNK_ENTRIES  (M2P_CHUNK_FRAMES * PAGE_SIZE / sizeof(uint64_t))
#define EXTENT_COUNT_MAX   (UINT32_MAX >> MEMOP_EXTENT_SHIFT)
#define NODE_SHIFT         8   /* in mem_flags */
#define NODE_LIMIT         64U /* that the ABI knows of */
#define WIPES_A_TURN       32U /* frames, between two questions whether to stop */

/* The kind of answer a domain may get about another: itself, or anybody for a control domain. */
enum status reservation_find_domain(struct vcpu *vcpu, uint16_t id, struct domain **domain)
{
    *domain = id == DOMID_SELF ? vcpu->domain : domain_find(id);
    if (*domain == NULL) {
        return STATUS_NO_DOMAIN;
    }
    return domain_may_target(vcpu->domain, *domain) ? STATUS_OK : STATUS_NOT_PERMITTED;
}

mfn_t reservation_find(const struct domain *domain, unsigned int order, unsigned int address_bits)
{
    uint64_t count = UINT64_C(1) << order;
    if (domain->is_dying || domain->page_count > domain->page_limit ||
        count > domain->page_limit - domain->page_count) {
        return MFN_INVALID;
    }
    return frame_alloc(order, address_bits);
}

void reservation_give(struct domain *domain, mfn_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        frame_assign(frame_find(mfn_add(first, i)), domain);
    }
}

/* For the CPU, or for the lock; it must not be let go of meanwhile, since the quota has been looked
 * at. */
static bool somebody_waits(struct mmu_context *context)
{
    return port_should_yield() || ticket_lock_is_contended(&context->pg_owner->mmu_lock);
}

bool reservation_prepare(struct mmu_context *context, mfn_t first, unsigned int order,
                         unsigned int *wiped)
{
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
        if (frame_prepare(frame_find(mfn_add(first, i)), context->pg_owner->id) &&
            ++*wiped == WIPES_A_TURN) {
            *wiped = 0;
            if (somebody_waits(context)) {
                return false;
            }
        }
    }
    return true;
}

/* Find and give 2^order frames, in turns if they are several. STATUS_NO_MEMORY; STATUS_PREEMPTED:
 * nothing has been added. */
static enum status add_extent(struct mmu_context *context, unsigned int order,
                              unsigned int address_bits, mfn_t *first)
{
    *first = reservation_find(context->pg_owner, order, address_bits);
    if (mfn_equal(*first, MFN_INVALID)) {
        return STATUS_NO_MEMORY;
    }
    if (LIKELY(order == 0)) {
        frame_assign(frame_find(*first), context->pg_owner);
        return STATUS_OK;
    }
    unsigned int wiped = 0;
    if (!reservation_prepare(context, *first, order, &wiped)) {
        frame_alloc_undo(*first, order);
        return STATUS_PREEMPTED;
    }
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
        frame_give(frame_find(mfn_add(*first, i)), context->pg_owner);
    }
    return STATUS_OK;
}

/* ---- increase, decrease, populate ---------------------------------------------------------- */

struct request {
    uint64_t list; /* guest address of the extents, or 0 */
    uint64_t count;
    unsigned int order;
    unsigned int address_bits;
};

static uint64_t extent_address(const struct request *request, uint64_t index)
{
    return request->list + index * sizeof(uint64_t);
}

/* One extent each. STATUS_FAULT: the list cannot be read or written; STATUS_NO_MEMORY;
 * STATUS_PREEMPTED; decrease: the frame is not the domain's, or was given back before. */
typedef enum status (*extent_fn)(struct mmu_context *context, const struct request *request,
                                 uint64_t index);

static enum status write_extent(const struct request *request, uint64_t index, mfn_t first)
{
    return port_copy_to_guest(extent_address(request, index), &first.value, sizeof(first.value))
               ? STATUS_OK
               : STATUS_FAULT;
}

static enum status increase(struct mmu_context *context, const struct request *request,
                            uint64_t index)
{
    mfn_t first;
    enum status status = add_extent(context, request->order, request->address_bits, &first);
    if (status != STATUS_OK) {
        return status;
    }
    return request->list == 0 ? STATUS_OK : write_extent(request, index, first);
}

static enum status populate(struct mmu_context *context, const struct request *request,
                            uint64_t index)
{
    uint64_t pfn;
    if (!port_copy_from_guest(&pfn, extent_address(request, index), sizeof(pfn))) {
        return STATUS_FAULT;
    }
    mfn_t first;
    enum status status = add_extent(context, request->order, request->address_bits, &first);
    if (status != STATUS_OK) {
        return status;
    }
    for (uint64_t i = 0; i < UINT64_C(1) << request->order; i++) {
        m2p_set(mfn_add(first, i), pfn + i);
    }
    return write_extent(request, index, first);
}

static enum status decrease(struct mmu_context *context, const struct request *request,
                            uint64_t index)
{
    uint64_t first;
    if (!port_copy_from_guest(&first, extent_address(request, index), sizeof(first))) {
        return STATUS_FAULT;
    }
    for (uint64_t i = 0; i < UINT64_C(1) << request->order; i++) {
        mfn_t mfn = mfn_make(first + i);
        struct frame *frame = context_find_frame(context, mfn);
        enum status status = frame == NULL ? STATUS_FRAME_NOT_OWNED : frame_give_back(frame);
        if (status != STATUS_OK) {
            context_explain(context, status,
                            &(struct refusal){.what = "decrease_reservation",
                                              .noun = "frame",
                                              .address = extent_address(request, index),
                                              .number = mfn.value,
                                              .frame = frame_find(mfn)});
            return status;
        }
    }
    return STATUS_OK;
}

static const struct reservation_command {
    extent_fn perform;
    const char *name;
} reservation_commands[] = {
    [XENMEM_increase_reservation] = {increase, "increase_reservation"},
    [XENMEM_decrease_reservation] = {decrease, "decrease_reservation"},
    [XENMEM_populate_physmap] = {populate, "populate_physmap"},
};

/* Bits 7:0 of mem_flags. */
unsigned int reservation_address_bits(uint32_t mem_flags)
{
    unsigned int bits = mem_flags & 0xff;
    return bits == 0 ? 64 : bits;
}

/* There is node 0. A domain that rules no others may wish for one, and must not insist. */
bool reservation_node_exists(const struct domain *caller, uint32_t mem_flags)
{
    unsigned int node = (mem_flags >> NODE_SHIFT) & 0xff; /* and one; 0: any */
    bool insists = (mem_flags & XENMEMF_exact_node_request) != 0;
    if (node == 0 || (mem_flags & XENMEMF_vnode) != 0) {
        return true;
    }
    if (!caller->is_control && !caller->has_io) {
        return !insists;
    }
    return node <= NODE_LIMIT && (node == 1 || !insists);
}

static enum status check_reservation(const struct domain *caller, bool populates,
                                     const struct xen_memory_reservation *reservation,
                                     struct refusal *about)
{
    bool on_demand = populates && (reservation->mem_flags & XENMEMF_populate_on_demand) != 0;
    if (on_demand) {
        refusal_number(about, "flags", reservation->mem_flags);
        return STATUS_NOT_ON_DEMAND;
    }
    if (reservation->nr_extents > EXTENT_COUNT_MAX) {
        refusal_number(about, "count", reservation->nr_extents);
        return STATUS_TOO_MANY_EXTENTS;
    }
    if (!reservation_node_exists(caller, reservation->mem_flags)) {
        refusal_number(about, "flags", reservation->mem_flags);
        return STATUS_NO_NODE;
    }
    if (reservation->extent_order > RESERVATION_ORDER_MAX) {
        refusal_number(about, "order", reservation->extent_order);
        return STATUS_EXTENT_TOO_LARGE;
    }
    return STATUS_OK;
}

/* Read and looked at, and the domain that it is about. */
static enum status read_request(struct vcpu *vcpu, const uint64_t arg[], struct request *request,
                                struct domain **domain, struct refusal *about)
{
    struct xen_memory_reservation reservation;
    if (!port_copy_from_guest(&reservation, arg[1], sizeof(reservation))) {
        return refusal_fault(about, arg[1], sizeof(reservation));
    }
    bool populates = (arg[0] & COMMAND_MASK) == XENMEM_populate_physmap;
    enum status status = check_reservation(vcpu->domain, populates, &reservation, about);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t list;
    memcpy(&list, &reservation.extent_start, sizeof(list));
    *request = (struct request){
        .list = list,
        .count = reservation.nr_extents,
        .order = reservation.extent_order,
        .address_bits = reservation_address_bits(reservation.mem_flags),
    };
    refusal_number(about, "domain", reservation.domid);
    return reservation_find_domain(vcpu, reservation.domid, domain);
}

/* The extents from `done` on. STATUS_PREEMPTED: the call is to be executed again. */
static enum status run_extents(struct mmu_context *context,
                               const struct reservation_command *command,
                               const struct request *request, uint64_t *done)
{
    while (*done < request->count) {
        enum status status = command->perform(context, request, *done);
        if (status == STATUS_PREEMPTED) {
            return status;
        }
        if (status != STATUS_OK) {
            context_explain(context, status,
                            &(struct refusal){.what = command->name,
                                              .noun = "extent",
                                              .address = extent_address(request, *done),
                                              .size = status == STATUS_FAULT ? sizeof(uint64_t) : 0,
                                              .number = *done});
            return status;
        }
        (*done)++;
        if (*done < request->count && context_should_stop(context)) {
            return STATUS_PREEMPTED;
        }
    }
    return STATUS_OK;
}

static struct call_result change_reservation(struct vcpu *vcpu, uint64_t arg[])
{
    uint64_t number = arg[0] & COMMAND_MASK;
    const struct reservation_command *command = &reservation_commands[number];
    uint64_t done = arg[0] >> MEMOP_EXTENT_SHIFT;
    struct request request;
    struct domain *domain;
    struct refusal about = {.what = command->name};
    enum status status = read_request(vcpu, arg, &request, &domain, &about);
    if (status != STATUS_OK) {
        port_explain_refusal(vcpu, status, &about);
        return call_done((int64_t)done);
    }
    struct mmu_context context;
    context_open(&context, vcpu, domain, domain);
    status = run_extents(&context, command, &request, &done);
    context_close(&context);
    if (status == STATUS_PREEMPTED) {
        arg[0] = number | (done << MEMOP_EXTENT_SHIFT);
        return call_again();
    }
    return call_done((int64_t)done);
}

/* ---- questions ----------------------------------------------------------------------------- */

static struct call_result ask_domain(struct vcpu *vcpu, uint64_t command, uint64_t address)
{
    domid_t domid;
    if (!port_copy_from_guest(&domid, address, sizeof(domid))) {
        return call_refuse_memory(vcpu, "question about a reservation", address, sizeof(domid));
    }
    struct domain *domain;
    enum status status = reservation_find_domain(vcpu, domid, &domain);
    if (status != STATUS_OK) {
        return call_refuse_number(vcpu, status, "question about a reservation", "domain", domid);
    }
    uint64_t pages = command == XENMEM_current_reservation
                         ? domain->page_count
                         : min_u64(domain->page_limit, UINT32_MAX);
    return call_done((int64_t)pages);
}

static struct call_result machphys_mapping(const struct vcpu *vcpu, uint64_t address)
{
    struct xen_machphys_mapping mapping = {
        .v_start = MACH2PHYS_VIRT_START,
        .v_end = MACH2PHYS_VIRT_END,
        .max_mfn = vcpu->domain->has_io
                       ? machine.frame_count - 1
                       : (MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) / sizeof(uint64_t) - 1,
    };
    return port_copy_to_guest(address, &mapping, sizeof(mapping))
               ? call_status(STATUS_OK)
               : call_refuse_memory(vcpu, "machphys_mapping", address, sizeof(mapping));
}

/* The frames of the M2P, one for each 2 MiB of it, that a control domain may map with DOMID_XEN. */
static enum status machphys_mfn_list(uint64_t address, struct refusal *about)
{
    about->what = "machphys_mfn_list";
    struct xen_machphys_mfn_list list;
    if (!port_copy_from_guest(&list, address, sizeof(list))) {
        return refusal_fault(about, address, sizeof(list));
    }
    uint64_t to;
    memcpy(&to, &list.extent_start, sizeof(to));
    uint64_t chunks = machine.m2p_count / M2P_CHUNK_ENTRIES;
    uint32_t count = (uint32_t)min_u64(chunks, list.max_extents);
    for (uint32_t i = 0; i < count; i++) {
        mfn_t mfn = mfn_add(machine.m2p_first, (uint64_t)i * M2P_CHUNK_FRAMES);
        uint64_t slot = to + i * sizeof(mfn.value);
        if (!port_copy_to_guest(slot, &mfn.value, sizeof(mfn.value))) {
            return refusal_fault(about, slot, sizeof(mfn.value));
        }
    }
    list.nr_extents = count;
    return port_copy_to_guest(address, &list, sizeof(list))
               ? STATUS_OK
               : refusal_fault(about, address, sizeof(list));
}

static struct call_result ask(struct vcpu *vcpu, uint64_t command, uint64_t address)
{
    enum status status;
    struct refusal about = {.what = NULL};
    switch (command) {
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
        return ask_domain(vcpu, command, address);
    case XENMEM_maximum_ram_page:
        return call_done((int64_t)machine.frame_count);
    case XENMEM_machphys_mapping:
        return machphys_mapping(vcpu, address);
    case XENMEM_machphys_mfn_list:
        status = machphys_mfn_list(address, &about);
        break;
    case XENMEM_acquire_resource:
        status = resource_acquire(vcpu, address, &about);
        break;
    default:
        status = physmap_refuse(vcpu, command, address, &about);
        break;
    }
    if (status == STATUS_UNKNOWN_COMMAND) {
        return call_refuse_unknown(vcpu, __HYPERVISOR_memory_op, command);
    }
    return status == STATUS_OK ? call_done(0) : call_refuse(vcpu, status, &about);
}

struct call_result call_memory_op(struct vcpu *vcpu, uint64_t arg[])
{
    uint64_t command = arg[0] & COMMAND_MASK;
    bool continued = arg[0] >> MEMOP_EXTENT_SHIFT != 0;
    if (!pt_begin_call(vcpu, vcpu->domain)) {
        return call_again();
    }
    switch (command) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return change_reservation(vcpu, arg);
    case XENMEM_exchange:
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_ram_page:
    case XENMEM_acquire_resource:
    case XENMEM_remove_from_physmap:
    case XENMEM_get_vnumainfo:
        if (continued) {
            return call_refuse_number(vcpu, STATUS_NOT_CONTINUED, "memory_op", "command", arg[0]);
        }
        return command == XENMEM_exchange ? call_exchange(vcpu, arg) : ask(vcpu, command, arg[1]);
    default:
        return continued ? call_refuse_unknown(vcpu, __HYPERVISOR_memory_op, arg[0])
                         : ask(vcpu, command, arg[1]);
    }
}
