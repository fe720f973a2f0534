/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/irq/pic.h"

#include "hv/cpu/io.h"
#include "hv/irq/vectors.h"

enum pic_port {
    PIC_MASTER_COMMAND = 0x20,
    PIC_MASTER_DATA = 0x21,
    PIC_SLAVE_COMMAND = 0xa0,
    PIC_SLAVE_DATA = 0xa1,
};

#define ICW1_INIT      0x11 /* edge triggered, cascaded, ICW4 follows */
#define ICW3_ON_MASTER 0x04 /* the slave is on input 2 */
#define ICW3_ON_SLAVE  0x02 /* and knows that */
#define ICW4_8086      0x01
#define MASK_ALL       0xff

/* The initialization words need a moment each on old hardware. */
static void pic_write(uint16_t port, uint8_t value)
{
    io_out8(port, value);
    io_delay();
}

void pic_init(void)
{
    pic_write(PIC_MASTER_DATA, MASK_ALL);
    pic_write(PIC_SLAVE_DATA, MASK_ALL);

    pic_write(PIC_MASTER_COMMAND, ICW1_INIT);
    pic_write(PIC_MASTER_DATA, VECTOR_PIC_BASE);
    pic_write(PIC_MASTER_DATA, ICW3_ON_MASTER);
    pic_write(PIC_MASTER_DATA, ICW4_8086);

    pic_write(PIC_SLAVE_COMMAND, ICW1_INIT);
    pic_write(PIC_SLAVE_DATA, VECTOR_PIC_BASE + 8);
    pic_write(PIC_SLAVE_DATA, ICW3_ON_SLAVE);
    pic_write(PIC_SLAVE_DATA, ICW4_8086);

    /* Initialization has cleared the masks. */
    pic_write(PIC_MASTER_DATA, MASK_ALL);
    pic_write(PIC_SLAVE_DATA, MASK_ALL);
}
