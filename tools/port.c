/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lib and builder need around them, in a program of the host that makes the builder's checks
 * but builds nothing: there is no target that these functions could be called for.
 */
#include <stdio.h>
#include <stdlib.h>

#include "builder/port.h"
#include "lib/check.h"

void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "pinnace: %s:%d: check failed: %s\n", file, line, condition);
    abort();
}

static NORETURN void refuse_to_build(void)
{
    check_failed(__FILE__, __LINE__, "no domain is built here");
}

mfn_t build_port_mfn(struct build_target *target, pfn_t pfn)
{
    (void)target;
    (void)pfn;
    refuse_to_build();
}

void *build_port_map(struct build_target *target, pfn_t pfn)
{
    (void)target;
    (void)pfn;
    refuse_to_build();
}

void build_port_unmap(struct build_target *target, void *page)
{
    (void)target;
    (void)page;
    refuse_to_build();
}
