/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/serial.h"

#include "hv/console/input.h"
#include "hv/console/input_switch.h"
#include "hv/cpu/io.h"
#include "hv/cpu/msr.h"
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

#define BAUD_MAX  115200
#define FIFO_SIZE 16
#define ROOM_WAIT 1000000 /* port reads, each about a microsecond on real hardware */

#define RING_SIZE 4096
_Static_assert((RING_SIZE & (RING_SIZE - 1)) == 0, "positions wrap by masking");

/* The transmitter: the console's lock. */
static struct {
    bool present;
    bool stuck; /* did not make room in time; from now on look once and give up */
    uint16_t base;
    uint32_t room;       /* bytes the transmitter surely takes without being asked again */
    uint32_t fifo_depth; /* room once the status says that the FIFO is empty */
} uart;

/*
 * The receiver. `lock` guards all of it and the UART's receive side, with interrupts off. Positions
 * count up for ever; their difference is what the ring holds.
 */
static struct {
    bool lock;
    bool interrupt_wanted; /* serial_enable_interrupt() was called */
    bool has_keys;         /* some came for the hypervisor; it has yet to be told */
    struct input_switch owner;
    uint32_t head; /* where the next byte goes */
    uint32_t tail; /* where the next byte is taken */
    char bytes[RING_SIZE];
} input;

static uint8_t uart_read(enum uart_register offset)
{
    return io_in8((uint16_t)(uart.base + offset));
}

static void uart_write(enum uart_register offset, uint8_t value)
{
    io_out8((uint16_t)(uart.base + offset), value);
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
static bool uart_answers(void)
{
    uart_write(UART_SCRATCH, 0x5a);
    if (uart_read(UART_SCRATCH) != 0x5a) {
        return false;
    }
    uart_write(UART_SCRATCH, 0xa5);
    return uart_read(UART_SCRATCH) == 0xa5;
}

static uint16_t uart_divisor(void)
{
    return (uint16_t)(uart_read(UART_DATA) | (uart_read(UART_IER) << 8));
}

static void uart_set_line(const struct serial_settings *settings)
{
    uint8_t control = line_control(settings);
    uart_write(UART_LCR, LCR_DLAB | control);
    uint32_t baud = settings->baud;
    if (baud == 0 && uart_divisor() == 0) {
        baud = BAUD_MAX; /* the firmware left nothing that could work */
    }
    if (baud != 0) {
        uint32_t divisor = (BAUD_MAX + baud / 2) / baud;
        uart_write(UART_DATA, (uint8_t)divisor);
        uart_write(UART_IER, (uint8_t)(divisor >> 8));
    }
    uart_write(UART_LCR, control);
}

static bool take_input(void);

bool serial_init(const struct serial_settings *settings)
{
    ASSERT(settings->data_bits >= 5 && settings->data_bits <= 8);
    uart.base = settings->io_base;
    if (!uart_answers()) {
        return false;
    }
    uart_set_line(settings);
    uart_write(UART_IER, 0);
    take_input(); /* what was typed ahead: switching the FIFOs on would clear it */
    uart_write(UART_FCR, FCR_ENABLE | FCR_CLEAR | FCR_LEVEL_8);
    uart_write(UART_MCR, MCR_READY);
    bool has_fifo = (uart_read(UART_IIR) & IIR_FIFO) == IIR_FIFO;
    uart.fifo_depth = has_fifo ? FIFO_SIZE : 1;
    uart.room = 0;
    uart.stuck = false;
    uart.present = true;
    return true;
}

/* ---- output ---------------------------------------------------------------------------------- */

static bool wait_for_room(void)
{
    uint32_t tries = uart.stuck ? 1 : ROOM_WAIT;
    while (tries-- > 0) {
        if ((uart_read(UART_LSR) & LSR_ROOM) != 0) {
            uart.stuck = false;
            uart.room = uart.fifo_depth;
            return true;
        }
        cpu_pause();
    }
    uart.stuck = true;
    return false;
}

void serial_put(char byte)
{
    if (!uart.present || (uart.room == 0 && !wait_for_room())) {
        return;
    }
    uart.room--;
    uart_write(UART_DATA, (uint8_t)byte);
}

/* ---- input ----------------------------------------------------------------------------------- */

static uint64_t input_lock(void)
{
    uint64_t flags = irq_save();
    while (__atomic_test_and_set(&input.lock, __ATOMIC_ACQUIRE)) {
        cpu_pause();
    }
    return flags;
}

static void input_unlock(uint64_t flags)
{
    __atomic_clear(&input.lock, __ATOMIC_RELEASE);
    irq_restore(flags);
}

static bool ring_is_full(void)
{
    return input.head - input.tail == RING_SIZE;
}

/* What the hypervisor is told needs no room in the ring. */
static bool has_room(void)
{
    return input.owner.to_hypervisor || !ring_is_full();
}

static void take_byte(char byte)
{
    switch (input_switch_take(&input.owner, byte)) {
    case INPUT_TO_GUEST:
        input.bytes[input.head % RING_SIZE] = byte;
        input.head++;
        break;
    case INPUT_TO_HYPERVISOR:
        console_key_typed(byte);
        input.has_keys = true;
        break;
    case INPUT_SWITCHED:
        console_input_switched(input.owner.to_hypervisor);
        input.has_keys = true;
        break;
    }
}

/*
 * Move what the UART has to the ring while there is room, then let it interrupt only if there still
 * is: a full ring with the interrupt enabled would be an interrupt storm. Enabling it while data is
 * waiting raises the line at once, so an edge-triggered controller misses nothing. True: some came
 * for the guest.
 */
static bool take_input(void)
{
    uint32_t before = input.head;
    while (has_room() && (uart_read(UART_LSR) & LSR_DATA) != 0) {
        take_byte((char)uart_read(UART_DATA));
    }
    if (input.interrupt_wanted) {
        uart_write(UART_IER, has_room() ? IER_RECEIVE : 0);
    }
    return input.head != before;
}

static bool take_has_keys(void)
{
    bool has_keys = input.has_keys;
    input.has_keys = false;
    return has_keys;
}

void serial_poll(void)
{
    if (!uart.present) {
        return;
    }
    uint64_t flags = input_lock();
    bool arrived = take_input();
    bool has_keys = take_has_keys();
    input_unlock(flags);
    if (arrived) {
        console_input_arrived();
    }
    if (has_keys) {
        console_keys_arrived();
    }
}

void serial_interrupt(void)
{
    serial_poll();
}

void serial_enable_interrupt(void)
{
    if (!uart.present) {
        return;
    }
    uint64_t flags = input_lock();
    input.interrupt_wanted = true;
    input_unlock(flags);
    serial_poll();
}

size_t serial_read(char *buffer, size_t size)
{
    if (!uart.present) {
        return 0;
    }
    uint64_t flags = input_lock();
    bool was_full = ring_is_full();
    size_t count = 0;
    while (count < size && input.tail != input.head) {
        buffer[count++] = input.bytes[input.tail % RING_SIZE];
        input.tail++;
    }
    /* The UART has been waiting for this room; what comes in now is news as at any other time. */
    bool arrived = was_full && count > 0 && take_input();
    bool has_keys = take_has_keys();
    input_unlock(flags);
    if (arrived) {
        flags = irq_save();
        console_input_arrived();
        irq_restore(flags);
    }
    if (has_keys) {
        console_keys_arrived();
    }
    return count;
}
