/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/lib/trap.h"

#include "guests/lib/console.h"
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "guests/lib/trap_stubs.h"
#include "lib/check.h"
#include "lib/string.h"

trap_hook_fn trap_hook;

static struct catch_point *innermost_catch;

/* Every vector masks events while its handler runs; INT3, INTO and INT 0x80 may be executed. */
#define TRAP_MASKS_EVENTS 4
#define TRAP_DPL_USER     3

static void callback_register(uint16_t type, void (*stub)(void))
{
    struct callback_register callback = {
        .type = type,
        .flags = CALLBACKF_mask_events,
        .address = (xen_callback_t)stub,
    };
    int64_t result = hypercall_callback_op(CALLBACKOP_register, &callback);
    CHECK(result == 0);
}

void trap_table_restore(void)
{
    static trap_info_t table[ARRAY_SIZE(trap_stubs) + 2];
    for (size_t vector = 0; vector < ARRAY_SIZE(trap_stubs); vector++) {
        bool user = vector == TRAP_BREAKPOINT || vector == TRAP_OVERFLOW;
        table[vector] = (trap_info_t){
            .vector = (uint8_t)vector,
            .flags = TRAP_MASKS_EVENTS | (user ? TRAP_DPL_USER : 0),
            .cs = FLAT_KERNEL_CS,
            .address = trap_stubs[vector],
        };
    }
    table[ARRAY_SIZE(trap_stubs)] = (trap_info_t){
        .vector = TRAP_SOFTWARE,
        .flags = TRAP_MASKS_EVENTS | TRAP_DPL_USER,
        .cs = FLAT_KERNEL_CS,
        .address = (unsigned long)trap_stub_software,
    };
    int64_t result = hypercall_set_trap_table(table);
    CHECK(result == 0);
}

void trap_init(void)
{
    trap_table_restore();
    callback_register(CALLBACKTYPE_event, trap_stub_event);
    callback_register(CALLBACKTYPE_failsafe, trap_stub_failsafe);
    callback_register(CALLBACKTYPE_syscall, trap_stub_syscall);
}

const char *trap_name(uint64_t vector)
{
    static const char *const names[] = {
        [TRAP_DIVIDE_ERROR] = "#DE", [TRAP_DEBUG] = "#DB",          [TRAP_BREAKPOINT] = "#BP",
        [TRAP_OVERFLOW] = "#OF",     [TRAP_INVALID_OPCODE] = "#UD", [TRAP_NO_DEVICE] = "#NM",
        [TRAP_NO_SEGMENT] = "#NP",   [TRAP_STACK_SEGMENT] = "#SS",  [TRAP_PROTECTION] = "#GP",
        [TRAP_PAGE_FAULT] = "#PF",   [TRAP_ALIGNMENT] = "#AC",      [TRAP_SOFTWARE] = "int 0x80",
        [TRAP_EVENT] = "event",      [TRAP_FAILSAFE] = "failsafe",  [TRAP_SYSCALL] = "syscall",
    };
    if (vector < ARRAY_SIZE(names) && names[vector] != NULL) {
        return names[vector];
    }
    return "trap";
}

/* The vectors that the processor pushes an error code for; trap_stubs.S has the same set. */
static bool trap_has_error(uint64_t vector)
{
    return vector < 32 && ((UINT32_C(0x60227d00) >> vector) & 1) != 0;
}

/* No attempt is under way and no test runs: say what can be said and stop. */
static NORETURN void trap_panic(const struct trap_frame *frame)
{
    print("PANIC %s (%u) error %#lx rip %#lx cs %#lx rflags %#lx rsp %#lx cr2 %#lx\n",
          trap_name(frame->vector), (unsigned int)frame->vector, frame->error, frame->rip,
          frame->cs, frame->rflags, frame->rsp, vcpu_info()->arch.cr2);
    guest_shutdown(SHUTDOWN_crash);
}

void trap_dispatch(struct trap_frame *frame)
{
    if (trap_hook != NULL && trap_hook(frame)) {
        return;
    }
    if (frame->vector == TRAP_EVENT) {
        event_dispatch();
        return;
    }
    struct catch_point *point = innermost_catch;
    if (point == NULL) {
        trap_panic(frame);
    }
    uint64_t rcx_and_r11 = 16;
    uint64_t error = trap_has_error(frame->vector) ? 8 : 0;
    point->trap = (struct trap){
        .raised = true,
        .vector = frame->vector,
        .error = frame->error,
        .cr2 = vcpu_info()->arch.cr2,
        .frame_bottom = pointer_value(&frame->rip) - rcx_and_r11 - error,
        .frame = *frame,
    };
    /* The frame is abandoned, so what iret would have restored is restored here. */
    bool from_user = (frame->cs & 3) == 3;
    vcpu_info()->evtchn_upcall_mask = from_user || ((frame->cs >> 32) & 1) != 0;
    innermost_catch = point->outer;
    catch_resume(point);
}

struct trap trap_try(void (*action)(void *), void *argument)
{
    struct catch_point point = {.outer = innermost_catch};
    innermost_catch = &point;
    if (!catch_call(&point, action, argument)) {
        innermost_catch = point.outer;
    }
    return point.trap;
}

void trap_unwind_all(void)
{
    CHECK(innermost_catch != NULL);
    struct catch_point *point = innermost_catch;
    while (point->outer != NULL) {
        point = point->outer;
    }
    point->trap = (struct trap){.raised = true};
    innermost_catch = NULL;
    catch_resume(point);
}

struct access {
    uint64_t va;
    uint64_t value;
};

static void read_action(void *argument)
{
    struct access *access = argument;
    access->value = *(const volatile uint64_t *)access->va;
}

static void write_action(void *argument)
{
    struct access *access = argument;
    *(volatile uint64_t *)access->va = access->value;
}

static void execute_action(void *argument)
{
    struct access *access = argument;
    ((void (*)(void))access->va)();
}

struct trap trap_try_read(uint64_t va, uint64_t *value)
{
    struct access access = {.va = va};
    struct trap trap = trap_try(read_action, &access);
    if (value != NULL) {
        *value = access.value;
    }
    return trap;
}

struct trap trap_try_write(uint64_t va, uint64_t value)
{
    struct access access = {.va = va, .value = value};
    return trap_try(write_action, &access);
}

struct trap trap_try_execute(uint64_t va)
{
    struct access access = {.va = va};
    return trap_try(execute_action, &access);
}

struct snippet_call {
    void (*snippet)(void);
    struct registers *registers;
};

static void snippet_action(void *argument)
{
    struct snippet_call *call = argument;
    snippet_call(call->snippet, call->registers);
}

struct registers registers_marked(void)
{
    return (struct registers){
        .r15 = 15,
        .r14 = 14,
        .r13 = 13,
        .r12 = 12,
        .r11 = 11,
        .r10 = 10,
        .r9 = 9,
        .r8 = 8,
        .rdi = 7,
        .rsi = 6,
        .rbp = 5,
        .rbx = 4,
        .rdx = 3,
        .rcx = 2,
        .rax = 1,
        .rflags = RFLAGS_FIXED | RFLAGS_CF | RFLAGS_ZF,
    };
}

bool trap_has_registers(const struct trap *trap, const struct registers *registers)
{
    return memcmp(&trap->frame.r15, &registers->r15, offsetof(struct registers, rflags)) == 0;
}

struct trap snippet_try(void (*snippet)(void), struct registers *registers)
{
    struct snippet_call call = {snippet, registers};
    return trap_try(snippet_action, &call);
}

void snippet_run(void (*snippet)(void), struct registers *registers)
{
    struct trap trap = snippet_try(snippet, registers);
    if (trap.raised) {
        test_fail_trap(&trap);
    }
}
