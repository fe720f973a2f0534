/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/control/control.h"

#include "hv/control/cpu_policy.h"

#include "hv/cpu/feature_words.h"
#include "hv/emul/cpuid.h"
#include "hv/guest_memory.h"
#include "hv/refuse.h"

/* Who answers CPUID; `domain` is for what depends on one. */
typedef struct cpuid_result (*answer_fn)(const struct hv_domain *domain, uint32_t leaf,
                                         uint32_t subleaf);

static struct cpuid_result answer_processor(const struct hv_domain *domain, uint32_t leaf,
                                            uint32_t subleaf)
{
    static const struct cpuid_result nothing;
    (void)domain;
    if (leaf_is_hypervisors(leaf)) {
        return nothing; /* another hypervisor's, below us */
    }
    uint32_t first = leaf < CPUID_EXTENDED_FIRST ? 0 : CPUID_EXTENDED_FIRST;
    return leaf <= cpuid(first, 0).eax ? cpuid(leaf, subleaf) : nothing;
}

/* As we use it: one CPU, which has no siblings. */
static struct cpuid_result answer_host(const struct hv_domain *domain, uint32_t leaf,
                                       uint32_t subleaf)
{
    struct cpuid_result result = answer_processor(domain, leaf, subleaf);
    if (leaf == 1) {
        result.edx &= ~FEATURE_BIT(HTT);
    } else if (leaf == CPUID_EXTENDED_FIRST + 1) {
        result.ecx &= ~FEATURE_BIT(CMP_LEGACY);
    }
    return result;
}

static struct cpuid_result answer_shown(const struct hv_domain *domain, uint32_t leaf,
                                        uint32_t subleaf)
{
    (void)domain;
    return cpuid_shown(leaf, subleaf);
}

/* ---- a policy: a list of leaves -------------------------------------------------------------- */

struct policy {
    answer_fn answer;
    const struct hv_domain *domain;
    uint64_t address; /* guest memory, with room for so many leaves */
    uint32_t room;
    uint32_t count; /* those written */
    int error;      /* the first, after which nothing is written */
};

static struct cpuid_result policy_answer(const struct policy *policy, uint32_t leaf,
                                         uint32_t subleaf)
{
    return policy->answer(policy->domain, leaf, subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : subleaf);
}

static void write_leaf(struct policy *policy, uint32_t leaf, uint32_t subleaf)
{
    if (policy->error != 0) {
        return;
    }
    if (policy->count == policy->room) {
        policy->error = refuse(-XEN_ENOBUFS, "there is room for %u leaves: %u are always enough",
                               policy->room, LEAVES_LIMIT);
        return;
    }
    struct cpuid_result result = policy_answer(policy, leaf, subleaf);
    if (leaf_is_hypervisors(leaf)) {
        result = (struct cpuid_result){.eax = hypervisor_leaves(&result)};
    }
    xen_cpuid_leaf_t record = {leaf, subleaf, result.eax, result.ebx, result.ecx, result.edx};
    uint64_t address = policy->address + policy->count * sizeof(record);
    if (!guest_copy_out(address, &record, sizeof(record))) {
        policy->error = refuse_unwritable(address, sizeof(record));
        return;
    }
    policy->count++;
}

static void write_subleaves(struct policy *policy, uint32_t leaf, uint64_t count)
{
    for (uint32_t subleaf = 0; subleaf < count; subleaf++) {
        write_leaf(policy, leaf, subleaf);
    }
}

/* Parts 0 and 1 describe all; the others are there as XCR0 and IA32_XSS have bits. */
static void write_xsave_leaf(struct policy *policy)
{
    struct cpuid_result parts = policy_answer(policy, 0xd, 0);
    struct cpuid_result supervisor = policy_answer(policy, 0xd, 1);
    uint64_t present = parts.eax | supervisor.ecx | (uint64_t)(parts.edx | supervisor.edx) << 32;
    write_subleaves(policy, 0xd, 2);
    for (uint32_t part = 2; part < XSAVE_PARTS; part++) {
        if (((present >> part) & 1) != 0) {
            write_leaf(policy, 0xd, part);
        }
    }
}

static void write_basic_leaf(struct policy *policy, uint32_t leaf)
{
    switch (leaf) {
    case 4:
        write_subleaves(policy, leaf, CACHES);
        break;
    case 7:
        write_subleaves(policy, leaf, min_u64(policy_answer(policy, 7, 0).eax + 1ULL, FEATURES));
        break;
    case 0xb:
        write_subleaves(policy, leaf, LEVELS);
        break;
    case 0xd:
        write_xsave_leaf(policy);
        break;
    default:
        write_leaf(policy, leaf, XEN_CPUID_NO_SUBLEAF);
        break;
    }
}

/* Tools give a list back with as many leaves, so it has what they write: of the hypervisor's own
 * leaves the first, which says how many there are, also where those of a second one would be. */
static void write_leaves(struct policy *policy)
{
    uint64_t last = min_u64(policy_answer(policy, 0, 0).eax, CPUID_BASIC_LAST);
    for (uint32_t leaf = 0; leaf <= last; leaf++) {
        write_basic_leaf(policy, leaf);
    }
    write_leaf(policy, XEN_CPUID_FIRST_LEAF, XEN_CPUID_NO_SUBLEAF);
    write_leaf(policy, XEN_CPUID_FIRST_LEAF + CPUID_HYPERVISOR_LEAVES, XEN_CPUID_NO_SUBLEAF);
    last = min_u64(policy_answer(policy, CPUID_EXTENDED_FIRST, 0).eax, CPUID_EXTENDED_LAST);
    for (uint32_t leaf = CPUID_EXTENDED_FIRST; leaf <= last; leaf++) {
        write_leaf(policy, leaf, XEN_CPUID_NO_SUBLEAF);
    }
}

/* ---- questions ------------------------------------------------------------------------------- */

/* Who answers for the set that a question names, of `count` that the interface knows. */
static int find_answer(const char *what, const answer_fn answers[], size_t count, uint32_t index,
                       answer_fn *answer)
{
    if (index >= count) {
        return refuse(-XEN_EINVAL, "%s %u: there are 0 to %zu", what, index, count - 1);
    }
    *answer = answers[index_nospec(index, count)];
    return *answer != NULL
               ? 0
               : refuse(-XEN_EOPNOTSUPP, "%s %u: there are no HVM domains", what, index);
}

/* Without a buffer only the room that any answer needs is asked for. No MSR is a matter of policy.
 */
int sysctl_get_cpu_policy(struct xen_sysctl *op)
{
    static const answer_fn answers[] = {
        [XEN_SYSCTL_cpu_policy_raw] = answer_processor,
        [XEN_SYSCTL_cpu_policy_host] = answer_host,
        [XEN_SYSCTL_cpu_policy_pv_max] = answer_shown,
        [XEN_SYSCTL_cpu_policy_pv_default] = answer_shown,
        [XEN_SYSCTL_cpu_policy_hvm_default] = NULL,
    };
    struct xen_sysctl_cpu_policy *query = &op->u.cpu_policy;
    if (query->_rsvd != 0) {
        return refuse(-XEN_EINVAL, "CPU policy %u: reserved field 0x%x, not 0", query->index,
                      query->_rsvd);
    }
    struct policy policy = {.address = HANDLE_ADDRESS(query->leaves), .room = query->nr_leaves};
    int result =
        find_answer("CPU policy", answers, ARRAY_SIZE(answers), query->index, &policy.answer);
    if (result != 0) {
        return result;
    }
    query->nr_msrs = 0;
    if (policy.address == 0) {
        query->nr_leaves = LEAVES_LIMIT;
        return 0;
    }
    write_leaves(&policy);
    query->nr_leaves = policy.count;
    return policy.error;
}

static uint32_t feature_word(answer_fn answer, unsigned int word)
{
    uint32_t leaf;
    uint32_t subleaf;
    if (!feature_word_place(word, &leaf, &subleaf)) {
        return 0;
    }
    struct cpuid_result result = answer(NULL, leaf, subleaf);
    return *feature_word_in(&result, word, leaf, subleaf);
}

int sysctl_get_cpu_featureset(struct xen_sysctl *op)
{
    static const answer_fn answers[] = {
        [XEN_SYSCTL_cpu_featureset_raw] = answer_processor,
        [XEN_SYSCTL_cpu_featureset_host] = answer_host,
        [XEN_SYSCTL_cpu_featureset_pv] = answer_shown,
        [XEN_SYSCTL_cpu_featureset_pv_max] = answer_shown,
        [XEN_SYSCTL_cpu_featureset_hvm_max] = NULL,
    };
    struct xen_sysctl_cpu_featureset *query = &op->u.cpu_featureset;
    answer_fn answer;
    int result = find_answer("feature set", answers, ARRAY_SIZE(answers), query->index, &answer);
    if (result != 0) {
        return result;
    }
    uint64_t to = HANDLE_ADDRESS(query->features);
    uint32_t room = query->nr_features;
    query->nr_features = to == 0 ? FEATURE_WORDS : (uint32_t)min_u64(room, FEATURE_WORDS);
    for (unsigned int word = 0; to != 0 && word < query->nr_features; word++) {
        uint32_t features = feature_word(answer, word);
        uint64_t address = to + word * sizeof(features);
        if (!guest_copy_out(address, &features, sizeof(features))) {
            return refuse_unwritable(address, sizeof(features));
        }
    }
    return query->nr_features == FEATURE_WORDS
               ? 0
               : refuse(-XEN_ENOBUFS, "there is room for %u words, not %u", room, FEATURE_WORDS);
}

struct call_result domctl_get_cpu_policy(struct domctl *call)
{
    struct xen_domctl_cpu_policy *query = &call->op.u.cpu_policy;
    struct policy policy = {.answer = cpuid_for_domain,
                            .domain = call->domain,
                            .address = HANDLE_ADDRESS(query->leaves),
                            .room = query->nr_leaves};
    write_leaves(&policy);
    query->nr_leaves = policy.count;
    query->nr_msrs = 0;
    return call_done(policy.error);
}
