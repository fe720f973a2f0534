/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose a byte of input is: three times Ctrl-a, one after the other, switch between the guest and
 * the hypervisor. Every byte goes on at once, so the guest gets one or two of them as they come,
 * and the first two of three; the third is nobody's. Pure; the caller serializes.
 */
#ifndef HV_CONSOLE_INPUT_SWITCH_H
#define HV_CONSOLE_INPUT_SWITCH_H

#include "lib/compiler.h"

#define INPUT_SWITCH_BYTE  '\x01' /* Ctrl-a */
#define INPUT_SWITCH_TIMES 3U

/* Start with all zeros: the input is the guest's. */
struct input_switch {
    bool to_hypervisor;
    unsigned int count; /* of INPUT_SWITCH_BYTE, up to now */
};

enum input_target {
    INPUT_TO_GUEST,
    INPUT_TO_HYPERVISOR,
    INPUT_SWITCHED, /* the byte completed the three; to_hypervisor has changed */
};

static inline enum input_target input_switch_take(struct input_switch *input, char byte)
{
    input->count = byte == INPUT_SWITCH_BYTE ? input->count + 1 : 0;
    if (input->count == INPUT_SWITCH_TIMES) {
        input->count = 0;
        input->to_hypervisor = !input->to_hypervisor;
        return INPUT_SWITCHED;
    }
    return input->to_hypervisor ? INPUT_TO_HYPERVISOR : INPUT_TO_GUEST;
}

#endif
