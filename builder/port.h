/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the domain builder needs from around it. The hypervisor defines these functions for the
 * first domain, the user-space tool for the others, the host tests a third way; the linker picks.
 * `struct build_target` is theirs: the builder only hands it through. A frame of the new domain is
 * named by its PFN until the target says its MFN.
 */
#ifndef BUILDER_PORT_H
#define BUILDER_PORT_H

#include "lib/abi.h"
#include "lib/frame_number.h"

struct build_target;

/* Give the domain one frame for each of the `count` PFNs from `first` (machine-to-physical entries
 * set). Their contents may be anything that is no secret: the builder clears what must be zero.
 * False: out of memory; what was given stays the target's to take back. */
NODISCARD bool build_port_allocate(struct build_target *target, pfn_t first, uint64_t count);

/* The frame behind an allocated PFN. */
mfn_t build_port_mfn(struct build_target *target, pfn_t pfn);

/* Make the 4096 bytes of an allocated frame writable here, and let go of them again. NULL: could
 * not be mapped. At most two are held at a time. */
NODISCARD void *build_port_map(struct build_target *target, pfn_t pfn);
void build_port_unmap(struct build_target *target, void *page);

/* Have the monitor validate the tree under the L4 in this frame and pin it (MMUEXT_PIN_L4_TABLE on
 * the domain's behalf). 0 or a negative errno of the ABI. */
NODISCARD int build_port_pin_l4(struct build_target *target, mfn_t l4);

/* Fill this frame with the hypercall stubs (the ABI's hypercall page). */
NODISCARD bool build_port_hypercall_page(struct build_target *target, mfn_t frame);

/* Set the state vCPU 0 starts in: a public vcpu_guest_context, as XEN_DOMCTL_setvcpucontext takes
 * it. 0 or a negative errno of the ABI. */
NODISCARD int build_port_set_vcpu(struct build_target *target,
                                  const struct vcpu_guest_context *context);

#endif
