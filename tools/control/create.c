/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/create.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder/build.h"
#include "tools/build_reason.h"
#include "tools/control/build_target.h"
#include "tools/control/domain.h"
#include "tools/control/find.h"
#include "tools/control/life.h"
#include "tools/control/machine.h"
#include "tools/control/memory.h"
#include "tools/control/uuid.h"
#include "tools/file.h"
#include "tools/kernel_file.h"
#include "tools/report.h"

/* One domain on its way. */
struct creation {
    struct control *control;
    struct xs_handle *store; /* NULL: without */
    const struct config *config;
    const char *source;
    uint32_t domain;
    struct store_rings rings;
    uint64_t shared_info_mfn;
};

/* ---- what it is made from ---- */

struct inputs {
    struct kernel_file kernel;
    struct file_contents ramdisk;
};

static bool inputs_read(struct inputs *inputs, const struct config *config)
{
    *inputs = (struct inputs){0};
    if (kernel_file_read(config->kernel, &inputs->kernel) != OUTCOME_SUCCESS) {
        return false;
    }
    if (config->ramdisk[0] != '\0' && !file_read("ramdisk", config->ramdisk, &inputs->ramdisk)) {
        kernel_file_free(&inputs->kernel);
        return false;
    }
    return true;
}

static void inputs_free(struct inputs *inputs)
{
    kernel_file_free(&inputs->kernel);
    free(inputs->ramdisk.bytes);
}

/* ---- the steps; each reports why it could not be done ---- */

static bool report_call(const struct creation *creation, const char *what, int result)
{
    if (result < 0) {
        report("%s: %s: %s", creation->config->name, what, strerror(-result));
    }
    return result >= 0;
}

static bool report_store(const struct creation *creation, bool done)
{
    if (!done) {
        report("%s: xenstored does not take its entries: %s", creation->config->name,
               strerror(errno));
    }
    return done;
}

/* Write to one frame of the domain's. */
static void *map_frame(struct creation *creation, xen_pfn_t mfn)
{
    return control_map(creation->control, creation->domain, PROT_READ | PROT_WRITE, &mfn, 1);
}

/* Nothing is delivered to a vCPU until its kernel asks for it. */
static bool mask_events(struct creation *creation)
{
    struct xen_domctl_getdomaininfo info;
    int result = domain_get_info(creation->control, creation->domain, &info);
    if (result < 0) {
        return report_call(creation, "cannot be looked at", result);
    }
    creation->shared_info_mfn = info.shared_info_frame;
    struct shared_info *shared = map_frame(creation, info.shared_info_frame);
    if (shared == NULL) {
        return report_call(creation, "its shared_info cannot be mapped", -errno);
    }
    for (size_t i = 0; i < ARRAY_SIZE(shared->vcpu_info); i++) {
        shared->vcpu_info[i].evtchn_upcall_mask = 1;
    }
    control_unmap(creation->control, shared, 1);
    return true;
}

/* A port of the domain's, to which the first domain may bind one of its own. */
static bool alloc_port(struct creation *creation, uint32_t *port)
{
    struct evtchn_alloc_unbound request = {.dom = (domid_t)creation->domain, .remote_dom = 0};
    int result = control_call(creation->control, __HYPERVISOR_event_channel_op,
                              EVTCHNOP_alloc_unbound, &request, sizeof(request), 0);
    *port = request.port;
    return report_call(creation, "it gets no event channel", result);
}

/* Without a store there is no port for one either: Linux then does not wait for an answer. */
static bool set_up(struct creation *creation)
{
    const struct config *config = creation->config;
    struct control *control = creation->control;
    uint32_t domain = creation->domain;
    return report_call(creation, "memory limit",
                       domain_set_memory_limit(control, domain, config->memory_limit_mib << 10)) &&
           (config->weight == 0 ||
            report_call(creation, "cpu_weight",
                        domain_set_weight(control, domain, config->weight))) &&
           report_call(creation, "memory map",
                       memory_set_map(control, domain, config->memory_limit_mib << 20)) &&
           (creation->store == NULL || alloc_port(creation, &creation->rings.store_port)) &&
           alloc_port(creation, &creation->rings.console_port) && mask_events(creation);
}

static bool build(struct creation *creation, const struct inputs *inputs)
{
    struct build_target target;
    const struct build_request request = {
        .kernel = inputs->kernel.kernel.elf,
        .kernel_size = inputs->kernel.kernel.elf_size,
        .initrd = inputs->ramdisk.bytes,
        .initrd_size = inputs->ramdisk.size,
        .command_line = creation->config->command_line,
        .page_count = creation->config->memory_mib << (20 - PAGE_SHIFT),
        .shared_info_address = creation->shared_info_mfn << PAGE_SHIFT,
        .has_rings = true,
        .store_port = creation->rings.store_port,
        .console_port = creation->rings.console_port,
    };
    if (!build_target_init(&target, creation->control, creation->domain, request.page_count)) {
        return report_call(creation, "cannot be built", -ENOMEM);
    }
    struct build_result result;
    enum build_status status = build_domain(&target, &request, &result);
    if (status != BUILD_OK) {
        struct reason reason;
        build_reason_set(&reason, status, &result.detail);
        report("%s: %s%s%s", creation->config->name, reason.text, target.error != 0 ? ": " : "",
               target.error != 0 ? strerror(-target.error) : "");
    }
    creation->rings.store_mfn = result.store.value;
    creation->rings.console_mfn = result.console.value;
    build_target_free(&target);
    return status == BUILD_OK;
}

/* The MFN of the domain's first grant-table frame, which is made if need be. */
static int set_up_grant_table(struct creation *creation, xen_pfn_t *mfn)
{
    xen_pfn_t *list = control_buffer(creation->control, sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    struct gnttab_setup_table request = {.dom = (domid_t)creation->domain, .nr_frames = 1};
    set_xen_guest_handle_raw(request.frame_list, list);
    int result = control_call(creation->control, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table,
                              &request, sizeof(request), 1);
    *mfn = *list;
    control_buffer_free(creation->control, list);
    return result == 0 && request.status != GNTST_okay ? -EINVAL : result;
}

/* Grant the rings to the daemons of the first domain, which map them by these two references. */
static bool grant_rings(struct creation *creation)
{
    xen_pfn_t mfn;
    int result = set_up_grant_table(creation, &mfn);
    if (result < 0) {
        return report_call(creation, "it gets no grant table", result);
    }
    struct grant_entry_v1 *entries = map_frame(creation, mfn);
    if (entries == NULL) {
        return report_call(creation, "its grant table cannot be mapped", -errno);
    }
    entries[GNTTAB_RESERVED_CONSOLE] = (struct grant_entry_v1){
        .flags = GTF_permit_access,
        .frame = (uint32_t)creation->rings.console_mfn,
    };
    entries[GNTTAB_RESERVED_XENSTORE] = (struct grant_entry_v1){
        .flags = GTF_permit_access,
        .frame = (uint32_t)creation->rings.store_mfn,
    };
    control_unmap(creation->control, entries, 1);
    return true;
}

/* ---- the whole ---- */

/* A name in use would make the domain's commands mean another. */
static bool name_is_free(const struct creation *creation)
{
    uint32_t other;
    if (creation->store == NULL ||
        !find_name(creation->control, creation->store, creation->config->name, &other)) {
        return true;
    }
    report("%s: the name %s is that of domain %u already", creation->source, creation->config->name,
           other);
    return false;
}

/* Before anything is taken of what there is, and in the unit that was asked for. */
static bool memory_is_free(const struct creation *creation)
{
    struct xen_sysctl_physinfo info;
    int result = machine_get_physinfo(creation->control, &info);
    if (result < 0) {
        return report_call(creation, "the hypervisor does not say how much memory is free", result);
    }
    uint64_t free_mib = info.free_pages >> (20 - PAGE_SHIFT);
    if (creation->config->memory_mib <= free_mib) {
        return true;
    }
    report("%s: memory is to be %" PRIu64 " MiB, but only %" PRIu64 " MiB are free",
           creation->config->name, creation->config->memory_mib, free_mib);
    return false;
}

static void undo(struct creation *creation)
{
    (void)report_call(creation, "what was made of it cannot be destroyed",
                      life_destroy(creation->control, creation->store, creation->domain));
}

/* Make it and give it its name at once, so that it can be found whatever becomes of us. */
static bool begin(struct creation *creation)
{
    uint8_t uuid[16];
    memcpy(uuid, creation->config->uuid, sizeof(uuid));
    if (!creation->config->has_uuid && !uuid_make(uuid)) {
        return report_call(creation, "no random numbers for its uuid", -errno);
    }
    int result =
        domain_create(creation->control, uuid, creation->config->vcpu_limit, &creation->domain);
    if (result == -EINVAL) {
        report("%s: vcpus: the hypervisor makes no domain that may have %u", creation->config->name,
               creation->config->vcpu_limit);
        return false;
    }
    if (result < 0) {
        return report_call(creation, "the hypervisor makes no domain", result);
    }
    if (creation->store != NULL &&
        !store_add_domain(creation->store, creation->domain, creation->config->name, uuid)) {
        (void)report_store(creation, false);
        undo(creation);
        return false;
    }
    return true;
}

/* Two that begin at the same time would both find their name free. Nothing in here takes long, as
 * reading a kernel does. */
static bool begin_alone(struct creation *creation)
{
    int lock = control_lock();
    if (lock < 0) {
        return report_call(creation, "other tools cannot be made to wait", lock);
    }
    bool done = name_is_free(creation) && begin(creation);
    close(lock);
    return done;
}

static bool finish(struct creation *creation, const struct inputs *inputs)
{
    if (!set_up(creation) || !build(creation, inputs) || !grant_rings(creation)) {
        return false;
    }
    return creation->store == NULL ||
           report_store(creation, store_introduce_domain(creation->store, creation->domain,
                                                         creation->config, &creation->rings));
}

bool create_domain(struct control *control, struct xs_handle *store, const char *source,
                   const struct config *config, uint32_t *domain)
{
    struct creation creation = {
        .control = control, .store = store, .config = config, .source = source};
    struct inputs inputs;
    if (!inputs_read(&inputs, config)) {
        return false;
    }
    bool done = memory_is_free(&creation) && begin_alone(&creation);
    if (done && !finish(&creation, &inputs)) {
        undo(&creation);
        done = false;
    }
    inputs_free(&inputs);
    *domain = creation.domain;
    return done;
}
