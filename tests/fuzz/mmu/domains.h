/* SPDX-License-Identifier: BSD-2-Clause */
/* Two domains with two vCPUs each, every vCPU on a CPU of its own, and the machine around them. */
#ifndef TESTS_FUZZ_MMU_DOMAINS_H
#define TESTS_FUZZ_MMU_DOMAINS_H

#include "tests/fake/fake_machine.h"

#define FRAMES        120U
#define IO_DENIED_MFN 1000U
#define IO_READ_MFN   1004U

/* What the second domain, which may be destroyed, has besides. */
struct mortal {
    mfn_t info;         /* its shared_info */
    unsigned int lives; /* how often it can be made anew */
};

extern struct domain *domains[2];
extern struct mortal mortal;
extern mfn_t shared_frame; /* shared_info of either */

/* A machine with both. Is the second one's shared_info the shared frame, or one of the first's? */
void domains_start(bool shares_mortal_info);

/* The second one, also anew. */
void domains_build_mortal(void);

/* What a frame is looked for as: a page, a table of level 1 to 4, or one of these. */
enum { DESCRIPTORS = 5, PINNED = 6 };

/* Does the frame's present use, or else its number, suggest this? */
bool frame_suits(const struct domain *domain, uint64_t mfn, unsigned int wanted);

/* Whom a call of the vCPU is about that names `foreign`. */
const struct domain *domain_of(const struct vcpu *vcpu, uint16_t foreign);

/* The CPU that the vCPU is on. */
static inline unsigned int vcpu_cpu(const struct vcpu *vcpu)
{
    return (unsigned int)__builtin_ctzll(vcpu->cpus);
}

#endif
