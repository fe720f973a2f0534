/* SPDX-License-Identifier: BSD-2-Clause */
/* The battery-backed clock: MC146818 and descendants behind ports 0x70 and 0x71. */
#ifndef HV_TIME_RTC_H
#define HV_TIME_RTC_H

#include "lib/compiler.h"

/*
 * The date as seconds since 1970, taking the clock for UTC. `century_register` is the FADT's CMOS
 * index, 0 if there is none (years 70 to 99 are then 19xx). Leaves `*seconds` alone and answers
 * false if there is no clock or its date makes no sense. Interrupts off: the ports are a pair.
 */
bool rtc_read(uint8_t century_register, uint64_t *seconds);

#endif
