/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One refused request of each call, some of them in a multicall. The answers are the ABI's; that
 * each of them also leaves its line is looked at from outside (tests/system/reasons.sh), and that
 * none is without a reason by the audit.
 */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

#include <xen/callback.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/vcpu.h>

#define NOT_CANONICAL UINT64_C(0x8000000000000)
#define NOBODY        77

static struct evtchn_bind_virq no_virq = {.virq = 99};
static struct evtchn_send closed_port = {.port = 4000};
static struct evtchn_alloc_unbound no_domain = {.dom = NOBODY};
static struct vcpu_set_periodic_timer short_period = {.period_ns = 5};
static struct callback_register no_address = {.type = CALLBACKTYPE_event, .address = NOT_CANONICAL};
static struct physdev_set_iopl high_iopl = {.iopl = 4};
static struct xen_platform_op old_platform = {.cmd = XENPF_settime32, .interface_version = 1};
static struct trap_info no_trap[2] = {
    {.vector = 3, .cs = FLAT_KERNEL_CS, .address = NOT_CANONICAL}};

static struct xen_memory_exchange unequal = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
                                             .out = {.nr_extents = 2, .domid = DOMID_SELF}};
static struct xen_add_to_physmap one_foreign = {.domid = DOMID_SELF,
                                                .space = XENMAPSPACE_gmfn_foreign};

static const struct {
    uint64_t call;
    uint64_t arg[3];
    int64_t result;
} requests[] = {
    {__HYPERVISOR_event_channel_op, {EVTCHNOP_bind_virq, (uint64_t)&no_virq}, -XEN_EINVAL},
    {__HYPERVISOR_event_channel_op, {EVTCHNOP_send, (uint64_t)&closed_port}, -XEN_EINVAL},
    {__HYPERVISOR_event_channel_op, {EVTCHNOP_alloc_unbound, (uint64_t)&no_domain}, -XEN_ESRCH},
    {__HYPERVISOR_event_channel_op, {99, (uint64_t)&closed_port}, -XEN_ENOSYS},
    {__HYPERVISOR_sched_op, {SCHEDOP_poll, FREE_VA}, -XEN_EFAULT},
    {__HYPERVISOR_sched_op, {SCHEDOP_shutdown, FREE_VA}, -XEN_EFAULT},
    {__HYPERVISOR_vcpu_op, {VCPUOP_is_up, NOBODY}, -XEN_ENOENT},
    {__HYPERVISOR_vcpu_op, {VCPUOP_set_periodic_timer, 0, (uint64_t)&short_period}, -XEN_EINVAL},
    {__HYPERVISOR_callback_op, {CALLBACKOP_register, (uint64_t)&no_address}, -XEN_EINVAL},
    {__HYPERVISOR_set_trap_table, {(uint64_t)no_trap}, -XEN_EINVAL},
    {__HYPERVISOR_set_segment_base, {SEGBASE_FS, NOT_CANONICAL}, -XEN_EINVAL},
    {__HYPERVISOR_set_debugreg, {0, HYPERVISOR_VIRT_START}, -XEN_EPERM},
    {__HYPERVISOR_physdev_op, {PHYSDEVOP_set_iopl, (uint64_t)&high_iopl}, -XEN_EINVAL},
    {__HYPERVISOR_platform_op, {(uint64_t)&old_platform}, -XEN_EACCES},
    {__HYPERVISOR_xen_version, {XENVER_extraversion, FREE_VA}, -XEN_EFAULT},
    {__HYPERVISOR_console_io, {CONSOLEIO_write, 1, FREE_VA}, -XEN_EFAULT},
    {__HYPERVISOR_memory_op, {XENMEM_machine_memory_map, FREE_VA}, -XEN_EFAULT},
    {__HYPERVISOR_memory_op, {63, FREE_VA}, -XEN_ENOSYS},
    {__HYPERVISOR_grant_table_op, {99, FREE_VA, 1}, -XEN_ENOSYS},
    {__HYPERVISOR_domctl, {FREE_VA}, -XEN_EFAULT},
    {__HYPERVISOR_sysctl, {FREE_VA}, -XEN_EFAULT},
    /* about memory, which has sentences of its own */
    {__HYPERVISOR_vm_assist, {VMASST_CMD_enable, 6}, -XEN_EINVAL},
    {__HYPERVISOR_set_gdt, {FREE_VA, 7169}, -XEN_EINVAL},
    {__HYPERVISOR_set_gdt, {FREE_VA, 1024}, -XEN_EFAULT},
    {__HYPERVISOR_mmuext_op, {FREE_VA, 1}, -XEN_ESRCH},
    {__HYPERVISOR_grant_table_op, {GNTTABOP_query_size, FREE_VA, 2}, -XEN_EINVAL},
    {__HYPERVISOR_memory_op, {XENMEM_exchange, (uint64_t)&unequal}, -XEN_EINVAL},
    {__HYPERVISOR_memory_op, {XENMEM_add_to_physmap, (uint64_t)&one_foreign}, -XEN_ENOSYS},
};

TEST(each_call_refuses_what_it_cannot_do)
{
    test_needs_first_domain();
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        const uint64_t *arg = requests[i].arg;
        int64_t result = hypercall(requests[i].call, arg[0], arg[1], arg[2], 0, 0);
        if (result != requests[i].result) {
            test_fail(__FILE__, __LINE__, "request %zu: %ld", i, result);
        }
    }
}

TEST(each_call_refuses_what_it_cannot_do_in_a_multicall_too)
{
    test_needs_first_domain();
    static multicall_entry_t calls[ARRAY_SIZE(requests)];
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        const uint64_t *arg = requests[i].arg;
        calls[i] = (multicall_entry_t){.op = requests[i].call, .args = {arg[0], arg[1], arg[2]}};
    }
    EXPECT_RESULT(hypercall_multicall(calls, ARRAY_SIZE(calls)), 0);
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        if ((int64_t)calls[i].result != requests[i].result) {
            test_fail(__FILE__, __LINE__, "request %zu: %ld", i, (int64_t)calls[i].result);
        }
    }
}

/* What iret and get_debugreg answer is whatever the register has. */
TEST(each_call_refuses_what_it_cannot_do_but_a_register_is_no_error)
{
    EXPECT_RESULT(hypercall_set_debugreg(0, (uint64_t)-XEN_ENOSYS), 0);
    EXPECT_RESULT(hypercall_get_debugreg(0), -XEN_ENOSYS);
    EXPECT_RESULT(hypercall_set_debugreg(0, (uint64_t)-XEN_EINVAL), 0);
    EXPECT_RESULT(hypercall_get_debugreg(0), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_set_debugreg(0, 0), 0);
}
