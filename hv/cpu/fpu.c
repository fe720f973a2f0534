/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/cpu/fpu.h"

#include "hv/cpu/cpu.h"
#include "hv/cpu/extable.h"
#include "hv/cpu/features.h"
#include "hv/hypercall/hypercall.h"
#include "lib/string.h"

/* The first 512 bytes of the area (SDM volume 1, 10.5.1), then the XSAVE header (13.4.2). */
#define AREA_FCW         0
#define AREA_MXCSR       24
#define AREA_XSTATE_BV   512
#define AREA_LEGACY_SIZE 576U /* the header included */
#define AREA_AVX_SIZE    256U

#define CR0_EM (UINT64_C(1) << 2) /* emulation: SSE instructions would be invalid */

#define INITIAL_FCW   0x037fU
#define INITIAL_MXCSR 0x1f80U

static void xcr0_write(uint64_t value)
{
    __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static void ts_set(void)
{
    cpu_write_cr0(cpu_read_cr0() | CR0_TS);
}

void fpu_init_cpu(void)
{
    uint64_t cr4 = cpu_read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (cpu_features.xsave) {
        cr4 |= CR4_OSXSAVE;
    }
    cpu_write_cr4(cr4);
    if (cpu_features.xsave) {
        xcr0_write(cpu_features.xcr0);
    }
    cpu_write_cr0((cpu_read_cr0() & ~CR0_EM) | CR0_MP | CR0_NE | CR0_TS);
}

static void area_set_initial(uint8_t *area)
{
    const uint16_t fcw = INITIAL_FCW;
    const uint32_t mxcsr = INITIAL_MXCSR;
    memset(area, 0, FPU_AREA_SIZE);
    memcpy(area + AREA_FCW, &fcw, sizeof(fcw));
    memcpy(area + AREA_MXCSR, &mxcsr, sizeof(mxcsr));
    /* x87 and SSE from the area; components whose bit is clear get their initial value. */
    const uint64_t components = XCR0_X87 | XCR0_SSE;
    memcpy(area + AREA_XSTATE_BV, &components, sizeof(components));
}

void fpu_init_vcpu(struct hv_vcpu *vcpu)
{
    area_set_initial(vcpu->fpu_area);
    vcpu->xcr0 = XCR0_X87;
    vcpu->fpu_loaded = false;
    vcpu->cr0_ts = false;
}

void fpu_set_legacy(struct hv_vcpu *vcpu, const void *image)
{
    ASSERT(!vcpu->fpu_loaded);
    memcpy(vcpu->fpu_area, image, AREA_XSTATE_BV);
}

void fpu_get_legacy(const struct hv_vcpu *vcpu, void *image)
{
    ASSERT(!vcpu->fpu_loaded);
    memcpy(image, vcpu->fpu_area, AREA_XSTATE_BV);
}

/* All components, not only those the vCPU has enabled at the moment: a guest may clear a bit of its
 * XCR0 and later set it again, and the registers are there all the time. */
static void area_save(uint8_t *area)
{
    if (cpu_features.xsave) {
        xcr0_write(cpu_features.xcr0);
        __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"((uint32_t)cpu_features.xcr0), "d"(0)
                         : "memory");
    } else {
        __asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
    }
}

/* False: the processor refused the image, and the registers are as before. */
static bool area_restore(const uint8_t *area)
{
    uint32_t done = 0;
    if (cpu_features.xsave) {
        xcr0_write(cpu_features.xcr0);
        __asm__ volatile("1:\txrstor64 (%1)\n\t"
                         "movl $1, %0\n"
                         "2:\n\t" EXTABLE("1b", "2b")
                         : "+&r"(done)
                         : "r"(area), "a"((uint32_t)cpu_features.xcr0), "d"(0)
                         : "memory");
    } else {
        __asm__ volatile("1:\tfxrstor64 (%1)\n\t"
                         "movl $1, %0\n"
                         "2:\n\t" EXTABLE("1b", "2b")
                         : "+&r"(done)
                         : "r"(area)
                         : "memory");
    }
    return done != 0;
}

/* AMD's FXRSTOR and XRSTOR leave the x87 exception pointers alone unless an exception is pending
 * (AMD's manual volume 2, 11.4.4): those of the vCPU before would show. A load of a constant sets
 * them; FNCLEX before, as the load could raise what is pending. */
static void x87_pointers_forget(void)
{
    static const uint32_t zero = 0;
    __asm__ volatile("fnclex\n\t"
                     "ffree %%st(7)\n\t"
                     "fildl %0" ::"m"(zero)
                     : "memory");
}

static void load(struct hv_vcpu *vcpu)
{
    cpu_clts();
    x87_pointers_forget();
    if (!area_restore(vcpu->fpu_area)) {
        area_set_initial(vcpu->fpu_area);
        CHECK(area_restore(vcpu->fpu_area));
    }
    if (cpu_features.xsave) {
        xcr0_write(vcpu->xcr0);
    }
    vcpu->fpu_loaded = true;
}

static void save(struct hv_vcpu *vcpu)
{
    cpu_clts();
    area_save(vcpu->fpu_area);
    vcpu->fpu_loaded = false;
}

void fpu_switch(struct hv_vcpu *from, struct hv_vcpu *to)
{
    if (from == to) {
        return;
    }
    if (from != NULL && from->fpu_loaded) {
        save(from);
    }
    if (to != NULL) {
        load(to);
    }
    if (to == NULL || to->cr0_ts) {
        ts_set();
    }
}

bool fpu_handle_nm(struct hv_vcpu *vcpu)
{
    bool was_guests = vcpu->cr0_ts;
    vcpu->cr0_ts = false;
    if (vcpu->fpu_loaded) {
        cpu_clts();
    } else {
        load(vcpu);
    }
    return !was_guests;
}

void fpu_set_guest_ts(struct hv_vcpu *vcpu, bool ts)
{
    vcpu->cr0_ts = ts;
    if (ts) {
        ts_set();
    } else if (vcpu->fpu_loaded) {
        cpu_clts();
    }
}

bool fpu_set_xcr0(struct hv_vcpu *vcpu, uint64_t xcr0)
{
    if (!fpu_xcr0_is_legal(xcr0)) {
        return false;
    }
    vcpu->xcr0 = xcr0;
    /* XSETBV does not mind TS, so this holds for a state that is not loaded yet as well. */
    xcr0_write(xcr0);
    return true;
}

uint32_t fpu_area_size(uint64_t xcr0)
{
    return AREA_LEGACY_SIZE + ((xcr0 & XCR0_AVX) != 0 ? AREA_AVX_SIZE : 0);
}

/* fpu_taskswitch(set): set or clear the vCPU's CR0.TS. */
struct call_result hypercall_fpu_taskswitch(struct hv_vcpu *vcpu, uint64_t arg[])
{
    fpu_set_guest_ts(vcpu, (uint32_t)arg[0] != 0);
    return call_done(0);
}
