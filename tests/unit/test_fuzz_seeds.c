/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seeds of the fuzzers that have names (tests/fuzz/seeds) are accepted as they are: one that is
 * not any more leads its fuzzer nowhere. Those that the fuzzers found may be anything.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/build.h"
#include "hv/boot/plan.h"
#include "lib/domain_spec.h"
#include "lib/insn.h"
#include "tools/control/config.h"
#include "tools/kernel_unpack.h"

#define SEEDS              "tests/fuzz/seeds/"
#define SIZE_MAX_OF_A_SEED 8192

/* `text` ends with a NUL that does not count. */
typedef void (*accept_fn)(const char *name, char *text, size_t size);

static size_t read_seed(const char *folder, const char *name, char *text)
{
    char path[512];
    snprintf(path, sizeof(path), SEEDS "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(text, 1, SIZE_MAX_OF_A_SEED, file);
    assert_true(size > 0 && size < SIZE_MAX_OF_A_SEED);
    assert_int_equal(fclose(file), 0);
    text[size] = '\0';
    return size;
}

static void for_each_seed(const char *folder, accept_fn accept)
{
    static char text[SIZE_MAX_OF_A_SEED + 1];
    char path[512];
    unsigned int count = 0;
    snprintf(path, sizeof(path), SEEDS "%s", folder);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    const struct dirent *entry = readdir(directory);
    for (; entry != NULL; entry = readdir(directory)) {
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, "found-", 6) != 0) {
            print_message("%s/%s\n", folder, entry->d_name);
            accept(entry->d_name, text, read_seed(folder, entry->d_name, text));
            count++;
        }
    }
    closedir(directory);
    assert_true(count > 0);
}

/* ---- kernels ------------------------------------------------------------------------------- */

/* The first 8 bytes say how much memory there is, and so on: see fuzz_elf.c. */
static void accept_elf(const char *name, char *text, size_t size)
{
    (void)name;
    const struct build_request request = {
        .kernel = (const uint8_t *)text + 8, .kernel_size = size - 8, .page_count = 0x8000};
    struct kernel_image image;
    struct build_layout layout;
    struct build_detail detail = {0};
    assert_int_equal(kernel_image_read(&request, &image, &detail), BUILD_OK);
    assert_int_equal(layout_compute(&image, &request, &layout, &detail), BUILD_OK);
}

static void elf_kernels_can_be_built(void **state)
{
    (void)state;
    for_each_seed("elf", accept_elf);
}

static void accept_bzimage(const char *name, char *text, size_t size)
{
    bool is_image = strncmp(name, "bzimage-", 8) == 0;
    struct unpacked_kernel kernel;
    struct reason reason;
    assert_int_equal(kernel_unpack((const uint8_t *)text, size, 65536, &kernel, &reason),
                     OUTCOME_SUCCESS);
    assert_memory_equal(kernel.elf, "\x7f\x45LF", 4);
    assert_int_equal(kernel.release[0] != '\0', is_image);
    free(kernel.unpacked);
}

static void packed_kernels_can_be_unpacked(void **state)
{
    (void)state;
    for_each_seed("bzimage", accept_bzimage);
}

/* ---- instructions -------------------------------------------------------------------------- */

static void accept_insn(const char *name, char *text, size_t size)
{
    (void)name;
    struct insn insn;
    struct insn_privileged privileged;
    const uint8_t *bytes = (const uint8_t *)text;
    if (insn_decode(bytes, size, &insn)) {
        assert_int_equal(insn.length, size);
    } else {
        assert_true(insn_decode_privileged(bytes, size, &privileged));
        assert_int_equal(privileged.length, size);
    }
}

static void instructions_are_decoded(void **state)
{
    (void)state;
    for_each_seed("insn", accept_insn);
}

/* ---- texts --------------------------------------------------------------------------------- */

static void accept_config(const char *name, char *text, size_t size)
{
    struct config config;
    struct reason reason;
    if (!config_read(&config, name, text, size, NULL, 0, &reason)) {
        fail_msg("%s", reason.text);
    }
}

static void configuration_files_are_read(void **state)
{
    (void)state;
    for_each_seed("config", accept_config);
}

static void complain(const char *text)
{
    fail_msg("%s", text);
}

/* A module for each line; an odd size says that files' names are in front: see
 * fuzz_domain_spec.c. */
static void accept_modules(char *text, size_t size)
{
    static struct boot_information information;
    static struct boot_plan plan;
    memset(&information, 0, sizeof(information));
    information.texts_have_names = size % 2 != 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        information.modules[information.module_count++].text = line;
    }
    boot_plan_make(&plan, &information, complain);
    assert_true(plan.count > 0);
}

static void accept_spec(const char *name, char *text, size_t size)
{
    struct domain_spec spec;
    struct domain_problem problem;
    if (strncmp(name, "modules-", 8) == 0) {
        accept_modules(text, size);
    } else if (!domain_spec_parse(&spec, text, DOMAIN_SPEC_ON_HOST, &problem)) {
        fail_msg("%s", problem.text);
    }
}

static void domain_specs_are_parsed(void **state)
{
    (void)state;
    for_each_seed("domain_spec", accept_spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elf_kernels_can_be_built),
        cmocka_unit_test(packed_kernels_can_be_unpacked),
        cmocka_unit_test(instructions_are_decoded),
        cmocka_unit_test(configuration_files_are_read),
        cmocka_unit_test(domain_specs_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
