/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library's memory and string functions that freestanding code may call, with the C
 * library's meaning. lib/string.c defines them for the hypervisor and the guests; host programs
 * link the C library's own.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t limit);
char *strchr(const char *text, int c);

#endif
