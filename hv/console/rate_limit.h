/* SPDX-License-Identifier: BSD-2-Clause */
/* At most so many messages a second, and a count of the others. Pure. */
#ifndef HV_CONSOLE_RATE_LIMIT_H
#define HV_CONSOLE_RATE_LIMIT_H

#include "lib/compiler.h"

#define RATE_LIMIT_MESSAGES  10
#define RATE_LIMIT_WINDOW_NS UINT64_C(1000000000)

/* All zero to begin with. */
struct rate_limit {
    uint64_t window_start_ns;
    uint32_t count;      /* messages let through in this window */
    uint32_t suppressed; /* messages refused since the last one that was let through */
};

/*
 * May a message be printed at `now_ns`? If so, `*suppressed` is how many were refused before it
 * and not yet reported; else it is 0.
 */
static inline bool rate_limit_allow(struct rate_limit *limit, uint64_t now_ns, uint32_t *suppressed)
{
    *suppressed = 0;
    if (now_ns - limit->window_start_ns >= RATE_LIMIT_WINDOW_NS) {
        limit->window_start_ns = now_ns;
        limit->count = 0;
    }
    if (limit->count >= RATE_LIMIT_MESSAGES) {
        limit->suppressed++;
        return false;
    }
    limit->count++;
    *suppressed = limit->suppressed;
    limit->suppressed = 0;
    return true;
}

#endif
