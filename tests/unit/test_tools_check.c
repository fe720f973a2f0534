/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host says of kernels that the hypervisor could not start, or not with what is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <xen/elfnote.h>

#include "tests/fake/elf_maker.h"
#include "tests/fake/packer.h"
#include "tools/kernel_check.h"
#include "tools/kernel_config.h"

#define BASE UINT64_C(0xffffffff80000000)

static struct elf_maker maker;
static struct unpacked_kernel kernel;
static struct check_request request;
static struct reason reason;

/* Linux as it should be: notes and two segments. A test changes what it is about. */
static int make_linux(void **state)
{
    (void)state;
    uint32_t features = 0x8801;
    elf_maker_init(&maker);
    elf_maker_note_text(&maker, XEN_ELFNOTE_GUEST_OS, "linux");
    elf_maker_note_text(&maker, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    elf_maker_note_text(&maker, XEN_ELFNOTE_LOADER, "generic");
    elf_maker_note_text(&maker, XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb");
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_SUPPORTED_FEATURES, &features, sizeof(features));
    elf_maker_note_number(&maker, XEN_ELFNOTE_INIT_P2M, UINT64_C(0x8000000000));
    elf_maker_note_number(&maker, XEN_ELFNOTE_MOD_START_PFN, 1);
    elf_maker_note_number(&maker, XEN_ELFNOTE_PHYS32_ENTRY, 0x1000000);
    elf_maker_segment(&maker, BASE + 0x1000000, 0x1000000, 0x1000, 0x1000);
    elf_maker_segment(&maker, BASE + 0x1001000, 0x1001000, 0x1000, 0x3000);
    maker.header.e_entry = 0x1000000;
    kernel = (struct unpacked_kernel){0};
    request = (struct check_request){
        .kernel_path = "/nowhere/vmlinuz",
        .kernel = &kernel,
        .initrd_size = 5 << 20,
        .kernel_options = "console=hvc0",
        .is_first = true,
        .hypervisor_options = "",
        .memory_kib = 256 << 10,
    };
    return 0;
}

static bool check_made(void)
{
    elf_maker_write(&maker);
    kernel.elf = maker.file;
    kernel.elf_size = maker.size;
    request.files_size = maker.size + request.initrd_size;
    return kernel_check(&request, &reason);
}

static void add_pv_notes(void)
{
    elf_maker_note_number(&maker, XEN_ELFNOTE_ENTRY, BASE + 0x1000000);
    elf_maker_note_number(&maker, XEN_ELFNOTE_VIRT_BASE, BASE);
}

static void assert_refused(const char *why)
{
    assert_false(check_made());
    assert_string_equal(reason.text, why);
}

static void good_kernel_is_accepted(void **state)
{
    (void)state;
    add_pv_notes();
    assert_true(check_made());
}

/* ---- the file ---- */

static void kernel_for_another_machine_is_named(void **state)
{
    (void)state;
    maker.header.e_machine = EM_AARCH64;
    assert_refused("the kernel is for another machine than x86-64 (it is for arm64)");
    maker.header.e_machine = 12345;
    assert_refused("the kernel is for another machine than x86-64 (its ELF machine number is "
                   "12345)");
}

static void kernel_of_32_bits_is_named(void **state)
{
    (void)state;
    maker.header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_refused("the kernel is not a 64-bit ELF file");
}

static void elf_file_cut_short_is_refused(void **state)
{
    (void)state;
    add_pv_notes();
    elf_maker_write(&maker);
    kernel.elf = maker.file;
    kernel.elf_size = 0x1800;
    assert_false(kernel_check(&request, &reason));
    assert_non_null(strstr(reason.text, "not wholly inside its file"));
    kernel.elf_size = 100;
    assert_false(kernel_check(&request, &reason));
    assert_non_null(strstr(reason.text, "the kernel file ends before its program headers do"));
    kernel.elf_size = 4;
    assert_false(kernel_check(&request, &reason));
    assert_string_equal(reason.text, "the kernel is not an ELF file (is it still compressed?)");
}

/* ---- the notes ---- */

static void kernel_without_notes_is_refused(void **state)
{
    (void)state;
    maker.place = NOTES_NOWHERE;
    assert_refused("the kernel has no Xen notes, so it cannot run paravirtualised");
}

static void linux_without_its_pv_part_is_refused(void **state)
{
    (void)state;
    assert_refused("the kernel has Xen notes but no PV entry point (notes ENTRY and VIRT_BASE), so "
                   "it cannot run paravirtualised");
}

static void notes_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    add_pv_notes();
    elf_maker_note_number(&maker, XEN_ELFNOTE_ENTRY, BASE + 0x1000010);
    assert_refused("two Xen notes of the kernel contradict each other; type: 0x1");
}

static void kernel_that_is_no_first_domain_is_refused(void **state)
{
    (void)state;
    uint32_t features = 0x8001;
    elf_maker_init(&maker);
    elf_maker_note_text(&maker, XEN_ELFNOTE_GUEST_OS, "linux");
    elf_maker_note_text(&maker, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    elf_maker_note_text(&maker, XEN_ELFNOTE_LOADER, "generic");
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_SUPPORTED_FEATURES, &features, sizeof(features));
    elf_maker_segment(&maker, BASE + 0x1000000, 0x1000000, 0x1000, 0x1000);
    add_pv_notes();
    assert_refused("the kernel cannot be the initial domain: it does not list the feature dom0; "
                   "features: 0x8001");
}

/* ---- the segments ---- */

static void segments_in_the_wrong_places_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t physical_address;
        uint64_t file_size;
        uint64_t memory_size;
        const char *why;
    } cases[] = {
        {0x1000800, 0x1000, 0x1000,
         "two segments of the kernel overlap; program headers: 0x0, 0x1"},
        {UINT64_MAX - 0xfff, 0x1000, 0x3000,
         "a segment of the kernel goes past the end of the address space; physical address, size: "
         "0xfffffffffffff000, 0x3000"},
        {0x1001000, 0x1000, 0x800,
         "a segment of the kernel has more bytes in the file than in memory; in the file, in "
         "memory: 0x1000, 0x800"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        make_linux(state);
        add_pv_notes();
        maker.segments[1].p_paddr = cases[i].physical_address;
        maker.segments[1].p_filesz = cases[i].file_size;
        maker.segments[1].p_memsz = cases[i].memory_size;
        assert_refused(cases[i].why);
    }
}

static void segment_outside_the_file_is_refused(void **state)
{
    (void)state;
    add_pv_notes();
    maker.segments[1].p_offset = UINT64_C(1) << 40;
    assert_false(check_made());
    assert_non_null(strstr(reason.text, "a segment of the kernel is not wholly inside its file; "
                                        "program header, file size: 0x1, 0x"));
}

static void entry_outside_the_image_is_refused(void **state)
{
    (void)state;
    elf_maker_note_number(&maker, XEN_ELFNOTE_ENTRY, BASE + 0x2000000);
    elf_maker_note_number(&maker, XEN_ELFNOTE_VIRT_BASE, BASE);
    assert_refused("the kernel's entry point is outside its image; address: 0xffffffff82000000");
}

/* ---- the memory ---- */

static void initrd_larger_than_memory_is_refused(void **state)
{
    (void)state;
    add_pv_notes();
    request.initrd_size = UINT64_C(300) << 20;
    assert_refused("the first domain has too little memory: it takes at least 317 MiB for its "
                   "kernel, its initrd of 300 MiB and its tables, and can have at most 0 MiB (the "
                   "machine's 256 MiB, less 301 MiB for kernel and initrd as they are loaded)");
}

static void memory_option_of_the_hypervisor_counts(void **state)
{
    (void)state;
    add_pv_notes();
    request.hypervisor_options = "audit dom0_mem=8M";
    assert_refused(
        "the first domain has too little memory: it takes at least 26 MiB for its "
        "kernel, its initrd of 5 MiB and its tables, and can have at most 8 MiB (the "
        "machine's 256 MiB, less 6 MiB for kernel and initrd as they are loaded, bounded "
        "by the hypervisor's option dom0_mem)");
    request.hypervisor_options = "dom0_mem=64M";
    assert_true(check_made());
}

static void small_machine_is_refused(void **state)
{
    (void)state;
    add_pv_notes();
    request.memory_kib = 16 << 10;
    assert_false(check_made());
    assert_non_null(strstr(reason.text, "can have at most 10 MiB (the machine's 16 MiB, less 6"));
}

static void other_domains_memory_counts(void **state)
{
    (void)state;
    add_pv_notes();
    request.others_kib = 240 << 10;
    assert_refused("the first domain has too little memory: it takes at least 26 MiB for its "
                   "kernel, its initrd of 5 MiB and its tables, and can have at most 10 MiB (the "
                   "machine's 256 MiB, less 240 MiB of other domains and 6 MiB for kernel and "
                   "initrd as they are loaded)");
}

/* Its memory is what it was given; the first domain's option is none of its business. */
static void other_domain_is_checked_against_its_own_memory(void **state)
{
    (void)state;
    add_pv_notes();
    request.is_first = false;
    request.domain_kib = 32 << 10;
    request.hypervisor_options = "dom0_mem=8M";
    assert_true(check_made());
    request.domain_kib = 16 << 10;
    assert_refused("the domain has too little memory: it takes at least 26 MiB for its kernel, its "
                   "initrd of 5 MiB and its tables, and gets 16 MiB (memory=)");
}

static void kernel_options_too_long_are_refused(void **state)
{
    (void)state;
    static char options[2000];
    memset(options, 'x', sizeof(options) - 1);
    add_pv_notes();
    request.kernel_options = options;
    assert_refused("the command line is too long; length at least, allowed: 0x400, 0x3ff");
}

/* ---- the configuration ---- */

static void assert_lack(const char *text, unsigned line_number, const char *line)
{
    struct config_lack lack = {0};
    assert_int_equal(kernel_config_scan((const uint8_t *)text, strlen(text), true, &lack),
                     line != NULL);
    assert_int_equal(lack.line_number, line_number);
    if (line != NULL) {
        assert_string_equal(lack.line, line);
    }
}

static void configuration_is_searched_for_what_is_left_out(void **state)
{
    (void)state;
    assert_lack("", 0, NULL);
    assert_lack("CONFIG_XEN=y\nCONFIG_XEN_DOM0=y\n", 0, NULL);
    assert_lack("A=y\n\n# CONFIG_XEN_DOM0 is not set", 3, "# CONFIG_XEN_DOM0 is not set");
    assert_lack("# CONFIG_XEN_DOM0 is not set\nB=y\n", 1, "# CONFIG_XEN_DOM0 is not set");
    assert_lack("# CONFIG_XEN_DOM0 is not set\n# CONFIG_XEN_PV is not set\n", 2,
                "# CONFIG_XEN_PV is not set");
    struct config_lack lack = {0};
    const char *only_first = "# CONFIG_XEN_DOM0 is not set\n# CONFIG_XEN is not set\n";
    assert_false(kernel_config_scan((const uint8_t *)only_first, 28, false, &lack));
    assert_true(kernel_config_scan((const uint8_t *)only_first, strlen(only_first), false, &lack));
    assert_string_equal(lack.line, "# CONFIG_XEN is not set");
    assert_lack("# CONFIG_XEN_DOM0 is not set, is it\n #CONFIG_XEN is not set\n", 0, NULL);
}

static void configuration_in_the_kernel_is_found(void **state)
{
    (void)state;
    static const char text[] = "CONFIG_XEN=y\n# CONFIG_XEN_DOM0 is not set\n";
    struct packed config = {0};
    packed_append(&config, "IKCFG_ST", 8);
    packed_compress(&config, COMPRESSION_GZIP, text, sizeof(text) - 1);
    packed_append(&config, "IKCFG_ED", 8);
    add_pv_notes();
    memcpy(maker.file + maker.segments[1].p_offset, config.bytes, config.size);
    packed_free(&config);
    assert_refused("the kernel was built without what it takes: it cannot be the first domain; "
                   "line 2 of the configuration built into it is \"# CONFIG_XEN_DOM0 is not set\"");
}

/* A folder with a configuration and, as far as its name goes, a kernel. */
static void configuration_beside_the_kernel_is_found(void **state)
{
    (void)state;
    char folder[] = "/tmp/pinnace-test.XXXXXX";
    char kernel_path[64];
    char config_path[64];
    char wanted[256];
    assert_non_null(mkdtemp(folder));
    snprintf(kernel_path, sizeof(kernel_path), "%s/kernel", folder);
    snprintf(config_path, sizeof(config_path), "%s/config-6.1-test", folder);
    FILE *file = fopen(config_path, "w");
    fputs("\n\n# CONFIG_XEN_PV is not set\n", file);
    fclose(file);
    fclose(fopen(kernel_path, "w"));
    strcpy(kernel.release, "6.1-test");
    request.kernel_path = kernel_path;
    snprintf(wanted, sizeof(wanted),
             "the kernel has Xen notes but no PV entry point (notes ENTRY and VIRT_BASE), so it "
             "cannot run paravirtualised; line 3 of %s is \"# CONFIG_XEN_PV is not set\"",
             config_path);
    bool accepted = check_made();
    unlink(kernel_path);
    unlink(config_path);
    rmdir(folder);
    assert_false(accepted);
    assert_string_equal(reason.text, wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(good_kernel_is_accepted, make_linux),
        cmocka_unit_test_setup(kernel_for_another_machine_is_named, make_linux),
        cmocka_unit_test_setup(kernel_of_32_bits_is_named, make_linux),
        cmocka_unit_test_setup(elf_file_cut_short_is_refused, make_linux),
        cmocka_unit_test_setup(kernel_without_notes_is_refused, make_linux),
        cmocka_unit_test_setup(linux_without_its_pv_part_is_refused, make_linux),
        cmocka_unit_test_setup(notes_that_contradict_each_other_are_refused, make_linux),
        cmocka_unit_test_setup(kernel_that_is_no_first_domain_is_refused, make_linux),
        cmocka_unit_test_setup(segments_in_the_wrong_places_are_refused, make_linux),
        cmocka_unit_test_setup(segment_outside_the_file_is_refused, make_linux),
        cmocka_unit_test_setup(entry_outside_the_image_is_refused, make_linux),
        cmocka_unit_test_setup(initrd_larger_than_memory_is_refused, make_linux),
        cmocka_unit_test_setup(memory_option_of_the_hypervisor_counts, make_linux),
        cmocka_unit_test_setup(other_domains_memory_counts, make_linux),
        cmocka_unit_test_setup(other_domain_is_checked_against_its_own_memory, make_linux),
        cmocka_unit_test_setup(small_machine_is_refused, make_linux),
        cmocka_unit_test_setup(kernel_options_too_long_are_refused, make_linux),
        cmocka_unit_test(configuration_is_searched_for_what_is_left_out),
        cmocka_unit_test_setup(configuration_in_the_kernel_is_found, make_linux),
        cmocka_unit_test_setup(configuration_beside_the_kernel_is_found, make_linux),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
