/* SPDX-License-Identifier: BSD-2-Clause */
/* From the boot loader's structures to the first domain, one step after the other. */
#include "core/tlb.h"
#include "hv/acpi/acpi.h"
#include "hv/boot/domains.h"
#include "hv/boot/image.h"
#include "hv/boot/loader.h"
#include "lib/options.h"
#include "hv/console/console.h"
#include "hv/console/serial_owner.h"
#include "hv/cpu/control.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/features.h"
#include "hv/cpu/fpu.h"
#include "hv/cpu/msr.h"
#include "hv/cpu/tables.h"
#include "hv/crash.h"
#include "hv/debug/audit.h"
#include "hv/debug/reports.h"
#include "hv/hypercall/hypercall.h"
#include "hv/irq/ioapic.h"
#include "hv/irq/lapic.h"
#include "hv/irq/pic.h"
#include "hv/irq/pirq.h"
#include "hv/mem/boot_memory.h"
#include "hv/mem/paging.h"
#include "hv/sched/sched.h"
#include "hv/time/time.h"
#include "lib/check.h"
#include "version.h"

static struct boot_information information;
static struct hv_options options;
static uint64_t boot_tsc; /* when the image's first C line ran */

NORETURN void boot_main(uint32_t magic, uint32_t address);
static NORETURN void boot_on_final_stack(void);

/* ---- words --------------------------------------------------------------------------------- */

static void complain(const char *parameter, const char *value)
{
    if (value == NULL) {
        console_log(LOG_WARNING, "parameter \"%s\" unknown!", parameter);
    } else {
        console_log(LOG_WARNING, "parameter \"%s\" has invalid value \"%s\"", parameter, value);
    }
}

static void print_banner(void)
{
    console_log(LOG_ALWAYS, "Pinnace %s, a hypervisor for Xen PV guests (%s%s%s)", PINNACE_VERSION,
                information.loader, information.loader[0] != '\0' ? ", " : "",
                information.protocol);
    console_log(LOG_INFO, "command line: %s", information.command_line);
}

/* ---- processor ----------------------------------------------------------------------------- */

/* SMAP off means that the guest's pages are open to us all the time. QEMU before 9.1 cannot have it
 * on: its IRETQ in ring 3 reads the stack as the supervisor. */
static bool choose_smap(void)
{
    if (!cpu_features.smap || options.smap == CHOICE_OFF) {
        return false;
    }
    if (options.smap == CHOICE_ON) {
        return true;
    }
    if (cpu_features.tcg) {
        console_log(LOG_INFO, "SMAP stays off: QEMU's emulation of IRETQ does not work with it "
                              "(smap=on overrides)");
        return false;
    }
    return true;
}

/* Guests' entries can name any frame while it is looked at speculatively: on such processors what
 * is mapped can be read by guests, and nothing here prevents that. */
static void check_vulnerabilities(void)
{
    bool meltdown = cpu_features.meltdown && options.xpti != CHOICE_OFF;
    bool l1tf = cpu_features.l1tf && options.pv_l1tf != CHOICE_OFF;
    if (!meltdown && !l1tf) {
        return;
    }
    panic("this Intel processor, family %u, does not report RDCL_NO: it may let guests read all "
          "memory (%s%s%s), and Pinnace does not prevent it;%s%s accepts the risk",
          cpu_features.family, meltdown ? "Meltdown" : "", meltdown && l1tf ? ", " : "",
          l1tf ? "L1TF" : "", meltdown ? " xpti=off" : "", l1tf ? " pv-l1tf=off" : "");
}

static void check_processor(void)
{
    cpu_features_detect();
    const char *missing = cpu_features_missing();
    if (missing != NULL) {
        panic("the processor lacks %s: Pinnace cannot run on it", missing);
    }
    check_vulnerabilities();
}

static void set_control_registers(bool smap)
{
    uint64_t cr4 = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cr4 |= CR4_PGE;
    cr4 |= cpu_features.smep && options.smep != CHOICE_OFF ? CR4_SMEP : 0;
    cr4 |= smap ? CR4_SMAP : 0;
    cr4 |= cpu_features.umip ? CR4_UMIP : 0;
    cpu_write_cr4(cr4);
    cpu_write_cr0(CR0_ALWAYS);
}

/* ---- memory -------------------------------------------------------------------------------- */

#define ENTRIES_PER_LARGE_PAGE ((UINT64_C(1) << 21) / sizeof(uint64_t))

static void add_free_range(uint64_t address, uint64_t size)
{
    machine_add_free(mfn_make(address >> PAGE_SHIFT), size >> PAGE_SHIFT);
}

static uint64_t m2p_physical;

static void add_kept_range(uint64_t address, uint64_t size)
{
    if (address + size > UINT64_C(0x100000)) {
        uint64_t first = max_u64(address, UINT64_C(0x100000)) >> PAGE_SHIFT;
        machine_add_hypervisor(mfn_make(first), ((address + size) >> PAGE_SHIFT) - first);
    }
}

static void map_m2p(uint64_t size)
{
    paging_map(MACH2PHYS_VIRT_START, m2p_physical, size, PTE_USER | PTE_NO_EXECUTE | PTE_ACCESSED,
               true);
}

/* The frame table knows every frame: first as I/O, RAM as the hypervisor's, then what is free. The
 * low 1 MiB stays I/O: firmware and option ROMs are there for the first domain. */
static void create_frame_table(void)
{
    uint64_t frame_count = pages_of(boot_memory_end());
    uint64_t m2p_count = round_up(frame_count, ENTRIES_PER_LARGE_PAGE);
    m2p_physical = boot_memory_alloc(m2p_count * sizeof(uint64_t), UINT64_C(1) << 21);
    uint64_t frames = boot_memory_alloc(frame_count * sizeof(struct frame), PAGE_SIZE);
    uint64_t bitmap = boot_memory_alloc((frame_count + 63) / 64 * sizeof(uint64_t), PAGE_SIZE);
    map_m2p(m2p_count * sizeof(uint64_t));
    machine_init(phys_to_virt(frames), frame_count, phys_to_virt(bitmap),
                 phys_to_virt(m2p_physical), m2p_count, cpu_features.physical_address_bits);
    machine.flush_always = options.tlb_flush == TLB_FLUSH_ALWAYS;
    machine.linear_pt = options.linear_pt;
}

/* The messages so far are kept in the image. */
static void enlarge_console_ring(void)
{
    if (options.conring_bytes > CONRING_MIN) {
        uint64_t bytes = boot_memory_alloc(options.conring_bytes, PAGE_SIZE);
        console_ring_move(phys_to_virt(bytes), (uint32_t)options.conring_bytes);
    }
}

static void fill_frame_table(void)
{
    boot_memory_close();
    boot_memory_visit_ram(add_kept_range);
    boot_memory_visit_free(add_free_range);
    machine_add_m2p(mfn_make(m2p_physical >> PAGE_SHIFT));
    for (unsigned int slot = L4_HYPERVISOR_FIRST; slot <= L4_HYPERVISOR_LAST; slot++) {
        machine.hypervisor_slots[slot - L4_HYPERVISOR_FIRST] = paging_l4_entry(slot);
    }
}

/* Local and I/O APICs are the hypervisor's: the first can raise any interrupt, the second may be
 * looked at. Message-signalled interrupts go through the first one's range. */
static void protect_devices(void)
{
    mfn_t local = mfn_make(lapic_physical() >> PAGE_SHIFT);
    machine_add_io_range(local, local, IO_DENIED);
    machine_add_io_range(mfn_make(0xfee00), mfn_make(0xfeeff), IO_DENIED);
    const struct acpi_info *info = acpi_info();
    for (unsigned int i = 0; i < info->io_apic_count; i++) {
        mfn_t mfn = mfn_make(info->io_apics[i].address >> PAGE_SHIFT);
        machine_add_io_range(mfn, mfn, IO_READ_ONLY);
    }
}

/* ---- devices ------------------------------------------------------------------------------- */

/* Where ACPI's root pointer is. A copy that the loader made is part of our image. */
static uint64_t find_rsdp(void)
{
    return information.rsdp_copy_size != 0 ? (uint64_t)information.rsdp_copy - IMAGE_BASE
                                           : information.rsdp;
}

static void start_devices(void)
{
    if (!acpi_init(find_rsdp())) {
        console_log(LOG_WARNING, "no ACPI tables: the machine cannot be switched off by software");
    }
    pic_init();
    if (!lapic_init()) {
        panic("there is no local APIC: no timer to run guests with");
    }
    if (!ioapic_init()) {
        console_log(LOG_WARNING, "no I/O APIC: console input is not possible");
    }
    pirq_init();
    if (!time_init()) {
        console_log(LOG_WARNING, "no clock to measure the processor's with: 1 GHz is assumed");
    }
    serial_own_console(&options);
}

/* ---- in order ------------------------------------------------------------------------------ */

static NORETURN void switch_stack(void (*continue_with)(void))
{
    uint64_t stack = CPU_AREA_BASE + CPU_AREA_SIZE - sizeof(struct cpu_stack_top);
    __asm__ volatile("mov %0, %%rsp\n\txor %%ebp, %%ebp\n\tcall *%1\n\tud2" ::"r"(stack),
                     "r"(continue_with)
                     : "memory");
    __builtin_unreachable();
}

void boot_main(uint32_t magic, uint32_t address)
{
    boot_tsc = tsc_read();
    boot_memory_reserve(IMAGE_LOAD_ADDRESS, (uint64_t)(image_end - image_start));
    bool readable = loader_read(magic, address, &information);
    options_parse(&options, information.command_line, complain);
    bool console = console_init(&options);
    print_banner();
    if (!readable) {
        panic("%s", information.problem);
    }
    if (!console) {
        console_log(LOG_WARNING, "the console's serial port is not there");
    }
    version_set_command_line(information.command_line);
    crash_set_options(options.noreboot);
    audit_set_option(options.audit);
    check_processor();
    bool smap = choose_smap();
    if (smap) {
        cpu_patch_smap_sites();
    }
    paging_init();
    cpu_area_create(0);
    set_control_registers(smap);
    switch_stack(boot_on_final_stack);
}

static void boot_on_final_stack(void)
{
    *cpu_info() = (struct cpu_info){.cpu = 0};
    cpu_tables_load(0);
    cpu_features_prepare_cpu();
    fpu_init_cpu();
    control_fix();
    create_frame_table();
    enlarge_console_ring();
    machine.cpus_online = 1;
    tlb_flush_end(0, tlb_flush_begin());
    start_devices();
    fill_frame_table();
    protect_devices();
    unsigned int wrong = paging_seal();
    if (wrong != 0) {
        panic("%u mappings are writable and executable, or open to guests", wrong);
    }
    memory_print(LOG_INFO);
    console_log(LOG_INFO, "boot took %lu TSC ticks", tsc_read() - boot_tsc);
    boot_domains_create(&information, &options);
    sched_start();
}
