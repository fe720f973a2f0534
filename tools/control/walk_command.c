/* SPDX-License-Identifier: BSD-2-Clause */
/* `pinnace walk`: how a domain's vCPU 0 reaches an address. */
#include "tools/control/domain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tools/control/commands.h"
#include "tools/control/find.h"
#include "tools/control/usage.h"
#include "tools/control/walk.h"
#include "tools/report.h"

struct foreign_tables {
    struct control *control;
    uint32_t domain;
    int error; /* why the last table could not be read: an errno */
};

/* Only for reading: a page table may not be mapped in any other way. */
static bool read_entry(void *context, mfn_t table, unsigned int index, pte_t *entry)
{
    struct foreign_tables *tables = context;
    xen_pfn_t mfn = table.value;
    const pte_t *entries = control_map(tables->control, tables->domain, PROT_READ, &mfn, 1);
    if (entries == NULL) {
        tables->error = errno;
        return false;
    }
    *entry = entries[index];
    control_unmap(tables->control, (void *)(uintptr_t)entries, 1);
    return true;
}

static bool print_walk(struct foreign_tables *tables, mfn_t l4, uint64_t address)
{
    struct walk_step steps[4];
    bool complete;
    unsigned int count = walk_address(l4, address, read_entry, tables, steps, &complete);
    for (unsigned int i = 0; i < count; i++) {
        char bits[WALK_BITS_SIZE];
        walk_name_bits(bits, steps[i].entry, steps[i].level);
        printf("L%u 0x%" PRIx64 "[%u] = 0x%016" PRIx64 ": %s\n", steps[i].level,
               steps[i].table.value, steps[i].index, steps[i].entry.raw,
               bits[0] != '\0' ? bits : "empty");
    }
    if (!complete) {
        report("the next table cannot be read, for it is not the domain's: %s",
               strerror(tables->error));
        return false;
    }
    uint64_t machine;
    if (walk_maps(&steps[count - 1], address, &machine)) {
        printf("0x%" PRIx64 " is machine address 0x%" PRIx64 "\n", address, machine);
    } else {
        printf("0x%" PRIx64 " is not mapped\n", address);
    }
    return true;
}

/* Which tables: the vCPU's for kernel mode, which in Linux show the user's half as well. */
static bool walk_domain(struct control *control, uint32_t domain, uint64_t address)
{
    static struct vcpu_guest_context context;
    int result = domain_get_vcpu(control, domain, 0, &context);
    if (result < 0) {
        report("the registers of domain %u cannot be read%s: %s", domain,
               domain == 0 ? " (a domain is not told its own)" : "", strerror(-result));
        return false;
    }
    struct foreign_tables tables = {.control = control, .domain = domain};
    return print_walk(&tables, mfn_make(context.ctrlreg[3] >> PAGE_SHIFT), address);
}

static bool parse_address(const char *text, uint64_t *address)
{
    char *end;
    errno = 0;
    *address = strtoull(text, &end, 0);
    bool is_number = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
    if (!is_number) {
        report("walk: %s is not an address, such as 0xffffffff81000000", text);
        return false;
    }
    uint64_t upper = *address >> 47;
    if (upper != 0 && upper != 0x1ffff) {
        report("walk: 0x%" PRIx64 " is not canonical: bits 63 to 47 are not the same", *address);
        return false;
    }
    return true;
}

enum outcome command_walk(int argc, char **argv)
{
    static const char help[] =
        "Usage: pinnace walk DOMAIN ADDRESS\n"
        "The page-table entries that map an address for a domain's vCPU 0 in kernel mode, from the\n"
        "L4 down, with the names of their bits.\n";
    enum outcome outcome;
    struct control control;
    uint32_t domain;
    uint64_t address;
    if (!usage_check(argc, argv, 2, help, &outcome)) {
        return outcome;
    }
    if (!parse_address(argv[2], &address) || !control_open(&control)) {
        return OUTCOME_FAILED;
    }
    struct xs_handle *store = store_open();
    bool done =
        find_domain(&control, store, argv[1], &domain) && walk_domain(&control, domain, address);
    xs_close(store);
    control_close(&control);
    return done ? OUTCOME_SUCCESS : OUTCOME_FAILED;
}
