/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine holds, printed on the console. Everything is read without locks while other CPUs
 * may go on: the numbers need not add up to the last frame. The audit's do.
 */
#ifndef HV_DEBUG_REPORTS_H
#define HV_DEBUG_REPORTS_H

#include "lib/log_level.h"

/* RAM, free frames, the image and our own memory. */
void memory_print(enum log_level level);

/* A table of all frames: for each domain by what they are used as, then those that are no domain's.
 */
void frames_print(void);

/* Every domain: its state, its frames, its vCPUs; and how much of the CPU they leave idle. */
void domains_print(void);

/* Every open event channel of every domain. */
void events_print(void);

#endif
