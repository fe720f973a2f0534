/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to the hypervisor from inside the first domain: the kernel's device for hypercalls and
 * for mapping other domains' frames, through Debian's libxencall and libxenforeignmemory.
 *
 * Functions that return an int return 0 (or a count) or a negative errno of the ABI.
 */
#ifndef TOOLS_CONTROL_CONTROL_H
#define TOOLS_CONTROL_CONTROL_H

#include "tools/control/abi.h"

#include <xencall.h>
#include <xenforeignmemory.h>

#include "lib/compiler.h"

struct control {
    xencall_handle *calls;
    xenforeignmemory_handle *foreign;
};

/* False after a report: this is no first domain, or one without the kernel's devices. */
NODISCARD bool control_open(struct control *control);
void control_close(struct control *control);

/*
 * Wait until no other tool of ours is choosing a domain's name, and keep them waiting until the
 * result, a file descriptor, is closed, or this process ends in any way. Negative: an errno.
 */
NODISCARD int control_lock(void);

/* Memory that a hypercall may point to. NULL: out of memory, and errno says so. */
NODISCARD void *control_buffer(struct control *control, size_t size);
void control_buffer_free(struct control *control, void *buffer);

/* The interface versions are filled in here; what the hypervisor writes back is in the request. */
NODISCARD int control_domctl(struct control *control, struct xen_domctl *request);
NODISCARD int control_sysctl(struct control *control, struct xen_sysctl *request);

/* A hypercall of the form (command, pointer to a record, third argument), such as memory_op. */
NODISCARD int control_call(struct control *control, unsigned int number, unsigned int command,
                           void *record, size_t size, uint64_t third);

/* Map frames of a domain, all of them or none: NULL, and errno says why. */
NODISCARD void *control_map(struct control *control, uint32_t domain, int protection,
                            const xen_pfn_t *mfns, size_t count);
void control_unmap(struct control *control, void *pages, size_t count);

#endif
