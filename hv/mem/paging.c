/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/mem/paging.h"

#include "core/frame.h"
#include "hv/boot/image.h"
#include "hv/cpu/cpu.h"
#include "hv/layout.h"
#include "hv/mem/boot_memory.h"
#include "hv/mem/own_mappings.h"
#include "lib/check.h"
#include "lib/string.h"

#define LARGE_PAGE_SIZE (UINT64_C(1) << 21)
#define DATA            (PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL | PTE_NO_EXECUTE)
#define READ_ONLY       (PTE_ACCESSED | PTE_GLOBAL | PTE_NO_EXECUTE)
#define CODE            (PTE_ACCESSED | PTE_GLOBAL)

static pte_t *new_l4;  /* the tables being built, then the same */
static pte_t *idle_l4; /* NULL: still on the boot page tables */
static bool is_sealed; /* boot is over */

static void *direct(uint64_t physical)
{
    return (void *)(DIRECT_MAP_BASE + physical);
}

/* A zeroed frame for a table, MFN_INVALID: none is left. At boot, that stops the machine. */
static mfn_t table_frame(void)
{
    return boot_memory_is_open() ? mfn_make(boot_memory_alloc(PAGE_SIZE, PAGE_SIZE) >> PAGE_SHIFT)
                                 : frame_take_hypervisor(0);
}

/* The table below this entry, made if there is none; NULL: no memory for it. */
static pte_t *table_below(pte_t *entry, uint64_t flags)
{
    if (!pte_is_present(*entry)) {
        mfn_t table = table_frame();
        if (mfn_equal(table, MFN_INVALID)) {
            return NULL;
        }
        *entry = pte_make(table, PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | (flags & PTE_USER));
    }
    CHECK(!pte_has(*entry, PTE_PAGE_SIZE));
    return direct(pte_mfn(*entry).value << PAGE_SHIFT);
}

/* NULL: no memory for the tables on the way. */
static pte_t *find_entry(uint64_t address, unsigned int level, uint64_t flags)
{
    pte_t *table = new_l4;
    for (unsigned int at = 4; at > level; at--) {
        table = table_below(&table[pte_index(at, address)], flags);
        if (table == NULL) {
            return NULL;
        }
    }
    return &table[pte_index(level, address)];
}

/* Firmware tables name any address they like: only what is mapped is answered. */
void *phys_to_virt(uint64_t physical)
{
    if (idle_l4 == NULL || physical >= DIRECT_MAP_END - DIRECT_MAP_BASE) {
        return physical < BOOT_MAPPED ? direct(physical) : NULL;
    }
    const pte_t *table = idle_l4;
    for (unsigned int level = 4;; level--) {
        pte_t pte = table[pte_index(level, DIRECT_MAP_BASE + physical)];
        if (!pte_is_present(pte)) {
            return NULL;
        }
        if (level == 1 || pte_has(pte, PTE_PAGE_SIZE)) {
            return direct(physical);
        }
        table = direct(pte_mfn(pte).value << PAGE_SHIFT);
    }
}

pte_t *paging_slot(uint64_t address)
{
    return find_entry(address, 1, 0);
}

void paging_map(uint64_t address, uint64_t physical, uint64_t size, uint64_t flags, bool large)
{
    CHECK(!is_sealed);
    uint64_t end = address + round_up(size, PAGE_SIZE);
    while (address < end) {
        bool fits = large && address % LARGE_PAGE_SIZE == 0 && physical % LARGE_PAGE_SIZE == 0 &&
                    end - address >= LARGE_PAGE_SIZE;
        mfn_t mfn = mfn_make(physical >> PAGE_SHIFT);
        if (fits) {
            *find_entry(address, 2, flags) = pte_make(mfn, flags | PTE_PRESENT | PTE_PAGE_SIZE);
        } else {
            *find_entry(address, 1, flags) = pte_make(mfn, flags | PTE_PRESENT);
        }
        uint64_t step = fits ? LARGE_PAGE_SIZE : PAGE_SIZE;
        address += step;
        physical += step;
    }
}

/* RAM in the direct map: everything writable and not executable, but that the image's code and
 * constants are read-only here too. */
static void map_ram(uint64_t address, uint64_t size)
{
    uint64_t fixed_start = IMAGE_LOAD_ADDRESS;
    uint64_t fixed_end = (uint64_t)image_rodata_end - IMAGE_BASE;
    uint64_t end = address + size;
    if (address < fixed_end && end > fixed_start) {
        uint64_t first_part = fixed_start > address ? fixed_start - address : 0;
        paging_map(DIRECT_MAP_BASE + address, address, first_part, DATA, true);
        paging_map(DIRECT_MAP_BASE + fixed_start, fixed_start, fixed_end - fixed_start, READ_ONLY,
                   false);
        address = fixed_end;
    }
    paging_map(DIRECT_MAP_BASE + address, address, end - address, DATA, true);
}

static void map_read_only(uint64_t start, uint64_t end)
{
    for (uint64_t at = start; at < end; at += PAGE_SIZE) {
        pte_t *slot = find_entry(DIRECT_MAP_BASE + at, 1, 0);
        if (!pte_is_present(*slot)) {
            *slot = pte_make(mfn_make(at >> PAGE_SHIFT), READ_ONLY | PTE_PRESENT);
        }
    }
}

/* The firmware's tables are in memory that is not RAM to us, and in the ROMs below 1 MiB: readable
 * is enough. */
static void map_firmware(void)
{
    map_read_only(0, IMAGE_LOAD_ADDRESS);
    unsigned int count;
    const struct e820_entry *map = machine_memory_map(&count);
    for (unsigned int i = 0; i < count; i++) {
        uint64_t start = round_down(map[i].address, PAGE_SIZE);
        uint64_t end = round_up(map[i].address + map[i].size, PAGE_SIZE);
        bool is_memory = map[i].type == MEMORY_ACPI || map[i].type == MEMORY_NVS ||
                         (map[i].type == MEMORY_RESERVED && end <= boot_memory_end() + (16U << 20));
        if (is_memory && end - start <= (64U << 20)) {
            map_read_only(start, end);
        }
    }
}

static void map_image(void)
{
    struct part {
        const char *start;
        const char *end;
        uint64_t flags;
    };
    const struct part parts[] = {
        {image_start, image_text_end, CODE},
        {image_text_end, image_rodata_end, READ_ONLY},
        {image_rodata_end, image_end, DATA},
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++) {
        uint64_t start = (uint64_t)parts[i].start;
        paging_map(start, start - IMAGE_BASE, (uint64_t)(parts[i].end - parts[i].start),
                   parts[i].flags, false);
    }
}

void paging_init(void)
{
    new_l4 = direct(boot_memory_alloc(PAGE_SIZE, PAGE_SIZE));
    boot_memory_visit_ram(map_ram);
    map_firmware();
    map_image();
    /* Copies of these L4 entries will be in every guest's L4: the L3 tables behind all of them are
     * made now and never change place. */
    for (unsigned int slot = L4_HYPERVISOR_FIRST; slot <= L4_HYPERVISOR_LAST; slot++) {
        (void)table_below(&new_l4[slot], slot == L4_M2P_SLOT ? PTE_USER : 0);
    }
    idle_l4 = new_l4;
    cpu_write_cr3(paging_idle_base());
}

mfn_t paging_root(void)
{
    return mfn_make(paging_idle_base() >> PAGE_SHIFT);
}

uint64_t paging_idle_base(void)
{
    return (uint64_t)idle_l4 - DIRECT_MAP_BASE;
}

pte_t paging_l4_entry(unsigned int slot)
{
    return idle_l4[slot];
}

volatile void *mmio_map(uint64_t physical, size_t size)
{
    static uint64_t next = MMIO_BASE;
    uint64_t offset = physical & PAGE_MASK;
    uint64_t address = next;
    uint64_t length = round_up(offset + size, PAGE_SIZE);
    paging_map(address, physical - offset, length, DATA | PTE_PCD | PTE_PWT, false);
    next += length + PAGE_SIZE; /* a hole, so that running over the end faults */
    return (volatile void *)(address + offset);
}

/* ---- the tables as they are to stay -------------------------------------------------------- */

static uint64_t sealed_digest;

unsigned int paging_seal(void)
{
    is_sealed = true;
    sealed_digest = own_digest(paging_root());
    return own_count_wrong(paging_root());
}

uint64_t paging_sealed_digest(void)
{
    return sealed_digest;
}
