/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DOMAINS_STEP 64U

/* Up to DOMAINS_STEP domains from number `first` on: how many. */
static int list_some(struct control *control, domid_t first, struct xen_domctl_getdomaininfo *infos)
{
    struct xen_domctl_getdomaininfo *buffer =
        control_buffer(control, DOMAINS_STEP * sizeof(*infos));
    if (buffer == NULL) {
        return -ENOMEM;
    }
    struct xen_sysctl request = {.cmd = XEN_SYSCTL_getdomaininfolist};
    request.u.getdomaininfolist.first_domain = first;
    request.u.getdomaininfolist.max_domains = DOMAINS_STEP;
    set_xen_guest_handle_raw(request.u.getdomaininfolist.buffer, buffer);
    int result = control_sysctl(control, &request);
    if (result == 0) {
        result = (int)request.u.getdomaininfolist.num_domains;
        memcpy(infos, buffer, (size_t)result * sizeof(*infos));
    }
    control_buffer_free(control, buffer);
    return result;
}

int machine_list_domains(struct control *control, struct xen_domctl_getdomaininfo **infos)
{
    *infos = NULL;
    size_t count = 0;
    int some;
    do {
        struct xen_domctl_getdomaininfo *more =
            reallocarray(*infos, count + DOMAINS_STEP, sizeof(*more));
        if (more == NULL) {
            some = -ENOMEM;
            break;
        }
        *infos = more;
        domid_t first = count == 0 ? 0 : (domid_t)(more[count - 1].domain + 1);
        some = list_some(control, first, &more[count]);
        count += some > 0 ? (size_t)some : 0;
    } while (some > 0);
    if (some < 0) {
        free(*infos);
        *infos = NULL;
        return some;
    }
    return (int)count;
}

int machine_get_physinfo(struct control *control, struct xen_sysctl_physinfo *info)
{
    struct xen_sysctl request = {.cmd = XEN_SYSCTL_physinfo};
    int result = control_sysctl(control, &request);
    *info = request.u.physinfo;
    return result;
}

int machine_get_scheduler(struct control *control, uint32_t *scheduler)
{
    struct xen_sysctl request = {.cmd = XEN_SYSCTL_sched_id};
    int result = control_sysctl(control, &request);
    *scheduler = request.u.sched_id.sched_id;
    return result;
}

int machine_read_console(struct control *control, uint32_t *index, char *text, size_t size)
{
    char *buffer = control_buffer(control, size);
    if (buffer == NULL) {
        return -ENOMEM;
    }
    struct xen_sysctl request = {.cmd = XEN_SYSCTL_readconsole};
    request.u.readconsole.incremental = 1;
    request.u.readconsole.index = *index;
    request.u.readconsole.count = (uint32_t)size;
    set_xen_guest_handle_raw(request.u.readconsole.buffer, buffer);
    int result = control_sysctl(control, &request);
    if (result == 0) {
        *index = request.u.readconsole.index;
        result = (int)request.u.readconsole.count;
        memcpy(text, buffer, (size_t)result);
    }
    control_buffer_free(control, buffer);
    return result;
}

int machine_press_keys(struct control *control, const char *keys)
{
    size_t count = strlen(keys);
    char *buffer = control_buffer(control, count);
    if (buffer == NULL) {
        return -ENOMEM;
    }
    memcpy(buffer, keys, count);
    struct xen_sysctl request = {.cmd = XEN_SYSCTL_debug_keys};
    request.u.debug_keys.nr_keys = (uint32_t)count;
    set_xen_guest_handle_raw(request.u.debug_keys.keys, buffer);
    int result = control_sysctl(control, &request);
    control_buffer_free(control, buffer);
    return result;
}

int machine_get_version(struct control *control, unsigned int command, void *answer, size_t size)
{
    return control_call(control, __HYPERVISOR_xen_version, command, answer, size, 0);
}
