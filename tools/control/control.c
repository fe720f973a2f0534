/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/report.h"

#define DEVICE        "/dev/xen/privcmd"
#define BUFFER_DEVICE "/dev/xen/hypercall" /* of newer kernels: the libraries' buffers */

/* The libraries' own words for a device that they cannot have do not say what it means. */
static bool devices_are_ours(void)
{
    if (access(DEVICE, R_OK | W_OK) != 0 && errno == ENOENT) {
        report("%s is not there: this command works in the first domain of a hypervisor, with the "
               "kernel's module xen-privcmd",
               DEVICE);
        return false;
    }
    static const char *const devices[] = {DEVICE, BUFFER_DEVICE};
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        if (access(devices[i], R_OK | W_OK) != 0 && errno != ENOENT) {
            report("%s: %s", devices[i], strerror(errno));
            return false;
        }
    }
    return true;
}

bool control_open(struct control *control)
{
    *control = (struct control){0};
    if (!devices_are_ours()) {
        return false;
    }
    control->calls = xencall_open(NULL, 0);
    control->foreign = xenforeignmemory_open(NULL, 0);
    if (control->calls == NULL || control->foreign == NULL) {
        report("%s: %s", DEVICE, strerror(errno));
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

int control_lock(void)
{
    int file = open(DEVICE, O_RDWR | O_CLOEXEC);
    int result = file < 0 ? -1 : flock(file, LOCK_EX);
    while (result != 0 && file >= 0 && errno == EINTR) {
        result = flock(file, LOCK_EX);
    }
    if (result != 0) {
        int error = errno;
        if (file >= 0) {
            close(file);
        }
        return -error;
    }
    return file;
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
