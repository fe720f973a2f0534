/* SPDX-License-Identifier: BSD-2-Clause */
/* UUIDs (RFC 4122), by which a domain is known for longer than it lives. */
#ifndef TOOLS_CONTROL_UUID_H
#define TOOLS_CONTROL_UUID_H

#include "lib/compiler.h"

#define UUID_TEXT_SIZE 37

/* 8-4-4-4-12 hexadecimal digits; false: the text is none. */
NODISCARD bool uuid_parse(const char *text, uint8_t uuid[16]);
void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT_SIZE]);

/* One at random (version 4). False: the kernel has no random numbers. */
NODISCARD bool uuid_make(uint8_t uuid[16]);

#endif
