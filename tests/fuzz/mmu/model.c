/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/mmu/model.h"

struct reference model;
static bool follows;

bool model_follows(void)
{
    return follows;
}

void model_lose(void)
{
    follows = false;
}

void model_catch_up(void)
{
    follows = mirror_is_settled();
    if (follows) {
        mirror_adopt(&model);
    }
}
