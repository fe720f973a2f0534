/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/build_target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "builder/hypercall_page.h"
#include "tools/control/domain.h"
#include "tools/control/memory.h"

/* Pages in a window: the builder goes through memory in long runs, and a call for each page would
 * be most of the work; for a small domain a large window would be. */
#define WINDOW_PAGES UINT64_C(64)

static uint64_t window_count(const struct build_target *target)
{
    return (target->page_count + WINDOW_PAGES - 1) / WINDOW_PAGES;
}

/* How many pages window `index` has: the last one may be short. */
static uint64_t window_size(const struct build_target *target, uint64_t index)
{
    return min_u64(WINDOW_PAGES, target->page_count - index * WINDOW_PAGES);
}

bool build_target_init(struct build_target *target, struct control *control, uint32_t domain,
                       uint64_t page_count)
{
    *target = (struct build_target){
        .control = control,
        .domain = domain,
        .page_count = page_count,
        .mfns = calloc(page_count, sizeof(*target->mfns)),
    };
    target->windows = calloc(window_count(target), sizeof(*target->windows));
    if (target->mfns == NULL || target->windows == NULL) {
        build_target_free(target);
        return false;
    }
    return true;
}

static void unmap_all(struct build_target *target)
{
    for (uint64_t i = 0; target->windows != NULL && i < window_count(target); i++) {
        if (target->windows[i] != NULL) {
            control_unmap(target->control, target->windows[i], window_size(target, i));
            target->windows[i] = NULL;
        }
    }
}

void build_target_free(struct build_target *target)
{
    unmap_all(target);
    free(target->windows);
    free(target->mfns);
    *target = (struct build_target){0};
}

bool build_port_allocate(struct build_target *target, pfn_t first, uint64_t count)
{
    target->error = memory_populate(target->control, target->domain, first.value, count,
                                    &target->mfns[first.value]);
    if (target->error != 0) {
        return false;
    }
    target->allocated = first.value + count;
    return true;
}

mfn_t build_port_mfn(struct build_target *target, pfn_t pfn)
{
    return pfn.value < target->allocated ? mfn_make(target->mfns[pfn.value]) : MFN_INVALID;
}

void *build_port_map(struct build_target *target, pfn_t pfn)
{
    uint64_t index = pfn.value / WINDOW_PAGES;
    uint64_t first = index * WINDOW_PAGES;
    if (pfn.value >= target->allocated) {
        return NULL;
    }
    if (target->windows[index] == NULL) {
        target->windows[index] =
            control_map(target->control, target->domain, PROT_READ | PROT_WRITE,
                        &target->mfns[first], window_size(target, index));
    }
    if (target->windows[index] == NULL) {
        target->error = -errno;
        return NULL;
    }
    return target->windows[index] + (pfn.value - first) * PAGE_SIZE;
}

void build_port_unmap(struct build_target *target, void *page)
{
    (void)target; /* the window stays for the next page */
    (void)page;
}

int build_port_pin_l4(struct build_target *target, mfn_t l4)
{
    unmap_all(target);
    target->error = memory_pin_l4(target->control, target->domain, l4.value);
    return target->error;
}

bool build_port_hypercall_page(struct build_target *target, mfn_t frame)
{
    xen_pfn_t mfn = frame.value;
    void *page = control_map(target->control, target->domain, PROT_READ | PROT_WRITE, &mfn, 1);
    if (page == NULL) {
        target->error = -errno;
        return false;
    }
    hypercall_page_fill(page);
    control_unmap(target->control, page, 1);
    return true;
}

int build_port_set_vcpu(struct build_target *target, const struct vcpu_guest_context *context)
{
    target->error = domain_set_vcpu(target->control, target->domain, context);
    return target->error;
}
