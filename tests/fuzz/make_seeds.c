/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes those seeds of the fuzzers that nobody can write by hand: small kernels as ELF files, and
 * the same packed in each way. make_seeds FOLDER writes FOLDER/elf/ and FOLDER/bzimage/; the ones
 * in the tree, tests/fuzz/seeds, were made so (make seeds). Other packers make other bytes of the
 * same kernel: what counts is that all are accepted (tests/unit/test_fuzz_seeds.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/elfnote.h>

#include "tests/fake/elf_maker.h"
#include "tests/fake/packer.h"

#define BASE UINT64_C(0xffffffff80000000)

static struct elf_maker maker;

static void write_seed(const char *folder, const char *kind, const char *name,
                       const struct packed *seed)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s/%s", folder, kind, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(seed->bytes, seed->size, 1, file) != 1 || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* Linux's notes, as a builder needs them. */
static void make_kernel(bool legacy)
{
    uint32_t features = 0x8801;
    elf_maker_init(&maker);
    maker.size = sizeof(Elf64_Ehdr) + 4 * sizeof(Elf64_Phdr);
    elf_maker_segment(&maker, BASE + 0x1000000, 0x1000000, 0x100, 0x1000);
    elf_maker_segment(&maker, BASE + 0x1001000, 0x1001000, 0x80, 0x3000);
    maker.header.e_entry = BASE + 0x1000000;
    if (legacy) {
        elf_maker_xen_guest(&maker, "GUEST_OS=Mini-OS,XEN_VER=xen-3.0,"
                                    "VIRT_BASE=0xffffffff80000000,ELF_PADDR_OFFSET=0x0,"
                                    "HYPERCALL_PAGE=0x1001,LOADER=generic,FEATURES=dom0");
    } else {
        elf_maker_note_text(&maker, XEN_ELFNOTE_GUEST_OS, "linux");
        elf_maker_note_text(&maker, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
        elf_maker_note_number(&maker, XEN_ELFNOTE_VIRT_BASE, BASE);
        elf_maker_note_number(&maker, XEN_ELFNOTE_PADDR_OFFSET, 0);
        elf_maker_note_number(&maker, XEN_ELFNOTE_ENTRY, BASE + 0x1000000);
        elf_maker_note_number(&maker, XEN_ELFNOTE_INIT_P2M, UINT64_C(0x8000000000));
        elf_maker_note_number(&maker, XEN_ELFNOTE_HYPERCALL_PAGE, BASE + 0x1001000);
        elf_maker_note_text(&maker, XEN_ELFNOTE_FEATURES,
                            "!writable_page_tables|pae_pgdir_above_4gb");
        elf_maker_note(&maker, "Xen", XEN_ELFNOTE_SUPPORTED_FEATURES, &features, sizeof(features));
        elf_maker_note_text(&maker, XEN_ELFNOTE_LOADER, "generic");
        elf_maker_note_number(&maker, XEN_ELFNOTE_MOD_START_PFN, 1);
    }
    elf_maker_write(&maker);
}

static void make_elf_seed(const char *folder, const char *name, bool legacy)
{
    static const uint8_t request[8] = {0x00, 0x80, 0, 0, 1, 20, 1, 0}; /* see fuzz_elf.c */
    struct packed seed = {0};
    make_kernel(legacy);
    packed_append(&seed, request, sizeof(request));
    packed_append(&seed, maker.file, maker.size);
    write_seed(folder, "elf", name, &seed);
    packed_free(&seed);
}

static void make_bzimage_seeds(const char *folder, enum compression compression)
{
    char name[32];
    struct packed seed = {0};
    packed_kernel(&seed, compression, maker.file, maker.size, "6.1.0 #1");
    snprintf(name, sizeof(name), "bzimage-%s", compression_name(compression));
    write_seed(folder, "bzimage", name, &seed);
    packed_free(&seed);
    packed_compress(&seed, compression, maker.file, maker.size);
    write_seed(folder, "bzimage", compression_name(compression), &seed);
    packed_free(&seed);
}

int main(int argc, char **argv)
{
    static const enum compression compressions[] = {COMPRESSION_GZIP, COMPRESSION_BZIP2,
                                                    COMPRESSION_LZMA, COMPRESSION_XZ,
                                                    COMPRESSION_LZ4,  COMPRESSION_ZSTD};
    if (argc != 2) {
        fputs("usage: make_seeds FOLDER\n", stderr);
        return 2;
    }
    make_elf_seed(argv[1], "mini-os-legacy", true);
    make_elf_seed(argv[1], "linux", false);
    for (size_t i = 0; i < ARRAY_SIZE(compressions); i++) {
        make_bzimage_seeds(argv[1], compressions[i]);
    }
    return 0;
}
