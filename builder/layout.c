/* SPDX-License-Identifier: BSD-2-Clause */
#include "builder/layout.h"

#include "lib/string.h"

#define P2M_ENTRY_SIZE 8

/* As many frames as the machine-to-physical table has entries for. More is nonsense, and less
 * keeps every sum below far from overflowing. */
#define PAGE_COUNT_MAX MACH2PHYS_NR_ENTRIES

/* The mapping ends on such a boundary, and has this much room behind the boot stack: the contract
 * in <xen/xen.h>, which kernels use before they know of any other memory. */
#define MAPPING_ALIGNMENT (UINT64_C(4) << 20)
#define MAPPING_PADDING   (UINT64_C(512) << 10)

#define LOWER_HALF_END (UINT64_C(1) << 47)

#define L4_SLOT_SHIFT 39

static struct page_range range_take(uint64_t *next, uint64_t count)
{
    struct page_range range = {.first = pfn_make(*next), .count = count};
    *next += count;
    return range;
}

static enum build_status request_check(const struct build_request *request,
                                       struct build_detail *detail)
{
    const size_t video_max = PAGE_SIZE - sizeof(struct start_info);
    if (request->command_line != NULL &&
        strnlen(request->command_line, MAX_GUEST_CMDLINE) >= MAX_GUEST_CMDLINE) {
        return build_refuse(detail, BUILD_COMMAND_LINE_TOO_LONG, MAX_GUEST_CMDLINE,
                            MAX_GUEST_CMDLINE - 1);
    }
    if (request->video != NULL && request->has_rings) {
        return build_refuse(detail, BUILD_VIDEO_WITH_RINGS, 0, 0);
    }
    if (request->video != NULL && request->video_size > video_max) {
        return build_refuse(detail, BUILD_VIDEO_TOO_LARGE, request->video_size, video_max);
    }
    return BUILD_OK;
}

/* From here on no part is larger than any domain, and sums cannot overflow. */
static enum build_status sizes_check(const struct kernel_image *image,
                                     const struct build_request *request,
                                     struct build_detail *detail)
{
    uint64_t given = request->page_count;
    uint64_t kernel_pages = pages_of(image->end);
    uint64_t initrd_pages = pages_of(request->initrd_size);
    if (given > PAGE_COUNT_MAX) {
        return build_refuse(detail, BUILD_TOO_MANY_PAGES, given, PAGE_COUNT_MAX);
    }
    if (initrd_pages > given) {
        return build_refuse(detail, BUILD_INITRD_TOO_LARGE, initrd_pages, given);
    }
    if (kernel_pages > PAGE_COUNT_MAX || given == 0) {
        return build_refuse(detail, BUILD_TOO_LITTLE_MEMORY, kernel_pages, given);
    }
    return BUILD_OK;
}

enum area_verdict { AREA_FINE, AREA_NOT_CANONICAL, AREA_HITS_HYPERVISOR };

/* May a guest have [address, address + size) mapped? */
static enum area_verdict area_check(uint64_t address, uint64_t size)
{
    uint64_t last = address + size - 1;
    if (last < address) {
        return AREA_NOT_CANONICAL;
    }
    if (last < LOWER_HALF_END || address >= HYPERVISOR_VIRT_END) {
        return AREA_FINE;
    }
    /* Not wholly in one of the guest's two parts: it touches the hypervisor's, or the gap of
     * addresses that do not exist. */
    return last >= HYPERVISOR_VIRT_START ? AREA_HITS_HYPERVISOR : AREA_NOT_CANONICAL;
}

static enum build_status mapping_check(const struct build_layout *layout,
                                       struct build_detail *detail)
{
    uint64_t size = layout->mapped_pages << PAGE_SHIFT;
    switch (area_check(layout->virt_base, size)) {
    case AREA_NOT_CANONICAL:
        return build_refuse(detail, BUILD_MAPPING_NOT_CANONICAL, layout->virt_base, size);
    case AREA_HITS_HYPERVISOR:
        return build_refuse(detail, BUILD_MAPPING_HITS_HYPERVISOR, layout->virt_base, size);
    case AREA_FINE:
        break;
    }
    return BUILD_OK;
}

/* Kernels take the list over by copying its L4 entry, so no other mapping may be under it. */
static bool areas_share_slot(uint64_t address, uint64_t size, uint64_t other, uint64_t other_size)
{
    return address >> L4_SLOT_SHIFT <= (other + other_size - 1) >> L4_SLOT_SHIFT &&
           other >> L4_SLOT_SHIFT <= (address + size - 1) >> L4_SLOT_SHIFT;
}

static enum build_status p2m_check(const struct build_layout *layout, struct build_detail *detail)
{
    uint64_t size = layout->p2m_list.count << PAGE_SHIFT;
    switch (area_check(layout->p2m_address, size)) {
    case AREA_NOT_CANONICAL:
        return build_refuse(detail, BUILD_P2M_NOT_CANONICAL, layout->p2m_address, size);
    case AREA_HITS_HYPERVISOR:
        return build_refuse(detail, BUILD_P2M_HITS_HYPERVISOR, layout->p2m_address, size);
    case AREA_FINE:
        break;
    }
    if (areas_share_slot(layout->p2m_address, size, layout->virt_base,
                         layout->mapped_pages << PAGE_SHIFT)) {
        return build_refuse(detail, BUILD_P2M_IN_MAPPING_SLOT, layout->p2m_address, size);
    }
    return BUILD_OK;
}

/* Pages from virt_base to the end of the mapping, if the boot stack ends at PFN `stack_end`. */
static uint64_t mapping_pages(uint64_t virt_base, uint64_t stack_end)
{
    /* Of virt_base only what is below the boundary matters; leaving the rest out, nothing wraps. */
    uint64_t start = virt_base & (MAPPING_ALIGNMENT - 1);
    uint64_t end = start + (stack_end << PAGE_SHIFT) + MAPPING_PADDING;
    return (round_up(end, MAPPING_ALIGNMENT) - start) >> PAGE_SHIFT;
}

/*
 * The tables map themselves: more tables make a longer mapping, which may need more tables. Start
 * from one and ask again until the answer is what was assumed. Answers only grow, by one for each
 * 512 pages at most, so they settle after a few rounds on the least that is enough.
 */
static enum build_status mapping_settle(struct build_layout *layout, uint64_t first_table,
                                        struct build_detail *detail)
{
    uint64_t needed = 1;
    uint64_t assumed;
    do {
        assumed = needed;
        layout->mapped_pages = mapping_pages(layout->virt_base, first_table + assumed + 1);
        enum build_status status = mapping_check(layout, detail);
        if (status != BUILD_OK) {
            return status;
        }
        layout->mapping = table_tree_make(layout->virt_base, layout->mapped_pages);
        needed = 1 + table_tree_table_count(&layout->mapping);
    } while (needed != assumed);

    uint64_t next = first_table;
    layout->tables = range_take(&next, needed);
    layout->stack = range_take(&next, 1);
    /* Behind the L4, the lower levels. */
    table_tree_place(&layout->mapping, pfn_make(0), pfn_add(layout->tables.first, 1));
    return BUILD_OK;
}

/* Everything inside the mapping, in the order of the contract. */
static enum build_status layout_place_mapped(struct build_layout *layout,
                                             const struct kernel_image *image,
                                             const struct build_request *request,
                                             struct build_detail *detail)
{
    uint64_t first = image->start >> PAGE_SHIFT;
    uint64_t next = pages_of(image->end);
    layout->kernel = (struct page_range){.first = pfn_make(first), .count = next - first};
    if (layout->initrd_mapped) {
        layout->initrd = range_take(&next, pages_of(request->initrd_size));
    }
    if (!layout->p2m_apart) {
        layout->p2m_list = range_take(&next, pages_of(layout->page_count * P2M_ENTRY_SIZE));
        layout->p2m_address = layout_address(layout, layout->p2m_list.first);
    }
    layout->start_info = range_take(&next, 1);
    if (request->has_rings) {
        layout->store = range_take(&next, 1);
        layout->console = range_take(&next, 1);
    }
    return mapping_settle(layout, next, detail);
}

/* Everything behind the mapping. */
static enum build_status layout_place_unmapped(struct build_layout *layout,
                                               const struct kernel_image *image,
                                               const struct build_request *request,
                                               struct build_detail *detail)
{
    uint64_t next = layout->mapped_pages;
    if (!layout->initrd_mapped) {
        layout->initrd = range_take(&next, pages_of(request->initrd_size));
    }
    if (layout->p2m_apart) {
        layout->p2m_address = image->init_p2m;
        layout->p2m_list = range_take(&next, pages_of(layout->page_count * P2M_ENTRY_SIZE));
        enum build_status status = p2m_check(layout, detail);
        if (status != BUILD_OK) {
            return status;
        }
        layout->p2m = table_tree_make(layout->p2m_address, layout->p2m_list.count);
        layout->p2m_tables = range_take(&next, table_tree_table_count(&layout->p2m));
        table_tree_place(&layout->p2m, layout->p2m_list.first, layout->p2m_tables.first);
    }
    layout->used_pages = next;
    if (layout->used_pages > layout->page_count) {
        return build_refuse(detail, BUILD_TOO_LITTLE_MEMORY, layout->used_pages,
                            layout->page_count);
    }
    return BUILD_OK;
}

enum build_status layout_compute(const struct kernel_image *image,
                                 const struct build_request *request, struct build_layout *layout,
                                 struct build_detail *detail)
{
    *layout = (struct build_layout){
        .virt_base = image->virt_base,
        .page_count = request->page_count,
        .initrd_mapped = request->initrd_size > 0 && !image->initrd_by_pfn,
        .p2m_apart = image->has_init_p2m,
    };
    enum build_status status = request_check(request, detail);
    if (status == BUILD_OK) {
        status = sizes_check(image, request, detail);
    }
    if (status == BUILD_OK) {
        status = layout_place_mapped(layout, image, request, detail);
    }
    if (status == BUILD_OK) {
        status = layout_place_unmapped(layout, image, request, detail);
    }
    return status;
}
