/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/elf.h"

#include "lib/check.h"
#include "lib/string.h"

/* The file format (System V ABI, "Object Files", and its x86-64 supplement). A file may lie at any
 * address, so headers are copied out before they are looked at. */
struct file_header {
    uint8_t magic[4];
    uint8_t class;
    uint8_t byte_order;
    uint8_t identification_version;
    uint8_t padding[9];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t segment_table;
    uint64_t section_table;
    uint32_t flags;
    uint16_t header_size;
    uint16_t segment_header_size;
    uint16_t segment_count;
    uint16_t section_header_size;
    uint16_t section_count;
    uint16_t section_names;
};
_Static_assert(sizeof(struct file_header) == 64, "the size of the format's file header");

struct segment_header {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t virtual_address;
    uint64_t physical_address;
    uint64_t file_size;
    uint64_t memory_size;
    uint64_t alignment;
};
_Static_assert(sizeof(struct segment_header) == 56, "the size of the format's program header");

struct section_header {
    uint32_t name;
    uint32_t type;
    uint64_t flags;
    uint64_t address;
    uint64_t offset;
    uint64_t size;
    uint32_t link;
    uint32_t info;
    uint64_t alignment;
    uint64_t entry_size;
};
_Static_assert(sizeof(struct section_header) == 64, "the size of the format's section header");

struct note_header {
    uint32_t name_size;
    uint32_t value_size;
    uint32_t type;
};

#define CLASS_64          2
#define BYTE_ORDER_LITTLE 1
#define VERSION_CURRENT   1
#define MACHINE_X86_64    62

/* Names and values of notes are padded to this, in 64-bit files too. */
#define NOTE_ALIGNMENT 4

static enum elf_status header_check(const struct file_header *header)
{
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
    if (memcmp(header->magic, magic, sizeof(magic)) != 0) {
        return ELF_BAD_MAGIC;
    }
    if (header->class != CLASS_64) {
        return ELF_NOT_64_BIT;
    }
    if (header->byte_order != BYTE_ORDER_LITTLE) {
        return ELF_NOT_LITTLE_ENDIAN;
    }
    if (header->machine != MACHINE_X86_64) {
        return ELF_NOT_X86_64;
    }
    if (header->identification_version != VERSION_CURRENT || header->version != VERSION_CURRENT) {
        return ELF_BAD_VERSION;
    }
    if (header->segment_count > 0 && header->segment_header_size != sizeof(struct segment_header)) {
        return ELF_BAD_HEADER_SIZE;
    }
    return ELF_OK;
}

enum elf_status elf_open(struct elf *elf, const void *file, size_t size)
{
    struct file_header header;
    if (size < sizeof(header)) {
        return ELF_TOO_SHORT;
    }
    memcpy(&header, file, sizeof(header));
    enum elf_status status = header_check(&header);
    if (status != ELF_OK) {
        return status;
    }
    *elf = (struct elf){
        .file = {.start = file, .size = size},
        .entry = header.entry,
        .segment_table = header.segment_table,
        .section_table = header.section_table,
        .segment_count = header.segment_count,
        .section_count = header.section_count,
        .section_names = header.section_names,
    };
    if (header.section_header_size != sizeof(struct section_header)) {
        elf->section_count = 0;
    }
    struct elf_bytes table;
    uint64_t table_size = elf->segment_count * (uint64_t)sizeof(struct segment_header);
    if (!elf_slice(elf, elf->segment_table, table_size, &table)) {
        return ELF_HEADERS_OUTSIDE;
    }
    return ELF_OK;
}

bool elf_slice(const struct elf *elf, uint64_t offset, uint64_t size, struct elf_bytes *slice)
{
    if (offset > elf->file.size || size > elf->file.size - offset) {
        return false;
    }
    *slice = (struct elf_bytes){.start = elf->file.start + offset, .size = size};
    return true;
}

void elf_segment_read(const struct elf *elf, uint32_t index, struct elf_segment *segment)
{
    CHECK(index < elf->segment_count);
    struct segment_header header;
    memcpy(&header, elf->file.start + elf->segment_table + index * sizeof(header), sizeof(header));
    *segment = (struct elf_segment){
        .type = header.type,
        .offset = header.offset,
        .virtual_address = header.virtual_address,
        .physical_address = header.physical_address,
        .file_size = header.file_size,
        .memory_size = header.memory_size,
    };
}

bool elf_section_read(const struct elf *elf, uint32_t index, struct elf_section *section)
{
    struct section_header header;
    struct elf_bytes table;
    uint64_t table_size = elf->section_count * (uint64_t)sizeof(header);
    if (index >= elf->section_count || !elf_slice(elf, elf->section_table, table_size, &table)) {
        return false;
    }
    memcpy(&header, table.start + index * sizeof(header), sizeof(header));
    *section = (struct elf_section){
        .name = header.name,
        .type = header.type,
        .link = header.link,
        .offset = header.offset,
        .size = header.size,
    };
    return true;
}

bool elf_section_find(const struct elf *elf, const char *name, struct elf_section *section)
{
    struct elf_section names;
    struct elf_bytes text;
    if (!elf_section_read(elf, elf->section_names, &names) ||
        !elf_slice(elf, names.offset, names.size, &text)) {
        return false;
    }
    size_t size = strlen(name) + 1;
    for (uint32_t i = 0; elf_section_read(elf, i, section); i++) {
        if (section->name < text.size && size <= text.size - section->name &&
            memcmp(text.start + section->name, name, size) == 0) {
            return true;
        }
    }
    return false;
}

/* Take `size` bytes and their padding off the front of `bytes`. The last padding may be missing. */
static bool note_part_take(struct elf_bytes *bytes, uint32_t size, struct elf_bytes *part)
{
    if (size > bytes->size) {
        return false;
    }
    *part = (struct elf_bytes){.start = bytes->start, .size = size};
    size_t padded = min_u64(round_up(size, NOTE_ALIGNMENT), bytes->size);
    bytes->start += padded;
    bytes->size -= padded;
    return true;
}

enum elf_note_step elf_note_next(struct elf_bytes *notes, struct elf_note *note)
{
    struct note_header header;
    if (notes->size < sizeof(header)) {
        return ELF_NOTE_END;
    }
    memcpy(&header, notes->start, sizeof(header));
    struct elf_bytes rest = {notes->start + sizeof(header), notes->size - sizeof(header)};
    note->type = header.type;
    if (!note_part_take(&rest, header.name_size, &note->name) ||
        !note_part_take(&rest, header.value_size, &note->value)) {
        return ELF_NOTE_MALFORMED;
    }
    *notes = rest;
    return ELF_NOTE_FOUND;
}

bool elf_note_is_xen(const struct elf_note *note)
{
    static const char owner[] = "Xen";
    return note->name.size == sizeof(owner) && memcmp(note->name.start, owner, sizeof(owner)) == 0;
}

bool elf_note_number(const struct elf_note *note, uint64_t *number)
{
    size_t size = note->value.size;
    if (size != 1 && size != 2 && size != 4 && size != 8) {
        return false;
    }
    *number = 0;
    memcpy(number, note->value.start, size); /* little endian, as we are */
    return true;
}

struct elf_bytes elf_note_text(const struct elf_note *note)
{
    return elf_bytes_text(note->value);
}

struct elf_bytes elf_bytes_text(struct elf_bytes bytes)
{
    size_t length = 0;
    while (length < bytes.size && bytes.start[length] != 0) {
        length++;
    }
    return (struct elf_bytes){.start = bytes.start, .size = length};
}

bool elf_text_equals(struct elf_bytes text, const char *other)
{
    return text.size == strlen(other) && elf_text_begins(text, other);
}

bool elf_text_begins(struct elf_bytes text, const char *prefix)
{
    size_t length = strlen(prefix);
    return text.size >= length && memcmp(text.start, prefix, length) == 0;
}
