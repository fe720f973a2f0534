/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where everything of a new domain goes. Pure computation from the kernel image and the request;
 * nothing is allocated or written here.
 *
 *   PFN                                            virtual address
 *   0              +------------------------+      virt_base
 *                  | (below the kernel)     |
 *   kernel         | kernel image           |
 *   initrd         | initrd, or see below   |
 *   p2m_list       | P2M list, or see below |
 *   start_info     | start_info             |
 *   store, console | rings, where wanted    |
 *   tables         | L4, L3, L2, L1 tables  |      read-only
 *   stack          | boot stack             |
 *                  | at least 512 KiB       |
 *   mapped_pages   +------------------------+      a 4 MiB boundary
 *   initrd         | initrd by PFN          |      not mapped
 *   p2m_list       | P2M list               |      p2m_address, in an L4 slot of its own
 *   p2m_tables     | its L3, L2, L1 tables  |      not mapped
 *   used_pages     +------------------------+
 *                  | free                   |      not mapped
 *   page_count     +------------------------+
 */
#ifndef BUILDER_LAYOUT_H
#define BUILDER_LAYOUT_H

#include "builder/kernel_image.h"
#include "builder/request.h"
#include "builder/status.h"
#include "builder/tables.h"

struct build_layout {
    uint64_t virt_base;
    uint64_t page_count;
    uint64_t mapped_pages;
    uint64_t used_pages;
    struct page_range kernel;
    struct page_range initrd;
    struct page_range p2m_list;
    struct page_range p2m_tables; /* none if the list is inside the mapping */
    struct page_range start_info;
    struct page_range store; /* none without rings */
    struct page_range console;
    struct page_range tables; /* of the mapping, the L4 first */
    struct page_range stack;
    bool initrd_mapped;
    bool p2m_apart; /* the list has its own L4 slot */
    uint64_t p2m_address;
    struct table_tree mapping;
    struct table_tree p2m; /* if p2m_apart */
};

/* Compute and check. On BUILD_OK no two ranges meet, all are below page_count, and both trees lie
 * in the guest's part of the address space. */
NODISCARD enum build_status layout_compute(const struct kernel_image *image,
                                           const struct build_request *request,
                                           struct build_layout *layout,
                                           struct build_detail *detail);

/* The virtual address of a page of the mapping. */
static inline uint64_t layout_address(const struct build_layout *layout, pfn_t pfn)
{
    return layout->virt_base + (pfn.value << PAGE_SHIFT);
}

#endif
