/* SPDX-License-Identifier: BSD-2-Clause */
/* Between core's state and the reference model's: copy it once, compare it ever after. */
#ifndef TESTS_MODEL_MIRROR_H
#define TESTS_MODEL_MIRROR_H

#include "core/domain.h"
#include "tests/model/reference.h"

/* The model becomes what core is now. No operation may be under way. */
void mirror_adopt(struct reference *model);

/* Only the contents of frames: after a guest's own stores, and the processor's A and D bits. */
void mirror_adopt_contents(struct reference *model);

/* Fails the test where core's state is not the model's; `what` says after which operation. */
void mirror_compare(struct reference *model, const char *what);

/* The caller that the model knows for a vCPU of core. */
struct reference_caller mirror_caller(const struct reference *model, const struct vcpu *vcpu);

/* Is no vCPU in the middle of a walk, and no domain on its way out, so that both can be compared?
 */
bool mirror_is_settled(void);

#endif
