/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations from their choice to the comparison with the model. */
#ifndef TESTS_FUZZ_MMU_EXECUTE_H
#define TESTS_FUZZ_MMU_EXECUTE_H

/* One operation, interrupted as the input chooses. At depth 0, others may come between its
 * executions, and the model does it too; those others are at depth 1. */
void run_operation(unsigned int depth);

/* Whatever a vCPU has not finished, it finishes, and a dead domain is made anew if it can be: so
 * that the model can follow again. */
void settle(void);

#endif
