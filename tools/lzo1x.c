/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LZO1X: literals, and matches, which repeat earlier output. Each instruction begins with a byte:
 *
 *     0000LLLL                       behind a match without literals: LLLL + 3 literals
 *     0000DDSS HHHHHHHH              behind 1 to 3 literals: 2 bytes from HD + 1 back;
 *                                    behind more of them: 3 bytes from HD + 2049 back
 *     0001HLLL DDDDDDSS DDDDDDDD     LLL + 2 bytes from HD + 16384 back; from just there: the end
 *     001LLLLL DDDDDDSS DDDDDDDD     LLLLL + 2 bytes from D + 1 back
 *     01LDDDSS HHHHHHHH              L + 3 bytes from HD + 1 back
 *     1LLDDDSS HHHHHHHH              LL + 5 bytes from HD + 1 back
 *
 * (HD: the bits of H above those of D; of two bytes of D the second is above the first.) A length
 * of 0 goes on in further bytes: 255 for each that is 0, and the one that is not, on top of the
 * largest that the field can hold. SS literals follow a match. A first byte above 17 is a run of
 * that many literals less 17.
 */
#include "tools/lzo1x.h"

#include <string.h>

#define MANY_LITERALS 4U /* so many or more count as this when the next instruction is read */

struct unpacking {
    const uint8_t *from;
    const uint8_t *from_end;
    uint8_t *start; /* of the output */
    uint8_t *to;
    uint8_t *to_end;
    unsigned int literals; /* copied last */
    bool failed;
};

static unsigned int next_byte(struct unpacking *job)
{
    if (job->from == job->from_end) {
        job->failed = true;
        return 1; /* not 0, which would make a length go on */
    }
    return *job->from++;
}

/* A length whose field has `bits` bits. */
static size_t length_of(struct unpacking *job, unsigned int opcode, unsigned int bits)
{
    size_t largest = (1U << bits) - 1;
    size_t length = opcode & largest;
    if (length != 0) {
        return length;
    }
    unsigned int byte = next_byte(job);
    for (length = largest; byte == 0; byte = next_byte(job)) {
        length += 255;
    }
    return length + byte;
}

static void copy_literals(struct unpacking *job, size_t count)
{
    if (count > (size_t)(job->from_end - job->from) || count > (size_t)(job->to_end - job->to)) {
        job->failed = true;
        return;
    }
    memcpy(job->to, job->from, count);
    job->from += count;
    job->to += count;
    job->literals = (unsigned int)min_u64(count, MANY_LITERALS);
}

/* Byte by byte, for a match may reach into what it makes. */
static void copy_match(struct unpacking *job, size_t distance, size_t count)
{
    if (job->failed || distance > (size_t)(job->to - job->start) ||
        count > (size_t)(job->to_end - job->to)) {
        job->failed = true;
        return;
    }
    for (const uint8_t *from = job->to - distance; count > 0; count--) {
        *job->to++ = *from++;
    }
}

/* A match with 16 bits of distance and literals behind its length; false: it marks the end. */
static bool far_match(struct unpacking *job, unsigned int opcode)
{
    bool is_farther = opcode < 32;
    size_t length = length_of(job, opcode, is_farther ? 3 : 5) + 2;
    unsigned int low = next_byte(job);
    size_t distance = (low | next_byte(job) << 8) >> 2;
    if (is_farther) {
        distance += (opcode & 8) << 11;
        if (distance == 0) {
            return false;
        }
        distance += 16384 - 1;
    }
    copy_match(job, distance + 1, length);
    copy_literals(job, low & 3);
    return true;
}

static void near_match(struct unpacking *job, unsigned int opcode)
{
    size_t high = next_byte(job);
    if (opcode >= 64) {
        size_t length = opcode >= 128 ? (opcode >> 5 & 3) + 5 : (opcode >> 5 & 1) + 3;
        copy_match(job, (high << 3) + (opcode >> 2 & 7) + 1, length);
    } else if (job->literals < MANY_LITERALS) {
        copy_match(job, (high << 2) + (opcode >> 2) + 1, 2);
    } else {
        copy_match(job, (high << 2) + (opcode >> 2) + 2049, 3);
    }
    copy_literals(job, opcode & 3);
}

bool lzo1x_unpack(const uint8_t *packed, size_t packed_size, uint8_t *to, size_t size)
{
    if (packed_size == size) {
        memcpy(to, packed, size);
        return true;
    }
    struct unpacking job = {
        .from = packed,
        .from_end = packed + packed_size,
        .start = to,
        .to = to,
        .to_end = to + size,
    };
    if (packed_size > 0 && packed[0] > 17) {
        copy_literals(&job, next_byte(&job) - 17);
    }
    for (bool more = true; more && !job.failed;) {
        unsigned int opcode = next_byte(&job);
        if (opcode >= 64 || (opcode < 16 && job.literals > 0)) {
            near_match(&job, opcode);
        } else if (opcode >= 16) {
            more = far_match(&job, opcode);
        } else {
            copy_literals(&job, length_of(&job, opcode, 4) + 3);
        }
    }
    return !job.failed && job.from == job.from_end && job.to == job.to_end;
}
