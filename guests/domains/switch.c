/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Family M: what the processor keeps for a vCPU is neither seen nor changed by the one that runs
 * next: FPU and vector registers, selectors, bases, TSC_AUX.
 */
#include "guests/domains/child.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#define MSR_FIRST    0xc0000100U
#define FX_FCW       0
#define FX_MXCSR     24
#define FX_MASK      28 /* of MXCSR: the processor's, not loaded */
#define FX_REGISTERS 32
#define FX_END       416
#define INITIAL_FCW  0x037f
#define MXCSR_OURS   0x1fa0U
#define MXCSR_THEIRS 0x9f80U
#define VALUE_OURS   0x11110000U
#define VALUE_THEIRS 0x2222000U

static uint8_t image[512] __attribute__((aligned(16)));

static void fill_image(uint8_t *to, uint8_t byte, uint32_t mxcsr)
{
    const uint16_t fcw = INITIAL_FCW;
    memset(to, 0, sizeof(image));
    memcpy(to + FX_FCW, &fcw, sizeof(fcw));
    memcpy(to + FX_MXCSR, &mxcsr, sizeof(mxcsr));
    memset(to + FX_REGISTERS, byte, FX_END - FX_REGISTERS);
    for (size_t i = 0; i < 8; i++) { /* 80 bits of 128 are a register's */
        memset(to + FX_REGISTERS + 16 * i + 10, 0, 6);
    }
}

static void load_image(void)
{
    __asm__ volatile("fxrstor64 %0" ::"m"(image));
}

static void save_image(void)
{
    __asm__ volatile("fxsave64 %0" : "=m"(image));
}

static uint64_t msr_read(unsigned int index)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_FIRST + index));
    return (uint64_t)high << 32 | low;
}

static void msr_write(unsigned int index, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(MSR_FIRST + index), "a"((uint32_t)value),
                     "d"((uint32_t)(value >> 32)));
}

static bool has_rdtscp(void)
{
    uint32_t eax = 0x80000001, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ((edx >> 27) & 1) != 0;
}

static struct spoil *prepare(const struct child *child)
{
    struct spoil *spoil = child_record_place(child);
    memset(spoil, 0, sizeof(*spoil));
    fill_image(spoil->ours, 0xa5, MXCSR_THEIRS);
    spoil->selector = FLAT_RING3_DS32;
    spoil->value = VALUE_THEIRS;
    spoil->msr_count = has_rdtscp() ? 4 : 3;
    return spoil;
}

static void spoil_in(const struct child *child)
{
    uint64_t place = child_address(PAGE_MAILBOX) + CHILD_RECORDS;
    EXPECT_RESULT(child_call(child, CHILD_SPOIL, place, 0, 0, 0), 0);
}

TEST(m_new_vcpu_finds_nothing_of_the_one_that_ran_before)
{
    struct child child = child_start();
    struct spoil *spoil = prepare(&child);
    fill_image(image, 0x5a, MXCSR_OURS);
    load_image();
    if (spoil->msr_count == 4) {
        msr_write(3, VALUE_OURS);
    }
    spoil_in(&child);
    uint32_t mxcsr;
    memcpy(&mxcsr, spoil->theirs + FX_MXCSR, sizeof(mxcsr));
    EXPECT_EQUAL(mxcsr, 0x1f80);
    for (size_t i = FX_REGISTERS; i < FX_END; i++) {
        EXPECT_EQUAL(spoil->theirs[i], 0);
    }
    for (size_t i = 0; i < 4; i++) {
        EXPECT_EQUAL(spoil->selectors[i], 0);
        EXPECT_EQUAL(spoil->msrs[i], 0);
    }
}

TEST(m_vcpu_that_runs_in_between_changes_nothing)
{
    struct child child = child_start();
    const struct spoil *spoil = prepare(&child);
    uint64_t before[4];
    fill_image(image, 0x5a, MXCSR_OURS);
    load_image();
    for (unsigned int i = 0; i < spoil->msr_count; i++) {
        before[i] = msr_read(i);
        msr_write(i, VALUE_OURS + i);
    }
    for (unsigned int round = 0; round < 2; round++) { /* the second finds what the first put */
        spoil_in(&child);
        save_image();
        EXPECT_EQUAL(image[FX_REGISTERS], 0x5a);
        for (size_t i = FX_REGISTERS + 128; i < FX_END; i++) {
            EXPECT_EQUAL(image[i], 0x5a);
        }
        uint32_t mxcsr;
        memcpy(&mxcsr, image + FX_MXCSR, sizeof(mxcsr));
        EXPECT_EQUAL(mxcsr, MXCSR_OURS);
        for (unsigned int i = 0; i < spoil->msr_count; i++) {
            EXPECT_EQUAL(msr_read(i), VALUE_OURS + i);
        }
    }
    EXPECT_EQUAL(spoil->theirs[FX_REGISTERS], 0xa5);
    EXPECT_EQUAL(spoil->theirs[FX_END - 1], 0xa5);
    for (unsigned int i = 0; i < spoil->msr_count; i++) {
        EXPECT_EQUAL(spoil->msrs[i], VALUE_THEIRS);
        EXPECT_EQUAL(spoil->selectors[i], FLAT_RING3_DS32);
        msr_write(i, before[i]);
    }
}
