/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fake/elf_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Contents begin behind the file header and room for all program headers. */
#define CONTENTS_START 0x1000

static const char section_names[] = "\0.names\0.notes\0__xen_guest";
enum { NAME_NAMES = 1, NAME_NOTES = 8, NAME_XEN_GUEST = 15 };

static uint64_t append(struct elf_maker *maker, const void *bytes, size_t size)
{
    maker->size = (maker->size + 7) & ~(size_t)7;
    if (size > sizeof(maker->file) - maker->size) {
        fprintf(stderr, "elf maker: the file is too large\n");
        abort();
    }
    uint64_t offset = maker->size;
    if (bytes != NULL) {
        memcpy(maker->file + offset, bytes, size);
    }
    maker->size += size;
    return offset;
}

void elf_maker_init(struct elf_maker *maker)
{
    memset(maker, 0, sizeof(*maker));
    memcpy(maker->header.e_ident, ELFMAG, SELFMAG);
    maker->header.e_ident[EI_CLASS] = ELFCLASS64;
    maker->header.e_ident[EI_DATA] = ELFDATA2LSB;
    maker->header.e_ident[EI_VERSION] = EV_CURRENT;
    maker->header.e_type = ET_EXEC;
    maker->header.e_machine = EM_X86_64;
    maker->header.e_version = EV_CURRENT;
    maker->header.e_phoff = sizeof(Elf64_Ehdr);
    maker->header.e_ehsize = sizeof(Elf64_Ehdr);
    maker->header.e_phentsize = sizeof(Elf64_Phdr);
    maker->header.e_shentsize = sizeof(Elf64_Shdr);
    maker->size = CONTENTS_START;
}

Elf64_Phdr *elf_maker_segment(struct elf_maker *maker, uint64_t virtual_address,
                              uint64_t physical_address, uint64_t file_size, uint64_t memory_size)
{
    Elf64_Phdr *segment = &maker->segments[maker->segment_count++];
    uint64_t offset = append(maker, NULL, file_size);
    for (uint64_t i = 0; i < file_size; i++) {
        maker->file[offset + i] = (uint8_t)(i ^ (i >> 8) ^ (maker->segment_count * 0x51));
    }
    *segment = (Elf64_Phdr){
        .p_type = PT_LOAD,
        .p_offset = offset,
        .p_vaddr = virtual_address,
        .p_paddr = physical_address,
        .p_filesz = file_size,
        .p_memsz = memory_size,
    };
    return segment;
}

static void notes_append(struct elf_maker *maker, const void *bytes, size_t size)
{
    size_t padded = (size + 3) & ~(size_t)3;
    if (padded > sizeof(maker->notes) - maker->notes_size) {
        fprintf(stderr, "elf maker: too many notes\n");
        abort();
    }
    memcpy(maker->notes + maker->notes_size, bytes, size);
    maker->notes_size += padded;
}

void elf_maker_note(struct elf_maker *maker, const char *owner, uint32_t type, const void *value,
                    size_t size)
{
    Elf64_Nhdr header = {
        .n_namesz = (uint32_t)strlen(owner) + 1,
        .n_descsz = (uint32_t)size,
        .n_type = type,
    };
    notes_append(maker, &header, sizeof(header));
    notes_append(maker, owner, strlen(owner) + 1);
    notes_append(maker, value, size);
}

void elf_maker_note_number(struct elf_maker *maker, uint32_t type, uint64_t value)
{
    elf_maker_note(maker, "Xen", type, &value, sizeof(value));
}

void elf_maker_note_text(struct elf_maker *maker, uint32_t type, const char *text)
{
    elf_maker_note(maker, "Xen", type, text, strlen(text) + 1);
}

void elf_maker_xen_guest(struct elf_maker *maker, const char *text)
{
    maker->place = NOTES_IN_XEN_GUEST;
    notes_append(maker, text, strlen(text) + 1);
}

static void write_segment_headers(struct elf_maker *maker, uint64_t notes)
{
    if (maker->place == NOTES_IN_SEGMENT) {
        maker->segments[maker->segment_count++] = (Elf64_Phdr){
            .p_type = PT_NOTE,
            .p_offset = notes,
            .p_filesz = maker->notes_size,
            .p_memsz = maker->notes_size,
        };
    }
    maker->header.e_phnum = (uint16_t)maker->segment_count;
    memcpy(maker->file + sizeof(Elf64_Ehdr), maker->segments,
           maker->segment_count * sizeof(Elf64_Phdr));
}

static void write_section_headers(struct elf_maker *maker, uint64_t notes)
{
    Elf64_Shdr sections[3] = {
        {.sh_type = SHT_NULL},
        {.sh_name = NAME_NAMES, .sh_type = SHT_STRTAB, .sh_size = sizeof(section_names)},
        {.sh_offset = notes, .sh_size = maker->notes_size},
    };
    sections[1].sh_offset = append(maker, section_names, sizeof(section_names));
    sections[2].sh_name = maker->place == NOTES_IN_SECTION ? NAME_NOTES : NAME_XEN_GUEST;
    sections[2].sh_type = maker->place == NOTES_IN_SECTION ? SHT_NOTE : SHT_PROGBITS;
    maker->header.e_shoff = append(maker, sections, sizeof(sections));
    maker->header.e_shnum = ARRAY_SIZE(sections);
    maker->header.e_shstrndx = 1;
}

void elf_maker_write(struct elf_maker *maker)
{
    uint64_t notes = append(maker, maker->notes, maker->notes_size);
    write_segment_headers(maker, notes);
    if (maker->place == NOTES_IN_SECTION || maker->place == NOTES_IN_XEN_GUEST) {
        write_section_headers(maker, notes);
    }
    memcpy(maker->file, &maker->header, sizeof(maker->header));
}
