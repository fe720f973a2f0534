/* SPDX-License-Identifier: BSD-2-Clause */
/* `pinnace frames`: what a domain's frames are used as. */
#include "tools/control/domain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/control/commands.h"
#include "tools/control/find.h"
#include "tools/control/frame_counts.h"
#include "tools/control/machine.h"
#include "tools/control/memory.h"
#include "tools/control/store.h"
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

/* ---- by owner ---- */

static void print_owner(struct xs_handle *store, uint32_t domain, const struct frame_counts *counts)
{
    char *name = store != NULL ? store_read(store, domain, "name") : NULL;
    printf("%-24.255s %5" PRIu32, name != NULL ? name : "(null)", domain);
    uint64_t pinned = 0;
    for (unsigned int level = 4; level >= 1; level--) {
        printf(" %8" PRIu64, counts->tables[level]);
        pinned += counts->pinned[level];
    }
    printf(" %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", counts->other, frame_counts_sum(counts),
           pinned);
    free(name);
}

/* One that goes meanwhile is left out. */
static int print_owners(struct control *control, struct xs_handle *store)
{
    struct xen_domctl_getdomaininfo *infos;
    int domains = machine_list_domains(control, &infos);
    int result = domains < 0 ? domains : 0;
    for (int i = 0; i < domains && result == 0; i++) {
        struct frame_counts counts = {0};
        result = count_frames(control, infos[i].domain, &counts);
        if (result == 0) {
            print_owner(store, infos[i].domain, &counts);
        } else if (result == -ESRCH) {
            result = 0;
        }
    }
    free(infos);
    return result;
}

static bool show_all_frames(struct control *control)
{
    struct xs_handle *store = store_open();
    printf("%-24s %5s %8s %8s %8s %8s %8s %8s %8s\n", "Owner", "ID", "L4", "L3", "L2", "L1",
           "other", "all", "pinned");
    int result = print_owners(control, store);
    xs_close(store);
    if (result < 0) {
        report("frames: %s", strerror(-result));
    }
    return result == 0;
}

/* ---- of one domain ---- */

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
        "Usage: pinnace frames [DOMAIN]\n"
        "A domain's frames by what they are used as, and its pinned L4 tables; without DOMAIN, the\n"
        "frames of all domains by owner and use.\n";
    enum outcome outcome;
    struct control control;
    if (!usage_check(argc, argv, argc == 1 ? 0 : 1, help, &outcome)) {
        return outcome;
    }
    if (!control_open(&control)) {
        return OUTCOME_FAILED;
    }
    bool done = argc == 1 ? show_all_frames(&control) : show_frames(&control, argv[1]);
    outcome = done ? OUTCOME_SUCCESS : OUTCOME_FAILED;
    control_close(&control);
    return outcome;
}
