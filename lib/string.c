/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/string.h"

#include "lib/compiler.h"

/* String instructions move eight bytes an iteration: few instructions, and no vector registers,
 * which belong to the guest. */
void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    void *cursor = to;
    size_t words = size / 8;
    __asm__ volatile("rep movsq\n\tmov %3, %2\n\trep movsb"
                     : "+D"(cursor), "+S"(from), "+c"(words)
                     : "r"(size % 8)
                     : "memory");
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    void *cursor = to;
    size_t words = size / 8;
    uint64_t pattern = (uint64_t)(unsigned char)byte * UINT64_C(0x0101010101010101);
    __asm__ volatile("rep stosq\n\tmov %3, %1\n\trep stosb"
                     : "+D"(cursor), "+c"(words)
                     : "a"(pattern), "r"(size % 8)
                     : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    if (target < source) {
        for (size_t i = 0; i < size; i++) {
            target[i] = source[i];
        }
    } else {
        for (size_t i = size; i > 0; i--) {
            target[i - 1] = source[i - 1];
        }
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a;
    const unsigned char *right = b;
    for (size_t i = 0; i < size; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

size_t strnlen(const char *text, size_t limit)
{
    size_t length = 0;
    while (length < limit && text[length] != '\0') {
        length++;
    }
    return length;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t limit)
{
    for (size_t i = 0; i < limit; i++) {
        unsigned char left = (unsigned char)a[i];
        unsigned char right = (unsigned char)b[i];
        if (left != right) {
            return left < right ? -1 : 1;
        }
        if (left == '\0') {
            return 0;
        }
    }
    return 0;
}

char *strchr(const char *text, int c)
{
    for (;; text++) {
        if (*text == (char)c) {
            return (char *)(uintptr_t)text;
        }
        if (*text == '\0') {
            return NULL;
        }
    }
}
