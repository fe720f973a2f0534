/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/report.h"

#define DEVICE "/dev/xen/privcmd"

/* The libraries' own words for a device that is missing do not say what it means. */
static void report_device(void)
{
    if (errno == ENOENT) {
        report("%s is not there: this command works in the first domain of a hypervisor, with the "
               "kernel's module xen-privcmd",
               DEVICE);
    } else {
        report("%s: %s", DEVICE, strerror(errno));
    }
}

bool control_open(struct control *control)
{
    *control = (struct control){0};
    if (access(DEVICE, R_OK | W_OK) != 0) {
        report_device();
        return false;
    }
    control->calls = xencall_open(NULL, 0);
    control->foreign = xenforeignmemory_open(NULL, 0);
    if (control->calls == NULL || control->foreign == NULL) {
        report_device();
        control_close(control);
        return false;
    }
    return true;
}

void control_close(struct control *control)
{
    if (control->foreign != NULL) {
        xenforeignmemory_close(control->foreign);
    }
    if (control->calls != NULL) {
        xencall_close(control->calls);
    }
    *control = (struct control){0};
}

void *control_buffer(struct control *control, size_t size)
{
    return xencall_alloc_buffer(control->calls, size);
}

void control_buffer_free(struct control *control, void *buffer)
{
    xencall_free_buffer(control->calls, buffer);
}

/* A hypercall whose argument `index` points to a copy of the record. */
static int call_with_record(struct control *control, unsigned int number,
                            const uint64_t argument[3], unsigned int index, void *record,
                            size_t size)
{
    void *buffer = control_buffer(control, size);
    if (buffer == NULL) {
        return -ENOMEM;
    }
    memcpy(buffer, record, size);
    uint64_t passed[3] = {argument[0], argument[1], argument[2]};
    passed[index] = (uint64_t)(uintptr_t)buffer;
    int result = xencall3(control->calls, number, passed[0], passed[1], passed[2]);
    if (result < 0) {
        result = -errno;
    }
    memcpy(record, buffer, size);
    control_buffer_free(control, buffer);
    return result;
}

int control_domctl(struct control *control, struct xen_domctl *request)
{
    static const uint64_t none[3];
    request->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return call_with_record(control, __HYPERVISOR_domctl, none, 0, request, sizeof(*request));
}

int control_sysctl(struct control *control, struct xen_sysctl *request)
{
    static const uint64_t none[3];
    request->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return call_with_record(control, __HYPERVISOR_sysctl, none, 0, request, sizeof(*request));
}

int control_call(struct control *control, unsigned int number, unsigned int command, void *record,
                 size_t size, uint64_t third)
{
    const uint64_t argument[3] = {command, 0, third};
    return call_with_record(control, number, argument, 1, record, size);
}

void *control_map(struct control *control, uint32_t domain, int protection, const xen_pfn_t *mfns,
                  size_t count)
{
    /* With no array for errors, one frame that is refused fails the call. */
    return xenforeignmemory_map(control->foreign, domain, protection, count, mfns, NULL);
}

void control_unmap(struct control *control, void *pages, size_t count)
{
    (void)xenforeignmemory_unmap(control->foreign, pages, count); /* fails for bad arguments only */
}
