/* SPDX-License-Identifier: BSD-2-Clause */
#include "builder/status.h"

#include "lib/check.h"

/* How each status is told: the sentence, and how many numbers belong behind it. */
struct status_text {
    const char *text;
    unsigned numbers;
};

static const struct status_text texts[BUILD_STATUS_COUNT] = {
    [BUILD_OK] = {"the domain is built", 0},

    [BUILD_NOT_ELF] = {"the kernel is not an ELF file (is it still compressed?)", 0},
    [BUILD_ELF_NOT_64_BIT] = {"the kernel is not a 64-bit ELF file", 0},
    [BUILD_ELF_NOT_LITTLE_ENDIAN] = {"the kernel is not a little-endian ELF file", 0},
    [BUILD_ELF_NOT_X86_64] = {"the kernel is for another machine than x86-64", 0},
    [BUILD_ELF_BAD_VERSION] = {"the kernel's ELF version is unknown", 0},
    [BUILD_ELF_BAD_HEADER_SIZE] = {"the kernel's ELF program headers have an unknown size", 0},
    [BUILD_ELF_HEADERS_OUTSIDE] = {"the kernel file ends before its program headers do; program "
                                   "headers at, file size",
                                   2},

    [BUILD_NO_SEGMENTS] = {"the kernel has nothing to load", 0},
    [BUILD_TOO_MANY_SEGMENTS] = {"the kernel has too many loadable segments; allowed", 1},
    [BUILD_SEGMENT_OUTSIDE_FILE] = {"a segment of the kernel is not wholly inside its file; "
                                    "program header, file size",
                                    2},
    [BUILD_SEGMENT_SIZES] = {"a segment of the kernel has more bytes in the file than in memory; "
                             "in the file, in memory",
                             2},
    [BUILD_SEGMENT_WRAPS] = {"a segment of the kernel goes past the end of the address space; "
                             "physical address, size",
                             2},
    [BUILD_SEGMENT_BELOW_BASE] = {"a segment of the kernel lies below PADDR_OFFSET; physical "
                                  "address, offset",
                                  2},
    [BUILD_SEGMENTS_OVERLAP] = {"two segments of the kernel overlap; program headers", 2},

    [BUILD_NOT_A_XEN_KERNEL] = {"the kernel has no Xen notes, so it cannot run paravirtualised", 0},
    [BUILD_NOTES_OUTSIDE_FILE] = {"the kernel's notes are not wholly inside its file; offset, size",
                                  2},
    [BUILD_NOTE_MALFORMED] = {"a note of the kernel is longer than the place it is in; left", 1},
    [BUILD_TOO_MANY_NOTES] = {"the kernel has too many notes; allowed", 1},
    [BUILD_NOTE_NUMBER_SIZE] = {"a Xen note of the kernel should be a number but is not 1, 2, 4 or "
                                "8 bytes long; type, size",
                                2},
    [BUILD_NOTE_CONFLICT] = {"two Xen notes of the kernel contradict each other; type", 1},
    [BUILD_LEGACY_NUMBER] = {"a value in the kernel's section __xen_guest should be a number but "
                             "is none; note type",
                             1},
    [BUILD_XEN_VERSION] = {"the kernel is not for the interface xen-3.0 (note XEN_VERSION)", 0},
    [BUILD_LOADER] = {"the kernel asks for a loader we are not (notes LOADER and GUEST_OS)", 0},
    [BUILD_PADDR_OFFSET_WITHOUT_BASE] = {"the kernel has a note PADDR_OFFSET but no VIRT_BASE", 0},
    [BUILD_FEATURE_UNKNOWN] = {"the kernel requires a feature we do not know; length of its name",
                               1},
    [BUILD_FEATURE_SUPERVISOR_MODE] = {"the kernel requires supervisor_mode_kernel, which x86-64 "
                                       "does not have",
                                       0},
    [BUILD_FEATURE_AUTO_TRANSLATED] = {"the kernel requires auto_translated_physmap, but it would "
                                       "see its own machine frames",
                                       0},
    [BUILD_NOT_AN_INITIAL_DOMAIN] = {"the kernel cannot be the initial domain: it does not list "
                                     "the feature dom0; features",
                                     1},

    [BUILD_BASE_UNALIGNED] = {"the kernel's VIRT_BASE is not page aligned; address", 1},
    [BUILD_NO_PV_ENTRY] = {"the kernel has Xen notes but no PV entry point (notes ENTRY and "
                           "VIRT_BASE), so it cannot run paravirtualised",
                           0},
    [BUILD_ENTRY_OUTSIDE] = {"the kernel's entry point is outside its image; address", 1},
    [BUILD_HYPERCALL_PAGE_UNALIGNED] = {"the kernel's hypercall page is not page aligned; address",
                                        1},
    [BUILD_HYPERCALL_PAGE_OUTSIDE] = {"the kernel's hypercall page is outside its image; address",
                                      1},
    [BUILD_P2M_UNALIGNED] = {"the kernel's INIT_P2M address is not page aligned; address", 1},
    [BUILD_P2M_IN_KERNEL] = {"the kernel's INIT_P2M address is inside its image; address", 1},
    [BUILD_P2M_IN_MAPPING_SLOT] = {"the kernel's INIT_P2M area is not in an L4 slot of its own: it "
                                   "shares one with the kernel's mapping; address, size",
                                   2},
    [BUILD_P2M_NOT_CANONICAL] = {"the kernel's INIT_P2M area is not at canonical addresses; "
                                 "address, size",
                                 2},
    [BUILD_P2M_HITS_HYPERVISOR] = {"the kernel's INIT_P2M area is in the hypervisor's part of the "
                                   "address space; address, size",
                                   2},
    [BUILD_MAPPING_NOT_CANONICAL] = {"the kernel's initial mapping is not at canonical addresses; "
                                     "address, size",
                                     2},
    [BUILD_MAPPING_HITS_HYPERVISOR] = {"the kernel's initial mapping is in the hypervisor's part "
                                       "of the address space; address, size",
                                       2},

    [BUILD_COMMAND_LINE_TOO_LONG] = {"the command line is too long; length at least, allowed", 2},
    [BUILD_TOO_MANY_PAGES] = {"the domain is to have more memory than any can; pages, allowed", 2},
    [BUILD_TOO_LITTLE_MEMORY] = {"the domain is to have too little memory; pages needed, pages "
                                 "given",
                                 2},
    [BUILD_INITRD_TOO_LARGE] = {"the initrd is larger than the domain's memory; pages of the "
                                "initrd, pages given",
                                2},
    [BUILD_VIDEO_WITH_RINGS] = {"a domain has either a console ring or a video record, not both",
                                0},
    [BUILD_VIDEO_TOO_LARGE] = {"the video record does not fit behind start_info; size, allowed", 2},

    [BUILD_NO_MEMORY] = {"there is not enough free memory for the domain; pages", 1},
    [BUILD_MAP_FAILED] = {"a page of the domain could not be mapped to be filled; PFN", 1},
    [BUILD_HYPERCALL_PAGE_FAILED] = {"the hypercall page could not be filled; PFN", 1},
    [BUILD_PIN_REFUSED] = {"the domain's page tables were refused; error number, MFN of the L4", 2},
    [BUILD_VCPU_REFUSED] = {"the start state of vCPU 0 was refused; error number", 1},
};

const char *build_status_text(enum build_status status)
{
    CHECK(status < BUILD_STATUS_COUNT);
    return texts[status].text;
}

unsigned build_status_numbers(enum build_status status)
{
    CHECK(status < BUILD_STATUS_COUNT);
    return texts[status].numbers;
}

enum build_status build_refuse(struct build_detail *detail, enum build_status status,
                               uint64_t value, uint64_t limit)
{
    *detail = (struct build_detail){.value = value, .limit = limit};
    return status;
}
