/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/console.h"
#include "hv/hypercall/hypercall.h"

#include <inttypes.h>

#define NAME_AND_RULE(error, rule)                                                                 \
    {                                                                                              \
        XEN_##error, #error, rule                                                                  \
    }

/* What the ABI's errors mean, whichever call gives them. */
static const struct {
    int error;
    const char *name;
    const char *rule;
} errors[] = {
    NAME_AND_RULE(EPERM, "the domain has no right to it"),
    NAME_AND_RULE(ENOENT, "there is no such vCPU or pool"),
    NAME_AND_RULE(ESRCH, "there is no such domain or device"),
    NAME_AND_RULE(ENXIO, "the place is not aligned, or goes over the page's end"),
    NAME_AND_RULE(E2BIG, "it is more than one call takes"),
    NAME_AND_RULE(ENOMEM, "there is no memory for it"),
    NAME_AND_RULE(EACCES, "it is for another interface version, or not that kind of memory"),
    NAME_AND_RULE(EFAULT, "an address is not the guest's, or nothing is mapped there as needed"),
    NAME_AND_RULE(EBUSY, "what it is about is in use"),
    NAME_AND_RULE(EEXIST, "what it is to make is there already"),
    NAME_AND_RULE(ENODEV, "there is no such register"),
    NAME_AND_RULE(EINVAL, "an argument is not one that the call takes, or not now"),
    NAME_AND_RULE(ENOSPC, "all that there are, or that the domain may have, are taken"),
    NAME_AND_RULE(EOVERFLOW, "a count would be too high"),
    NAME_AND_RULE(ENODATA, "there is nothing to tell"),
    NAME_AND_RULE(ENOBUFS, "there is too little room for the answer"),
    NAME_AND_RULE(EOPNOTSUPP, "it is not supported"),
};

/* Kernels ask in loops, for each of 8192 vCPUs for instance. */
static bool is_same_again(struct hv_domain *domain, const char *name, uint64_t first, int error)
{
    struct told_refusal told = {.call = name, .first_argument = first, .error = error};
    bool same = domain->told.call == told.call && domain->told.error == told.error &&
                domain->told.first_argument == told.first_argument;
    domain->told = told;
    return same;
}

void hypercall_explain(const struct hv_vcpu *vcpu, const char *name, const uint64_t arg[],
                       int error)
{
    /* What is not implemented was told where that was found. */
    if (error == XEN_ENOSYS || is_same_again(hv_vcpu_domain(vcpu), name, arg[0], error)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        if (errors[i].error == error) {
            console_log_guest(vcpu->core.domain->id, vcpu->core.id, LOG_INFO,
                              "%s(0x%" PRIx64 ", 0x%" PRIx64 ") refused: %s: %s", name, arg[0],
                              arg[1], errors[i].name, errors[i].rule);
            return;
        }
    }
    console_log_guest(vcpu->core.domain->id, vcpu->core.id, LOG_INFO,
                      "%s(0x%" PRIx64 ", 0x%" PRIx64 ") refused: error %d", name, arg[0], arg[1],
                      error);
}
