/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying the kernel and the initrd into the domain's pages. */
#include "builder/contents.h"

#include "lib/string.h"

/* Copy bytes to `offset` in the domain's memory, page by page; `start` NULL: zeros. */
static enum build_status bytes_load(struct build_target *target, uint64_t offset,
                                    struct elf_bytes bytes, struct build_detail *detail)
{
    bool zeros = bytes.start == NULL;
    while (bytes.size > 0) {
        pfn_t pfn = pfn_make(offset >> PAGE_SHIFT);
        uint64_t in_page = offset & PAGE_MASK;
        uint64_t size = min_u64(bytes.size, PAGE_SIZE - in_page);
        uint8_t *page = build_port_map(target, pfn);
        if (page == NULL) {
            return build_refuse(detail, BUILD_MAP_FAILED, pfn.value, 0);
        }
        if (zeros) {
            memset(page + in_page, 0, size);
        } else {
            memcpy(page + in_page, bytes.start, size);
            bytes.start += size;
        }
        build_port_unmap(target, page);
        bytes.size -= size;
        offset += size;
    }
    return BUILD_OK;
}

enum build_status kernel_load(struct build_target *target, const struct kernel_image *image,
                              struct build_detail *detail)
{
    enum build_status status = BUILD_OK;
    for (uint32_t i = 0; i < image->elf.segment_count && status == BUILD_OK; i++) {
        struct elf_segment segment;
        struct elf_bytes contents;
        if (!kernel_image_segment(image, i, &segment)) {
            continue;
        }
        if (!elf_slice(&image->elf, segment.offset, segment.file_size, &contents)) {
            return build_refuse(detail, BUILD_SEGMENT_OUTSIDE_FILE, i, image->elf.file.size);
        }
        uint64_t start = kernel_segment_start(image, &segment);
        status = bytes_load(target, start, contents, detail);
        if (status == BUILD_OK) {
            struct elf_bytes bss = {.size = segment.memory_size - segment.file_size};
            status = bytes_load(target, start + segment.file_size, bss, detail);
        }
    }
    return status;
}

enum build_status pages_clear(struct build_target *target, const struct build_layout *layout,
                              struct build_detail *detail)
{
    const struct page_range ranges[] = {layout->tables, layout->p2m_tables, layout->start_info,
                                        layout->store,  layout->console,    layout->stack};
    enum build_status status = BUILD_OK;
    for (size_t i = 0; i < ARRAY_SIZE(ranges) && status == BUILD_OK; i++) {
        struct elf_bytes zeros = {.size = ranges[i].count * PAGE_SIZE};
        status = bytes_load(target, ranges[i].first.value << PAGE_SHIFT, zeros, detail);
    }
    return status;
}

enum build_status initrd_load(struct build_target *target, const struct build_layout *layout,
                              const struct build_request *request, struct build_detail *detail)
{
    struct elf_bytes bytes = {.start = request->initrd, .size = request->initrd_size};
    return bytes_load(target, layout->initrd.first.value << PAGE_SHIFT, bytes, detail);
}
