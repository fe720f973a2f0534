/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/domain/domain.h"

#include "core/grant.h"
#include "core/port.h"
#include "core/teardown.h"
#include "hv/entry/work.h"
#include "hv/mem/memory.h"
#include "hv/refuse.h"
#include "hv/sched/sched.h"
#include "hv/sched/vcpu.h"
#include "hv/time/wall_clock.h"
#include "lib/string.h"

#include <xen/sched.h>

/* As on Xen: a control domain that forgets to unpause is stopped somewhere. */
#define PAUSE_LIMIT 255U

/* ---- records ------------------------------------------------------------------------------- */

static void vcpu_record_free(struct hv_vcpu *vcpu)
{
    memory_free(vcpu->fpu_area, FPU_AREA_SIZE);
    memory_free(vcpu, sizeof(*vcpu));
}

static struct hv_vcpu *vcpu_record_take(void)
{
    struct hv_vcpu *vcpu = memory_take(sizeof(*vcpu));
    if (vcpu == NULL) {
        return NULL;
    }
    vcpu->fpu_area = memory_take(FPU_AREA_SIZE);
    if (vcpu->fpu_area == NULL) {
        vcpu_record_free(vcpu);
        return NULL;
    }
    return vcpu;
}

static void domain_record_free(struct hv_domain *domain)
{
    evtchn_table_free(&domain->evtchns);
    memory_free(domain, sizeof(*domain));
}

static struct hv_domain *domain_record_take(void)
{
    struct hv_domain *domain = memory_take(sizeof(*domain));
    if (domain != NULL && !evtchn_table_create(&domain->evtchns)) {
        domain_record_free(domain);
        return NULL;
    }
    return domain;
}

/* ---- making one ---------------------------------------------------------------------------- */

/* Numbers go round, so that one is used again as late as possible. */
static uint16_t choose_id(void)
{
    static unsigned int last;
    for (unsigned int i = 1; i < DOMAIN_LIMIT; i++) {
        unsigned int id = (last + i - 1) % (DOMAIN_LIMIT - 1) + 1;
        if (machine.domains[id] == NULL) {
            last = id;
            return (uint16_t)id;
        }
    }
    return DOMID_INVALID;
}

static bool create_shared_info(struct hv_domain *domain)
{
    domain->shared_mfn = frame_alloc(0, 64);
    if (mfn_equal(domain->shared_mfn, MFN_INVALID)) {
        return false;
    }
    frame_make_shared(frame_find(domain->shared_mfn), &domain->core);
    domain->shared = port_map_frame(domain->shared_mfn);
    for (unsigned int i = 0; i < ARRAY_SIZE(domain->shared->vcpu_info); i++) {
        domain->shared->vcpu_info[i].evtchn_upcall_mask = 1;
    }
    wall_clock_publish(domain);
    return true;
}

static void set_rights(struct hv_domain *domain, const struct domain_config *config)
{
    domain->core.is_control = config->is_first;
    domain->core.has_io = config->is_first;
    domain->io_ports = config->is_first;
    if (config->is_first) {
        domain->core.assists = UINT64_C(1) << VMASST_TYPE_writable_pagetables;
    } else {
        domain->core.page_limit = 0;
    }
}

static enum status create_grant_table(struct domain *domain, const struct domain_config *config)
{
    int entries = config->grant_frames;
    int handles = config->maptrack_frames;
    return grant_table_create(domain, entries < 0 ? GRANT_FRAMES_DEFAULT : (unsigned int)entries,
                              handles < 0 ? MAPTRACK_FRAMES_DEFAULT : (unsigned int)handles);
}

/* What there is of a domain that nobody else has seen. */
static void discard(struct hv_domain *domain)
{
    domain_begin_teardown(&domain->core);
    grant_release_table(&domain->core);
    grant_table_free(&domain->core);
    machine.domains[domain->core.id] = NULL;
    domain_record_free(domain);
}

static int refuse_memory(const char *what)
{
    return refuse(-XEN_ENOMEM, "%s needs memory, of which %lu frames are free", what,
                  machine.free_count);
}

int hv_domain_create(const struct domain_config *config, struct hv_domain **created)
{
    if (config->vcpus == 0 || config->vcpus > DOMAIN_VCPU_LIMIT) {
        return refuse(-XEN_EINVAL, "%u vCPUs: a domain has 1 to %u", config->vcpus,
                      DOMAIN_VCPU_LIMIT);
    }
    uint16_t id = config->id == DOMID_INVALID ? choose_id() : config->id;
    if (id >= DOMAIN_LIMIT) {
        return config->id == DOMID_INVALID
                   ? refuse(-XEN_ENOSPC, "there are all %u domains that there can be", DOMAIN_LIMIT)
                   : refuse(-XEN_EINVAL, "d%u: numbers are below %u", id, DOMAIN_LIMIT);
    }
    if (machine.domains[id] != NULL) {
        return refuse(-XEN_EEXIST, "there is a d%u already", id);
    }
    struct hv_domain *domain = domain_record_take();
    if (domain == NULL) {
        return refuse_memory("the domain's record");
    }
    domain_init(&domain->core, id);
    set_rights(domain, config);
    domain->vcpu_limit = config->vcpus;
    domain->evtchns.port_limit = config->port_limit != 0 ? config->port_limit : EVTCHN_LIMIT;
    domain->weight = WEIGHT_DEFAULT;
    domain->pause_count = 1;
    memcpy(domain->handle, config->handle, sizeof(domain->handle));
    enum status status = create_grant_table(&domain->core, config);
    if (status != STATUS_OK || !create_shared_info(domain)) {
        discard(domain);
        return status == STATUS_OK || status == STATUS_NO_MEMORY
                   ? refuse_memory("the domain's grant table and shared_info")
                   : refuse(status_to_errno(status), "%d grant frames, %d maptrack frames: %s",
                            config->grant_frames, config->maptrack_frames, status_text(status));
    }
    *created = domain;
    return 0;
}

static int add_vcpu(struct hv_domain *domain, unsigned int id)
{
    struct hv_vcpu *vcpu = vcpu_record_take();
    if (vcpu == NULL) {
        return refuse_memory("a vCPU's record");
    }
    if (!sched_add_vcpu(vcpu, domain->weight)) {
        vcpu_record_free(vcpu);
        return refuse(-XEN_ENOMEM, "the scheduler has all vCPUs that it takes");
    }
    if (!hv_vcpu_init(vcpu, domain, id)) {
        domain->core.vcpus[id] = NULL;
        domain->core.vcpu_count--;
        sched_remove_vcpu(vcpu);
        vcpu_record_free(vcpu);
        return refuse_memory("a vCPU's state");
    }
    return 0;
}

int hv_domain_add_vcpus(struct hv_domain *domain, unsigned int count)
{
    if (domain->core.is_dying) {
        return refuse_dying(domain);
    }
    if (count > domain->vcpu_limit) {
        return refuse(-XEN_EINVAL, "%u vCPUs: it may have %u", count, domain->vcpu_limit);
    }
    for (unsigned int id = 0; id < count; id++) {
        int result = domain->core.vcpus[id] == NULL ? add_vcpu(domain, id) : 0;
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* ---- running and stopping ------------------------------------------------------------------ */

int hv_domain_pause(struct hv_domain *domain)
{
    if (domain->pause_count >= PAUSE_LIMIT) {
        return refuse(-XEN_EOVERFLOW, "it was paused %u times, and not unpaused",
                      domain->pause_count);
    }
    domain->pause_count++;
    sched_update_domain(domain);
    return 0;
}

/* Who builds a domain may have cleared its shared_info: then the times there are written again. */
static void start(struct hv_domain *domain)
{
    domain->was_started = true;
    wall_clock_publish(domain);
    for (unsigned int id = 0; id < domain->vcpu_limit; id++) {
        struct hv_vcpu *vcpu = hv_domain_vcpu(domain, id);
        if (vcpu != NULL) {
            vcpu_update_time(vcpu);
        }
    }
}

int hv_domain_unpause(struct hv_domain *domain)
{
    if (domain->pause_count == 0) {
        return refuse(-XEN_EINVAL, "it is not paused");
    }
    domain->pause_count--;
    if (domain->pause_count == 0 && !domain->was_started) {
        start(domain);
    }
    sched_update_domain(domain);
    return 0;
}

/* Who controls the others wants to know that one of them has stopped, or is gone. */
static void tell_first_domain(void)
{
    struct hv_domain *first = hv_domain_find(FIRST_DOMAIN);
    if (first != NULL) {
        evtchn_raise_global_virq(first, VIRQ_DOM_EXC);
    }
}

void hv_domain_shut_down(struct hv_domain *domain, unsigned int code)
{
    if (domain->is_shut_down) {
        return;
    }
    domain->is_shut_down = true;
    domain->shutdown_code = code;
    sched_update_domain(domain);
    tell_first_domain();
}

int hv_domain_resume(struct hv_domain *domain)
{
    if (domain->core.is_dying) {
        return refuse_dying(domain);
    }
    domain->is_shut_down = false;
    domain->shutdown_code = 0;
    sched_update_domain(domain);
    return 0;
}

/* ---- the end ------------------------------------------------------------------------------- */

/* Events and clocks of domains that are going or gone: their own pages will be somebody else's
 * before their records are freed. */
static struct shared_info nobodys_shared_info;

static void forget_shared_pages(struct hv_domain *domain)
{
    domain->shared = &nobodys_shared_info;
    for (unsigned int id = 0; id < domain->vcpu_limit; id++) {
        struct hv_vcpu *vcpu = hv_domain_vcpu(domain, id);
        if (vcpu != NULL) {
            vcpu->info = &nobodys_shared_info.vcpu_info[id];
        }
    }
}

static bool destroy(struct hv_domain *domain, struct vcpu *caller)
{
    CHECK(caller->domain != &domain->core);
    if (!domain->core.is_dying) {
        domain_begin_teardown(&domain->core);
        sched_update_domain(domain);
        guest_console_detach(domain);
    }
    if (domain->core.is_torn_down) {
        return true;
    }
    if (!evtchn_close_all(domain)) {
        return false;
    }
    forget_shared_pages(domain);
    if (!domain_tear_down(&domain->core, caller)) {
        return false;
    }
    domain->is_shut_down = true;
    domain_end_teardown(&domain->core, domain->shared_mfn);
    tell_first_domain();
    return true;
}

bool hv_domain_destroy(struct hv_domain *domain, struct hv_vcpu *caller)
{
    return destroy(domain, &caller->core);
}

void hv_domain_discard(struct hv_domain *domain)
{
    static struct vcpu lender = {.domain = &domain_xen}; /* its walk is all that is asked of it */
    CHECK(current_vcpu() == NULL);
    while (!destroy(domain, &lender)) {
        /* nobody waits yet */
    }
    hv_domains_reap();
}

static void free_domain(struct hv_domain *domain)
{
    machine.domains[domain->core.id] = NULL;
    for (unsigned int id = 0; id < domain->vcpu_limit; id++) {
        if (domain->core.vcpus[id] != NULL) {
            struct hv_vcpu *vcpu = hv_vcpu_of(domain->core.vcpus[id]);
            sched_remove_vcpu(vcpu);
            vcpu_record_free(vcpu);
        }
    }
    grant_table_free(&domain->core);
    domain_record_free(domain);
}

void hv_domains_reap(void)
{
    for (unsigned int id = 0; id < DOMAIN_LIMIT; id++) {
        struct hv_domain *domain = hv_domain_find((uint16_t)id);
        if (domain != NULL && domain_is_empty(&domain->core)) {
            free_domain(domain);
            tell_first_domain();
        }
    }
}

void port_domain_empty(struct domain *domain)
{
    (void)domain;
    cpu_work_raise(CPU_WORK_REAP);
}
