/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments that point into guest memory: arrays, lists, structures and places for results of all
 * calls, near every border of the address space, with any count and in every form of continuation.
 * Core touches no byte outside what the arguments name, none at all of an array that is not wholly
 * the guest's, and writes only where results belong.
 */
#include "tests/fake/fake_machine.h"

#include <stdlib.h>
#include <string.h>

#include <xen/memory.h>

#include "core/port.h"
#include "core/pte_update.h"

#define FRAMES       64U
#define AREA_SIZE    (2 * PAGE_SIZE)
#define RANGE_LIMIT  512U
#define STEP_LIMIT   64U /* executions of one call: it may take longer with a huge count */
#define CONTINUES    (UINT64_C(1) << 31)
#define NO_ERROR_SET (-4096)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t input_left;
static struct vcpu *vcpu;

/* ---- decoding ------------------------------------------------------------------------------ */

static uint64_t take(unsigned int bytes)
{
    uint64_t value = 0;
    for (unsigned int i = 0; i < bytes && input_left > 0; i++, input_left--) {
        value |= (uint64_t)*input++ << (8 * i);
    }
    return value;
}

/* Memory at the borders: behind each one there is nothing. The last one cannot be written. */
static const uint64_t areas[] = {
    FAKE_ARGUMENTS,
    UINT64_C(0x0000800000000000) - AREA_SIZE,
    HYPERVISOR_VIRT_END,
    UINT64_MAX - AREA_SIZE + 1,
    UINT64_C(0x0000620000000000),
};

static uint64_t pick_address(void)
{
    static const uint64_t borders[] = {0,
                                       UINT64_C(0x0000800000000000),
                                       UINT64_C(0xffff800000000000),
                                       HYPERVISOR_VIRT_START + (UINT64_C(1) << 38),
                                       HYPERVISOR_VIRT_END,
                                       UINT64_MAX};
    unsigned int kind = (unsigned int)take(1);
    int64_t delta = (int8_t)take(1);
    if (kind < 100) {
        return areas[kind % ARRAY_SIZE(areas)] + (uint64_t)(delta & 127) * 8;
    }
    if (kind < 170) {
        return areas[kind % ARRAY_SIZE(areas)] + AREA_SIZE + (uint64_t)delta;
    }
    return kind < 240 ? borders[kind % ARRAY_SIZE(borders)] + (uint64_t)delta : take(8);
}

static uint64_t pick_count(void)
{
    unsigned int kind = (unsigned int)take(1);
    if (kind < 160) {
        return kind % 8;
    }
    return kind < 200 ? UINT64_C(1) << (kind % 64) : take(8);
}

/* ---- what may be touched ------------------------------------------------------------------- */

struct range {
    uint64_t first; /* the range may wrap: then it is refused before it is touched */
    unsigned __int128 size;
    bool writable;
};
static struct range ranges[RANGE_LIMIT];
static unsigned int range_count;

static void allow(uint64_t first, unsigned __int128 size, bool writable)
{
    for (unsigned int i = 0; i < range_count; i++) {
        if (ranges[i].first == first && ranges[i].size == size && ranges[i].writable == writable) {
            return;
        }
    }
    assert_true(range_count < RANGE_LIMIT);
    ranges[range_count++] = (struct range){first, size, writable};
}

/* A list may wrap: each element is looked at by itself. */
static void check_copy(uint64_t address, size_t size, bool write)
{
    if (size == 0) {
        return;
    }
    for (unsigned int i = 0; i < range_count; i++) {
        const struct range *range = &ranges[i];
        uint64_t offset = address - range->first;
        if (offset < range->size && size <= range->size - offset && (!write || range->writable)) {
            return;
        }
    }
    fail_msg("core %s %zu bytes at %#llx, which no argument names", write ? "writes" : "reads",
             size, (unsigned long long)address);
}

/* Every byte is the guest's: by counting them off, where core compares ends. */
static bool is_all_guest(uint64_t first, unsigned __int128 size)
{
    unsigned __int128 end = (unsigned __int128)first + size;
    unsigned __int128 low_end = UINT64_C(0x0000800000000000);
    unsigned __int128 top = (unsigned __int128)1 << 64;
    return size == 0 || end <= low_end || (first >= HYPERVISOR_VIRT_END && end <= top);
}

/* What the hypervisor would read there now; false: nothing. */
static bool peek(uint64_t address, void *to, size_t size)
{
    void (*on_copy)(uint64_t, size_t, bool) = fake.on_copy;
    fake.on_copy = NULL;
    bool readable = port_copy_from_guest(to, address, size);
    fake.on_copy = on_copy;
    return readable;
}

/* ---- calls --------------------------------------------------------------------------------- */

struct call {
    fake_call_fn function;
    uint64_t arg[6];
    void (*allow_more)(const struct call *call); /* what the arguments point to in turn */
    int64_t required;                            /* the only answer there may be, or NO_ERROR_SET */
};

static void make_batch(struct call *call, fake_call_fn function, size_t element)
{
    uint64_t count = pick_count();
    count = take(1) < 64 ? count | CONTINUES : count;
    *call = (struct call){
        function, {pick_address(), count, pick_address(), DOMID_SELF}, NULL, NO_ERROR_SET};
    if (take(1) < 128) {
        call->arg[2] = 0;
    }
    uint32_t elements = (uint32_t)count & ~(uint32_t)CONTINUES;
    bool is_finish = call->arg[0] == 0 && (uint32_t)count == CONTINUES;
    if (is_finish) {
        call->required = DOMID_SELF;
    } else if (!is_all_guest(call->arg[0], (unsigned __int128)elements * element)) {
        call->required = -XEN_EFAULT;
    }
    if (call->required == NO_ERROR_SET) {
        allow(call->arg[0], (unsigned __int128)elements * element, false);
        allow(call->arg[2], call->arg[2] != 0 ? sizeof(uint32_t) : 0, true);
    }
}

static void make_update(struct call *call)
{
    make_batch(call, call_mmu_update, sizeof(struct mmu_update));
}

/* Bitmaps of vCPUs. The first few elements are enough: the others are in no memory. */
static void allow_bitmaps(const struct call *call)
{
    for (uint64_t i = 0; i < 2 * AREA_SIZE / sizeof(struct mmuext_op); i++) {
        struct mmuext_op op;
        uint64_t bitmap;
        if (range_count > RANGE_LIMIT - 8 || i >= (call->arg[1] & (CONTINUES - 1)) ||
            !peek(call->arg[0] + i * sizeof(op), &op, sizeof(op))) {
            return;
        }
        memcpy(&bitmap, &op.arg2.vcpumask, sizeof(bitmap));
        if (op.cmd == MMUEXT_TLB_FLUSH_MULTI || op.cmd == MMUEXT_INVLPG_MULTI) {
            allow(bitmap, sizeof(bitmap), false);
        }
    }
}

static void make_extended(struct call *call)
{
    make_batch(call, call_mmuext_op, sizeof(struct mmuext_op));
    call->allow_more = call->required == NO_ERROR_SET ? allow_bitmaps : NULL;
}

static void make_va_mapping(struct call *call)
{
    *call = (struct call){
        call_update_va_mapping, {pick_address(), take(2), pick_address()}, NULL, NO_ERROR_SET};
    allow(call->arg[2] & ~(uint64_t)UVMF_FLUSHTYPE_MASK, sizeof(uint64_t), false);
    if (!address_is_guest(call->arg[0])) {
        call->required = -XEN_EINVAL;
    }
}

static void make_gdt(struct call *call)
{
    *call = (struct call){call_set_gdt, {pick_address(), pick_count()}, NULL, NO_ERROR_SET};
    unsigned int entries = (unsigned int)call->arg[1];
    uint64_t size = ((uint64_t)entries + 511) / 512 * sizeof(uint64_t);
    if (entries > 7168) {
        call->required = -XEN_EINVAL;
    } else {
        allow(call->arg[0], size, false);
        if (!is_all_guest(call->arg[0], size)) {
            call->required = -XEN_EFAULT;
        }
    }
}

/* A structure at the front of an area, so that it can be read, with handles of all kinds. */
static uint64_t put_structure(const void *structure, size_t size)
{
    unsigned int area = (unsigned int)take(1) % ARRAY_SIZE(areas);
    unsigned int buffer = area == 0 ? 0 : area + 1; /* the second buffer is FAKE_RESULT */
    bool at_end = take(1) < 128;
    size_t offset = at_end ? AREA_SIZE - size : 0;
    memcpy(fake.buffers[buffer].bytes + offset, structure, size);
    return areas[area] + offset;
}

static struct xen_memory_reservation make_list(void)
{
    struct xen_memory_reservation reservation;
    memset(&reservation, 0, sizeof(reservation));
    uint64_t list = pick_address();
    memcpy(&reservation.extent_start, &list, sizeof(list));
    reservation.nr_extents = pick_count();
    reservation.extent_order = take(1) < 200 ? 0 : (unsigned int)take(1) % 12;
    reservation.domid = DOMID_SELF;
    return reservation;
}

static void allow_list(const struct xen_memory_reservation *reservation, bool writable)
{
    uint64_t list;
    memcpy(&list, &reservation->extent_start, sizeof(list));
    allow(list, (unsigned __int128)reservation->nr_extents * sizeof(uint64_t), writable);
}

/* A continuation reads the structure anew, and a list may lie over it. */
static void allow_lists(const struct call *call)
{
    struct xen_memory_exchange exchange;
    bool is_exchange = call->arg[0] == XENMEM_exchange;
    memset(&exchange, 0, sizeof(exchange));
    if (peek(call->arg[1], &exchange, is_exchange ? sizeof(exchange) : sizeof(exchange.in))) {
        allow_list(&exchange.in, (call->arg[0] & 63) == XENMEM_increase_reservation ||
                                     (call->arg[0] & 63) == XENMEM_populate_physmap);
        if (is_exchange) {
            allow_list(&exchange.out, true);
        }
    }
}

static void make_reservation(struct call *call)
{
    static const uint64_t commands[] = {XENMEM_increase_reservation, XENMEM_decrease_reservation,
                                        XENMEM_populate_physmap};
    uint64_t command = commands[take(1) % ARRAY_SIZE(commands)];
    struct xen_memory_reservation reservation = make_list();
    uint64_t start = take(1) < 128 ? 0 : pick_count();
    uint64_t at = put_structure(&reservation, sizeof(reservation));
    *call = (struct call){call_memory_op, {command | (start << 6), at}, allow_lists, NO_ERROR_SET};
    allow(at, sizeof(reservation), false);
}

static void make_exchange(struct call *call)
{
    struct xen_memory_exchange exchange;
    memset(&exchange, 0, sizeof(exchange));
    exchange.in = make_list();
    exchange.out = make_list();
    if (take(1) < 200) {
        exchange.out.nr_extents = exchange.in.nr_extents << exchange.in.extent_order;
        exchange.out.nr_extents >>= exchange.out.extent_order & 63;
    }
    exchange.nr_exchanged = take(1) < 128 ? 0 : pick_count();
    uint64_t at = put_structure(&exchange, sizeof(exchange));
    *call = (struct call){call_memory_op, {XENMEM_exchange, at}, allow_lists, NO_ERROR_SET};
    allow(at, sizeof(exchange), false);
    allow(at + offsetof(struct xen_memory_exchange, nr_exchanged), sizeof(uint64_t), true);
}

static void make_question(struct call *call)
{
    static const struct {
        uint64_t command;
        size_t size;
        bool writes;
    } questions[] = {
        {XENMEM_current_reservation, sizeof(domid_t), false},
        {XENMEM_maximum_reservation, sizeof(domid_t), false},
        {XENMEM_maximum_ram_page, 0, false},
        {XENMEM_machphys_mapping, sizeof(struct xen_machphys_mapping), true},
        {XENMEM_machphys_mfn_list, sizeof(struct xen_machphys_mfn_list), true},
    };
    unsigned int which = (unsigned int)take(1) % ARRAY_SIZE(questions);
    struct xen_machphys_mfn_list list;
    memset(&list, 0, sizeof(list));
    uint64_t to = pick_address();
    memcpy(&list.extent_start, &to, sizeof(to));
    list.max_extents = (unsigned int)pick_count();
    uint64_t at = take(1) < 128 ? put_structure(&list, sizeof(list)) : pick_address();
    *call = (struct call){call_memory_op, {questions[which].command, at}, NULL, NO_ERROR_SET};
    allow(at, questions[which].size, questions[which].writes);
    if (questions[which].command == XENMEM_machphys_mfn_list && peek(at, &list, sizeof(list))) {
        memcpy(&to, &list.extent_start, sizeof(to));
        allow(to, (unsigned __int128)list.max_extents * sizeof(uint64_t), true);
    }
}

/* ---- the machine --------------------------------------------------------------------------- */

static void fill_areas(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(areas); i++) {
        struct fake_buffer *buffer = fake_buffer(areas[i], AREA_SIZE, i != 4);
        for (size_t at = 0; at < AREA_SIZE; at += sizeof(uint64_t)) {
            uint64_t word = FAKE_RAM_FIRST + (at * 7 + i) % FRAMES; /* often a frame number */
            memcpy(buffer->bytes + at, &word, sizeof(word));
        }
    }
}

/* Some elements of the input's choice, so that calls get further than their first. */
static void put_elements(void)
{
    for (unsigned int count = (unsigned int)take(1) % 4; count > 0; count--) {
        struct mmuext_op op;
        memset(&op, 0, sizeof(op));
        op.cmd = (unsigned int)take(1) % 22;
        op.arg1.linear_addr = pick_address();
        uint64_t bitmap = pick_address();
        memcpy(&op.arg2.vcpumask, &bitmap, sizeof(bitmap));
        (void)put_structure(&op, sizeof(op));
    }
}

static void run(struct call *call)
{
    fake.on_copy = check_copy;
    for (unsigned int i = 0; i < STEP_LIMIT; i++) {
        if (call->allow_more != NULL) {
            call->allow_more(call);
        }
        fake_yield_at(1 + (unsigned int)take(1) % 8);
        struct call_result result = fake_call_once(call->function, vcpu, call->arg);
        if (!result.again) {
            if (call->required != NO_ERROR_SET && result.value != call->required) {
                fail_msg("%#llx, %#llx, %#llx, %#llx: answered %lld, not %lld",
                         (unsigned long long)call->arg[0], (unsigned long long)call->arg[1],
                         (unsigned long long)call->arg[2], (unsigned long long)call->arg[3],
                         (long long)result.value, (long long)call->required);
            }
            assert_true(result.value > -200);
            break;
        }
        assert_int_equal(call->required, NO_ERROR_SET);
    }
    fake.on_copy = NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed assertion is a crash */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    typedef void (*make_fn)(struct call * call);
    static const make_fn makers[] = {make_update,      make_extended, make_va_mapping, make_gdt,
                                     make_reservation, make_exchange, make_question};
    struct fake_guest guest;
    input = data;
    input_left = size;
    fake_start(FRAMES);
    struct domain *domain = fake_domain(0, 1);
    vcpu = domain->vcpus[0];
    fake_guest_build(&guest, domain);
    domain->page_limit = FRAMES;
    domain->is_control = domain->has_io = take(1) < 128;
    fill_areas();
    put_elements();
    for (unsigned int i = 0; i < 4 && input_left > 0; i++) {
        struct call call;
        range_count = 0;
        makers[take(1) % ARRAY_SIZE(makers)](&call);
        run(&call);
    }
    fake_stop();
    return 0;
}
