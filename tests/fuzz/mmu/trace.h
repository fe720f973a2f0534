/* SPDX-License-Identifier: BSD-2-Clause */
/* What an input does, on standard output if FUZZ_TRACE is in the environment. */
#ifndef TESTS_FUZZ_MMU_TRACE_H
#define TESTS_FUZZ_MMU_TRACE_H

void trace_start(void);
__attribute__((format(printf, 1, 2))) void trace(const char *format, ...);

#endif
