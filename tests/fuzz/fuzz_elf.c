/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel's ELF file, as far as the builder looks before it touches memory: headers, notes,
 * segments, and the layout they ask for. The first bytes of the input choose what else was
 * requested. What is accepted must keep the promises of layout.h.
 */
#include <stdlib.h>
#include <string.h>

#include "builder/build.h"
#include "builder/kernel_notes.h"

#define HEADER_SIZE 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool is_inside(struct page_range range, uint64_t end)
{
    return range.first.value <= end && range.count <= end - range.first.value;
}

static void check_layout(const struct build_layout *layout)
{
    const struct page_range ranges[] = {
        layout->kernel, layout->initrd,  layout->p2m_list, layout->p2m_tables, layout->start_info,
        layout->store,  layout->console, layout->tables,   layout->stack,
    };
    require(layout->used_pages <= layout->page_count);
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        require(is_inside(ranges[i], layout->page_count));
        for (size_t j = 0; j < i; j++) {
            require(ranges[i].count == 0 || ranges[j].count == 0 ||
                    page_range_end(ranges[i]).value <= ranges[j].first.value ||
                    page_range_end(ranges[j]).value <= ranges[i].first.value);
        }
    }
}

/* Every byte of the segments is in the file, as the loader takes for granted. */
static void check_segments(const struct kernel_image *image)
{
    for (uint32_t i = 0; i < image->elf.segment_count; i++) {
        struct elf_segment segment;
        struct elf_bytes bytes;
        if (kernel_image_segment(image, i, &segment)) {
            require(elf_slice(&image->elf, segment.offset, segment.file_size, &bytes));
            require(kernel_segment_start(image, &segment) >= image->start);
            require(kernel_segment_start(image, &segment) + segment.memory_size <= image->end);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEADER_SIZE) {
        return 0;
    }
    uint32_t memory;
    memcpy(&memory, data, sizeof(memory));
    const struct build_request request = {
        .kernel = data + HEADER_SIZE,
        .kernel_size = size - HEADER_SIZE,
        .initrd = data,
        .initrd_size = (size_t)data[4] << (data[5] % 32),
        .command_line = "console=hvc0",
        .page_count = memory % (1U << 20),
        .start_flags = (data[6] & 1) != 0 ? SIF_PRIVILEGED | SIF_INITDOMAIN : 0,
        .has_rings = (data[6] & 2) != 0,
    };
    struct kernel_image image;
    struct build_layout layout;
    struct build_detail detail = {0};
    enum build_status status = kernel_image_read(&request, &image, &detail);
    if (status == BUILD_OK) {
        check_segments(&image);
        status = layout_compute(&image, &request, &layout, &detail);
    }
    if (status == BUILD_OK) {
        check_layout(&layout);
    }
    require(build_status_text(status) != NULL && build_status_numbers(status) <= 2);
    return 0;
}
