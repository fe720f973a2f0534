/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/model/mirror.h"

#include <string.h>

#include "core/grant_table.h"
#include "tests/fake/fake_machine.h"

static enum reference_class class_of(const struct frame *frame)
{
    static const enum reference_class classes[] = {
        [FRAME_FREE] = REFERENCE_FREE,      [FRAME_GUEST] = REFERENCE_PLAIN,
        [FRAME_SHARED] = REFERENCE_SPECIAL, [FRAME_SHARED_READ_ONLY] = REFERENCE_SPECIAL_READONLY,
        [FRAME_IO] = REFERENCE_IO,          [FRAME_HYPERVISOR] = REFERENCE_PRIVATE,
    };
    return classes[frame_class(frame)];
}

static enum reference_type type_of(const struct frame *frame)
{
    static const enum reference_type types[] = {
        [FRAME_NONE] = REFERENCE_UNTYPED,
        [FRAME_L1] = REFERENCE_L1,
        [FRAME_L2] = REFERENCE_L2,
        [FRAME_L3] = REFERENCE_L3,
        [FRAME_L4] = REFERENCE_L4,
        [FRAME_DESCRIPTORS] = REFERENCE_DESCRIPTORS,
        [FRAME_WRITABLE] = REFERENCE_WRITABLE,
    };
    return types[frame_type(frame)];
}

static struct reference_frame adopt_frame(const struct frame *frame, uint64_t mfn)
{
    return (struct reference_frame){
        .class = class_of(frame),
        .owner = frame->owner,
        .allocated = (frame->flags & FRAME_ALLOCATED) != 0,
        .pinned = frame_is_pinned(frame),
        .validated = frame->type_count > 0,
        .type = type_of(frame),
        .references = frame->ref_count,
        .types = frame->type_count,
        .links = frame->same_level,
        .m2p = machine.m2p[mfn],
    };
}

static struct reference_vcpu adopt_vcpu(const struct vcpu *vcpu)
{
    struct reference_vcpu adopted = {
        .kernel_base = vcpu->kernel_base.value,
        .user_base = vcpu->user_base.value,
        .gdt_entries = vcpu->gdt_entries,
        .ldt_entries = vcpu->ldt_entries,
        .ldt_base = vcpu->ldt_base,
    };
    for (unsigned int i = 0; i < GDT_PAGES; i++) {
        adopted.gdt[i] = vcpu->gdt_frames[i].value;
    }
    for (unsigned int i = 0; i < LDT_PAGES; i++) {
        adopted.ldt[i] = vcpu->ldt_frames[i].value;
    }
    return adopted;
}

static void adopt_grants(struct reference_domain *adopted, const struct grant_table *table)
{
    adopted->grant_frame = REFERENCE_NONE;
    if (table == NULL) {
        return;
    }
    assert_int_equal(table->frame_count, 1);
    adopted->grant_frame = table->frames[0].entries.value;
    const struct grant_handle *handle = NULL;
    for (uint32_t i = 0; i < grant_handle_count(table); i++) {
        /* Looked up once for a frame of them: there are many, and this is done after each call. */
        handle = i % GRANT_HANDLES_PER_FRAME == 0 ? grant_handle_at(table, i) : handle + 1;
        if (handle->uses != 0) {
            assert_true(i < REFERENCE_HANDLES);
            const struct domain *granter = domain_find(handle->granter);
            adopted->uses[i] = (struct reference_use){
                handle->uses, handle->granter, handle->ref,
                grant_active(granter->grants, handle->ref)->mfn.value, handle->is_pte_address};
        }
    }
}

static struct reference_domain adopt_domain(const struct domain *domain)
{
    struct reference_domain adopted = {
        .id = domain->id,
        .is_control = domain->is_control,
        .has_io = domain->has_io,
        .assists = domain->assists,
        .page_limit = domain->page_limit,
        .vcpu_count = domain->vcpu_count,
    };
    assert_true(domain->vcpu_count <= REFERENCE_VCPUS && !domain->is_dying);
    for (unsigned int i = 0; i < domain->vcpu_count; i++) {
        adopted.vcpus[i] = adopt_vcpu(domain->vcpus[i]);
    }
    adopt_grants(&adopted, domain->grants);
    return adopted;
}

static void adopt_machine(struct reference *model)
{
    model->frame_count = machine.frame_count;
    model->mfn_limit = machine.mfn_limit;
    model->linear_tables = machine.linear_pt;
    for (unsigned int i = 0; i < ARRAY_SIZE(model->hypervisor_slots); i++) {
        model->hypervisor_slots[i] = machine.hypervisor_slots[i].raw;
    }
    model->io_range_count = machine.io_range_count;
    assert_true(machine.io_range_count <= ARRAY_SIZE(model->io_ranges));
    for (unsigned int i = 0; i < machine.io_range_count; i++) {
        const struct io_range *range = &machine.io_ranges[i];
        model->io_ranges[i] = (struct reference_io_range){range->first.value, range->last.value,
                                                          range->rule == IO_DENIED};
    }
}

void mirror_adopt_contents(struct reference *model)
{
    memcpy(model->words, fake.memory, machine.frame_count * PAGE_SIZE);
}

void mirror_adopt(struct reference *model)
{
    assert_true(machine.frame_count <= REFERENCE_FRAMES && mirror_is_settled());
    memset(&model->records, 0, sizeof(model->records));
    adopt_machine(model);
    for (uint64_t i = 0; i < machine.frame_count; i++) {
        model->records.frames[i] = adopt_frame(&machine.frames[i], i);
    }
    model->domain_count = 0;
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        if (machine.domains[i] != NULL) {
            assert_true(model->domain_count < REFERENCE_DOMAINS);
            model->records.domains[model->domain_count++] = adopt_domain(machine.domains[i]);
        }
    }
    mirror_adopt_contents(model);
}

/* ---- comparing ----------------------------------------------------------------------------- */

static void check(uint64_t found, uint64_t expected, const char *field, const char *what,
                  uint64_t where)
{
    if (found != expected) {
        fail_msg("after %s: %s of %#llx: core has %#llx, the model %#llx", what, field,
                 (unsigned long long)where, (unsigned long long)found,
                 (unsigned long long)expected);
    }
}

static void compare_contents(struct reference *model, uint64_t mfn, const char *what)
{
    const uint64_t *found = (const uint64_t *)(const void *)(fake.memory + mfn * PAGE_SIZE);
    if (memcmp(found, model->words[mfn], PAGE_SIZE) == 0) {
        return;
    }
    for (unsigned int i = 0; i < PTE_COUNT; i++) {
        check(found[i], model->words[mfn][i], "a word", what, (mfn << PAGE_SHIFT) + i * 8);
    }
}

static void compare_frame(struct reference *model, uint64_t mfn, const char *what)
{
    struct reference_frame found = adopt_frame(&machine.frames[mfn], mfn);
    struct reference_frame *expected = &model->records.frames[mfn];
    check(found.class, expected->class, "class", what, mfn);
    check(found.references, expected->references, "references", what, mfn);
    check(found.types, expected->types, "type count", what, mfn);
    check((uint64_t)(int64_t)found.links, (uint64_t)(int64_t)expected->links, "links", what, mfn);
    check(found.m2p, expected->m2p, "M2P entry", what, mfn);
    if (found.class == REFERENCE_FREE && found.owner == DOMID_INVALID) {
        expected->owner = DOMID_INVALID; /* it may be wiped earlier than it must be */
    }
    check(found.owner, expected->owner, "owner", what, mfn);
    if (found.class == REFERENCE_FREE) {
        return; /* a stale store of its last owner may still reach it */
    }
    check(found.allocated, expected->allocated, "allocation", what, mfn);
    check(found.pinned, expected->pinned, "pin", what, mfn);
    check(found.types > 0 ? found.type : 0, expected->types > 0 ? expected->type : 0, "type", what,
          mfn);
    if (expected->contents_unknown) {
        expected->contents_unknown = false;
        memcpy(model->words[mfn], fake.memory + mfn * PAGE_SIZE, PAGE_SIZE);
    }
    if (found.class != REFERENCE_PRIVATE || mfn < FAKE_RAM_FIRST) { /* not core's own records */
        compare_contents(model, mfn, what);
    }
}

static void compare_vcpu(const struct reference_vcpu *expected, const struct vcpu *vcpu,
                         const char *what)
{
    struct reference_vcpu found = adopt_vcpu(vcpu);
    check(found.kernel_base, expected->kernel_base, "kernel base", what, vcpu->id);
    check(found.user_base, expected->user_base, "user base", what, vcpu->id);
    check(found.gdt_entries, expected->gdt_entries, "GDT size", what, vcpu->id);
    check(found.ldt_entries, expected->ldt_entries, "LDT size", what, vcpu->id);
    for (unsigned int i = 0; i < GDT_PAGES; i++) {
        check(found.gdt[i], expected->gdt[i], "GDT frame", what, i);
    }
    for (unsigned int i = 0; i < LDT_PAGES; i++) {
        check(found.ldt[i], expected->ldt[i], "LDT frame", what, i);
    }
}

static void compare_uses(const struct reference_domain *expected, const struct domain *domain,
                         const char *what)
{
    struct reference_domain found = {0};
    adopt_grants(&found, domain->grants);
    for (unsigned int i = 0; i < REFERENCE_HANDLES; i++) {
        check(found.uses[i].kinds, expected->uses[i].kinds, "uses of handle", what, i);
        if (found.uses[i].kinds != 0) {
            check(found.uses[i].granter, expected->uses[i].granter, "granter of", what, i);
            check(found.uses[i].ref, expected->uses[i].ref, "grant of handle", what, i);
            check(found.uses[i].mfn, expected->uses[i].mfn, "frame of handle", what, i);
        }
    }
}

void mirror_compare(struct reference *model, const char *what)
{
    for (uint64_t i = 0; i < machine.frame_count; i++) {
        compare_frame(model, i, what);
    }
    for (unsigned int i = 0; i < model->domain_count; i++) {
        const struct reference_domain *expected = &model->records.domains[i];
        const struct domain *domain = domain_find(expected->id);
        compare_uses(expected, domain, what);
        for (unsigned int j = 0; j < expected->vcpu_count; j++) {
            compare_vcpu(&expected->vcpus[j], domain->vcpus[j], what);
        }
    }
}

struct reference_caller mirror_caller(const struct reference *model, const struct vcpu *vcpu)
{
    struct reference_caller caller = {.vcpu = vcpu->id};
    while (caller.domain < model->domain_count &&
           model->records.domains[caller.domain].id != vcpu->domain->id) {
        caller.domain++;
    }
    assert_true(caller.domain < model->domain_count);
    return caller;
}

bool mirror_is_settled(void)
{
    for (unsigned int i = 0; i < DOMAIN_LIMIT; i++) {
        const struct domain *domain = machine.domains[i];
        if (domain != NULL && domain->is_dying) {
            return false;
        }
        for (unsigned int j = 0; domain != NULL && j < domain->vcpu_count; j++) {
            if (domain->vcpus[j]->walk.mode != PT_WALK_NONE) {
                return false;
            }
        }
    }
    return true;
}
