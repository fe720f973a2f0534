/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding of the instructions that write memory. The allow-list is a table by opcode, for the
 * one-byte and the 0F map; a hole in it is an instruction we do not emulate.
 */
#include "lib/insn_fetch.h"

/* How the memory operand is named. */
enum addressing { BY_MODRM, BY_ABSOLUTE, BY_RDI };

/* How the source operand is named. */
enum operand {
    FROM_NOTHING,
    FROM_REG,  /* ModRM.reg */
    FROM_RAX,  /* al, ax, eax, rax */
    FROM_CL,   /* shift count */
    FROM_ONE,  /* shift count */
    FROM_IMM8, /* one byte, sign-extended */
    FROM_IMM,  /* of operand size, but four bytes for eight */
    FROM_RSI_MEMORY,
};

/* Opcodes whose operation is in ModRM.reg. */
enum group { NO_GROUP, ARITHMETIC, SHIFT, UNARY, STEP, MOVE, BIT, COMPARE_8_BYTES };

static const uint8_t group_ops[][8] = {
    [ARITHMETIC] = {INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR},
    [SHIFT] = {[4] = INSN_SHL, [5] = INSN_SHR, [7] = INSN_SAR},
    [UNARY] = {[2] = INSN_NOT, [3] = INSN_NEG},
    [STEP] = {[0] = INSN_INC, [1] = INSN_DEC},
    [MOVE] = {[0] = INSN_MOV},
    [BIT] = {[5] = INSN_BTS, [6] = INSN_BTR, [7] = INSN_BTC},
    [COMPARE_8_BYTES] = {[1] = INSN_CMPXCHG8B},
};

struct opcode {
    uint8_t op;         /* INSN_NONE: see group */
    uint8_t group;      /* NO_GROUP as well: a hole */
    uint8_t addressing; /* enum addressing */
    uint8_t operand;    /* enum operand */
    uint8_t flags;
};

static const struct opcode opcodes[2][256] = {
    {
        [0x00] = {INSN_ADD, NO_GROUP, BY_MODRM, FROM_REG, BYTE | LOCKABLE},
        [0x01] = {INSN_ADD, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0x08] = {INSN_OR, NO_GROUP, BY_MODRM, FROM_REG, BYTE | LOCKABLE},
        [0x09] = {INSN_OR, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0x10] = {INSN_ADC, NO_GROUP, BY_MODRM, FROM_REG, BYTE | LOCKABLE},
        [0x11] = {INSN_ADC, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0x18] = {INSN_SBB, NO_GROUP, BY_MODRM, FROM_REG, BYTE | LOCKABLE},
        [0x19] = {INSN_SBB, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0x20] = {INSN_AND, NO_GROUP, BY_MODRM, FROM_REG, BYTE | LOCKABLE},
        [0x21] = {INSN_AND, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0x28] = {INSN_SUB, NO_GROUP, BY_MODRM, FROM_REG, BYTE | LOCKABLE},
        [0x29] = {INSN_SUB, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0x30] = {INSN_XOR, NO_GROUP, BY_MODRM, FROM_REG, BYTE | LOCKABLE},
        [0x31] = {INSN_XOR, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0x80] = {INSN_NONE, ARITHMETIC, BY_MODRM, FROM_IMM8, BYTE | LOCKABLE},
        [0x81] = {INSN_NONE, ARITHMETIC, BY_MODRM, FROM_IMM, LOCKABLE},
        [0x83] = {INSN_NONE, ARITHMETIC, BY_MODRM, FROM_IMM8, LOCKABLE},
        [0x86] = {INSN_XCHG, NO_GROUP, BY_MODRM, FROM_REG, BYTE | LOCKABLE},
        [0x87] = {INSN_XCHG, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0x88] = {INSN_MOV, NO_GROUP, BY_MODRM, FROM_REG, BYTE},
        [0x89] = {INSN_MOV, NO_GROUP, BY_MODRM, FROM_REG, 0},
        [0xa2] = {INSN_MOV, NO_GROUP, BY_ABSOLUTE, FROM_RAX, BYTE},
        [0xa3] = {INSN_MOV, NO_GROUP, BY_ABSOLUTE, FROM_RAX, 0},
        [0xa4] = {INSN_MOVS, NO_GROUP, BY_RDI, FROM_RSI_MEMORY, BYTE | REPEATS},
        [0xa5] = {INSN_MOVS, NO_GROUP, BY_RDI, FROM_RSI_MEMORY, REPEATS},
        [0xaa] = {INSN_STOS, NO_GROUP, BY_RDI, FROM_RAX, BYTE | REPEATS},
        [0xab] = {INSN_STOS, NO_GROUP, BY_RDI, FROM_RAX, REPEATS},
        [0xc0] = {INSN_NONE, SHIFT, BY_MODRM, FROM_IMM8, BYTE},
        [0xc1] = {INSN_NONE, SHIFT, BY_MODRM, FROM_IMM8, 0},
        [0xc6] = {INSN_NONE, MOVE, BY_MODRM, FROM_IMM8, BYTE},
        [0xc7] = {INSN_NONE, MOVE, BY_MODRM, FROM_IMM, 0},
        [0xd0] = {INSN_NONE, SHIFT, BY_MODRM, FROM_ONE, BYTE},
        [0xd1] = {INSN_NONE, SHIFT, BY_MODRM, FROM_ONE, 0},
        [0xd2] = {INSN_NONE, SHIFT, BY_MODRM, FROM_CL, BYTE},
        [0xd3] = {INSN_NONE, SHIFT, BY_MODRM, FROM_CL, 0},
        [0xf6] = {INSN_NONE, UNARY, BY_MODRM, FROM_NOTHING, BYTE | LOCKABLE},
        [0xf7] = {INSN_NONE, UNARY, BY_MODRM, FROM_NOTHING, LOCKABLE},
        [0xfe] = {INSN_NONE, STEP, BY_MODRM, FROM_NOTHING, BYTE | LOCKABLE},
        [0xff] = {INSN_NONE, STEP, BY_MODRM, FROM_NOTHING, LOCKABLE},
    },
    {
        [0x90] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x91] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x92] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x93] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x94] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x95] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x96] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x97] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x98] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x99] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x9a] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x9b] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x9c] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x9d] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x9e] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0x9f] = {INSN_SETCC, NO_GROUP, BY_MODRM, FROM_NOTHING, BYTE},
        [0xab] = {INSN_BTS, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0xb0] = {INSN_CMPXCHG, NO_GROUP, BY_MODRM, FROM_REG, BYTE | LOCKABLE},
        [0xb1] = {INSN_CMPXCHG, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0xb3] = {INSN_BTR, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0xba] = {INSN_NONE, BIT, BY_MODRM, FROM_IMM8, LOCKABLE},
        [0xbb] = {INSN_BTC, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0xc0] = {INSN_XADD, NO_GROUP, BY_MODRM, FROM_REG, BYTE | LOCKABLE},
        [0xc1] = {INSN_XADD, NO_GROUP, BY_MODRM, FROM_REG, LOCKABLE},
        [0xc3] = {INSN_MOV, NO_GROUP, BY_MODRM, FROM_REG, NO_66},
        [0xc7] = {INSN_NONE, COMPARE_8_BYTES, BY_MODRM, FROM_NOTHING, LOCKABLE | NO_66},
    },
};

/* The address in the instruction itself (MOV opcodes A2 and A3): no ModRM, no sign extension. */
static bool fetch_absolute(struct insn_cursor *cursor, const struct insn_prefixes *prefixes,
                           struct insn_memory *memory)
{
    *memory = insn_memory_make(prefixes);
    uint64_t address;
    if (!insn_fetch_unsigned(cursor, memory->address_size, &address)) {
        return false;
    }
    memory->displacement = (int64_t)address;
    return true;
}

/* Byte registers 4..7 are AH, CH, DH and BH unless there is a REX prefix. */
static void source_from_reg(struct insn *insn, uint8_t rex, uint8_t modrm)
{
    uint8_t number = insn_register_number(insn_modrm_reg(modrm), (rex & REX_R) != 0);
    bool high_byte = insn->size == 1 && rex == 0 && number >= 4;
    insn->source = high_byte ? INSN_SOURCE_HIGH_BYTE : INSN_SOURCE_REGISTER;
    insn->source_register = high_byte ? number - 4 : number;
}

static bool fetch_source(struct insn_cursor *cursor, enum operand operand, uint8_t rex,
                         uint8_t modrm, struct insn *insn)
{
    switch (operand) {
    case FROM_NOTHING:
        return true;
    case FROM_REG:
        source_from_reg(insn, rex, modrm);
        return true;
    case FROM_RAX:
        insn->source = INSN_SOURCE_REGISTER;
        insn->source_register = INSN_RAX;
        return true;
    case FROM_CL:
        insn->source = INSN_SOURCE_REGISTER;
        insn->source_register = INSN_RCX;
        return true;
    case FROM_ONE:
        insn->source = INSN_SOURCE_IMMEDIATE;
        insn->immediate = 1;
        return true;
    case FROM_IMM8:
        insn->source = INSN_SOURCE_IMMEDIATE;
        return insn_fetch_signed(cursor, 1, &insn->immediate);
    case FROM_IMM:
        insn->source = INSN_SOURCE_IMMEDIATE;
        return insn_fetch_signed(cursor, insn->size == 2 ? 2 : 4, &insn->immediate);
    case FROM_RSI_MEMORY:
        insn->source = INSN_SOURCE_MEMORY;
        return true;
    }
    return false;
}

/* Read the memory operand; where there is a ModRM byte, it goes to `*modrm`. */
static bool fetch_destination(struct insn_cursor *cursor, enum addressing addressing,
                              const struct insn_prefixes *prefixes, uint8_t *modrm,
                              struct insn *insn)
{
    switch (addressing) {
    case BY_MODRM:
        return insn_fetch_byte(cursor, modrm) && insn_modrm_mod(*modrm) != 3 &&
               insn_fetch_memory(cursor, prefixes, *modrm, &insn->memory);
    case BY_ABSOLUTE:
        return fetch_absolute(cursor, prefixes, &insn->memory);
    case BY_RDI: /* in ES: an override is for MOVS's source */
        insn->memory = insn_memory_make(prefixes);
        insn->memory.segment = INSN_SEGMENT_FLAT;
        insn->memory.base = INSN_RDI;
        insn->source_segment = prefixes->segment;
        return true;
    }
    return false;
}

static struct insn insn_make_empty(void)
{
    return (struct insn){
        .memory = {.base = INSN_NO_REGISTER, .index = INSN_NO_REGISTER},
        .source_register = INSN_NO_REGISTER,
    };
}

bool insn_decode(const uint8_t *bytes, size_t count, struct insn *insn)
{
    *insn = insn_make_empty();

    struct insn_cursor cursor = insn_cursor_make(bytes, count);
    struct insn_prefixes prefixes;
    unsigned int map;
    uint8_t byte;
    if (!insn_fetch_opcode(&cursor, &prefixes, &map, &byte)) {
        return false;
    }
    const struct opcode *opcode = &opcodes[map][byte];
    if (!insn_prefixes_fit(&prefixes, opcode->flags)) {
        return false;
    }
    enum insn_op op = (enum insn_op)opcode->op;
    if (op == INSN_NONE && opcode->group == NO_GROUP) {
        return false;
    }

    insn->size = (opcode->flags & BYTE) != 0 ? 1 : insn_operand_size(&prefixes);
    uint8_t modrm = 0;
    if (!fetch_destination(&cursor, (enum addressing)opcode->addressing, &prefixes, &modrm, insn)) {
        return false;
    }
    if (op == INSN_NONE) {
        op = (enum insn_op)group_ops[opcode->group][insn_modrm_reg(modrm)];
    }
    if (op == INSN_CMPXCHG8B) {
        if (insn->size == 8) {
            return false; /* REX.W makes it CMPXCHG16B */
        }
        insn->size = 8;
    }
    if (!fetch_source(&cursor, (enum operand)opcode->operand, prefixes.rex, modrm, insn)) {
        return false;
    }

    insn->condition = op == INSN_SETCC ? byte & 0xf : 0;
    insn->lock = prefixes.lock;
    insn->repeat = prefixes.repeat;
    insn->length = insn_cursor_length(&cursor, bytes);
    insn->op = op;
    return op != INSN_NONE;
}
