/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/boot/domains.h"

#include "hv/boot/kernels.h"
#include "hv/console/console.h"
#include "hv/console/guest_console.h"
#include "hv/crash.h"
#include "hv/domain/build.h"
#include "hv/domain/domain.h"
#include "hv/domain/memory_map.h"
#include "hv/mem/boot_memory.h"
#include "lib/format.h"

#define MIB_SHIFT (20 - PAGE_SHIFT) /* pages to MiB */

static struct build_result result; /* of the domain being built; too large for a stack */

/* The work, which goes on after boot's own while kernels are unpacked. */
static struct {
    struct boot_information *information;
    const struct hv_options *options;
    struct boot_plan plan;
    unsigned int built_count;
    struct hv_domain *built[BOOT_DOMAIN_LIMIT + 1];
} job;

/* ---- refusals ------------------------------------------------------------------------------- */

/* Why the kernel in a boot module cannot be started, in the builder's words. */
struct refusal {
    char text[256];
};

static struct refusal describe_kernel(const struct boot_module *module, enum build_status status)
{
    const struct build_detail *detail = &result.detail;
    char numbers[48] = "";
    switch (build_status_numbers(status)) {
    case 0:
        break;
    case 1:
        format_text(numbers, sizeof(numbers), " (0x%lx)", detail->value);
        break;
    default:
        format_text(numbers, sizeof(numbers), " (0x%lx, 0x%lx)", detail->value, detail->limit);
        break;
    }
    struct refusal refusal;
    format_text(refusal.text, sizeof(refusal.text), "%lu bytes, cannot be started: %s%s",
                boot_kernels_get(module).size, build_status_text(status), numbers);
    return refusal;
}

static uint64_t wanted_mib(void)
{
    return (result.detail.value + (1U << MIB_SHIFT) - 1) >> MIB_SHIFT;
}

/* What can be put right outside the kernel's file is told in the words of who can. */
static NORETURN void panic_for_first(const struct planned_domain *first, unsigned int module,
                                     enum build_status status)
{
    if (status == BUILD_TOO_LITTLE_MEMORY) {
        panic("too little memory for the first domain: kernel and initrd need %lu MiB, it gets %lu "
              "MiB (option dom0_mem, or the machine's size)",
              wanted_mib(), result.detail.limit >> MIB_SHIFT);
    }
    if (status == BUILD_INITRD_TOO_LARGE) {
        panic("the initrd is too large for the first domain: it has %lu MiB, the domain gets %lu "
              "MiB (option dom0_mem, or the machine's size)",
              wanted_mib(), result.detail.limit >> MIB_SHIFT);
    }
    panic("boot module %u, \"%.64s\", %s", module, first->kernel->text,
          describe_kernel(first->kernel, status).text);
}

static void complain_of(const struct planned_domain *planned, enum build_status status)
{
    const char *name = planned->spec.name;
    if (status == BUILD_TOO_LITTLE_MEMORY || status == BUILD_INITRD_TOO_LARGE) {
        console_log(LOG_ERROR,
                    "domain \"%s\" is not started: its %s %lu MiB, it gets %lu MiB (memory=)", name,
                    status == BUILD_TOO_LITTLE_MEMORY ? "kernel and ramdisk need" : "ramdisk has",
                    wanted_mib(), result.detail.limit >> MIB_SHIFT);
    } else {
        console_log(LOG_ERROR, "domain \"%s\" is not started: its kernel, %s", name,
                    describe_kernel(planned->kernel, status).text);
    }
}

static void complain_of_packed(const struct planned_domain *planned, const char *problem)
{
    console_log(LOG_ERROR, "domain \"%s\" is not started: its kernel, boot module %u: %s",
                planned->spec.name, (unsigned int)(planned->kernel - job.information->modules),
                problem);
}

static void complain_of_module(const char *text)
{
    console_log(LOG_ERROR, "%s", text);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static struct build_request make_request(const struct planned_domain *planned,
                                         const struct hv_domain *domain)
{
    const struct boot_module *ramdisk = planned->ramdisk;
    struct boot_kernel kernel = boot_kernels_get(planned->kernel);
    return (struct build_request){
        .kernel = kernel.bytes,
        .kernel_size = kernel.size,
        .initrd = ramdisk != NULL ? phys_to_virt(ramdisk->address) : NULL,
        .initrd_size = ramdisk != NULL ? ramdisk->size : 0,
        .command_line = planned->spec.extra,
        .page_count = planned->spec.memory_kib >> (PAGE_SHIFT - 10),
        .shared_info_address = domain->shared_mfn.value << PAGE_SHIFT,
    };
}

static void announce(const struct hv_domain *domain, const char *name, uint64_t page_count)
{
    console_log(LOG_INFO,
                "d%u%s: %lu MiB, kernel at 0x%lx, entry 0x%lx, %lu page-table frames pinned",
                domain->core.id, name, page_count >> MIB_SHIFT,
                layout_address(&result.layout, result.layout.kernel.first), result.image.entry,
                result.layout.tables.count);
}

/* ---- the first ------------------------------------------------------------------------------ */

static uint64_t memory_of_others(const struct boot_plan *plan)
{
    uint64_t kib = 0;
    for (unsigned int i = 0; i < plan->count; i++) {
        kib += plan->domains[i].spec.memory_kib;
    }
    return kib << 10;
}

/* Without dom0_mem the first domain gets all that the others leave but a sixteenth, at most 128
 * MiB, which stays free for what it asks for later. */
static uint64_t choose_first_memory(const struct hv_options *options, uint64_t others)
{
    uint64_t available = machine.free_count << PAGE_SHIFT;
    available = available > others ? available - others : 0;
    struct dom0_memory memory = options->dom0_mem;
    if (!memory.size.given) {
        uint64_t spare = min_u64(available / 16, UINT64_C(128) << 20);
        memory.size = (struct memory_amount){.bytes = spare, .given = true, .negative = true};
    }
    return options_dom0_bytes(&memory, available);
}

static unsigned int cpu_count(void)
{
    unsigned int count = 0;
    for (uint64_t left = machine.cpus_online; left != 0; left &= left - 1) {
        count++;
    }
    return count;
}

static struct hv_domain *create_first(void)
{
    const struct planned_domain *first = &job.plan.first;
    unsigned int module = (unsigned int)(first->kernel - job.information->modules);
    struct boot_kernel kernel = boot_kernels_get(first->kernel);
    if (kernel.bytes == NULL) {
        panic("boot module %u, \"%.64s\": %s", module, first->kernel->text, kernel.problem);
    }
    const struct domain_config config = {
        .id = FIRST_DOMAIN,
        .is_first = true,
        .vcpus = options_dom0_vcpus(&job.options->dom0_vcpus, cpu_count()),
        .grant_frames = -1,
        .maptrack_frames = -1,
    };
    struct hv_domain *domain;
    if (hv_domain_create(&config, &domain) != 0 || hv_domain_add_vcpus(domain, config.vcpus) != 0) {
        panic("no memory for the first domain's records");
    }
    struct build_request request = make_request(first, domain);
    request.page_count =
        choose_first_memory(job.options, memory_of_others(&job.plan)) >> PAGE_SHIFT;
    request.start_flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    enum build_status status = hv_domain_build(domain, &request, &result);
    if (status != BUILD_OK) {
        panic_for_first(first, module, status);
    }
    announce(domain, "", request.page_count);
    return domain;
}

/* ---- the others ----------------------------------------------------------------------------- */

/* What a domain needs besides its memory for records and the like is little next to this. */
#define OWN_PAGES 256U

/* False: a line has said why; *domain is what there is of it, or NULL. */
static bool create_records(const struct planned_domain *planned, struct hv_domain **domain)
{
    const char *name = planned->spec.name;
    uint64_t page_count = planned->spec.memory_kib >> (PAGE_SHIFT - 10);
    *domain = NULL;
    if (page_count + OWN_PAGES > machine.free_count) {
        console_log(LOG_ERROR,
                    "domain \"%s\" is not started: it is to have %lu MiB, but %lu MiB are free",
                    name, page_count >> MIB_SHIFT, machine.free_count >> MIB_SHIFT);
        return false;
    }
    const struct domain_config config = {
        .id = planned->id,
        .vcpus = planned->spec.vcpus,
        .grant_frames = -1,
        .maptrack_frames = -1,
    };
    int error = hv_domain_create(&config, domain);
    if (error == 0) {
        (*domain)->core.page_limit = page_count;
        error = hv_domain_add_vcpus(*domain, planned->spec.vcpus);
    }
    if (error != 0) {
        console_log(LOG_ERROR, "domain \"%s\" is not started: no room for its records (error %d)",
                    name, -error);
    }
    return error == 0;
}

/* Its own serial port, if it is to have one, and the event channel of its console ring. */
static bool open_console(const struct planned_domain *planned, struct hv_domain *domain,
                         const struct hv_options *options, uint32_t *event)
{
    unsigned int number = planned->spec.console;
    const char *refusal = number != 0 ? guest_console_use_port(domain, options, number - 1) : NULL;
    if (refusal != NULL) {
        console_log(LOG_ERROR,
                    "domain \"%s\": console=com%u is not possible, %s; it is on the "
                    "hypervisor's line",
                    planned->spec.name, number, refusal);
    }
    int error = guest_console_open(domain, event);
    if (error != 0) {
        console_log(LOG_ERROR, "domain \"%s\" is not started: no event channel for its console",
                    planned->spec.name);
    }
    return error == 0;
}

static bool build_other(const struct planned_domain *planned, struct hv_domain *domain)
{
    struct build_request request = make_request(planned, domain);
    request.has_rings = true; /* no store answers: its port stays 0 (start_info.store_evtchn) */
    if (!open_console(planned, domain, job.options, &request.console_port)) {
        return false;
    }
    enum build_status status = hv_domain_build(domain, &request, &result);
    if (status != BUILD_OK) {
        complain_of(planned, status);
        return false;
    }
    if (guest_console_attach(domain, result.console) != STATUS_OK) {
        console_log(LOG_ERROR, "domain \"%s\" is not started: its console ring cannot be served",
                    planned->spec.name);
        return false;
    }
    memory_map_set_plain(domain, request.page_count << PAGE_SHIFT);
    char name[DOMAIN_NAME_MAX + 4];
    format_text(name, sizeof(name), " (%s)", planned->spec.name);
    announce(domain, name, request.page_count);
    return true;
}

static void create_other(const struct planned_domain *planned)
{
    struct boot_kernel kernel = boot_kernels_get(planned->kernel);
    if (kernel.bytes == NULL) {
        complain_of_packed(planned, kernel.problem);
        return;
    }
    struct hv_domain *domain;
    if (create_records(planned, &domain) && build_other(planned, domain)) {
        job.built[job.built_count++] = domain;
    } else if (domain != NULL) {
        hv_domain_discard(domain);
    }
}

/* ---- in order ------------------------------------------------------------------------------- */

static void free_modules(void)
{
    for (unsigned int i = 0; i < job.information->module_count; i++) {
        const struct boot_module *module = &job.information->modules[i];
        uint64_t first = pages_of(module->address);
        uint64_t end = (module->address + module->size) >> PAGE_SHIFT;
        machine_add_free(mfn_make(first), end > first ? end - first : 0);
    }
}

/* All kernels are as the builder wants them, or will never be. */
static void create_all(void)
{
    if (job.plan.has_first) {
        job.built[job.built_count++] = create_first();
    }
    for (unsigned int i = 0; i < job.plan.count; i++) {
        create_other(&job.plan.domains[i]);
    }
    if (job.built_count == 0) {
        panic("of the domains that the boot modules describe, none can be started");
    }
    boot_kernels_free();
    free_modules();
    input_settle(job.plan.has_first);
    for (unsigned int i = 0; i < job.built_count; i++) {
        CHECK(hv_domain_unpause(job.built[i]) == 0);
    }
}

void boot_domains_create(struct boot_information *information, const struct hv_options *options)
{
    if (information->module_count == 0) {
        panic("no boot module: the first one must be the first domain's kernel");
    }
    job.information = information;
    job.options = options;
    boot_plan_make(&job.plan, information, complain_of_module);
    if (boot_kernels_begin(&job.plan, information)) {
        create_all();
    }
}

void boot_domains_continue(void)
{
    if (boot_kernels_continue()) {
        create_all();
    }
}
