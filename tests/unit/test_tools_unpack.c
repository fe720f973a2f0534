/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel files as distributions ship them, and what may be wrong with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/packer.h"
#include "tools/decompress.h"
#include "tools/kernel_unpack.h"

#define VERSION "6.1.0-test (builder@host) #1 SMP"

/* What there is a packer for: lzo has tests of its own (test_tools_lzo.c). */
static const enum compression linked[] = {COMPRESSION_GZIP, COMPRESSION_BZIP2, COMPRESSION_LZMA,
                                          COMPRESSION_XZ,   COMPRESSION_LZ4,   COMPRESSION_ZSTD};

/* Begins like an ELF file, and neither packs to nothing nor not at all. */
static uint8_t elf[300000];

static struct packed packed;
static struct unpacked_kernel kernel;
static struct reason reason;

static int make_elf(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(elf); i++) {
        elf[i] = (uint8_t)((i * i) >> 9 ^ i / 3);
    }
    memcpy(elf, "\x7f\x45LF", 4);
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    packed_free(&packed);
    return 0;
}

static enum outcome unpack(void)
{
    return kernel_unpack(packed.bytes, packed.size, KERNEL_SIZE_MAX, &kernel, &reason);
}

static void assert_unpacked(void)
{
    assert_int_equal(unpack(), OUTCOME_SUCCESS);
    assert_int_equal(kernel.elf_size, sizeof(elf));
    assert_memory_equal(kernel.elf, elf, sizeof(elf));
    free(kernel.unpacked);
}

static void assert_refused(const char *why)
{
    assert_int_equal(unpack(), OUTCOME_INPUT_REFUSED);
    assert_string_equal(reason.text, why);
    assert_null(kernel.unpacked);
}

/* ---- whole ones ---- */

static void boot_image_of_each_compression_is_unpacked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(linked); i++) {
        packed_kernel(&packed, linked[i], elf, sizeof(elf), VERSION);
        assert_unpacked();
        assert_string_equal(kernel.release, "6.1.0-test");
        packed_free(&packed);
    }
}

static void compressed_elf_file_of_each_compression_is_unpacked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(linked); i++) {
        packed_compress(&packed, linked[i], elf, sizeof(elf));
        assert_unpacked();
        packed_free(&packed);
    }
}

static void compressed_boot_image_is_unpacked_twice(void **state)
{
    (void)state;
    struct packed image = {0};
    packed_kernel(&image, COMPRESSION_ZSTD, elf, sizeof(elf), VERSION);
    packed_compress(&packed, COMPRESSION_GZIP, image.bytes, image.size);
    packed_free(&image);
    assert_unpacked();
}

static void data_in_several_parts_is_one_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(linked); i++) {
        packed_compress(&packed, linked[i], elf, 1000);
        packed_compress(&packed, linked[i], elf + 1000, sizeof(elf) - 1000);
        assert_unpacked();
        packed_free(&packed);
    }
}

static void elf_file_is_taken_as_it_is(void **state)
{
    (void)state;
    packed_append(&packed, elf, sizeof(elf));
    assert_int_equal(unpack(), OUTCOME_SUCCESS);
    assert_ptr_equal(kernel.elf, packed.bytes);
    assert_null(kernel.unpacked);
}

/* ---- damaged ones ---- */

/* lz4's container has no end mark: cut between two blocks, it is whole. Here there is one block. */
static void data_cut_short_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(linked); i++) {
        packed_compress(&packed, linked[i], elf, sizeof(elf));
        size_t whole = packed.size;
        for (size_t size = 40; size < whole; size += whole / 50) {
            struct decompression job;
            assert_int_equal(decompress(linked[i], packed.bytes, size, sizeof(elf), &job),
                             DECOMPRESS_CUT_SHORT);
            assert_null(job.output);
        }
        packed_free(&packed);
    }
}

/* lzma and lz4 have no checksum, so that a wrong byte may come out as another wrong byte. */
static void damaged_byte_never_goes_unnoticed_where_there_is_a_checksum(void **state)
{
    (void)state;
    static const enum compression checked[] = {COMPRESSION_GZIP, COMPRESSION_BZIP2, COMPRESSION_XZ};
    for (size_t i = 0; i < ARRAY_SIZE(checked); i++) {
        packed_compress(&packed, checked[i], elf, sizeof(elf));
        for (size_t at = 40; at < packed.size; at += packed.size / 60) {
            struct decompression job;
            packed.bytes[at] ^= 0x10;
            assert_int_not_equal(
                decompress(checked[i], packed.bytes, packed.size, sizeof(elf), &job),
                DECOMPRESS_OK);
            packed.bytes[at] ^= 0x10;
        }
        packed_free(&packed);
    }
}

static void damaged_payload_names_its_compression_and_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        enum compression compression;
        const char *begin;
    } cases[] = {
        {COMPRESSION_GZIP, "the gzip payload of the Linux boot image is damaged: "},
        {COMPRESSION_BZIP2, "the bzip2 payload of the Linux boot image is damaged: a block "},
        {COMPRESSION_LZMA, "the lzma payload of the Linux boot image is damaged: "},
        {COMPRESSION_XZ, "the xz payload of the Linux boot image is damaged: the data contradicts"},
        {COMPRESSION_LZ4, "the lz4 payload of the Linux boot image is damaged: a block "},
        {COMPRESSION_ZSTD, "the zstd payload of the Linux boot image is damaged: "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        packed_kernel(&packed, cases[i].compression, elf, sizeof(elf), VERSION);
        memset(packed.bytes + 1024 + 40, 0xff, 200);
        assert_int_equal(unpack(), OUTCOME_INPUT_REFUSED);
        assert_memory_equal(reason.text, cases[i].begin, strlen(cases[i].begin));
        packed_free(&packed);
    }
}

static void payload_of_another_size_than_it_should_have_is_refused(void **state)
{
    (void)state;
    uint32_t claimed = sizeof(elf) + 1;
    packed_kernel(&packed, COMPRESSION_XZ, elf, sizeof(elf), VERSION);
    memcpy(packed.bytes + packed.size - 4, &claimed, sizeof(claimed));
    assert_refused("the xz payload of the Linux boot image is damaged: it unpacks to 300000 bytes, "
                   "and should to 300001");
    claimed = sizeof(elf) - 1;
    memcpy(packed.bytes + packed.size - 4, &claimed, sizeof(claimed));
    assert_refused("the xz payload of the Linux boot image is damaged: it unpacks to more than "
                   "the 299999 bytes that it should");
}

static void payload_that_claims_too_much_is_refused_unseen(void **state)
{
    (void)state;
    uint32_t claimed = UINT32_MAX;
    packed_kernel(&packed, COMPRESSION_XZ, elf, sizeof(elf), VERSION);
    memcpy(packed.bytes + packed.size - 4, &claimed, sizeof(claimed));
    assert_refused("the Linux boot image's payload claims to unpack to 4294967295 bytes, more than "
                   "the 1073741824 that are allowed");
}

/* What unpacks to more than it may stops there, however little it was packed to. */
static void output_is_bounded(void **state)
{
    (void)state;
    uint8_t *zeros = calloc(1, 20 << 20);
    for (size_t i = 0; i < ARRAY_SIZE(linked); i++) {
        struct decompression job;
        packed_compress(&packed, linked[i], zeros, 20 << 20);
        assert_int_equal(decompress(linked[i], packed.bytes, packed.size, 1 << 20, &job),
                         DECOMPRESS_TOO_LARGE);
        assert_null(job.output);
        packed_free(&packed);
    }
    free(zeros);
}

static void output_of_just_the_allowed_size_is_fine(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(linked); i++) {
        struct decompression job;
        packed_compress(&packed, linked[i], elf, sizeof(elf));
        assert_int_equal(decompress(linked[i], packed.bytes, packed.size, sizeof(elf), &job),
                         DECOMPRESS_OK);
        free(job.output);
        assert_int_equal(decompress(linked[i], packed.bytes, packed.size, sizeof(elf) - 1, &job),
                         DECOMPRESS_TOO_LARGE);
        packed_free(&packed);
    }
}

/* ---- what is no kernel ---- */

static void boot_image_cut_short_says_how_much_is_missing(void **state)
{
    (void)state;
    packed_kernel(&packed, COMPRESSION_GZIP, elf, sizeof(elf), VERSION);
    char why[128];
    snprintf(why, sizeof(why),
             "a Linux boot image that is cut short: its payload goes to byte %zu, but the file "
             "has 2000",
             packed.size);
    packed.size = 2000;
    assert_refused(why);
}

static void unusable_boot_images_are_named(void **state)
{
    (void)state;
    packed_kernel(&packed, COMPRESSION_GZIP, elf, sizeof(elf), VERSION);
    memcpy(packed.bytes + 1024, "\1\2\3\4", 4);
    assert_refused("the Linux boot image's payload is compressed in an unknown way: it begins with "
                   "01020304");
    memcpy(packed.bytes + 0x24c, "\3\0\0", 4);
    assert_refused("a Linux boot image without a payload");
    memcpy(packed.bytes + 0x206, "\7\2", 2);
    assert_refused("a Linux boot image of boot protocol 2.07, which does not say where its payload "
                   "is; that begins with 2.08 (Linux 2.6.26)");
}

static void other_files_are_named(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        const char *bytes;
        const char *kind;
    } cases[] = {
        {56, "ARM\x64", ", but a kernel for arm64"},
        {56, "RSC\x05", ", but a kernel for RISC-V"},
        {36, "\x18\x28\x6f\x01", ", but a kernel for 32-bit ARM"},
        {0, "\x27\x05\x19\x56", ", but an image for U-Boot"},
        {4, "zimg", ", but an EFI image of a kernel for another processor"},
        {0, "MZ", ", but an EFI program (of a unified kernel image, give the section .linux)"},
        {0, "070701", ", but an initial ramdisk (cpio)"},
        {0, "hello", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint8_t file[600] = {0};
        char why[160];
        memcpy(file + cases[i].offset, cases[i].bytes, strlen(cases[i].bytes));
        packed_append(&packed, file, sizeof(file));
        snprintf(why, sizeof(why), "neither an x86 Linux boot image (bzImage) nor an ELF file%s",
                 cases[i].kind);
        assert_refused(why);
        packed_free(&packed);
    }
}

static void empty_file_is_named(void **state)
{
    (void)state;
    assert_refused("the file is empty");
}

static void compressed_file_that_is_no_kernel_is_named(void **state)
{
    (void)state;
    packed_compress(&packed, COMPRESSION_XZ, "hello, world", 12);
    assert_refused("unpacked with xz, neither an x86 Linux boot image (bzImage) nor an ELF file");
    packed_free(&packed);
    packed_compress(&packed, COMPRESSION_GZIP, "", 0);
    assert_refused("unpacked with gzip, the file is empty");
}

static void file_packed_too_often_is_refused(void **state)
{
    (void)state;
    struct packed inner = {0};
    packed_compress(&inner, COMPRESSION_GZIP, elf, 100);
    for (int i = 0; i < 3; i++) {
        packed_compress(&packed, COMPRESSION_GZIP, inner.bytes, inner.size);
        packed_free(&inner);
        inner = packed;
        packed = (struct packed){0};
    }
    packed = inner;
    assert_refused("unpacked with gzip, unpacked with gzip, unpacked with gzip, there is still no "
                   "kernel");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(boot_image_of_each_compression_is_unpacked, clean_up),
        cmocka_unit_test_teardown(compressed_elf_file_of_each_compression_is_unpacked, clean_up),
        cmocka_unit_test_teardown(compressed_boot_image_is_unpacked_twice, clean_up),
        cmocka_unit_test_teardown(data_in_several_parts_is_one_file, clean_up),
        cmocka_unit_test_teardown(elf_file_is_taken_as_it_is, clean_up),
        cmocka_unit_test_teardown(data_cut_short_anywhere_is_refused, clean_up),
        cmocka_unit_test_teardown(damaged_byte_never_goes_unnoticed_where_there_is_a_checksum,
                                  clean_up),
        cmocka_unit_test_teardown(damaged_payload_names_its_compression_and_what_is_wrong,
                                  clean_up),
        cmocka_unit_test_teardown(payload_of_another_size_than_it_should_have_is_refused, clean_up),
        cmocka_unit_test_teardown(payload_that_claims_too_much_is_refused_unseen, clean_up),
        cmocka_unit_test_teardown(output_is_bounded, clean_up),
        cmocka_unit_test_teardown(output_of_just_the_allowed_size_is_fine, clean_up),
        cmocka_unit_test_teardown(boot_image_cut_short_says_how_much_is_missing, clean_up),
        cmocka_unit_test_teardown(unusable_boot_images_are_named, clean_up),
        cmocka_unit_test_teardown(other_files_are_named, clean_up),
        cmocka_unit_test_teardown(empty_file_is_named, clean_up),
        cmocka_unit_test_teardown(compressed_file_that_is_no_kernel_is_named, clean_up),
        cmocka_unit_test_teardown(file_packed_too_often_is_refused, clean_up),
    };
    return cmocka_run_group_tests(tests, make_elf, NULL);
}
