/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling the pages of a domain whose layout is settled and whose memory is allocated.
 * Each function writes one kind of page and refuses only what the port refuses.
 */
#ifndef BUILDER_CONTENTS_H
#define BUILDER_CONTENTS_H

#include "builder/kernel_image.h"
#include "builder/layout.h"
#include "builder/port.h"
#include "builder/request.h"
#include "builder/status.h"

/* Zero the pages that are read before anything else writes all of them: tables, start_info, rings,
 * boot stack (load.c). */
NODISCARD enum build_status pages_clear(struct build_target *target,
                                        const struct build_layout *layout,
                                        struct build_detail *detail);

/* The kernel's segments, and zeros behind those that are longer in memory (load.c). */
NODISCARD enum build_status kernel_load(struct build_target *target,
                                        const struct kernel_image *image,
                                        struct build_detail *detail);

/* The initrd (load.c). */
NODISCARD enum build_status initrd_load(struct build_target *target,
                                        const struct build_layout *layout,
                                        const struct build_request *request,
                                        struct build_detail *detail);

/* The list of the domain's MFNs by PFN (p2m.c). */
NODISCARD enum build_status p2m_fill(struct build_target *target, const struct build_layout *layout,
                                     struct build_detail *detail);

/* start_info, with the video record behind it in the same page (start_info.c). */
NODISCARD enum build_status start_info_fill(struct build_target *target,
                                            const struct build_layout *layout,
                                            const struct build_request *request,
                                            struct build_detail *detail);

/* Both trees and the L4 over them (tables.c). */
NODISCARD enum build_status tables_fill(struct build_target *target,
                                        const struct build_layout *layout,
                                        struct build_detail *detail);

/* The registers vCPU 0 starts with (vcpu.c). Unlike the others, this hands them to the port. */
NODISCARD enum build_status vcpu_set(struct build_target *target, const struct kernel_image *image,
                                     const struct build_layout *layout,
                                     struct build_detail *detail);

#endif
