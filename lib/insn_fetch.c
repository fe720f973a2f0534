/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/insn_fetch.h"

/* ---- bytes ------------------------------------------------------------------------------- */

bool insn_fetch_unsigned(struct insn_cursor *cursor, unsigned int size, uint64_t *value)
{
    if ((size_t)(cursor->end - cursor->next) < size) {
        return false;
    }
    *value = 0;
    for (unsigned int i = 0; i < size; i++) {
        *value |= (uint64_t)cursor->next[i] << (8 * i);
    }
    cursor->next += size;
    return true;
}

bool insn_fetch_signed(struct insn_cursor *cursor, unsigned int size, uint64_t *value)
{
    if (!insn_fetch_unsigned(cursor, size, value)) {
        return false;
    }
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    *value = (*value ^ sign) - sign;
    return true;
}

/* ---- prefixes and opcode ----------------------------------------------------------------- */

/* FS together with GS: which one wins is not defined. */
static bool prefix_set_segment(struct insn_prefixes *prefixes, enum insn_segment segment)
{
    if (prefixes->segment != INSN_SEGMENT_FLAT && prefixes->segment != segment) {
        return false;
    }
    prefixes->segment = segment;
    return true;
}

/* Note one legacy prefix. False: `byte` is none, or contradicts an earlier one. */
static bool prefix_add(struct insn_prefixes *prefixes, uint8_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
        /* ES, CS, SS, DS: ignored in 64-bit mode. With one CPU, Linux turns LOCK into DS. */
        return true;
    case 0x64:
        return prefix_set_segment(prefixes, INSN_SEGMENT_FS);
    case 0x65:
        return prefix_set_segment(prefixes, INSN_SEGMENT_GS);
    case 0x66:
        prefixes->operand_16 = true;
        return true;
    case 0x67:
        prefixes->address_32 = true;
        return true;
    case 0xf0:
        prefixes->lock = true;
        return true;
    case 0xf3: /* F2 means nothing in any instruction of ours: it is left to be a bad opcode. */
        prefixes->repeat = true;
        return true;
    default:
        return false;
    }
}

bool insn_fetch_opcode(struct insn_cursor *cursor, struct insn_prefixes *prefixes,
                       unsigned int *map, uint8_t *opcode)
{
    *prefixes = (struct insn_prefixes){.segment = INSN_SEGMENT_FLAT};
    while (insn_fetch_byte(cursor, opcode)) {
        if ((*opcode & 0xf0) == 0x40) {
            prefixes->rex = *opcode;
        } else if (prefix_add(prefixes, *opcode)) {
            prefixes->rex = 0; /* REX counts only right before the opcode */
        } else {
            *map = *opcode == 0x0f;
            return *map == 0 || insn_fetch_byte(cursor, opcode);
        }
    }
    return false;
}

/* ---- the memory operand ------------------------------------------------------------------ */

struct insn_memory insn_memory_make(const struct insn_prefixes *prefixes)
{
    return (struct insn_memory){
        .displacement = 0,
        .segment = prefixes->segment,
        .base = INSN_NO_REGISTER,
        .index = INSN_NO_REGISTER,
        .scale_shift = 0,
        .address_size = prefixes->address_32 ? 4 : 8,
        .rip_relative = false,
    };
}

/* Read the SIB byte. `*no_base`: a base of 5 in a ModRM with mod 0 stands for none (and disp32). */
static bool fetch_sib(struct insn_cursor *cursor, uint8_t rex, bool mod_is_0, bool *no_base,
                      struct insn_memory *memory)
{
    uint8_t sib;
    if (!insn_fetch_byte(cursor, &sib)) {
        return false;
    }
    uint8_t index = insn_register_number((sib >> 3) & 7, (rex & REX_X) != 0);
    if (index != INSN_RSP) { /* r12 can be an index, rsp cannot */
        memory->index = index;
        memory->scale_shift = sib >> 6;
    }
    *no_base = mod_is_0 && (sib & 7) == 5;
    if (!*no_base) {
        memory->base = insn_register_number(sib & 7, (rex & REX_B) != 0);
    }
    return true;
}

bool insn_fetch_memory(struct insn_cursor *cursor, const struct insn_prefixes *prefixes,
                       uint8_t modrm, struct insn_memory *memory)
{
    static const uint8_t displacement_sizes[4] = {0, 1, 4, 0};
    unsigned int mod = insn_modrm_mod(modrm);
    unsigned int displacement_size = displacement_sizes[mod];

    *memory = insn_memory_make(prefixes);
    if ((modrm & 7) == 4) {
        bool no_base;
        if (!fetch_sib(cursor, prefixes->rex, mod == 0, &no_base, memory)) {
            return false;
        }
        if (no_base) {
            displacement_size = 4;
        }
    } else if (mod == 0 && (modrm & 7) == 5) {
        memory->rip_relative = true;
        displacement_size = 4;
    } else {
        memory->base = insn_register_number(modrm & 7, (prefixes->rex & REX_B) != 0);
    }

    if (displacement_size != 0) {
        uint64_t displacement;
        if (!insn_fetch_signed(cursor, displacement_size, &displacement)) {
            return false;
        }
        memory->displacement = (int64_t)displacement;
    }
    return true;
}
