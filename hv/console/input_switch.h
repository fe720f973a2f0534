/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose a byte of input on the shared line is: three times Ctrl-a, one after the other, go on to
 * the next, in a circle: first domain, hypervisor, the other domains in the order of their numbers.
 * Every byte goes on at once, so a guest gets one or two of them as they come, and the first two of
 * three; the third is nobody's. Pure; the caller serializes.
 */
#ifndef HV_CONSOLE_INPUT_SWITCH_H
#define HV_CONSOLE_INPUT_SWITCH_H

#include "lib/compiler.h"

#define INPUT_SWITCH_TIMES 3U

/* Who gets the input: a domain by its number, or */
#define INPUT_HYPERVISOR   UINT16_MAX
#define INPUT_FIRST_DOMAIN 0

struct input_switch {
    char letter;        /* Ctrl and this switch */
    unsigned int count; /* of them, up to now */
};

/* The byte that a terminal sends for Ctrl and a letter. */
static inline char input_switch_byte(const struct input_switch *input)
{
    return (char)(input->letter & 0x1f);
}

/* Take one byte: did it complete the three? Then it is nobody's, else it is the present owner's. */
static inline bool input_switch_take(struct input_switch *input, char byte)
{
    input->count = byte == input_switch_byte(input) ? input->count + 1 : 0;
    if (input->count < INPUT_SWITCH_TIMES) {
        return false;
    }
    input->count = 0;
    return true;
}

/* Who is next after `target`? `following` is the domain with the next higher number than it that
 * takes input (after INPUT_HYPERVISOR: the lowest, but not the first domain), INPUT_HYPERVISOR if
 * there is none; `has_first`: the first domain takes input. */
static inline uint16_t input_switch_next(uint16_t target, uint16_t following, bool has_first)
{
    if (target == INPUT_FIRST_DOMAIN) {
        return INPUT_HYPERVISOR;
    }
    if (following != INPUT_HYPERVISOR) {
        return following;
    }
    return has_first ? INPUT_FIRST_DOMAIN : INPUT_HYPERVISOR;
}

#endif
