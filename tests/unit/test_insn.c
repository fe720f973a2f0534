/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding of the instructions the hypervisor emulates: hand-assembled bytes, every opcode against
 * the allow-list written out here a second time, and random bytes up to the end of a page. That
 * decoded instructions do what the CPU does is shown in test_insn_native.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "lib/insn.h"

#include <cmocka.h>

/* ---- fixed registers --------------------------------------------------------------------- */

/* What register `number` holds in the address tests: the halves tell apart what was cut off. */
#define R(number) (UINT64_C(0x0123456700000000) * ((number) + 1) + UINT64_C(0x10000) * (number))
#define RIP       UINT64_C(0xffffffff81000000)
#define FS_BASE   UINT64_C(0x00007fff00000000)
#define GS_BASE   UINT64_C(0xffff888000000000)

static struct cpu_user_regs fixed_registers(void)
{
    struct cpu_user_regs regs;
    memset(&regs, 0, sizeof(regs));
    for (unsigned int number = 0; number < INSN_REGISTER_COUNT; number++) {
        *insn_register(&regs, number) = R(number);
    }
    regs.rip = RIP;
    return regs;
}

/* ---- instructions that are ours ---------------------------------------------------------- */

#define NO_REG     INSN_NO_REGISTER
#define BYTES(...) .bytes = {__VA_ARGS__}, .length = sizeof((uint8_t[]){__VA_ARGS__})

struct decode_case {
    uint8_t bytes[INSN_MAX_LENGTH];
    uint8_t length;
    enum insn_op op;
    uint8_t size;
    enum insn_source source;
    uint8_t source_register; /* where .source is a register */
    uint64_t immediate;
    uint64_t address; /* with fixed_registers() */
    bool lock;
    bool repeat;
};

#define FROM_NONE        .source = INSN_SOURCE_NONE
#define FROM_REG(number) .source = INSN_SOURCE_REGISTER, .source_register = (number)
#define FROM_HIGH(reg)   .source = INSN_SOURCE_HIGH_BYTE, .source_register = (reg)
#define FROM_IMM(value)  .source = INSN_SOURCE_IMMEDIATE, .immediate = (uint64_t)(value)
#define FROM_MEMORY      .source = INSN_SOURCE_MEMORY

static const struct decode_case decode_cases[] = {
    /* What Debian's Linux 6.1 was seen to do to pinned L1 tables. */
    {BYTES(0x48, 0x87, 0x1a), INSN_XCHG, 8, FROM_REG(3), .address = R(2)},
    {BYTES(0x48, 0x87, 0x10), INSN_XCHG, 8, FROM_REG(2), .address = R(0)},
    {BYTES(0x48, 0x87, 0x75, 0x00), INSN_XCHG, 8, FROM_REG(6), .address = R(5)},
    {BYTES(0x3e, 0x41, 0x80, 0x24, 0x24, 0xfd), INSN_AND, 1, FROM_IMM(-3), .address = R(12)},
    {BYTES(0xf0, 0x41, 0x80, 0x24, 0x24, 0xfd), INSN_AND, 1, FROM_IMM(-3), .address = R(12),
     .lock = true},
    {BYTES(0x48, 0x89, 0x2b), INSN_MOV, 8, FROM_REG(5), .address = R(3)},
    {BYTES(0xf0, 0x48, 0x0f, 0xba, 0x33, 0x05), INSN_BTR, 8, FROM_IMM(5), .address = R(3),
     .lock = true},
    {BYTES(0xf0, 0x48, 0x0f, 0xb1, 0x0f), INSN_CMPXCHG, 8, FROM_REG(1), .address = R(7),
     .lock = true},

    /* Addressing: each shape of ModRM and SIB. */
    {BYTES(0x88, 0x07), INSN_MOV, 1, FROM_REG(0), .address = R(7)},
    {BYTES(0x89, 0x47, 0x80), INSN_MOV, 4, FROM_REG(0), .address = R(7) - 128},
    {BYTES(0x89, 0x87, 0x00, 0x00, 0x00, 0x80), INSN_MOV, 4, FROM_REG(0),
     .address = R(7) - UINT64_C(0x80000000)},
    {BYTES(0x89, 0x05, 0xff, 0xff, 0xff, 0x7f), INSN_MOV, 4, FROM_REG(0),
     .address = RIP + 6 + 0x7fffffff},
    {BYTES(0x41, 0x89, 0x05, 0xf0, 0xff, 0xff, 0xff), INSN_MOV, 4, FROM_REG(0),
     .address = RIP + 7 - 16},
    {BYTES(0xc7, 0x05, 0x00, 0x01, 0x00, 0x00, 0x11, 0x22, 0x33, 0x44), INSN_MOV, 4,
     FROM_IMM(0x44332211), .address = RIP + 10 + 0x100},
    {BYTES(0x41, 0x89, 0x45, 0x00), INSN_MOV, 4, FROM_REG(0), .address = R(13)},
    {BYTES(0x89, 0x04, 0x24), INSN_MOV, 4, FROM_REG(0), .address = R(4)},
    {BYTES(0x89, 0x04, 0x8b), INSN_MOV, 4, FROM_REG(0), .address = R(3) + R(1) * 4},
    {BYTES(0x43, 0x89, 0x44, 0xe5, 0x7f), INSN_MOV, 4, FROM_REG(0),
     .address = R(13) + R(12) * 8 + 127},
    {BYTES(0x89, 0x84, 0x6c, 0x78, 0x56, 0x34, 0x12), INSN_MOV, 4, FROM_REG(0),
     .address = R(4) + R(5) * 2 + 0x12345678},
    {BYTES(0x89, 0x04, 0x25, 0x00, 0xf0, 0xff, 0xff), INSN_MOV, 4, FROM_REG(0),
     .address = UINT64_C(0xfffffffffffff000)},
    {BYTES(0x43, 0x89, 0x04, 0x35, 0x04, 0x00, 0x00, 0x00), INSN_MOV, 4, FROM_REG(0),
     .address = R(14) + 4},
    {BYTES(0x89, 0x44, 0x65, 0x01), INSN_MOV, 4, FROM_REG(0), .address = R(5) + 1},

    /* Prefixes. */
    {BYTES(0x64, 0x89, 0x07), INSN_MOV, 4, FROM_REG(0), .address = FS_BASE + R(7)},
    {BYTES(0x65, 0x89, 0x07), INSN_MOV, 4, FROM_REG(0), .address = GS_BASE + R(7)},
    {BYTES(0x65, 0x3e, 0x89, 0x07), INSN_MOV, 4, FROM_REG(0), .address = GS_BASE + R(7)},
    {BYTES(0x26, 0x2e, 0x36, 0x3e, 0x89, 0x07), INSN_MOV, 4, FROM_REG(0), .address = R(7)},
    {BYTES(0x67, 0x89, 0x04, 0x8b), INSN_MOV, 4, FROM_REG(0),
     .address = (R(3) + R(1) * 4) & UINT32_MAX},
    {BYTES(0x65, 0x67, 0x89, 0x47, 0xff), INSN_MOV, 4, FROM_REG(0),
     .address = GS_BASE + ((R(7) - 1) & UINT32_MAX)},
    {BYTES(0x67, 0x89, 0x05, 0x00, 0x00, 0x00, 0x70), INSN_MOV, 4, FROM_REG(0),
     .address = (RIP + 7 + 0x70000000) & UINT32_MAX},
    {BYTES(0x66, 0x89, 0x07), INSN_MOV, 2, FROM_REG(0), .address = R(7)},
    {BYTES(0x66, 0x48, 0x89, 0x07), INSN_MOV, 8, FROM_REG(0), .address = R(7)},
    {BYTES(0x48, 0x66, 0x89, 0x07), INSN_MOV, 2, FROM_REG(0), .address = R(7)},
    {BYTES(0x41, 0x48, 0x89, 0x07), INSN_MOV, 8, FROM_REG(0), .address = R(7)},
    {BYTES(0x45, 0x89, 0x07), INSN_MOV, 4, FROM_REG(8), .address = R(15)},

    /* Byte registers with and without REX. */
    {BYTES(0x88, 0x27), INSN_MOV, 1, FROM_HIGH(0), .address = R(7)},
    {BYTES(0x86, 0x3f), INSN_XCHG, 1, FROM_HIGH(3), .address = R(7)},
    {BYTES(0x40, 0x88, 0x27), INSN_MOV, 1, FROM_REG(4), .address = R(7)},
    {BYTES(0x44, 0x88, 0x27), INSN_MOV, 1, FROM_REG(12), .address = R(7)},
    {BYTES(0x40, 0x66, 0x88, 0x27), INSN_MOV, 1, FROM_HIGH(0), .address = R(7)},

    /* Immediates and the other sources. */
    {BYTES(0x66, 0x81, 0x0f, 0x00, 0x80), INSN_OR, 2, FROM_IMM(-0x8000), .address = R(7)},
    {BYTES(0x81, 0x2f, 0x00, 0x00, 0x00, 0x80), INSN_SUB, 4, FROM_IMM(-0x80000000L),
     .address = R(7)},
    {BYTES(0x48, 0xc7, 0x07, 0xfe, 0xff, 0xff, 0xff), INSN_MOV, 8, FROM_IMM(-2), .address = R(7)},
    {BYTES(0xc6, 0x07, 0x80), INSN_MOV, 1, FROM_IMM(-128), .address = R(7)},
    {BYTES(0x48, 0x83, 0x37, 0xff), INSN_XOR, 8, FROM_IMM(-1), .address = R(7)},
    {BYTES(0xc1, 0x27, 0x1f), INSN_SHL, 4, FROM_IMM(31), .address = R(7)},
    {BYTES(0xd1, 0x2f), INSN_SHR, 4, FROM_IMM(1), .address = R(7)},
    {BYTES(0x48, 0xd3, 0x3f), INSN_SAR, 8, FROM_REG(1), .address = R(7)},
    {BYTES(0xd2, 0x3f), INSN_SAR, 1, FROM_REG(1), .address = R(7)},
    {BYTES(0xf6, 0x17), INSN_NOT, 1, FROM_NONE, .address = R(7)},
    {BYTES(0x48, 0xf7, 0x1f), INSN_NEG, 8, FROM_NONE, .address = R(7)},
    {BYTES(0xfe, 0x07), INSN_INC, 1, FROM_NONE, .address = R(7)},
    {BYTES(0xff, 0x0f), INSN_DEC, 4, FROM_NONE, .address = R(7)},
    {BYTES(0x0f, 0xc7, 0x0f), INSN_CMPXCHG8B, 8, FROM_NONE, .address = R(7)},
    {BYTES(0x0f, 0xc3, 0x0f), INSN_MOV, 4, FROM_REG(1), .address = R(7)},
    {BYTES(0x48, 0x0f, 0xc3, 0x0f), INSN_MOV, 8, FROM_REG(1), .address = R(7)},
    {BYTES(0xf0, 0x0f, 0xc0, 0x0f), INSN_XADD, 1, FROM_REG(1), .address = R(7), .lock = true},
    {BYTES(0x0f, 0x94, 0x07), INSN_SETCC, 1, FROM_NONE, .address = R(7)},

    /* Addresses in the instruction. */
    {BYTES(0x48, 0xa3, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x91), INSN_MOV, 8, FROM_REG(0),
     .address = UINT64_C(0x9122334455667788)},
    {BYTES(0x67, 0xa2, 0x44, 0x33, 0x22, 0x91), INSN_MOV, 1, FROM_REG(0),
     .address = UINT64_C(0x91223344)},

    /* Strings: the destination knows no segment override. */
    {BYTES(0xf3, 0x48, 0xab), INSN_STOS, 8, FROM_REG(0), .address = R(7), .repeat = true},
    {BYTES(0x65, 0xaa), INSN_STOS, 1, FROM_REG(0), .address = R(7)},
    {BYTES(0x67, 0x66, 0xab), INSN_STOS, 2, FROM_REG(0), .address = R(7) & UINT32_MAX},
    {BYTES(0x64, 0xf3, 0xa4), INSN_MOVS, 1, FROM_MEMORY, .address = R(7), .repeat = true},
    {BYTES(0x48, 0xa5), INSN_MOVS, 8, FROM_MEMORY, .address = R(7)},
};

static void assert_decodes_as(const struct decode_case *expected)
{
    struct insn insn;
    struct cpu_user_regs regs = fixed_registers();
    bool source_is_register =
        expected->source == INSN_SOURCE_REGISTER || expected->source == INSN_SOURCE_HIGH_BYTE;

    assert_true(insn_decode(expected->bytes, expected->length, &insn));
    assert_int_equal(insn.op, expected->op);
    assert_int_equal(insn.length, expected->length);
    assert_int_equal(insn.size, expected->size);
    assert_int_equal(insn.source, expected->source);
    assert_int_equal(insn.source_register, source_is_register ? expected->source_register : NO_REG);
    assert_int_equal(insn.immediate, expected->immediate);
    assert_int_equal(insn.lock, expected->lock);
    assert_int_equal(insn.repeat, expected->repeat);
    assert_int_equal(insn_memory_address(&insn, &regs, FS_BASE, GS_BASE), expected->address);
}

static void hand_assembled_instructions_decode_as_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(decode_cases); i++) {
        print_message("case %zu\n", i);
        assert_decodes_as(&decode_cases[i]);
    }
}

/* A heap block of just the bytes there are lets ASan see any read behind them. */
static bool decodes_when_cut_to(const uint8_t *bytes, size_t count)
{
    struct insn insn;
    uint8_t *copy = malloc(count);
    assert_true(copy != NULL || count == 0);
    if (count != 0) {
        memcpy(copy, bytes, count);
    }
    bool decoded = insn_decode(copy, count, &insn);
    assert_int_equal(decoded, insn.op != INSN_NONE);
    free(copy);
    return decoded;
}

static void instruction_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(decode_cases); i++) {
        for (size_t count = 0; count < decode_cases[i].length; count++) {
            assert_false(decodes_when_cut_to(decode_cases[i].bytes, count));
        }
        assert_true(decodes_when_cut_to(decode_cases[i].bytes, decode_cases[i].length));
    }
}

/* DS prefixes in front make it `total` bytes long. */
static bool decodes_when_padded_to(const struct decode_case *example, size_t total)
{
    struct insn insn;
    uint8_t bytes[32];
    memset(bytes, 0x3e, sizeof(bytes));
    memcpy(bytes + total - example->length, example->bytes, example->length);
    bool decoded = insn_decode(bytes, sizeof(bytes), &insn);
    assert_true(!decoded || insn.length == total);
    return decoded;
}

static void fifteen_bytes_are_an_instruction_and_sixteen_are_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(decode_cases); i++) {
        assert_true(decodes_when_padded_to(&decode_cases[i], 15));
        assert_false(decodes_when_padded_to(&decode_cases[i], 16));
    }
}

static void movs_reads_from_rsi_with_the_override(void **state)
{
    (void)state;
    struct insn insn;
    struct cpu_user_regs regs = fixed_registers();
    uint64_t address;

    assert_true(insn_decode((const uint8_t[]){0x64, 0xa4}, 2, &insn));
    assert_true(insn_source_address(&insn, &regs, FS_BASE, GS_BASE, &address));
    assert_int_equal(address, FS_BASE + R(6));
    assert_true(insn_decode((const uint8_t[]){0x67, 0xa5}, 2, &insn));
    assert_true(insn_source_address(&insn, &regs, FS_BASE, GS_BASE, &address));
    assert_int_equal(address, R(6) & UINT32_MAX);
}

static void only_movs_has_a_second_memory_operand(void **state)
{
    (void)state;
    struct insn insn;
    struct cpu_user_regs regs = fixed_registers();
    uint64_t address = 1;

    assert_true(insn_decode((const uint8_t[]){0x89, 0x07}, 2, &insn));
    assert_false(insn_source_address(&insn, &regs, FS_BASE, GS_BASE, &address));
    assert_int_equal(address, 0);
}

/* ---- bit offsets in registers (XSA-195) -------------------------------------------------- */

/* The address of `prefix` 0F AB 0F, bts %rcx,(%rdi), with rdi 0. */
static uint64_t bit_string_address(uint8_t prefix, uint64_t bit_offset)
{
    struct insn insn;
    const uint8_t bytes[] = {prefix, 0x0f, 0xab, 0x0f};
    struct cpu_user_regs regs = fixed_registers();
    regs.rdi = 0;
    regs.rcx = bit_offset;
    assert_true(insn_decode(bytes, sizeof(bytes), &insn));
    return insn_memory_address(&insn, &regs, FS_BASE, GS_BASE);
}

static void bit_offset_moves_the_operand_by_all_its_bits(void **state)
{
    (void)state;
    assert_int_equal(bit_string_address(0x48, 63), 0);
    assert_int_equal(bit_string_address(0x48, 64), 8);
    assert_int_equal(bit_string_address(0x48, (uint64_t)-1), (uint64_t)-8);
    assert_int_equal(bit_string_address(0x48, (uint64_t)-64), (uint64_t)-8);
    assert_int_equal(bit_string_address(0x48, (uint64_t)-65), (uint64_t)-16);
    assert_int_equal(bit_string_address(0x48, UINT64_C(1) << 31), UINT64_C(1) << 28);
    assert_int_equal(bit_string_address(0x48, UINT64_C(1) << 32), UINT64_C(1) << 29);
    assert_int_equal(bit_string_address(0x48, INT64_MAX), (UINT64_C(1) << 60) - 8);
    assert_int_equal(bit_string_address(0x48, UINT64_C(1) << 63), -(UINT64_C(1) << 60));
}

static void bit_offset_has_the_operand_size_and_is_signed(void **state)
{
    (void)state;
    assert_int_equal(bit_string_address(0x3e, UINT64_C(0x1234567800000020)), 4);
    assert_int_equal(bit_string_address(0x3e, UINT64_C(0x80000000)), -(UINT64_C(1) << 28));
    assert_int_equal(bit_string_address(0x3e, UINT64_C(0xffffffff)), (uint64_t)-4);
    assert_int_equal(bit_string_address(0x66, UINT64_C(0x12345678ffff0010)), 2);
    assert_int_equal(bit_string_address(0x66, UINT64_C(0x8000)), (uint64_t)-4096);
    assert_int_equal(bit_string_address(0x67, UINT64_C(0xffffffff)), UINT64_C(0xfffffffc));
}

static void bit_offset_in_an_immediate_stays_in_the_operand(void **state)
{
    (void)state;
    struct insn insn;
    struct insn_outcome outcome;
    struct cpu_user_regs regs = fixed_registers();
    const uint8_t bytes[] = {0x0f, 0xba, 0x2f, 0xff};

    assert_true(insn_decode(bytes, sizeof(bytes), &insn));
    assert_int_equal(insn_memory_address(&insn, &regs, 0, 0), R(7));
    insn_evaluate(&insn, &regs, 0, 0, &outcome);
    assert_int_equal(outcome.memory, UINT64_C(0x80000000));
}

/* ---- what only an emulator can see ----------------------------------------------------------- */

#define RF UINT64_C(0x10000)

static struct insn decoded(const uint8_t *bytes, size_t count)
{
    struct insn insn;
    assert_true(insn_decode(bytes, count, &insn));
    return insn;
}

static void complete_instruction_clears_rf_and_moves_on(void **state)
{
    (void)state;
    struct insn insn = decoded((const uint8_t[]){0x48, 0x89, 0x2b}, 3);
    struct insn_outcome outcome;
    struct cpu_user_regs regs = fixed_registers();
    regs.rflags = RF | 0x202;

    insn_evaluate(&insn, &regs, 0, 0, &outcome);
    insn_commit(&outcome, &regs);

    assert_int_equal(regs.rflags, 0x202);
    assert_int_equal(regs.rip, RIP + 3);
}

static void unfinished_repeat_keeps_rf_and_rip(void **state)
{
    (void)state;
    struct insn insn = decoded((const uint8_t[]){0xf3, 0x48, 0xab}, 3);
    struct insn_outcome outcome;
    struct cpu_user_regs regs = fixed_registers();
    regs.rflags = RF | 0x202;
    regs.rcx = 2;

    insn_evaluate(&insn, &regs, 0, 0, &outcome);
    insn_commit(&outcome, &regs);

    assert_true(outcome.memory_written);
    assert_int_equal(regs.rcx, 1);
    assert_int_equal(regs.rdi, R(7) + 8);
    assert_int_equal(regs.rflags, RF | 0x202);
    assert_int_equal(regs.rip, RIP);
}

static void last_repeat_moves_on(void **state)
{
    (void)state;
    struct insn insn = decoded((const uint8_t[]){0xf3, 0x48, 0xab}, 3);
    struct insn_outcome outcome;
    struct cpu_user_regs regs = fixed_registers();
    regs.rcx = 1;

    insn_evaluate(&insn, &regs, 0, 0, &outcome);
    insn_commit(&outcome, &regs);

    assert_true(outcome.memory_written);
    assert_int_equal(regs.rcx, 0);
    assert_int_equal(regs.rip, RIP + 3);
}

static void repeat_with_nothing_left_writes_nothing(void **state)
{
    (void)state;
    struct insn insn = decoded((const uint8_t[]){0xf3, 0x48, 0xab}, 3);
    struct insn_outcome outcome;
    struct cpu_user_regs regs = fixed_registers();
    regs.rcx = 0;

    insn_evaluate(&insn, &regs, 5, 0, &outcome);

    assert_false(outcome.memory_written);
    assert_int_equal(outcome.memory, 5);
    assert_int_equal(outcome.register_count, 0);
    assert_int_equal(outcome.rip, RIP + 3);
}

static void failed_compare_exchange_writes_no_memory(void **state)
{
    (void)state;
    struct insn insn = decoded((const uint8_t[]){0xf0, 0x48, 0x0f, 0xb1, 0x0f}, 5);
    struct insn_outcome outcome;
    struct cpu_user_regs regs = fixed_registers();

    insn_evaluate(&insn, &regs, R(0) + 1, 0, &outcome);
    insn_commit(&outcome, &regs);

    assert_false(outcome.memory_written);
    assert_int_equal(outcome.memory, R(0) + 1);
    assert_int_equal(regs.rax, R(0) + 1);
}

static void bytes_above_the_operand_do_not_matter(void **state)
{
    (void)state;
    struct insn insn = decoded((const uint8_t[]){0x41, 0x80, 0x24, 0x24, 0xfd}, 5);
    struct insn_outcome outcome;
    struct cpu_user_regs regs = fixed_registers();

    insn_evaluate(&insn, &regs, UINT64_C(0x8000000012345067), 0, &outcome);

    assert_true(outcome.memory_written);
    assert_int_equal(outcome.memory, 0x65);
}

/* ---- instructions that are not ours ------------------------------------------------------ */

struct refused_case {
    uint8_t bytes[INSN_MAX_LENGTH]; /* zeros follow, so that none is refused for being cut off */
};

static const struct refused_case refused_cases[] = {
    {{0x39, 0x07}},                   /* cmp: does not write */
    {{0x80, 0x3f}},                   /* cmp */
    {{0x84, 0x07}},                   /* test */
    {{0xf6, 0x07}},                   /* test */
    {{0xf6, 0x27}},                   /* mul: writes no memory */
    {{0xff, 0x37}},                   /* push */
    {{0xff, 0x17}},                   /* call */
    {{0x8f, 0x07}},                   /* pop: two memory operands */
    {{0x82, 0x07}},                   /* not in 64-bit mode */
    {{0xc0, 0x37}},                   /* shift /6: undocumented */
    {{0xc0, 0x07}},                   /* rol */
    {{0xc6, 0x0f}},                   /* C6 /1 */
    {{0x0f, 0xa3, 0x07}},             /* bt: does not write */
    {{0x0f, 0xba, 0x27}},             /* bt */
    {{0x48, 0x0f, 0xc7, 0x0f}},       /* cmpxchg16b */
    {{0x66, 0x0f, 0xc7, 0x0f}},       /* cmpxchg8b with 66 */
    {{0x0f, 0xc7, 0x37}},             /* rdrand, vmptrld */
    {{0x66, 0x0f, 0xc3, 0x07}},       /* movnti with 66 */
    {{0xf3, 0x0f, 0xc3, 0x07}},       /* movnti with F3 */
    {{0x0f, 0x29, 0x07}},             /* movaps */
    {{0x0f, 0x7f, 0x07}},             /* movq mm */
    {{0x0f, 0xae, 0x27}},             /* xsave */
    {{0x8c, 0x07}},                   /* mov from a segment register */
    {{0x89, 0xc7}},                   /* mov between registers */
    {{0x48, 0x87, 0xd8}},             /* xchg between registers */
    {{0x0f, 0xb1, 0xc8}},             /* cmpxchg between registers */
    {{0x0f, 0x94, 0xc0}},             /* setcc of a register */
    {{0x64, 0x65, 0x89, 0x07}},       /* FS and GS */
    {{0x65, 0x64, 0x89, 0x07}},       /* GS and FS */
    {{0xf2, 0x89, 0x07}},             /* F2 */
    {{0xf3, 0xc6, 0x07}},             /* xrelease */
    {{0xf3, 0xf0, 0x01, 0x07}},       /* xrelease */
    {{0xf2, 0xaa}},                   /* repne stos */
    {{0xf2, 0xa4}},                   /* repne movs */
    {{0xf0, 0xaa}},                   /* lock stos */
    {{0xf0, 0x89, 0x07}},             /* lock mov */
    {{0xf0, 0xc7, 0x07}},             /* lock mov */
    {{0xf0, 0xa3}},                   /* lock mov */
    {{0xf0, 0xc1, 0x27}},             /* lock shl */
    {{0xf0, 0x0f, 0x94, 0x07}},       /* lock setcc */
    {{0xf0, 0x0f, 0xc3, 0x07}},       /* lock movnti */
    {{0xc4, 0xe2, 0x79, 0x8e, 0x07}}, /* VEX */
    {{0xc5, 0xf8, 0x29, 0x07}},       /* VEX */
    {{0x62, 0xf1, 0x7c, 0x48, 0x29}}, /* EVEX */
    {{0x0f, 0x38, 0xf1, 0x07}},       /* movbe: the 0F 38 map */
    {{0xd5, 0x08, 0x89, 0x07}},       /* REX2 */
    {{0xfa}},                         /* privileged: not for this decoder */
};

static void other_instructions_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused_cases); i++) {
        struct insn insn;
        print_message("case %zu\n", i);
        assert_false(insn_decode(refused_cases[i].bytes, INSN_MAX_LENGTH, &insn));
        assert_int_equal(insn.op, INSN_NONE);
    }
}

/* ---- every opcode ------------------------------------------------------------------------ */

/* The allow-list once more, by opcode; `regs` has a bit for each ModRM.reg that is allowed. */
struct allowed {
    uint16_t opcode; /* 0x0fxx for the second map */
    uint8_t regs;
    bool lock;
    bool operand_16;
    bool repeat;
    bool modrm;
};

static const struct allowed allowed[] = {
    {0x00, 0xff, 1, 1, 0, 1},   {0x01, 0xff, 1, 1, 0, 1},   {0x08, 0xff, 1, 1, 0, 1},
    {0x09, 0xff, 1, 1, 0, 1},   {0x10, 0xff, 1, 1, 0, 1},   {0x11, 0xff, 1, 1, 0, 1},
    {0x18, 0xff, 1, 1, 0, 1},   {0x19, 0xff, 1, 1, 0, 1},   {0x20, 0xff, 1, 1, 0, 1},
    {0x21, 0xff, 1, 1, 0, 1},   {0x28, 0xff, 1, 1, 0, 1},   {0x29, 0xff, 1, 1, 0, 1},
    {0x30, 0xff, 1, 1, 0, 1},   {0x31, 0xff, 1, 1, 0, 1},   {0x80, 0x7f, 1, 1, 0, 1},
    {0x81, 0x7f, 1, 1, 0, 1},   {0x83, 0x7f, 1, 1, 0, 1},   {0x86, 0xff, 1, 1, 0, 1},
    {0x87, 0xff, 1, 1, 0, 1},   {0x88, 0xff, 0, 1, 0, 1},   {0x89, 0xff, 0, 1, 0, 1},
    {0xa2, 0xff, 0, 1, 0, 0},   {0xa3, 0xff, 0, 1, 0, 0},   {0xa4, 0xff, 0, 1, 1, 0},
    {0xa5, 0xff, 0, 1, 1, 0},   {0xaa, 0xff, 0, 1, 1, 0},   {0xab, 0xff, 0, 1, 1, 0},
    {0xc0, 0xb0, 0, 1, 0, 1},   {0xc1, 0xb0, 0, 1, 0, 1},   {0xc6, 0x01, 0, 1, 0, 1},
    {0xc7, 0x01, 0, 1, 0, 1},   {0xd0, 0xb0, 0, 1, 0, 1},   {0xd1, 0xb0, 0, 1, 0, 1},
    {0xd2, 0xb0, 0, 1, 0, 1},   {0xd3, 0xb0, 0, 1, 0, 1},   {0xf6, 0x0c, 1, 1, 0, 1},
    {0xf7, 0x0c, 1, 1, 0, 1},   {0xfe, 0x03, 1, 1, 0, 1},   {0xff, 0x03, 1, 1, 0, 1},
    {0x0f90, 0xff, 0, 1, 0, 1}, {0x0f91, 0xff, 0, 1, 0, 1}, {0x0f92, 0xff, 0, 1, 0, 1},
    {0x0f93, 0xff, 0, 1, 0, 1}, {0x0f94, 0xff, 0, 1, 0, 1}, {0x0f95, 0xff, 0, 1, 0, 1},
    {0x0f96, 0xff, 0, 1, 0, 1}, {0x0f97, 0xff, 0, 1, 0, 1}, {0x0f98, 0xff, 0, 1, 0, 1},
    {0x0f99, 0xff, 0, 1, 0, 1}, {0x0f9a, 0xff, 0, 1, 0, 1}, {0x0f9b, 0xff, 0, 1, 0, 1},
    {0x0f9c, 0xff, 0, 1, 0, 1}, {0x0f9d, 0xff, 0, 1, 0, 1}, {0x0f9e, 0xff, 0, 1, 0, 1},
    {0x0f9f, 0xff, 0, 1, 0, 1}, {0x0fab, 0xff, 1, 1, 0, 1}, {0x0fb0, 0xff, 1, 1, 0, 1},
    {0x0fb1, 0xff, 1, 1, 0, 1}, {0x0fb3, 0xff, 1, 1, 0, 1}, {0x0fba, 0xe0, 1, 1, 0, 1},
    {0x0fbb, 0xff, 1, 1, 0, 1}, {0x0fc0, 0xff, 1, 1, 0, 1}, {0x0fc1, 0xff, 1, 1, 0, 1},
    {0x0fc3, 0xff, 0, 0, 0, 1}, {0x0fc7, 0x02, 1, 0, 0, 1},
};

static const struct allowed *allowed_find(unsigned int opcode)
{
    for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
        if (allowed[i].opcode == opcode) {
            return &allowed[i];
        }
    }
    return NULL;
}

static bool prefix_is_allowed(const struct allowed *entry, uint8_t prefix)
{
    switch (prefix) {
    case 0xf0:
        return entry->lock;
    case 0x66:
        return entry->operand_16;
    case 0xf3:
        return entry->repeat;
    case 0xf2:
        return false;
    case 0x48:
        return entry->opcode != 0x0fc7;
    default:
        return true; /* 3E, 40, 65, 67 */
    }
}

static bool is_allowed(unsigned int opcode, uint8_t prefix, uint8_t modrm)
{
    const struct allowed *entry = allowed_find(opcode);
    if (entry == NULL || !prefix_is_allowed(entry, prefix)) {
        return false;
    }
    return !entry->modrm || (modrm < 0xc0 && (entry->regs >> ((modrm >> 3) & 7) & 1) != 0);
}

static bool decodes_with(unsigned int opcode, uint8_t prefix, uint8_t modrm)
{
    struct insn insn;
    uint8_t bytes[INSN_MAX_LENGTH] = {prefix};
    size_t length = 1;
    if (opcode > 0xff) {
        bytes[length++] = 0x0f;
    }
    bytes[length++] = (uint8_t)opcode;
    bytes[length] = modrm;
    return insn_decode(bytes, sizeof(bytes), &insn);
}

/* Bytes that are prefixes, or the escape to the second map, are no opcodes of the first. */
static bool is_opcode(unsigned int opcode)
{
    static const uint8_t others[] = {0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64,
                                     0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    return opcode > 0xff ||
           ((opcode & 0xf0) != 0x40 && memchr(others, (int)opcode, sizeof(others)) == NULL);
}

static void exactly_the_listed_opcodes_decode(void **state)
{
    (void)state;
    static const uint8_t prefixes[] = {0x3e, 0x40, 0x48, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    for (unsigned int i = 0; i < 2 * 256 * 256 * ARRAY_SIZE(prefixes); i++) {
        unsigned int opcode = (i & 0xff) | ((i & 0x100) != 0 ? 0x0f00 : 0);
        uint8_t modrm = (uint8_t)(i >> 9);
        uint8_t prefix = prefixes[i >> 17];
        if (is_opcode(opcode)) {
            if (decodes_with(opcode, prefix, modrm) != is_allowed(opcode, prefix, modrm)) {
                fail_msg("prefix %02x opcode %04x modrm %02x", prefix, opcode, modrm);
            }
        }
    }
}

/* ---- privileged instructions ------------------------------------------------------------- */

struct privileged_case {
    uint8_t bytes[INSN_MAX_LENGTH];
    uint8_t length;
    struct insn_privileged insn; /* length and, where it is none, gpr excepted */
};

#define PORT_BYTE(number) .port_kind = INSN_PORT_IMMEDIATE, .port = (number)
#define PORT_DX           .port_kind = INSN_PORT_DX
#define PLAIN(op_)                                                                                 \
    {                                                                                              \
        .op = (op_), .gpr = NO_REG                                                                 \
    }

static const struct privileged_case privileged_cases[] = {
    {BYTES(0xe4, 0x60), {.op = INSN_IN, .size = 1, PORT_BYTE(0x60), .gpr = NO_REG}},
    {BYTES(0xe5, 0xff), {.op = INSN_IN, .size = 4, PORT_BYTE(0xff), .gpr = NO_REG}},
    {BYTES(0x66, 0xe5, 0x10), {.op = INSN_IN, .size = 2, PORT_BYTE(0x10), .gpr = NO_REG}},
    {BYTES(0xe6, 0x80), {.op = INSN_OUT, .size = 1, PORT_BYTE(0x80), .gpr = NO_REG}},
    {BYTES(0x66, 0xe7, 0x80), {.op = INSN_OUT, .size = 2, PORT_BYTE(0x80), .gpr = NO_REG}},
    {BYTES(0xec), {.op = INSN_IN, .size = 1, PORT_DX, .gpr = NO_REG}},
    {BYTES(0x66, 0xec), {.op = INSN_IN, .size = 1, PORT_DX, .gpr = NO_REG}},
    {BYTES(0xed), {.op = INSN_IN, .size = 4, PORT_DX, .gpr = NO_REG}},
    {BYTES(0x66, 0xed), {.op = INSN_IN, .size = 2, PORT_DX, .gpr = NO_REG}},
    {BYTES(0x48, 0xed), {.op = INSN_IN, .size = 4, PORT_DX, .gpr = NO_REG}},
    {BYTES(0x66, 0x48, 0xef), {.op = INSN_OUT, .size = 4, PORT_DX, .gpr = NO_REG}},
    {BYTES(0xee), {.op = INSN_OUT, .size = 1, PORT_DX, .gpr = NO_REG}},
    {BYTES(0xef), {.op = INSN_OUT, .size = 4, PORT_DX, .gpr = NO_REG}},
    {BYTES(0x6c), {.op = INSN_INS, .size = 1, PORT_DX, .gpr = NO_REG}},
    {BYTES(0x66, 0x6d), {.op = INSN_INS, .size = 2, PORT_DX, .gpr = NO_REG}},
    {BYTES(0xf3, 0x6d), {.op = INSN_INS, .size = 4, PORT_DX, .gpr = NO_REG, .repeat = true}},
    {BYTES(0xf3, 0x48, 0x6d), {.op = INSN_INS, .size = 4, PORT_DX, .gpr = NO_REG, .repeat = true}},
    {BYTES(0x6e), {.op = INSN_OUTS, .size = 1, PORT_DX, .gpr = NO_REG}},
    {BYTES(0xf3, 0x66, 0x6f), {.op = INSN_OUTS, .size = 2, PORT_DX, .gpr = NO_REG, .repeat = true}},
    {BYTES(0xf4), PLAIN(INSN_HLT)},
    {BYTES(0xfa), PLAIN(INSN_CLI)},
    {BYTES(0x3e, 0xfb), PLAIN(INSN_STI)},
    {BYTES(0x0f, 0x06), PLAIN(INSN_CLTS)},
    {BYTES(0x0f, 0x08), PLAIN(INSN_INVD)},
    {BYTES(0x0f, 0x09), PLAIN(INSN_WBINVD)},
    {BYTES(0xf3, 0x0f, 0x09), PLAIN(INSN_WBINVD)},
    {BYTES(0x0f, 0x30), PLAIN(INSN_WRMSR)},
    {BYTES(0x0f, 0x31), PLAIN(INSN_RDTSC)},
    {BYTES(0x0f, 0x32), PLAIN(INSN_RDMSR)},
    {BYTES(0x48, 0x0f, 0xa2), PLAIN(INSN_CPUID)},
    {BYTES(0x0f, 0x01, 0xd1), PLAIN(INSN_XSETBV)},
    {BYTES(0x0f, 0x01, 0xf9), PLAIN(INSN_RDTSCP)},
    {BYTES(0x0f, 0x01, 0x3f), PLAIN(INSN_INVLPG)},
    {BYTES(0x41, 0x0f, 0x01, 0x7c, 0x24, 0x10), PLAIN(INSN_INVLPG)},
    {BYTES(0x65, 0x0f, 0x01, 0x3c, 0x25, 0x00, 0x00, 0x00, 0x00), PLAIN(INSN_INVLPG)},
    {BYTES(0x0f, 0x20, 0xe0), {.op = INSN_MOV_FROM_CR, .special = 4, .gpr = 0}},
    {BYTES(0x0f, 0x22, 0xe7), {.op = INSN_MOV_TO_CR, .special = 4, .gpr = 7}},
    {BYTES(0x0f, 0x20, 0xd7), {.op = INSN_MOV_FROM_CR, .special = 2, .gpr = 7}},
    {BYTES(0x41, 0x0f, 0x22, 0xdf), {.op = INSN_MOV_TO_CR, .special = 3, .gpr = 15}},
    {BYTES(0x44, 0x0f, 0x20, 0xc4), {.op = INSN_MOV_FROM_CR, .special = 8, .gpr = 4}},
    {BYTES(0x0f, 0x20, 0x05), {.op = INSN_MOV_FROM_CR, .special = 0, .gpr = 5}},
    {BYTES(0x0f, 0x21, 0xf8), {.op = INSN_MOV_FROM_DR, .special = 7, .gpr = 0}},
    {BYTES(0x49, 0x0f, 0x23, 0xc1), {.op = INSN_MOV_TO_DR, .special = 0, .gpr = 9}},
};

static void privileged_instructions_decode_as_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(privileged_cases); i++) {
        const struct privileged_case *expected = &privileged_cases[i];
        struct insn_privileged insn;
        print_message("case %zu\n", i);
        assert_true(insn_decode_privileged(expected->bytes, expected->length, &insn));
        assert_int_equal(insn.op, expected->insn.op);
        assert_int_equal(insn.length, expected->length);
        assert_int_equal(insn.size, expected->insn.size);
        assert_int_equal(insn.port_kind, expected->insn.port_kind);
        assert_int_equal(insn.port, expected->insn.port);
        assert_int_equal(insn.special, expected->insn.special);
        assert_int_equal(insn.gpr, expected->insn.gpr);
        assert_int_equal(insn.repeat, expected->insn.repeat);
    }
}

static void privileged_instruction_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(privileged_cases); i++) {
        for (size_t count = 0; count < privileged_cases[i].length; count++) {
            struct insn_privileged insn;
            assert_false(insn_decode_privileged(privileged_cases[i].bytes, count, &insn));
            assert_int_equal(insn.op, INSN_PRIVILEGED_NONE);
        }
    }
}

static const struct refused_case privileged_refused_cases[] = {
    {{0xf0, 0xfa}},             /* lock cli */
    {{0xf0, 0x0f, 0x20, 0xc0}}, /* lock mov cr0: AMD's other name of cr8 */
    {{0x66, 0xfa}},             /* cli with 66 */
    {{0x66, 0x0f, 0x01, 0xd1}}, /* xsetbv with 66 */
    {{0xf2, 0xec}},             /* F2 */
    {{0xf3, 0xec}},             /* F3 */
    {{0xf3, 0x0f, 0x30}},       /* F3 on wrmsr */
    {{0x67, 0x6c}},             /* insb (%edi) */
    {{0x64, 0x6f}},             /* outsl %fs:(%rsi) */
    {{0xf2, 0x6d}},             /* repne insl */
    {{0xf0, 0x6d}},             /* lock insl */
    {{0x9c}},                   /* pushf */
    {{0x9d}},                   /* popf */
    {{0xcf}},                   /* iret */
    {{0x0f, 0x20, 0xc8}},       /* cr1 */
    {{0x0f, 0x20, 0xe8}},       /* cr5 */
    {{0x44, 0x0f, 0x22, 0xc8}}, /* cr9 */
    {{0x44, 0x0f, 0x23, 0xc0}}, /* dr8 */
    {{0x0f, 0x24, 0xc0}},       /* test registers */
    {{0x0f, 0x01, 0x17}},       /* lgdt */
    {{0x0f, 0x01, 0x1f}},       /* lidt */
    {{0x0f, 0x01, 0x37}},       /* lmsw */
    {{0x0f, 0x01, 0xf0}},       /* lmsw of a register */
    {{0x0f, 0x01, 0xf8}},       /* swapgs */
    {{0x0f, 0x01, 0xd0}},       /* xgetbv: never faults for us */
    {{0x0f, 0x01, 0xca}},       /* clac */
    {{0x0f, 0x00, 0xd8}},       /* ltr */
    {{0x0f, 0x07}},             /* sysret */
    {{0x0f, 0x33}},             /* rdpmc */
    {{0x89, 0x07}},             /* not privileged */
};

static void other_privileged_instructions_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(privileged_refused_cases); i++) {
        struct insn_privileged insn;
        print_message("case %zu\n", i);
        assert_false(
            insn_decode_privileged(privileged_refused_cases[i].bytes, INSN_MAX_LENGTH, &insn));
        assert_int_equal(insn.op, INSN_PRIVILEGED_NONE);
    }
}

static bool privileged_is_allowed(unsigned int opcode, uint8_t modrm)
{
    static const uint16_t plain[] = {
        0x6c, 0x6d, 0x6e, 0x6f,   0xe4,   0xe5,   0xe6,   0xe7,   0xec,   0xed,   0xee,   0xef,
        0xf4, 0xfa, 0xfb, 0x0f06, 0x0f08, 0x0f09, 0x0f21, 0x0f23, 0x0f30, 0x0f31, 0x0f32, 0x0fa2};
    unsigned int reg = (modrm >> 3) & 7;
    if (opcode == 0x0f01) {
        return modrm == 0xd1 || modrm == 0xf9 || (modrm < 0xc0 && reg == 7);
    }
    if (opcode == 0x0f20 || opcode == 0x0f22) {
        return reg == 0 || reg == 2 || reg == 3 || reg == 4;
    }
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
        if (plain[i] == opcode) {
            return true;
        }
    }
    return false;
}

static void exactly_the_listed_privileged_opcodes_decode(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 2 * 256 * 256; i++) {
        unsigned int opcode = (i & 0xff) | ((i & 0x100) != 0 ? 0x0f00 : 0);
        uint8_t modrm = (uint8_t)(i >> 9);
        uint8_t bytes[INSN_MAX_LENGTH] = {0x0f, (uint8_t)opcode, modrm};
        struct insn_privileged insn;
        bool first_map = opcode <= 0xff;
        if (is_opcode(opcode) &&
            insn_decode_privileged(bytes + first_map, sizeof(bytes) - first_map, &insn) !=
                privileged_is_allowed(opcode, modrm)) {
            fail_msg("opcode %04x modrm %02x", opcode, modrm);
        }
    }
}

/* ---- random bytes ------------------------------------------------------------------------ */

#define FUZZ_ROUNDS 1000000

static uint64_t random_state;

static uint64_t random_u64(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (random_state ^ (random_state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

/* INSN_SEED in the environment repeats a run. */
static void random_start(void)
{
    const char *seed = getenv("INSN_SEED");
    random_state = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    print_message("INSN_SEED=%llu\n", (unsigned long long)random_state);
}

/* Random bytes, but often ones that get past the first check. */
static void random_bytes(uint8_t *bytes, size_t count)
{
    static const uint8_t likely[] = {0xf0, 0x66, 0x67, 0x65, 0xf3, 0x48, 0x4f, 0x41, 0x0f, 0x0f,
                                     0x87, 0x89, 0x80, 0x81, 0xba, 0xb1, 0xc7, 0xc1, 0xa3, 0xa4,
                                     0xab, 0x01, 0x20, 0x22, 0xec, 0xe5, 0x04, 0x84, 0x24, 0x05};
    for (size_t i = 0; i < count; i++) {
        uint64_t random = random_u64();
        bool use_likely = (random & 0x300) != 0;
        bytes[i] = use_likely ? likely[(random >> 16) % sizeof(likely)] : (uint8_t)random;
    }
}

static void assert_same_insn(const struct insn *a, const struct insn *b)
{
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->length, b->length);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->lock, b->lock);
    assert_int_equal(a->repeat, b->repeat);
    assert_int_equal(a->condition, b->condition);
    assert_int_equal(a->source, b->source);
    assert_int_equal(a->source_register, b->source_register);
    assert_int_equal(a->source_segment, b->source_segment);
    assert_int_equal(a->immediate, b->immediate);
    assert_int_equal(a->memory.displacement, b->memory.displacement);
    assert_int_equal(a->memory.segment, b->memory.segment);
    assert_int_equal(a->memory.base, b->memory.base);
    assert_int_equal(a->memory.index, b->memory.index);
    assert_int_equal(a->memory.scale_shift, b->memory.scale_shift);
    assert_int_equal(a->memory.address_size, b->memory.address_size);
    assert_int_equal(a->memory.rip_relative, b->memory.rip_relative);
}

static bool is_register_or_none(uint8_t number)
{
    return number < INSN_REGISTER_COUNT || number == INSN_NO_REGISTER;
}

static void assert_fields_are_in_range(const struct insn *insn, size_t count)
{
    assert_in_range(insn->length, 1, min_u64(count, INSN_MAX_LENGTH));
    assert_in_range(insn->op, INSN_ADD, INSN_MOVS);
    assert_true(insn->size == 1 || insn->size == 2 || insn->size == 4 || insn->size == 8);
    assert_true(insn->memory.address_size == 4 || insn->memory.address_size == 8);
    assert_in_range(insn->memory.scale_shift, 0, 3);
    assert_true(is_register_or_none(insn->memory.base));
    assert_true(is_register_or_none(insn->memory.index));
    assert_true(is_register_or_none(insn->source_register));
    assert_in_range(insn->condition, 0, 15);
}

/* For the sanitisers: no register or memory value may lead to undefined behaviour. */
static void evaluate_with_random_values(const struct insn *insn)
{
    struct cpu_user_regs regs = fixed_registers();
    struct insn_outcome outcome;
    uint64_t address;
    *insn_register(&regs, random_u64() % INSN_REGISTER_COUNT) = random_u64();
    regs.rcx = random_u64();
    regs.rflags = random_u64();
    (void)insn_memory_address(insn, &regs, random_u64(), random_u64());
    assert_int_equal(insn_source_address(insn, &regs, random_u64(), random_u64(), &address),
                     insn->op == INSN_MOVS);
    insn_evaluate(insn, &regs, random_u64(), random_u64(), &outcome);
    assert_in_range(outcome.register_count, 0, ARRAY_SIZE(outcome.registers));
    assert_true(insn->size == 8 || outcome.memory >> (8 * insn->size) == 0);
    insn_commit(&outcome, &regs);
}

static void fuzz_one(const uint8_t *bytes, size_t count, unsigned int *decoded)
{
    struct insn first;
    struct insn second;
    struct insn_privileged privileged;
    memset(&first, 0xaa, sizeof(first));
    memset(&second, 0x55, sizeof(second));

    bool is_ours = insn_decode(bytes, count, &first);
    assert_int_equal(insn_decode(bytes, count, &second), is_ours);
    assert_same_insn(&first, &second);
    assert_false(insn_decode_privileged(bytes, count, &privileged) && is_ours);
    if (!is_ours) {
        assert_int_equal(first.op, INSN_NONE);
        return;
    }
    (*decoded)++;
    assert_fields_are_in_range(&first, count);
    assert_true(insn_decode(bytes, first.length, &second));
    assert_same_insn(&first, &second);
    assert_false(insn_decode(bytes, first.length - 1U, &second));
    evaluate_with_random_values(&first);
}

static void random_bytes_decode_within_bounds(void **state)
{
    (void)state;
    uint8_t *pages =
        mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + PAGE_SIZE, PAGE_SIZE, PROT_NONE), 0);

    random_start();
    unsigned int decoded = 0;
    for (unsigned int round = 0; round < FUZZ_ROUNDS; round++) {
        size_t count = random_u64() % 20;
        uint8_t *bytes = pages + PAGE_SIZE - count;
        random_bytes(bytes, count);
        fuzz_one(bytes, count, &decoded);
    }
    print_message("%u of %u decoded\n", decoded, FUZZ_ROUNDS);
    assert_true(decoded > FUZZ_ROUNDS / 100);
    assert_int_equal(munmap(pages, 2 * PAGE_SIZE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hand_assembled_instructions_decode_as_written),
        cmocka_unit_test(instruction_cut_off_anywhere_is_refused),
        cmocka_unit_test(fifteen_bytes_are_an_instruction_and_sixteen_are_not),
        cmocka_unit_test(movs_reads_from_rsi_with_the_override),
        cmocka_unit_test(only_movs_has_a_second_memory_operand),
        cmocka_unit_test(bit_offset_moves_the_operand_by_all_its_bits),
        cmocka_unit_test(bit_offset_has_the_operand_size_and_is_signed),
        cmocka_unit_test(bit_offset_in_an_immediate_stays_in_the_operand),
        cmocka_unit_test(complete_instruction_clears_rf_and_moves_on),
        cmocka_unit_test(unfinished_repeat_keeps_rf_and_rip),
        cmocka_unit_test(last_repeat_moves_on),
        cmocka_unit_test(repeat_with_nothing_left_writes_nothing),
        cmocka_unit_test(failed_compare_exchange_writes_no_memory),
        cmocka_unit_test(bytes_above_the_operand_do_not_matter),
        cmocka_unit_test(other_instructions_are_refused),
        cmocka_unit_test(exactly_the_listed_opcodes_decode),
        cmocka_unit_test(privileged_instructions_decode_as_written),
        cmocka_unit_test(privileged_instruction_cut_off_anywhere_is_refused),
        cmocka_unit_test(other_privileged_instructions_are_refused),
        cmocka_unit_test(exactly_the_listed_privileged_opcodes_decode),
        cmocka_unit_test(random_bytes_decode_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
