/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domctl: which CPUs and nodes are to be used. There is one of each, so every set that has it is
 * the same, and one without it cannot be had. Bitmaps are in guest memory, bytes with the lowest
 * first.
 */
#include "hv/control/control.h"

#include "hv/guest_memory.h"
#include "hv/refuse.h"

#define AFFINITY_KINDS (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)

#define BITMAP_LIMIT 1024U /* bytes: of many more CPUs than there are */

static int read_first(const struct xenctl_bitmap *bitmap, bool *has_first)
{
    uint8_t byte = 0;
    if (bitmap->nr_bits > 0 && !guest_copy_in(&byte, HANDLE_ADDRESS(bitmap->bitmap), 1)) {
        return refuse_unreadable(HANDLE_ADDRESS(bitmap->bitmap), 1);
    }
    *has_first = (byte & 1) != 0;
    return 0;
}

int bitmap_write_first(const struct xenctl_bitmap *bitmap)
{
    static const uint8_t set[BITMAP_LIMIT] = {1};
    uint64_t address = HANDLE_ADDRESS(bitmap->bitmap);
    uint64_t bytes = ((uint64_t)bitmap->nr_bits + 7) / 8;
    if (bytes > sizeof(set)) {
        return refuse(-XEN_EINVAL, "a bitmap of %u bits: at most %zu are written", bitmap->nr_bits,
                      sizeof(set) * 8);
    }
    return guest_copy_out(address, set, bytes) ? 0 : refuse_unwritable(address, bytes);
}

/* A set that is to hold must have the one member there is; what then holds is answered. */
static int choose(const struct xenctl_bitmap *bitmap, bool answer)
{
    bool has_first = false;
    int result = read_first(bitmap, &has_first);
    if (result != 0) {
        return result;
    }
    if (!has_first) {
        return refuse(-XEN_EINVAL, "the set lacks the one member there is, 0");
    }
    return answer ? bitmap_write_first(bitmap) : 0;
}

/* The vCPU that an affinity command names. */
static int check_vcpu(const struct domctl *call)
{
    const struct xen_domctl_vcpuaffinity *affinity = &call->op.u.vcpuaffinity;
    if ((affinity->flags & AFFINITY_KINDS) == 0 ||
        (affinity->flags & ~(AFFINITY_KINDS | XEN_VCPUAFFINITY_FORCE)) != 0) {
        return refuse(-XEN_EINVAL, "flags 0x%x: hard (1), soft (2) or both, and force (4)",
                      affinity->flags);
    }
    if (hv_domain_vcpu(call->domain, affinity->vcpu) == NULL) {
        (void)refuse_vcpu(call->domain, affinity->vcpu);
        return affinity->vcpu < call->domain->vcpu_limit ? -XEN_ESRCH : -XEN_EINVAL;
    }
    return 0;
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
    if (result == 0 && (affinity->flags & XEN_VCPUAFFINITY_HARD) != 0) {
        result = bitmap_write_first(&affinity->cpumap_hard);
    }
    if (result == 0 && (affinity->flags & XEN_VCPUAFFINITY_SOFT) != 0) {
        result = bitmap_write_first(&affinity->cpumap_soft);
    }
    return call_done(result);
}

struct call_result domctl_setnodeaffinity(struct domctl *call)
{
    return call_done(choose(&call->op.u.nodeaffinity.nodemap, false));
}

struct call_result domctl_getnodeaffinity(struct domctl *call)
{
    return call_done(bitmap_write_first(&call->op.u.nodeaffinity.nodemap));
}
