/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying the kernel and the initrd into the domain's pages. */
#include "builder/contents.h"

#include "lib/string.h"

/* Copy bytes to `offset` in the domain's memory, page by page. */
static enum build_status bytes_load(struct build_target *target, uint64_t offset,
                                    struct elf_bytes bytes, struct build_detail *detail)
{
    while (bytes.size > 0) {
        pfn_t pfn = pfn_make(offset >> PAGE_SHIFT);
        uint64_t in_page = offset & PAGE_MASK;
        uint64_t size = min_u64(bytes.size, PAGE_SIZE - in_page);
        uint8_t *page = build_port_map(target, pfn);
        if (page == NULL) {
            return build_refuse(detail, BUILD_MAP_FAILED, pfn.value, 0);
        }
        memcpy(page + in_page, bytes.start, size);
        build_port_unmap(target, page);
        bytes.start += size;
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
        status = bytes_load(target, kernel_segment_start(image, &segment), contents, detail);
    }
    return status;
}

enum build_status initrd_load(struct build_target *target, const struct build_layout *layout,
                              const struct build_request *request, struct build_detail *detail)
{
    struct elf_bytes bytes = {.start = request->initrd, .size = request->initrd_size};
    return bytes_load(target, layout->initrd.first.value << PAGE_SHIFT, bytes, detail);
}
