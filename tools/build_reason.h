/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOOLS_BUILD_REASON_H
#define TOOLS_BUILD_REASON_H

#include "builder/status.h"
#include "tools/reason.h"

/* The builder's words for a refusal, with the numbers that belong behind them. */
void build_reason_set(struct reason *reason, enum build_status status,
                      const struct build_detail *detail);

#endif
