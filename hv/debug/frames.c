/* SPDX-License-Identifier: BSD-2-Clause */
/* The reports on memory. */
#include "core/domain.h"
#include "hv/boot/image.h"
#include "hv/console/console.h"
#include "hv/debug/reports.h"
#include "hv/mem/boot_memory.h"

#define TYPE_COUNT  (FRAME_WRITABLE + 1U)
#define CLASS_COUNT (FRAME_HYPERVISOR + 1U)

void memory_print(enum log_level level)
{
    uint64_t image = (uint64_t)(image_end - image_start);
    uint64_t own = boot_memory_allocated() + image;
    uint64_t total = boot_memory_total();
    console_log(level, "memory: %lu MiB of RAM, %lu frames free", total >> 20, machine.free_count);
    console_log(level, "image: %lu KiB in the file, %lu KiB in memory",
                (uint64_t)(image_data_end - image_start) >> 10, image >> 10);
    console_log(level, "own memory: %lu KiB, %lu.%02lu %% of RAM", own >> 10, own * 100 / total,
                own * 10000 / total % 100);
}

/* A domain's frames. A frame's type stays while nothing uses it as that: then it counts as none. */
struct domain_count {
    uint64_t frames;
    uint64_t types[TYPE_COUNT];
    uint64_t pinned;
    uint64_t half;
};

static struct domain_count count_domain(uint16_t id)
{
    struct domain_count count = {0};
    for (uint64_t i = 0; i < machine.frame_count; i++) {
        const struct frame *frame = &machine.frames[i];
        if (frame_class(frame) != FRAME_GUEST || frame->owner != id) {
            continue;
        }
        enum frame_type type = frame->type_count > 0 ? frame_type(frame) : FRAME_NONE;
        count.frames++;
        count.types[type]++;
        count.pinned += frame_is_pinned(frame) ? 1 : 0;
        count.half += frame_is_half(frame) ? 1 : 0;
    }
    return count;
}

static void print_domain_row(uint16_t id)
{
    struct domain_count count = count_domain(id);
    const uint64_t *types = count.types;
    console_log(LOG_ALWAYS, "d%-5u %8lu %8lu %8lu %8lu %6lu %6lu %6lu %6lu %6lu %6lu", id,
                count.frames, types[FRAME_NONE], types[FRAME_WRITABLE], types[FRAME_L1],
                types[FRAME_L2], types[FRAME_L3], types[FRAME_L4], types[FRAME_DESCRIPTORS],
                count.pinned, count.half);
}

static void print_class_row(void)
{
    uint64_t count[CLASS_COUNT] = {0};
    for (uint64_t i = 0; i < machine.frame_count; i++) {
        count[frame_class(&machine.frames[i])]++;
    }
    console_log(LOG_ALWAYS,
                "frames of no domain: %lu free, %lu hypervisor, %lu I/O, %lu shared, %lu shared "
                "read-only",
                count[FRAME_FREE], count[FRAME_HYPERVISOR], count[FRAME_IO], count[FRAME_SHARED],
                count[FRAME_SHARED_READ_ONLY]);
}

void frames_print(void)
{
    console_log(LOG_ALWAYS, "%-6s %8s %8s %8s %8s %6s %6s %6s %6s %6s %6s", "owner", "frames",
                "none", "writable", "L1", "L2", "L3", "L4", "descr", "pinned", "half");
    for (uint16_t id = 0; id < DOMAIN_LIMIT; id++) {
        if (machine.domains[id] != NULL) {
            print_domain_row(id);
        }
    }
    print_class_row();
}
