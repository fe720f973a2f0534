/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/cpu/extable.h"

extern const struct extable_entry extable_start[];
extern const struct extable_entry extable_end[];

static uint64_t resolve(const int32_t *distance)
{
    return (uint64_t)distance + (uint64_t)(int64_t)*distance;
}

uint64_t extable_find(uint64_t rip)
{
    for (const struct extable_entry *entry = extable_start; entry < extable_end; entry++) {
        if (resolve(&entry->from) == rip) {
            return resolve(&entry->to);
        }
    }
    return 0;
}
