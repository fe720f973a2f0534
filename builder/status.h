/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a domain could not be built: one value for each check, and a sentence for each value. */
#ifndef BUILDER_STATUS_H
#define BUILDER_STATUS_H

#include "lib/compiler.h"

enum build_status {
    BUILD_OK,

    /* The kernel file is not an ELF file we can read. */
    BUILD_NOT_ELF,
    BUILD_ELF_NOT_64_BIT,
    BUILD_ELF_NOT_LITTLE_ENDIAN,
    BUILD_ELF_NOT_X86_64,
    BUILD_ELF_BAD_VERSION,
    BUILD_ELF_BAD_HEADER_SIZE,
    BUILD_ELF_HEADERS_OUTSIDE,

    /* Its segments. */
    BUILD_NO_SEGMENTS,
    BUILD_TOO_MANY_SEGMENTS,
    BUILD_SEGMENT_OUTSIDE_FILE,
    BUILD_SEGMENT_SIZES,
    BUILD_SEGMENT_WRAPS,
    BUILD_SEGMENT_BELOW_BASE,
    BUILD_SEGMENTS_OVERLAP,

    /* Its Xen notes. */
    BUILD_NOT_A_XEN_KERNEL,
    BUILD_NOTES_OUTSIDE_FILE,
    BUILD_NOTE_MALFORMED,
    BUILD_TOO_MANY_NOTES,
    BUILD_NOTE_NUMBER_SIZE,
    BUILD_NOTE_CONFLICT,
    BUILD_LEGACY_NUMBER,
    BUILD_XEN_VERSION,
    BUILD_LOADER,
    BUILD_PADDR_OFFSET_WITHOUT_BASE,
    BUILD_FEATURE_UNKNOWN,
    BUILD_FEATURE_SUPERVISOR_MODE,
    BUILD_FEATURE_AUTO_TRANSLATED,
    BUILD_NOT_AN_INITIAL_DOMAIN,

    /* Addresses the notes ask for. */
    BUILD_BASE_UNALIGNED,
    BUILD_NO_PV_ENTRY,
    BUILD_ENTRY_OUTSIDE,
    BUILD_HYPERCALL_PAGE_UNALIGNED,
    BUILD_HYPERCALL_PAGE_OUTSIDE,
    BUILD_P2M_UNALIGNED,
    BUILD_P2M_IN_KERNEL,
    BUILD_P2M_IN_MAPPING_SLOT,
    BUILD_P2M_NOT_CANONICAL,
    BUILD_P2M_HITS_HYPERVISOR,
    BUILD_MAPPING_NOT_CANONICAL,
    BUILD_MAPPING_HITS_HYPERVISOR,

    /* The request. */
    BUILD_COMMAND_LINE_TOO_LONG,
    BUILD_TOO_MANY_PAGES,
    BUILD_TOO_LITTLE_MEMORY,
    BUILD_INITRD_TOO_LARGE,
    BUILD_VIDEO_WITH_RINGS,
    BUILD_VIDEO_TOO_LARGE,

    /* The port said no. */
    BUILD_NO_MEMORY,
    BUILD_MAP_FAILED,
    BUILD_HYPERCALL_PAGE_FAILED,
    BUILD_PIN_REFUSED,
    BUILD_VCPU_REFUSED,

    BUILD_STATUS_COUNT
};

/* The numbers behind a refusal; the text says what they are. What it does not mention is 0. */
struct build_detail {
    uint64_t value;
    uint64_t limit;
};

/* One sentence without a full stop, to be followed by ": value" or ": value, limit". Statuses that
 * have no numbers give both as 0. */
const char *build_status_text(enum build_status status);

/* How many numbers of the detail belong behind the text: 0, 1 or 2. */
unsigned build_status_numbers(enum build_status status);

/* Note the numbers and hand `status` back: for `return build_refuse(...)`. */
NODISCARD enum build_status build_refuse(struct build_detail *detail, enum build_status status,
                                         uint64_t value, uint64_t limit);

#endif
