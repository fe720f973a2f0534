/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Family M: vector registers, which components of them are in use, and the flag that defers their
 * switch (CR0.TS) are a domain's own.
 */
#include "guests/domains/child.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#define CPUID_OSXSAVE (UINT32_C(1) << 27)
#define CPUID_AVX     (UINT32_C(1) << 28)
#define XCR0_LEAST    1U /* x87, which cannot be off */
#define XCR0_LEGACY   3U
#define XCR0_ALL      7U /* x87, SSE, AVX */
#define OURS          0x5a
#define THEIRS        0xa5

static uint8_t registers[512];

SNIPPET(set_osxsave_bit, "movq %cr4, %rax\n btsq $18, %rax\n movq %rax, %cr4");
SNIPPET(touch_fpu, "fnop");

static bool has_avx(void)
{
    uint32_t eax = 1, ebx, ecx = 0, edx;
    __asm__ volatile("ud2\n .ascii \"xen\"\n cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return (ecx & CPUID_AVX) != 0 && (ecx & CPUID_OSXSAVE) != 0;
}

static uint64_t xcr0_get(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void xcr0_set(uint64_t value)
{
    __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void load_registers(uint8_t byte)
{
    memset(registers, byte, sizeof(registers));
    __asm__ volatile(".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
                     "vmovdqu 32*\\n(%0), %%ymm\\n\n"
                     ".endr" ::"r"(registers)
                     : "memory");
}

static void store_registers(void)
{
    __asm__ volatile(".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
                     "vmovdqu %%ymm\\n, 32*\\n(%0)\n"
                     ".endr" ::"r"(registers)
                     : "memory");
}

static void expect_bytes(const uint8_t *bytes, uint8_t value)
{
    for (size_t i = 0; i < sizeof(registers); i++) {
        EXPECT_EQUAL(bytes[i], value);
    }
}

static void exchange_in(const struct child *child)
{
    struct vectors *vectors = child_record_place(child);
    memset(vectors, 0, sizeof(*vectors));
    memset(vectors->ours, THEIRS, sizeof(vectors->ours));
    vectors->xcr0 = XCR0_ALL;
    uint64_t place = child_address(PAGE_MAILBOX) + CHILD_RECORDS;
    EXPECT_RESULT(child_call(child, CHILD_VECTORS, place, 0, 0, 0), 0);
}

TEST(m_vector_registers_stay_the_domains_own)
{
    struct child child = child_start();
    if (!has_avx()) {
        test_skip("the processor has no AVX");
    }
    const struct vectors *vectors = child_record_place(&child);
    struct registers none = {.rflags = RFLAGS_FIXED};
    snippet_run(set_osxsave_bit, &none);
    uint64_t before = xcr0_get();
    xcr0_set(XCR0_ALL);
    load_registers(OURS);
    exchange_in(&child);
    EXPECT_EQUAL(vectors->found & ~(uint64_t)XCR0_LEGACY, 0); /* Xen begins with SSE in use */
    expect_bytes(vectors->theirs, 0);
    store_registers();
    expect_bytes(registers, OURS);
    exchange_in(&child);
    EXPECT_EQUAL(vectors->found, XCR0_ALL);
    expect_bytes(vectors->theirs, THEIRS);
    store_registers();
    expect_bytes(registers, OURS);
    /* While the upper halves are not in use, they are kept all the same: ours and the child's. */
    xcr0_set(XCR0_LEAST);
    exchange_in(&child);
    EXPECT_EQUAL(xcr0_get(), XCR0_LEAST);
    expect_bytes(vectors->theirs, THEIRS);
    xcr0_set(XCR0_ALL);
    store_registers();
    expect_bytes(registers, OURS);
    load_registers(0);
    xcr0_set(before);
}

/* ---- the flag -------------------------------------------------------------------------------- */

static int64_t child_spoils(const struct child *child)
{
    struct spoil *spoil = child_record_place(child);
    memset(spoil, 0, sizeof(*spoil));
    spoil->msr_count = 1;
    return child_call(child, CHILD_SPOIL, child_address(PAGE_MAILBOX) + CHILD_RECORDS, 0, 0, 0);
}

TEST(m_task_switched_flag_of_one_domain_is_not_the_next_ones)
{
    struct child child = child_start();
    struct registers none = {.rflags = RFLAGS_FIXED};
    uint16_t control = 0x0f7f, found = 0; /* rounds to zero */
    __asm__ volatile("fninit\n\tfldcw %0" ::"m"(control));
    EXPECT_RESULT(hypercall_fpu_taskswitch(1), 0);
    EXPECT_RESULT(child_spoils(&child), 0); /* it has no handler for #NM */
    EXPECT_TRAP(snippet_try(touch_fpu, &none), TRAP_NO_DEVICE, 0);
    __asm__ volatile("fnstcw %0" : "=m"(found));
    EXPECT_EQUAL(found, control);
    EXPECT_RESULT(child_call(&child, __HYPERVISOR_fpu_taskswitch, 1, 0, 0, 0), 0);
    EXPECT_NO_TRAP(snippet_try(touch_fpu, &none));
    __asm__ volatile("fninit");
    child_ask(&child, CHILD_SPOIL, child_address(PAGE_MAILBOX) + CHILD_RECORDS, 0, 0, 0);
    EXPECT_EQUAL(child_shutdown_code(&child), SHUTDOWN_crash);
}
