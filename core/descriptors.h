/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segment descriptors: frames typed FRAME_DESCRIPTORS hold only descriptors that give a guest no
 * other privilege level than 3 (SDM volume 3, 3.4.5 and 5.8.3). A vCPU's GDT frames are shown in
 * its window when it sets them, LDT frames when they are first used.
 */
#ifndef CORE_DESCRIPTORS_H
#define CORE_DESCRIPTORS_H

#include "core/context.h"

/* May a guest have this 8-byte descriptor? It may be rewritten: DPL 0 to 2 become 3. */
NODISCARD bool descriptor_check(uint64_t *descriptor);

/* Use `count` entries of the GDT in these frames (pages_of(8 * count) of them) instead of the
 * present one. All frames are taken before any is shown; a refusal leaves the old GDT. The
 * context's locks are held. */
NODISCARD enum status vcpu_set_gdt(struct mmu_context *context, const mfn_t frames[],
                                   unsigned int count);

/* The vCPU's LDT from now on; 0 entries: none. What is refused has been explained. */
NODISCARD enum status vcpu_set_ldt(struct mmu_context *context, uint64_t base,
                                   unsigned int entries);

/* Drop the LDT pages shown so far; they come back when used. Every base change does this. */
void vcpu_forget_ldt_pages(struct mmu_context *context);

/*
 * An access to byte `offset` of the vCPU's LDT window faulted: show that page of its LDT. True: try
 * the access again. False: it has none there, or what is mapped there cannot be descriptors; the
 * guest gets the fault. Takes the lock itself.
 */
NODISCARD bool vcpu_ldt_fault(struct vcpu *vcpu, uint64_t offset);

#endif
