/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/boot/unpacked.h"

#include <stdarg.h>

#include "core/port.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/unpack_report.h"

void unpack_refuse(struct unpack_problem *problem, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    format_text_v(problem->text, sizeof(problem->text), format, arguments);
    va_end(arguments);
}

/* A frame that the guest names, or NULL: it must be its own. */
static const void *frame_of(const struct domain *domain, uint64_t mfn)
{
    const struct frame *frame = frame_find(mfn_make(mfn));
    bool is_its_own =
        frame != NULL && frame_class(frame) == FRAME_GUEST && frame->owner == domain->id;
    return is_its_own ? port_map_frame(mfn_make(mfn)) : NULL;
}

/* The guest's words go to the console. */
static void copy_reason(struct unpack_problem *problem, const char *reason, size_t size)
{
    size_t length = min_u64(strnlen(reason, size), sizeof(problem->text) - 1);
    for (size_t i = 0; i < length; i++) {
        problem->text[i] = reason[i] >= ' ' && reason[i] <= '~' ? reason[i] : '?';
    }
    problem->text[length] = '\0';
}

static bool copy_file(const struct unpacked_file *file, const struct domain *domain,
                      const struct unpack_report *report)
{
    for (uint64_t done = 0; done < file->size; done += PAGE_SIZE) {
        uint64_t index = done >> PAGE_SHIFT;
        const uint64_t *list = frame_of(domain, report->lists[index / UNPACK_LIST_FRAME]);
        const void *page = list != NULL ? frame_of(domain, list[index % UNPACK_LIST_FRAME]) : NULL;
        if (page == NULL) {
            return false;
        }
        memcpy((char *)file->bytes + done, page, min_u64(PAGE_SIZE, file->size - done));
    }
    return true;
}

static unsigned int order_of(uint64_t pages)
{
    unsigned int order = 0;
    while (UINT64_C(1) << order < pages) {
        order++;
    }
    return order;
}

/* Memory in one piece, as the builder reads it, and no more pages than it takes. */
static bool take_pages(struct unpacked_file *file, uint64_t size)
{
    uint64_t pages = pages_of(size);
    unsigned int order = order_of(pages);
    mfn_t first = frame_take_hypervisor(order);
    if (mfn_equal(first, MFN_INVALID)) {
        return false;
    }
    for (uint64_t i = pages; i < UINT64_C(1) << order; i++) {
        frame_free_hypervisor(mfn_add(first, i), 0);
    }
    *file = (struct unpacked_file){.bytes = port_map_frame(first), .first = first, .size = size};
    return true;
}

bool unpacked_take(struct unpacked_file *file, const struct domain *domain, mfn_t report_mfn,
                   struct unpack_problem *problem)
{
    const struct unpack_report *report = frame_of(domain, report_mfn.value);
    if (report == NULL || report->magic != UNPACK_MAGIC) {
        unpack_refuse(problem, "the unpacker left no report");
        return false;
    }
    uint64_t size = report->size;
    if (size == 0) {
        copy_reason(problem, report->reason, sizeof(report->reason));
        return false;
    }
    if (size > UNPACK_SIZE_MAX) {
        unpack_refuse(problem, "the unpacker reports a file of 0x%lx bytes", size);
        return false;
    }
    if (!take_pages(file, size)) {
        unpack_refuse(problem, "there is no memory for the %lu MiB that it unpacks to", size >> 20);
        return false;
    }
    if (!copy_file(file, domain, report)) {
        unpack_refuse(problem, "the unpacker reports memory that is not its own");
        unpacked_free(file);
        return false;
    }
    return true;
}

void unpacked_free(struct unpacked_file *file)
{
    for (uint64_t i = 0; file->bytes != NULL && i < pages_of(file->size); i++) {
        frame_free_hypervisor(mfn_add(file->first, i), 0);
    }
    *file = (struct unpacked_file){0};
}
