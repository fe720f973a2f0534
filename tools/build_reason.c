/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/build_reason.h"

#include <inttypes.h>

void build_reason_set(struct reason *reason, enum build_status status,
                      const struct build_detail *detail)
{
    reason_set(reason, "%s", build_status_text(status));
    unsigned numbers = build_status_numbers(status);
    if (numbers > 0) {
        reason_add(reason, ": 0x%" PRIx64, detail->value);
    }
    if (numbers > 1) {
        reason_add(reason, ", 0x%" PRIx64, detail->limit);
    }
}
