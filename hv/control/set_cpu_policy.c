/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl set_cpu_policy: what a domain is shown of CPUID, chosen before it runs. */
#include "hv/control/control.h"

#include "hv/control/cpu_policy.h"

#include "hv/cpu/feature_words.h"
#include "hv/emul/cpuid.h"
#include "hv/guest_memory.h"
#include "hv/refuse.h"

/* Which word of features is at this place of the answer, or FEATURE_WORDS for none. */
static unsigned int word_at(struct cpuid_result *answer, const uint32_t *place, uint32_t leaf,
                            uint32_t subleaf)
{
    unsigned int word = 0;
    while (word < FEATURE_WORDS && feature_word_in(answer, word, leaf, subleaf) != place) {
        word++;
    }
    return word;
}

/* Features can be hidden; all else must be what every domain is shown. */
static bool register_fits(unsigned int word, uint32_t shown, uint32_t wanted,
                          uint32_t hidden[FEATURE_WORDS])
{
    if (word == FEATURE_WORDS) {
        return shown == wanted;
    }
    hidden[word] = shown & ~wanted;
    return (wanted & ~shown) == 0;
}

static bool leaf_fits(const xen_cpuid_leaf_t *leaf, uint32_t hidden[FEATURE_WORDS])
{
    uint32_t subleaf = leaf->subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : leaf->subleaf;
    struct cpuid_result shown = cpuid_shown(leaf->leaf, subleaf);
    if (leaf_is_hypervisors(leaf->leaf)) {
        return leaf->a == hypervisor_leaves(&shown);
    }
    const struct {
        const uint32_t *place;
        uint32_t wanted;
    } registers[] = {
        {&shown.eax, leaf->a}, {&shown.ebx, leaf->b}, {&shown.ecx, leaf->c}, {&shown.edx, leaf->d}};
    for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
        unsigned int word = word_at(&shown, registers[i].place, leaf->leaf, subleaf);
        if (!register_fits(word, *registers[i].place, registers[i].wanted, hidden)) {
            return false;
        }
    }
    return true;
}

static int refuse_leaf(struct domctl *call, const xen_cpuid_leaf_t *leaf)
{
    struct xen_domctl_cpu_policy *policy = &call->op.u.cpu_policy;
    policy->err_leaf = leaf->leaf;
    policy->err_subleaf = leaf->subleaf;
    return guest_copy_out(call->address, &call->op, sizeof(call->op))
               ? refuse(-XEN_EINVAL,
                        "CPUID leaf 0x%x, subleaf 0x%x is not what it will be, less some features",
                        leaf->leaf, leaf->subleaf)
               : refuse_unwritable(call->address, sizeof(call->op));
}

static int check_leaves(struct domctl *call, uint32_t hidden[FEATURE_WORDS])
{
    const struct xen_domctl_cpu_policy *policy = &call->op.u.cpu_policy;
    for (uint32_t i = 0; i < policy->nr_leaves; i++) {
        xen_cpuid_leaf_t leaf;
        uint64_t address = HANDLE_ADDRESS(policy->leaves) + i * sizeof(leaf);
        if (!guest_copy_in(&leaf, address, sizeof(leaf))) {
            return refuse_unreadable(address, sizeof(leaf));
        }
        if (!leaf_fits(&leaf, hidden)) {
            return refuse_leaf(call, &leaf);
        }
    }
    return 0;
}

/* The leaves that are not mentioned stay as they are. */
struct call_result domctl_set_cpu_policy(struct domctl *call)
{
    struct xen_domctl_cpu_policy *policy = &call->op.u.cpu_policy;
    if (call->domain == hv_vcpu_domain(call->caller)) {
        return call_done(refuse_own());
    }
    if (call->domain->was_started) {
        return call_done(refuse(-XEN_EEXIST, "it runs already, with another CPU policy"));
    }
    if (policy->nr_leaves > LEAVES_LIMIT) {
        return call_done(
            refuse(-XEN_E2BIG, "%u leaves: at most %u", policy->nr_leaves, LEAVES_LIMIT));
    }
    if (policy->nr_msrs > 0) {
        return call_done(refuse(-XEN_EINVAL, "no MSR is a matter of CPU policy"));
    }
    policy->err_leaf = policy->err_subleaf = policy->err_msr = UINT32_MAX;
    uint32_t hidden[FEATURE_WORDS];
    memcpy(hidden, call->domain->hidden_features, sizeof(hidden));
    int result = check_leaves(call, hidden);
    if (result == 0) {
        memcpy(call->domain->hidden_features, hidden, sizeof(hidden));
    }
    return call_done(result);
}
