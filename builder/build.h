/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The domain builder: from a kernel's ELF file, an initrd and a command line to a domain whose
 * vCPU 0 can start. What it lays out is the start-of-day contract of the public <xen/xen.h>; the
 * order is parse, compute the layout, check, and only then touch memory, all of it through port.h.
 */
#ifndef BUILDER_BUILD_H
#define BUILDER_BUILD_H

#include "builder/kernel_image.h"
#include "builder/layout.h"
#include "builder/port.h"
#include "builder/request.h"
#include "builder/status.h"

/*
 * What came of it. After a refusal: `detail`, and whatever was found out before it. After BUILD_OK
 * the image and the layout say where everything is. The image points into the kernel file.
 */
struct build_result {
    struct build_detail detail;
    struct kernel_image image;
    struct build_layout layout;
    mfn_t l4;
    mfn_t store; /* xenstore and console pages: MFN_INVALID without rings */
    mfn_t console;
};

/*
 * Build the domain behind `target`, which owns no memory yet. Refusals of the kernel or the
 * request come before anything is asked of the target; after a later one it may own some frames,
 * none of them mapped here any more, and is only fit to be destroyed. Not to be called by two
 * threads at once.
 */
NODISCARD enum build_status build_domain(struct build_target *target,
                                         const struct build_request *request,
                                         struct build_result *result);

#endif
