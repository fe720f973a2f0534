/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/boot/kernels.h"

#include "hv/boot/unpacked.h"
#include "hv/console/console.h"
#include "hv/domain/build.h"
#include "hv/domain/domain.h"
#include "hv/entry/work.h"
#include "hv/mem/boot_memory.h"
#include "hv/sched/sched.h"
#include "hv/sched/timers.h"
#include "hv/sched/vcpu.h"
#include "hv/time/time.h"
#include "lib/elf.h"
#include "lib/format.h"
#include "lib/string.h"

#include <xen/sched.h>

#define MIB_SHIFT (20 - PAGE_SHIFT) /* pages to MiB */

/* For the unpacker besides the file: its own image and tables, what it makes, and what a decoder
 * wants as its window. */
#define ROOM_MIN       (UINT64_C(16) << MIB_SHIFT)
#define ROOM_MAX       (UINT64_C(512) << MIB_SHIFT)
#define KEPT_ORDER_MAX 16U /* less than this: at most 128 MiB */

/* What has come of a module. */
struct outcome {
    struct unpacked_file file; /* its bytes NULL: not unpacked, or not to be */
    struct unpack_problem problem;
};

static struct {
    const struct boot_plan *plan;
    const struct boot_information *information;
    struct outcome outcomes[BOOT_MODULE_LIMIT];
    unsigned int module;      /* the one whose turn it is */
    struct hv_domain *domain; /* the unpacker at work; NULL: none */
    bool out_of_time;
    uint64_t begin_ns;
    uint64_t deadline_ns;
    struct build_result result; /* of the unpacker */
    mfn_t kept;                 /* memory for what it makes */
    unsigned int kept_order;
} job;

static bool is_elf(const struct boot_module *module)
{
    return module->size >= 4 && memcmp(phys_to_virt(module->address), "\x7f\x45LF", 4) == 0;
}

static bool is_kernel(const struct boot_module *module)
{
    bool found = job.plan->has_first && job.plan->first.kernel == module;
    for (unsigned int i = 0; i < job.plan->count; i++) {
        found |= job.plan->domains[i].kernel == module;
    }
    return found;
}

/* ---- a domain for one kernel ---------------------------------------------------------------- */

/* While the unpacker has the rest of the memory, a block for what it makes is kept back: the
 * largest that is at most a third of what is free. */
static void keep_room(void)
{
    unsigned int order = KEPT_ORDER_MAX;
    job.kept = MFN_INVALID;
    while (order > 0 && mfn_equal(job.kept, MFN_INVALID)) {
        order--;
        if (UINT64_C(3) << order <= machine.free_count) {
            job.kept = frame_take_hypervisor(order);
        }
    }
    job.kept_order = order;
}

static void give_room(void)
{
    if (!mfn_equal(job.kept, MFN_INVALID)) {
        frame_free_hypervisor(job.kept, job.kept_order);
        job.kept = MFN_INVALID;
    }
}

/* Most of what is free then; the rest is for the domain's records. */
static uint64_t choose_page_count(const struct boot_module *file)
{
    return min_u64(machine.free_count / 16 * 15, pages_of(file->size) + ROOM_MAX);
}

static enum build_status build(struct hv_domain *domain, const struct boot_module *file,
                               uint64_t page_count)
{
    const struct build_request request = {
        .kernel = phys_to_virt(job.plan->unpacker->address),
        .kernel_size = job.plan->unpacker->size,
        .initrd = phys_to_virt(file->address),
        .initrd_size = file->size,
        .command_line = job.plan->unpacker_arguments,
        .page_count = page_count,
        .shared_info_address = domain->shared_mfn.value << PAGE_SHIFT,
        .has_rings = true, /* the page of the store's is for the report (lib/unpack_report.h) */
    };
    return hv_domain_build(domain, &request, &job.result);
}

/* Its number is one that no planned domain has. */
static bool create(const struct boot_module *file, struct unpack_problem *problem)
{
    uint64_t page_count = choose_page_count(file);
    const struct domain_config config = {
        .id = BOOT_DOMAIN_LIMIT + 1,
        .vcpus = 1,
        .grant_frames = -1,
        .maptrack_frames = -1,
    };
    if (page_count < pages_of(file->size) + ROOM_MIN) {
        unpack_refuse(problem, "there is too little memory to unpack it (%lu MiB are free)",
                      machine.free_count >> MIB_SHIFT);
        return false;
    }
    if (hv_domain_create(&config, &job.domain) != 0) {
        job.domain = NULL;
        unpack_refuse(problem, "there is no memory for the unpacker's records");
        return false;
    }
    job.domain->core.page_limit = page_count;
    enum build_status status = hv_domain_add_vcpus(job.domain, 1) == 0
                                   ? build(job.domain, file, page_count)
                                   : BUILD_NO_MEMORY;
    if (status != BUILD_OK) {
        unpack_refuse(problem, "boot module %u, which is to unpack it, cannot be started: %s",
                      (unsigned int)(job.plan->unpacker - job.information->modules),
                      build_status_text(status));
        hv_domain_discard(job.domain);
        job.domain = NULL;
    }
    return status == BUILD_OK;
}

static void let_run(void)
{
    job.out_of_time = false;
    job.begin_ns = time_now_ns();
    job.deadline_ns = job.begin_ns + job.plan->unpacker_seconds * NS_PER_SECOND;
    timers_set_boot_deadline(job.deadline_ns);
    CHECK(hv_domain_unpause(job.domain) == 0);
}

/* ---- what comes of it ----------------------------------------------------------------------- */

static bool collect(struct outcome *outcome)
{
    if (job.out_of_time) {
        unpack_refuse(&outcome->problem, "unpacking it took longer than %u s",
                      job.plan->unpacker_seconds);
        return false;
    }
    if (job.domain->shutdown_code != SHUTDOWN_poweroff) {
        unpack_refuse(&outcome->problem, "the unpacker crashed");
        return false;
    }
    return unpacked_take(&outcome->file, &job.domain->core, job.result.store, &outcome->problem);
}

static void finish(void)
{
    const struct boot_module *module = &job.information->modules[job.module];
    struct outcome *outcome = &job.outcomes[job.module];
    timers_set_boot_deadline(0);
    vcpu_unload();
    give_room();
    if (collect(outcome)) {
        console_log(LOG_INFO, "boot module %u: unpacked from %lu KiB to %lu KiB in %lu ms",
                    job.module, module->size >> 10, outcome->file.size >> 10,
                    (time_now_ns() - job.begin_ns) / 1000000);
    }
    hv_domain_discard(job.domain);
    job.domain = NULL;
}

/* ---- one after the other -------------------------------------------------------------------- */

/* True: the unpacker runs. */
static bool begin_with(const struct boot_module *module)
{
    if (!is_kernel(module) || is_elf(module)) {
        return false;
    }
    struct unpack_problem *problem = &job.outcomes[job.module].problem;
    if (job.plan->unpacker == NULL) {
        unpack_refuse(problem, "it is no ELF file, and there is no boot module with the word "
                               "\"unpack\" (pinnace-unpack) to make one of it");
        return false;
    }
    keep_room();
    if (!create(module, problem)) {
        give_room();
        return false;
    }
    let_run();
    return true;
}

static bool go_on(void)
{
    for (; job.module < job.information->module_count; job.module++) {
        if (begin_with(&job.information->modules[job.module])) {
            return false;
        }
    }
    return true;
}

bool boot_kernels_begin(const struct boot_plan *plan, const struct boot_information *information)
{
    job.plan = plan;
    job.information = information;
    return go_on();
}

bool boot_kernels_continue(void)
{
    if (job.domain == NULL || (!job.domain->is_shut_down && time_now_ns() < job.deadline_ns)) {
        return false; /* the deadline of one that ended just then */
    }
    if (!job.domain->is_shut_down) {
        job.out_of_time = true;
        hv_domain_shut_down(job.domain, SHUTDOWN_watchdog);
    }
    if (sched_running() != NULL) {
        cpu_work_raise(CPU_WORK_BOOT); /* once the scheduler has taken the CPU from it */
        return false;
    }
    finish();
    job.module++;
    return go_on();
}

bool boot_kernels_is_unpacker(const struct hv_domain *domain)
{
    return domain == job.domain;
}

struct boot_kernel boot_kernels_get(const struct boot_module *module)
{
    const struct outcome *outcome = &job.outcomes[module - job.information->modules];
    struct boot_kernel kernel = {
        .bytes = phys_to_virt(module->address),
        .size = module->size,
        .problem = outcome->problem.text,
    };
    if (!is_elf(module)) {
        kernel.bytes = outcome->file.bytes;
        kernel.size = outcome->file.size;
    }
    return kernel;
}

void boot_kernels_free(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(job.outcomes); i++) {
        unpacked_free(&job.outcomes[i].file);
    }
}
