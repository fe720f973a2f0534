/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CHECK(x) stays in every build: if x is false, going on would be unsafe. ASSERT(x) states what a
 * caller owes and is compiled into debug builds and into all tests. A guest must not be able to
 * make either one fail. check_failed() is defined by the environment: the hypervisor stops the
 * machine, a host program aborts.
 */
#ifndef LIB_CHECK_H
#define LIB_CHECK_H

#include "lib/compiler.h"

NORETURN void check_failed(const char *file, int line, const char *condition);

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (UNLIKELY(!(x))) {                                                                      \
            check_failed(__FILE__, __LINE__, #x);                                                  \
        }                                                                                          \
    } while (0)

/* Every case has been handled before this point. */
#define UNREACHABLE(why) check_failed(__FILE__, __LINE__, why)

#ifdef PINNACE_DEBUG
#define ASSERT(x) CHECK(x)
#else
#define ASSERT(x) ((void)sizeof(x))
#endif

#endif
