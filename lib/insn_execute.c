/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a decoded memory-writing instruction does. All of this is pure: registers and operand values
 * in, an outcome out. Values of operands are kept zero-extended from the operand size.
 */
#include "lib/insn.h"

/* Bits of RFLAGS: the six status flags, direction and resume. */
#define CF (UINT64_C(1) << 0)
#define PF (UINT64_C(1) << 2)
#define AF (UINT64_C(1) << 4)
#define ZF (UINT64_C(1) << 6)
#define SF (UINT64_C(1) << 7)
#define DF (UINT64_C(1) << 10)
#define OF (UINT64_C(1) << 11)
#define RF (UINT64_C(1) << 16)

#define STATUS_FLAGS (CF | PF | AF | ZF | SF | OF)

/* ---- registers --------------------------------------------------------------------------- */

/* Where each register is in the public ABI's frame, by hardware number. */
static const uint8_t register_offsets[INSN_REGISTER_COUNT] = {
    offsetof(struct cpu_user_regs, rax), offsetof(struct cpu_user_regs, rcx),
    offsetof(struct cpu_user_regs, rdx), offsetof(struct cpu_user_regs, rbx),
    offsetof(struct cpu_user_regs, rsp), offsetof(struct cpu_user_regs, rbp),
    offsetof(struct cpu_user_regs, rsi), offsetof(struct cpu_user_regs, rdi),
    offsetof(struct cpu_user_regs, r8),  offsetof(struct cpu_user_regs, r9),
    offsetof(struct cpu_user_regs, r10), offsetof(struct cpu_user_regs, r11),
    offsetof(struct cpu_user_regs, r12), offsetof(struct cpu_user_regs, r13),
    offsetof(struct cpu_user_regs, r14), offsetof(struct cpu_user_regs, r15),
};
_Static_assert(sizeof(struct cpu_user_regs) <= UINT8_MAX, "register_offsets must hold any offset");

/* The masks keep a number that is none (which would be a bug) inside the table. */
uint64_t *insn_register(struct cpu_user_regs *regs, unsigned int number)
{
    uint8_t offset = register_offsets[number % INSN_REGISTER_COUNT];
    return (uint64_t *)(void *)((uint8_t *)regs + offset);
}

static uint64_t register_value(const struct cpu_user_regs *regs, unsigned int number)
{
    uint8_t offset = register_offsets[number % INSN_REGISTER_COUNT];
    return *(const uint64_t *)(const void *)((const uint8_t *)regs + offset);
}

/* All bits of an operand of 1, 2, 4 or 8 bytes. */
static uint64_t operand_mask(unsigned int size)
{
    return UINT64_MAX >> (64 - 8 * size);
}

static int64_t sign_extend(uint64_t value, unsigned int size)
{
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    return (int64_t)(((value & operand_mask(size)) ^ sign) - sign);
}

/* ---- addresses --------------------------------------------------------------------------- */

static uint64_t address_mask(const struct insn *insn)
{
    return operand_mask(insn->memory.address_size);
}

static uint64_t segment_base(enum insn_segment segment, uint64_t fs_base, uint64_t gs_base)
{
    switch (segment) {
    case INSN_SEGMENT_FLAT:
        return 0;
    case INSN_SEGMENT_FS:
        return fs_base;
    case INSN_SEGMENT_GS:
        return gs_base;
    }
    return 0;
}

/*
 * BTS, BTR and BTC with a register: the memory operand is a string of bits that reaches in both
 * directions from the address, and the register, signed, says which bit. The result is the distance
 * in bytes of the word that has it. All of the register counts (XSA-195).
 */
static int64_t bit_string_distance(const struct insn *insn, const struct cpu_user_regs *regs)
{
    bool is_bit_op = insn->op == INSN_BTS || insn->op == INSN_BTR || insn->op == INSN_BTC;
    if (!is_bit_op || insn->source != INSN_SOURCE_REGISTER) {
        return 0;
    }
    int64_t bit = sign_extend(register_value(regs, insn->source_register), insn->size);
    int64_t bits_per_word = INT64_C(8) * insn->size;
    int64_t bit_in_word = bit & (bits_per_word - 1);
    return (bit - bit_in_word) / 8;
}

uint64_t insn_memory_address(const struct insn *insn, const struct cpu_user_regs *regs,
                             uint64_t fs_base, uint64_t gs_base)
{
    const struct insn_memory *memory = &insn->memory;
    uint64_t offset = (uint64_t)memory->displacement;
    if (memory->base != INSN_NO_REGISTER) {
        offset += register_value(regs, memory->base);
    }
    if (memory->index != INSN_NO_REGISTER) {
        offset += register_value(regs, memory->index) << memory->scale_shift;
    }
    if (memory->rip_relative) {
        offset += regs->rip + insn->length;
    }
    offset += (uint64_t)bit_string_distance(insn, regs);
    return (offset & address_mask(insn)) + segment_base(memory->segment, fs_base, gs_base);
}

bool insn_source_address(const struct insn *insn, const struct cpu_user_regs *regs,
                         uint64_t fs_base, uint64_t gs_base, uint64_t *address)
{
    *address = 0;
    if (insn->source != INSN_SOURCE_MEMORY) {
        return false;
    }
    *address =
        (regs->rsi & address_mask(insn)) + segment_base(insn->source_segment, fs_base, gs_base);
    return true;
}

/* ---- results ----------------------------------------------------------------------------- */

static void outcome_set_flags(struct insn_outcome *outcome, uint64_t changed, uint64_t flags)
{
    outcome->rflags = (outcome->rflags & ~changed) | (flags & changed);
}

static void outcome_set_register(struct insn_outcome *outcome, uint8_t number, uint64_t value)
{
    outcome->registers[outcome->register_count] =
        (struct insn_register_change){.value = value, .number = number};
    outcome->register_count++;
}

static void outcome_set_memory(struct insn_outcome *outcome, const struct insn *insn,
                               uint64_t value)
{
    outcome->memory = value & operand_mask(insn->size);
    outcome->memory_written = true;
}

/* The register's value after a write of its low `size` bytes: four bytes clear the upper half. */
static uint64_t register_merge(uint64_t old, uint64_t value, unsigned int size)
{
    uint64_t mask = operand_mask(size);
    return size == 4 ? value & mask : (old & ~mask) | (value & mask);
}

/* Give the register of the instruction's source operand the value `value`. */
static void outcome_set_source(struct insn_outcome *outcome, const struct insn *insn,
                               const struct cpu_user_regs *regs, uint64_t value)
{
    uint64_t old = register_value(regs, insn->source_register);
    uint64_t merged = insn->source == INSN_SOURCE_HIGH_BYTE
                          ? (old & ~UINT64_C(0xff00)) | ((value & 0xff) << 8)
                          : register_merge(old, value, insn->size);
    outcome_set_register(outcome, insn->source_register, merged);
}

static uint64_t source_value(const struct insn *insn, const struct cpu_user_regs *regs,
                             uint64_t source_memory)
{
    uint64_t value = 0;
    switch (insn->source) {
    case INSN_SOURCE_NONE:
        break;
    case INSN_SOURCE_REGISTER:
        value = register_value(regs, insn->source_register);
        break;
    case INSN_SOURCE_HIGH_BYTE:
        value = (register_value(regs, insn->source_register) >> 8) & 0xff;
        break;
    case INSN_SOURCE_IMMEDIATE:
        value = insn->immediate;
        break;
    case INSN_SOURCE_MEMORY:
        value = source_memory;
        break;
    }
    return value & operand_mask(insn->size);
}

/* ---- arithmetic -------------------------------------------------------------------------- */

static bool top_bit(uint64_t value, unsigned int size)
{
    return ((value >> (8 * size - 1)) & 1) != 0;
}

/* The flags that depend on the result alone. PF is for an even number of ones in the low byte. */
static uint64_t result_flags(uint64_t result, unsigned int size)
{
    uint64_t folded = result ^ (result >> 4);
    folded ^= folded >> 2;
    folded ^= folded >> 1;
    return ((folded & 1) == 0 ? PF : 0) | ((result & operand_mask(size)) == 0 ? ZF : 0) |
           (top_bit(result, size) ? SF : 0);
}

/* a + b + carry. `carries` has the carry out of each bit position. */
static uint64_t add(uint64_t a, uint64_t b, bool carry, unsigned int size, uint64_t *flags)
{
    uint64_t result = (a + b + carry) & operand_mask(size);
    uint64_t carries = (a & b) | ((a | b) & ~result);
    *flags = result_flags(result, size) | (top_bit(carries, size) ? CF : 0) |
             ((carries & 0x8) != 0 ? AF : 0) |
             (top_bit((a ^ result) & (b ^ result), size) ? OF : 0);
    return result;
}

/* a - b - borrow. `borrows` has the borrow out of each bit position. */
static uint64_t subtract(uint64_t a, uint64_t b, bool borrow, unsigned int size, uint64_t *flags)
{
    uint64_t result = (a - b - borrow) & operand_mask(size);
    uint64_t borrows = (~a & b) | ((~a | b) & result);
    *flags = result_flags(result, size) | (top_bit(borrows, size) ? CF : 0) |
             ((borrows & 0x8) != 0 ? AF : 0) | (top_bit((a ^ b) & (a ^ result), size) ? OF : 0);
    return result;
}

static void evaluate_add(const struct insn *insn, uint64_t a, uint64_t b, bool carry,
                         struct insn_outcome *outcome)
{
    uint64_t flags;
    outcome_set_memory(outcome, insn, add(a, b, carry, insn->size, &flags));
    outcome_set_flags(outcome, STATUS_FLAGS, flags);
}

static void evaluate_subtract(const struct insn *insn, uint64_t a, uint64_t b, bool borrow,
                              struct insn_outcome *outcome)
{
    uint64_t flags;
    outcome_set_memory(outcome, insn, subtract(a, b, borrow, insn->size, &flags));
    outcome_set_flags(outcome, STATUS_FLAGS, flags);
}

/* AND, OR, XOR: no carry, no overflow; AF is undefined. */
static void evaluate_logic(const struct insn *insn, uint64_t result, struct insn_outcome *outcome)
{
    outcome_set_memory(outcome, insn, result);
    outcome_set_flags(outcome, STATUS_FLAGS, result_flags(result, insn->size));
}

/* INC, DEC: as ADD and SUB of 1, but CF stays. */
static void evaluate_step(const struct insn *insn, uint64_t memory, struct insn_outcome *outcome)
{
    uint64_t flags;
    uint64_t result = insn->op == INSN_INC ? add(memory, 1, false, insn->size, &flags)
                                           : subtract(memory, 1, false, insn->size, &flags);
    outcome_set_memory(outcome, insn, result);
    outcome_set_flags(outcome, STATUS_FLAGS & ~CF, flags);
}

/*
 * SHL, SHR, SAR by 1..63. The count may exceed the width of a one or two byte operand: everything
 * is shifted out then. CF is the last bit shifted out. OF is defined for a count of 1 only, AF
 * never.
 */
static void evaluate_shift(const struct insn *insn, uint64_t memory, uint64_t count_operand,
                           struct insn_outcome *outcome)
{
    unsigned int count = (unsigned int)count_operand & (insn->size == 8 ? 63 : 31);
    unsigned int width = 8U * insn->size;
    if (count == 0) { /* written back as it was, and no flag changes */
        outcome_set_memory(outcome, insn, memory);
        return;
    }

    uint64_t result;
    bool carry;
    bool overflow;
    if (insn->op == INSN_SHL) {
        result = memory << count;
        carry = count <= width && ((memory >> (width - count)) & 1) != 0;
        overflow = top_bit(result, insn->size) != carry;
    } else {
        /* Copies of the sign above the operand, or zeros, and then an ordinary right shift. */
        int64_t wide = insn->op == INSN_SAR ? sign_extend(memory, insn->size) : (int64_t)memory;
        uint64_t sign_fill = wide < 0 && insn->op == INSN_SAR ? ~(UINT64_MAX >> count) : 0;
        result = ((uint64_t)wide >> count) | sign_fill;
        carry = (((uint64_t)wide >> (count - 1)) & 1) != 0;
        overflow = insn->op == INSN_SHR && top_bit(memory, insn->size);
    }
    outcome_set_memory(outcome, insn, result);
    outcome_set_flags(outcome, STATUS_FLAGS,
                      result_flags(result, insn->size) | (carry ? CF : 0) | (overflow ? OF : 0));
}

/* BTS, BTR, BTC: CF is the old bit; the other flags (undefined but ZF, which stays) are left. */
static void evaluate_bit(const struct insn *insn, uint64_t memory, uint64_t bit_number,
                         struct insn_outcome *outcome)
{
    uint64_t bit = UINT64_C(1) << (bit_number & (8U * insn->size - 1));
    uint64_t result = insn->op == INSN_BTS   ? memory | bit
                      : insn->op == INSN_BTR ? memory & ~bit
                                             : memory ^ bit;
    outcome_set_memory(outcome, insn, result);
    outcome_set_flags(outcome, CF, (memory & bit) != 0 ? CF : 0);
}

/* ---- exchanges --------------------------------------------------------------------------- */

static void evaluate_cmpxchg(const struct insn *insn, const struct cpu_user_regs *regs,
                             uint64_t memory, uint64_t source, struct insn_outcome *outcome)
{
    uint64_t flags;
    uint64_t expected = regs->rax & operand_mask(insn->size);
    subtract(expected, memory, false, insn->size, &flags);
    outcome_set_flags(outcome, STATUS_FLAGS, flags);
    if (expected == memory) {
        outcome_set_memory(outcome, insn, source);
    } else {
        outcome_set_register(outcome, INSN_RAX, register_merge(regs->rax, memory, insn->size));
    }
}

/* Of edx:eax with ecx:ebx; ZF alone tells. */
static void evaluate_cmpxchg8b(const struct insn *insn, const struct cpu_user_regs *regs,
                               uint64_t memory, struct insn_outcome *outcome)
{
    uint64_t expected = (regs->rdx << 32) | (regs->rax & UINT32_MAX);
    if (expected == memory) {
        outcome_set_memory(outcome, insn, (regs->rcx << 32) | (regs->rbx & UINT32_MAX));
        outcome_set_flags(outcome, ZF, ZF);
    } else {
        outcome_set_register(outcome, INSN_RAX, memory & UINT32_MAX);
        outcome_set_register(outcome, INSN_RDX, memory >> 32);
        outcome_set_flags(outcome, ZF, 0);
    }
}

/* ---- conditions and strings -------------------------------------------------------------- */

/* The low bit of a condition negates the one that the upper three name. */
static bool condition_holds(uint8_t condition, uint64_t rflags)
{
    bool less = ((rflags & SF) != 0) != ((rflags & OF) != 0);
    const bool conditions[8] = {
        (rflags & OF) != 0,
        (rflags & CF) != 0,
        (rflags & ZF) != 0,
        (rflags & (CF | ZF)) != 0,
        (rflags & SF) != 0,
        (rflags & PF) != 0,
        less,
        less || (rflags & ZF) != 0,
    };
    return conditions[(condition >> 1) & 7] != ((condition & 1) != 0);
}

/*
 * One iteration of STOS or MOVS. With 4-byte addresses the registers used are ecx, esi and edi, and
 * writing them clears the upper halves; an iteration that does not happen writes nothing.
 */
static void evaluate_string(const struct insn *insn, const struct cpu_user_regs *regs,
                            uint64_t value, struct insn_outcome *outcome)
{
    uint64_t mask = address_mask(insn);
    uint64_t count = regs->rcx & mask;
    if (insn->repeat && count == 0) {
        return;
    }
    outcome_set_memory(outcome, insn, value);

    uint64_t step = (regs->rflags & DF) != 0 ? -(uint64_t)insn->size : insn->size;
    outcome_set_register(outcome, INSN_RDI, (regs->rdi + step) & mask);
    if (insn->op == INSN_MOVS) {
        outcome_set_register(outcome, INSN_RSI, (regs->rsi + step) & mask);
    }
    if (insn->repeat) {
        outcome_set_register(outcome, INSN_RCX, count - 1);
        if (count != 1) { /* interrupted between two iterations, as the CPU may be */
            outcome->rip = regs->rip;
            outcome->rflags = regs->rflags;
        }
    }
}

/* ---- all of it --------------------------------------------------------------------------- */

void insn_evaluate(const struct insn *insn, const struct cpu_user_regs *regs, uint64_t memory,
                   uint64_t source, struct insn_outcome *outcome)
{
    *outcome = (struct insn_outcome){
        .memory = memory & operand_mask(insn->size),
        .rflags = regs->rflags & ~RF,
        .rip = regs->rip + insn->length,
    };
    uint64_t a = memory & operand_mask(insn->size);
    uint64_t b = source_value(insn, regs, source);
    bool carry = (regs->rflags & CF) != 0;

    switch (insn->op) {
    case INSN_NONE:
        break;
    case INSN_ADD:
        evaluate_add(insn, a, b, false, outcome);
        break;
    case INSN_ADC:
        evaluate_add(insn, a, b, carry, outcome);
        break;
    case INSN_SUB:
        evaluate_subtract(insn, a, b, false, outcome);
        break;
    case INSN_SBB:
        evaluate_subtract(insn, a, b, carry, outcome);
        break;
    case INSN_NEG:
        evaluate_subtract(insn, 0, a, false, outcome);
        break;
    case INSN_AND:
        evaluate_logic(insn, a & b, outcome);
        break;
    case INSN_OR:
        evaluate_logic(insn, a | b, outcome);
        break;
    case INSN_XOR:
        evaluate_logic(insn, a ^ b, outcome);
        break;
    case INSN_NOT:
        outcome_set_memory(outcome, insn, ~a);
        break;
    case INSN_INC:
    case INSN_DEC:
        evaluate_step(insn, a, outcome);
        break;
    case INSN_SHL:
    case INSN_SHR:
    case INSN_SAR:
        evaluate_shift(insn, a, b, outcome);
        break;
    case INSN_BTS:
    case INSN_BTR:
    case INSN_BTC:
        evaluate_bit(insn, a, b, outcome);
        break;
    case INSN_MOV:
        outcome_set_memory(outcome, insn, b);
        break;
    case INSN_XCHG:
        outcome_set_memory(outcome, insn, b);
        outcome_set_source(outcome, insn, regs, a);
        break;
    case INSN_XADD:
        evaluate_add(insn, a, b, false, outcome);
        outcome_set_source(outcome, insn, regs, a);
        break;
    case INSN_CMPXCHG:
        evaluate_cmpxchg(insn, regs, a, b, outcome);
        break;
    case INSN_CMPXCHG8B:
        evaluate_cmpxchg8b(insn, regs, a, outcome);
        break;
    case INSN_SETCC:
        outcome_set_memory(outcome, insn, condition_holds(insn->condition, regs->rflags));
        break;
    case INSN_STOS:
    case INSN_MOVS:
        evaluate_string(insn, regs, b, outcome);
        break;
    }
}

void insn_commit(const struct insn_outcome *outcome, struct cpu_user_regs *regs)
{
    for (unsigned int i = 0; i < outcome->register_count; i++) {
        *insn_register(regs, outcome->registers[i].number) = outcome->registers[i].value;
    }
    regs->rflags = outcome->rflags;
    regs->rip = outcome->rip;
}
