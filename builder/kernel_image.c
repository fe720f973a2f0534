/* SPDX-License-Identifier: BSD-2-Clause */
#include "builder/kernel_image.h"

#include <xen/features.h>

#include "builder/kernel_notes.h"

static enum build_status elf_refusal(enum elf_status status)
{
    switch (status) {
    case ELF_OK:
        return BUILD_OK;
    case ELF_TOO_SHORT:
    case ELF_BAD_MAGIC:
        return BUILD_NOT_ELF;
    case ELF_NOT_64_BIT:
        return BUILD_ELF_NOT_64_BIT;
    case ELF_NOT_LITTLE_ENDIAN:
        return BUILD_ELF_NOT_LITTLE_ENDIAN;
    case ELF_NOT_X86_64:
        return BUILD_ELF_NOT_X86_64;
    case ELF_BAD_VERSION:
        return BUILD_ELF_BAD_VERSION;
    case ELF_BAD_HEADER_SIZE:
        return BUILD_ELF_BAD_HEADER_SIZE;
    case ELF_HEADERS_OUTSIDE:
        return BUILD_ELF_HEADERS_OUTSIDE;
    }
    return BUILD_NOT_ELF;
}

static enum build_status notes_check(const struct kernel_notes *notes, bool initial_domain,
                                     struct build_detail *detail)
{
    if (!elf_text_begins(notes->loader, "generic") && !elf_text_begins(notes->guest_os, "linux")) {
        return build_refuse(detail, BUILD_LOADER, 0, 0);
    }
    if (!elf_text_begins(notes->xen_version, "xen-3.0")) {
        return build_refuse(detail, BUILD_XEN_VERSION, 0, 0);
    }
    if (kernel_notes_have(notes, XEN_ELFNOTE_PADDR_OFFSET) &&
        !kernel_notes_have(notes, XEN_ELFNOTE_VIRT_BASE)) {
        return build_refuse(detail, BUILD_PADDR_OFFSET_WITHOUT_BASE, 0, 0);
    }
    /* Linux has notes for Xen's other kinds of guest too. Without its PV part there is no entry
     * point for us among them, and the file's own is for bare hardware. */
    if (elf_text_begins(notes->guest_os, "linux") && !kernel_notes_have(notes, XEN_ELFNOTE_ENTRY) &&
        !kernel_notes_have(notes, XEN_ELFNOTE_VIRT_BASE)) {
        return build_refuse(detail, BUILD_NO_PV_ENTRY, 0, 0);
    }
    if ((notes->features_required >> XENFEAT_supervisor_mode_kernel & 1) != 0) {
        return build_refuse(detail, BUILD_FEATURE_SUPERVISOR_MODE, 0, 0);
    }
    if ((notes->features_required >> XENFEAT_auto_translated_physmap & 1) != 0) {
        return build_refuse(detail, BUILD_FEATURE_AUTO_TRANSLATED, 0, 0);
    }
    /* Kernels older than note 17 say nothing about it and are let through. */
    if (initial_domain && kernel_notes_have(notes, XEN_ELFNOTE_SUPPORTED_FEATURES) &&
        (notes->features_supported >> XENFEAT_dom0 & 1) == 0) {
        return build_refuse(detail, BUILD_NOT_AN_INITIAL_DOMAIN, notes->features_supported, 0);
    }
    return BUILD_OK;
}

static void image_take_notes(struct kernel_image *image, const struct kernel_notes *notes)
{
    image->virt_base = notes->number[XEN_ELFNOTE_VIRT_BASE];
    image->paddr_offset = notes->number[XEN_ELFNOTE_PADDR_OFFSET];
    image->entry = kernel_notes_have(notes, XEN_ELFNOTE_ENTRY) ? notes->number[XEN_ELFNOTE_ENTRY]
                                                               : image->elf.entry;
    image->has_hypercall_page = kernel_notes_have(notes, XEN_ELFNOTE_HYPERCALL_PAGE);
    image->hypercall_page = notes->number[XEN_ELFNOTE_HYPERCALL_PAGE];
    image->has_init_p2m = kernel_notes_have(notes, XEN_ELFNOTE_INIT_P2M);
    image->init_p2m = notes->number[XEN_ELFNOTE_INIT_P2M];
    image->initrd_by_pfn = notes->number[XEN_ELFNOTE_MOD_START_PFN] != 0;
}

bool kernel_image_segment(const struct kernel_image *image, uint32_t index,
                          struct elf_segment *segment)
{
    elf_segment_read(&image->elf, index, segment);
    return segment->type == ELF_SEGMENT_LOAD && (segment->memory_size | segment->file_size) != 0;
}

static enum build_status segment_check(const struct kernel_image *image, uint32_t index,
                                       const struct elf_segment *segment,
                                       struct build_detail *detail)
{
    struct elf_bytes contents;
    if (!elf_slice(&image->elf, segment->offset, segment->file_size, &contents)) {
        return build_refuse(detail, BUILD_SEGMENT_OUTSIDE_FILE, index, image->elf.file.size);
    }
    if (segment->file_size > segment->memory_size) {
        return build_refuse(detail, BUILD_SEGMENT_SIZES, segment->file_size, segment->memory_size);
    }
    if (segment->memory_size > UINT64_MAX - segment->physical_address) {
        return build_refuse(detail, BUILD_SEGMENT_WRAPS, segment->physical_address,
                            segment->memory_size);
    }
    if (segment->physical_address < image->paddr_offset) {
        return build_refuse(detail, BUILD_SEGMENT_BELOW_BASE, segment->physical_address,
                            image->paddr_offset);
    }
    return BUILD_OK;
}

/* Does the segment share bytes with one before it? Both are checked already. */
static enum build_status segment_check_overlap(const struct kernel_image *image, uint32_t index,
                                               const struct elf_segment *segment,
                                               struct build_detail *detail)
{
    for (uint32_t i = 0; i < index; i++) {
        struct elf_segment other;
        if (kernel_image_segment(image, i, &other) &&
            other.physical_address < segment->physical_address + segment->memory_size &&
            segment->physical_address < other.physical_address + other.memory_size) {
            return build_refuse(detail, BUILD_SEGMENTS_OVERLAP, i, index);
        }
    }
    return BUILD_OK;
}

static enum build_status segments_check(struct kernel_image *image, struct build_detail *detail)
{
    unsigned count = 0;
    image->start = UINT64_MAX;
    image->end = 0;
    for (uint32_t i = 0; i < image->elf.segment_count; i++) {
        struct elf_segment segment;
        if (!kernel_image_segment(image, i, &segment)) {
            continue;
        }
        if (++count > KERNEL_SEGMENTS_MAX) {
            return build_refuse(detail, BUILD_TOO_MANY_SEGMENTS, KERNEL_SEGMENTS_MAX, 0);
        }
        enum build_status status = segment_check(image, i, &segment, detail);
        if (status == BUILD_OK) {
            status = segment_check_overlap(image, i, &segment, detail);
        }
        if (status != BUILD_OK) {
            return status;
        }
        uint64_t start = kernel_segment_start(image, &segment);
        image->start = min_u64(image->start, start);
        image->end = max_u64(image->end, start + segment.memory_size);
    }
    return count > 0 ? BUILD_OK : build_refuse(detail, BUILD_NO_SEGMENTS, 0, 0);
}

/* The addresses the notes name. An address below virt_base becomes a huge offset and is outside. */
static enum build_status addresses_check(const struct kernel_image *image,
                                         struct build_detail *detail)
{
    if ((image->virt_base & PAGE_MASK) != 0) {
        return build_refuse(detail, BUILD_BASE_UNALIGNED, image->virt_base, 0);
    }
    uint64_t entry = image->entry - image->virt_base;
    if (entry < image->start || entry >= image->end) {
        return build_refuse(detail, BUILD_ENTRY_OUTSIDE, image->entry, 0);
    }
    if (image->has_hypercall_page && (image->hypercall_page & PAGE_MASK) != 0) {
        return build_refuse(detail, BUILD_HYPERCALL_PAGE_UNALIGNED, image->hypercall_page, 0);
    }
    /* It may lie below the first segment, where the mapping begins, but not after the last: there
     * are our own pages. */
    if (image->has_hypercall_page && image->hypercall_page - image->virt_base >= image->end) {
        return build_refuse(detail, BUILD_HYPERCALL_PAGE_OUTSIDE, image->hypercall_page, 0);
    }
    if (image->has_init_p2m && (image->init_p2m & PAGE_MASK) != 0) {
        return build_refuse(detail, BUILD_P2M_UNALIGNED, image->init_p2m, 0);
    }
    uint64_t list = image->init_p2m - image->virt_base;
    if (image->has_init_p2m && list >= image->start && list < image->end) {
        return build_refuse(detail, BUILD_P2M_IN_KERNEL, image->init_p2m, 0);
    }
    return BUILD_OK;
}

enum build_status kernel_image_read(const struct build_request *request, struct kernel_image *image,
                                    struct build_detail *detail)
{
    *image = (struct kernel_image){0};
    enum build_status status =
        elf_refusal(elf_open(&image->elf, request->kernel, request->kernel_size));
    if (status != BUILD_OK) {
        return build_refuse(detail, status, image->elf.segment_table, image->elf.file.size);
    }
    struct kernel_notes notes;
    status = kernel_notes_read(&image->elf, &notes, detail);
    if (status != BUILD_OK) {
        return status;
    }
    status = notes_check(&notes, (request->start_flags & SIF_INITDOMAIN) != 0, detail);
    if (status != BUILD_OK) {
        return status;
    }
    image_take_notes(image, &notes);
    status = segments_check(image, detail);
    if (status != BUILD_OK) {
        return status;
    }
    return addresses_check(image, detail);
}
