/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The x86-64 instructions that the hypervisor emulates, and no others: those that write 1, 2, 4 or
 * 8 bytes of memory with a plain store or a read-modify-write (a guest's stores to its page
 * tables), and the privileged ones a PV kernel executes (they arrive as #GP or #UD). Whatever does
 * not decode is not ours, and the guest gets its fault.
 *
 * Decoding turns bytes into the structs below; it sees no registers and no memory. For the
 * memory-writing ones lib/insn_execute.c computes what they would do, without doing it: the caller
 * reads and writes the guest's memory, and commits the register changes once memory has changed.
 *
 *   insn_decode -> insn_memory_address -> (caller reads) -> insn_evaluate -> (caller writes by
 *   compare-exchange; if the memory changed meanwhile: all over again) -> insn_commit
 */
#ifndef LIB_INSN_H
#define LIB_INSN_H

#include "lib/compiler.h" /* first: the public headers take the integer types for granted */

#include <xen/xen.h>

#define INSN_MAX_LENGTH 15

/* Registers by hardware number: rax rcx rdx rbx rsp rbp rsi rdi r8 .. r15. */
enum insn_gpr {
    INSN_RAX = 0,
    INSN_RCX = 1,
    INSN_RDX = 2,
    INSN_RBX = 3,
    INSN_RSP = 4,
    INSN_RBP = 5,
    INSN_RSI = 6,
    INSN_RDI = 7,
};
#define INSN_REGISTER_COUNT 16
#define INSN_NO_REGISTER    UINT8_MAX

/* ---- instructions that write memory ------------------------------------------------------ */

enum insn_op {
    INSN_NONE, /* nothing was decoded */
    INSN_ADD,
    INSN_OR,
    INSN_ADC,
    INSN_SBB,
    INSN_AND,
    INSN_SUB,
    INSN_XOR,
    INSN_MOV, /* also MOVNTI */
    INSN_XCHG,
    INSN_NOT,
    INSN_NEG,
    INSN_INC,
    INSN_DEC,
    INSN_SHL,
    INSN_SHR,
    INSN_SAR,
    INSN_BTS,
    INSN_BTR,
    INSN_BTC,
    INSN_XADD,
    INSN_CMPXCHG,
    INSN_CMPXCHG8B,
    INSN_SETCC,
    INSN_STOS,
    INSN_MOVS,
};

enum insn_segment { INSN_SEGMENT_FLAT, INSN_SEGMENT_FS, INSN_SEGMENT_GS };

/* segment base + (base + (index << scale_shift) + displacement), the sum cut to address_size. */
struct insn_memory {
    int64_t displacement;
    enum insn_segment segment;
    uint8_t base;         /* register, or INSN_NO_REGISTER */
    uint8_t index;        /* register, or INSN_NO_REGISTER */
    uint8_t scale_shift;  /* 0..3 */
    uint8_t address_size; /* 8, or 4 after an address-size prefix */
    bool rip_relative;    /* the address of the next instruction is the base */
};

/* What the memory operand is combined with. */
enum insn_source {
    INSN_SOURCE_NONE,
    INSN_SOURCE_REGISTER,  /* the low `size` bytes of register `source_register` */
    INSN_SOURCE_HIGH_BYTE, /* AH, CH, DH or BH: bits 8..15 of register `source_register` */
    INSN_SOURCE_IMMEDIATE,
    INSN_SOURCE_MEMORY, /* MOVS: what insn_source_address() points at */
};

struct insn {
    struct insn_memory memory; /* the operand written */
    uint64_t immediate;        /* sign-extended; 0 if the source is not an immediate */
    enum insn_op op;           /* INSN_NONE after a decode that failed */
    enum insn_source source;
    enum insn_segment source_segment; /* of MOVS's source */
    uint8_t source_register;          /* INSN_NO_REGISTER if the source is not a register */
    uint8_t condition;                /* SETCC: the low four bits of the opcode */
    uint8_t size;                     /* of the memory operand: 1, 2, 4 or 8 bytes */
    uint8_t length;                   /* of the instruction: 1..15 bytes */
    bool lock;                        /* a LOCK prefix; XCHG is atomic without */
    bool repeat;                      /* STOS and MOVS: a REP prefix */
};

/* Decode one 64-bit-mode instruction that writes memory. False: not one of ours, or cut off. */
NODISCARD bool insn_decode(const uint8_t *bytes, size_t count, struct insn *insn);

/* The register of that hardware number, 0..15. */
uint64_t *insn_register(struct cpu_user_regs *regs, unsigned int number);

/*
 * The linear address of the memory operand; for BTS, BTR and BTC with the bit offset in a register,
 * of the word the bit is in. It may be anything: the caller must see that all `insn->size` bytes
 * are in the page it means.
 */
uint64_t insn_memory_address(const struct insn *insn, const struct cpu_user_regs *regs,
                             uint64_t fs_base, uint64_t gs_base);

/* The linear address MOVS reads `insn->size` bytes from. False: this instruction reads no second
 * memory operand (and `*address` is 0). */
NODISCARD bool insn_source_address(const struct insn *insn, const struct cpu_user_regs *regs,
                                   uint64_t fs_base, uint64_t gs_base, uint64_t *address);

struct insn_register_change {
    uint64_t value; /* all 64 bits */
    uint8_t number;
};

/* Everything the instruction changes. */
struct insn_outcome {
    uint64_t memory;     /* new value of the memory operand, `size` bytes, zero-extended */
    bool memory_written; /* false: CMPXCHG did not match, or REP had nothing left to do */
    uint8_t register_count;
    struct insn_register_change registers[3];
    uint64_t rflags;
    uint64_t rip;
};

/*
 * What `insn` does with these registers if its memory operand holds `memory` (only the low
 * `insn->size` bytes count) and, for MOVS, the source holds `source`. A REP instruction does one
 * iteration and keeps its RIP while iterations are left. Flags that the manuals leave undefined get
 * some value; RF is cleared when the instruction is complete, as the CPU does.
 */
void insn_evaluate(const struct insn *insn, const struct cpu_user_regs *regs, uint64_t memory,
                   uint64_t source, struct insn_outcome *outcome);

/* Make the register part of the outcome true. RIP may become non-canonical, as on the CPU. */
void insn_commit(const struct insn_outcome *outcome, struct cpu_user_regs *regs);

/* ---- privileged instructions ------------------------------------------------------------- */

enum insn_privileged_op {
    INSN_PRIVILEGED_NONE, /* nothing was decoded */
    INSN_IN,
    INSN_OUT,
    INSN_INS,
    INSN_OUTS,
    INSN_CLI,
    INSN_STI,
    INSN_HLT,
    INSN_CPUID,
    INSN_RDMSR,
    INSN_WRMSR,
    INSN_RDTSC,
    INSN_RDTSCP,
    INSN_MOV_FROM_CR,
    INSN_MOV_TO_CR,
    INSN_MOV_FROM_DR,
    INSN_MOV_TO_DR,
    INSN_CLTS,
    INSN_INVD,
    INSN_WBINVD, /* also WBNOINVD */
    INSN_XSETBV,
    INSN_INVLPG, /* its address is not reported: nobody emulates it */
};

enum insn_port { INSN_PORT_NONE, INSN_PORT_IMMEDIATE, INSN_PORT_DX };

struct insn_privileged {
    enum insn_privileged_op op; /* INSN_PRIVILEGED_NONE after a decode that failed */
    enum insn_port port_kind;   /* IN, OUT, INS and OUTS */
    uint8_t port;               /* if INSN_PORT_IMMEDIATE */
    uint8_t size;               /* IN, OUT, INS and OUTS: 1, 2 or 4 bytes; otherwise 0 */
    uint8_t special;            /* moves: CR 0, 2, 3, 4 or 8, or DR 0..7; otherwise 0 */
    uint8_t gpr;                /* moves: the other register, all 64 bits; or INSN_NO_REGISTER */
    uint8_t length;             /* 1..15 bytes */
    bool repeat;                /* INS and OUTS: a REP prefix */
};

/* Decode one 64-bit-mode privileged instruction. False: not one of ours, or cut off. */
NODISCARD bool insn_decode_privileged(const uint8_t *bytes, size_t count,
                                      struct insn_privileged *insn);

#endif
