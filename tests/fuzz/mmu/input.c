/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/mmu/input.h"

#include "tests/fuzz/mmu/domains.h"

static const uint8_t *input;
static size_t input_left;

void input_start(const uint8_t *data, size_t size)
{
    input = data;
    input_left = size;
}

bool input_is_over(void)
{
    return input_left == 0;
}

unsigned int take_byte(void)
{
    if (input_left == 0) {
        return 0;
    }
    input_left--;
    return *input++;
}

unsigned int pick(unsigned int sides)
{
    return take_byte() % sides;
}

static mfn_t pick_special(unsigned int number)
{
    const uint64_t specials[] = {0,
                                 2,
                                 FAKE_HYPERVISOR,
                                 FAKE_SHARED_READ,
                                 FRAMES,
                                 IO_DENIED_MFN,
                                 IO_READ_MFN,
                                 2000,
                                 machine.mfn_limit - 1,
                                 machine.mfn_limit,
                                 PTE_MFN_ALL_ONES,
                                 UINT64_MAX,
                                 shared_frame.value,
                                 UINT64_C(1) << 40,
                                 FRAMES - 1,
                                 FAKE_RAM_FIRST};
    return mfn_make(specials[number % ARRAY_SIZE(specials)]);
}

mfn_t pick_frame(const struct domain *domain, unsigned int wanted)
{
    unsigned int choice = take_byte();
    if (choice >= 240) {
        return pick_special(choice - 240);
    }
    if (choice >= 200) {
        return mfn_make(FAKE_RAM_FIRST + pick(FRAMES - FAKE_RAM_FIRST));
    }
    uint64_t found[FRAMES];
    unsigned int count = 0;
    for (uint64_t mfn = FAKE_RAM_FIRST; mfn < FRAMES; mfn++) {
        if (frame_suits(domain, mfn, wanted)) {
            found[count++] = mfn;
        }
    }
    return mfn_make(count > 0 ? found[choice % count] : 0);
}

unsigned int pick_index(void)
{
    static const unsigned int rare[] = {2, 32, 33, 34, 35, 255, 256, 257, 271, 272, 511, 1};
    unsigned int choice = take_byte();
    return choice < 160 ? choice % 2 : rare[choice % ARRAY_SIZE(rare)];
}

/* The usual flags from one byte, and sometimes a bit of any kind. */
pte_t pick_entry(const struct domain *domain, unsigned int level)
{
    static const uint64_t flags[] = {PTE_WRITABLE, PTE_USER, PTE_ACCESSED, PTE_GUEST_KERNEL};
    unsigned int choice = take_byte();
    if (choice >= 224) {
        return (pte_t){.raw = choice < 240 ? 0 : (uint64_t)take_byte() << 1};
    }
    bool same_level = machine.linear_pt && choice % 8 == 4; /* without RW */
    mfn_t mfn = pick_frame(domain, level > 0 ? level - (same_level ? 0 : 1) : pick(5));
    pte_t entry = pte_make(mfn_make(mfn.value & PTE_MFN_ALL_ONES), PTE_PRESENT);
    for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
        entry.raw |= ((choice >> i) & 1) != 0 ? flags[i] : 0;
    }
    if (choice >= 192) {
        entry.raw ^= UINT64_C(1) << pick(64);
    }
    return entry;
}

uint64_t pick_address(void)
{
    static const uint64_t tops[] = {0, 1, 511, 256, 128};
    static const uint64_t pages[] = {0, 1, 2, 16, 17, 18, 19, 32, 33, 34, 35, 255};
    unsigned int choice = take_byte();
    uint64_t top = choice < 240 ? 0 : tops[choice % ARRAY_SIZE(tops)];
    uint64_t address = (top << 39) | (pages[pick(ARRAY_SIZE(pages))] << PAGE_SHIFT);
    if (choice >= 192) {
        address |= ((uint64_t)(choice & 1) << 30) | ((uint64_t)((choice >> 1) & 1) << 21);
    }
    return top >= 256 ? address | UINT64_C(0xffff000000000000) : address;
}

struct vcpu *pick_vcpu(void)
{
    unsigned int choice = take_byte();
    const struct domain *domain = domains[choice & 1];
    return (domain->is_dying ? domains[0] : domain)->vcpus[(choice >> 1) & 1];
}

uint16_t pick_foreign(void)
{
    static const uint16_t others[] = {0, 1, DOMID_IO, DOMID_XEN, 77};
    unsigned int choice = take_byte();
    return choice < 224 ? DOMID_SELF : others[choice % ARRAY_SIZE(others)];
}

uint16_t pick_granter(const struct vcpu *vcpu)
{
    unsigned int choice = take_byte();
    return choice >= 248  ? (uint16_t)(choice & 1 ? DOMID_SELF : 77)
           : choice < 160 ? (uint16_t)(1 - vcpu->domain->id)
                          : vcpu->domain->id;
}

void pick_yield(void)
{
    unsigned int choice = take_byte();
    if (choice < 128) {
        fake_yield_never();
    } else if (choice < 240) {
        fake_yield_at(1 + choice % 12);
    } else {
        fake_yield_always();
    }
}
