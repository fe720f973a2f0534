/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/descriptors.h"

#include "core/mmu_call.h"
#include "core/port.h"
#include "core/pt_validate.h"
#include "core/pte_update.h"

/* Bits of a descriptor as one 64-bit value. */
#define DESCRIPTOR_PRESENT   (UINT64_C(1) << 47)
#define DESCRIPTOR_DPL       (UINT64_C(3) << 45)
#define DESCRIPTOR_SEGMENT   (UINT64_C(1) << 44) /* S: code or data, not system */
#define DESCRIPTOR_TYPE(d)   (((d) >> 40) & 15)
#define DESCRIPTORS_PER_PAGE (PAGE_SIZE / sizeof(uint64_t))

/* Call gates are refused with the other system descriptors. Xen accepts some, with a DPL that makes
 * every use fault, to emulate them: nothing a 64-bit Linux does needs that. */
bool descriptor_check(uint64_t *descriptor)
{
    uint64_t value = *descriptor;
    if ((value & DESCRIPTOR_PRESENT) == 0) {
        return true;
    }
    if ((value & DESCRIPTOR_SEGMENT) != 0) {
        *descriptor = value | DESCRIPTOR_DPL;
        return true;
    }
    return DESCRIPTOR_TYPE(value) == 0; /* the upper half of a 16-byte descriptor */
}

static uint64_t slot_address(const struct frame *frame, unsigned int index)
{
    return (frame_mfn(frame).value << PAGE_SHIFT) + index * sizeof(uint64_t);
}

static enum status validate(struct mmu_context *context, const struct frame *frame)
{
    uint64_t *table = port_map_frame(frame_mfn(frame));
    for (unsigned int i = 0; i < DESCRIPTORS_PER_PAGE; i++) {
        uint64_t value = __atomic_load_n(&table[i], __ATOMIC_RELAXED);
        uint64_t adjusted = value;
        if (!descriptor_check(&adjusted)) {
            context_explain(context, STATUS_BAD_DESCRIPTOR,
                            &(struct refusal){.what = "descriptor",
                                              .address = slot_address(frame, i),
                                              .number = value,
                                              .frame = frame});
            return STATUS_BAD_DESCRIPTOR;
        }
        if (adjusted != value) {
            __atomic_store_n(&table[i], adjusted, __ATOMIC_RELAXED);
        }
    }
    return STATUS_OK;
}

/* One more reference and type count as descriptors; 512 entries are one unit of work. */
static enum status take(struct mmu_context *context, struct frame *frame)
{
    enum status status = frame_get(frame);
    if (status != STATUS_OK) {
        return status;
    }
    if (frame->type_count == 0) {
        frame_claim(frame, FRAME_DESCRIPTORS);
        status = validate(context, frame);
        if (status == STATUS_OK) {
            frame_publish(frame);
        } else {
            frame_release(frame);
        }
    } else if (frame->type == FRAME_DESCRIPTORS) {
        status = frame_share_type(frame);
    } else {
        status = STATUS_TABLE_WRONG_TYPE;
    }
    if (status != STATUS_OK) {
        frame_put(frame);
    }
    return status;
}

static void drop(mfn_t mfn)
{
    struct frame *frame = frame_find(mfn);
    if (frame->type_count > 1) {
        frame_unshare_type(frame);
    } else {
        frame_release(frame);
    }
    frame_put(frame);
}

static enum status take_unexplained(struct mmu_context *context, mfn_t mfn)
{
    struct frame *frame = context_find_frame(context, mfn);
    if (frame == NULL) {
        return STATUS_TABLE_NOT_OWNED;
    }
    enum status status = pt_settle_frame(context, frame);
    return status == STATUS_OK ? take(context, frame) : status;
}

/* `what` names the table it is for; `address`, where in it the frame is to be. */
static enum status take_own(struct mmu_context *context, mfn_t mfn, const char *what,
                            uint64_t address)
{
    enum status status = take_unexplained(context, mfn);
    if (status > STATUS_AGAIN) {
        context_explain(
            context, status,
            &(struct refusal){
                .what = what, .address = address, .number = mfn.value, .frame = frame_find(mfn)});
    }
    return status;
}

enum status vcpu_set_gdt(struct mmu_context *context, const mfn_t frames[], unsigned int count)
{
    struct vcpu *vcpu = context->vcpu;
    if (count > GDT_ENTRIES_MAX) {
        return context_refuse_number(context, STATUS_TOO_MANY_DESCRIPTORS, "set_gdt", "count",
                                     count);
    }
    if (count > 0 && vcpu->domain->is_dying) {
        return STATUS_NO_DOMAIN; /* a control domain gives it a first state */
    }
    unsigned int pages = (unsigned int)pages_of(count * sizeof(uint64_t));
    for (unsigned int i = 0; i < pages; i++) {
        enum status status = take_own(context, frames[i], "GDT frame", i * PAGE_SIZE);
        if (status != STATUS_OK) {
            while (i > 0) {
                drop(frames[--i]);
            }
            return status;
        }
    }
    for (unsigned int i = 0; i < GDT_PAGES; i++) {
        mfn_t old = vcpu->gdt_frames[i];
        mfn_t new_frame = i < pages ? frames[i] : MFN_INVALID;
        vcpu->gdt_frames[i] = new_frame;
        if (!mfn_equal(old, new_frame)) {
            port_show_descriptors(vcpu, i, new_frame);
        }
        if (!mfn_equal(old, MFN_INVALID)) {
            drop(old);
        }
    }
    vcpu->gdt_entries = count;
    return STATUS_OK;
}

void vcpu_forget_ldt_pages(struct mmu_context *context)
{
    struct vcpu *vcpu = context->vcpu;
    unsigned int pages = (unsigned int)pages_of(vcpu->ldt_entries * sizeof(uint64_t));
    for (unsigned int i = 0; i < pages; i++) {
        if (!mfn_equal(vcpu->ldt_frames[i], MFN_INVALID)) {
            port_show_descriptors(vcpu, GDT_PAGES + 2 + i, MFN_INVALID);
            drop(vcpu->ldt_frames[i]);
            vcpu->ldt_frames[i] = MFN_INVALID;
        }
    }
}

enum status vcpu_set_ldt(struct mmu_context *context, uint64_t base, unsigned int entries)
{
    struct vcpu *vcpu = context->vcpu;
    if (entries > LDT_ENTRIES_MAX) {
        return context_refuse_number(context, STATUS_TOO_MANY_DESCRIPTORS, "set LDT", "count",
                                     entries);
    }
    if (entries > 0 && (base & PAGE_MASK) != 0) {
        return context_refuse_number(context, STATUS_LDT_NOT_ALIGNED, "set LDT", "base", base);
    }
    if (entries > 0 && !address_is_guest(base)) {
        return context_refuse_number(context, STATUS_BAD_ADDRESS, "set LDT", "base", base);
    }
    if (vcpu->ldt_entries == 0 && entries == 0) {
        return STATUS_OK;
    }
    vcpu_forget_ldt_pages(context);
    vcpu->ldt_base = base;
    vcpu->ldt_entries = entries;
    port_ldt_changed(vcpu);
    return STATUS_OK;
}

bool vcpu_ldt_fault(struct vcpu *vcpu, uint64_t offset)
{
    unsigned int page = (unsigned int)(offset >> PAGE_SHIFT);
    if (offset >= vcpu->ldt_entries * sizeof(uint64_t) || page >= LDT_PAGES ||
        !mfn_equal(vcpu->ldt_frames[page], MFN_INVALID)) {
        return false;
    }
    uint64_t address = vcpu->ldt_base + offset;
    if (!address_is_guest(address)) {
        return false;
    }
    struct mmu_context context;
    context_open_self(&context, vcpu);
    const pte_t *slot = pt_find_leaf(vcpu->kernel_base, address);
    bool shown = false;
    if (slot != NULL) {
        pte_t pte = pte_read(slot);
        enum status status = STATUS_BAD_FRAME_NUMBER;
        if (pte_is_present(pte)) {
            status = take_own(&context, pte_mfn(pte), "LDT page", address);
        }
        if (status == STATUS_OK) {
            vcpu->ldt_frames[page] = pte_mfn(pte);
            port_show_descriptors(vcpu, GDT_PAGES + 2 + page, pte_mfn(pte));
        }
        /* Preempted while it settled a walk of its own: the access is tried again. */
        shown = status == STATUS_OK || status == STATUS_PREEMPTED;
    }
    context_close(&context);
    return shown;
}

struct call_result call_set_gdt(struct vcpu *vcpu, uint64_t arg[])
{
    if (!pt_begin_call(vcpu, vcpu->domain)) {
        return call_again();
    }
    unsigned int count = (unsigned int)arg[1];
    if (count > GDT_ENTRIES_MAX) {
        return call_refuse_number(vcpu, STATUS_TOO_MANY_DESCRIPTORS, "set_gdt", "count", count);
    }
    mfn_t frames[GDT_PAGES];
    uint64_t pages = pages_of(count * sizeof(uint64_t));
    _Static_assert(sizeof(mfn_t) == sizeof(uint64_t), "the ABI's list is one of MFNs");
    if (!port_copy_from_guest(frames, arg[0], pages * sizeof(frames[0]))) {
        return call_refuse_memory(vcpu, "set_gdt", arg[0], pages * sizeof(frames[0]));
    }
    struct mmu_context context;
    context_open_self(&context, vcpu);
    enum status status = vcpu_set_gdt(&context, frames, count);
    context_close(&context);
    if (status == STATUS_PREEMPTED || status == STATUS_AGAIN) {
        return call_again();
    }
    return call_status(status);
}

static enum status update_descriptor(struct mmu_context *context, uint64_t address,
                                     uint64_t descriptor)
{
    struct frame *frame = context_find_frame(context, mfn_make(address >> PAGE_SHIFT));
    if (address % sizeof(descriptor) != 0) {
        return STATUS_DESCRIPTOR_NOT_ALIGNED;
    }
    if (!descriptor_check(&descriptor)) {
        return STATUS_BAD_DESCRIPTOR;
    }
    if (frame == NULL) {
        return STATUS_TABLE_NOT_OWNED;
    }
    bool is_live = frame->type == FRAME_DESCRIPTORS && frame->type_count > 0;
    if (!is_live && frame_get_writable(frame) != STATUS_OK) {
        return STATUS_TABLE_WRONG_TYPE;
    }
    char *page = port_map_frame(frame_mfn(frame));
    uint64_t *slot = (uint64_t *)(void *)(page + (address & PAGE_MASK));
    __atomic_store_n(slot, descriptor, __ATOMIC_RELAXED);
    if (!is_live) {
        frame_put_writable(frame);
    }
    return STATUS_OK;
}

/* update_descriptor(machine address, descriptor): one 8-byte store of what was checked. */
struct call_result call_update_descriptor(struct vcpu *vcpu, uint64_t arg[])
{
    if (!pt_begin_call(vcpu, vcpu->domain)) {
        return call_again();
    }
    struct mmu_context context;
    context_open_self(&context, vcpu);
    enum status status = update_descriptor(&context, arg[0], arg[1]);
    if (status != STATUS_OK) {
        context_explain(&context, status,
                        &(struct refusal){.what = "update_descriptor",
                                          .address = arg[0],
                                          .number = arg[1],
                                          .frame = frame_find(mfn_make(arg[0] >> PAGE_SHIFT))});
    }
    context_close(&context);
    return call_status(status);
}
