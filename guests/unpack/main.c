/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest that unpacks kernel files, so that no decompressor runs in ring 0. Its ramdisk is the
 * file, as a distribution ships it; what it leaves is described in lib/unpack_report.h. It runs the
 * same code as `pinnace extract`, on Debian's static libraries.
 *
 * The file may be hostile, and the libraries may have bugs: the worst that comes of it is a wrong
 * ELF file, which the hypervisor reads as carefully as any other.
 */
#include "guests/lib/console.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/start.h"
#include "guests/unpack/arena.h"
#include "guests/unpack/memory.h"
#include "lib/check.h"
#include "lib/string.h"
#include "lib/unpack_report.h"
#include "tools/kernel_unpack.h"

NORETURN void guest_main(void);

struct boot_state boot_state = {.rax = UINT64_MAX};
start_info_t *start_info;

/* The libraries are built with stack protectors: their canary is at FS:40. */
static void set_thread_block(void)
{
    static uint64_t block[8] = {[5] = UINT64_C(0x6e617279000aff0d)};
    CHECK(hypercall_set_segment_base(SEGBASE_FS, pointer_value(block)) == 0);
}

static struct unpack_report *report_page(void)
{
    uint64_t pfn = ((const uint64_t *)MACH2PHYS_VIRT_START)[start_info->store_mfn];
    return (struct unpack_report *)(VIRT_BASE + (pfn << PAGE_SHIFT));
}

/* The list comes from the arena too, whose blocks begin with a page. */
static bool list_frames(struct unpack_report *report, const uint8_t *elf, size_t size)
{
    uint64_t count = pages_of(size);
    uint64_t *list = arena_take(count * sizeof(uint64_t));
    if (list == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        list[i] = memory_mfn(elf + i * PAGE_SIZE).value;
    }
    for (uint64_t i = 0; i * UNPACK_LIST_FRAME < count; i++) {
        report->lists[i] = memory_mfn(list + i * UNPACK_LIST_FRAME).value;
    }
    return true;
}

static void unpack(struct unpack_report *report)
{
    static struct reason reason;
    struct unpacked_kernel kernel;
    enum outcome outcome =
        kernel_unpack(memory_file(), start_info->mod_len, UNPACK_SIZE_MAX, &kernel, &reason);
    if (outcome == OUTCOME_SUCCESS && kernel.unpacked == NULL) {
        reason_set(&reason, "it is not packed");
    } else if (outcome == OUTCOME_SUCCESS && list_frames(report, kernel.elf, kernel.elf_size)) {
        report->size = kernel.elf_size;
    } else if (outcome == OUTCOME_SUCCESS) {
        reason_set(&reason, "there is not enough memory for a list of its frames");
    }
    memcpy(report->reason, reason.text, min_u64(sizeof(report->reason), sizeof(reason.text)));
    report->reason[sizeof(report->reason) - 1] = '\0';
}

void guest_main(void)
{
    start_info = (start_info_t *)boot_state.rsi;
    set_thread_block();
    memory_map();
    size_t size;
    void *memory = memory_unused(&size);
    arena_init(memory, size);
    struct unpack_report *report = report_page();
    unpack(report);
    report->magic = UNPACK_MAGIC;
    guest_shutdown(SHUTDOWN_poweroff);
}
