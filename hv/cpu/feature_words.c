/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/cpu/feature_words.h"

#include <stddef.h>

#define REGISTER(name) offsetof(struct cpuid_result, name)

/* Leaf 0 has no features: it stands for words that are an MSR's. */
static const struct {
    uint32_t leaf;
    uint32_t subleaf;
    size_t offset;
} places[FEATURE_WORDS] = {
    [0] = {1, 0, REGISTER(edx)},           [1] = {1, 0, REGISTER(ecx)},
    [2] = {0x80000001, 0, REGISTER(edx)},  [3] = {0x80000001, 0, REGISTER(ecx)},
    [4] = {0xd, 1, REGISTER(eax)},         [5] = {7, 0, REGISTER(ebx)},
    [6] = {7, 0, REGISTER(ecx)},           [7] = {0x80000007, 0, REGISTER(edx)},
    [8] = {0x80000008, 0, REGISTER(ebx)},  [9] = {7, 0, REGISTER(edx)},
    [10] = {7, 1, REGISTER(eax)},          [11] = {0x80000021, 0, REGISTER(eax)},
    [12] = {7, 1, REGISTER(ebx)},          [13] = {7, 2, REGISTER(edx)},
    [14] = {7, 1, REGISTER(ecx)},          [15] = {7, 1, REGISTER(edx)},
    [18] = {0x80000021, 0, REGISTER(ecx)},
};

/* Only leaves 7 and 0xd have features in more than one answer: others do not look at ECX. */
static bool has_subleaves(uint32_t leaf)
{
    return leaf == 7 || leaf == 0xd;
}

uint32_t *feature_word_in(struct cpuid_result *answer, unsigned int word, uint32_t leaf,
                          uint32_t subleaf)
{
    if (places[word].leaf == 0 || places[word].leaf != leaf ||
        (has_subleaves(leaf) && places[word].subleaf != subleaf)) {
        return NULL;
    }
    return (uint32_t *)((char *)answer + places[word].offset);
}

bool feature_word_place(unsigned int word, uint32_t *leaf, uint32_t *subleaf)
{
    *leaf = places[word].leaf;
    *subleaf = places[word].subleaf;
    return places[word].leaf != 0;
}
