/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console_io: the hypervisor's console for guests. Every domain may write: its first messages come
 * before it has another console, and its lines are marked so that it cannot forge another's. Input
 * is for the first domain and for those without a daemon.
 */
#include "core/port.h"
#include "hv/console/guest_console.h"
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"

#define PIECE_SIZE 128U /* about 10 ms on a slow serial line */

void console_input_arrived(void)
{
    struct domain *first = domain_find(0);
    if (first != NULL) {
        evtchn_raise_global_virq(hv_domain_of(first), VIRQ_CONSOLE);
    }
}

/* A long text is written piece by piece, with the arguments moved on in between. */
static struct call_result write_text(struct hv_domain *domain, uint64_t arg[])
{
    uint32_t left = (uint32_t)arg[1];
    uint64_t address = arg[2];
    while (left > 0) {
        char piece[PIECE_SIZE];
        uint32_t size = (uint32_t)min_u64(left, PIECE_SIZE);
        if (!guest_copy_in(piece, address, size)) {
            return call_done(refuse_unreadable(address, size));
        }
        guest_console_write(domain, piece, size);
        left -= size;
        address += size;
        if (left > 0 && port_should_yield()) {
            arg[1] = left;
            arg[2] = address;
            return call_again();
        }
    }
    return call_done(0);
}

static struct call_result read_text(struct hv_domain *domain, uint32_t size, uint64_t address)
{
    if (!guest_console_has_input(domain)) {
        return call_done(refuse(-XEN_EPERM, "input comes by the domain's console ring"));
    }
    if (size > INT32_MAX) {
        return call_done(refuse(-XEN_E2BIG, "%u bytes: a call takes %d", size, INT32_MAX));
    }
    uint32_t done = 0;
    while (done < size) {
        char piece[PIECE_SIZE];
        size_t count = guest_console_read(domain, piece, (size_t)min_u64(size - done, PIECE_SIZE));
        if (count == 0) {
            break;
        }
        if (!guest_copy_out(address + done, piece, count)) {
            /* These bytes are lost: they were the caller's. */
            return call_done(refuse_unwritable(address + done, count));
        }
        done += (uint32_t)count;
    }
    return call_done(done);
}

/* console_io(command, count, text) */
struct call_result hypercall_console_io(struct hv_vcpu *vcpu, uint64_t arg[])
{
    struct hv_domain *domain = hv_vcpu_domain(vcpu);
    uint32_t command = (uint32_t)arg[0];
    switch (command) {
    case CONSOLEIO_write:
        return write_text(domain, arg);
    case CONSOLEIO_read:
        return read_text(domain, (uint32_t)arg[1], arg[2]);
    default:
        return hypercall_unknown(vcpu, __HYPERVISOR_console_io, command);
    }
}
