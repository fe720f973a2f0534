/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/emul/string_io.h"

#include "hv/emul/ports.h"
#include "hv/guest_memory.h"
#include "lib/string.h"

#define RFLAGS_DF (UINT64_C(1) << 10)

#define PF_WRITE 2U

#define BUFFER_SIZE 512U /* a disk's sector */

/* What is read from a device cannot be given back to it, so look first whether memory takes it. */
static bool memory_takes(uint64_t address, size_t size, uint8_t *buffer)
{
    return guest_copy_in(buffer, address, size) && guest_copy_out(address, buffer, size);
}

static bool memory_is_there(const struct insn_privileged *insn, uint64_t address, size_t size,
                            uint8_t *buffer)
{
    return insn->op == INSN_INS ? memory_takes(address, size, buffer)
                                : guest_copy_in(buffer, address, size);
}

/* Of an element that cannot be reached, and may be in two pages. As on Xen the error code does not
 * say whether the page was there. */
static struct string_io_fault describe_fault(const struct insn_privileged *insn, uint64_t address)
{
    uint8_t byte;
    if (memory_is_there(insn, address, sizeof(byte), &byte)) {
        address = (address | PAGE_MASK) + 1;
    }
    uint32_t error = insn->op == INSN_INS ? PF_WRITE : 0;
    return (struct string_io_fault){.address = address, .error = error};
}

static void ports_read(const struct hv_vcpu *vcpu, uint16_t port, unsigned int size,
                       uint8_t *buffer, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = guest_port_read(vcpu, port, size);
        memcpy(buffer + i * size, &value, size);
    }
}

static void ports_write(const struct hv_vcpu *vcpu, uint16_t port, unsigned int size,
                        const uint8_t *buffer, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = 0;
        memcpy(&value, buffer + i * size, size);
        guest_port_write(vcpu, port, size, value);
    }
}

/* False: another vCPU has unmapped the memory meanwhile, and what the device gave is lost. */
static bool transfer(const struct hv_vcpu *vcpu, const struct insn_privileged *insn, uint16_t port,
                     uint64_t address, uint8_t *buffer, uint64_t count)
{
    if (insn->op == INSN_OUTS) {
        ports_write(vcpu, port, insn->size, buffer, count);
        return true;
    }
    ports_read(vcpu, port, insn->size, buffer, count);
    return guest_copy_out(address, buffer, count * insn->size);
}

bool string_io(const struct hv_vcpu *vcpu, const struct insn_privileged *insn,
               struct cpu_user_regs *regs, struct string_io_fault *fault)
{
    uint8_t buffer[BUFFER_SIZE];
    bool is_down = (regs->rflags & RFLAGS_DF) != 0;
    uint64_t *address = insn->op == INSN_INS ? &regs->rdi : &regs->rsi;
    uint64_t count = insn->repeat ? min_u64(regs->rcx, sizeof(buffer) / insn->size) : 1;
    if (count == 0) {
        return true;
    }
    if (is_down || !memory_is_there(insn, *address, count * insn->size, buffer)) {
        count = 1;
    }
    if (!memory_is_there(insn, *address, count * insn->size, buffer) ||
        !transfer(vcpu, insn, (uint16_t)regs->rdx, *address, buffer, count)) {
        *fault = describe_fault(insn, *address);
        return false;
    }
    uint64_t moved = count * insn->size;
    *address = is_down ? *address - moved : *address + moved;
    regs->rcx -= insn->repeat ? count : 0;
    return true;
}
