/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes what the fuzzers begin from: make_seeds FOLDER makes FOLDER/elf, FOLDER/bzimage and so on
 * with small files each: files and instructions that are accepted as they are, streams of choices.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <xen/elfnote.h>

#include "lib/insn.h"
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

/* Instructions that write memory or are privileged, in the shapes that Linux has them. */
static void make_insn_seeds(const char *folder)
{
    static const struct {
        uint8_t bytes[INSN_MAX_LENGTH];
        uint8_t size;
    } instructions[] = {
        {{0x48, 0x89, 0x07}, 3},                    /* mov %rax,(%rdi) */
        {{0x48, 0xc7, 0x04, 0xcf, 1, 2, 3, 4}, 8},  /* movq $imm,(%rdi,%rcx,8) */
        {{0x48, 0x87, 0x5d, 0x08}, 4},              /* xchg %rbx,8(%rbp) */
        {{0xf0, 0x41, 0x80, 0x24, 0x24, 0xfd}, 6},  /* lock andb $imm,(%r12) */
        {{0xf0, 0x48, 0x0f, 0xba, 0x33, 0x05}, 6},  /* lock btr $5,(%rbx) */
        {{0xf0, 0x48, 0x0f, 0xb1, 0x0f}, 5},        /* lock cmpxchg %rcx,(%rdi) */
        {{0xf0, 0x0f, 0xc7, 0x0f}, 4},              /* lock cmpxchg8b (%rdi) */
        {{0x65, 0x66, 0x89, 0x05, 1, 2, 3, 4}, 8},  /* mov %ax,%gs:disp(%rip) */
        {{0x67, 0x40, 0x88, 0x37}, 4},              /* mov %sil,(%edi) */
        {{0x48, 0xa3, 1, 2, 3, 4, 5, 6, 7, 8}, 10}, /* movabs %rax,address */
        {{0xf3, 0x48, 0xab}, 3},                    /* rep stos */
        {{0x64, 0xf3, 0xa4}, 3},                    /* rep movsb from fs */
        {{0x48, 0x0f, 0xc3, 0x07}, 4},              /* movnti */
        {{0x0f, 0x94, 0x07}, 3},                    /* sete (%rdi) */
        {{0x48, 0xd3, 0x27}, 3},                    /* shl %cl,(%rdi) */
        {{0x0f, 0x20, 0xd8}, 3},                    /* mov %cr3,%rax */
        {{0x44, 0x0f, 0x22, 0xc0}, 4},              /* mov %rax,%cr8 */
        {{0xf3, 0x6d}, 2},                          /* rep insl */
        {{0xe6, 0x80}, 2},                          /* out %al,$imm */
        {{0x0f, 0x01, 0xd1}, 3},                    /* xsetbv */
        {{0x0f, 0x01, 0x38}, 3},                    /* invlpg (%rax) */
    };
    for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
        char name[32];
        struct packed seed = {0};
        packed_append(&seed, instructions[i].bytes, instructions[i].size);
        snprintf(name, sizeof(name), "%zu", i);
        write_seed(folder, "insn", name, &seed);
        packed_free(&seed);
    }
}

/* Every key, and every way to quote. */
static void make_domain_spec_seeds(const char *folder)
{
    static const char *const lines[] = {
        "name=a,memory=128,vcpus=2,extra=console=hvc0 quiet",
        "name=b,kernel=vmlinuz,ramdisk=\"a,b\",serial=file:x.log",
        "extra='a \\'b\\' c',name=web-1,console=com2,memory=4096K",
        "vmlinux domain name=a,memory=64\ninitrd ramdisk a b\nkernel quiet\nvmlinux domain name=b",
        "domain name=a,extra=\"x y\" domain \"name=b,extra=\\\"z\\\"\"",
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        char name[32];
        struct packed seed = {0};
        packed_append(&seed, (const uint8_t *)lines[i], strlen(lines[i]));
        snprintf(name, sizeof(name), "%zu", i);
        write_seed(folder, "domain_spec", name, &seed);
        packed_free(&seed);
    }
}

static void make_config_seed(const char *folder)
{
    static const char text[] =
        "# a guest\nname = 'guest'; kernel = \"/boot/vmlinuz\"\nmemory = 128\nmaxmem = 0x100\n"
        "ramdisk = '/r'\nextra = \"a=\\\"b\\\" \\x41\"\nroot = '/dev/x'\nvcpus = 1\nmaxvcpus = 2\n"
        "cpu_weight = 256\ntype = 'pv'\non_poweroff = 'preserve'\non_reboot = 'restart'\n"
        "on_crash = 'destroy'\nuuid = '01234567-89ab-cdef-0123-456789abcdef'\n";
    struct packed seed = {0};
    packed_append(&seed, text, sizeof(text) - 1);
    write_seed(folder, "config", "all", &seed);
    packed_free(&seed);
}

/* Streams of choices: any bytes are a valid one. */
static void make_stream_seeds(const char *folder, const char *kind, size_t size)
{
    uint64_t state = 1;
    for (unsigned int i = 0; i < 64; i++) {
        char name[32];
        uint8_t bytes[1024];
        struct packed seed = {0};
        for (size_t j = 0; j < size; j++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bytes[j] = (uint8_t)(state >> 56);
        }
        packed_append(&seed, bytes, size);
        snprintf(name, sizeof(name), "%u", i);
        write_seed(folder, kind, name, &seed);
        packed_free(&seed);
    }
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"elf",           "bzimage", "insn",       "mmu",
                                        "guest_pointer", "config",  "domain_spec"};
    static const enum compression compressions[] = {COMPRESSION_GZIP, COMPRESSION_BZIP2,
                                                    COMPRESSION_LZMA, COMPRESSION_XZ,
                                                    COMPRESSION_LZ4,  COMPRESSION_ZSTD};
    if (argc != 2) {
        fputs("usage: make_seeds FOLDER\n", stderr);
        return 2;
    }
    mkdir(argv[1], 0777);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", argv[1], kinds[i]);
        mkdir(path, 0777);
    }
    make_elf_seed(argv[1], "legacy", true);
    make_elf_seed(argv[1], "linux", false);
    for (size_t i = 0; i < ARRAY_SIZE(compressions); i++) {
        make_bzimage_seeds(argv[1], compressions[i]);
    }
    make_insn_seeds(argv[1]);
    make_domain_spec_seeds(argv[1]);
    make_config_seed(argv[1]);
    make_stream_seeds(argv[1], "mmu", 700);
    make_stream_seeds(argv[1], "guest_pointer", 150);
    return 0;
}
