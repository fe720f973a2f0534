/* SPDX-License-Identifier: BSD-2-Clause */
#define __XEN_TOOLS__ 1 /* the public header is for tools alone */
#include "hv/console/readconsole.h"

#include "hv/console/console.h"
#include "hv/guest_memory.h"
#include "hv/refuse.h"
#include "lib/abi.h"
#include "lib/string.h"

#include <xen/sysctl.h>

#define PIECE_SIZE 256U /* copied while the console waits */

int console_readconsole(struct xen_sysctl_readconsole *operation)
{
    uint64_t address;
    memcpy(&address, &operation->buffer, sizeof(address));
    uint32_t index = operation->incremental != 0 ? operation->index : console_ring_oldest();
    uint32_t done = 0;
    while (done < operation->count) {
        char piece[PIECE_SIZE];
        size_t size = min_u64(operation->count - done, sizeof(piece));
        size_t count = console_ring_read(piece, size, &index);
        if (count == 0) {
            break;
        }
        if (!guest_copy_out(address + done, piece, count)) {
            return refuse_unwritable(address + done, count);
        }
        done += (uint32_t)count;
    }
    if (operation->clear != 0) {
        console_ring_forget(index);
    }
    operation->index = index;
    operation->count = done;
    return 0;
}
