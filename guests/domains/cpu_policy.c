/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl and sysctl: what the processor, and what domains are shown of CPUID. */
#include "guests/domains/child.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/cpufeatureset.h>

#define LEAVES 200U
#define WORDS  32U

static struct xen_sysctl op;
static xen_cpuid_leaf_t leaves[LEAVES];
static uint32_t words[WORDS];

static int64_t system_policy(uint32_t index, uint32_t room)
{
    memset(&op, 0, sizeof(op));
    op.u.cpu_policy.index = index;
    op.u.cpu_policy.nr_leaves = room;
    set_xen_guest_handle_raw(op.u.cpu_policy.leaves, leaves);
    return sysctl(XEN_SYSCTL_get_cpu_policy, &op);
}

static int64_t domain_policy(uint32_t command, domid_t domain, uint32_t count,
                             struct xen_domctl_cpu_policy *answer)
{
    struct xen_domctl record;
    memset(&record, 0, sizeof(record));
    record.u.cpu_policy.nr_leaves = count;
    set_xen_guest_handle_raw(record.u.cpu_policy.leaves, leaves);
    int64_t result = domctl(command, domain, &record);
    *answer = record.u.cpu_policy;
    return result;
}

/* What is in `leaves` about one of them. */
static xen_cpuid_leaf_t *find_leaf(uint32_t count, uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t i = 0; i < count; i++) {
        if (leaves[i].leaf == leaf && leaves[i].subleaf == subleaf) {
            return &leaves[i];
        }
    }
    test_fail(__FILE__, __LINE__, "CPUID leaf 0x%x, 0x%x is not in the list", leaf, subleaf);
}

static int64_t featureset(uint32_t index, uint32_t room)
{
    memset(&op, 0, sizeof(op));
    memset(words, 0, sizeof(words));
    op.u.cpu_featureset.index = index;
    op.u.cpu_featureset.nr_features = room;
    set_xen_guest_handle_raw(op.u.cpu_featureset.features, words);
    return sysctl(XEN_SYSCTL_get_cpu_featureset, &op);
}

static bool has(unsigned int feature)
{
    return ((words[feature / 32] >> (feature % 32)) & 1) != 0;
}

/* ---- questions about the machine --------------------------------------------------------------
 */

#define REPEATED_BITS 0x0183f3ffU /* AMD volume 3, E.4.2: EDX of leaf 0x80000001 */

TEST(policy_of_pv_domains_lists_what_one_of_them_sees)
{
    test_needs_first_domain();
    EXPECT_RESULT(system_policy(XEN_SYSCTL_cpu_policy_pv_max, LEAVES), 0);
    uint32_t count = op.u.cpu_policy.nr_leaves;
    EXPECT(count > 0 && count < LEAVES);
    const xen_cpuid_leaf_t *features = find_leaf(count, 0x80000001, XEN_CPUID_NO_SUBLEAF);
    uint32_t eax = 0x80000001;
    uint32_t ebx;
    uint32_t ecx = 0;
    uint32_t edx;
    __asm__ volatile("ud2a\n\t.ascii \"xen\"\n\tcpuid"
                     : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    EXPECT_EQUAL(features->a, eax);
    EXPECT_EQUAL(features->c & 1, ecx & 1); /* LAHF; another bit depends on the topology */
    /* Xen's policies leave out the bits that repeat those of leaf 1 on AMD's processors. */
    EXPECT_EQUAL(features->d & ~REPEATED_BITS, edx & ~REPEATED_BITS);
    (void)find_leaf(count, 7, 0);
}

TEST(room_for_a_policy_can_be_asked_for_and_has_to_be_enough)
{
    test_needs_first_domain();
    memset(&op, 0, sizeof(op));
    op.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_host;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_get_cpu_policy, &op), 0);
    uint32_t room = op.u.cpu_policy.nr_leaves;
    EXPECT_RESULT(system_policy(XEN_SYSCTL_cpu_policy_host, LEAVES), 0);
    uint32_t count = op.u.cpu_policy.nr_leaves;
    EXPECT(room >= count);
    leaves[1].a = 77;
    EXPECT_RESULT(system_policy(XEN_SYSCTL_cpu_policy_host, 1), -XEN_ENOBUFS);
    EXPECT_EQUAL(leaves[1].a, 77);
}

TEST(policies_that_do_not_exist_are_refused)
{
    test_needs_first_domain();
    EXPECT_RESULT(system_policy(XEN_SYSCTL_cpu_policy_hvm_default + 1, LEAVES), -XEN_EINVAL);
    EXPECT_RESULT(featureset(XEN_SYSCTL_cpu_featureset_hvm_max + 1, WORDS), -XEN_EINVAL);
    memset(&op, 0, sizeof(op));
    op.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_host;
    op.u.cpu_policy._rsvd = 1;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_get_cpu_policy, &op), -XEN_EINVAL);
    memset(&op, 0, sizeof(op));
    op.u.cpu_policy.nr_leaves = LEAVES;
    op.u.cpu_policy.leaves.p = (xen_cpuid_leaf_t *)FREE_VA;
    EXPECT_RESULT(sysctl(XEN_SYSCTL_get_cpu_policy, &op), -XEN_EFAULT);
}

TEST(choice_hvm_domains_have_no_policy)
{
    test_needs_first_domain();
    EXPECT_RESULT(system_policy(XEN_SYSCTL_cpu_policy_hvm_max, LEAVES), -XEN_EOPNOTSUPP);
    EXPECT_RESULT(system_policy(XEN_SYSCTL_cpu_policy_hvm_default, LEAVES), -XEN_EOPNOTSUPP);
    EXPECT_RESULT(featureset(XEN_SYSCTL_cpu_featureset_hvm, WORDS), -XEN_EOPNOTSUPP);
    EXPECT_RESULT(featureset(XEN_SYSCTL_cpu_featureset_hvm_max, WORDS), -XEN_EOPNOTSUPP);
}

TEST(features_of_pv_domains_are_some_of_the_processors)
{
    test_needs_first_domain();
    memset(&op, 0, sizeof(op));
    EXPECT_RESULT(sysctl(XEN_SYSCTL_get_cpu_featureset, &op), 0);
    uint32_t count = op.u.cpu_featureset.nr_features;
    EXPECT(count > XEN_X86_FEATURE_LFENCE_DISPATCH / 32 && count <= WORDS);
    EXPECT_RESULT(featureset(XEN_SYSCTL_cpu_featureset_raw, WORDS), 0);
    EXPECT_EQUAL(op.u.cpu_featureset.nr_features, count);
    EXPECT(has(XEN_X86_FEATURE_PSE) && has(XEN_X86_FEATURE_LM));
    EXPECT_RESULT(featureset(XEN_SYSCTL_cpu_featureset_pv, WORDS), 0);
    EXPECT(!has(XEN_X86_FEATURE_PSE) && has(XEN_X86_FEATURE_LM));
    EXPECT_RESULT(featureset(XEN_SYSCTL_cpu_featureset_pv, 1), -XEN_ENOBUFS);
    EXPECT(words[0] != 0 && words[1] == 0);
}

/* ---- a domain's own ---------------------------------------------------------------------------
 */

TEST(policy_of_a_domain_may_hide_features)
{
    test_needs_first_domain();
    destroy_all();
    struct child child;
    child_build(&child, STEP_CONTEXT);
    struct xen_domctl_cpu_policy policy;
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_get_cpu_policy, child.id, LEAVES, &policy), 0);
    xen_cpuid_leaf_t *leaf = find_leaf(policy.nr_leaves, 0x80000001, XEN_CPUID_NO_SUBLEAF);
    uint32_t lahf = UINT32_C(1) << (XEN_X86_FEATURE_LAHF_LM % 32);
    EXPECT((leaf->c & lahf) != 0);
    leaf->c &= ~lahf;
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_set_cpu_policy, child.id, policy.nr_leaves, &policy), 0);
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_get_cpu_policy, child.id, LEAVES, &policy), 0);
    leaf = find_leaf(policy.nr_leaves, 0x80000001, XEN_CPUID_NO_SUBLEAF);
    EXPECT_EQUAL(leaf->c & lahf, 0);
    EXPECT_RESULT(domctl_plain(XEN_DOMCTL_unpausedomain, child.id), 0);
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_set_cpu_policy, child.id, policy.nr_leaves, &policy),
                  -XEN_EEXIST);
}

/* Xen takes the leaf. */
TEST(choice_policy_with_another_vendor_is_refused_and_named)
{
    test_needs_first_domain();
    destroy_all();
    struct child child;
    child_build(&child, STEP_CONTEXT);
    struct xen_domctl_cpu_policy policy;
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_get_cpu_policy, child.id, LEAVES, &policy), 0);
    uint32_t count = policy.nr_leaves;
    xen_cpuid_leaf_t *leaf = find_leaf(count, 0, XEN_CPUID_NO_SUBLEAF);
    uint32_t vendor = leaf->b;
    leaf->b = 0x20202020;
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_set_cpu_policy, child.id, count, &policy), -XEN_EINVAL);
    EXPECT_EQUAL(policy.err_leaf, 0);
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_get_cpu_policy, child.id, LEAVES, &policy), 0);
    EXPECT_EQUAL(find_leaf(count, 0, XEN_CPUID_NO_SUBLEAF)->b, vendor);
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_get_cpu_policy, child.id, 1, &policy), -XEN_ENOBUFS);
}

/* Xen leaves such bits out silently. */
TEST(choice_features_that_cannot_be_shown_are_refused)
{
    test_needs_first_domain();
    destroy_all();
    struct child child;
    child_build(&child, STEP_CONTEXT);
    struct xen_domctl_cpu_policy policy;
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_get_cpu_policy, child.id, LEAVES, &policy), 0);
    uint32_t count = policy.nr_leaves;
    find_leaf(count, 1, XEN_CPUID_NO_SUBLEAF)->d |= UINT32_C(1) << XEN_X86_FEATURE_PSE;
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_set_cpu_policy, child.id, count, &policy), -XEN_EINVAL);
    EXPECT_EQUAL(policy.err_leaf, 1);
    EXPECT_EQUAL(policy.err_subleaf, XEN_CPUID_NO_SUBLEAF);
}

TEST(policy_needs_a_readable_list_of_bounded_length)
{
    test_needs_first_domain();
    destroy_all();
    struct child child;
    child_build(&child, STEP_CONTEXT);
    struct xen_domctl_cpu_policy policy;
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_set_cpu_policy, 0, 0, &policy), -XEN_EINVAL);
    EXPECT_RESULT(domain_policy(XEN_DOMCTL_set_cpu_policy, child.id, 100000, &policy), -XEN_E2BIG);
    struct xen_domctl record;
    memset(&record, 0, sizeof(record));
    record.u.cpu_policy.nr_leaves = 1;
    record.u.cpu_policy.leaves.p = (xen_cpuid_leaf_t *)FREE_VA;
    EXPECT_RESULT(domctl(XEN_DOMCTL_set_cpu_policy, child.id, &record), -XEN_EFAULT);
    EXPECT_RESULT(domctl(XEN_DOMCTL_get_cpu_policy, child.id, &record), -XEN_EFAULT);
}
