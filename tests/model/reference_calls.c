/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls of the memory ABI, section 3, on the model. */
#include <stddef.h>
#include <string.h>

#include "tests/model/reference.h"

#define MFN_OF(machine_address)   ((machine_address) >> 12)
#define INDEX_OF(machine_address) ((unsigned int)(((machine_address)&4095) / 8))

static struct reference_domain *domain_of(struct reference *model, struct reference_caller caller)
{
    return &model->records.domains[caller.domain];
}

static struct reference_vcpu *vcpu_of(struct reference *model, struct reference_caller caller)
{
    return &domain_of(model, caller)->vcpus[caller.vcpu];
}

static bool may_target(struct reference *model, struct reference_caller caller, uint16_t id)
{
    const struct reference_domain *domain = domain_of(model, caller);
    return domain->id == id || domain->is_control;
}

/* A caller hands its own frames on, and nobody's that the tables' owner has no right to. */
static bool is_third(struct reference *model, struct reference_caller caller,
                     const struct reference_owners *owners)
{
    const struct reference_domain *tables = reference_find_domain(model, owners->table);
    return owners->page != domain_of(model, caller)->id && owners->page < DOMID_FIRST_RESERVED &&
           owners->page != owners->table && !tables->is_control;
}

/* The page owner that a foreign-domain argument names. False: -ESRCH. */
static bool find_page_owner(struct reference *model, struct reference_caller caller,
                            uint16_t foreign, uint16_t *owner)
{
    uint16_t self = domain_of(model, caller)->id;
    *owner = foreign == DOMID_SELF ? self : foreign;
    if (foreign == DOMID_SELF || foreign == DOMID_IO || foreign == DOMID_XEN) {
        return true;
    }
    return foreign != self && reference_find_domain(model, foreign) != NULL;
}

/* The frame can be written for the guest now. */
static bool is_writable_now(const struct reference *model, uint64_t mfn)
{
    const struct reference_frame *frame = &model->records.frames[mfn];
    return frame->types == 0 || frame->type == REFERENCE_WRITABLE;
}

static bool is_live_table(const struct reference *model, uint64_t mfn)
{
    const struct reference_frame *frame = &model->records.frames[mfn];
    return frame->types > 0 && frame->type >= REFERENCE_L1 && frame->type <= REFERENCE_L4;
}

/* ---- 3.1 mmu_update ------------------------------------------------------------------------ */

static int update_one(struct reference *model, struct reference_caller caller,
                      const struct reference_owners *owners, const struct mmu_update *request)
{
    uint64_t command = request->ptr & 7;
    uint64_t mfn = MFN_OF(request->ptr);
    if (command > 3) {
        return -XEN_ENOSYS;
    }
    if ((owners->page != DOMID_IO && !may_target(model, caller, owners->page)) ||
        !may_target(model, caller, owners->table) || is_third(model, caller, owners)) {
        return -XEN_EPERM;
    }
    if (command == MMU_MACHPHYS_UPDATE) {
        if (owners->table != domain_of(model, caller)->id) {
            return -XEN_EPERM;
        }
        if (!reference_owns(model, mfn, owners->page)) {
            return -XEN_EINVAL;
        }
        model->records.frames[mfn].m2p = request->val;
        return 0;
    }
    if (!reference_owns(model, mfn, owners->table)) {
        return -XEN_EINVAL;
    }
    if (is_live_table(model, mfn)) {
        if (model->records.frames[mfn].type != REFERENCE_L1 && owners->page != owners->table) {
            return -XEN_EINVAL;
        }
        return reference_set_entry(model, owners, mfn, INDEX_OF(request->ptr), request->val,
                                   command == MMU_PT_UPDATE_PRESERVE_AD);
    }
    if (!is_writable_now(model, mfn)) {
        return -XEN_EINVAL;
    }
    model->words[mfn][INDEX_OF(request->ptr)] = request->val;
    return 0;
}

int reference_mmu_update(struct reference *model, struct reference_caller caller,
                         const struct mmu_update requests[], unsigned int count, uint32_t word,
                         uint32_t *done)
{
    uint16_t self = domain_of(model, caller)->id;
    struct reference_owners owners = {.table = self, .caller = self};
    *done = UINT32_MAX; /* not reported */
    if (word >> 16 != 0) {
        owners.table = (uint16_t)((word >> 16) - 1);
        if (reference_find_domain(model, owners.table) == NULL) {
            return -XEN_ESRCH;
        }
        if (reference_find_domain(model, owners.table)->vcpu_count == 0) {
            return -XEN_EINVAL;
        }
    }
    *done = 0;
    if (!find_page_owner(model, caller, (uint16_t)word, &owners.page)) {
        return -XEN_ESRCH;
    }
    for (unsigned int i = 0; i < count; i++) {
        int error = update_one(model, caller, &owners, &requests[i]);
        if (error != 0) {
            return error;
        }
        ++*done;
    }
    return 0;
}

/* ---- 3.4 mmuext_op ------------------------------------------------------------------------- */

static int pin(struct reference *model, uint16_t owner, uint64_t mfn, enum reference_type type)
{
    if (!reference_owns(model, mfn, owner)) {
        return -XEN_EINVAL;
    }
    int error = reference_take(model, mfn, type);
    if (error != 0) {
        return error;
    }
    if (model->records.frames[mfn].pinned) {
        reference_drop(model, mfn);
        return -XEN_EINVAL;
    }
    model->records.frames[mfn].pinned = true;
    return 0;
}

static int unpin(struct reference *model, uint16_t owner, uint64_t mfn)
{
    if (!reference_owns(model, mfn, owner) || !model->records.frames[mfn].pinned) {
        return -XEN_EINVAL;
    }
    model->records.frames[mfn].pinned = false;
    reference_drop(model, mfn);
    return 0;
}

static void forget_ldt(struct reference *model, struct reference_vcpu *vcpu)
{
    for (unsigned int i = 0; i < 16; i++) {
        if (vcpu->ldt[i] != REFERENCE_NONE) {
            reference_drop(model, vcpu->ldt[i]);
            vcpu->ldt[i] = REFERENCE_NONE;
        }
    }
}

static int new_base(struct reference *model, struct reference_caller caller, uint64_t mfn)
{
    uint64_t old = vcpu_of(model, caller)->kernel_base;
    if (mfn == old) {
        return 0;
    }
    if (!reference_owns(model, mfn, domain_of(model, caller)->id)) {
        return -XEN_EINVAL;
    }
    int error = reference_take(model, mfn, REFERENCE_L4);
    if (error != 0) {
        return error;
    }
    forget_ldt(model, vcpu_of(model, caller));
    model->words[mfn][256] = model->hypervisor_slots[0];
    vcpu_of(model, caller)->kernel_base = mfn;
    reference_drop(model, old);
    return 0;
}

static int new_user_base(struct reference *model, struct reference_caller caller, uint64_t mfn)
{
    uint64_t old = vcpu_of(model, caller)->user_base;
    if (mfn != 0 && !reference_owns(model, mfn, domain_of(model, caller)->id)) {
        return -XEN_EINVAL;
    }
    uint64_t base = mfn == 0 ? REFERENCE_NONE : mfn;
    if (base == old) {
        return 0;
    }
    if (base != REFERENCE_NONE) {
        int error = reference_take(model, base, REFERENCE_L4);
        if (error != 0) {
            return error;
        }
        if (((domain_of(model, caller)->assists >> VMASST_TYPE_m2p_strict) & 1) != 0) {
            model->words[base][256] = 0;
        }
    }
    vcpu_of(model, caller)->user_base = base;
    if (old != REFERENCE_NONE) {
        reference_drop(model, old);
    }
    return 0;
}

/* A vCPU's first bases, of VCPUOP_initialise and XEN_DOMCTL_setvcpucontext. What it was to begin on
 * by an earlier request is let go of. */
static int take_first_base(struct reference *model, uint16_t domain, uint64_t *slot, uint64_t base)
{
    if (*slot == base) {
        return 0;
    }
    if (*slot != REFERENCE_NONE) {
        reference_drop(model, *slot);
        *slot = REFERENCE_NONE;
    }
    if (base == REFERENCE_NONE) {
        return 0;
    }
    if (!reference_owns(model, base, domain)) {
        return -XEN_EINVAL;
    }
    int error = reference_take(model, base, REFERENCE_L4);
    *slot = error == 0 ? base : REFERENCE_NONE;
    return error;
}

int reference_first_bases(struct reference *model, struct reference_caller caller, uint64_t kernel,
                          uint64_t user)
{
    struct reference_vcpu *vcpu = vcpu_of(model, caller);
    uint16_t self = domain_of(model, caller)->id;
    int error = take_first_base(model, self, &vcpu->kernel_base, kernel);
    if (error != 0) {
        return error;
    }
    model->words[kernel][256] = model->hypervisor_slots[0];
    error = take_first_base(model, self, &vcpu->user_base, user);
    if (error != 0) {
        reference_drop(model, vcpu->kernel_base);
        vcpu->kernel_base = REFERENCE_NONE;
    }
    return error;
}

static int set_ldt(struct reference *model, struct reference_caller caller, uint64_t base,
                   unsigned int entries)
{
    struct reference_vcpu *vcpu = vcpu_of(model, caller);
    if (entries > 8192 || (entries > 0 && (base % 4096 != 0 || !reference_address_ok(base)))) {
        return -XEN_EINVAL;
    }
    forget_ldt(model, vcpu);
    vcpu->ldt_base = base;
    vcpu->ldt_entries = entries;
    return 0;
}

static int clear_page(struct reference *model, uint16_t owner, uint64_t mfn)
{
    if (!reference_owns(model, mfn, owner) || !is_writable_now(model, mfn)) {
        return -XEN_EINVAL;
    }
    memset(model->words[mfn], 0, sizeof(model->words[mfn]));
    return 0;
}

static int copy_page(struct reference *model, uint16_t owner, uint64_t mfn, uint64_t source)
{
    if (!reference_owns(model, source, owner) || !reference_owns(model, mfn, owner) ||
        !is_writable_now(model, mfn)) {
        return -XEN_EINVAL;
    }
    memmove(model->words[mfn], model->words[source], sizeof(model->words[mfn]));
    return 0;
}

/* Operations that are the caller's own affair; the others may name another domain's frames. */
static bool is_own_only(unsigned int command)
{
    return command > MMUEXT_UNPIN_TABLE && command != MMUEXT_CLEAR_PAGE &&
           command != MMUEXT_COPY_PAGE && command != MMUEXT_MARK_SUPER &&
           command != MMUEXT_UNMARK_SUPER;
}

static int extended_one(struct reference *model, struct reference_caller caller, uint16_t owner,
                        const struct mmuext_op *op)
{
    bool has_io = domain_of(model, caller)->has_io;
    if (op->cmd > MMUEXT_UNMARK_SUPER || op->cmd == 14) {
        return -XEN_ENOSYS;
    }
    if (is_own_only(op->cmd) && owner != domain_of(model, caller)->id) {
        return -XEN_EPERM;
    }
    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        return pin(model, owner, op->arg1.mfn,
                   (enum reference_type)(REFERENCE_L1 + (op->cmd - MMUEXT_PIN_L1_TABLE)));
    case MMUEXT_UNPIN_TABLE:
        return unpin(model, owner, op->arg1.mfn);
    case MMUEXT_NEW_BASEPTR:
        return new_base(model, caller, op->arg1.mfn);
    case MMUEXT_NEW_USER_BASEPTR:
        return new_user_base(model, caller, op->arg1.mfn);
    case MMUEXT_SET_LDT:
        return set_ldt(model, caller, op->arg1.linear_addr, op->arg2.nr_ents);
    case MMUEXT_CLEAR_PAGE:
        return clear_page(model, owner, op->arg1.mfn);
    case MMUEXT_COPY_PAGE:
        return copy_page(model, owner, op->arg1.mfn, op->arg2.src_mfn);
    case MMUEXT_FLUSH_CACHE:
        return has_io ? 0 : -XEN_EACCES;
    case MMUEXT_FLUSH_CACHE_GLOBAL:
        return has_io ? 0 : -XEN_EINVAL;
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER:
        return -XEN_EOPNOTSUPP;
    default:
        return 0; /* flushes with arguments that can be read: no state of ours */
    }
}

int reference_mmuext(struct reference *model, struct reference_caller caller,
                     const struct mmuext_op ops[], unsigned int count, uint16_t foreign,
                     uint32_t *done)
{
    uint16_t owner;
    *done = UINT32_MAX;
    if (!find_page_owner(model, caller, foreign, &owner)) {
        return -XEN_ESRCH;
    }
    if (!may_target(model, caller, owner)) {
        return -XEN_EPERM;
    }
    *done = 0;
    for (unsigned int i = 0; i < count; i++) {
        int error = extended_one(model, caller, owner, &ops[i]);
        if (error != 0) {
            return error;
        }
        ++*done;
    }
    return 0;
}

/* ---- 3.2, 3.3 update_va_mapping ------------------------------------------------------------ */

static int va_mapping(struct reference *model, struct reference_caller caller, uint64_t address,
                      uint64_t entry, uint16_t page_owner)
{
    uint16_t self = domain_of(model, caller)->id;
    struct reference_owners owners = {self, page_owner, self};
    uint64_t table;
    unsigned int index;
    if (!reference_address_ok(address) ||
        !reference_walk(model, vcpu_of(model, caller)->kernel_base, address, &table, &index)) {
        return -XEN_EINVAL;
    }
    return reference_set_entry(model, &owners, table, index, entry, false);
}

int reference_va_mapping(struct reference *model, struct reference_caller caller, uint64_t address,
                         uint64_t entry)
{
    return va_mapping(model, caller, address, entry, domain_of(model, caller)->id);
}

int reference_va_mapping_other(struct reference *model, struct reference_caller caller,
                               uint64_t address, uint64_t entry, uint16_t foreign)
{
    uint16_t owner;
    if (!find_page_owner(model, caller, foreign, &owner)) {
        return -XEN_ESRCH;
    }
    if (!may_target(model, caller, owner)) {
        return -XEN_EPERM;
    }
    return va_mapping(model, caller, address, entry, owner);
}

/* ---- 3.6 descriptors ----------------------------------------------------------------------- */

int reference_set_gdt(struct reference *model, struct reference_caller caller,
                      const uint64_t frames[], unsigned int entries)
{
    struct reference_vcpu *vcpu = vcpu_of(model, caller);
    if (entries > 7168) {
        return -XEN_EINVAL;
    }
    struct reference_records before = model->records;
    unsigned int count = (entries + 511) / 512;
    for (unsigned int i = 0; i < count; i++) {
        if (!reference_owns(model, frames[i], domain_of(model, caller)->id) ||
            reference_take(model, frames[i], REFERENCE_DESCRIPTORS) != 0) {
            model->records = before;
            return -XEN_EINVAL;
        }
    }
    for (unsigned int i = 0; i < 14; i++) {
        if (vcpu->gdt[i] != REFERENCE_NONE) {
            reference_drop(model, vcpu->gdt[i]);
        }
        vcpu->gdt[i] = i < count ? frames[i] : REFERENCE_NONE;
    }
    vcpu->gdt_entries = entries;
    return 0;
}

int reference_update_descriptor(struct reference *model, struct reference_caller caller,
                                uint64_t address, uint64_t descriptor)
{
    uint64_t mfn = MFN_OF(address);
    if (address % 8 != 0 || !reference_descriptor(&descriptor) ||
        !reference_owns(model, mfn, domain_of(model, caller)->id)) {
        return -XEN_EINVAL;
    }
    const struct reference_frame *frame = &model->records.frames[mfn];
    bool live = frame->types > 0 && frame->type == REFERENCE_DESCRIPTORS;
    if (!live && !is_writable_now(model, mfn)) {
        return -XEN_EINVAL;
    }
    model->words[mfn][INDEX_OF(address)] = descriptor;
    return 0;
}

bool reference_ldt_fault(struct reference *model, struct reference_caller caller, uint64_t offset)
{
    struct reference_vcpu *vcpu = vcpu_of(model, caller);
    uint64_t page = offset >> 12;
    uint64_t table;
    unsigned int index;
    if (offset >= (uint64_t)vcpu->ldt_entries * 8 || vcpu->ldt[page] != REFERENCE_NONE ||
        !reference_address_ok(vcpu->ldt_base + offset) ||
        !reference_walk(model, vcpu->kernel_base, vcpu->ldt_base + offset, &table, &index)) {
        return false;
    }
    uint64_t entry = model->words[table][index];
    uint64_t mfn = (entry >> 12) & ((UINT64_C(1) << 40) - 1);
    if ((entry & 1) == 0 || !reference_owns(model, mfn, domain_of(model, caller)->id) ||
        reference_take(model, mfn, REFERENCE_DESCRIPTORS) != 0) {
        return false;
    }
    vcpu->ldt[page] = mfn;
    return true;
}

/* ---- 4 writable page tables ---------------------------------------------------------------- */

static bool is_read_only_device(const struct reference *model, uint64_t mfn)
{
    bool found = false;
    for (unsigned int i = 0; i < model->io_range_count; i++) {
        const struct reference_io_range *range = &model->io_ranges[i];
        found = found || (mfn >= range->first && mfn <= range->last && !range->denied);
    }
    return found;
}

bool reference_store(struct reference *model, struct reference_caller caller, uint64_t address,
                     uint64_t entry)
{
    uint16_t self = domain_of(model, caller)->id;
    struct reference_owners owners = {self, self, self};
    uint64_t table;
    unsigned int index;
    if (!reference_address_ok(address) || address % 8 != 0 ||
        !reference_walk(model, vcpu_of(model, caller)->kernel_base, address, &table, &index)) {
        return false;
    }
    uint64_t mapping = model->words[table][index];
    uint64_t target = (mapping >> 12) & ((UINT64_C(1) << 40) - 1);
    if ((mapping & 3) == 1 && is_read_only_device(model, target)) {
        return true; /* 4.7: dropped */
    }
    if (((domain_of(model, caller)->assists >> VMASST_TYPE_writable_pagetables) & 1) == 0 ||
        (mapping & 3) != 1 || !reference_owns(model, target, self) ||
        !is_live_table(model, target) || model->records.frames[target].type != REFERENCE_L1) {
        return false;
    }
    return reference_set_entry(model, &owners, target, INDEX_OF(address), entry, false) == 0;
}

/* ---- 3.7 the reservation ------------------------------------------------------------------- */

/* Choice: order 9 is the limit for every domain. */
#define ORDER_MAX 9

static struct reference_domain *reservation_of(struct reference *model,
                                               struct reference_caller caller, uint16_t foreign)
{
    uint16_t id = foreign == DOMID_SELF ? domain_of(model, caller)->id : foreign;
    struct reference_domain *domain = reference_find_domain(model, id);
    return domain != NULL && may_target(model, caller, id) ? domain : NULL;
}

static uint64_t owned_frames(const struct reference *model, uint16_t id)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < model->frame_count; i++) {
        count += reference_owns(model, i, id) ? 1 : 0;
    }
    return count;
}

static bool is_free_extent(const struct reference *model, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        if (i >= model->frame_count || model->records.frames[i].class != REFERENCE_FREE) {
            return false;
        }
    }
    return first % count == 0;
}

static bool has_free_extent(const struct reference *model, uint64_t count)
{
    for (uint64_t first = 0; first < model->frame_count; first += count) {
        if (is_free_extent(model, first, count)) {
            return true;
        }
    }
    return false;
}

/* The data of another domain is gone; its own it may still find. */
static void gain(struct reference *model, uint64_t mfn, uint16_t id, uint64_t m2p)
{
    struct reference_frame *frame = &model->records.frames[mfn];
    bool had_it = frame->owner == id;
    memset(model->words[mfn], 0, sizeof(model->words[mfn]));
    *frame = (struct reference_frame){.class = REFERENCE_PLAIN,
                                      .owner = id,
                                      .allocated = true,
                                      .references = 1,
                                      .m2p = m2p,
                                      .contents_unknown = had_it};
}

/* Choice: a frame that was given back already and is still in use cannot be given back again. */
static bool lose(struct reference *model, uint64_t mfn, uint16_t id)
{
    if (!reference_owns(model, mfn, id) || !model->records.frames[mfn].allocated) {
        return false;
    }
    model->records.frames[mfn].allocated = false;
    reference_put(model, mfn);
    return true;
}

int reference_decrease(struct reference *model, struct reference_caller caller, uint16_t foreign,
                       const uint64_t extents[], unsigned int count, unsigned int order)
{
    const struct reference_domain *domain = reservation_of(model, caller, foreign);
    if (domain == NULL || order > ORDER_MAX) {
        return 0;
    }
    for (unsigned int i = 0; i < count; i++) {
        for (uint64_t j = 0; j < UINT64_C(1) << order; j++) {
            if (!lose(model, extents[i] + j, domain->id)) {
                return (int)i;
            }
        }
    }
    return (int)count;
}

int reference_populate(struct reference *model, struct reference_caller caller, uint16_t foreign,
                       const uint64_t pfns[], const uint64_t got[], unsigned int count,
                       unsigned int order)
{
    const struct reference_domain *domain = reservation_of(model, caller, foreign);
    if (domain == NULL || order > ORDER_MAX) {
        return 0;
    }
    uint64_t size = UINT64_C(1) << order;
    for (unsigned int i = 0; i < count; i++) {
        if (owned_frames(model, domain->id) + size > domain->page_limit ||
            !has_free_extent(model, size)) {
            return (int)i;
        }
        if (!is_free_extent(model, got[i], size)) {
            return REFERENCE_IMPOSSIBLE;
        }
        for (uint64_t j = 0; j < size; j++) {
            gain(model, got[i] + j, domain->id, pfns != NULL ? pfns[i] + j : UINT64_MAX);
        }
    }
    return (int)count;
}

/* 2.10: nothing but its place in the reservation holds it. */
static bool is_stealable(const struct reference *model, uint64_t mfn, uint16_t id)
{
    return reference_owns(model, mfn, id) && model->records.frames[mfn].allocated &&
           model->records.frames[mfn].references == 1;
}

int reference_exchange(struct reference *model, struct reference_caller caller, uint16_t foreign,
                       const uint64_t in[], const uint64_t pfns[], const uint64_t got[],
                       unsigned int count, unsigned int *done)
{
    *done = 0;
    uint16_t id = foreign == DOMID_SELF ? domain_of(model, caller)->id : foreign;
    if (reference_find_domain(model, id) == NULL) {
        return -XEN_ESRCH;
    }
    if (!may_target(model, caller, id)) {
        return -XEN_EPERM;
    }
    for (unsigned int i = 0; i < count; i++, ++*done) {
        /* Choice: memory is looked for before the frames are looked at. */
        if (!has_free_extent(model, 1)) {
            return -XEN_ENOMEM;
        }
        if (!is_stealable(model, in[i], id)) {
            return -XEN_EINVAL;
        }
        if (!is_free_extent(model, got[i], 1)) {
            return REFERENCE_IMPOSSIBLE;
        }
        lose(model, in[i], id);
        gain(model, got[i], id, pfns[i]);
    }
    return 0;
}
