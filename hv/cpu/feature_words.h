/* SPDX-License-Identifier: BSD-2-Clause */
/* Where CPUID has each word of features (xen/arch-x86/cpufeatureset.h). */
#ifndef HV_CPU_FEATURE_WORDS_H
#define HV_CPU_FEATURE_WORDS_H

#include "hv/cpu/feature_bits.h"
#include "hv/cpu/msr.h"

/* Where the answer to (leaf, subleaf) has the word, or NULL if another answer has it. */
uint32_t *feature_word_in(struct cpuid_result *answer, unsigned int word, uint32_t leaf,
                          uint32_t subleaf);

/* The leaf and subleaf of the answer that has a word. False: no CPUID leaf has it, but an MSR. */
NODISCARD bool feature_word_place(unsigned int word, uint32_t *leaf, uint32_t *subleaf);

#endif
