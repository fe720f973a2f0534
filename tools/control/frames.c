/* SPDX-License-Identifier: BSD-2-Clause */
/* `pinnace frames`: what a domain's frames are used as. */
#include "tools/control/domain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/control/commands.h"
#include "tools/control/find.h"
#include "tools/control/frame_counts.h"
#include "tools/control/memory.h"
#include "tools/control/usage.h"
#include "tools/report.h"

/*
 * The interface has no list of a domain's frames, but it tells which frames are not the domain's:
 * so all frames of the machine are asked about.
 */
static int count_frames(struct control *control, uint32_t domain, struct frame_counts *counts)
{
    uint64_t last;
    int result = memory_get_last_mfn(control, &last);
    xen_pfn_t *batch = control_buffer(control, FRAME_TYPES_MAX * sizeof(*batch));
    if (batch == NULL) {
        return -ENOMEM;
    }
    for (uint64_t first = 0; result == 0 && first <= last; first += FRAME_TYPES_MAX) {
        uint64_t count = min_u64(FRAME_TYPES_MAX, last - first + 1);
        for (uint64_t i = 0; i < count; i++) {
            batch[i] = first + i;
        }
        result = domain_get_frame_types(control, domain, batch, count);
        for (uint64_t i = 0; result == 0 && i < count; i++) {
            frame_counts_add(counts, first + i, batch[i]);
        }
    }
    control_buffer_free(control, batch);
    return result;
}

static void print_counts(const struct frame_counts *counts)
{
    printf("type      frames    pinned\n");
    for (unsigned int level = 4; level >= 1; level--) {
        printf("L%u    %10" PRIu64 "%10" PRIu64 "\n", level, counts->tables[level],
               counts->pinned[level]);
    }
    printf("other %10" PRIu64 "\n", counts->other);
    printf("all   %10" PRIu64 "\n", frame_counts_sum(counts));
    for (unsigned int i = 0; i < counts->root_count; i++) {
        printf("pinned L4: 0x%" PRIx64 "\n", counts->roots[i]);
    }
    if (counts->pinned[4] > counts->root_count) {
        printf("and %" PRIu64 " more\n", counts->pinned[4] - counts->root_count);
    }
}

static bool show_frames(struct control *control, const char *what)
{
    static struct frame_counts counts;
    struct xs_handle *store = store_open();
    uint32_t domain;
    bool found = find_domain(control, store, what, &domain);
    xs_close(store);
    if (!found) {
        return false;
    }
    int result = count_frames(control, domain, &counts);
    if (result < 0) {
        report("frames %s: %s", what, strerror(-result));
        return false;
    }
    print_counts(&counts);
    return true;
}

enum outcome command_frames(int argc, char **argv)
{
    static const char help[] =
        "Usage: pinnace frames DOMAIN\n"
        "A domain's frames by what they are used as, and its pinned L4 tables.\n";
    enum outcome outcome;
    struct control control;
    if (!usage_check(argc, argv, 1, help, &outcome)) {
        return outcome;
    }
    if (!control_open(&control)) {
        return OUTCOME_FAILED;
    }
    outcome = show_frames(&control, argv[1]) ? OUTCOME_SUCCESS : OUTCOME_FAILED;
    control_close(&control);
    return outcome;
}
