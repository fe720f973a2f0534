/* SPDX-License-Identifier: BSD-2-Clause */
/* The small calls, command by command: what each answers to good and to bad arguments. */
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "lib/string.h"

#include <xen/platform.h>
#include <xen/pmu.h>

static int64_t platform(struct xen_platform_op *op)
{
    op->interface_version = XENPF_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_platform_op, pointer_value(op), 0, 0, 0, 0);
}

TEST(platform_op_wants_its_version_and_a_readable_record)
{
    struct xen_platform_op op = {.cmd = XENPF_get_cpuinfo, .interface_version = 1};
    EXPECT_RESULT(hypercall(__HYPERVISOR_platform_op, pointer_value(&op), 0, 0, 0, 0), -XEN_EACCES);
    EXPECT_RESULT(hypercall(__HYPERVISOR_platform_op, FREE_VA, 0, 0, 0, 0), -XEN_EFAULT);
    EXPECT_RESULT(hypercall(__HYPERVISOR_platform_op, HYPERVISOR_VIRT_START, 0, 0, 0, 0),
                  -XEN_EFAULT);
}

TEST(unknown_platform_commands_are_refused)
{
    test_needs_first_domain();
    static const uint32_t commands[] = {0, 1, 1000, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        struct xen_platform_op op = {.cmd = commands[i]};
        EXPECT_RESULT(platform(&op), -XEN_ENOSYS);
    }
}

TEST(wall_clock_can_be_set_and_shows_in_shared_info)
{
    test_needs_first_domain();
    struct xen_platform_op op = {.cmd = XENPF_settime64};
    op.u.settime64.secs = 1000000;
    op.u.settime64.nsecs = 5;
    op.u.settime64.system_time = 0;
    uint32_t version = shared_info()->wc_version;
    EXPECT_RESULT(platform(&op), 0);
    EXPECT_EQUAL(shared_info()->wc_sec, 1000000);
    EXPECT_EQUAL(shared_info()->wc_nsec, 5);
    EXPECT_EQUAL(shared_info()->wc_version % 2, 0);
    EXPECT(shared_info()->wc_version != version);

    struct xen_platform_op old = {.cmd = XENPF_settime32};
    old.u.settime32.secs = 1500000000;
    EXPECT_RESULT(platform(&old), 0);
    EXPECT_EQUAL(shared_info()->wc_sec, 1500000000);
}

TEST(wall_clock_with_reserved_bits_is_refused)
{
    test_needs_first_domain();
    struct xen_platform_op op = {.cmd = XENPF_settime64};
    op.u.settime64.mbz = 1;
    EXPECT_RESULT(platform(&op), -XEN_EINVAL);
}

static int64_t firmware(uint32_t type, uint32_t index)
{
    struct xen_platform_op op = {.cmd = XENPF_firmware_info};
    op.u.firmware_info.type = type;
    op.u.firmware_info.index = index;
    return platform(&op);
}

TEST(firmware_without_the_question_says_so)
{
    test_needs_first_domain();
    EXPECT_RESULT(firmware(XEN_FW_DISK_INFO, 200), -XEN_ESRCH);
    EXPECT_RESULT(firmware(XEN_FW_DISK_MBR_SIGNATURE, 200), -XEN_ESRCH);
    EXPECT_RESULT(firmware(XEN_FW_VBEDDC_INFO, 1), -XEN_ESRCH);
    EXPECT_RESULT(firmware(XEN_FW_EFI_INFO, 0), -XEN_ENOSYS);
    EXPECT_RESULT(firmware(XEN_FW_KBD_SHIFT_FLAGS, 0), 0);
    EXPECT_RESULT(firmware(99, 0), -XEN_EINVAL);
}

TEST(sleep_states_that_do_not_exist_are_refused)
{
    test_needs_first_domain();
    static const uint32_t states[] = {0, 6, 255, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        struct xen_platform_op op = {.cmd = XENPF_enter_acpi_sleep};
        op.u.enter_acpi_sleep.sleep_state = states[i];
        EXPECT_RESULT(platform(&op), -XEN_EINVAL);
    }
}

TEST(processors_can_be_counted)
{
    test_needs_first_domain();
    struct xen_platform_op op = {.cmd = XENPF_get_cpuinfo};
    op.u.pcpu_info.xen_cpuid = 0;
    EXPECT_RESULT(platform(&op), 0);
    EXPECT_EQUAL(op.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE, XEN_PCPU_FLAGS_ONLINE);
    op.u.pcpu_info.xen_cpuid = op.u.pcpu_info.max_present + 1;
    EXPECT_RESULT(platform(&op), 0);
    EXPECT_EQUAL(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
}

TEST(build_strings_and_the_handle_can_be_read)
{
    static xen_compile_info_t info;
    static xen_changeset_info_t changeset;
    xen_domain_handle_t handle;
    EXPECT_RESULT(hypercall_xen_version(XENVER_compile_info, &info), 0);
    EXPECT_RESULT(hypercall_xen_version(XENVER_changeset, changeset), 0);
    EXPECT_RESULT(hypercall_xen_version(XENVER_guest_handle, handle), 0);
    EXPECT(strlen(info.compiler) < sizeof(info.compiler));
    EXPECT(strlen(changeset) < sizeof(changeset));
    EXPECT_RESULT(hypercall_xen_version(XENVER_compile_info, (void *)FREE_VA), -XEN_EFAULT);
    EXPECT_RESULT(hypercall_xen_version(XENVER_changeset, (void *)FREE_VA), -XEN_EFAULT);
    EXPECT_RESULT(hypercall_xen_version(XENVER_guest_handle, (void *)FREE_VA), -XEN_EFAULT);
    EXPECT_RESULT(hypercall_xen_version(XENVER_pagesize, (void *)8), -XEN_EINVAL);
}

TEST(command_line_of_the_hypervisor_is_told_to_the_first_domain)
{
    static xen_commandline_t line;
    test_needs_first_domain();
    EXPECT_RESULT(hypercall_xen_version(XENVER_commandline, &line), 0);
    size_t length = strlen(line);
    bool names_console = false;
    for (size_t i = 0; i + strlen("console=") <= length; i++) {
        names_console = names_console || memcmp(line + i, "console=", strlen("console=")) == 0;
    }
    EXPECT(names_console);
}

TEST(command_line_of_the_hypervisor_is_denied_to_other_domains)
{
    static xen_commandline_t line;
    test_needs_ordinary_domain();
    EXPECT_RESULT(hypercall_xen_version(XENVER_commandline, &line), 0);
    EXPECT(strlen(line) == strlen("<denied>") && memcmp(line, "<denied>", strlen(line)) == 0);
}

TEST(initialised_vcpu_cannot_be_initialised_again)
{
    static struct vcpu_guest_context context;
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_initialise, 1, &context), -XEN_ENOENT);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_initialise, 0, &context), -XEN_EEXIST);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_up, 0, NULL), 0);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_up, 1, NULL), -XEN_ENOENT);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_down, 1, NULL), -XEN_ENOENT);
    EXPECT_RESULT(hypercall_vcpu_op(99, 0, NULL), -XEN_ENOSYS);
}

/* A flag asks for an error in this case, and may be ignored. */
TEST(singleshot_timer_in_the_past_fires_whatever_its_flags)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
    event_port_unmask_bit(bind.port);
    event_enable();
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = 1, .flags = VCPU_SSHOTTMR_future};
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
    for (unsigned int spin = 0; spin < 100000 && event_upcalls() == 0; spin++) {
        hypercall_xen_version(XENVER_version, NULL);
    }
    EXPECT(event_upcalls() > 0);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, (void *)FREE_VA), -XEN_EFAULT);
}

TEST(runstate_area_is_written_at_once)
{
    static struct vcpu_runstate_info area, harmless;
    struct vcpu_register_runstate_memory_area record;
    area.state = 77;
    set_xen_guest_handle(record.addr.h, &area);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &record), 0);
    EXPECT_EQUAL(area.state, RUNSTATE_running);
    set_xen_guest_handle(record.addr.h, &harmless);
    EXPECT_RESULT(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &record), 0);
}

TEST(callbacks_of_every_type_can_be_registered_and_only_that_of_nmis_unregistered)
{
    static const uint16_t types[] = {CALLBACKTYPE_event,    CALLBACKTYPE_failsafe,
                                     CALLBACKTYPE_syscall,  CALLBACKTYPE_syscall32,
                                     CALLBACKTYPE_sysenter, CALLBACKTYPE_nmi};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct callback_register record = {.type = types[i], .address = 0x1000};
        struct callback_unregister undo = {.type = types[i]};
        EXPECT_RESULT(hypercall_callback_op(CALLBACKOP_register, &record), 0);
        EXPECT_RESULT(hypercall_callback_op(CALLBACKOP_unregister, &undo),
                      types[i] == CALLBACKTYPE_nmi ? 0 : -XEN_EINVAL);
    }
    trap_init();
    struct callback_register unknown = {.type = 99, .address = 0x1000};
    EXPECT_RESULT(hypercall_callback_op(CALLBACKOP_register, &unknown), -XEN_ENOSYS);
    struct callback_unregister no_type = {.type = 99};
    EXPECT_RESULT(hypercall_callback_op(CALLBACKOP_unregister, &no_type), -XEN_ENOSYS);
    EXPECT_RESULT(hypercall_callback_op(99, &unknown), -XEN_ENOSYS);
}

TEST(old_form_sets_all_callbacks)
{
    EXPECT_RESULT(hypercall(__HYPERVISOR_set_callbacks, 0x1000, 0x1000, 0x1000, 0, 0), 0);
    trap_init();
}

TEST(every_port_is_closed_by_reset)
{
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
    struct evtchn_reset reset = {.dom = DOMID_SELF};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_reset, &reset), 0);
    struct evtchn_status status = {.dom = DOMID_SELF, .port = ipi.port};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_status, &status), 0);
    EXPECT_EQUAL(status.status, EVTCHNSTAT_closed);
    reset.dom = 0x1234;
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_reset, &reset), -XEN_ESRCH);
}

TEST(ports_move_between_vcpus_unless_they_are_one_vcpus_own)
{
    struct evtchn_alloc_unbound unbound = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &unbound), 0);
    struct evtchn_bind_vcpu move = {.port = unbound.port, .vcpu = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &move), 0);
    move.vcpu = 77;
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &move), -XEN_ENOENT);
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
    move = (struct evtchn_bind_vcpu){.port = ipi.port, .vcpu = 0};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &move), -XEN_EINVAL);
}

TEST(unbound_port_needs_a_domain_that_exists)
{
    struct evtchn_alloc_unbound unbound = {.dom = 0x1234, .remote_dom = DOMID_SELF};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &unbound), -XEN_ESRCH);
    struct evtchn_bind_interdomain bind = {.remote_dom = 0x1234, .remote_port = 1};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), -XEN_ESRCH);
    bind = (struct evtchn_bind_interdomain){.remote_dom = DOMID_SELF, .remote_port = 4095};
    EXPECT_RESULT(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), -XEN_EINVAL);
}

TEST(unknown_event_channel_commands_are_refused)
{
    uint64_t record[4] = {0};
    EXPECT_RESULT(hypercall_event_channel_op(99, record), -XEN_ENOSYS);
    EXPECT_RESULT(hypercall_event_channel_op(UINT32_MAX, record), -XEN_ENOSYS);
}

TEST(io_bitmap_can_be_empty_and_has_a_limit)
{
    struct physdev_set_iobitmap bitmap = {.nr_ports = 0};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &bitmap), 0);
    bitmap.nr_ports = 65537;
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &bitmap), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, (void *)FREE_VA), -XEN_EFAULT);
    EXPECT_RESULT(hypercall_physdev_op(99, &bitmap), -XEN_ENOSYS);
}

TEST(pirq_is_unmapped_once)
{
    test_needs_first_domain();
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 7, .pirq = 7};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), 0);
    struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = 7};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), -XEN_EINVAL);
    unmap.pirq = -1;
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), -XEN_EINVAL);
    unmap.domid = 0x1234;
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), -XEN_ESRCH);
}

TEST(devices_can_be_reported)
{
    test_needs_first_domain();
    struct physdev_pci_device_add host_bridge = {.seg = 0, .bus = 0, .devfn = 0};
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_pci_device_add, &host_bridge), 0);
    EXPECT_RESULT(hypercall_physdev_op(PHYSDEVOP_pci_device_add, (void *)FREE_VA), -XEN_EFAULT);
}

TEST(io_apics_cannot_be_written_where_there_is_none)
{
    test_needs_first_domain();
    struct physdev_apic apic = {.apic_physbase = 0x1000};
    EXPECT(hypercall_physdev_op(PHYSDEVOP_apic_write, &apic) < 0);
}

TEST(console_of_the_first_domain_can_be_read_without_waiting)
{
    test_needs_first_domain();
    char text[16];
    EXPECT_RESULT(hypercall_console_io(CONSOLEIO_read, sizeof(text), text), 0);
    EXPECT_RESULT(hypercall_console_io(99, 1, text), -XEN_ENOSYS);
}

TEST(task_switched_call_takes_any_value_for_true)
{
    EXPECT_RESULT(hypercall_fpu_taskswitch(0), 0);
    EXPECT_RESULT(hypercall_fpu_taskswitch(77), 0);
    EXPECT_RESULT(hypercall_fpu_taskswitch(0), 0);
}

TEST(performance_counters_are_not_offered)
{
    struct xen_pmu_params parameters = {.vcpu = 0};
    parameters.version.maj = XENPMU_VER_MAJ;
    EXPECT_RESULT(
        hypercall(__HYPERVISOR_xenpmu_op, XENPMU_init, pointer_value(&parameters), 0, 0, 0),
        -XEN_EOPNOTSUPP);
}

TEST(memory_map_of_the_first_domain_is_not_set)
{
    test_needs_first_domain();
    struct xen_memory_map map = {.nr_entries = 0};
    EXPECT_RESULT(hypercall_memory_op(XENMEM_memory_map, &map), -XEN_ENOSYS);
}

/* As INT 15h, EAX=E820h has them. */
struct e820 {
    uint64_t address;
    uint64_t size;
    uint32_t type; /* 1: RAM */
} __attribute__((packed));

TEST(memory_map_of_an_ordinary_domain_is_its_ram)
{
    struct e820 entries[2] = {{0}};
    struct xen_memory_map map = {.nr_entries = 2};
    set_xen_guest_handle_raw(map.buffer, entries);
    test_needs_ordinary_domain();
    EXPECT_RESULT(hypercall_memory_op(XENMEM_memory_map, &map), 0);
    EXPECT_EQUAL(map.nr_entries, 1);
    EXPECT_EQUAL(entries[0].address, 0);
    EXPECT_EQUAL(entries[0].size, start_info->nr_pages * PAGE_SIZE);
    EXPECT_EQUAL(entries[0].type, 1);
    map.nr_entries = 0;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_memory_map, &map), 0);
    EXPECT_EQUAL(map.nr_entries, 0);
}

TEST(memory_map_can_be_set_for_oneself)
{
    struct e820 entries[2] = {{0, 0x9f000, 1}, {0x100000, 0x300000, 1}};
    struct e820 read[2] = {{0}};
    struct xen_foreign_memory_map set = {.domid = DOMID_SELF, .map.nr_entries = 2};
    struct xen_memory_map get = {.nr_entries = 2};
    set_xen_guest_handle_raw(set.map.buffer, entries);
    set_xen_guest_handle_raw(get.buffer, read);
    test_needs_ordinary_domain(); /* the first one has none, and could not take this one away */
    EXPECT_RESULT(hypercall_memory_op(XENMEM_set_memory_map, &set), 0);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_memory_map, &get), 0);
    EXPECT_EQUAL(get.nr_entries, 2);
    EXPECT_EQUAL(read[1].address, 0x100000);
    EXPECT_EQUAL(read[1].size, 0x300000);
    entries[0].size = start_info->nr_pages * PAGE_SIZE;
    set.map.nr_entries = 1;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_set_memory_map, &set), 0);
}

TEST(memory_map_is_not_set_for_domains_that_are_not_there)
{
    struct xen_foreign_memory_map set = {.domid = 511, .map.nr_entries = 1};
    EXPECT_RESULT(hypercall_memory_op(XENMEM_set_memory_map, &set), -XEN_ESRCH);
    set.map.nr_entries = 2000;
    EXPECT_RESULT(hypercall_memory_op(XENMEM_set_memory_map, &set), -XEN_EINVAL);
    EXPECT_RESULT(hypercall_memory_op(XENMEM_set_memory_map, NULL), -XEN_EFAULT);
}

/* With the hypervisor's option "audit" it answers the number of differences, which must be none, to
 * a domain that may ask. */
TEST(audit_is_a_call_only_where_the_option_asks_for_it)
{
    int64_t differences = hypercall(__HYPERVISOR_arch_7, 0, 0, 0, 0, 0);
    bool is_first = (start_info->flags & SIF_INITDOMAIN) != 0;
    EXPECT(differences == (is_first ? 0 : -XEN_EPERM) || differences == -XEN_ENOSYS);
}
