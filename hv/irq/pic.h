/* SPDX-License-Identifier: BSD-2-Clause */
/* The pair of 8259 interrupt controllers, which we only silence (8259A datasheet, ICW1 to ICW4). */
#ifndef HV_IRQ_PIC_H
#define HV_IRQ_PIC_H

/*
 * Move both controllers' vectors away from the exceptions, to VECTOR_PIC_BASE, and mask all inputs.
 * Call with interrupts disabled. A spurious IRQ 7 or 15 can still arrive; nothing need be done for
 * it, and no end-of-interrupt is due.
 */
void pic_init(void);

#endif
