/* SPDX-License-Identifier: BSD-2-Clause */
/* What the input chooses. Each choice takes some bytes of it; where it is over, they are 0. */
#ifndef TESTS_FUZZ_MMU_INPUT_H
#define TESTS_FUZZ_MMU_INPUT_H

#include "core/domain.h"

#define FIRST_REF 8U /* of the grants that are made */
#define REFS      4U

void input_start(const uint8_t *data, size_t size);
bool input_is_over(void);

unsigned int take_byte(void);

/* One of so many, from 0. */
unsigned int pick(unsigned int sides);

/* Mostly a frame of the domain that suits (frame_suits()), sometimes any frame or a number that is
 * none. */
mfn_t pick_frame(const struct domain *domain, unsigned int wanted);

/* An entry of a table of this level, or of anything (0). */
pte_t pick_entry(const struct domain *domain, unsigned int level);
unsigned int pick_index(void);
uint64_t pick_address(void);

/* Of a domain that is not dying. */
struct vcpu *pick_vcpu(void);

/* Whom a call is about, mostly DOMID_SELF. */
uint16_t pick_foreign(void);

/* The other side of a grant, mostly the other domain. */
uint16_t pick_granter(const struct vcpu *vcpu);

/* Where the next execution is interrupted: fake_yield_...(). */
void pick_yield(void);

#endif
