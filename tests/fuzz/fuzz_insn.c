/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction decoders against Zydis: what ours accepts, Zydis reads as the same instruction
 * with the same operands and length; and what Zydis reads as one of ours, with no prefix that we
 * leave alone on purpose, ours accepts.
 */
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "lib/insn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct decoded {
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool zydis_decode(const uint8_t *data, size_t size, struct decoded *decoded)
{
    ZydisDecoder decoder;
    require(
        ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
    return ZYAN_SUCCESS(
        ZydisDecoderDecodeFull(&decoder, data, size, &decoded->instruction, decoded->operands));
}

static bool has_attribute(const struct decoded *decoded, ZydisInstructionAttributes attribute)
{
    return (decoded->instruction.attributes & attribute) != 0;
}

static bool has_prefix(const struct decoded *decoded, uint8_t byte)
{
    for (unsigned int i = 0; i < decoded->instruction.raw.prefix_count; i++) {
        if (decoded->instruction.raw.prefixes[i].value == byte) {
            return true;
        }
    }
    return false;
}

/* ---- names --------------------------------------------------------------------------------- */

static enum insn_op op_of(ZydisMnemonic mnemonic)
{
    static const struct {
        ZydisMnemonic mnemonic;
        enum insn_op op;
    } names[] = {
        {ZYDIS_MNEMONIC_ADD, INSN_ADD},
        {ZYDIS_MNEMONIC_OR, INSN_OR},
        {ZYDIS_MNEMONIC_ADC, INSN_ADC},
        {ZYDIS_MNEMONIC_SBB, INSN_SBB},
        {ZYDIS_MNEMONIC_AND, INSN_AND},
        {ZYDIS_MNEMONIC_SUB, INSN_SUB},
        {ZYDIS_MNEMONIC_XOR, INSN_XOR},
        {ZYDIS_MNEMONIC_MOV, INSN_MOV},
        {ZYDIS_MNEMONIC_MOVNTI, INSN_MOV},
        {ZYDIS_MNEMONIC_XCHG, INSN_XCHG},
        {ZYDIS_MNEMONIC_NOT, INSN_NOT},
        {ZYDIS_MNEMONIC_NEG, INSN_NEG},
        {ZYDIS_MNEMONIC_INC, INSN_INC},
        {ZYDIS_MNEMONIC_DEC, INSN_DEC},
        {ZYDIS_MNEMONIC_SHL, INSN_SHL},
        {ZYDIS_MNEMONIC_SHR, INSN_SHR},
        {ZYDIS_MNEMONIC_SAR, INSN_SAR},
        {ZYDIS_MNEMONIC_BTS, INSN_BTS},
        {ZYDIS_MNEMONIC_BTR, INSN_BTR},
        {ZYDIS_MNEMONIC_BTC, INSN_BTC},
        {ZYDIS_MNEMONIC_XADD, INSN_XADD},
        {ZYDIS_MNEMONIC_CMPXCHG, INSN_CMPXCHG},
        {ZYDIS_MNEMONIC_STOSB, INSN_STOS},
        {ZYDIS_MNEMONIC_STOSW, INSN_STOS},
        {ZYDIS_MNEMONIC_STOSD, INSN_STOS},
        {ZYDIS_MNEMONIC_STOSQ, INSN_STOS},
        {ZYDIS_MNEMONIC_MOVSB, INSN_MOVS},
        {ZYDIS_MNEMONIC_MOVSW, INSN_MOVS},
        {ZYDIS_MNEMONIC_MOVSD, INSN_MOVS},
        {ZYDIS_MNEMONIC_MOVSQ, INSN_MOVS},
        {ZYDIS_MNEMONIC_CMPXCHG8B, INSN_CMPXCHG8B},
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].mnemonic == mnemonic) {
            return names[i].op;
        }
    }
    return INSN_NONE;
}

/* In the order of the opcodes' low four bits. */
static const ZydisMnemonic setcc[16] = {
    ZYDIS_MNEMONIC_SETO, ZYDIS_MNEMONIC_SETNO, ZYDIS_MNEMONIC_SETB,  ZYDIS_MNEMONIC_SETNB,
    ZYDIS_MNEMONIC_SETZ, ZYDIS_MNEMONIC_SETNZ, ZYDIS_MNEMONIC_SETBE, ZYDIS_MNEMONIC_SETNBE,
    ZYDIS_MNEMONIC_SETS, ZYDIS_MNEMONIC_SETNS, ZYDIS_MNEMONIC_SETP,  ZYDIS_MNEMONIC_SETNP,
    ZYDIS_MNEMONIC_SETL, ZYDIS_MNEMONIC_SETNL, ZYDIS_MNEMONIC_SETLE, ZYDIS_MNEMONIC_SETNLE};

static bool is_setcc(ZydisMnemonic mnemonic)
{
    for (size_t i = 0; i < ARRAY_SIZE(setcc); i++) {
        if (setcc[i] == mnemonic) {
            return true;
        }
    }
    return false;
}

static bool names_the_same(const struct insn *insn, const struct decoded *decoded)
{
    ZydisMnemonic mnemonic = decoded->instruction.mnemonic;
    return insn->op == INSN_SETCC ? setcc[insn->condition] == mnemonic
                                  : op_of(mnemonic) == insn->op;
}

/* ---- operands ------------------------------------------------------------------------------ */

static const ZydisDecodedOperand *find_written(const struct decoded *decoded)
{
    for (unsigned int i = 0; i < decoded->instruction.operand_count; i++) {
        const ZydisDecodedOperand *operand = &decoded->operands[i];
        if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
            operand->mem.type == ZYDIS_MEMOP_TYPE_MEM &&
            (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0) {
            return operand;
        }
    }
    return NULL;
}

static uint8_t register_number(ZydisRegister zydis)
{
    if (zydis == ZYDIS_REGISTER_NONE) {
        return INSN_NO_REGISTER;
    }
    ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, zydis);
    require(whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15);
    return (uint8_t)(whole - ZYDIS_REGISTER_RAX);
}

static enum insn_segment segment_of(ZydisRegister zydis)
{
    return zydis == ZYDIS_REGISTER_FS   ? INSN_SEGMENT_FS
           : zydis == ZYDIS_REGISTER_GS ? INSN_SEGMENT_GS
                                        : INSN_SEGMENT_FLAT;
}

/* With an address size of 32, Zydis takes a SIB byte without base for one with R13D if REX.B is
 * set. SDM 2A, table 2-5: that bit is not looked at then. */
static bool zydis_sees_a_base(const struct decoded *decoded)
{
    const ZydisDecodedInstruction *instruction = &decoded->instruction;
    return instruction->address_width == 32 && instruction->raw.modrm.mod == 0 &&
           instruction->raw.modrm.rm == 4 && instruction->raw.sib.base == 5 &&
           instruction->raw.rex.B == 1;
}

static void check_memory(const struct insn *insn, const struct decoded *decoded,
                         const ZydisDecodedOperand *operand)
{
    const struct insn_memory *memory = &insn->memory;
    require(operand->size == insn->size * 8U);
    require(decoded->instruction.address_width == memory->address_size * 8U);
    require(segment_of(operand->mem.segment) == memory->segment);
    if (zydis_sees_a_base(decoded)) {
        require(memory->base == INSN_NO_REGISTER);
        return;
    }
    ZydisRegister base = operand->mem.base;
    bool rip_relative = base == ZYDIS_REGISTER_RIP || base == ZYDIS_REGISTER_EIP;
    require(rip_relative == memory->rip_relative);
    require(rip_relative || register_number(base) == memory->base);
    require(register_number(operand->mem.index) == memory->index);
    if (memory->index != INSN_NO_REGISTER) {
        require(operand->mem.scale == 1U << memory->scale_shift);
    }
    /* As much of it as is left when the address has been cut to its size. */
    int64_t displacement = operand->mem.disp.has_displacement ? operand->mem.disp.value : 0;
    uint64_t difference = (uint64_t)displacement ^ (uint64_t)memory->displacement;
    require(memory->address_size == 8 ? difference == 0 : (uint32_t)difference == 0);
}

/* The operand that is neither the memory written nor implied by the operation. */
static const ZydisDecodedOperand *find_source(const struct decoded *decoded, ZydisOperandType type)
{
    for (unsigned int i = 0; i < decoded->instruction.operand_count; i++) {
        const ZydisDecodedOperand *operand = &decoded->operands[i];
        if (operand->type == type && operand->visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN) {
            return operand;
        }
    }
    return NULL;
}

static void check_register_source(const struct insn *insn, const struct decoded *decoded)
{
    if (insn->op == INSN_STOS) {
        require(insn->source_register == INSN_RAX && insn->source == INSN_SOURCE_REGISTER);
        return;
    }
    const ZydisDecodedOperand *source = find_source(decoded, ZYDIS_OPERAND_TYPE_REGISTER);
    require(source != NULL && register_number(source->reg.value) == insn->source_register);
    bool high = source->reg.value >= ZYDIS_REGISTER_AH && source->reg.value <= ZYDIS_REGISTER_BH;
    require(high == (insn->source == INSN_SOURCE_HIGH_BYTE));
}

static void check_source(const struct insn *insn, const struct decoded *decoded)
{
    switch (insn->source) {
    case INSN_SOURCE_NONE:
        require(insn->op == INSN_CMPXCHG8B ||
                (find_source(decoded, ZYDIS_OPERAND_TYPE_REGISTER) == NULL &&
                 find_source(decoded, ZYDIS_OPERAND_TYPE_IMMEDIATE) == NULL));
        break;
    case INSN_SOURCE_REGISTER:
    case INSN_SOURCE_HIGH_BYTE:
        check_register_source(insn, decoded);
        break;
    case INSN_SOURCE_IMMEDIATE: {
        const ZydisDecodedOperand *source = find_source(decoded, ZYDIS_OPERAND_TYPE_IMMEDIATE);
        require(source != NULL);
        /* Counts and bit numbers are bytes; other immediates are as wide as the operand. */
        unsigned int bits = source->size < insn->size * 8U ? 8 : insn->size * 8U;
        require(((source->imm.value.u ^ insn->immediate) << (64 - bits)) == 0);
        break;
    }
    case INSN_SOURCE_MEMORY:
        require(insn->op == INSN_MOVS);
        break;
    }
}

/* ---- instructions that write memory -------------------------------------------------------- */

static void check_accepted(const struct insn *insn, const struct decoded *decoded)
{
    const ZydisDecodedOperand *written = find_written(decoded);
    require(names_the_same(insn, decoded));
    require(decoded->instruction.length == insn->length);
    require(written != NULL);
    check_memory(insn, decoded, written);
    check_source(insn, decoded);
    require(has_attribute(decoded, ZYDIS_ATTRIB_HAS_LOCK) == insn->lock);
    require(has_attribute(decoded, ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE) == insn->repeat);
}

/* What we refuse although the processor would do it. */
static bool is_left_alone(const struct decoded *decoded)
{
    const ZydisDecodedInstruction *instruction = &decoded->instruction;
    bool is_string =
        op_of(instruction->mnemonic) == INSN_STOS || op_of(instruction->mnemonic) == INSN_MOVS;
    bool odd_66 = has_prefix(decoded, 0x66) && (instruction->mnemonic == ZYDIS_MNEMONIC_MOVNTI ||
                                                instruction->mnemonic == ZYDIS_MNEMONIC_CMPXCHG8B);
    bool second_encoding =
        op_of(instruction->mnemonic) == INSN_SHL && instruction->raw.modrm.reg == 6;
    bool other_encoding = instruction->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY;
    bool segment_store = instruction->mnemonic == ZYDIS_MNEMONIC_MOV &&
                         instruction->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
                         instruction->opcode == 0x8c;
    bool one_byte_82 =
        instruction->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && instruction->opcode == 0x82;
    return has_prefix(decoded, 0xf2) || (has_prefix(decoded, 0xf3) && !is_string) || odd_66 ||
           second_encoding || other_encoding || segment_store || one_byte_82 ||
           (has_prefix(decoded, 0x64) && has_prefix(decoded, 0x65));
}

static bool should_be_accepted(const struct decoded *decoded)
{
    const ZydisDecodedOperand *written = find_written(decoded);
    bool is_ours = op_of(decoded->instruction.mnemonic) != INSN_NONE ||
                   is_setcc(decoded->instruction.mnemonic);
    return is_ours && written != NULL && written->size <= 64 && !is_left_alone(decoded);
}

/* Whatever registers it meets: no undefined behaviour, and what it says fits in its size. */
static void evaluate(const struct insn *insn, const uint8_t *data, size_t size)
{
    struct cpu_user_regs regs;
    memset(&regs, 0xa5, sizeof(regs));
    memcpy(&regs, data, size < sizeof(regs) ? size : sizeof(regs));
    struct insn_outcome outcome;
    uint64_t source;
    (void)insn_memory_address(insn, &regs, regs.rdi, regs.rsi);
    (void)insn_source_address(insn, &regs, regs.rdi, regs.rsi, &source);
    insn_evaluate(insn, &regs, regs.rbx, regs.rdx, &outcome);
    require(insn->size == 8 || !outcome.memory_written || outcome.memory >> (insn->size * 8) == 0);
    insn_commit(&outcome, &regs);
}

/* ---- privileged instructions --------------------------------------------------------------- */

static enum insn_privileged_op privileged_op_of(const struct decoded *decoded)
{
    static const struct {
        ZydisMnemonic mnemonic;
        enum insn_privileged_op op;
    } names[] = {
        {ZYDIS_MNEMONIC_IN, INSN_IN},         {ZYDIS_MNEMONIC_OUT, INSN_OUT},
        {ZYDIS_MNEMONIC_INSB, INSN_INS},      {ZYDIS_MNEMONIC_INSW, INSN_INS},
        {ZYDIS_MNEMONIC_INSD, INSN_INS},      {ZYDIS_MNEMONIC_OUTSB, INSN_OUTS},
        {ZYDIS_MNEMONIC_OUTSW, INSN_OUTS},    {ZYDIS_MNEMONIC_OUTSD, INSN_OUTS},
        {ZYDIS_MNEMONIC_CLI, INSN_CLI},       {ZYDIS_MNEMONIC_STI, INSN_STI},
        {ZYDIS_MNEMONIC_HLT, INSN_HLT},       {ZYDIS_MNEMONIC_CPUID, INSN_CPUID},
        {ZYDIS_MNEMONIC_RDMSR, INSN_RDMSR},   {ZYDIS_MNEMONIC_WRMSR, INSN_WRMSR},
        {ZYDIS_MNEMONIC_RDTSC, INSN_RDTSC},   {ZYDIS_MNEMONIC_RDTSCP, INSN_RDTSCP},
        {ZYDIS_MNEMONIC_CLTS, INSN_CLTS},     {ZYDIS_MNEMONIC_INVD, INSN_INVD},
        {ZYDIS_MNEMONIC_WBINVD, INSN_WBINVD}, {ZYDIS_MNEMONIC_XSETBV, INSN_XSETBV},
        {ZYDIS_MNEMONIC_INVLPG, INSN_INVLPG},
    };
    const ZydisDecodedInstruction *instruction = &decoded->instruction;
    if (instruction->mnemonic == ZYDIS_MNEMONIC_MOV &&
        instruction->opcode_map == ZYDIS_OPCODE_MAP_0F) {
        static const enum insn_privileged_op moves[4] = {INSN_MOV_FROM_CR, INSN_MOV_FROM_DR,
                                                         INSN_MOV_TO_CR, INSN_MOV_TO_DR};
        bool is_move = instruction->opcode >= 0x20 && instruction->opcode <= 0x23;
        return is_move ? moves[instruction->opcode - 0x20] : INSN_PRIVILEGED_NONE;
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].mnemonic == instruction->mnemonic) {
            return names[i].op;
        }
    }
    return INSN_PRIVILEGED_NONE;
}

static void check_special_move(const struct insn_privileged *insn, const struct decoded *decoded)
{
    bool from = insn->op == INSN_MOV_FROM_CR || insn->op == INSN_MOV_FROM_DR;
    bool control = insn->op == INSN_MOV_FROM_CR || insn->op == INSN_MOV_TO_CR;
    ZydisRegister special = decoded->operands[from ? 1 : 0].reg.value;
    ZydisRegister first = control ? ZYDIS_REGISTER_CR0 : ZYDIS_REGISTER_DR0;
    require(special - first == insn->special);
    require(register_number(decoded->operands[from ? 0 : 1].reg.value) == insn->gpr);
}

static void check_port(const struct insn_privileged *insn, const struct decoded *decoded)
{
    bool is_string = insn->op == INSN_INS || insn->op == INSN_OUTS;
    if (!is_string) {
        unsigned int data = insn->op == INSN_IN ? 0 : 1;
        const ZydisDecodedOperand *port = &decoded->operands[1 - data];
        require(decoded->operands[data].size == insn->size * 8U);
        require((port->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) ==
                (insn->port_kind == INSN_PORT_IMMEDIATE));
        require(insn->port_kind != INSN_PORT_IMMEDIATE || (port->imm.value.u & 255) == insn->port);
    }
    require(insn->repeat == (is_string && has_prefix(decoded, 0xf3)));
}

static void check_privileged(const struct insn_privileged *insn, const struct decoded *decoded)
{
    require(privileged_op_of(decoded) == insn->op);
    require(decoded->instruction.length == insn->length);
    if (insn->size != 0) {
        check_port(insn, decoded);
    } else if (insn->gpr != INSN_NO_REGISTER) {
        check_special_move(insn, decoded);
    }
}

static bool should_be_privileged(const struct decoded *decoded)
{
    enum insn_privileged_op op = privileged_op_of(decoded);
    bool is_string = op == INSN_INS || op == INSN_OUTS;
    bool is_port = is_string || op == INSN_IN || op == INSN_OUT;
    bool odd = has_prefix(decoded, 0xf2) || has_prefix(decoded, 0xf0) ||
               (has_prefix(decoded, 0xf3) && !is_string && op != INSN_WBINVD) ||
               (has_prefix(decoded, 0x66) && !is_port) ||
               (is_string && (has_prefix(decoded, 0x67) || has_prefix(decoded, 0x64) ||
                              has_prefix(decoded, 0x65))) ||
               (has_prefix(decoded, 0x64) && has_prefix(decoded, 0x65));
    return op != INSN_PRIVILEGED_NONE && !odd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct insn insn;
    struct insn_privileged privileged;
    struct decoded decoded;
    bool accepted = insn_decode(data, size, &insn);
    bool is_privileged = insn_decode_privileged(data, size, &privileged);
    bool is_known = zydis_decode(data, size, &decoded);
    require(!(accepted && is_privileged));
    require(is_known || (!accepted && !is_privileged));
    if (accepted) {
        check_accepted(&insn, &decoded);
        evaluate(&insn, data, size);
    } else if (is_privileged) {
        check_privileged(&privileged, &decoded);
    } else if (is_known) {
        require(!should_be_accepted(&decoded) && !should_be_privileged(&decoded));
    }
    return 0;
}
