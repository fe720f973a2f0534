/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/elf.c: reading ELF files, whole and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/elf.h"
#include "tests/fake/elf_maker.h"

static struct elf_maker maker;
static struct elf elf;

static enum elf_status open_made(void)
{
    return elf_open(&elf, maker.file, maker.size);
}

static int make_two_segments(void **state)
{
    (void)state;
    elf_maker_init(&maker);
    maker.header.e_entry = 0xffffffff81000040;
    elf_maker_segment(&maker, 0xffffffff81000000, 0x1000000, 0x1234, 0x2000);
    elf_maker_segment(&maker, 0, 0x1002000, 0x10, 0x10);
    elf_maker_note_number(&maker, 3, 0xffffffff80000000);
    elf_maker_write(&maker);
    return 0;
}

static void segments_are_read_as_the_file_has_them(void **state)
{
    (void)state;
    struct elf_segment segment;

    assert_int_equal(open_made(), ELF_OK);
    elf_segment_read(&elf, 0, &segment);

    assert_int_equal(elf.segment_count, 3);
    assert_int_equal(elf.entry, 0xffffffff81000040);
    assert_int_equal(segment.type, PT_LOAD);
    assert_int_equal(segment.offset, maker.segments[0].p_offset);
    assert_int_equal(segment.virtual_address, 0xffffffff81000000);
    assert_int_equal(segment.physical_address, 0x1000000);
    assert_int_equal(segment.file_size, 0x1234);
    assert_int_equal(segment.memory_size, 0x2000);
}

static void file_shorter_than_its_header_is_refused(void **state)
{
    (void)state;
    assert_int_equal(elf_open(&elf, maker.file, sizeof(Elf64_Ehdr) - 1), ELF_TOO_SHORT);
    assert_int_equal(elf_open(&elf, NULL, 0), ELF_TOO_SHORT);
}

static void wrong_magic_is_refused(void **state)
{
    (void)state;
    maker.file[EI_MAG3] = 'f';
    assert_int_equal(open_made(), ELF_BAD_MAGIC);
}

static void file_of_32_bits_is_refused(void **state)
{
    (void)state;
    maker.file[EI_CLASS] = ELFCLASS32;
    assert_int_equal(open_made(), ELF_NOT_64_BIT);
}

static void big_endian_file_is_refused(void **state)
{
    (void)state;
    maker.file[EI_DATA] = ELFDATA2MSB;
    assert_int_equal(open_made(), ELF_NOT_LITTLE_ENDIAN);
}

static void other_machine_is_refused(void **state)
{
    (void)state;
    maker.file[offsetof(Elf64_Ehdr, e_machine)] = EM_AARCH64;
    assert_int_equal(open_made(), ELF_NOT_X86_64);
}

static void either_wrong_version_is_refused(void **state)
{
    (void)state;
    maker.file[EI_VERSION] = 2;
    assert_int_equal(open_made(), ELF_BAD_VERSION);
    maker.file[EI_VERSION] = EV_CURRENT;
    maker.file[offsetof(Elf64_Ehdr, e_version)] = 2;
    assert_int_equal(open_made(), ELF_BAD_VERSION);
}

static void program_headers_of_other_size_are_refused(void **state)
{
    (void)state;
    maker.file[offsetof(Elf64_Ehdr, e_phentsize)] = 32;
    assert_int_equal(open_made(), ELF_BAD_HEADER_SIZE);
}

static void program_headers_must_end_inside_the_file(void **state)
{
    (void)state;
    uint64_t table_size = 3 * sizeof(Elf64_Phdr);
    uint64_t last = maker.size - table_size;
    uint8_t *offset = maker.file + offsetof(Elf64_Ehdr, e_phoff);

    memcpy(offset, &last, sizeof(last));
    assert_int_equal(open_made(), ELF_OK);
    last++;
    memcpy(offset, &last, sizeof(last));
    assert_int_equal(open_made(), ELF_HEADERS_OUTSIDE);
    last = UINT64_MAX - table_size + 2; /* the sum wraps */
    memcpy(offset, &last, sizeof(last));
    assert_int_equal(open_made(), ELF_HEADERS_OUTSIDE);
}

static void slice_must_lie_inside_the_file(void **state)
{
    (void)state;
    struct elf_bytes slice;
    assert_int_equal(open_made(), ELF_OK);

    assert_true(elf_slice(&elf, 0, maker.size, &slice));
    assert_true(elf_slice(&elf, maker.size, 0, &slice));
    assert_false(elf_slice(&elf, 0, maker.size + 1, &slice));
    assert_false(elf_slice(&elf, maker.size + 1, 0, &slice));
    assert_false(elf_slice(&elf, 1, UINT64_MAX, &slice));
    assert_false(elf_slice(&elf, UINT64_MAX, 1, &slice));
}

static void file_without_sections_has_none_to_find(void **state)
{
    (void)state;
    struct elf_section section;
    assert_int_equal(open_made(), ELF_OK);
    assert_false(elf_section_read(&elf, 0, &section));
    assert_false(elf_section_find(&elf, "__xen_guest", &section));
}

static void make_legacy(void)
{
    elf_maker_init(&maker);
    elf_maker_segment(&maker, 0, 0, 16, 16);
    elf_maker_xen_guest(&maker, "LOADER=generic");
    elf_maker_write(&maker);
}

static void section_is_found_by_its_whole_name(void **state)
{
    (void)state;
    struct elf_section section;
    struct elf_bytes bytes;
    make_legacy();
    assert_int_equal(open_made(), ELF_OK);

    assert_true(elf_section_find(&elf, "__xen_guest", &section));
    assert_true(elf_slice(&elf, section.offset, section.size, &bytes));
    assert_true(elf_text_equals(elf_bytes_text(bytes), "LOADER=generic"));
    assert_false(elf_section_find(&elf, "__xen_gues", &section));
    assert_false(elf_section_find(&elf, "__xen_guests", &section));
}

static void section_headers_outside_the_file_are_not_read(void **state)
{
    (void)state;
    struct elf_section section;
    make_legacy();
    assert_int_equal(elf_open(&elf, maker.file, maker.size - 1), ELF_OK);
    assert_false(elf_section_read(&elf, 0, &section));
    assert_false(elf_section_find(&elf, "__xen_guest", &section));
}

static void section_headers_of_other_size_count_as_none(void **state)
{
    (void)state;
    struct elf_section section;
    make_legacy();
    maker.file[offsetof(Elf64_Ehdr, e_shentsize)] = 40;
    assert_int_equal(open_made(), ELF_OK);
    assert_false(elf_section_read(&elf, 0, &section));
}

static void section_name_outside_the_names_is_passed_over(void **state)
{
    (void)state;
    struct elf_section section;
    uint32_t name = 27; /* the names end before it */
    make_legacy();
    memcpy(maker.file + maker.header.e_shoff + 2 * sizeof(Elf64_Shdr), &name, sizeof(name));
    assert_int_equal(open_made(), ELF_OK);
    assert_false(elf_section_find(&elf, "__xen_guest", &section));
}

/* The notes made so far, as the contents of a segment. */
static struct elf_bytes made_notes(void)
{
    return (struct elf_bytes){.start = maker.notes, .size = maker.notes_size};
}

static void notes_come_one_by_one_with_their_padding_skipped(void **state)
{
    (void)state;
    struct elf_note note;
    elf_maker_init(&maker);
    elf_maker_note(&maker, "GNU", 3, "abcde", 5);
    elf_maker_note_text(&maker, 8, "generic");
    struct elf_bytes notes = made_notes();

    assert_int_equal(elf_note_next(&notes, &note), ELF_NOTE_FOUND);
    assert_int_equal(note.type, 3);
    assert_int_equal(note.value.size, 5);
    assert_false(elf_note_is_xen(&note));
    assert_int_equal(elf_note_next(&notes, &note), ELF_NOTE_FOUND);
    assert_int_equal(note.type, 8);
    assert_true(elf_note_is_xen(&note));
    assert_true(elf_text_equals(elf_note_text(&note), "generic"));
    assert_int_equal(elf_note_next(&notes, &note), ELF_NOTE_END);
}

static void last_note_may_lack_its_padding(void **state)
{
    (void)state;
    struct elf_note note;
    elf_maker_init(&maker);
    elf_maker_note(&maker, "Xen", 3, "abcde", 5);
    struct elf_bytes notes = {.start = maker.notes, .size = maker.notes_size - 3};

    assert_int_equal(elf_note_next(&notes, &note), ELF_NOTE_FOUND);
    assert_int_equal(elf_note_next(&notes, &note), ELF_NOTE_END);
}

static void note_longer_than_its_place_is_malformed(void **state)
{
    (void)state;
    struct elf_note note;
    elf_maker_init(&maker);
    elf_maker_note(&maker, "Xen", 3, "abcde", 5);
    struct elf_bytes value_cut = {.start = maker.notes, .size = maker.notes_size - 4};
    struct elf_bytes name_cut = {.start = maker.notes, .size = 14};
    assert_int_equal(elf_note_next(&value_cut, &note), ELF_NOTE_MALFORMED);
    assert_int_equal(elf_note_next(&name_cut, &note), ELF_NOTE_MALFORMED);

    uint32_t huge = UINT32_MAX;
    struct elf_bytes notes = made_notes();
    memcpy(maker.notes, &huge, sizeof(huge));
    assert_int_equal(elf_note_next(&notes, &note), ELF_NOTE_MALFORMED);
    assert_ptr_equal(notes.start, maker.notes);
}

static void only_the_exact_owner_is_xen(void **state)
{
    (void)state;
    struct elf_note note;
    elf_maker_init(&maker);
    elf_maker_note(&maker, "Xe", 4, "", 0);
    elf_maker_note(&maker, "Xenon", 4, "", 0);
    elf_maker_note(&maker, "Go", 4, "", 0);
    struct elf_bytes notes = made_notes();
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(elf_note_next(&notes, &note), ELF_NOTE_FOUND);
        assert_false(elf_note_is_xen(&note));
    }
}

static void numbers_have_1_2_4_or_8_bytes(void **state)
{
    (void)state;
    static const uint8_t bytes[9] = {0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00};
    static const struct {
        size_t size;
        bool good;
        uint64_t number;
    } cases[] = {
        {0, false, 0},         {1, true, 0x88}, {2, true, 0x7788}, {3, false, 0},
        {4, true, 0x55667788}, {5, false, 0},   {7, false, 0},     {8, true, 0x1122334455667788},
        {9, false, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct elf_note note = {.value = {bytes, cases[i].size}};
        uint64_t number = 0;
        assert_int_equal(elf_note_number(&note, &number), cases[i].good);
        assert_int_equal(number, cases[i].number);
    }
}

static void text_ends_at_the_nul_or_with_its_bytes(void **state)
{
    (void)state;
    struct elf_bytes with_nul = {(const uint8_t *)"abc\0def", 7};
    struct elf_bytes without = {(const uint8_t *)"abcdef", 3};
    assert_true(elf_text_equals(elf_bytes_text(with_nul), "abc"));
    assert_true(elf_text_equals(elf_bytes_text(without), "abc"));
    assert_false(elf_text_equals(without, "ab"));
    assert_true(elf_text_begins(without, "ab"));
    assert_false(elf_text_begins(without, "abcd"));
}

/* Each truncation is a block of its own, so that ASan sees one byte too much. */
static void no_truncation_reads_past_the_end(void **state)
{
    (void)state;
    make_legacy();
    for (size_t size = 0; size < maker.size; size++) {
        uint8_t *copy = malloc(size);
        struct elf_section section;
        memcpy(copy, maker.file, size);
        if (elf_open(&elf, copy, size) == ELF_OK) {
            for (uint32_t i = 0; i < elf.segment_count; i++) {
                struct elf_segment segment;
                elf_segment_read(&elf, i, &segment);
            }
            assert_false(elf_section_find(&elf, "__xen_guest", &section));
        }
        free(copy);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, make_two_segments)
    const struct CMUnitTest tests[] = {
        TEST(segments_are_read_as_the_file_has_them),
        TEST(file_shorter_than_its_header_is_refused),
        TEST(wrong_magic_is_refused),
        TEST(file_of_32_bits_is_refused),
        TEST(big_endian_file_is_refused),
        TEST(other_machine_is_refused),
        TEST(either_wrong_version_is_refused),
        TEST(program_headers_of_other_size_are_refused),
        TEST(program_headers_must_end_inside_the_file),
        TEST(slice_must_lie_inside_the_file),
        TEST(file_without_sections_has_none_to_find),
        TEST(section_is_found_by_its_whole_name),
        TEST(section_headers_outside_the_file_are_not_read),
        TEST(section_headers_of_other_size_count_as_none),
        TEST(section_name_outside_the_names_is_passed_over),
        TEST(notes_come_one_by_one_with_their_padding_skipped),
        TEST(last_note_may_lack_its_padding),
        TEST(note_longer_than_its_place_is_malformed),
        TEST(only_the_exact_owner_is_xen),
        TEST(numbers_have_1_2_4_or_8_bytes),
        TEST(text_ends_at_the_nul_or_with_its_bytes),
        TEST(no_truncation_reads_past_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
