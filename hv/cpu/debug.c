/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/cpu/debug.h"

#include "core/pte_update.h"
#include "hv/cpu/cpu.h"
#include "hv/refuse.h"

#define STATUS  6
#define CONTROL 7

/* Bits that read as 0 and as 1 whatever is written. Bit 16 of DR6 (RTM) is one of the latter:
 * guests have no transactional memory. */
#define DR6_ZERO    (UINT64_C(1) << 12)
#define DR6_STEP    (UINT64_C(1) << 14)  /* BS */
#define DR6_REPORTS UINT64_C(0x0000e00f) /* B0 to B3, BD, BS, BT */
#define DR7_ZERO    UINT64_C(0x0000d800)
#define DR7_GD      (UINT64_C(1) << 13)
#define DR7_ENABLE  UINT64_C(0x000000ff) /* local and global, two bits a breakpoint */
#define HIGH_HALF   UINT64_C(0xffffffff00000000)

#define BREAKPOINT_COUNT 4U
#define CONDITION_IO     2U

static unsigned int breakpoint_condition(uint64_t dr7, unsigned int breakpoint)
{
    return (unsigned int)(dr7 >> (16 + 4 * breakpoint)) & 3;
}

static uint64_t breakpoint_enable_bits(unsigned int breakpoint)
{
    return UINT64_C(3) << (2 * breakpoint);
}

void debug_init_vcpu(struct hv_vcpu *vcpu)
{
    for (unsigned int i = 0; i < BREAKPOINT_COUNT; i++) {
        vcpu->debug[i] = 0;
    }
    vcpu->debug[STATUS] = DR6_INITIAL;
    vcpu->debug[CONTROL] = DR7_INITIAL;
}

/* A breakpoint covers the naturally aligned 1, 2, 4 or 8 bytes around its address. The hypervisor's
 * range begins and ends at multiples of 8, so the address alone tells. The address masks of AMD
 * processors, which reach further, are in MSRs that guests do not have. */
static int set_address(struct hv_vcpu *vcpu, unsigned int number, uint64_t value)
{
    if (!address_is_guest(value)) {
        return refuse(-XEN_EPERM, "DR%u = 0x%lx: the address is not the guest's", number, value);
    }
    vcpu->debug[number] = value;
    return 0;
}

static int refuse_high_half(unsigned int number, uint64_t value)
{
    return refuse(-XEN_EINVAL, "DR%u = 0x%lx: bits 32 to 63 are reserved", number, value);
}

static int set_status(struct hv_vcpu *vcpu, uint64_t value)
{
    if ((value & HIGH_HALF) != 0) {
        return refuse_high_half(STATUS, value);
    }
    vcpu->debug[STATUS] = (value & DR6_REPORTS) | DR6_INITIAL;
    return 0;
}

static int set_control(struct hv_vcpu *vcpu, uint64_t value)
{
    if ((value & HIGH_HALF) != 0) {
        return refuse_high_half(CONTROL, value);
    }
    /* It would trap our own accesses. */
    if ((value & DR7_GD) != 0) {
        return refuse(-XEN_EPERM, "DR7 = 0x%lx: general detect, bit 13, is not for guests", value);
    }
    for (unsigned int i = 0; i < BREAKPOINT_COUNT; i++) {
        if ((value & breakpoint_enable_bits(i)) != 0 &&
            breakpoint_condition(value, i) == CONDITION_IO && (vcpu->cr4 & CR4_DE) == 0) {
            return refuse(-XEN_EPERM, "DR7 = 0x%lx: breakpoint %u is for I/O, and CR4.DE is clear",
                          value, i);
        }
    }
    vcpu->debug[CONTROL] = (value & ~DR7_ZERO) | DR7_INITIAL;
    return 0;
}

bool debug_is_sound(const struct hv_vcpu *vcpu)
{
    bool sound = (vcpu->debug[STATUS] & ~DR6_REPORTS) == DR6_INITIAL &&
                 (vcpu->debug[CONTROL] & (HIGH_HALF | DR7_GD | DR7_ZERO)) == 0 &&
                 (vcpu->debug[CONTROL] & DR7_INITIAL) != 0;
    for (unsigned int i = 0; i < BREAKPOINT_COUNT; i++) {
        sound = sound && address_is_guest(vcpu->debug[i]);
    }
    return sound;
}

static int refuse_register(unsigned int number)
{
    return refuse(-XEN_ENODEV, "there is no DR%u: 0 to 3, 6, 7, and with CR4.DE clear 4 and 5",
                  number);
}

/* False: the vCPU has no register of that number. */
static bool find_register(const struct hv_vcpu *vcpu, unsigned int *number)
{
    bool is_alias = *number == 4 || *number == 5;
    if (is_alias && (vcpu->cr4 & CR4_DE) != 0) {
        return false;
    }
    *number += is_alias ? 2 : 0;
    return *number <= CONTROL;
}

int debug_set(struct hv_vcpu *vcpu, unsigned int number, uint64_t value)
{
    if (!find_register(vcpu, &number)) {
        return refuse_register(number);
    }
    switch (number) {
    case STATUS:
        return set_status(vcpu, value);
    case CONTROL:
        return set_control(vcpu, value);
    default:
        return set_address(vcpu, number, value);
    }
}

int debug_get(const struct hv_vcpu *vcpu, unsigned int number, uint64_t *value)
{
    if (!find_register(vcpu, &number)) {
        return refuse_register(number);
    }
    *value = vcpu->debug[index_nospec(number, ARRAY_SIZE(vcpu->debug))];
    return 0;
}

/* I/O breakpoints never reach the processor: a guest's port accesses trap and are made by us, and
 * without CR4.DE, which the guest may clear later, their encoding means something else. */
uint64_t debug_hardware_control(const struct hv_vcpu *vcpu)
{
    uint64_t control = vcpu->debug[CONTROL];
    for (unsigned int i = 0; i < BREAKPOINT_COUNT; i++) {
        if (breakpoint_condition(control, i) == CONDITION_IO) {
            control &= ~breakpoint_enable_bits(i);
        }
    }
    return control;
}

static void control_write(uint64_t value)
{
    __asm__ volatile("mov %0, %%db7" ::"r"(value) : "memory");
}

void debug_load(const struct hv_vcpu *vcpu)
{
    uint64_t control = debug_hardware_control(vcpu);
    if (UNLIKELY((control & DR7_ENABLE) != 0)) {
        control_write(DR7_INITIAL); /* no breakpoint is on while its address changes */
        __asm__ volatile("mov %0, %%db0" ::"r"(vcpu->debug[0]));
        __asm__ volatile("mov %0, %%db1" ::"r"(vcpu->debug[1]));
        __asm__ volatile("mov %0, %%db2" ::"r"(vcpu->debug[2]));
        __asm__ volatile("mov %0, %%db3" ::"r"(vcpu->debug[3]));
    }
    control_write(control);
}

void debug_unload(void)
{
    control_write(DR7_INITIAL);
}

void debug_take_status(struct hv_vcpu *vcpu)
{
    uint64_t reported;
    __asm__ volatile("mov %%db6, %0" : "=r"(reported));
    __asm__ volatile("mov %0, %%db6" ::"r"(DR6_INITIAL));
    /* The processor sets bits and never clears one: so does what the guest sees. */
    vcpu->debug[STATUS] |= reported & DR6_REPORTS;
}

void debug_discard_status(void)
{
    __asm__ volatile("mov %0, %%db6" ::"r"(DR6_INITIAL));
}

void debug_report_step(struct hv_vcpu *vcpu)
{
    vcpu->debug[STATUS] |= DR6_STEP;
}
