/* SPDX-License-Identifier: BSD-2-Clause */
#include "builder/kernel_notes.h"

#include <xen/features.h>

#include "lib/string.h"

/* What kind of value a note type has here. The types not listed are of no use for a 64-bit PV
 * kernel, whatever is in them. */
enum note_kind { NOTE_IGNORED, NOTE_NUMBER, NOTE_TEXT, NOTE_BITS };

static const enum note_kind note_kinds[XEN_ELFNOTE_MAX + 1] = {
    [XEN_ELFNOTE_ENTRY] = NOTE_NUMBER,
    [XEN_ELFNOTE_HYPERCALL_PAGE] = NOTE_NUMBER,
    [XEN_ELFNOTE_VIRT_BASE] = NOTE_NUMBER,
    [XEN_ELFNOTE_PADDR_OFFSET] = NOTE_NUMBER,
    [XEN_ELFNOTE_XEN_VERSION] = NOTE_TEXT,
    [XEN_ELFNOTE_GUEST_OS] = NOTE_TEXT,
    [XEN_ELFNOTE_LOADER] = NOTE_TEXT,
    [XEN_ELFNOTE_FEATURES] = NOTE_TEXT,
    [XEN_ELFNOTE_INIT_P2M] = NOTE_NUMBER,
    [XEN_ELFNOTE_MOD_START_PFN] = NOTE_NUMBER,
    [XEN_ELFNOTE_SUPPORTED_FEATURES] = NOTE_BITS,
};

struct feature_name {
    const char *name;
    unsigned bit;
};

static const struct feature_name feature_names[] = {
    {"writable_page_tables", XENFEAT_writable_page_tables},
    {"writable_descriptor_tables", XENFEAT_writable_descriptor_tables},
    {"auto_translated_physmap", XENFEAT_auto_translated_physmap},
    {"supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel},
    {"pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb},
    {"hvm_callback_vector", XENFEAT_hvm_callback_vector},
    {"dom0", XENFEAT_dom0},
};

/* The bit of a feature's name; 0 if nobody has told us of it. */
static uint32_t feature_bit(struct elf_bytes name)
{
    for (size_t i = 0; i < ARRAY_SIZE(feature_names); i++) {
        if (elf_text_equals(name, feature_names[i].name)) {
            return UINT32_C(1) << feature_names[i].bit;
        }
    }
    return 0;
}

static enum build_status feature_add(struct kernel_notes *notes, struct elf_bytes name,
                                     struct build_detail *detail)
{
    bool required = elf_text_begins(name, "!");
    if (required) {
        name.start++;
        name.size--;
    }
    uint32_t bit = feature_bit(name);
    if (required && bit == 0) {
        return build_refuse(detail, BUILD_FEATURE_UNKNOWN, name.size, 0);
    }
    notes->features_supported |= bit;
    notes->features_required |= required ? bit : 0;
    return BUILD_OK;
}

/* Names separated by '|', each with a '!' before it if the kernel cannot do without. */
static enum build_status features_add(struct kernel_notes *notes, struct elf_bytes text,
                                      struct build_detail *detail)
{
    while (text.size > 0) {
        struct elf_bytes name = {.start = text.start, .size = 0};
        while (name.size < text.size && name.start[name.size] != '|') {
            name.size++;
        }
        if (name.size > 0) {
            enum build_status status = feature_add(notes, name, detail);
            if (status != BUILD_OK) {
                return status;
            }
        }
        size_t used = min_u64(name.size + 1, text.size);
        text.start += used;
        text.size -= used;
    }
    return BUILD_OK;
}

enum build_status kernel_notes_set_number(struct kernel_notes *notes, uint32_t type,
                                          uint64_t number, struct build_detail *detail)
{
    if (kernel_notes_have(notes, type) && notes->number[type] != number) {
        return build_refuse(detail, BUILD_NOTE_CONFLICT, type, 0);
    }
    notes->present |= UINT32_C(1) << type;
    notes->number[type] = number;
    return BUILD_OK;
}

/* The same text twice is harmless; which of two different ones was meant, nobody knows. */
static enum build_status text_set(struct kernel_notes *notes, uint32_t type,
                                  struct elf_bytes *place, struct elf_bytes text,
                                  struct build_detail *detail)
{
    if (kernel_notes_have(notes, type) &&
        (place->size != text.size || memcmp(place->start, text.start, text.size) != 0)) {
        return build_refuse(detail, BUILD_NOTE_CONFLICT, type, 0);
    }
    notes->present |= UINT32_C(1) << type;
    *place = text;
    return BUILD_OK;
}

enum build_status kernel_notes_set_text(struct kernel_notes *notes, uint32_t type,
                                        struct elf_bytes text, struct build_detail *detail)
{
    switch (type) {
    case XEN_ELFNOTE_XEN_VERSION:
        return text_set(notes, type, &notes->xen_version, text, detail);
    case XEN_ELFNOTE_GUEST_OS:
        return text_set(notes, type, &notes->guest_os, text, detail);
    case XEN_ELFNOTE_LOADER:
        return text_set(notes, type, &notes->loader, text, detail);
    case XEN_ELFNOTE_FEATURES:
        notes->present |= UINT32_C(1) << type;
        return features_add(notes, text, detail);
    default:
        return BUILD_OK;
    }
}

/* An array of 32-bit words, of which only the first has features in it (XENFEAT_NR_SUBMAPS). */
static enum build_status feature_bits_add(struct kernel_notes *notes, const struct elf_note *note,
                                          struct build_detail *detail)
{
    uint32_t bits;
    if (note->value.size < sizeof(bits)) {
        return build_refuse(detail, BUILD_NOTE_NUMBER_SIZE, note->type, note->value.size);
    }
    memcpy(&bits, note->value.start, sizeof(bits));
    notes->present |= UINT32_C(1) << note->type;
    notes->features_supported |= bits;
    return BUILD_OK;
}

static enum build_status note_enter(struct kernel_notes *notes, const struct elf_note *note,
                                    struct build_detail *detail)
{
    if (!elf_note_is_xen(note) || note->type > XEN_ELFNOTE_MAX) {
        return BUILD_OK;
    }
    switch (note_kinds[note->type]) {
    case NOTE_NUMBER: {
        uint64_t number;
        if (!elf_note_number(note, &number)) {
            return build_refuse(detail, BUILD_NOTE_NUMBER_SIZE, note->type, note->value.size);
        }
        return kernel_notes_set_number(notes, note->type, number, detail);
    }
    case NOTE_TEXT:
        return kernel_notes_set_text(notes, note->type, elf_note_text(note), detail);
    case NOTE_BITS:
        return feature_bits_add(notes, note, detail);
    case NOTE_IGNORED:
        break;
    }
    return BUILD_OK;
}

/* Enter the Xen notes in one segment's or section's contents. */
static enum build_status notes_scan(struct elf_bytes bytes, struct kernel_notes *notes,
                                    struct build_detail *detail)
{
    for (;;) {
        struct elf_note note;
        enum elf_note_step step = elf_note_next(&bytes, &note);
        if (step == ELF_NOTE_END) {
            return BUILD_OK;
        }
        if (step == ELF_NOTE_MALFORMED) {
            return build_refuse(detail, BUILD_NOTE_MALFORMED, bytes.size, 0);
        }
        if (++notes->scanned > KERNEL_NOTES_MAX) {
            return build_refuse(detail, BUILD_TOO_MANY_NOTES, KERNEL_NOTES_MAX, 0);
        }
        enum build_status status = note_enter(notes, &note, detail);
        if (status != BUILD_OK) {
            return status;
        }
    }
}

static enum build_status notes_scan_range(const struct elf *elf, uint64_t offset, uint64_t size,
                                          struct kernel_notes *notes, struct build_detail *detail)
{
    struct elf_bytes bytes;
    if (!elf_slice(elf, offset, size, &bytes)) {
        return build_refuse(detail, BUILD_NOTES_OUTSIDE_FILE, offset, size);
    }
    return notes_scan(bytes, notes, detail);
}

static enum build_status segments_scan(const struct elf *elf, struct kernel_notes *notes,
                                       struct build_detail *detail)
{
    enum build_status status = BUILD_OK;
    for (uint32_t i = 0; i < elf->segment_count && status == BUILD_OK; i++) {
        struct elf_segment segment;
        elf_segment_read(elf, i, &segment);
        /* Offset 0 is the file header: a linker's way of saying that there are none. */
        if (segment.type == ELF_SEGMENT_NOTE && segment.offset != 0) {
            status = notes_scan_range(elf, segment.offset, segment.file_size, notes, detail);
        }
    }
    return status;
}

static enum build_status sections_scan(const struct elf *elf, struct kernel_notes *notes,
                                       struct build_detail *detail)
{
    enum build_status status = BUILD_OK;
    struct elf_section section;
    for (uint32_t i = 0; status == BUILD_OK && elf_section_read(elf, i, &section); i++) {
        if (section.type == ELF_SECTION_NOTE) {
            status = notes_scan_range(elf, section.offset, section.size, notes, detail);
        }
    }
    return status;
}

static enum build_status legacy_scan(const struct elf *elf, struct kernel_notes *notes,
                                     struct build_detail *detail)
{
    struct elf_section section;
    struct elf_bytes bytes;
    if (!elf_section_find(elf, "__xen_guest", &section) || section.type == ELF_SECTION_NOBITS) {
        return build_refuse(detail, BUILD_NOT_A_XEN_KERNEL, 0, 0);
    }
    if (!elf_slice(elf, section.offset, section.size, &bytes)) {
        return build_refuse(detail, BUILD_NOTES_OUTSIDE_FILE, section.offset, section.size);
    }
    return kernel_legacy_read(elf_bytes_text(bytes), notes, detail);
}

enum build_status kernel_notes_read(const struct elf *elf, struct kernel_notes *notes,
                                    struct build_detail *detail)
{
    *notes = (struct kernel_notes){0};
    enum build_status status = segments_scan(elf, notes, detail);
    if (status == BUILD_OK && notes->present == 0) {
        status = sections_scan(elf, notes, detail);
    }
    if (status == BUILD_OK && notes->present == 0) {
        status = legacy_scan(elf, notes, detail);
    }
    return status;
}
