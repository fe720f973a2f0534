/* SPDX-License-Identifier: BSD-2-Clause */
/* Three model guests with grant tables, and grant_table_op as they make it. */
#ifndef TESTS_FAKE_GRANTS_H
#define TESTS_FAKE_GRANTS_H

#include "core/grant_table.h"
#include "tests/fake/fake_machine.h"

#include <xen/grant_table.h>

#define FAKE_GRANT_FRAMES    2U /* frames of entries that a table may have */
#define FAKE_MAPTRACK_FRAMES 2U

struct fake_grants {
    struct fake_guest granter; /* domain 1 */
    struct fake_guest mapper;  /* domain 2 */
    struct fake_guest other;   /* domain 3 */
};

/* A machine with these, to begin a test. */
void fake_grants_start(struct fake_grants *grants);

/* The entry of a domain's table, and what the domain writes there. */
grant_entry_v1_t *fake_grant_entry(const struct fake_guest *granter, uint32_t ref);
void fake_grant(const struct fake_guest *granter, uint32_t ref, const struct fake_guest *mapper,
                mfn_t mfn, uint16_t flags);

/* The call; what it answers in the elements is read back. */
int64_t do_grant(struct vcpu *vcpu, unsigned int command, void *elements, size_t size,
                 unsigned int count);

/* One element each, answering its status; a call that fails as a whole fails the test. */
int16_t do_grant_map(struct vcpu *vcpu, struct gnttab_map_grant_ref *map);
int16_t do_grant_unmap(struct vcpu *vcpu, uint32_t handle, uint64_t host, uint64_t device);
int16_t do_grant_replace(struct vcpu *vcpu, uint32_t handle, uint64_t host, uint64_t replacement);
int16_t do_grant_copy(struct vcpu *vcpu, struct gnttab_copy *copy);
int16_t do_grant_transfer(struct vcpu *vcpu, mfn_t mfn, uint16_t domain, uint32_t ref);

/* A request, and a mapping that must succeed. */
struct gnttab_map_grant_ref fake_map_of(const struct fake_guest *granter, uint32_t ref,
                                        uint64_t address, uint32_t flags);
uint32_t fake_map(struct vcpu *vcpu, const struct fake_guest *granter, uint32_t ref,
                  uint64_t address, uint32_t flags);

#endif
