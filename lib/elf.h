/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a 64-bit x86-64 ELF file that lies in memory, and the notes in it. Nothing is trusted:
 * every offset and size is checked against the file before it is followed, and nothing is written.
 * The pieces handed out point into the file and live as long as it does.
 */
#ifndef LIB_ELF_H
#define LIB_ELF_H

#include "lib/compiler.h"

enum elf_status {
    ELF_OK,
    ELF_TOO_SHORT,         /* not even room for the file header */
    ELF_BAD_MAGIC,         /* does not begin with 7f 45 4c 46 */
    ELF_NOT_64_BIT,        /* ELFCLASS32, or no class at all */
    ELF_NOT_LITTLE_ENDIAN, /* byte order */
    ELF_NOT_X86_64,        /* another machine */
    ELF_BAD_VERSION,       /* neither version field may be other than 1 */
    ELF_BAD_HEADER_SIZE,   /* program headers of another size than this format's */
    ELF_HEADERS_OUTSIDE,   /* the program header table is not wholly inside the file */
};

enum elf_segment_type { ELF_SEGMENT_LOAD = 1, ELF_SEGMENT_NOTE = 4 };
enum elf_section_type {
    ELF_SECTION_SYMTAB = 2,
    ELF_SECTION_STRTAB = 3,
    ELF_SECTION_NOTE = 7,
    ELF_SECTION_NOBITS = 8,
};

/* Some bytes of the file. */
struct elf_bytes {
    const uint8_t *start;
    size_t size;
};

struct elf {
    struct elf_bytes file;
    uint64_t entry;
    uint64_t segment_table;
    uint64_t section_table;
    uint32_t segment_count;
    uint32_t section_count;
    uint32_t section_names; /* the section that holds the sections' names */
};

struct elf_segment {
    uint32_t type; /* enum elf_segment_type, or another one */
    uint64_t offset;
    uint64_t virtual_address;
    uint64_t physical_address;
    uint64_t file_size;
    uint64_t memory_size;
};

struct elf_section {
    uint32_t name; /* offset in the section of names */
    uint32_t type; /* enum elf_section_type, or another one */
    uint32_t link;
    uint64_t offset;
    uint64_t size;
};

struct elf_note {
    uint32_t type;
    struct elf_bytes name; /* the owner, with its NUL */
    struct elf_bytes value;
};

enum elf_note_step { ELF_NOTE_FOUND, ELF_NOTE_END, ELF_NOTE_MALFORMED };

/* Look at the file header. On ELF_OK the whole program header table is inside the file; section
 * headers are checked one by one as they are read, since most files do without them. */
NODISCARD enum elf_status elf_open(struct elf *elf, const void *file, size_t size);

/* The bytes [offset, offset + size). False: not wholly inside the file. */
NODISCARD bool elf_slice(const struct elf *elf, uint64_t offset, uint64_t size,
                         struct elf_bytes *slice);

/* Program header `index`, which must be below segment_count. Its contents are as the file has
 * them, unchecked. */
void elf_segment_read(const struct elf *elf, uint32_t index, struct elf_segment *segment);

/* Section header `index`. False: there is none, or it lies outside the file. */
NODISCARD bool elf_section_read(const struct elf *elf, uint32_t index, struct elf_section *section);

/* The first section of that name whose header and name are inside the file. */
NODISCARD bool elf_section_find(const struct elf *elf, const char *name,
                                struct elf_section *section);

/* Take the first note off `notes`, the contents of a note segment or section. ELF_NOTE_MALFORMED:
 * it is longer than what is left; nothing was taken. */
NODISCARD enum elf_note_step elf_note_next(struct elf_bytes *notes, struct elf_note *note);

/* Is the owner's name "Xen"? Types mean nothing without it. */
bool elf_note_is_xen(const struct elf_note *note);

/* The value as a number: 1, 2, 4 or 8 bytes. False: another size. */
NODISCARD bool elf_note_number(const struct elf_note *note, uint64_t *number);

/* The value as text: up to the first NUL, or all of it. */
struct elf_bytes elf_note_text(const struct elf_note *note);

/* Up to the first NUL, or all of it. */
struct elf_bytes elf_bytes_text(struct elf_bytes bytes);
bool elf_text_equals(struct elf_bytes text, const char *other);
bool elf_text_begins(struct elf_bytes text, const char *prefix);

#endif
