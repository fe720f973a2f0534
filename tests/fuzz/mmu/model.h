/* SPDX-License-Identifier: BSD-2-Clause */
/* The reference model beside core, and whether it is what core is. */
#ifndef TESTS_FUZZ_MMU_MODEL_H
#define TESTS_FUZZ_MMU_MODEL_H

#include "tests/model/mirror.h"

extern struct reference model;

/* False after what the model was not told of, or what it cannot be compared in the middle of. */
bool model_follows(void);
void model_lose(void);

/* It becomes what core is; but it is lost if a vCPU or a domain's end is half-way. */
void model_catch_up(void);

#endif
