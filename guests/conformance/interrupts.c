/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device interrupts of the first domain: physdev_op's commands and event channels that are bound to
 * PIRQs. The device is the clock chip's periodic interrupt (ISA IRQ 8), which keeps its line raised
 * until its register C is read. A hypervisor that loses an interrupt hangs a driver; one that lets
 * a raised level-triggered line through before the EOI hangs itself.
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/test.h"

#define SERIAL_IRQ 4U
#define CLOCK_IRQ  8U
#define ABSENT_IRQ 0x7fffU

#define TRIGGER_EDGE  0
#define TRIGGER_LEVEL 1
#define ACTIVE_HIGH   0

#define CMOS_INDEX        0x70
#define CMOS_DATA         0x71
#define CLOCK_B           11
#define CLOCK_C           12
#define CLOCK_B_PERIODIC  0x40
#define MOMENT_TICKS      UINT64_C(100000000)  /* of the TSC: tens of milliseconds */
#define LONG_ENOUGH_TICKS UINT64_C(5000000000) /* seconds, for a machine with other work */

static int64_t gsi_map(uint32_t gsi, int *pirq)
{
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = (int)gsi, .pirq = (int)gsi};
    int64_t result = hypercall_physdev_op(PHYSDEVOP_map_pirq, &map);
    *pirq = map.pirq;
    return result;
}

static void clock_map(void)
{
    int pirq;
    test_needs_first_domain();
    EXPECT_RESULT(gsi_map(CLOCK_IRQ, &pirq), 0);
    EXPECT_EQUAL(pirq, CLOCK_IRQ);
}

static int64_t gsi_set_up(int gsi, uint8_t trigger)
{
    struct physdev_setup_gsi setup = {.gsi = gsi, .triggering = trigger, .polarity = ACTIVE_HIGH};
    return hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup);
}

static int64_t pirq_bind(uint32_t pirq, evtchn_port_t *port)
{
    struct evtchn_bind_pirq bind = {.pirq = pirq};
    int64_t result = hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind);
    *port = bind.port;
    return result;
}

static int64_t pirq_eoi(uint32_t pirq)
{
    struct physdev_eoi eoi = {.irq = pirq};
    return hypercall_physdev_op(PHYSDEVOP_eoi, &eoi);
}

static uint32_t pirq_flags(uint32_t pirq)
{
    struct physdev_irq_status_query query = {.irq = pirq};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_irq_status_query, &query), 0);
    return query.flags;
}

static void port_out(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static uint8_t port_in(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static uint8_t clock_read(uint8_t index)
{
    port_out(CMOS_INDEX, index);
    return port_in(CMOS_DATA);
}

static void clock_write(uint8_t index, uint8_t value)
{
    port_out(CMOS_INDEX, index);
    port_out(CMOS_DATA, value);
}

static void clock_start(void)
{
    struct physdev_set_iopl argument = {.iopl = 1};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_set_iopl, &argument), 0);
    (void)clock_read(CLOCK_C);
    clock_write(CLOCK_B, clock_read(CLOCK_B) | CLOCK_B_PERIODIC);
}

/* Afterwards its line is low. */
static void clock_stop(void)
{
    clock_write(CLOCK_B, clock_read(CLOCK_B) & (uint8_t)~CLOCK_B_PERIODIC);
    (void)clock_read(CLOCK_C);
}

static void upcalls_wait(uint64_t wanted, uint64_t ticks)
{
    uint64_t start = __builtin_ia32_rdtsc();
    while (event_upcalls() < wanted && __builtin_ia32_rdtsc() - start < ticks) {
        __asm__ volatile("pause" : : : "memory");
    }
}

/* This many upcalls come, and then no more. */
static void expect_upcalls(uint64_t count)
{
    upcalls_wait(count, LONG_ENOUGH_TICKS);
    EXPECT_EQUAL(event_upcalls(), count);
    upcalls_wait(count + 1, MOMENT_TICKS);
    EXPECT_EQUAL(event_upcalls(), count);
}

/* Bind the clock's interrupt and let upcalls through. */
static evtchn_port_t clock_listen(void)
{
    evtchn_port_t port;
    EXPECT_RESULT(pirq_bind(CLOCK_IRQ, &port), 0);
    event_port_unmask_bit(port);
    event_enable();
    return port;
}

TEST(line_is_mapped_to_the_pirq_asked_for)
{
    clock_map();
    clock_map();
}

TEST(mapping_of_what_is_not_a_line_is_refused)
{
    test_needs_first_domain();
    int pirq;
    EXPECT_RESULT(gsi_map(ABSENT_IRQ, &pirq), -XEN_EINVAL);
    EXPECT_RESULT(gsi_map(UINT32_MAX, &pirq), -XEN_EINVAL);
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = 77, .index = CLOCK_IRQ, .pirq = CLOCK_IRQ};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_EINVAL);
    map.type = MAP_PIRQ_TYPE_GSI;
    map.domid = 999;
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), -XEN_ESRCH);
}

TEST(line_is_set_up_once)
{
    clock_map();
    (void)gsi_set_up(CLOCK_IRQ, TRIGGER_EDGE);
    EXPECT_RESULT(gsi_set_up(CLOCK_IRQ, TRIGGER_EDGE), -XEN_EEXIST);
    EXPECT_RESULT(gsi_set_up(ABSENT_IRQ, TRIGGER_EDGE), -XEN_EINVAL);
    EXPECT_RESULT(gsi_set_up(-1, TRIGGER_EDGE), -XEN_EINVAL);
}

TEST(vector_of_a_line_can_be_asked_for)
{
    test_needs_first_domain();
    struct physdev_irq irq = {.irq = CLOCK_IRQ};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_alloc_irq_vector, &irq), 0);
}

TEST(absent_interrupts_have_no_state)
{
    test_needs_first_domain();
    struct physdev_irq_status_query query = {.irq = ABSENT_IRQ};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_irq_status_query, &query), -XEN_EINVAL);
    EXPECT_RESULT(pirq_eoi(ABSENT_IRQ), -XEN_EINVAL);
    EXPECT_RESULT(pirq_eoi(UINT32_MAX), -XEN_EINVAL);
}

TEST(io_apic_can_be_read)
{
    test_needs_first_domain();
    struct physdev_apic apic = {.apic_physbase = 0xfec00000, .reg = 1};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_apic_read, &apic), 0);
    EXPECT((apic.value & 0xff) >= 0x11);
    EXPECT(((apic.value >> 16) & 0xff) >= 15);
    apic.apic_physbase = 0x1000;
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_apic_read, &apic), -XEN_EINVAL);
}

TEST(pirq_is_bound_to_one_port)
{
    clock_map();
    evtchn_port_t port, second;
    EXPECT_RESULT(pirq_bind(CLOCK_IRQ, &port), 0);
    EXPECT_RESULT(pirq_bind(CLOCK_IRQ, &second), -XEN_EEXIST);
    struct evtchn_status status = {.dom = DOMID_SELF, .port = port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_status, &status), 0);
    EXPECT_EQUAL(status.status, EVTCHNSTAT_pirq);
    EXPECT_EQUAL(status.u.pirq, CLOCK_IRQ);
    struct evtchn_close close = {.port = port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
    EXPECT_RESULT(pirq_bind(CLOCK_IRQ, &port), 0);
}

TEST(absent_interrupts_cannot_be_bound)
{
    test_needs_first_domain();
    evtchn_port_t port;
    EXPECT_RESULT(pirq_bind(ABSENT_IRQ, &port), -XEN_EINVAL);
    EXPECT_RESULT(pirq_bind(UINT32_MAX, &port), -XEN_EINVAL);
}

/* The first serial port, on which both hypervisors have their console here. */
TEST(interrupt_of_the_hypervisor_cannot_be_bound)
{
    test_needs_first_domain();
    int pirq;
    evtchn_port_t port;
    (void)gsi_map(SERIAL_IRQ, &pirq);
    EXPECT(pirq_bind(SERIAL_IRQ, &port) < 0);
}

TEST(port_of_a_device_cannot_be_sent_to)
{
    clock_map();
    evtchn_port_t port = clock_listen();
    struct evtchn_send send = {.port = port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_send, &send), -XEN_EINVAL);
    EXPECT_EQUAL(event_upcalls(), 0);
}

/* QEMU makes an edge of each period, though the line is high already; real clocks wait for C. */
TEST(edge_triggered_interrupts_come_without_eoi)
{
    clock_map();
    (void)gsi_set_up(CLOCK_IRQ, TRIGGER_EDGE);
    evtchn_port_t port = clock_listen();
    clock_start();
    upcalls_wait(1, LONG_ENOUGH_TICKS);
    (void)clock_read(CLOCK_C);
    upcalls_wait(2, LONG_ENOUGH_TICKS);
    clock_stop();
    uint64_t upcalls = event_upcalls();
    EXPECT(upcalls >= 2);
    EXPECT_EQUAL(event_seen(), UINT64_C(1) << port);
    expect_upcalls(upcalls);
}

TEST(closed_port_gets_no_interrupts)
{
    clock_map();
    struct evtchn_close close = {.port = clock_listen()};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
    clock_start();
    upcalls_wait(1, MOMENT_TICKS);
    clock_stop();
    EXPECT_EQUAL(event_upcalls(), 0);
    EXPECT(!event_port_pending(close.port));
}

/* Last: some hypervisors let a line be set up only once. */
TEST(level_triggered_interrupt_comes_once_for_each_eoi)
{
    clock_map();
    if (gsi_set_up(CLOCK_IRQ, TRIGGER_LEVEL) != 0) {
        test_skip("the line cannot be made level-triggered");
    }
    EXPECT_EQUAL(pirq_flags(CLOCK_IRQ) & XENIRQSTAT_needs_eoi, XENIRQSTAT_needs_eoi);
    (void)clock_listen();
    clock_start();
    expect_upcalls(1);
    EXPECT_RESULT(pirq_eoi(CLOCK_IRQ), 0);
    expect_upcalls(2);
    clock_stop();
    EXPECT_RESULT(pirq_eoi(CLOCK_IRQ), 0);
    EXPECT_RESULT(pirq_eoi(CLOCK_IRQ), 0);
    expect_upcalls(2);
}
