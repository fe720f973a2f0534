/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/serial.h"

#include "hv/cpu/io.h"
#include "hv/cpu/msr.h"
#include "hv/debug/stretch.h"
#include "lib/check.h"

/* Registers, by offset from the port's base (PC16550D datasheet, table II). */
enum uart_register {
    UART_DATA = 0,    /* receive and transmit; the divisor's low byte while LCR_DLAB is set */
    UART_IER = 1,     /* interrupt enable; the divisor's high byte while LCR_DLAB is set */
    UART_IIR = 2,     /* read: interrupt identification */
    UART_FCR = 2,     /* write: FIFO control */
    UART_LCR = 3,     /* line control */
    UART_MCR = 4,     /* modem control */
    UART_LSR = 5,     /* line status */
    UART_SCRATCH = 7, /* keeps what is written to it */
};

#define IER_RECEIVE 0x01
#define IIR_FIFO    0xc0 /* both bits set: the FIFOs work (on the 16550, one of them means broken) */
#define FCR_ENABLE  0x01
#define FCR_CLEAR   0x06
#define FCR_LEVEL_8 0x80 /* interrupt at 8 of 16 bytes, or at fewer after a pause */
#define LCR_PARITY  0x08
#define LCR_EVEN    0x10
#define LCR_STICK   0x20
#define LCR_STOP_2  0x04
#define LCR_DLAB    0x80
#define MCR_READY   0x0b /* DTR, RTS, and OUT2, which on a PC connects the interrupt line */
#define LSR_DATA    0x01
#define LSR_ROOM    0x20 /* the transmitter's FIFO is empty */
#define LSR_IDLE    0x40 /* and the last byte is on its way */

#define BAUD_MAX  115200
#define FIFO_SIZE 16
/* Port reads, each about a microsecond on real hardware and less under emulation, where whoever
 * reads the console may be kept from it for seconds by its host. */
#define ROOM_WAIT 10000000

struct serial_port {
    uint16_t base;
    /* The transmitter: the console's lock. */
    bool stuck;          /* did not make room in time; from now on look once and give up */
    uint32_t room;       /* bytes the transmitter surely takes without being asked again */
    uint32_t fifo_depth; /* room once the status says that the FIFO is empty */
};

static struct serial_port ports[SERIAL_PORT_LIMIT];

static uint8_t uart_read(const struct serial_port *port, enum uart_register offset)
{
    return io_in8((uint16_t)(port->base + offset));
}

static void uart_write(const struct serial_port *port, enum uart_register offset, uint8_t value)
{
    io_out8((uint16_t)(port->base + offset), value);
}

/* ---- setting up ------------------------------------------------------------------------------ */

static uint8_t line_control(const struct serial_settings *settings)
{
    unsigned int control = settings->data_bits - 5U;
    control |= settings->stop_bits == 2 ? LCR_STOP_2 : 0;
    switch (settings->parity) {
    case 'o':
        control |= LCR_PARITY;
        break;
    case 'e':
        control |= LCR_PARITY | LCR_EVEN;
        break;
    case 'm':
        control |= LCR_PARITY | LCR_STICK;
        break;
    case 's':
        control |= LCR_PARITY | LCR_STICK | LCR_EVEN;
        break;
    default:
        break;
    }
    return (uint8_t)control;
}

/* An absent port reads as all ones. */
static bool uart_answers(const struct serial_port *port)
{
    uart_write(port, UART_SCRATCH, 0x5a);
    if (uart_read(port, UART_SCRATCH) != 0x5a) {
        return false;
    }
    uart_write(port, UART_SCRATCH, 0xa5);
    return uart_read(port, UART_SCRATCH) == 0xa5;
}

static uint16_t uart_divisor(const struct serial_port *port)
{
    return (uint16_t)(uart_read(port, UART_DATA) | (uart_read(port, UART_IER) << 8));
}

static void uart_set_line(const struct serial_port *port, const struct serial_settings *settings)
{
    uint8_t control = line_control(settings);
    uart_write(port, UART_LCR, LCR_DLAB | control);
    uint32_t baud = settings->baud;
    if (baud == 0 && uart_divisor(port) == 0) {
        baud = BAUD_MAX; /* the firmware left nothing that could work */
    }
    if (baud != 0) {
        uint32_t divisor = (BAUD_MAX + baud / 2) / baud;
        uart_write(port, UART_DATA, (uint8_t)divisor);
        uart_write(port, UART_IER, (uint8_t)(divisor >> 8));
    }
    uart_write(port, UART_LCR, control);
}

struct serial_port *serial_find(unsigned int number, const struct serial_settings *settings)
{
    ASSERT(settings->data_bits >= 5 && settings->data_bits <= 8);
    CHECK(number < SERIAL_PORT_LIMIT);
    struct serial_port *port = &ports[number];
    port->base = settings->io_base;
    if (!uart_answers(port)) {
        return NULL;
    }
    uart_set_line(port, settings);
    uart_write(port, UART_IER, 0);
    return port;
}

void serial_start(struct serial_port *port)
{
    uart_write(port, UART_FCR, FCR_ENABLE | FCR_CLEAR | FCR_LEVEL_8);
    uart_write(port, UART_MCR, MCR_READY);
    bool has_fifo = (uart_read(port, UART_IIR) & IIR_FIFO) == IIR_FIFO;
    port->fifo_depth = has_fifo ? FIFO_SIZE : 1;
    port->room = 0;
    port->stuck = false;
}

/* ---- output ---------------------------------------------------------------------------------- */

static bool poll_status(const struct serial_port *port, uint8_t bit, uint32_t tries)
{
    while (tries-- > 0) {
        if ((uart_read(port, UART_LSR) & bit) != 0) {
            return true;
        }
        cpu_pause();
    }
    return false;
}

static bool wait_for_room(struct serial_port *port)
{
    uint64_t paused = stretch_pause();
    port->stuck = !poll_status(port, LSR_ROOM, port->stuck ? 1 : ROOM_WAIT);
    stretch_go_on(paused);
    if (!port->stuck) {
        port->room = port->fifo_depth;
    }
    return !port->stuck;
}

void serial_write(struct serial_port *port, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (port->room > 0 || wait_for_room(port)) {
            port->room--;
            uart_write(port, UART_DATA, (uint8_t)bytes[i]);
        }
    }
}

void serial_finish(void)
{
    for (unsigned int i = 0; i < SERIAL_PORT_LIMIT; i++) {
        if (ports[i].fifo_depth > 0 && !ports[i].stuck) {
            (void)poll_status(&ports[i], LSR_IDLE, ROOM_WAIT); /* nobody is left to be told */
        }
    }
}

/* ---- input ----------------------------------------------------------------------------------- */

bool serial_take(const struct serial_port *port, char *byte)
{
    if ((uart_read(port, UART_LSR) & LSR_DATA) == 0) {
        return false;
    }
    *byte = (char)uart_read(port, UART_DATA);
    return true;
}

void serial_set_interrupt(const struct serial_port *port, bool on)
{
    uart_write(port, UART_IER, on ? IER_RECEIVE : 0);
}
