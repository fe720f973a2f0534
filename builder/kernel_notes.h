/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a kernel says about itself to a Xen domain builder: ELF notes of the owner "Xen"
 * (<xen/elfnote.h>), or the older text in a section __xen_guest.
 */
#ifndef BUILDER_KERNEL_NOTES_H
#define BUILDER_KERNEL_NOTES_H

#include <xen/elfnote.h>

#include "builder/status.h"
#include "lib/elf.h"

/* More notes, of all owners, than any kernel has: overlapping tables must not make us read for
 * ever. */
#define KERNEL_NOTES_MAX 4096

/* Numbers and texts by note type. A type the kernel does not have is 0 or empty. */
struct kernel_notes {
    uint32_t present; /* a bit for each note type */
    uint32_t scanned; /* notes looked at */
    uint64_t number[XEN_ELFNOTE_MAX + 1];
    struct elf_bytes xen_version;
    struct elf_bytes guest_os;
    struct elf_bytes loader;
    uint32_t features_supported; /* a bit for each XENFEAT_* it can run with */
    uint32_t features_required;  /* a bit for each XENFEAT_* it cannot run without */
};

static inline bool kernel_notes_have(const struct kernel_notes *notes, uint32_t type)
{
    return ((notes->present >> type) & 1) != 0;
}

/* Read the notes from wherever the kernel has them, and refuse what contradicts itself. */
NODISCARD enum build_status kernel_notes_read(const struct elf *elf, struct kernel_notes *notes,
                                              struct build_detail *detail);

/* Enter one value under its note type. The same number twice is harmless; two different ones are
 * refused. */
NODISCARD enum build_status kernel_notes_set_number(struct kernel_notes *notes, uint32_t type,
                                                    uint64_t number, struct build_detail *detail);
NODISCARD enum build_status kernel_notes_set_text(struct kernel_notes *notes, uint32_t type,
                                                  struct elf_bytes text,
                                                  struct build_detail *detail);

/* The text of a section __xen_guest: KEY=VALUE, separated by commas. */
NODISCARD enum build_status kernel_legacy_read(struct elf_bytes text, struct kernel_notes *notes,
                                               struct build_detail *detail);

#endif
