/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel's ELF file, understood and checked: where its bytes go and how it wants to start. */
#ifndef BUILDER_KERNEL_IMAGE_H
#define BUILDER_KERNEL_IMAGE_H

#include "builder/request.h"
#include "builder/status.h"
#include "lib/elf.h"

/* More PT_LOAD segments than any kernel has, and few enough to compare each with each. */
#define KERNEL_SEGMENTS_MAX 32

/*
 * `start` and `end` are offsets from virt_base, and so byte addresses in the domain's own memory:
 * PFN n is mapped at virt_base + n * 4096. (Some segments have a vaddr of 0: only p_paddr counts.)
 */
struct kernel_image {
    struct elf elf;
    uint64_t virt_base;
    uint64_t paddr_offset;
    uint64_t start;
    uint64_t end;
    uint64_t entry; /* virtual address */
    bool has_hypercall_page;
    uint64_t hypercall_page; /* virtual address */
    bool has_init_p2m;
    uint64_t init_p2m;  /* virtual address */
    bool initrd_by_pfn; /* the initrd need not be mapped */
};

/* Read and check the kernel of `request`. */
NODISCARD enum build_status kernel_image_read(const struct build_request *request,
                                              struct kernel_image *image,
                                              struct build_detail *detail);

/* Program header `index` as a segment of the image. False: it loads nothing. */
NODISCARD bool kernel_image_segment(const struct kernel_image *image, uint32_t index,
                                    struct elf_segment *segment);

/* Where a segment of the image begins, as an offset from virt_base. */
static inline uint64_t kernel_segment_start(const struct kernel_image *image,
                                            const struct elf_segment *segment)
{
    return segment->physical_address - image->paddr_offset;
}

#endif
