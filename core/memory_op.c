/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_op: a domain's reservation (increase, decrease, populate) and questions about it
 * (xen/memory.h). The reservation commands answer the number of extents done, never an error; where
 * a long one was interrupted is kept in the upper bits of the command.
 */
#include "core/exchange.h"
#include "core/mmu_call.h"
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

/* The kind of answer a domain may get about another: itself, or anybody for a control domain. */
enum status reservation_find_domain(struct vcpu *vcpu, uint16_t id, struct domain **domain)
{
    *domain = id == DOMID_SELF ? vcpu->domain : domain_find(id);
    if (*domain == NULL) {
        return STATUS_NO_DOMAIN;
    }
    return domain_may_target(vcpu->domain, *domain) ? STATUS_OK : STATUS_NOT_PERMITTED;
}

mfn_t reservation_add(struct domain *domain, unsigned int order, unsigned int address_bits)
{
    uint64_t count = UINT64_C(1) << order;
    if (domain->is_dying || domain->page_count > domain->page_limit ||
        count > domain->page_limit - domain->page_count) {
        return MFN_INVALID;
    }
    mfn_t first = frame_alloc(order, address_bits);
    if (!mfn_equal(first, MFN_INVALID)) {
        for (uint64_t i = 0; i < count; i++) {
            frame_assign(frame_find(mfn_add(first, i)), domain);
        }
    }
    return first;
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

static bool increase(struct mmu_context *context, const struct request *request, uint64_t index)
{
    mfn_t first = reservation_add(context->pg_owner, request->order, request->address_bits);
    if (mfn_equal(first, MFN_INVALID)) {
        return false;
    }
    return request->list == 0 ||
           port_copy_to_guest(extent_address(request, index), &first.value, sizeof(first.value));
}

static bool populate(struct mmu_context *context, const struct request *request, uint64_t index)
{
    uint64_t pfn;
    if (!port_copy_from_guest(&pfn, extent_address(request, index), sizeof(pfn))) {
        return false;
    }
    mfn_t first = reservation_add(context->pg_owner, request->order, request->address_bits);
    if (mfn_equal(first, MFN_INVALID)) {
        return false;
    }
    for (uint64_t i = 0; i < UINT64_C(1) << request->order; i++) {
        m2p_set(mfn_add(first, i), pfn + i);
    }
    return port_copy_to_guest(extent_address(request, index), &first.value, sizeof(first.value));
}

static bool decrease(struct mmu_context *context, const struct request *request, uint64_t index)
{
    uint64_t first;
    if (!port_copy_from_guest(&first, extent_address(request, index), sizeof(first))) {
        return false;
    }
    for (uint64_t i = 0; i < UINT64_C(1) << request->order; i++) {
        mfn_t mfn = mfn_make(first + i);
        struct frame *frame = context_find_frame(context, mfn);
        enum status status = frame == NULL ? STATUS_BAD_FRAME_NUMBER : frame_give_back(frame);
        if (status != STATUS_OK) {
            port_explain_refusal(context->vcpu, status, "decrease_reservation", 0, mfn.value,
                                 frame_find(mfn));
            return false;
        }
    }
    return true;
}

/* mem_flags: bits 7:0 an address width, the rest NUMA requests that one node answers trivially. */
static unsigned int decode_address_bits(uint32_t mem_flags)
{
    unsigned int bits = mem_flags & 0xff;
    return bits == 0 ? 64 : bits;
}

static bool read_request(uint64_t address, uint64_t start, struct request *request, uint16_t *domid)
{
    struct xen_memory_reservation reservation;
    if (!port_copy_from_guest(&reservation, address, sizeof(reservation)) ||
        reservation.nr_extents > EXTENT_COUNT_MAX || start >= reservation.nr_extents) {
        return false;
    }
    uint64_t list;
    memcpy(&list, &reservation.extent_start, sizeof(list));
    *request = (struct request){
        .list = list,
        .count = reservation.nr_extents,
        .order = reservation.extent_order,
        .address_bits = decode_address_bits(reservation.mem_flags),
    };
    *domid = reservation.domid;
    return true;
}

static struct call_result change_reservation(struct vcpu *vcpu, uint64_t arg[])
{
    uint64_t command = arg[0] & COMMAND_MASK;
    uint64_t done = arg[0] >> MEMOP_EXTENT_SHIFT;
    struct request request;
    uint16_t domid;
    struct domain *domain;
    if (!read_request(arg[1], done, &request, &domid) ||
        reservation_find_domain(vcpu, domid, &domain) != STATUS_OK ||
        request.order > RESERVATION_ORDER_MAX) {
        return call_done((int64_t)done);
    }
    struct mmu_context context;
    context_open(&context, vcpu, domain, domain);
    bool more = true;
    bool stop = false;
    while (done < request.count && more && !stop) {
        more = command == XENMEM_increase_reservation   ? increase(&context, &request, done)
               : command == XENMEM_decrease_reservation ? decrease(&context, &request, done)
                                                        : populate(&context, &request, done);
        done += more ? 1 : 0;
        stop = done < request.count && context_should_stop(&context);
    }
    context_close(&context);
    if (stop && more) {
        arg[0] = command | (done << MEMOP_EXTENT_SHIFT);
        return call_again();
    }
    return call_done((int64_t)done);
}

/* ---- questions ----------------------------------------------------------------------------- */

static struct call_result ask_domain(struct vcpu *vcpu, uint64_t command, uint64_t address)
{
    domid_t domid;
    if (!port_copy_from_guest(&domid, address, sizeof(domid))) {
        return call_status(STATUS_FAULT);
    }
    struct domain *domain;
    enum status status = reservation_find_domain(vcpu, domid, &domain);
    if (status != STATUS_OK) {
        return call_status(status);
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
    return call_status(port_copy_to_guest(address, &mapping, sizeof(mapping)) ? STATUS_OK
                                                                              : STATUS_FAULT);
}

/* The frames of the M2P, one for each 2 MiB of it, that a control domain may map with DOMID_XEN. */
static struct call_result machphys_mfn_list(uint64_t address)
{
    struct xen_machphys_mfn_list list;
    if (!port_copy_from_guest(&list, address, sizeof(list))) {
        return call_status(STATUS_FAULT);
    }
    uint64_t to;
    memcpy(&to, &list.extent_start, sizeof(to));
    uint64_t chunks = machine.m2p_count / M2P_CHUNK_ENTRIES;
    uint32_t count = (uint32_t)min_u64(chunks, list.max_extents);
    for (uint32_t i = 0; i < count; i++) {
        mfn_t mfn = mfn_add(machine.m2p_first, (uint64_t)i * M2P_CHUNK_FRAMES);
        if (!port_copy_to_guest(to + i * sizeof(mfn.value), &mfn.value, sizeof(mfn.value))) {
            return call_status(STATUS_FAULT);
        }
    }
    list.nr_extents = count;
    return call_status(port_copy_to_guest(address, &list, sizeof(list)) ? STATUS_OK : STATUS_FAULT);
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
        return continued ? call_status(STATUS_BAD_ARGUMENT) : call_exchange(vcpu, arg);
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
        return continued ? call_status(STATUS_BAD_ARGUMENT) : ask_domain(vcpu, command, arg[1]);
    case XENMEM_maximum_ram_page:
        return continued ? call_status(STATUS_BAD_ARGUMENT)
                         : call_done((int64_t)machine.frame_count);
    case XENMEM_machphys_mfn_list:
        return continued ? call_status(STATUS_UNKNOWN_COMMAND) : machphys_mfn_list(arg[1]);
    case XENMEM_machphys_mapping:
        return continued ? call_status(STATUS_UNKNOWN_COMMAND) : machphys_mapping(vcpu, arg[1]);
    case XENMEM_acquire_resource:
        return call_status(continued ? STATUS_BAD_ARGUMENT : resource_acquire(vcpu, arg[1]));
    default:
        return call_status(STATUS_UNKNOWN_COMMAND);
    }
}
