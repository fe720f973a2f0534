/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two decoders (lib/insn.c, lib/insn_privileged.c) share: reading an instruction's bytes,
 * prefixes and memory operand. For them only; everybody else includes lib/insn.h.
 */
#ifndef LIB_INSN_FETCH_H
#define LIB_INSN_FETCH_H

#include "lib/insn.h"

/* Ends where the caller's bytes end or after 15 bytes, whichever comes first. */
struct insn_cursor {
    const uint8_t *next;
    const uint8_t *end;
};

struct insn_prefixes {
    enum insn_segment segment;
    uint8_t rex; /* 0: none */
    bool lock;
    bool operand_16;
    bool address_32;
    bool repeat; /* F3 */
};

#define REX_B 0x01
#define REX_X 0x02
#define REX_R 0x04
#define REX_W 0x08

/* Of an opcode: what it makes of prefixes. */
#define BYTE     0x01 /* the operand is one byte whatever the prefixes say */
#define LOCKABLE 0x02
#define NO_66    0x04 /* an operand-size prefix has no meaning, or another, here */
#define REPEATS  0x08 /* F3 is REP; elsewhere it could be another instruction or a hint */

static inline struct insn_cursor insn_cursor_make(const uint8_t *bytes, size_t count)
{
    return (struct insn_cursor){.next = bytes, .end = bytes + min_u64(count, INSN_MAX_LENGTH)};
}

static inline uint8_t insn_cursor_length(const struct insn_cursor *cursor, const uint8_t *bytes)
{
    return (uint8_t)(cursor->next - bytes);
}

static inline bool insn_fetch_byte(struct insn_cursor *cursor, uint8_t *byte)
{
    if (cursor->next == cursor->end) {
        return false;
    }
    *byte = *cursor->next++;
    return true;
}

/* A little-endian number of 1 to 8 bytes. On false, nothing was taken. */
NODISCARD bool insn_fetch_unsigned(struct insn_cursor *cursor, unsigned int size, uint64_t *value);
NODISCARD bool insn_fetch_signed(struct insn_cursor *cursor, unsigned int size, uint64_t *value);

/* Read up to and with the opcode. `*map` becomes 0 for the one-byte map, 1 for the 0F map. */
NODISCARD bool insn_fetch_opcode(struct insn_cursor *cursor, struct insn_prefixes *prefixes,
                                 unsigned int *map, uint8_t *opcode);

/* Whether an opcode with these flags may have these prefixes. */
static inline bool insn_prefixes_fit(const struct insn_prefixes *prefixes, uint8_t flags)
{
    return (!prefixes->lock || (flags & LOCKABLE) != 0) &&
           (!prefixes->operand_16 || (flags & NO_66) == 0) &&
           (!prefixes->repeat || (flags & REPEATS) != 0);
}

/* In bytes, of an operand that is not always one byte. */
static inline uint8_t insn_operand_size(const struct insn_prefixes *prefixes)
{
    if ((prefixes->rex & REX_W) != 0) {
        return 8;
    }
    return prefixes->operand_16 ? 2 : 4;
}

/*
 *        7 6  5 4 3   2 1 0              7 6    5 4 3   2 1 0
 * ModRM  mod   reg     rm         SIB   scale   index   base
 *
 * REX.R, REX.X and REX.B are bit 3 of reg, index, and base or rm.
 */
static inline unsigned int insn_modrm_mod(uint8_t modrm)
{
    return modrm >> 6;
}

static inline unsigned int insn_modrm_reg(uint8_t modrm)
{
    return (modrm >> 3) & 7;
}

static inline uint8_t insn_register_number(unsigned int low_bits, bool high_bit)
{
    return (uint8_t)(low_bits | (high_bit ? 8U : 0U));
}

/* A memory operand with nothing in it yet but what the prefixes say. */
struct insn_memory insn_memory_make(const struct insn_prefixes *prefixes);

/* Read what follows a ModRM byte with mod 0..2: SIB and displacement. */
NODISCARD bool insn_fetch_memory(struct insn_cursor *cursor, const struct insn_prefixes *prefixes,
                                 uint8_t modrm, struct insn_memory *memory);

#endif
