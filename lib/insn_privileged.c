/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding of the privileged instructions. Their allow-list is a table of its own, so that no
 * instruction can come in through the other trap.
 */
#include "lib/insn_fetch.h"

/* What follows the opcode. */
enum form { PLAIN, PORT_IN_BYTE, PORT_IN_DX, PORT_STRING, CONTROL_MOVE, DEBUG_MOVE, SYSTEM_GROUP };

struct privileged_opcode {
    uint8_t op;   /* INSN_PRIVILEGED_NONE and PLAIN: a hole */
    uint8_t form; /* enum form */
    uint8_t flags;
};

static const struct privileged_opcode privileged_opcodes[2][256] = {
    {
        [0x6c] = {INSN_INS, PORT_STRING, BYTE | REPEATS},
        [0x6d] = {INSN_INS, PORT_STRING, REPEATS},
        [0x6e] = {INSN_OUTS, PORT_STRING, BYTE | REPEATS},
        [0x6f] = {INSN_OUTS, PORT_STRING, REPEATS},
        [0xe4] = {INSN_IN, PORT_IN_BYTE, BYTE},
        [0xe5] = {INSN_IN, PORT_IN_BYTE, 0},
        [0xe6] = {INSN_OUT, PORT_IN_BYTE, BYTE},
        [0xe7] = {INSN_OUT, PORT_IN_BYTE, 0},
        [0xec] = {INSN_IN, PORT_IN_DX, BYTE},
        [0xed] = {INSN_IN, PORT_IN_DX, 0},
        [0xee] = {INSN_OUT, PORT_IN_DX, BYTE},
        [0xef] = {INSN_OUT, PORT_IN_DX, 0},
        [0xf4] = {INSN_HLT, PLAIN, NO_66},
        [0xfa] = {INSN_CLI, PLAIN, NO_66},
        [0xfb] = {INSN_STI, PLAIN, NO_66},
    },
    {
        [0x01] = {INSN_PRIVILEGED_NONE, SYSTEM_GROUP, NO_66},
        [0x06] = {INSN_CLTS, PLAIN, NO_66},
        [0x08] = {INSN_INVD, PLAIN, NO_66},
        [0x09] = {INSN_WBINVD, PLAIN, NO_66 | REPEATS}, /* with F3: WBNOINVD */
        [0x20] = {INSN_MOV_FROM_CR, CONTROL_MOVE, NO_66},
        [0x21] = {INSN_MOV_FROM_DR, DEBUG_MOVE, NO_66},
        [0x22] = {INSN_MOV_TO_CR, CONTROL_MOVE, NO_66},
        [0x23] = {INSN_MOV_TO_DR, DEBUG_MOVE, NO_66},
        [0x30] = {INSN_WRMSR, PLAIN, NO_66},
        [0x31] = {INSN_RDTSC, PLAIN, NO_66},
        [0x32] = {INSN_RDMSR, PLAIN, NO_66},
        [0xa2] = {INSN_CPUID, PLAIN, NO_66},
    },
};

/* There are no 8-byte ports: REX.W means 4 bytes. */
static uint8_t port_size(const struct privileged_opcode *opcode,
                         const struct insn_prefixes *prefixes)
{
    if ((opcode->flags & BYTE) != 0) {
        return 1;
    }
    return insn_operand_size(prefixes) == 2 ? 2 : 4;
}

/* Moves to and from CRs and DRs: the CPU does not look at mod, the operand is always a register. */
static bool fetch_special_move(struct insn_cursor *cursor, const struct insn_prefixes *prefixes,
                               struct insn_privileged *insn)
{
    uint8_t modrm;
    if (!insn_fetch_byte(cursor, &modrm)) {
        return false;
    }
    insn->special = insn_register_number(insn_modrm_reg(modrm), (prefixes->rex & REX_R) != 0);
    insn->gpr = insn_register_number(modrm & 7, (prefixes->rex & REX_B) != 0);
    return true;
}

static bool control_register_exists(uint8_t number)
{
    return number == 0 || number == 2 || number == 3 || number == 4 || number == 8;
}

/* 0F 01: the operation is in the whole ModRM byte. */
static enum insn_privileged_op fetch_system_group(struct insn_cursor *cursor,
                                                  const struct insn_prefixes *prefixes)
{
    uint8_t modrm;
    if (!insn_fetch_byte(cursor, &modrm)) {
        return INSN_PRIVILEGED_NONE;
    }
    if (modrm == 0xd1) {
        return INSN_XSETBV;
    }
    if (modrm == 0xf9) {
        return INSN_RDTSCP;
    }
    struct insn_memory skipped;
    if (insn_modrm_mod(modrm) != 3 && insn_modrm_reg(modrm) == 7 &&
        insn_fetch_memory(cursor, prefixes, modrm, &skipped)) {
        return INSN_INVLPG;
    }
    return INSN_PRIVILEGED_NONE;
}

/* Read what follows the opcode; `*op` changes where the opcode alone does not tell it. */
static bool fetch_form(struct insn_cursor *cursor, const struct privileged_opcode *opcode,
                       const struct insn_prefixes *prefixes, enum insn_privileged_op *op,
                       struct insn_privileged *insn)
{
    switch ((enum form)opcode->form) {
    case PLAIN:
        return true;
    case PORT_IN_BYTE:
        insn->port_kind = INSN_PORT_IMMEDIATE;
        insn->size = port_size(opcode, prefixes);
        return insn_fetch_byte(cursor, &insn->port);
    case PORT_IN_DX:
        insn->port_kind = INSN_PORT_DX;
        insn->size = port_size(opcode, prefixes);
        return true;
    case PORT_STRING:
        insn->port_kind = INSN_PORT_DX;
        insn->size = port_size(opcode, prefixes);
        insn->repeat = prefixes->repeat;
        /* Only through all of RSI or RDI, in the flat segment: drivers use no others. */
        return !prefixes->address_32 && prefixes->segment == INSN_SEGMENT_FLAT;
    case CONTROL_MOVE:
        return fetch_special_move(cursor, prefixes, insn) && control_register_exists(insn->special);
    case DEBUG_MOVE:
        return fetch_special_move(cursor, prefixes, insn) && insn->special < 8;
    case SYSTEM_GROUP:
        *op = fetch_system_group(cursor, prefixes);
        return true;
    }
    return false;
}

bool insn_decode_privileged(const uint8_t *bytes, size_t count, struct insn_privileged *insn)
{
    *insn = (struct insn_privileged){.gpr = INSN_NO_REGISTER};

    struct insn_cursor cursor = insn_cursor_make(bytes, count);
    struct insn_prefixes prefixes;
    unsigned int map;
    uint8_t byte;
    if (!insn_fetch_opcode(&cursor, &prefixes, &map, &byte)) {
        return false;
    }
    const struct privileged_opcode *opcode = &privileged_opcodes[map][byte];
    enum insn_privileged_op op = (enum insn_privileged_op)opcode->op;
    if (!insn_prefixes_fit(&prefixes, opcode->flags) ||
        !fetch_form(&cursor, opcode, &prefixes, &op, insn)) {
        return false;
    }
    insn->length = insn_cursor_length(&cursor, bytes);
    insn->op = op;
    return op != INSN_PRIVILEGED_NONE;
}
