/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The domain builder. A built domain is looked at as its kernel would: from the registers to
 * start_info, and from there through the page tables; what the builder's own layout says is not
 * believed. Kernels are made up here, some after Debian's Linux 6.1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xen/elfnote.h>
#include <xen/features.h>

#include "builder/build.h"
#include "builder/hypercall_page.h"
#include "builder/kernel_notes.h"
#include "tests/fake/elf_maker.h"
#include "tests/fake/fake_builder.h"

#define LINUX_BASE   UINT64_C(0xffffffff80000000)
#define LINUX_P2M    UINT64_C(0x8000000000)
#define MIB          (UINT64_C(1) << 20)
#define MACHINE_SIZE 8192 /* frames */

static struct elf_maker maker;
static struct build_target target;
static struct build_request request;
static struct build_result result;
static uint8_t initrd[3 * PAGE_SIZE + 17];

/* ---- kernels ----------------------------------------------------------------------------------
 */

/* A kernel's notes without an opinion on where anything goes. */
static void make_generic_notes(void)
{
    elf_maker_note_text(&maker, XEN_ELFNOTE_GUEST_OS, "test");
    elf_maker_note_text(&maker, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    elf_maker_note_text(&maker, XEN_ELFNOTE_LOADER, "generic");
}

/* Notes as Debian's Linux 6.1 has them, among them one of the same type from another owner. */
static void make_linux_notes(void)
{
    uint32_t features = 0x8801;
    uint64_t other = 77;
    uint64_t mfn_valid[2] = {1, 1};
    elf_maker_note(&maker, "Go", XEN_ELFNOTE_PADDR_OFFSET, &other, sizeof(other));
    elf_maker_note_text(&maker, XEN_ELFNOTE_GUEST_OS, "linux");
    elf_maker_note_text(&maker, XEN_ELFNOTE_GUEST_VERSION, "2.6");
    elf_maker_note_text(&maker, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    elf_maker_note_number(&maker, XEN_ELFNOTE_VIRT_BASE, LINUX_BASE);
    elf_maker_note_number(&maker, XEN_ELFNOTE_PADDR_OFFSET, 0);
    elf_maker_note_number(&maker, XEN_ELFNOTE_INIT_P2M, LINUX_P2M);
    elf_maker_note_number(&maker, XEN_ELFNOTE_HV_START_LOW, HYPERVISOR_VIRT_START);
    elf_maker_note_text(&maker, XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb");
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_SUPPORTED_FEATURES, &features, sizeof(features));
    elf_maker_note_text(&maker, XEN_ELFNOTE_PAE_MODE, "yes");
    elf_maker_note_text(&maker, XEN_ELFNOTE_LOADER, "generic");
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_L1_MFN_VALID, mfn_valid, sizeof(mfn_valid));
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_SUSPEND_CANCEL, "\1", 1);
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_MOD_START_PFN, "\1", 1);
    elf_maker_note_number(&maker, XEN_ELFNOTE_PHYS32_ENTRY, 0x1000850);
}

/* Segments like Linux's: the third has vaddr 0, the fourth begins in the page the third ends in
 * and has a .bss behind its bytes. */
static void make_linux_segments(void)
{
    elf_maker_segment(&maker, LINUX_BASE + 0x1000000, 0x1000000, 0x2345, 0x2345);
    elf_maker_segment(&maker, LINUX_BASE + 0x1003000, 0x1003000, 0x1fff, 0x1fff);
    elf_maker_segment(&maker, 0, 0x1006000, 0x1008, 0x1008);
    elf_maker_segment(&maker, LINUX_BASE + 0x1007010, 0x1007010, 0x800, 0x3000);
    maker.header.e_entry = 0x1000000; /* the native entry */
    elf_maker_note_number(&maker, XEN_ELFNOTE_ENTRY, LINUX_BASE + 0x1007010);
}

/* The end of the above: 0x100a010, so the next free page is this one. */
#define LINUX_FREE_PFN 0x100b

static void take_kernel(void)
{
    elf_maker_write(&maker);
    request.kernel = maker.file;
    request.kernel_size = maker.size;
}

static void make_linux(void)
{
    elf_maker_init(&maker);
    make_linux_notes();
    make_linux_segments();
    take_kernel();
}

/* A kernel like Mini-OS: at virtual address 0, the older kind of notes, everything mapped, and a
 * gap at 0x2000 for the hypercall page. */
static void make_legacy(const char *notes)
{
    elf_maker_init(&maker);
    elf_maker_segment(&maker, 0, 0, 0x1800, 0x2000);
    elf_maker_segment(&maker, 0x3000, 0x3000, 0x1100, 0x5000);
    elf_maker_xen_guest(&maker, notes);
    take_kernel();
}

static const char mini_os_notes[] = "GUEST_OS=Mini-OS,XEN_VER=xen-3.0,VIRT_BASE=0x0,"
                                    "ELF_PADDR_OFFSET=0x0,HYPERCALL_PAGE=0x2,LOADER=generic";

/* A kernel of one segment at `base` + `offset`, with what else the test wants to note. */
static void make_simple(uint64_t base, uint64_t offset, uint64_t memory_size)
{
    elf_maker_init(&maker);
    make_generic_notes();
    elf_maker_note_number(&maker, XEN_ELFNOTE_VIRT_BASE, base);
    elf_maker_segment(&maker, base + offset, offset, 0x100, memory_size);
    maker.header.e_entry = base + offset;
}

/* ---- running the builder ----------------------------------------------------------------------
 */

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(initrd); i++) {
        initrd[i] = (uint8_t)(i * 31 + i / 256);
    }
    request = (struct build_request){
        .initrd = initrd,
        .initrd_size = sizeof(initrd),
        .command_line = "console=hvc0 earlyprintk=xen",
        .page_count = MACHINE_SIZE - 100,
        .start_flags = SIF_PRIVILEGED | SIF_INITDOMAIN,
        .shared_info_address = 0x3fdb6000,
    };
    fake_builder_init(&target, MACHINE_SIZE, 1);
    make_linux();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_builder_free(&target);
    return 0;
}

static void want_rings(void)
{
    request.start_flags = 0;
    request.has_rings = true;
    request.store_port = 1;
    request.console_port = 2;
}

static enum build_status build(void)
{
    return build_domain(&target, &request, &result);
}

/* The builder refuses this way, and the target never hears of it. */
static void assert_refused(enum build_status status)
{
    assert_string_equal(build_status_text(build()), build_status_text(status));
    assert_int_equal(target.calls, 0);
    assert_int_equal(target.used, 0);
}

/* ---- looking at a domain as its kernel would --------------------------------------------------
 */

#define PTE_P   0x001
#define PTE_W   0x002
#define PTE_MFN UINT64_C(0x000ffffffffff000)

static const uint64_t *table_at(uint64_t mfn)
{
    const void *frame = fake_builder_frame(&target, mfn);
    assert_non_null(frame);
    return frame;
}

/* The L1 entry that maps `va`. */
static uint64_t walk(uint64_t va)
{
    uint64_t mfn = target.vcpu.ctrlreg[3] >> PAGE_SHIFT;
    uint64_t entry = 0;
    for (int shift = 39; shift >= 12; shift -= 9) {
        entry = table_at(mfn)[(va >> shift) & 511];
        assert_true((entry & PTE_P) != 0);
        mfn = (entry & PTE_MFN) >> PAGE_SHIFT;
    }
    return entry;
}

/* The bytes at a page's virtual address. */
static const uint8_t *page_at(uint64_t va)
{
    return (const uint8_t *)table_at((walk(va) & PTE_MFN) >> PAGE_SHIFT);
}

static uint8_t byte_at(uint64_t va)
{
    return page_at(va & ~PAGE_MASK)[va & PAGE_MASK];
}

static uint64_t word_at(uint64_t va)
{
    uint64_t word;
    memcpy(&word, page_at(va & ~PAGE_MASK) + (va & PAGE_MASK), sizeof(word));
    return word;
}

static const struct start_info *started_with(void)
{
    return (const void *)page_at(target.vcpu.user_regs.rsi);
}

static uint64_t pfn_of(uint64_t mfn)
{
    uint64_t pfn = fake_builder_pfn(&target, mfn);
    assert_true(pfn != UINT64_MAX);
    return pfn;
}

/* What a recount of the whole tree finds. */
static struct recount {
    uint64_t leaves;
    uint64_t read_only;
    unsigned tables;                /* L4 included */
    uint8_t is_table[MACHINE_SIZE]; /* by PFN */
    uint8_t is_mapped[MACHINE_SIZE];
} recount;

static void recount_leaf(uint64_t entry)
{
    uint64_t pfn = pfn_of((entry & PTE_MFN) >> PAGE_SHIFT);
    assert_int_equal(recount.is_mapped[pfn], 0);
    recount.is_mapped[pfn] = 1;
    recount.leaves++;
    if ((entry & PTE_W) == 0) {
        recount.read_only++;
    }
    assert_int_equal(entry & ~(PTE_MFN | PTE_W), 0x21); /* present, accessed */
}

static void recount_table(uint64_t mfn, int level)
{
    uint64_t pfn = pfn_of(mfn);
    assert_int_equal(recount.is_table[pfn], 0);
    recount.is_table[pfn] = 1;
    recount.tables++;
    for (unsigned i = 0; i < 512; i++) {
        uint64_t entry = table_at(mfn)[i];
        if (entry == 0) {
            continue;
        }
        assert_true(level < 4 || i < 256 || i > 271);
        if (level == 1) {
            recount_leaf(entry);
        } else {
            assert_int_equal(entry & ~PTE_MFN, 0x67); /* all but global, size and cacheability */
            recount_table((entry & PTE_MFN) >> PAGE_SHIFT, level - 1);
        }
    }
}

/* Leaves, tables and access rights of the whole tree, against what start_info tells the kernel. */
static void assert_tree_is_exact(uint64_t base)
{
    const struct start_info *info = started_with();
    uint64_t list_pages = (request.page_count + 511) / 512;
    bool apart = info->nr_p2m_frames != 0;
    uint64_t mapped = result.layout.mapped_pages;
    memset(&recount, 0, sizeof(recount));
    recount_table(target.vcpu.ctrlreg[3] >> PAGE_SHIFT, 4);

    assert_int_equal(target.pinned_l4.value, target.vcpu.ctrlreg[3] >> PAGE_SHIFT);
    assert_int_equal(recount.leaves, mapped + (apart ? list_pages : 0));
    assert_int_equal(recount.read_only, info->nr_pt_frames);
    assert_int_equal(recount.tables,
                     info->nr_pt_frames + (apart ? info->nr_p2m_frames - list_pages : 0));
    for (uint64_t pfn = 0; pfn < mapped; pfn++) {
        uint64_t entry = walk(base + pfn * PAGE_SIZE);
        assert_int_equal(pfn_of((entry & PTE_MFN) >> PAGE_SHIFT), pfn);
        assert_int_equal((entry & PTE_W) == 0, recount.is_table[pfn]);
    }
}

/* The initial tables are contiguous from pt_base and begin with the L4. */
static void assert_tables_are_where_told(uint64_t base)
{
    const struct start_info *info = started_with();
    uint64_t first = (info->pt_base - base) / PAGE_SIZE;
    assert_int_equal(pfn_of(target.pinned_l4.value), first);
    for (uint64_t i = 0; i < info->nr_pt_frames; i++) {
        assert_int_equal(recount.is_table[first + i], 1);
    }
}

static void assert_p2m_is_whole(void)
{
    const struct start_info *info = started_with();
    uint64_t entries = (request.page_count + 511) / 512 * 512;
    for (uint64_t pfn = 0; pfn < entries; pfn++) {
        uint64_t expected =
            pfn < request.page_count ? build_port_mfn(&target, pfn_make(pfn)).value : UINT64_MAX;
        assert_int_equal(word_at(info->mfn_list + pfn * 8), expected);
    }
}

/* List and tables of an INIT_P2M are all inside the range told, the list first. */
static void assert_p2m_range_is_whole(void)
{
    const struct start_info *info = started_with();
    uint64_t list_pages = (request.page_count + 511) / 512;
    assert_in_range(info->nr_p2m_frames, list_pages + 3, list_pages + 6);
    for (uint64_t i = 0; i < info->nr_p2m_frames; i++) {
        uint64_t pfn = info->first_p2m_pfn + i;
        assert_int_equal(recount.is_mapped[pfn], i < list_pages);
        assert_int_equal(recount.is_table[pfn], i >= list_pages);
    }
}

/* Every byte of every segment, and zeros to the end of its memory. */
static void assert_kernel_is_loaded(uint64_t base, uint64_t paddr_offset)
{
    for (unsigned i = 0; i < maker.segment_count; i++) {
        const Elf64_Phdr *segment = &maker.segments[i];
        uint64_t va = base + segment->p_paddr - paddr_offset;
        for (uint64_t j = 0; segment->p_type == PT_LOAD && j < segment->p_memsz; j++) {
            uint8_t expected = j < segment->p_filesz ? maker.file[segment->p_offset + j] : 0;
            assert_int_equal(byte_at(va + j), expected);
        }
    }
}

static void assert_initrd_is_loaded(void)
{
    const struct start_info *info = started_with();
    assert_int_equal(info->mod_len, sizeof(initrd));
    for (uint64_t i = 0; i < sizeof(initrd); i++) {
        const uint8_t *page;
        if ((info->flags & SIF_MOD_START_PFN) != 0) {
            uint64_t pfn = info->mod_start + i / PAGE_SIZE;
            page = fake_builder_frame(&target, build_port_mfn(&target, pfn_make(pfn)).value);
        } else {
            page = page_at(info->mod_start + i / PAGE_SIZE * PAGE_SIZE);
        }
        assert_int_equal(page[i % PAGE_SIZE], initrd[i]);
    }
}

/* Everything that does not depend on which domain it is. */
static void assert_domain_is_sound(uint64_t base, uint64_t paddr_offset)
{
    assert_string_equal(build_status_text(build()), build_status_text(BUILD_OK));
    assert_int_equal(fake_builder_held(&target), 0);
    assert_int_equal(target.used, request.page_count);
    assert_int_equal(target.allocations, 1);
    assert_true(target.vcpu_is_set);
    assert_tree_is_exact(base);
    assert_tables_are_where_told(base);
    assert_p2m_is_whole();
    assert_kernel_is_loaded(base, paddr_offset);
    if (request.initrd_size > 0) {
        assert_initrd_is_loaded();
    }
}

/* ---- the two domains --------------------------------------------------------------------------
 */

static void first_domain_is_sound(void **state)
{
    (void)state;
    assert_domain_is_sound(LINUX_BASE, 0);
    assert_p2m_range_is_whole();
}

static void ordinary_domain_is_sound(void **state)
{
    (void)state;
    want_rings();
    assert_domain_is_sound(LINUX_BASE, 0);
    assert_p2m_range_is_whole();
}

static void legacy_kernel_with_everything_mapped_is_sound(void **state)
{
    (void)state;
    make_legacy(mini_os_notes);
    want_rings();
    assert_domain_is_sound(0, 0);
}

static void first_domain_gets_its_start_info(void **state)
{
    (void)state;
    assert_int_equal(build(), BUILD_OK);
    const struct start_info *info = started_with();
    uint64_t list_pages = (request.page_count + 511) / 512;

    assert_string_equal(info->magic, "xen-3.0-x86_64");
    assert_int_equal(info->nr_pages, request.page_count);
    assert_int_equal(info->shared_info, 0x3fdb6000);
    assert_int_equal(info->flags, SIF_PRIVILEGED | SIF_INITDOMAIN | SIF_MOD_START_PFN);
    assert_int_equal(info->store_mfn, 0);
    assert_int_equal(info->store_evtchn, 0);
    assert_int_equal(info->console.dom0.info_off, 0);
    assert_int_equal(info->console.dom0.info_size, 0);
    assert_int_equal(target.vcpu.user_regs.rsi, LINUX_BASE + LINUX_FREE_PFN * PAGE_SIZE);
    assert_int_equal(info->pt_base, LINUX_BASE + (LINUX_FREE_PFN + 1) * PAGE_SIZE);
    assert_int_equal(info->nr_pt_frames, 1 + 1 + 1 + 10); /* 20 MiB */
    assert_int_equal(info->mfn_list, LINUX_P2M);
    assert_int_equal(info->mod_start, 20 * MIB / PAGE_SIZE);
    assert_int_equal(info->mod_len, sizeof(initrd));
    assert_string_equal((const char *)info->cmd_line, request.command_line);
    assert_int_equal(info->first_p2m_pfn, 20 * MIB / PAGE_SIZE + 4);
    assert_int_equal(info->nr_p2m_frames, list_pages + 3);
}

static void ordinary_domain_gets_its_rings(void **state)
{
    (void)state;
    want_rings();
    assert_int_equal(build(), BUILD_OK);
    const struct start_info *info = started_with();

    assert_int_equal(info->flags, SIF_MOD_START_PFN);
    assert_int_equal(pfn_of(info->store_mfn), LINUX_FREE_PFN + 1);
    assert_int_equal(info->store_evtchn, 1);
    assert_int_equal(pfn_of(info->console.domU.mfn), LINUX_FREE_PFN + 2);
    assert_int_equal(info->console.domU.evtchn, 2);
    assert_int_equal(info->pt_base, LINUX_BASE + (LINUX_FREE_PFN + 3) * PAGE_SIZE);
    assert_int_equal(result.store.value, info->store_mfn);
    assert_int_equal(result.console.value, info->console.domU.mfn);
    assert_int_equal(result.l4.value, target.pinned_l4.value);
}

static void domain_without_rings_has_no_ring_frames(void **state)
{
    (void)state;
    assert_int_equal(build(), BUILD_OK);
    assert_true(mfn_equal(result.store, MFN_INVALID));
    assert_true(mfn_equal(result.console, MFN_INVALID));
}

static void video_record_follows_start_info(void **state)
{
    (void)state;
    struct dom0_vga_console_info video = {.video_type = XEN_VGATYPE_TEXT_MODE_3};
    video.u.text_mode_3.rows = 25;
    request.video = &video;
    request.video_size = sizeof(video);
    assert_int_equal(build(), BUILD_OK);
    const struct start_info *info = started_with();

    assert_int_equal(info->console.dom0.info_off, 1168);
    assert_int_equal(info->console.dom0.info_size, sizeof(video));
    assert_memory_equal((const uint8_t *)info + 1168, &video, sizeof(video));
}

static void domain_without_initrd_is_told_so(void **state)
{
    (void)state;
    request.initrd_size = 0;
    request.initrd = NULL;
    request.start_flags |= SIF_MOD_START_PFN; /* not the caller's to say */
    assert_domain_is_sound(LINUX_BASE, 0);
    assert_int_equal(started_with()->flags, SIF_PRIVILEGED | SIF_INITDOMAIN);
    assert_int_equal(started_with()->mod_start, 0);
    assert_int_equal(started_with()->mod_len, 0);
}

static void domain_without_command_line_gets_an_empty_one(void **state)
{
    (void)state;
    request.command_line = NULL;
    assert_int_equal(build(), BUILD_OK);
    assert_int_equal(started_with()->cmd_line[0], 0);
}

static void longest_command_line_fits_with_its_nul(void **state)
{
    (void)state;
    char line[MAX_GUEST_CMDLINE];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = 0;
    request.command_line = line;
    assert_int_equal(build(), BUILD_OK);
    assert_memory_equal(started_with()->cmd_line, line, sizeof(line));
    assert_int_equal(started_with()->first_p2m_pfn, 20 * MIB / PAGE_SIZE + 4);
}

static void mapped_regions_come_in_the_order_of_the_contract(void **state)
{
    (void)state;
    make_legacy(mini_os_notes);
    want_rings();
    assert_int_equal(build(), BUILD_OK);
    const struct start_info *info = started_with();
    uint64_t list_pages = (request.page_count + 511) / 512;

    assert_int_equal(info->flags, 0);
    assert_int_equal(info->mod_start, 0x8000);
    assert_int_equal(info->mfn_list, 0x8000 + 4 * PAGE_SIZE);
    assert_int_equal(info->first_p2m_pfn, 0);
    assert_int_equal(info->nr_p2m_frames, 0);
    assert_int_equal(target.vcpu.user_regs.rsi, info->mfn_list + list_pages * PAGE_SIZE);
    assert_int_equal(pfn_of(info->store_mfn) * PAGE_SIZE, target.vcpu.user_regs.rsi + PAGE_SIZE);
    assert_int_equal(info->pt_base, target.vcpu.user_regs.rsi + 3 * PAGE_SIZE);
    assert_int_equal(target.vcpu.user_regs.rsp,
                     info->pt_base + (info->nr_pt_frames + 1) * PAGE_SIZE);
}

static void vcpu_starts_in_the_kernel_with_nothing_else_set(void **state)
{
    (void)state;
    assert_int_equal(build(), BUILD_OK);
    const struct start_info *info = started_with();
    uint64_t stack_top = info->pt_base + (info->nr_pt_frames + 1) * PAGE_SIZE;
    static struct vcpu_guest_context expected;
    expected.flags = VGCF_in_kernel | VGCF_online;
    expected.user_regs.rip = LINUX_BASE + 0x1007010;
    expected.user_regs.rsp = stack_top;
    expected.user_regs.rsi = LINUX_BASE + LINUX_FREE_PFN * PAGE_SIZE;
    expected.user_regs.rflags = 0x202;
    expected.user_regs.cs = 0xe033;
    expected.user_regs.ss = 0xe02b;
    expected.kernel_ss = 0xe02b;
    expected.kernel_sp = stack_top;
    expected.ctrlreg[3] = target.pinned_l4.value << 12;

    assert_memory_equal(&target.vcpu, &expected, sizeof(expected));
}

static void boot_stack_is_an_ordinary_page(void **state)
{
    (void)state;
    assert_int_equal(build(), BUILD_OK);
    assert_true((walk(target.vcpu.user_regs.rsp - PAGE_SIZE) & PTE_W) != 0);
    assert_int_equal(word_at(target.vcpu.user_regs.rsp - 8), 0);
}

static void second_domain_starts_from_its_own_state(void **state)
{
    (void)state;
    assert_int_equal(build(), BUILD_OK);
    fake_builder_free(&target);
    fake_builder_init(&target, MACHINE_SIZE, 2);
    make_legacy(mini_os_notes);
    assert_domain_is_sound(0, 0);
    assert_int_equal(target.vcpu.user_regs.rip, maker.header.e_entry);
}

/* ---- the kernel's wishes ----------------------------------------------------------------------
 */

static void hypercall_page_is_filled_where_the_note_says(void **state)
{
    (void)state;
    uint8_t stubs[PAGE_SIZE];
    hypercall_page_fill(stubs);
    elf_maker_init(&maker);
    make_linux_notes();
    make_linux_segments();
    elf_maker_note_number(&maker, XEN_ELFNOTE_HYPERCALL_PAGE, LINUX_BASE + 0x1001000);
    take_kernel();

    assert_int_equal(build(), BUILD_OK);
    assert_memory_equal(page_at(LINUX_BASE + 0x1001000), stubs, sizeof(stubs));
}

static void no_hypercall_page_is_filled_unasked(void **state)
{
    (void)state;
    assert_int_equal(build(), BUILD_OK);
    assert_true(mfn_equal(target.hypercall_frame, MFN_INVALID));
}

static void legacy_hypercall_page_counts_from_the_base(void **state)
{
    (void)state;
    uint8_t stubs[PAGE_SIZE];
    hypercall_page_fill(stubs);
    make_legacy("GUEST_OS=x,XEN_VER=xen-3.0,VIRT_BASE=0x400000,ELF_PADDR_OFFSET=0,"
                "HYPERCALL_PAGE=0x2,LOADER=generic,VIRT_ENTRY=0x400010");
    assert_int_equal(build(), BUILD_OK);
    assert_memory_equal(page_at(0x402000), stubs, sizeof(stubs));
    assert_int_equal(target.vcpu.user_regs.rip, 0x400010);
}

static void legacy_physical_addresses_begin_at_the_base(void **state)
{
    (void)state;
    elf_maker_init(&maker);
    elf_maker_segment(&maker, 0x400000, 0x400000, 0x3100, 0x8000);
    elf_maker_xen_guest(&maker, "GUEST_OS=x,XEN_VER=xen-3.0,VIRT_BASE=0x400000,LOADER=generic,"
                                "VIRT_ENTRY=4194320");
    take_kernel();
    assert_domain_is_sound(0x400000, 0x400000);
}

static void paddr_offset_is_taken_off_physical_addresses(void **state)
{
    (void)state;
    elf_maker_init(&maker);
    make_generic_notes();
    elf_maker_note_number(&maker, XEN_ELFNOTE_VIRT_BASE, LINUX_BASE);
    elf_maker_note_number(&maker, XEN_ELFNOTE_PADDR_OFFSET, LINUX_BASE);
    elf_maker_segment(&maker, LINUX_BASE + 0x1000, LINUX_BASE + 0x1000, 0x1234, 0x3000);
    maker.header.e_entry = LINUX_BASE + 0x1000;
    take_kernel();
    assert_domain_is_sound(LINUX_BASE, LINUX_BASE);
}

static void notes_in_a_section_serve_as_well(void **state)
{
    (void)state;
    elf_maker_init(&maker);
    maker.place = NOTES_IN_SECTION;
    make_linux_notes();
    make_linux_segments();
    take_kernel();
    assert_domain_is_sound(LINUX_BASE, 0);
}

static void entry_is_the_files_without_a_note(void **state)
{
    (void)state;
    make_simple(0, 0x1000, 0x2000);
    maker.header.e_entry = 0x1020;
    take_kernel();
    assert_int_equal(build(), BUILD_OK);
    assert_int_equal(target.vcpu.user_regs.rip, 0x1020);
}

static void numbers_of_any_width_are_read(void **state)
{
    (void)state;
    uint32_t base = 0x40000000;
    uint16_t offset = 0x1000;
    elf_maker_init(&maker);
    make_generic_notes();
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_VIRT_BASE, &base, sizeof(base));
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_PADDR_OFFSET, &offset, sizeof(offset));
    elf_maker_segment(&maker, base, offset, 0x100, 0x100);
    maker.header.e_entry = base;
    take_kernel();
    assert_domain_is_sound(base, offset);
}

static void initrd_is_mapped_when_its_note_says_zero(void **state)
{
    (void)state;
    make_simple(0, 0x1000, 0x2000);
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_MOD_START_PFN, "\0", 1);
    take_kernel();
    assert_domain_is_sound(0, 0);
    assert_int_equal(started_with()->mod_start, 0x3000);
}

static void same_note_twice_is_harmless(void **state)
{
    (void)state;
    make_simple(0, 0x1000, 0x2000);
    elf_maker_note_number(&maker, XEN_ELFNOTE_VIRT_BASE, 0);
    elf_maker_note_text(&maker, XEN_ELFNOTE_LOADER, "generic");
    take_kernel();
    assert_int_equal(build(), BUILD_OK);
}

static void unknown_optional_feature_is_ignored(void **state)
{
    (void)state;
    make_simple(0, 0x1000, 0x2000);
    elf_maker_note_text(&maker, XEN_ELFNOTE_FEATURES, "||teleport|!pae_pgdir_above_4gb|");
    take_kernel();
    assert_int_equal(build(), BUILD_OK);
}

static void initial_domain_may_name_dom0_in_either_note(void **state)
{
    (void)state;
    uint32_t features = 1;
    make_simple(0, 0x1000, 0x2000);
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_SUPPORTED_FEATURES, &features, sizeof(features));
    elf_maker_note_text(&maker, XEN_ELFNOTE_FEATURES, "dom0");
    take_kernel();
    assert_int_equal(build(), BUILD_OK);
}

static void kernel_without_dom0_serves_an_ordinary_domain(void **state)
{
    (void)state;
    uint32_t features = 1;
    make_simple(0, 0x1000, 0x2000);
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_SUPPORTED_FEATURES, &features, sizeof(features));
    take_kernel();
    want_rings();
    assert_int_equal(build(), BUILD_OK);
}

/* ---- trees across boundaries ------------------------------------------------------------------
 */

static void p2m_area_may_cross_a_slot(void **state)
{
    (void)state;
    make_simple(LINUX_BASE, 0x1000, 0x2000);
    elf_maker_note_number(&maker, XEN_ELFNOTE_INIT_P2M, 2 * LINUX_P2M - 0x5000);
    take_kernel();
    assert_domain_is_sound(LINUX_BASE, 0);
    assert_p2m_range_is_whole();
    assert_int_equal(started_with()->nr_p2m_frames, 16 + 6);
}

static void mapping_may_cross_1_gib_and_begin_anywhere(void **state)
{
    (void)state;
    make_simple(0x3ffff000, 0, 0x2000);
    take_kernel();
    assert_domain_is_sound(0x3ffff000, 0);
    /* To 0x40400000: one page below the boundary, 4 MiB above it. */
    assert_int_equal(result.layout.mapped_pages, 1 + 1024);
    assert_int_equal(started_with()->nr_pt_frames, 1 + 1 + 2 + 3);
}

static void mapping_may_cross_a_slot(void **state)
{
    (void)state;
    make_simple(LINUX_P2M - 0x200000, 0, 0x2000);
    take_kernel();
    assert_domain_is_sound(LINUX_P2M - 0x200000, 0);
}

static void mapping_may_end_with_the_lower_half(void **state)
{
    (void)state;
    make_simple(UINT64_C(0x7fffffc00000), 0, 0x2000);
    take_kernel();
    assert_domain_is_sound(UINT64_C(0x7fffffc00000), 0);
}

static void mapping_may_begin_right_above_the_hypervisor(void **state)
{
    (void)state;
    make_simple(HYPERVISOR_VIRT_END, 0, 0x2000);
    take_kernel();
    assert_domain_is_sound(HYPERVISOR_VIRT_END, 0);
}

/* Tables of a mapping that is `pages` long, from a base on a 1 GiB boundary and below 1 GiB. */
static uint64_t tables_for(uint64_t pages)
{
    return 3 + (pages + 511) / 512;
}

/* The number of tables is the least that maps everything including themselves, for any size. */
static void layout_settles_on_the_least_number_of_tables(void **state)
{
    (void)state;
    struct build_layout layout;
    struct build_detail detail;
    request.page_count = 1 << 20;
    request.initrd_size = 0;
    for (uint64_t end = 1; end < 12 * MIB; end += 3001) {
        struct kernel_image image = {
            .virt_base = 0x40000000, .end = end, .has_init_p2m = true, .init_p2m = LINUX_P2M};
        assert_int_equal(layout_compute(&image, &request, &layout, &detail), BUILD_OK);

        uint64_t before = (end + PAGE_SIZE - 1) / PAGE_SIZE + 1;
        uint64_t tables = 1;
        uint64_t mapped;
        for (;; tables++) {
            uint64_t stack_end = before + tables + 1;
            mapped = (stack_end + 1023) / 1024 * 1024;
            mapped += mapped - stack_end < 128 ? 1024 : 0;
            if (tables_for(mapped) <= tables) {
                break;
            }
        }
        assert_int_equal(layout.tables.count, tables);
        assert_int_equal(layout.mapped_pages, mapped);
        assert_int_equal(layout.stack.first.value, before + tables);
    }
}

/* Measured: what Xen's builders made of Debian's kernel. */
static void debian_kernel_is_laid_out_as_measured(void **state)
{
    (void)state;
    struct kernel_image image = {
        .virt_base = LINUX_BASE,
        .start = 0x1000000,
        .end = 0x4a00000,
        .has_init_p2m = true,
        .init_p2m = LINUX_P2M,
        .initrd_by_pfn = true,
    };
    struct build_layout layout;
    struct build_detail detail;
    request.page_count = 0x10000;
    request.initrd_size = 0x1e5000;
    want_rings();
    assert_int_equal(layout_compute(&image, &request, &layout, &detail), BUILD_OK);
    assert_int_equal(layout.store.first.value, 0x4a01);
    assert_int_equal(layout.console.first.value, 0x4a02);
    assert_int_equal(layout_address(&layout, layout.tables.first), 0xffffffff84a03000);
    assert_int_equal(layout.tables.count, 0x29);
    assert_int_equal(layout_address(&layout, layout.stack.first), 0xffffffff84a2c000);
    assert_int_equal(layout.mapped_pages, 0x4c00);
    assert_int_equal(layout.initrd.first.value, 0x4c00);
    assert_int_equal(layout.p2m_list.first.value, 0x4de5);
    assert_int_equal(layout.p2m_list.count + layout.p2m_tables.count, 0x83);

    request.has_rings = false;
    request.page_count = 0x20000;
    assert_int_equal(layout_compute(&image, &request, &layout, &detail), BUILD_OK);
    assert_int_equal(layout_address(&layout, layout.start_info.first), 0xffffffff84a00000);
    assert_int_equal(layout_address(&layout, layout.tables.first), 0xffffffff84a01000);
    assert_int_equal(layout.tables.count, 0x29);
    assert_int_equal(layout_address(&layout, layout.stack.first), 0xffffffff84a2a000);
    assert_int_equal(layout.mapped_pages, 0x4c00);
    assert_int_equal(layout.p2m_list.count + layout.p2m_tables.count, 0x103);
}

/* ---- refusals: the file -----------------------------------------------------------------------
 */

static void file_that_is_no_elf_is_refused(void **state)
{
    (void)state;
    request.kernel = "MZ, as bzImages begin, which have to be unpacked before they get here....";
    request.kernel_size = 72;
    assert_refused(BUILD_NOT_ELF);
    request.kernel_size = 2;
    assert_refused(BUILD_NOT_ELF);
}

/* The file header of a good kernel, with one byte changed, is refused. */
static void assert_header_byte_refused(size_t offset, uint8_t byte, enum build_status status)
{
    make_linux();
    maker.file[offset] = byte;
    assert_refused(status);
}

static void headers_of_other_files_are_refused(void **state)
{
    (void)state;
    assert_header_byte_refused(EI_CLASS, ELFCLASS32, BUILD_ELF_NOT_64_BIT);
    assert_header_byte_refused(EI_DATA, ELFDATA2MSB, BUILD_ELF_NOT_LITTLE_ENDIAN);
    assert_header_byte_refused(EI_VERSION, 0, BUILD_ELF_BAD_VERSION);
    assert_header_byte_refused(offsetof(Elf64_Ehdr, e_machine), EM_386, BUILD_ELF_NOT_X86_64);
    assert_header_byte_refused(offsetof(Elf64_Ehdr, e_phentsize), 55, BUILD_ELF_BAD_HEADER_SIZE);
    assert_header_byte_refused(offsetof(Elf64_Ehdr, e_phoff) + 3, 1, BUILD_ELF_HEADERS_OUTSIDE);
}

/* ---- refusals: segments -----------------------------------------------------------------------
 */

static void kernel_without_segments_is_refused(void **state)
{
    (void)state;
    elf_maker_init(&maker);
    make_generic_notes();
    elf_maker_segment(&maker, 0, 0, 0, 0);
    take_kernel();
    assert_refused(BUILD_NO_SEGMENTS);
}

static void more_segments_than_any_kernel_has_are_refused(void **state)
{
    (void)state;
    make_simple(0, 0, 0x1000);
    for (uint64_t i = 1; i <= KERNEL_SEGMENTS_MAX; i++) {
        elf_maker_segment(&maker, 0, i * PAGE_SIZE, 1, 1);
    }
    take_kernel();
    assert_refused(BUILD_TOO_MANY_SEGMENTS);
}

/* A good kernel whose second segment the test has spoilt. */
static void assert_segment_refused(const Elf64_Phdr *spoilt, enum build_status status)
{
    elf_maker_init(&maker);
    make_linux_notes();
    make_linux_segments();
    maker.segments[1] = *spoilt;
    take_kernel();
    assert_refused(status);
}

static void segments_outside_the_file_are_refused(void **state)
{
    (void)state;
    Elf64_Phdr segment = maker.segments[1];
    segment.p_offset = maker.size - segment.p_filesz + 1;
    assert_segment_refused(&segment, BUILD_SEGMENT_OUTSIDE_FILE);
    segment.p_offset = UINT64_MAX - 0xff; /* the sum wraps */
    assert_segment_refused(&segment, BUILD_SEGMENT_OUTSIDE_FILE);
    segment = maker.segments[0];
    segment.p_filesz = UINT64_MAX;
    segment.p_memsz = UINT64_MAX;
    assert_segment_refused(&segment, BUILD_SEGMENT_OUTSIDE_FILE);
}

static void segment_larger_in_the_file_is_refused(void **state)
{
    (void)state;
    Elf64_Phdr segment = maker.segments[1];
    segment.p_memsz = segment.p_filesz - 1;
    assert_segment_refused(&segment, BUILD_SEGMENT_SIZES);
    segment.p_memsz = 0;
    assert_segment_refused(&segment, BUILD_SEGMENT_SIZES);
}

static void segment_that_wraps_is_refused(void **state)
{
    (void)state;
    Elf64_Phdr segment = maker.segments[1];
    segment.p_memsz = UINT64_MAX - segment.p_paddr + 1;
    assert_segment_refused(&segment, BUILD_SEGMENT_WRAPS);
}

static void segment_below_the_offset_is_refused(void **state)
{
    (void)state;
    make_simple(0x400000, 0x400000, 0x1000);
    elf_maker_note_number(&maker, XEN_ELFNOTE_PADDR_OFFSET, 0x400001);
    take_kernel();
    assert_refused(BUILD_SEGMENT_BELOW_BASE);
}

static void overlapping_segments_are_refused(void **state)
{
    (void)state;
    Elf64_Phdr segment = maker.segments[1];
    segment.p_paddr = maker.segments[0].p_paddr + maker.segments[0].p_memsz - 1;
    assert_segment_refused(&segment, BUILD_SEGMENTS_OVERLAP);
    /* The fourth's .bss counts: it is larger in memory. */
    segment.p_paddr = 0x100a00f;
    assert_segment_refused(&segment, BUILD_SEGMENTS_OVERLAP);
    /* One around another. */
    segment.p_paddr = 0x1000001;
    segment.p_filesz = 1;
    segment.p_memsz = 1;
    assert_segment_refused(&segment, BUILD_SEGMENTS_OVERLAP);
}

static void bss_of_an_earlier_segment_counts_as_well(void **state)
{
    (void)state;
    make_simple(0, 0x1000, 0x2000);
    elf_maker_segment(&maker, 0, 0x2fff, 1, 1);
    take_kernel();
    assert_refused(BUILD_SEGMENTS_OVERLAP);
}

static void segments_may_touch_in_any_order(void **state)
{
    (void)state;
    make_simple(0, 0x1234, 0x100);
    elf_maker_segment(&maker, 0, 0x1334, 0x100, 0x100);
    elf_maker_segment(&maker, 0, 0x1134, 0x100, 0x100);
    take_kernel();
    assert_domain_is_sound(0, 0);
}

/* ---- refusals: notes --------------------------------------------------------------------------
 */

static void kernel_without_notes_is_refused(void **state)
{
    (void)state;
    elf_maker_init(&maker);
    make_linux_segments();
    maker.place = NOTES_NOWHERE;
    take_kernel();
    assert_refused(BUILD_NOT_A_XEN_KERNEL);
}

static void kernel_with_pvh_notes_only_is_refused(void **state)
{
    (void)state;
    elf_maker_init(&maker);
    elf_maker_segment(&maker, 0, 0x1000, 0x10, 0x10);
    elf_maker_note_number(&maker, XEN_ELFNOTE_PHYS32_ENTRY, 0x1000);
    take_kernel();
    assert_refused(BUILD_NOT_A_XEN_KERNEL);
}

static void note_segment_at_the_file_header_has_no_notes(void **state)
{
    (void)state;
    uint64_t offset = 0;
    memcpy(maker.file + maker.header.e_phoff + 4 * sizeof(Elf64_Phdr) +
               offsetof(Elf64_Phdr, p_offset),
           &offset, sizeof(offset));
    assert_refused(BUILD_NOT_A_XEN_KERNEL);
}

static void legacy_section_without_bytes_says_nothing(void **state)
{
    (void)state;
    make_legacy(mini_os_notes);
    maker.file[maker.header.e_shoff + 2 * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_type)] =
        SHT_NOBITS;
    assert_refused(BUILD_NOT_A_XEN_KERNEL);
}

static void malformed_note_in_a_section_is_refused(void **state)
{
    (void)state;
    uint32_t size = 0x1000;
    elf_maker_init(&maker);
    maker.place = NOTES_IN_SECTION;
    make_linux_segments();
    make_linux_notes();
    memcpy(maker.notes + 4, &size, sizeof(size));
    take_kernel();
    assert_refused(BUILD_NOTE_MALFORMED);
}

static void notes_outside_the_file_are_refused(void **state)
{
    (void)state;
    uint64_t offset = maker.size - 8;
    memcpy(maker.file + maker.header.e_phoff + 4 * sizeof(Elf64_Phdr) +
               offsetof(Elf64_Phdr, p_offset),
           &offset, sizeof(offset));
    assert_refused(BUILD_NOTES_OUTSIDE_FILE);
}

/* What follows does not make up for it. */
static void notes_outside_the_file_in_the_first_segment_are_refused(void **state)
{
    (void)state;
    Elf64_Phdr *headers = (Elf64_Phdr *)(void *)(maker.file + maker.header.e_phoff);
    Elf64_Phdr notes = headers[4];
    headers[4] = headers[0];
    headers[0] = notes;
    headers[0].p_offset = maker.size - 8;
    assert_refused(BUILD_NOTES_OUTSIDE_FILE);
}

static void legacy_notes_outside_the_file_are_refused(void **state)
{
    (void)state;
    make_legacy(mini_os_notes);
    uint64_t size = maker.size;
    memcpy(maker.file + maker.header.e_shoff + 2 * sizeof(Elf64_Shdr) +
               offsetof(Elf64_Shdr, sh_size),
           &size, sizeof(size));
    assert_refused(BUILD_NOTES_OUTSIDE_FILE);
}

/* A kernel good but for one more note. */
static void assert_note_refused(uint32_t type, const void *value, size_t size,
                                enum build_status status)
{
    elf_maker_init(&maker);
    elf_maker_note(&maker, "Xen", type, value, size);
    make_linux_notes();
    make_linux_segments();
    take_kernel();
    assert_refused(status);
}

static void note_longer_than_its_segment_is_refused(void **state)
{
    (void)state;
    uint32_t size = 0x1000;
    elf_maker_init(&maker);
    make_linux_segments();
    make_linux_notes();
    memcpy(maker.notes + 4, &size, sizeof(size));
    take_kernel();
    assert_refused(BUILD_NOTE_MALFORMED);
}

static void more_notes_than_any_kernel_has_are_refused(void **state)
{
    (void)state;
    /* Headers of nothing, again and again from the same bytes. */
    elf_maker_init(&maker);
    for (unsigned i = 0; i < 20; i++) {
        Elf64_Phdr *segment = elf_maker_segment(&maker, 0, 0, 0, 0);
        segment->p_type = PT_NOTE;
        segment->p_offset = 0x600;
        segment->p_filesz = 0x9f4;
    }
    maker.place = NOTES_NOWHERE;
    maker.size = 0x2000;
    take_kernel();
    assert_refused(BUILD_TOO_MANY_NOTES);
}

static void number_of_other_width_is_refused(void **state)
{
    (void)state;
    assert_note_refused(XEN_ELFNOTE_VIRT_BASE, "\0\0\0", 3, BUILD_NOTE_NUMBER_SIZE);
    assert_note_refused(XEN_ELFNOTE_VIRT_BASE, "", 0, BUILD_NOTE_NUMBER_SIZE);
    assert_note_refused(XEN_ELFNOTE_SUPPORTED_FEATURES, "\0\0", 2, BUILD_NOTE_NUMBER_SIZE);
}

static void contradicting_notes_are_refused(void **state)
{
    (void)state;
    uint64_t base = LINUX_BASE + 0x1000;
    assert_note_refused(XEN_ELFNOTE_VIRT_BASE, &base, sizeof(base), BUILD_NOTE_CONFLICT);
    assert_int_equal(result.detail.value, XEN_ELFNOTE_VIRT_BASE);
    assert_note_refused(XEN_ELFNOTE_LOADER, "generi", 7, BUILD_NOTE_CONFLICT);
    assert_note_refused(XEN_ELFNOTE_XEN_VERSION, "xen-3.1", 8, BUILD_NOTE_CONFLICT);
    assert_note_refused(XEN_ELFNOTE_GUEST_OS, "minix", 6, BUILD_NOTE_CONFLICT);
}

static void legacy_values_that_are_no_numbers_are_refused(void **state)
{
    (void)state;
    static const char *const values[] = {
        "VIRT_BASE=",
        "VIRT_BASE",
        "VIRT_BASE=0x",
        "VIRT_BASE=12a",
        "VIRT_BASE=0x1g",
        "VIRT_BASE=-1",
        "VIRT_BASE=0x10000000000000000",
        "VIRT_BASE=18446744073709551616",
        "HYPERCALL_PAGE=0x10000000000000",
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        make_legacy(values[i]);
        assert_refused(BUILD_LEGACY_NUMBER);
    }
}

static void largest_legacy_numbers_are_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {"VIRT_BASE=0xFFFFFFFFFFFFffff",
                                        "VIRT_BASE=0Xffffffffffffffff",
                                        "VIRT_BASE=18446744073709551615"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct kernel_notes notes = {0};
        struct build_detail detail;
        struct elf_bytes text = {(const uint8_t *)texts[i], strlen(texts[i])};
        assert_int_equal(kernel_legacy_read(text, &notes, &detail), BUILD_OK);
        assert_int_equal(notes.number[XEN_ELFNOTE_VIRT_BASE], UINT64_MAX);
    }
}

static void other_interface_version_is_refused(void **state)
{
    (void)state;
    make_legacy("LOADER=generic,XEN_VER=xen-2.0");
    assert_refused(BUILD_XEN_VERSION);
    make_legacy("LOADER=generic");
    assert_refused(BUILD_XEN_VERSION);
}

static void other_loader_is_refused(void **state)
{
    (void)state;
    make_legacy("LOADER=special,XEN_VER=xen-3.0,GUEST_OS=x");
    assert_refused(BUILD_LOADER);
    make_legacy("XEN_VER=xen-3.0,VIRT_BASE=0");
    assert_refused(BUILD_LOADER);
}

static void linux_needs_no_loader(void **state)
{
    (void)state;
    make_legacy("GUEST_OS=linux,XEN_VER=xen-3.0,VIRT_BASE=0x0");
    assert_int_equal(build(), BUILD_OK);
}

static void linux_without_its_pv_part_is_refused(void **state)
{
    (void)state;
    make_legacy("GUEST_OS=linux,XEN_VER=xen-3.0");
    assert_refused(BUILD_NO_PV_ENTRY);
}

static void paddr_offset_without_base_is_refused(void **state)
{
    (void)state;
    elf_maker_init(&maker);
    make_generic_notes();
    elf_maker_note_number(&maker, XEN_ELFNOTE_PADDR_OFFSET, 0);
    elf_maker_segment(&maker, 0, 0, 0x100, 0x100);
    take_kernel();
    assert_refused(BUILD_PADDR_OFFSET_WITHOUT_BASE);
    make_legacy("GUEST_OS=linux,XEN_VER=xen-3.0,ELF_PADDR_OFFSET=0");
    assert_refused(BUILD_PADDR_OFFSET_WITHOUT_BASE);
}

static void features_we_cannot_give_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *features;
        enum build_status status;
    } cases[] = {
        {"!teleport", BUILD_FEATURE_UNKNOWN},
        {"dom0|!", BUILD_FEATURE_UNKNOWN},
        {"!writable_page_tables2", BUILD_FEATURE_UNKNOWN},
        {"!supervisor_mode_kernel", BUILD_FEATURE_SUPERVISOR_MODE},
        {"dom0|!auto_translated_physmap|dom0", BUILD_FEATURE_AUTO_TRANSLATED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_note_refused(XEN_ELFNOTE_FEATURES, cases[i].features, strlen(cases[i].features),
                            cases[i].status);
    }
}

static void kernel_without_dom0_is_refused_as_first_domain(void **state)
{
    (void)state;
    uint32_t features = 1;
    make_simple(0, 0x1000, 0x2000);
    elf_maker_note(&maker, "Xen", XEN_ELFNOTE_SUPPORTED_FEATURES, &features, sizeof(features));
    elf_maker_note_text(&maker, XEN_ELFNOTE_FEATURES, "writable_page_tables");
    take_kernel();
    assert_refused(BUILD_NOT_AN_INITIAL_DOMAIN);
}

/* ---- refusals: addresses ----------------------------------------------------------------------
 */

static void assert_simple_refused(uint64_t base, uint32_t type, uint64_t number,
                                  enum build_status status)
{
    make_simple(base, 0x1000, 0x2000);
    elf_maker_note_number(&maker, type, number);
    take_kernel();
    assert_refused(status);
}

static void base_must_be_page_aligned(void **state)
{
    (void)state;
    assert_simple_refused(0x400800, XEN_ELFNOTE_ENTRY, 0x401800, BUILD_BASE_UNALIGNED);
}

static void entry_must_be_inside_the_image(void **state)
{
    (void)state;
    assert_simple_refused(0x400000, XEN_ELFNOTE_ENTRY, 0x400fff, BUILD_ENTRY_OUTSIDE);
    assert_simple_refused(0x400000, XEN_ELFNOTE_ENTRY, 0x403000, BUILD_ENTRY_OUTSIDE);
    assert_simple_refused(0x400000, XEN_ELFNOTE_ENTRY, 0, BUILD_ENTRY_OUTSIDE);
}

static void hypercall_page_must_be_a_page_of_the_image(void **state)
{
    (void)state;
    const uint32_t type = XEN_ELFNOTE_HYPERCALL_PAGE;
    assert_simple_refused(0x400000, type, 0x401800, BUILD_HYPERCALL_PAGE_UNALIGNED);
    assert_simple_refused(0x400000, type, 0x403000, BUILD_HYPERCALL_PAGE_OUTSIDE);
    assert_simple_refused(0x400000, type, 0x3ff000, BUILD_HYPERCALL_PAGE_OUTSIDE);
}

static void init_p2m_must_be_somewhere_it_can_be(void **state)
{
    (void)state;
    const uint32_t type = XEN_ELFNOTE_INIT_P2M;
    assert_simple_refused(0x400000, type, LINUX_P2M + 8, BUILD_P2M_UNALIGNED);
    assert_simple_refused(0x400000, type, 0x402000, BUILD_P2M_IN_KERNEL);
    assert_simple_refused(0x400000, type, 0x400000, BUILD_P2M_IN_MAPPING_SLOT);
    assert_simple_refused(0x400000, type, 0x10000000, BUILD_P2M_IN_MAPPING_SLOT);
    assert_simple_refused(LINUX_P2M, type, LINUX_P2M - PAGE_SIZE, BUILD_P2M_IN_MAPPING_SLOT);
    assert_simple_refused(0, type, HYPERVISOR_VIRT_START, BUILD_P2M_HITS_HYPERVISOR);
    assert_simple_refused(0, type, HYPERVISOR_VIRT_END - PAGE_SIZE, BUILD_P2M_HITS_HYPERVISOR);
    assert_simple_refused(0, type, HYPERVISOR_VIRT_START - PAGE_SIZE, BUILD_P2M_HITS_HYPERVISOR);
    assert_simple_refused(0, type, UINT64_C(0x7ffffffff000), BUILD_P2M_NOT_CANONICAL);
    assert_simple_refused(0, type, UINT64_C(0x800000000000), BUILD_P2M_NOT_CANONICAL);
    assert_simple_refused(0, type, UINT64_MAX - PAGE_MASK, BUILD_P2M_NOT_CANONICAL);
}

static void mapping_must_be_in_the_guests_part(void **state)
{
    (void)state;
    static const struct {
        uint64_t base;
        enum build_status status;
    } cases[] = {
        {HYPERVISOR_VIRT_START, BUILD_MAPPING_HITS_HYPERVISOR},
        {HYPERVISOR_VIRT_END - 0x3000, BUILD_MAPPING_HITS_HYPERVISOR},
        {UINT64_C(0x7ffffffff000), BUILD_MAPPING_NOT_CANONICAL},
        {UINT64_C(0x800000000000), BUILD_MAPPING_NOT_CANONICAL},
        {UINT64_C(0xffff7ffffffff000), BUILD_MAPPING_HITS_HYPERVISOR},
        {UINT64_MAX - PAGE_MASK, BUILD_MAPPING_NOT_CANONICAL}, /* wraps */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        make_simple(cases[i].base, 0, 0x800);
        take_kernel();
        assert_refused(cases[i].status);
    }
}

/* ---- refusals: the request --------------------------------------------------------------------
 */

static void too_long_command_line_is_refused(void **state)
{
    (void)state;
    char line[MAX_GUEST_CMDLINE + 1];
    memset(line, 'x', sizeof(line));
    line[MAX_GUEST_CMDLINE] = 0;
    request.command_line = line;
    assert_refused(BUILD_COMMAND_LINE_TOO_LONG);
}

static void more_pages_than_m2p_entries_are_refused(void **state)
{
    (void)state;
    request.page_count = MACH2PHYS_NR_ENTRIES + 1;
    assert_refused(BUILD_TOO_MANY_PAGES);
    request.page_count = UINT64_MAX;
    assert_refused(BUILD_TOO_MANY_PAGES);
}

/* The pages named as needed are enough, and one less is not. */
static void too_little_memory_is_refused_with_the_pages_needed(void **state)
{
    (void)state;
    request.page_count = 0x1405;
    assert_refused(BUILD_TOO_LITTLE_MEMORY);
    assert_int_equal(result.detail.limit, 0x1405);
    assert_true(result.detail.value > 0x1400);

    request.page_count = result.detail.value - 1;
    assert_refused(BUILD_TOO_LITTLE_MEMORY);
    request.page_count = result.detail.value;
    assert_domain_is_sound(LINUX_BASE, 0);
}

static void no_memory_at_all_is_too_little(void **state)
{
    (void)state;
    request.initrd_size = 0;
    request.page_count = 0;
    assert_refused(BUILD_TOO_LITTLE_MEMORY);
}

static void kernel_of_any_size_is_refused_in_a_small_domain(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {UINT64_C(1) << 40, UINT64_C(1) << 48, UINT64_MAX - 0x1000};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        make_simple(0, 0x1000, sizes[i]);
        take_kernel();
        assert_refused(BUILD_TOO_LITTLE_MEMORY);
    }
}

static void initrd_larger_than_memory_is_refused(void **state)
{
    (void)state;
    request.initrd_size = (request.page_count + 1) * PAGE_SIZE;
    assert_refused(BUILD_INITRD_TOO_LARGE);
    request.initrd_size = UINT64_MAX;
    assert_refused(BUILD_INITRD_TOO_LARGE);
}

static void video_record_must_fit_and_stand_alone(void **state)
{
    (void)state;
    static const uint8_t video[PAGE_SIZE];
    request.video = video;
    request.video_size = PAGE_SIZE - sizeof(struct start_info) + 1;
    assert_refused(BUILD_VIDEO_TOO_LARGE);
    request.video_size--;
    assert_int_equal(build(), BUILD_OK);
}

static void video_record_beside_rings_is_refused(void **state)
{
    (void)state;
    want_rings();
    request.video = initrd;
    request.video_size = 40;
    assert_refused(BUILD_VIDEO_WITH_RINGS);
}

/* ---- failures of the port ---------------------------------------------------------------------
 */

/* What a failure of the n-th call may come out as. */
static bool is_port_failure(enum build_status status)
{
    return status >= BUILD_NO_MEMORY && status <= BUILD_VCPU_REFUSED;
}

static void each_call_that_fails_ends_in_a_clean_refusal(void **state)
{
    (void)state;
    elf_maker_init(&maker);
    make_linux_notes();
    make_linux_segments();
    elf_maker_note_number(&maker, XEN_ELFNOTE_HYPERCALL_PAGE, LINUX_BASE + 0x1001000);
    take_kernel();
    unsigned seen[BUILD_STATUS_COUNT] = {0};
    unsigned call = 0;
    enum build_status status;
    do {
        fake_builder_free(&target);
        fake_builder_init(&target, MACHINE_SIZE, call);
        target.fail_at = ++call;
        status = build();
        seen[status]++;
        assert_int_equal(fake_builder_held(&target), 0);
        assert_true(status == BUILD_OK || is_port_failure(status));
        assert_int_equal(target.calls, status == BUILD_OK ? call - 1 : call);
        assert_int_equal(target.vcpu_is_set, status == BUILD_OK);
    } while (status != BUILD_OK);

    assert_int_equal(seen[BUILD_NO_MEMORY], 1);
    assert_true(seen[BUILD_MAP_FAILED] > 30);
    assert_int_equal(seen[BUILD_HYPERCALL_PAGE_FAILED], 1);
    assert_int_equal(seen[BUILD_PIN_REFUSED], 1);
    assert_int_equal(seen[BUILD_VCPU_REFUSED], 1);
}

static void refusal_of_the_last_steps_names_the_error(void **state)
{
    (void)state;
    assert_int_equal(build(), BUILD_OK);
    unsigned calls = target.calls;

    fake_builder_free(&target);
    fake_builder_init(&target, MACHINE_SIZE, 1);
    target.fail_at = calls - 1;
    assert_int_equal(build(), BUILD_PIN_REFUSED);
    assert_int_equal(result.detail.value, XEN_EINVAL);
    assert_int_equal(result.detail.limit, result.l4.value);

    fake_builder_free(&target);
    fake_builder_init(&target, MACHINE_SIZE, 1);
    target.fail_at = calls;
    assert_int_equal(build(), BUILD_VCPU_REFUSED);
    assert_int_equal(result.detail.value, XEN_ENOMEM);
}

/* ---- small parts ------------------------------------------------------------------------------
 */

static void stubs_issue_their_own_number(void **state)
{
    (void)state;
    static const uint8_t stub_2[] = {0x51, 0x41, 0x53, 0xb8, 2,    0,    0,
                                     0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
    static const uint8_t stub_iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 23,
                                        0,    0,    0,    0x0f, 0x05, 0xcc};
    uint8_t page[PAGE_SIZE];
    hypercall_page_fill(page);
    assert_memory_equal(page + 2 * 32, stub_2, sizeof(stub_2));
    assert_memory_equal(page + 23 * 32, stub_iret, sizeof(stub_iret));
    for (unsigned i = 0; i < 128; i++) {
        assert_int_equal(page[i * 32], 0x51);
        assert_int_equal(page[i * 32 + (i == 23 ? 5 : 4)], i);
        assert_int_equal(page[i * 32 + 31], 0xcc);
    }
}

static void every_status_has_a_sentence_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BUILD_STATUS_COUNT; i++) {
        const char *text = build_status_text((enum build_status)i);
        assert_non_null(text);
        assert_true(strlen(text) > 10 && build_status_numbers((enum build_status)i) <= 2);
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(text, build_status_text((enum build_status)j));
        }
    }
}

/* ---- damaged files ----------------------------------------------------------------------------
 */

/* Build from a copy of exactly `size` bytes, so that ASan sees a read past the end. */
static void build_from_copy(uint64_t *random, unsigned flips, size_t size)
{
    uint8_t *copy = malloc(size);
    memcpy(copy, maker.file, size);
    for (unsigned i = 0; i < flips && size > 0; i++) {
        *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
        /* Headers and notes are where a flip has consequences; two thirds go there. */
        size_t at = (*random >> 40) % 3 == 0   ? (*random >> 20) % size
                    : (*random >> 40) % 3 == 1 ? (*random >> 20) % 0x200 % size
                                               : size - 1 - (*random >> 20) % 0x300 % size;
        copy[at] ^= (uint8_t)(1U << ((*random >> 60) & 7));
    }
    request.kernel = copy;
    request.kernel_size = size;
    if (target.used > 0) {
        fake_builder_free(&target);
        fake_builder_init(&target, 2048, (unsigned)*random);
    }
    enum build_status status = build();
    assert_int_equal(fake_builder_held(&target), 0);
    assert_true(status < BUILD_NO_MEMORY);
    if (status == BUILD_OK) {
        memset(&recount, 0, sizeof(recount));
        recount_table(target.pinned_l4.value, 4);
        assert_int_equal(recount.read_only, started_with()->nr_pt_frames);
    }
    free(copy);
}

static void make_fuzzed_kernel(unsigned kind)
{
    if (kind == 0) {
        make_legacy(mini_os_notes);
        return;
    }
    make_simple(LINUX_BASE, 0x1000, 0x4000);
    elf_maker_note_text(&maker, XEN_ELFNOTE_FEATURES, "!writable_page_tables|dom0");
    elf_maker_note_number(&maker, XEN_ELFNOTE_INIT_P2M, LINUX_P2M);
    elf_maker_note_number(&maker, XEN_ELFNOTE_HYPERCALL_PAGE, LINUX_BASE + 0x2000);
    elf_maker_note_number(&maker, XEN_ELFNOTE_ENTRY, LINUX_BASE + 0x1000);
    take_kernel();
}

static void damaged_files_are_built_soundly_or_refused(void **state)
{
    (void)state;
    const char *given = getenv("BUILDER_SEED");
    uint64_t random = given != NULL ? strtoull(given, NULL, 0) : UINT64_C(0x70696e6e616365);
    print_message("BUILDER_SEED=%#llx\n", (unsigned long long)random);
    request.page_count = 2048;
    for (unsigned kind = 0; kind < 2; kind++) {
        make_fuzzed_kernel(kind);
        for (unsigned round = 0; round < 3000; round++) {
            build_from_copy(&random, 1 + round % 3, maker.size);
        }
        for (size_t size = 0; size < maker.size; size += size % 7 + 1) {
            build_from_copy(&random, 0, size);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(first_domain_is_sound),
        TEST(ordinary_domain_is_sound),
        TEST(legacy_kernel_with_everything_mapped_is_sound),
        TEST(first_domain_gets_its_start_info),
        TEST(ordinary_domain_gets_its_rings),
        TEST(domain_without_rings_has_no_ring_frames),
        TEST(video_record_follows_start_info),
        TEST(domain_without_initrd_is_told_so),
        TEST(domain_without_command_line_gets_an_empty_one),
        TEST(longest_command_line_fits_with_its_nul),
        TEST(mapped_regions_come_in_the_order_of_the_contract),
        TEST(vcpu_starts_in_the_kernel_with_nothing_else_set),
        TEST(boot_stack_is_an_ordinary_page),
        TEST(second_domain_starts_from_its_own_state),
        TEST(hypercall_page_is_filled_where_the_note_says),
        TEST(no_hypercall_page_is_filled_unasked),
        TEST(legacy_hypercall_page_counts_from_the_base),
        TEST(legacy_physical_addresses_begin_at_the_base),
        TEST(paddr_offset_is_taken_off_physical_addresses),
        TEST(notes_in_a_section_serve_as_well),
        TEST(entry_is_the_files_without_a_note),
        TEST(numbers_of_any_width_are_read),
        TEST(initrd_is_mapped_when_its_note_says_zero),
        TEST(same_note_twice_is_harmless),
        TEST(unknown_optional_feature_is_ignored),
        TEST(initial_domain_may_name_dom0_in_either_note),
        TEST(kernel_without_dom0_serves_an_ordinary_domain),
        TEST(p2m_area_may_cross_a_slot),
        TEST(mapping_may_cross_1_gib_and_begin_anywhere),
        TEST(mapping_may_cross_a_slot),
        TEST(mapping_may_end_with_the_lower_half),
        TEST(mapping_may_begin_right_above_the_hypervisor),
        TEST(layout_settles_on_the_least_number_of_tables),
        TEST(debian_kernel_is_laid_out_as_measured),
        TEST(file_that_is_no_elf_is_refused),
        TEST(headers_of_other_files_are_refused),
        TEST(kernel_without_segments_is_refused),
        TEST(more_segments_than_any_kernel_has_are_refused),
        TEST(segments_outside_the_file_are_refused),
        TEST(segment_larger_in_the_file_is_refused),
        TEST(segment_that_wraps_is_refused),
        TEST(segment_below_the_offset_is_refused),
        TEST(overlapping_segments_are_refused),
        TEST(bss_of_an_earlier_segment_counts_as_well),
        TEST(segments_may_touch_in_any_order),
        TEST(kernel_without_notes_is_refused),
        TEST(kernel_with_pvh_notes_only_is_refused),
        TEST(note_segment_at_the_file_header_has_no_notes),
        TEST(legacy_section_without_bytes_says_nothing),
        TEST(malformed_note_in_a_section_is_refused),
        TEST(notes_outside_the_file_are_refused),
        TEST(notes_outside_the_file_in_the_first_segment_are_refused),
        TEST(legacy_notes_outside_the_file_are_refused),
        TEST(note_longer_than_its_segment_is_refused),
        TEST(more_notes_than_any_kernel_has_are_refused),
        TEST(number_of_other_width_is_refused),
        TEST(contradicting_notes_are_refused),
        TEST(legacy_values_that_are_no_numbers_are_refused),
        TEST(largest_legacy_numbers_are_numbers),
        TEST(other_interface_version_is_refused),
        TEST(other_loader_is_refused),
        TEST(linux_needs_no_loader),
        TEST(linux_without_its_pv_part_is_refused),
        TEST(paddr_offset_without_base_is_refused),
        TEST(features_we_cannot_give_are_refused),
        TEST(kernel_without_dom0_is_refused_as_first_domain),
        TEST(base_must_be_page_aligned),
        TEST(entry_must_be_inside_the_image),
        TEST(hypercall_page_must_be_a_page_of_the_image),
        TEST(init_p2m_must_be_somewhere_it_can_be),
        TEST(mapping_must_be_in_the_guests_part),
        TEST(too_long_command_line_is_refused),
        TEST(more_pages_than_m2p_entries_are_refused),
        TEST(too_little_memory_is_refused_with_the_pages_needed),
        TEST(no_memory_at_all_is_too_little),
        TEST(kernel_of_any_size_is_refused_in_a_small_domain),
        TEST(initrd_larger_than_memory_is_refused),
        TEST(video_record_must_fit_and_stand_alone),
        TEST(video_record_beside_rings_is_refused),
        TEST(each_call_that_fails_ends_in_a_clean_refusal),
        TEST(refusal_of_the_last_steps_names_the_error),
        TEST(stubs_issue_their_own_number),
        TEST(every_status_has_a_sentence_of_its_own),
        TEST(damaged_files_are_built_soundly_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
