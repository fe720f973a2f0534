/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vectors of the exceptions that the hypervisor looks at (SDM volume 3, table 6-1) and of the
 * interrupts that are its own. Those from 0x20 to 0xDF go to devices, but for
 * 0x80, which guests raise themselves. A vector's upper four bits are its priority (SDM volume 3,
 * 11.8.3).
 */
#ifndef HV_IRQ_VECTORS_H
#define HV_IRQ_VECTORS_H

#define VECTOR_DB  1U
#define VECTOR_NMI 2U
#define VECTOR_BP  3U
#define VECTOR_OF  4U
#define VECTOR_UD  6U
#define VECTOR_NM  7U
#define VECTOR_DF  8U
#define VECTOR_GP  13U
#define VECTOR_PF  14U
#define VECTOR_MC  18U

#define VECTOR_DEVICE_FIRST 0x20
#define VECTOR_DEVICE_LAST  0xDF

/* Sixteen, for both 8259s: masked, but IRQ 7 and 15 can be spurious. */
#define VECTOR_PIC_BASE    0xE0
#define VECTOR_SERIAL      0xF0
#define VECTOR_TIMER       0xF1
#define VECTOR_LAPIC_ERROR 0xF2
#define VECTOR_SPURIOUS    0xFF /* low four bits set, as the oldest local APICs hard-wire them */

#endif
