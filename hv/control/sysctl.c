/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/control/control.h"

#include "hv/console/console.h"
#include "hv/console/readconsole.h"
#include "hv/control/cpu_policy.h"
#include "hv/control/machine_info.h"
#include "hv/debug/keys.h"
#include "hv/guest_memory.h"
#include "hv/refuse.h"

typedef int (*sysctl_fn)(struct xen_sysctl *op);

static int readconsole(struct xen_sysctl *op)
{
    return console_readconsole(&op->u.readconsole);
}

/* A command has done a part; what its record says now is the rest. */
#define MORE_TO_DO 1

static int sched_id(struct xen_sysctl *op)
{
    op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
    return 0;
}

/* From one number on, as many as there is room for. A list in pieces begins again behind its last.
 */
static int getdomaininfolist(struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *list = &op->u.getdomaininfolist;
    uint64_t to = HANDLE_ADDRESS(list->buffer);
    list->num_domains = 0;
    for (uint32_t id = list->first_domain; id < DOMAIN_LIMIT; id++) {
        const struct hv_domain *domain = hv_domain_find((uint16_t)id);
        if (domain == NULL) {
            continue;
        }
        if (list->num_domains == list->max_domains) {
            break;
        }
        struct xen_domctl_getdomaininfo info;
        domain_info_fill(domain, &info);
        uint64_t address = to + list->num_domains * sizeof(info);
        if (!guest_copy_out(address, &info, sizeof(info))) {
            return refuse_unwritable(address, sizeof(info));
        }
        list->num_domains++;
    }
    return 0;
}

/* One key at a time: what a key prints may take long. */
static int debug_keys(struct xen_sysctl *op)
{
    struct xen_sysctl_debug_keys *keys = &op->u.debug_keys;
    uint64_t from = HANDLE_ADDRESS(keys->keys);
    char key;
    if (keys->nr_keys == 0) {
        return 0;
    }
    if (!guest_copy_in(&key, from, sizeof(key))) {
        return refuse_unreadable(from, sizeof(key));
    }
    debug_key_act(key);
    set_xen_guest_handle_raw(keys->keys, (char *)(from + 1));
    keys->nr_keys--;
    return keys->nr_keys > 0 ? MORE_TO_DO : 0;
}

/* Every command answers in its record. */
static const sysctl_fn commands[] = {
    [XEN_SYSCTL_readconsole] = readconsole,
    [XEN_SYSCTL_physinfo] = sysctl_physinfo,
    [XEN_SYSCTL_sched_id] = sched_id,
    [XEN_SYSCTL_getdomaininfolist] = getdomaininfolist,
    [XEN_SYSCTL_debug_keys] = debug_keys,
    [XEN_SYSCTL_getcpuinfo] = sysctl_getcpuinfo,
    [XEN_SYSCTL_availheap] = sysctl_availheap,
    [XEN_SYSCTL_cputopoinfo] = sysctl_cputopoinfo,
    [XEN_SYSCTL_numainfo] = sysctl_numainfo,
    [XEN_SYSCTL_cpupool_op] = sysctl_cpupool_op,
    [XEN_SYSCTL_scheduler_op] = sysctl_scheduler_op,
    [XEN_SYSCTL_get_cpu_levelling_caps] = sysctl_get_cpu_levelling_caps,
    [XEN_SYSCTL_get_cpu_featureset] = sysctl_get_cpu_featureset,
    [XEN_SYSCTL_get_cpu_policy] = sysctl_get_cpu_policy,
};

/* sysctl(record) */
struct call_result hypercall_sysctl(struct hv_vcpu *vcpu, uint64_t arg[])
{
    struct xen_sysctl op;
    if (!vcpu->core.domain->is_control) {
        return call_done(refuse(-XEN_EPERM, "d%u is no control domain", vcpu->core.domain->id));
    }
    if (!guest_copy_in(&op, arg[0], sizeof(op))) {
        return call_done(refuse_unreadable(arg[0], sizeof(op)));
    }
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION) {
        return call_done(refuse(-XEN_EACCES, "interface version 0x%x: it must be 0x%x",
                                op.interface_version, XEN_SYSCTL_INTERFACE_VERSION));
    }
    sysctl_fn perform = NULL;
    if (op.cmd < ARRAY_SIZE(commands)) {
        perform = commands[index_nospec(op.cmd, ARRAY_SIZE(commands))];
    }
    if (perform == NULL) {
        return hypercall_unknown(vcpu, __HYPERVISOR_sysctl, op.cmd);
    }
    int result = perform(&op);
    if (result >= 0 && !guest_copy_out(arg[0], &op, sizeof(op))) {
        result = refuse_unwritable(arg[0], sizeof(op));
    }
    if (result == MORE_TO_DO) {
        return call_again();
    }
    return call_done(result == 0 ? 0 : refusal_name(result, "command %u", op.cmd));
}
