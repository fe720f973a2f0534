/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every number that a control call may have, from a child: it is told that it may not, whether
 * there is such a command or not, and nothing has changed. (privilege.c has those that work with
 * their arguments.)
 */
#include "guests/domains/child_grants.h"

#include "guests/lib/test.h"
#include "lib/string.h"

#include <xen/platform.h>

#define DOMCTLS      100U
#define GDBSX_FIRST  1000U
#define GDBSX_LAST   1003U
#define SYSCTLS      40U
#define PLATFORM_OPS 80U

/* What a control call could have changed, as far as it is told; not the times, which go on. */
struct picture {
    struct xen_domctl_getdomaininfo domains[3];
    uint64_t frames;
    uint32_t count;
};

static void take(struct picture *picture, const domid_t ids[3])
{
    memset(picture, 0, sizeof(*picture));
    for (size_t i = 0; i < 3; i++) {
        struct xen_domctl_getdomaininfo *info = &picture->domains[i];
        EXPECT_RESULT(domain_info(ids[i], info), 0);
        EXPECT_EQUAL(info->domain, ids[i]);
        info->flags &= ~(uint32_t)(XEN_DOMINF_running | XEN_DOMINF_blocked);
        info->cpu_time = 0;
    }
    picture->frames = free_frames();
    picture->count = domain_count();
}

static int64_t child_asks(const struct child *child, unsigned int call, uint32_t command,
                          uint32_t version, domid_t target)
{
    struct xen_domctl op;
    memset(&op, 0, sizeof(op)); /* all three kinds of record begin alike */
    op.cmd = command;
    op.interface_version = version;
    op.domain = target;
    uint64_t record = child_record(child, &op, sizeof(op));
    int64_t result = child_call(child, call, record, 0, 0, 0);
    EXPECT(memcmp(child_record_place(child), &op, sizeof(op)) == 0);
    return result;
}

static void expect_no_right(const struct child *child, unsigned int call, uint32_t command,
                            uint32_t version, domid_t target)
{
    int64_t result = child_asks(child, call, command, version, target);
    if (result != -XEN_EPERM) {
        test_fail(__FILE__, __LINE__, "call %u, command %u for d%u: %ld", call, command, target,
                  result);
    }
}

TEST(choice_control_commands_of_any_number_are_refused_to_a_child)
{
    struct child child = child_start();
    struct child other = child_start_another(1);
    const domid_t ids[3] = {0, child.id, other.id};
    static struct picture before, after;
    take(&before, ids);
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        for (uint32_t command = 1; command < DOMCTLS; command++) {
            expect_no_right(&child, __HYPERVISOR_domctl, command, XEN_DOMCTL_INTERFACE_VERSION,
                            ids[i]);
        }
        for (uint32_t command = GDBSX_FIRST; command <= GDBSX_LAST; command++) {
            expect_no_right(&child, __HYPERVISOR_domctl, command, XEN_DOMCTL_INTERFACE_VERSION,
                            ids[i]);
        }
    }
    for (uint32_t command = 1; command < SYSCTLS; command++) {
        expect_no_right(&child, __HYPERVISOR_sysctl, command, XEN_SYSCTL_INTERFACE_VERSION, 0);
    }
    for (uint32_t command = 1; command < PLATFORM_OPS; command++) {
        expect_no_right(&child, __HYPERVISOR_platform_op, command, XENPF_INTERFACE_VERSION, 0);
    }
    take(&after, ids);
    EXPECT(memcmp(&before, &after, sizeof(before)) == 0);
}
