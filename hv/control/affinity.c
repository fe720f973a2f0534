/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domctl: which CPUs and nodes are to be used. There is one of each, so every set that has it is
 * the same, and one without it cannot be had. Bitmaps are in guest memory, bytes with the lowest
 * first.
 */
#include "hv/control/control.h"

#include "hv/guest_memory.h"

#define AFFINITY_KINDS (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)

static int read_first(const struct xenctl_bitmap *bitmap, bool *has_first)
{
    uint8_t byte = 0;
    if (bitmap->nr_bits > 0 && !guest_copy_in(&byte, HANDLE_ADDRESS(bitmap->bitmap), 1)) {
        return -XEN_EFAULT;
    }
    *has_first = (byte & 1) != 0;
    return 0;
}

bool bitmap_write_first(const struct xenctl_bitmap *bitmap)
{
    uint64_t address = HANDLE_ADDRESS(bitmap->bitmap);
    uint64_t bytes = ((uint64_t)bitmap->nr_bits + 7) / 8;
    for (uint64_t i = 0; i < min_u64(bytes, CPU_LIMIT); i++) {
        uint8_t byte = i == 0 ? 1 : 0;
        if (!guest_copy_out(address + i, &byte, 1)) {
            return false;
        }
    }
    return true;
}

/* A set that is to hold must have the one member there is; what then holds is answered. */
static int choose(const struct xenctl_bitmap *bitmap, bool answer)
{
    bool has_first;
    int result = read_first(bitmap, &has_first);
    if (result != 0) {
        return result;
    }
    if (!has_first) {
        return -XEN_EINVAL;
    }
    return !answer || bitmap_write_first(bitmap) ? 0 : -XEN_EFAULT;
}

/* The vCPU that an affinity command names. */
static int check_vcpu(const struct domctl *call)
{
    const struct xen_domctl_vcpuaffinity *affinity = &call->op.u.vcpuaffinity;
    if (affinity->vcpu >= call->domain->vcpu_limit || (affinity->flags & AFFINITY_KINDS) == 0 ||
        (affinity->flags & ~(AFFINITY_KINDS | XEN_VCPUAFFINITY_FORCE)) != 0) {
        return -XEN_EINVAL;
    }
    return hv_domain_vcpu(call->domain, affinity->vcpu) != NULL ? 0 : -XEN_ESRCH;
}

struct call_result domctl_setvcpuaffinity(struct domctl *call)
{
    const struct xen_domctl_vcpuaffinity *affinity = &call->op.u.vcpuaffinity;
    int result = check_vcpu(call);
    if (result == 0 && (affinity->flags & XEN_VCPUAFFINITY_HARD) != 0) {
        result = choose(&affinity->cpumap_hard, true);
    }
    if (result == 0 && (affinity->flags & XEN_VCPUAFFINITY_SOFT) != 0) {
        result = choose(&affinity->cpumap_soft, true);
    }
    return call_done(result);
}

struct call_result domctl_getvcpuaffinity(struct domctl *call)
{
    const struct xen_domctl_vcpuaffinity *affinity = &call->op.u.vcpuaffinity;
    int result = check_vcpu(call);
    if (result == 0 && (affinity->flags & XEN_VCPUAFFINITY_HARD) != 0 &&
        !bitmap_write_first(&affinity->cpumap_hard)) {
        result = -XEN_EFAULT;
    }
    if (result == 0 && (affinity->flags & XEN_VCPUAFFINITY_SOFT) != 0 &&
        !bitmap_write_first(&affinity->cpumap_soft)) {
        result = -XEN_EFAULT;
    }
    return call_done(result);
}

struct call_result domctl_setnodeaffinity(struct domctl *call)
{
    return call_done(choose(&call->op.u.nodeaffinity.nodemap, false));
}

struct call_result domctl_getnodeaffinity(struct domctl *call)
{
    return call_done(bitmap_write_first(&call->op.u.nodeaffinity.nodemap) ? 0 : -XEN_EFAULT);
}
