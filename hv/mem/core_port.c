/* SPDX-License-Identifier: BSD-2-Clause */
/* What the core asks of the machine (core/port.h). */
#include "core/port.h"

#include "core/tlb.h"
#include "hv/console/console.h"
#include "hv/cpu/cpu.h"
#include "hv/cpu/msr.h"
#include "hv/cpu/segments.h"
#include "hv/cpu/tables.h"
#include "hv/entry/work.h"
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"
#include "hv/sched/sched.h"
#include "hv/sched/vcpu.h"
#include "lib/format.h"

void *port_map_frame(mfn_t mfn)
{
    return (void *)(DIRECT_MAP_BASE + (mfn.value << PAGE_SHIFT));
}

bool port_copy_from_guest(void *to, uint64_t address, size_t size)
{
    return guest_copy_in(to, address, size);
}

bool port_copy_to_guest(uint64_t address, const void *from, size_t size)
{
    return guest_copy_out(address, from, size);
}

bool port_should_yield(void)
{
    stretch_may_stop();
    const struct hv_vcpu *vcpu = cpu_info()->vcpu;
    return vcpu != NULL && (vcpu_has_deliverable_event(vcpu) || cpu_work_is_pending());
}

void port_wait_for_others(void)
{
    sched_yield(current_vcpu());
}

unsigned int port_cpu(void)
{
    return (unsigned int)cpu_info()->cpu;
}

/* Only this CPU runs guests yet: the set can have no other. Switching CR4.PGE off and on drops
 * everything, global entries and paging-structure caches too (SDM volume 3, 4.10.4.1). */
void port_flush_tlb(uint64_t cpus)
{
    if ((cpus & (UINT64_C(1) << port_cpu())) != 0) {
        uint64_t flags = irq_save();
        uint32_t clock = tlb_flush_begin();
        uint64_t cr4 = cpu_read_cr4();
        cpu_write_cr4(cr4 & ~CR4_PGE);
        cpu_write_cr4(cr4);
        tlb_flush_end(port_cpu(), clock);
        irq_restore(flags);
    }
}

void port_flush_tlb_page(uint64_t cpus, uint64_t address)
{
    if ((cpus & (UINT64_C(1) << port_cpu())) != 0) {
        cpu_invlpg(address);
    }
}

void port_flush_caches(uint64_t cpus)
{
    if ((cpus & (UINT64_C(1) << port_cpu())) != 0) {
        cpu_wbinvd();
    }
}

void port_base_changed(struct vcpu *vcpu)
{
    if (&cpu_info()->vcpu->core == vcpu) {
        uint64_t flags = irq_save();
        uint32_t clock = tlb_flush_begin();
        uint64_t cr4 = cpu_read_cr4();
        cpu_write_cr4(cr4 & ~CR4_PGE);
        cpu_write_cr3(vcpu->kernel_base.value << PAGE_SHIFT);
        cpu_write_cr4(cr4);
        tlb_flush_end(port_cpu(), clock);
        irq_restore(flags);
    }
}

void port_show_descriptors(struct vcpu *vcpu, unsigned int page, mfn_t frame)
{
    window_show(vcpu_window(vcpu), page, frame);
}

void port_ldt_changed(struct vcpu *vcpu)
{
    if (&cpu_info()->vcpu->core == vcpu) {
        window_load(vcpu_window(vcpu), port_cpu(), vcpu->ldt_entries);
    }
}

uint64_t port_segment_base(bool gs)
{
    return gs ? segment_gs_base_active() : segment_fs_base();
}

/* A domain by its number, or one of the owners that are none. */
static void format_owner(char *text, size_t size, uint16_t owner)
{
    switch (owner) {
    case DOMID_XEN:
        format_text(text, size, "the hypervisor");
        return;
    case DOMID_IO:
        format_text(text, size, "nobody");
        return;
    default:
        format_text(text, size, "d%u", owner);
        return;
    }
}

/* "L1 0x3f22f003 at 0x1000", "count 0x2", "8 bytes at 0x1000": what was asked for, and where. */
static void format_subject(char *text, size_t size, const struct refusal *refusal)
{
    char at[24] = "";
    if (refusal->level != 0 || refusal->size != 0 || refusal->address != 0) {
        format_text(at, sizeof(at), " at 0x%lx", refusal->address);
    }
    if (refusal->level != 0) {
        format_text(text, size, "L%u 0x%lx%s", refusal->level, refusal->number, at);
    } else if (refusal->size != 0) {
        format_text(text, size, "%lu bytes%s", refusal->size, at);
    } else {
        bool has_noun = refusal->noun != NULL;
        format_text(text, size, "%s%s0x%lx%s", has_noun ? refusal->noun : "", has_noun ? " " : "",
                    refusal->number, at);
    }
}

static void format_frame(char *text, size_t size, const struct refusal *refusal)
{
    const struct frame *frame = refusal->frame;
    text[0] = '\0';
    if (frame != NULL) {
        char owner[24];
        format_owner(owner, sizeof(owner), frame->owner);
        format_text(text, size, "; frame 0x%lx: %s, owner %s, %s, %u references, %u uses",
                    frame_mfn(frame).value, frame_class_text(frame_class(frame)), owner,
                    frame_type_text(frame_type(frame)), frame->ref_count, frame->type_count);
    } else if (refusal->level != 0) {
        format_text(text, size, " (no frame of RAM)");
    }
}

/* Told at once, for a call may have several: the request, the rule, the frame's record, and what
 * would have been accepted. */
void port_explain_refusal(const struct vcpu *vcpu, enum status status,
                          const struct refusal *refusal)
{
    char place[REFUSAL_PLACE_SIZE];
    char subject[64];
    char frame[128];
    refusal_mark_told();
    refusal_format_place(place);
    format_subject(subject, sizeof(subject), refusal);
    format_frame(frame, sizeof(frame), refusal);
    const char *advice = status_advice(status);
    /* Kernels ask for memory that may not be there, and go on without. */
    enum log_level level = status == STATUS_NO_MEMORY ? LOG_INFO : LOG_WARNING;
    console_log_guest(vcpu->domain->id, vcpu->id, level, "%s%s refused: %s: %s%s%s%s", place,
                      refusal->what, subject, status_text(status), frame,
                      advice[0] != '\0' ? "; " : "", advice);
}

void port_explain_unknown(struct vcpu *vcpu, unsigned int call, uint64_t command)
{
    struct call_result result = hypercall_unknown(hv_vcpu_of(vcpu), call, command);
    (void)result; /* the core answers the same */
}
