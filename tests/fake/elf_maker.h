/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes ELF files for tests, good ones and bad ones. The format's structs are the C library's, so
 * that they check lib/elf.c's own. A test may change any header between elf_maker_*() and
 * elf_maker_write(), or the bytes of the file afterwards.
 */
#ifndef TESTS_FAKE_ELF_MAKER_H
#define TESTS_FAKE_ELF_MAKER_H

#include <elf.h>

#include "lib/compiler.h"

#define ELF_MAKER_SEGMENTS_MAX 40
#define ELF_MAKER_SIZE_MAX     (128 * 1024)

/* Where the notes go in the file. */
enum elf_maker_place { NOTES_IN_SEGMENT, NOTES_IN_SECTION, NOTES_IN_XEN_GUEST, NOTES_NOWHERE };

struct elf_maker {
    Elf64_Ehdr header;
    Elf64_Phdr segments[ELF_MAKER_SEGMENTS_MAX];
    unsigned segment_count;
    enum elf_maker_place place;
    uint8_t notes[8192];
    size_t notes_size;
    uint8_t file[ELF_MAKER_SIZE_MAX];
    size_t size; /* of the file: contents so far, and all of it once written */
};

/* An x86-64 file with no segments and no notes. */
void elf_maker_init(struct elf_maker *maker);

/* A loadable segment with contents that differ from place to place. Returns its header. */
Elf64_Phdr *elf_maker_segment(struct elf_maker *maker, uint64_t virtual_address,
                              uint64_t physical_address, uint64_t file_size, uint64_t memory_size);

/* A note: any bytes, a number of 8 bytes, a text with its NUL. */
void elf_maker_note(struct elf_maker *maker, const char *owner, uint32_t type, const void *value,
                    size_t size);
void elf_maker_note_number(struct elf_maker *maker, uint32_t type, uint64_t value);
void elf_maker_note_text(struct elf_maker *maker, uint32_t type, const char *text);

/* The contents of a section __xen_guest in place of notes. */
void elf_maker_xen_guest(struct elf_maker *maker, const char *text);

/* Add the headers; file and size are then complete. */
void elf_maker_write(struct elf_maker *maker);

#endif
