/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image kernel shows what a domain builder owes a kernel that asks for more than the others: a
 * page of hypercall stubs (HYPERCALL_PAGE), the P2M list at an address of its own (INIT_P2M), and
 * an initrd that is not mapped (MOD_START_PFN). Linux asks for the last two, older kernels for all.
 * A builder that maps the list with tables outside the range it names, or with types that it sets
 * by hand, shows only when the kernel takes that memory back: the last test does.
 *
 * With "module=TEXT" on the command line, the initrd must begin with TEXT.
 */
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "guests/lib/user.h"
#include "lib/string.h"

#define INIT_P2M_VA   UINT64_C(0x8000000000)
#define STUB_SIZE     32
#define P2M_COPY_SIZE (256 * 1024)

extern uint8_t hypercall_page[PAGE_SIZE];

/* rbx: the stub. rdi, rsi: the call's arguments. */
SNIPPET(call_stub, "call *%rbx");
/* rbx: the stub; rdx: the frame, on which the stack pointer must be. */
SNIPPET(jump_to_stub, "movq %rdx, %rsp\n jmp *%rbx");
SNIPPET(user_ends, "syscall");

static uint64_t stub(uint64_t number)
{
    return pointer_value(hypercall_page + number * STUB_SIZE);
}

TEST(stub_makes_the_call_and_keeps_rcx_and_r11)
{
    struct registers registers = {
        .rbx = stub(__HYPERVISOR_xen_version),
        .rdi = XENVER_version,
        .rcx = 0x1111,
        .r11 = 0x2222,
        .rdx = 0x3333,
        .r8 = 0x4444,
        .rflags = RFLAGS_FIXED,
    };
    snippet_run(call_stub, &registers);
    EXPECT_EQUAL(registers.rax, hypercall_xen_version(XENVER_version, NULL));
    EXPECT_EQUAL(registers.rcx, 0x1111);
    EXPECT_EQUAL(registers.r11, 0x2222);
    EXPECT_EQUAL(registers.rdx, 0x3333);
    EXPECT_EQUAL(registers.r8, 0x4444);
}

TEST(each_stub_has_its_own_number)
{
    struct registers registers = {
        .rbx = stub(__HYPERVISOR_sched_op), .rdi = SCHEDOP_yield, .rflags = RFLAGS_FIXED};
    snippet_run(call_stub, &registers);
    EXPECT_EQUAL(registers.rax, 0);
    registers = (struct registers){.rbx = stub(11), .rflags = RFLAGS_FIXED};
    snippet_run(call_stub, &registers);
    EXPECT_EQUAL(registers.rax, (uint64_t)-XEN_ENOSYS);
    registers = (struct registers){.rbx = stub(__HYPERVISOR_vm_assist),
                                   .rdi = VMASST_CMD_enable,
                                   .rsi = VMASST_TYPE_4gb_segments,
                                   .rflags = RFLAGS_FIXED};
    snippet_run(call_stub, &registers);
    EXPECT_EQUAL(registers.rax, 0);
}

TEST(stub_of_iret_is_jumped_to)
{
    user_space_create();
    uint64_t frame[] = {
        0,
        user_address(user_ends),
        FLAT_USER_CS,
        RFLAGS_IF | RFLAGS_FIXED,
        USER_STACK_VA + PAGE_SIZE,
        FLAT_USER_SS,
    };
    static uint64_t stack[64];
    memcpy(stack + 32, frame, sizeof(frame));
    struct registers registers = {
        .rbx = stub(__HYPERVISOR_iret),
        .rdx = pointer_value(stack + 32),
        .rax = 0xaaaa,
        .rflags = RFLAGS_FIXED,
    };
    struct trap trap = snippet_try(jump_to_stub, &registers);
    EXPECT_TRAP(trap, TRAP_SYSCALL, 0);
    EXPECT_EQUAL(trap.frame.rax, 0xaaaa);
}

TEST(p2m_list_is_at_the_address_asked_for_and_writable)
{
    EXPECT_EQUAL(start_info->mfn_list, INIT_P2M_VA);
    volatile uint64_t *list = (volatile uint64_t *)INIT_P2M_VA;
    uint64_t first = list[0], last = list[start_info->nr_pages - 1];
    list[0] = first;
    list[start_info->nr_pages - 1] = last;
    for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++) {
        EXPECT_EQUAL(m2p_get(mfn_make(list[pfn])), pfn);
    }
}

TEST(start_info_follows_the_image_when_the_list_is_elsewhere)
{
    uint64_t image_end = (pointer_value(_image_end) + PAGE_MASK) & ~PAGE_MASK;
    EXPECT_EQUAL(pointer_value(start_info), image_end);
}

TEST(p2m_frames_are_where_start_info_says)
{
    uint64_t list_pages = pages_of(start_info->nr_pages * sizeof(uint64_t));
    EXPECT(start_info->nr_p2m_frames > list_pages);
    EXPECT(start_info->first_p2m_pfn + start_info->nr_p2m_frames <= start_info->nr_pages);
    EXPECT(start_info->first_p2m_pfn > pfn_of(start_info).value);
    uint64_t l3_frame = pte_mfn(boot_l4()[1]).value;
    uint64_t pfn = m2p_get(mfn_make(l3_frame));
    EXPECT(pfn >= start_info->first_p2m_pfn);
    EXPECT(pfn < start_info->first_p2m_pfn + start_info->nr_p2m_frames);
}

TEST(initrd_is_handed_over_as_a_pfn_and_not_mapped)
{
    if (start_info->mod_len == 0) {
        test_skip("no initrd");
    }
    EXPECT((start_info->flags & SIF_MOD_START_PFN) != 0);
    uint64_t pages = pages_of(start_info->mod_len);
    EXPECT(start_info->mod_start + pages <= start_info->nr_pages);
    EXPECT_EQUAL(pte_of(VIRT_BASE + (start_info->mod_start << PAGE_SHIFT)), 0);
    for (uint64_t i = 0; i < pages; i++) {
        mfn_t mfn = p2m_get(pfn_make(start_info->mod_start + i));
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_WRITE)), 0);
        const char *text = argument_find("module=");
        if (i == 0 && text != NULL) {
            size_t length = 0;
            while (text[length] != '\0' && text[length] != ' ') {
                length++;
            }
            EXPECT(memcmp((const void *)SCRATCH_VA, text, length) == 0);
        }
    }
}

/* What Linux does once it has a list of its own: the range becomes ordinary memory. */
TEST(p2m_area_can_be_taken_down_and_all_its_frames_used)
{
    static uint64_t copy[P2M_COPY_SIZE];
    EXPECT(start_info->nr_pages <= P2M_COPY_SIZE);
    memcpy(copy, (const void *)INIT_P2M_VA, start_info->nr_pages * sizeof(uint64_t));
    start_info->mfn_list = pointer_value(copy);

    EXPECT_RESULT(entry_set(boot_l4(), 1, 0), 0);
    EXPECT_PAGE_FAULT(trap_try_read(INIT_P2M_VA, NULL), 0, INIT_P2M_VA);
    for (uint64_t i = 0; i < start_info->nr_p2m_frames; i++) {
        mfn_t mfn = p2m_get(pfn_make(start_info->first_p2m_pfn + i));
        EXPECT_RESULT(va_set(SCRATCH_VA, pte_make(mfn, PTE_READ_WRITE)), 0);
        *(volatile uint64_t *)SCRATCH_VA = 0;
    }
}
