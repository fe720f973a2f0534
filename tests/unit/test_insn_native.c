/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulated instructions against the CPU: random encodings of each form are run natively, on
 * random registers, flags and memory, and lib/insn must come to the same memory, registers and
 * flags. The encoder below knows nothing of the decoder: it picks an encoding and random registers,
 * and then solves for the one register (or displacement) that makes the operand's address land in
 * the buffer.
 *
 * Prints its seed; INSN_SEED in the environment repeats a run.
 */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/insn.h"

#include <cmocka.h>

#define CASES_PER_FORM 4000

/* ---- running bytes on the CPU ------------------------------------------------------------ */

struct machine_state {
    uint64_t gpr[INSN_REGISTER_COUNT];
    uint64_t rflags;
};

/* Named by the assembly below. */
extern struct machine_state native_state;
extern const void *native_code;
void native_run(void);
void native_return(void);

struct machine_state native_state;
const void *native_code;

/*
 * native_run - run the code at native_code in native_state
 *
 * The C stack is left behind (rsp is one of the registers under test), so that no signal may come.
 * The code ends with a jump to native_return.
 */
__asm__(".text\n"
        ".globl native_run, native_return\n"
        "native_run:\n"
        "    push %rbx\n"
        "    push %rbp\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    mov %rsp, native_stack(%rip)\n"
        "    pushq native_state+128(%rip)\n"
        "    popfq\n"
        "    mov native_state+0(%rip), %rax\n"
        "    mov native_state+8(%rip), %rcx\n"
        "    mov native_state+16(%rip), %rdx\n"
        "    mov native_state+24(%rip), %rbx\n"
        "    mov native_state+40(%rip), %rbp\n"
        "    mov native_state+48(%rip), %rsi\n"
        "    mov native_state+56(%rip), %rdi\n"
        "    mov native_state+64(%rip), %r8\n"
        "    mov native_state+72(%rip), %r9\n"
        "    mov native_state+80(%rip), %r10\n"
        "    mov native_state+88(%rip), %r11\n"
        "    mov native_state+96(%rip), %r12\n"
        "    mov native_state+104(%rip), %r13\n"
        "    mov native_state+112(%rip), %r14\n"
        "    mov native_state+120(%rip), %r15\n"
        "    mov native_state+32(%rip), %rsp\n"
        "    jmp *native_code(%rip)\n"
        "native_return:\n"
        "    mov %rax, native_state+0(%rip)\n"
        "    mov %rcx, native_state+8(%rip)\n"
        "    mov %rdx, native_state+16(%rip)\n"
        "    mov %rbx, native_state+24(%rip)\n"
        "    mov %rsp, native_state+32(%rip)\n"
        "    mov %rbp, native_state+40(%rip)\n"
        "    mov %rsi, native_state+48(%rip)\n"
        "    mov %rdi, native_state+56(%rip)\n"
        "    mov %r8, native_state+64(%rip)\n"
        "    mov %r9, native_state+72(%rip)\n"
        "    mov %r10, native_state+80(%rip)\n"
        "    mov %r11, native_state+88(%rip)\n"
        "    mov %r12, native_state+96(%rip)\n"
        "    mov %r13, native_state+104(%rip)\n"
        "    mov %r14, native_state+112(%rip)\n"
        "    mov %r15, native_state+120(%rip)\n"
        "    mov native_stack(%rip), %rsp\n"
        "    pushfq\n"
        "    popq native_state+128(%rip)\n"
        "    cld\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbp\n"
        "    pop %rbx\n"
        "    ret\n"
        ".local native_stack\n"
        ".comm native_stack, 8, 8\n");

/*
 * Code and operand below 4 GiB (for 4-byte addresses) and next to each other (for RIP-relative):
 *
 *   page 0      page 1           page 2          page 3
 *   the code    room below       the operand     room above      strings may run into the room
 */
#define ARENA_PAGES   4
#define BUFFER_SIZE   (3 * PAGE_SIZE)
#define CODE_OFFSET   64
#define TARGET_OFFSET (PAGE_SIZE + PAGE_SIZE / 2) /* in the buffer */

static uint8_t *arena;
static uint8_t *buffer;

static int arena_create(void **state)
{
    (void)state;
    arena = mmap(NULL, ARENA_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    buffer = arena + PAGE_SIZE;
    return arena == MAP_FAILED ? -1 : 0;
}

static int arena_destroy(void **state)
{
    (void)state;
    return munmap(arena, ARENA_PAGES * PAGE_SIZE);
}

/* The instruction and `jmp *0(%rip)` with the address of native_return. */
static void native_execute(const uint8_t *bytes, size_t length, struct machine_state *machine)
{
    static const uint8_t jump[] = {0xff, 0x25, 0x00, 0x00, 0x00, 0x00};
    uint8_t *code = arena + CODE_OFFSET;
    void (*target)(void) = native_return;
    memcpy(code, bytes, length);
    memcpy(code + length, jump, sizeof(jump));
    memcpy(code + length + sizeof(jump), &target, sizeof(target));
    native_code = code;
    native_state = *machine;
    native_run();
    *machine = native_state;
}

static void gs_base_set(uint64_t base)
{
    assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, base), 0);
}

static uint64_t fs_base_get(void)
{
    uint64_t base = 0;
    assert_int_equal(syscall(SYS_arch_prctl, ARCH_GET_FS, &base), 0);
    return base;
}

/* ---- random values ----------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t random_u64(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (random_state ^ (random_state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

static unsigned int random_below(unsigned int limit)
{
    return (unsigned int)(random_u64() >> 32) % limit;
}

static bool one_in(unsigned int n)
{
    return random_below(n) == 0;
}

/* Any value, but often one at an edge of some operand size. */
static uint64_t random_value(void)
{
    static const uint64_t edges[] = {
        0,          1,          0x7f,       0x80,      0xff,       0x7fff, 0x8000, 0xffff,
        0x7fffffff, 0x80000000, 0xffffffff, INT64_MAX, UINT64_MAX, 0x0f,   0x10,
    };
    uint64_t value = random_u64();
    if (one_in(3)) {
        value = edges[random_below(ARRAY_SIZE(edges))];
    }
    return one_in(3) ? value ^ (random_u64() << 32) : value;
}

/* ---- the forms --------------------------------------------------------------------------- */

enum undefined { ALL_DEFINED, AF_UNDEFINED, AS_SHIFT, ONLY_CF_AND_ZF };

#define BYTE       0x01 /* one-byte operand */
#define LOCKABLE   0x02
#define NO_66      0x04
#define EIGHT      0x08 /* eight bytes without REX.W, which would make it sixteen */
#define STRING     0x10
#define ABSOLUTE   0x20
#define IMM8       0x40
#define IMM        0x80
#define BIT_STRING 0x100 /* the register is a bit offset */

#define ANY_REG 8

struct form {
    const char *name;
    uint16_t opcode; /* 0x0fxx for the second map */
    uint8_t reg;     /* ModRM.reg, or ANY_REG for a register operand */
    uint16_t flags;
    enum undefined undefined;
};

static const struct form forms[] = {
    {"add m8,r8", 0x00, ANY_REG, BYTE | LOCKABLE, ALL_DEFINED},
    {"add m,r", 0x01, ANY_REG, LOCKABLE, ALL_DEFINED},
    {"or m8,r8", 0x08, ANY_REG, BYTE | LOCKABLE, AF_UNDEFINED},
    {"or m,r", 0x09, ANY_REG, LOCKABLE, AF_UNDEFINED},
    {"adc m8,r8", 0x10, ANY_REG, BYTE | LOCKABLE, ALL_DEFINED},
    {"adc m,r", 0x11, ANY_REG, LOCKABLE, ALL_DEFINED},
    {"sbb m8,r8", 0x18, ANY_REG, BYTE | LOCKABLE, ALL_DEFINED},
    {"sbb m,r", 0x19, ANY_REG, LOCKABLE, ALL_DEFINED},
    {"and m8,r8", 0x20, ANY_REG, BYTE | LOCKABLE, AF_UNDEFINED},
    {"and m,r", 0x21, ANY_REG, LOCKABLE, AF_UNDEFINED},
    {"sub m8,r8", 0x28, ANY_REG, BYTE | LOCKABLE, ALL_DEFINED},
    {"sub m,r", 0x29, ANY_REG, LOCKABLE, ALL_DEFINED},
    {"xor m8,r8", 0x30, ANY_REG, BYTE | LOCKABLE, AF_UNDEFINED},
    {"xor m,r", 0x31, ANY_REG, LOCKABLE, AF_UNDEFINED},
    {"add m8,imm8", 0x80, 0, BYTE | LOCKABLE | IMM8, ALL_DEFINED},
    {"or m8,imm8", 0x80, 1, BYTE | LOCKABLE | IMM8, AF_UNDEFINED},
    {"adc m8,imm8", 0x80, 2, BYTE | LOCKABLE | IMM8, ALL_DEFINED},
    {"sbb m8,imm8", 0x80, 3, BYTE | LOCKABLE | IMM8, ALL_DEFINED},
    {"and m8,imm8", 0x80, 4, BYTE | LOCKABLE | IMM8, AF_UNDEFINED},
    {"sub m8,imm8", 0x80, 5, BYTE | LOCKABLE | IMM8, ALL_DEFINED},
    {"xor m8,imm8", 0x80, 6, BYTE | LOCKABLE | IMM8, AF_UNDEFINED},
    {"add m,imm", 0x81, 0, LOCKABLE | IMM, ALL_DEFINED},
    {"or m,imm", 0x81, 1, LOCKABLE | IMM, AF_UNDEFINED},
    {"adc m,imm", 0x81, 2, LOCKABLE | IMM, ALL_DEFINED},
    {"sbb m,imm", 0x81, 3, LOCKABLE | IMM, ALL_DEFINED},
    {"and m,imm", 0x81, 4, LOCKABLE | IMM, AF_UNDEFINED},
    {"sub m,imm", 0x81, 5, LOCKABLE | IMM, ALL_DEFINED},
    {"xor m,imm", 0x81, 6, LOCKABLE | IMM, AF_UNDEFINED},
    {"add m,imm8", 0x83, 0, LOCKABLE | IMM8, ALL_DEFINED},
    {"or m,imm8", 0x83, 1, LOCKABLE | IMM8, AF_UNDEFINED},
    {"adc m,imm8", 0x83, 2, LOCKABLE | IMM8, ALL_DEFINED},
    {"sbb m,imm8", 0x83, 3, LOCKABLE | IMM8, ALL_DEFINED},
    {"and m,imm8", 0x83, 4, LOCKABLE | IMM8, AF_UNDEFINED},
    {"sub m,imm8", 0x83, 5, LOCKABLE | IMM8, ALL_DEFINED},
    {"xor m,imm8", 0x83, 6, LOCKABLE | IMM8, AF_UNDEFINED},
    {"xchg m8,r8", 0x86, ANY_REG, BYTE | LOCKABLE, ALL_DEFINED},
    {"xchg m,r", 0x87, ANY_REG, LOCKABLE, ALL_DEFINED},
    {"mov m8,r8", 0x88, ANY_REG, BYTE, ALL_DEFINED},
    {"mov m,r", 0x89, ANY_REG, 0, ALL_DEFINED},
    {"mov moffs8,al", 0xa2, 0, BYTE | ABSOLUTE, ALL_DEFINED},
    {"mov moffs,rax", 0xa3, 0, ABSOLUTE, ALL_DEFINED},
    {"movsb", 0xa4, 0, BYTE | STRING, ALL_DEFINED},
    {"movs", 0xa5, 0, STRING, ALL_DEFINED},
    {"stosb", 0xaa, 0, BYTE | STRING, ALL_DEFINED},
    {"stos", 0xab, 0, STRING, ALL_DEFINED},
    {"shl m8,imm8", 0xc0, 4, BYTE | IMM8, AS_SHIFT},
    {"shr m8,imm8", 0xc0, 5, BYTE | IMM8, AS_SHIFT},
    {"sar m8,imm8", 0xc0, 7, BYTE | IMM8, AS_SHIFT},
    {"shl m,imm8", 0xc1, 4, IMM8, AS_SHIFT},
    {"shr m,imm8", 0xc1, 5, IMM8, AS_SHIFT},
    {"sar m,imm8", 0xc1, 7, IMM8, AS_SHIFT},
    {"mov m8,imm8", 0xc6, 0, BYTE | IMM8, ALL_DEFINED},
    {"mov m,imm", 0xc7, 0, IMM, ALL_DEFINED},
    {"shl m8,1", 0xd0, 4, BYTE, AS_SHIFT},
    {"shr m8,1", 0xd0, 5, BYTE, AS_SHIFT},
    {"sar m8,1", 0xd0, 7, BYTE, AS_SHIFT},
    {"shl m,1", 0xd1, 4, 0, AS_SHIFT},
    {"shr m,1", 0xd1, 5, 0, AS_SHIFT},
    {"sar m,1", 0xd1, 7, 0, AS_SHIFT},
    {"shl m8,cl", 0xd2, 4, BYTE, AS_SHIFT},
    {"shr m8,cl", 0xd2, 5, BYTE, AS_SHIFT},
    {"sar m8,cl", 0xd2, 7, BYTE, AS_SHIFT},
    {"shl m,cl", 0xd3, 4, 0, AS_SHIFT},
    {"shr m,cl", 0xd3, 5, 0, AS_SHIFT},
    {"sar m,cl", 0xd3, 7, 0, AS_SHIFT},
    {"not m8", 0xf6, 2, BYTE | LOCKABLE, ALL_DEFINED},
    {"neg m8", 0xf6, 3, BYTE | LOCKABLE, ALL_DEFINED},
    {"not m", 0xf7, 2, LOCKABLE, ALL_DEFINED},
    {"neg m", 0xf7, 3, LOCKABLE, ALL_DEFINED},
    {"inc m8", 0xfe, 0, BYTE | LOCKABLE, ALL_DEFINED},
    {"dec m8", 0xfe, 1, BYTE | LOCKABLE, ALL_DEFINED},
    {"inc m", 0xff, 0, LOCKABLE, ALL_DEFINED},
    {"dec m", 0xff, 1, LOCKABLE, ALL_DEFINED},
    {"seto m8", 0x0f90, ANY_REG, BYTE, ALL_DEFINED},
    {"setno m8", 0x0f91, ANY_REG, BYTE, ALL_DEFINED},
    {"setb m8", 0x0f92, ANY_REG, BYTE, ALL_DEFINED},
    {"setae m8", 0x0f93, ANY_REG, BYTE, ALL_DEFINED},
    {"sete m8", 0x0f94, ANY_REG, BYTE, ALL_DEFINED},
    {"setne m8", 0x0f95, ANY_REG, BYTE, ALL_DEFINED},
    {"setbe m8", 0x0f96, ANY_REG, BYTE, ALL_DEFINED},
    {"seta m8", 0x0f97, ANY_REG, BYTE, ALL_DEFINED},
    {"sets m8", 0x0f98, ANY_REG, BYTE, ALL_DEFINED},
    {"setns m8", 0x0f99, ANY_REG, BYTE, ALL_DEFINED},
    {"setp m8", 0x0f9a, ANY_REG, BYTE, ALL_DEFINED},
    {"setnp m8", 0x0f9b, ANY_REG, BYTE, ALL_DEFINED},
    {"setl m8", 0x0f9c, ANY_REG, BYTE, ALL_DEFINED},
    {"setge m8", 0x0f9d, ANY_REG, BYTE, ALL_DEFINED},
    {"setle m8", 0x0f9e, ANY_REG, BYTE, ALL_DEFINED},
    {"setg m8", 0x0f9f, ANY_REG, BYTE, ALL_DEFINED},
    {"bts m,r", 0x0fab, ANY_REG, LOCKABLE | BIT_STRING, ONLY_CF_AND_ZF},
    {"btr m,r", 0x0fb3, ANY_REG, LOCKABLE | BIT_STRING, ONLY_CF_AND_ZF},
    {"btc m,r", 0x0fbb, ANY_REG, LOCKABLE | BIT_STRING, ONLY_CF_AND_ZF},
    {"bts m,imm8", 0x0fba, 5, LOCKABLE | IMM8, ONLY_CF_AND_ZF},
    {"btr m,imm8", 0x0fba, 6, LOCKABLE | IMM8, ONLY_CF_AND_ZF},
    {"btc m,imm8", 0x0fba, 7, LOCKABLE | IMM8, ONLY_CF_AND_ZF},
    {"cmpxchg m8,r8", 0x0fb0, ANY_REG, BYTE | LOCKABLE, ALL_DEFINED},
    {"cmpxchg m,r", 0x0fb1, ANY_REG, LOCKABLE, ALL_DEFINED},
    {"xadd m8,r8", 0x0fc0, ANY_REG, BYTE | LOCKABLE, ALL_DEFINED},
    {"xadd m,r", 0x0fc1, ANY_REG, LOCKABLE, ALL_DEFINED},
    {"movnti m,r", 0x0fc3, ANY_REG, NO_66, ALL_DEFINED},
    {"cmpxchg8b m64", 0x0fc7, 1, LOCKABLE | NO_66 | EIGHT, ALL_DEFINED},
};

/* ---- one random encoding ----------------------------------------------------------------- */

#define REX_B 0x01
#define REX_X 0x02
#define REX_R 0x04
#define REX_W 0x08
#define NONE  0xff

struct encoding {
    uint8_t bytes[32];
    size_t length;
    size_t displacement_at; /* where the last displacement byte group begins */
    unsigned int displacement_size;
    unsigned int size; /* of the operand */
    int64_t displacement;
    uint8_t base;  /* or NONE */
    uint8_t index; /* or NONE */
    uint8_t scale_shift;
    uint8_t reg;     /* ModRM.reg with REX.R */
    uint8_t segment; /* prefix byte 0x64 or 0x65, or 0 */
    uint64_t immediate;
    bool has_rex;
    bool rip_relative;
    bool address_32;
    bool repeat;
};

static void put(struct encoding *encoding, uint8_t byte)
{
    encoding->bytes[encoding->length++] = byte;
}

static void put_number(struct encoding *encoding, uint64_t value, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++) {
        put(encoding, (uint8_t)(value >> (8 * i)));
    }
}

/* Legacy prefixes in any order; ignored ones and a REX that does not count between them. */
static void put_prefixes(struct encoding *encoding, const struct form *form, bool operand_16)
{
    uint8_t prefixes[8];
    unsigned int count = 0;
    if (operand_16) {
        prefixes[count++] = 0x66;
    }
    if (one_in(4)) {
        prefixes[count++] = 0x67;
        encoding->address_32 = true;
    }
    if (one_in(3)) {
        encoding->segment = one_in(3) ? 0x64 : 0x65;
        prefixes[count++] = encoding->segment;
    }
    if (one_in(3)) {
        prefixes[count++] = (uint8_t[]){0x26, 0x2e, 0x36, 0x3e}[random_below(4)];
    }
    if ((form->flags & LOCKABLE) != 0 && one_in(3)) {
        prefixes[count++] = 0xf0;
    }
    if ((form->flags & STRING) != 0 && one_in(2)) {
        prefixes[count++] = 0xf3;
        encoding->repeat = true;
    }
    while (count > 0) {
        unsigned int next = random_below(count);
        if (one_in(32)) {
            put(encoding, (uint8_t)(0x40 | random_below(16)));
        }
        put(encoding, prefixes[next]);
        prefixes[next] = prefixes[--count];
    }
}

static void put_modrm_and_sib(struct encoding *encoding, const struct form *form, uint8_t rex)
{
    uint8_t mod = (uint8_t)random_below(3);
    uint8_t rm = (uint8_t)random_below(8);
    uint8_t reg = form->reg == ANY_REG ? (uint8_t)random_below(8) : form->reg;
    encoding->displacement_size = (const uint8_t[]){0, 1, 4}[mod];
    encoding->reg = reg | ((rex & REX_R) != 0 ? 8 : 0);
    put(encoding, (uint8_t)(mod << 6 | reg << 3 | rm));

    uint8_t base = rm;
    if (rm == 4) {
        uint8_t sib = (uint8_t)random_u64();
        put(encoding, sib);
        uint8_t index = ((sib >> 3) & 7) | ((rex & REX_X) != 0 ? 8 : 0);
        encoding->index = index == 4 ? NONE : index;
        encoding->scale_shift = sib >> 6;
        base = sib & 7;
    }
    if (mod == 0 && base == 5) {
        encoding->base = NONE;
        encoding->rip_relative = rm == 5;
        encoding->displacement_size = 4;
    } else {
        encoding->base = base | ((rex & REX_B) != 0 ? 8 : 0);
    }
}

static unsigned int immediate_size(const struct form *form, unsigned int size)
{
    if ((form->flags & IMM8) != 0) {
        return 1;
    }
    if ((form->flags & IMM) != 0) {
        return size == 2 ? 2 : 4;
    }
    return 0;
}

static unsigned int random_operand_size(const struct form *form)
{
    if ((form->flags & BYTE) != 0) {
        return 1;
    }
    if ((form->flags & EIGHT) != 0) {
        return 8;
    }
    return (form->flags & NO_66) != 0 ? 4U << random_below(2) : 2U << random_below(3);
}

static uint8_t random_rex(const struct form *form, unsigned int size)
{
    uint8_t rex = one_in(2) ? (uint8_t)random_below(16) & (REX_B | REX_X | REX_R) : 0;
    if (size == 8 && (form->flags & EIGHT) == 0) {
        rex |= REX_W;
    }
    if (size == 1 && one_in(4)) {
        rex |= REX_W; /* changes nothing */
    }
    return rex;
}

/* The displacement is left open: 0 for now. */
static struct encoding encoding_make(const struct form *form)
{
    struct encoding encoding = {.base = NONE, .index = NONE};
    encoding.size = random_operand_size(form);
    uint8_t rex = random_rex(form, encoding.size);
    bool operand_16 = encoding.size == 2 || (encoding.size == 1 && one_in(8));

    put_prefixes(&encoding, form, operand_16);
    encoding.has_rex = rex != 0 || one_in(4);
    if (encoding.has_rex) {
        put(&encoding, 0x40 | rex);
    }
    if (form->opcode > 0xff) {
        put(&encoding, 0x0f);
    }
    put(&encoding, (uint8_t)form->opcode);
    if ((form->flags & ABSOLUTE) != 0) {
        encoding.displacement_size = encoding.address_32 ? 4 : 8;
    } else if ((form->flags & STRING) == 0) {
        put_modrm_and_sib(&encoding, form, rex);
    }
    encoding.displacement_at = encoding.length;
    put_number(&encoding, 0, encoding.displacement_size);
    encoding.immediate = random_u64();
    put_number(&encoding, encoding.immediate, immediate_size(form, encoding.size));
    return encoding;
}

static void encoding_set_displacement(struct encoding *encoding, uint64_t displacement)
{
    for (unsigned int i = 0; i < encoding->displacement_size; i++) {
        encoding->bytes[encoding->displacement_at + i] = (uint8_t)(displacement >> (8 * i));
    }
    switch (encoding->displacement_size) {
    case 0:
        encoding->displacement = 0;
        break;
    case 1:
        encoding->displacement = (int8_t)displacement;
        break;
    case 4:
        encoding->displacement = (int32_t)displacement;
        break;
    default:
        encoding->displacement = (int64_t)displacement;
        break;
    }
}

/* ---- one random case --------------------------------------------------------------------- */

struct test_case {
    const struct form *form;
    struct encoding encoding;
    struct machine_state machine;
    uint64_t target; /* address of the memory operand */
    uint64_t fs_base;
    uint64_t gs_base;
    uint8_t memory[BUFFER_SIZE];
};

#define STATUS_FLAGS UINT64_C(0x8d5)
#define DF           UINT64_C(0x400)
#define FIXED_FLAGS  UINT64_C(0x202)

static void random_machine(struct machine_state *machine)
{
    for (unsigned int i = 0; i < INSN_REGISTER_COUNT; i++) {
        machine->gpr[i] = random_value();
    }
    machine->rflags = FIXED_FLAGS | (random_u64() & (STATUS_FLAGS | DF));
}

/* Any alignment, but within one cache line: some systems forbid LOCK across two. */
static uint64_t random_target(unsigned int size)
{
    unsigned int offset = random_below(64 - size + 1);
    if (!one_in(3)) {
        offset &= ~(size - 1);
    }
    return (uint64_t)(uintptr_t)buffer + TARGET_OFFSET + offset;
}

/* How far from the addressed word the one with the bit is: floor(offset / bits) words. */
static uint64_t bit_string_distance(const struct test_case *test)
{
    if ((test->form->flags & BIT_STRING) == 0) {
        return 0;
    }
    uint64_t offset = test->machine.gpr[test->encoding.reg];
    switch (test->encoding.size) {
    case 2:
        return (uint64_t)((int16_t)offset >> 4) * 2;
    case 4:
        return (uint64_t)((int32_t)offset >> 5) * 4;
    default:
        return (uint64_t)((int64_t)offset >> 6) * 8;
    }
}

/* x with x * odd == product modulo 2^64, by Newton's iteration. */
static uint64_t divide_by_odd(uint64_t product, uint64_t odd)
{
    uint64_t inverse = odd;
    for (unsigned int i = 0; i < 6; i++) {
        inverse *= 2 - odd * inverse;
    }
    return product * inverse;
}

/* With 4-byte addresses the upper half of what is added up does not matter. */
static uint64_t with_random_upper_half(const struct encoding *encoding, uint64_t value)
{
    return encoding->address_32 ? (value & UINT32_MAX) | (random_u64() << 32) : value;
}

/* Choose the register that makes base + (index << shift) equal `sum`. */
static bool solve_registers(struct test_case *test, uint64_t sum)
{
    const struct encoding *encoding = &test->encoding;
    uint64_t *gpr = test->machine.gpr;
    if (encoding->base != NONE && encoding->base != encoding->index) {
        if (encoding->index != NONE) {
            sum -= gpr[encoding->index] << encoding->scale_shift;
        }
        gpr[encoding->base] = with_random_upper_half(encoding, sum);
        return true;
    }
    if (encoding->base != NONE && encoding->scale_shift != 0) {
        gpr[encoding->base] = divide_by_odd(sum, 1 + (UINT64_C(1) << encoding->scale_shift));
        return true;
    }
    unsigned int shift = encoding->base != NONE ? 1 : encoding->scale_shift;
    gpr[encoding->index] = sum >> shift;
    return (sum & ((UINT64_C(1) << shift) - 1)) == 0;
}

/* Choose the displacement where no register can be chosen. */
static bool solve_displacement(struct encoding *encoding, uint64_t sum)
{
    encoding_set_displacement(encoding, sum);
    return encoding->address_32 || (uint64_t)encoding->displacement == sum;
}

static uint64_t segment_base(const struct test_case *test, uint8_t prefix)
{
    return prefix == 0x64 ? test->fs_base : prefix == 0x65 ? test->gs_base : 0;
}

/* Make a ModRM or absolute operand be at the target. False: this encoding cannot. */
static bool place_operand(struct test_case *test)
{
    struct encoding *encoding = &test->encoding;
    uint64_t offset = test->target - segment_base(test, encoding->segment);
    if (encoding->address_32 && offset > UINT32_MAX) {
        return false;
    }
    uint64_t sum = offset - bit_string_distance(test);
    if (encoding->rip_relative) {
        sum -= (uint64_t)(uintptr_t)arena + CODE_OFFSET + encoding->length;
    }
    if (encoding->base == NONE && encoding->index == NONE) {
        return solve_displacement(encoding, sum);
    }
    encoding_set_displacement(encoding, random_u64());
    bool register_is_bit_offset =
        (test->form->flags & BIT_STRING) != 0 &&
        (encoding->reg == encoding->base || encoding->reg == encoding->index);
    return !register_is_bit_offset && solve_registers(test, sum - (uint64_t)encoding->displacement);
}

/* rdi at the target, rsi somewhere near (often overlapping), a small rcx if it counts. */
static bool place_string(struct test_case *test)
{
    const struct encoding *encoding = &test->encoding;
    uint64_t *gpr = test->machine.gpr;
    uint64_t source = test->target + random_below(one_in(2) ? 64 : 1024);
    source -= segment_base(test, encoding->segment);
    if (encoding->address_32 && source > UINT32_MAX) {
        return false;
    }
    gpr[INSN_RDI] = with_random_upper_half(encoding, test->target);
    gpr[INSN_RSI] = with_random_upper_half(encoding, source);
    if (encoding->repeat) {
        /* With 4-byte addresses and a count of 0, vendors differ on the upper halves. */
        unsigned int count = random_below(10);
        count += count == 0 && encoding->address_32;
        gpr[INSN_RCX] = with_random_upper_half(encoding, count);
    }
    return true;
}

/* Give compare-exchange something to agree with. */
static void make_comparison_succeed(struct test_case *test)
{
    const uint64_t *gpr = test->machine.gpr;
    uint64_t offset = test->target - (uint64_t)(uintptr_t)buffer;
    uint64_t expected = gpr[INSN_RAX];
    if ((test->form->flags & EIGHT) != 0) {
        expected = (expected & UINT32_MAX) | gpr[INSN_RDX] << 32;
    }
    memcpy(test->memory + offset, &expected, test->encoding.size);
}

static bool test_case_try(struct test_case *test, const struct form *form)
{
    test->form = form;
    test->encoding = encoding_make(form);
    if (test->encoding.length > INSN_MAX_LENGTH) {
        return false;
    }
    random_machine(&test->machine);
    test->target = random_target(test->encoding.size);
    return (form->flags & STRING) != 0 ? place_string(test) : place_operand(test);
}

static void test_case_make(struct test_case *test, const struct form *form)
{
    while (!test_case_try(test, form)) {
    }
    for (size_t i = 0; i < BUFFER_SIZE; i += sizeof(uint64_t)) {
        uint64_t value = random_u64();
        memcpy(test->memory + i, &value, sizeof(value));
    }
    uint64_t operand = random_value();
    memcpy(test->memory + (test->target - (uint64_t)(uintptr_t)buffer), &operand,
           test->encoding.size);
    bool compares = form->opcode == 0x0fb0 || form->opcode == 0x0fb1 || form->opcode == 0x0fc7;
    if (compares && one_in(2)) {
        make_comparison_succeed(test);
    }
}

/* ---- the emulation ----------------------------------------------------------------------- */

static struct cpu_user_regs regs_from_machine(const struct machine_state *machine)
{
    struct cpu_user_regs regs;
    memset(&regs, 0, sizeof(regs));
    regs.rax = machine->gpr[0];
    regs.rcx = machine->gpr[1];
    regs.rdx = machine->gpr[2];
    regs.rbx = machine->gpr[3];
    regs.rsp = machine->gpr[4];
    regs.rbp = machine->gpr[5];
    regs.rsi = machine->gpr[6];
    regs.rdi = machine->gpr[7];
    regs.r8 = machine->gpr[8];
    regs.r9 = machine->gpr[9];
    regs.r10 = machine->gpr[10];
    regs.r11 = machine->gpr[11];
    regs.r12 = machine->gpr[12];
    regs.r13 = machine->gpr[13];
    regs.r14 = machine->gpr[14];
    regs.r15 = machine->gpr[15];
    regs.rflags = machine->rflags;
    return regs;
}

static struct machine_state machine_from_regs(const struct cpu_user_regs *regs)
{
    return (struct machine_state){
        .gpr = {regs->rax, regs->rcx, regs->rdx, regs->rbx, regs->rsp, regs->rbp, regs->rsi,
                regs->rdi, regs->r8, regs->r9, regs->r10, regs->r11, regs->r12, regs->r13,
                regs->r14, regs->r15},
        .rflags = regs->rflags,
    };
}

static void describe(const struct test_case *test, const char *what)
{
    char text[3 * INSN_MAX_LENGTH + 1] = "";
    for (size_t i = 0; i < test->encoding.length; i++) {
        (void)snprintf(text + 3 * i, 4, "%02x ", test->encoding.bytes[i]);
    }
    fail_msg("%s: %s: %s", test->form->name, text, what);
}

static uint8_t *memory_at(struct test_case *test, uint64_t address, unsigned int size)
{
    uint64_t offset = address - (uint64_t)(uintptr_t)buffer;
    if (offset > BUFFER_SIZE - size) {
        describe(test, "address outside the buffer");
    }
    return test->memory + offset;
}

/* What the hypervisor would do, once: to test->memory and `regs`. */
static void emulate_step(struct test_case *test, const struct insn *insn,
                         struct cpu_user_regs *regs)
{
    struct insn_outcome outcome;
    uint64_t source = 0;
    uint64_t old = 0;
    uint64_t address;
    if (insn_source_address(insn, regs, test->fs_base, test->gs_base, &address)) {
        memcpy(&source, memory_at(test, address, insn->size), insn->size);
    }
    address = insn_memory_address(insn, regs, test->fs_base, test->gs_base);
    uint8_t *memory = memory_at(test, address, insn->size);
    memcpy(&old, memory, insn->size);

    insn_evaluate(insn, regs, old, source, &outcome);
    if (outcome.memory_written) {
        memcpy(memory, &outcome.memory, insn->size);
    }
    insn_commit(&outcome, regs);
}

/* The same to the end of the instruction; the result is in test->memory. */
static struct machine_state emulate(struct test_case *test)
{
    struct insn insn;
    struct cpu_user_regs regs = regs_from_machine(&test->machine);
    uint64_t start = (uint64_t)(uintptr_t)arena + CODE_OFFSET;
    regs.rip = start;
    if (!insn_decode(test->encoding.bytes, test->encoding.length, &insn)) {
        describe(test, "not decoded");
    }
    unsigned int steps = 0;
    do {
        emulate_step(test, &insn, &regs);
    } while (regs.rip == start && ++steps < 16);
    if (regs.rip != start + test->encoding.length) {
        describe(test, "wrong rip");
    }
    return machine_from_regs(&regs);
}

/* ---- the comparison ---------------------------------------------------------------------- */

static uint64_t shift_undefined_flags(const struct test_case *test)
{
    const uint64_t cf = 0x1;
    const uint64_t af = 0x10;
    const uint64_t of = 0x800;
    uint8_t opcode = (uint8_t)test->form->opcode;
    uint64_t count = opcode < 0xd0   ? test->encoding.immediate
                     : opcode < 0xd2 ? 1
                                     : test->machine.gpr[INSN_RCX];
    count &= test->encoding.size == 8 ? 63 : 31;
    if (count == 0) {
        return 0;
    }
    bool cf_undefined = count >= 8 * test->encoding.size && test->form->reg != 7;
    return af | (count == 1 ? 0 : of) | (cf_undefined ? cf : 0);
}

static uint64_t undefined_flags(const struct test_case *test)
{
    switch (test->form->undefined) {
    case ALL_DEFINED:
        return 0;
    case AF_UNDEFINED:
        return 0x10;
    case AS_SHIFT:
        return shift_undefined_flags(test);
    case ONLY_CF_AND_ZF:
        return STATUS_FLAGS & ~UINT64_C(0x41);
    }
    return 0;
}

static void run_case(struct test_case *test)
{
    struct machine_state native = test->machine;
    memcpy(buffer, test->memory, BUFFER_SIZE);
    native_execute(test->encoding.bytes, test->encoding.length, &native);

    struct machine_state emulated = emulate(test);
    uint64_t compared = ~undefined_flags(test);
    if (memcmp(buffer, test->memory, BUFFER_SIZE) != 0) {
        describe(test, "memory differs");
    }
    if (memcmp(native.gpr, emulated.gpr, sizeof(native.gpr)) != 0) {
        describe(test, "registers differ");
    }
    if (((native.rflags ^ emulated.rflags) & compared) != 0) {
        describe(test, "flags differ");
    }
}

/* Small enough for a four-byte offset to reach the buffer, or anywhere. */
static uint64_t random_gs_base(void)
{
    return one_in(2) ? random_below(1U << 20) : random_u64() >> 17;
}

static void emulation_does_what_the_cpu_does(void **state)
{
    (void)state;
    const char *seed = getenv("INSN_SEED");
    random_state = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    print_message("INSN_SEED=%llu\n", (unsigned long long)random_state);

    static struct test_case test;
    test.fs_base = fs_base_get();
    for (size_t i = 0; i < ARRAY_SIZE(forms) * CASES_PER_FORM; i++) {
        if (i % 64 == 0) {
            test.gs_base = random_gs_base();
            gs_base_set(test.gs_base);
        }
        test_case_make(&test, &forms[i / CASES_PER_FORM]);
        run_case(&test);
    }
    gs_base_set(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(emulation_does_what_the_cpu_does, arena_create,
                                        arena_destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
