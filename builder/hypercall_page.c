/* SPDX-License-Identifier: BSD-2-Clause */
#include "builder/hypercall_page.h"

#include "lib/abi.h"
#include "lib/compiler.h"
#include "lib/string.h"

#define STUB_SIZE  32
#define STUB_COUNT (PAGE_SIZE / STUB_SIZE)

#define INT3 0xcc

/* SYSCALL destroys rcx and r11, so every stub keeps them. */
static const uint8_t call_stub[] = {
    0x51,                         /* push %rcx */
    0x41, 0x53,                   /* push %r11 */
    0xb8, 0x00, 0x00, 0x00, 0x00, /* mov  $number, %eax */
    0x0f, 0x05,                   /* syscall */
    0x41, 0x5b,                   /* pop  %r11 */
    0x59,                         /* pop  %rcx */
    0xc3,                         /* ret */
};
#define CALL_STUB_NUMBER 4

/* iret is jumped to and does not come back: the three registers are part of its frame. */
static const uint8_t iret_stub[] = {
    0x51,       /* push %rcx */
    0x41, 0x53, /* push %r11 */
    0x50,       /* push %rax */
    0xb8, __HYPERVISOR_iret,
    0x00, 0x00,
    0x00,       /* mov $__HYPERVISOR_iret, %eax */
    0x0f, 0x05, /* syscall */
};

_Static_assert(sizeof(call_stub) <= STUB_SIZE && sizeof(iret_stub) <= STUB_SIZE,
               "a stub must fit its slot");

void hypercall_page_fill(void *page)
{
    uint8_t *stub = page;
    memset(page, INT3, PAGE_SIZE);
    for (unsigned number = 0; number < STUB_COUNT; number++) {
        memcpy(stub, call_stub, sizeof(call_stub));
        stub[CALL_STUB_NUMBER] = (uint8_t)number;
        stub += STUB_SIZE;
    }
    stub = (uint8_t *)page + (size_t)__HYPERVISOR_iret * STUB_SIZE;
    memset(stub, INT3, STUB_SIZE);
    memcpy(stub, iret_stub, sizeof(iret_stub));
}
