/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the core needs from around it: the only functions it calls that are not its own. hv/mem and
 * hv/cpu define them for the machine, tests/fake for the host; the linker picks.
 */
#ifndef CORE_PORT_H
#define CORE_PORT_H

#include "core/status.h"
#include "lib/frame_number.h"

struct vcpu;
struct domain;
struct frame;

/* The 4096 bytes of a RAM frame, writable, for ever: the hypervisor's direct map. `mfn` is below
 * machine.frame_count. */
void *port_map_frame(mfn_t mfn);

/* Copy between the hypervisor and the current guest's kernel address space, through the guest's
 * own mapping. False: the range is not all the guest's, or an access faulted; part of it may have
 * been copied. A write-protected page (a page table, say) makes a copy to the guest fail. */
NODISCARD bool port_copy_from_guest(void *to, uint64_t address, size_t size);
NODISCARD bool port_copy_to_guest(uint64_t address, const void *from, size_t size);

/* Should a long operation stop here? An interrupt's work waits, or the vCPU has a deliverable
 * event. Cheap: asked after every unit of work. */
bool port_should_yield(void);

/* What the calling vCPU does waits for another's walk and will be executed again: let others run
 * before that. Called with MMU locks held. */
void port_wait_for_others(void);

/* The CPU this runs on, 0 .. CPU_LIMIT - 1. */
unsigned int port_cpu(void);

/* Drop every translation of the guest part of the address space, global entries and
 * paging-structure caches too, on each CPU of the set; return when done. Each CPU's flush is
 * bracketed by tlb_flush_begin() and tlb_flush_end(). */
void port_flush_tlb(uint64_t cpus);
/* The same for the page at `address`, canonical and outside the hypervisor's range. */
void port_flush_tlb_page(uint64_t cpus, uint64_t address);
/* Write back and invalidate the caches of each CPU of the set (WBINVD). */
void port_flush_caches(uint64_t cpus);

/* The vCPU's kernel base has changed: where it runs, load it, with a full flush. */
void port_base_changed(struct vcpu *vcpu);

/* Show `frame` (to the processor only; it sets accessed bits there; no-execute) in page `page` of
 * the vCPU's descriptor window: pages 0 to 15 are its GDT, 16 to 31 its LDT. MFN_INVALID: the zero
 * page in the GDT, nothing in the LDT. It is flushed where the vCPU runs. */
void port_show_descriptors(struct vcpu *vcpu, unsigned int page, mfn_t frame);
/* The vCPU's LDT base and limit have changed: load LDTR where it runs. */
void port_ldt_changed(struct vcpu *vcpu);

/* The last frame of a destroyed domain is gone: its record can go, once no call is under way. The
 * domain's MMU lock is held. */
void port_domain_empty(struct domain *domain);

/* The current base of the running guest's FS (or GS) segment. */
uint64_t port_segment_base(bool gs);

/* What a refused request was about; 0 and NULL are left out of the sentence, but for `number`. */
struct refusal {
    const char *what;          /* names the request: "pin as L1", "grant map" */
    const char *noun;          /* what `number` is, where that is not plain: "count", "domain" */
    unsigned int level;        /* of the entry that was refused, which is then at `address` */
    uint64_t address;          /* machine or linear, as the request has it */
    uint64_t size;             /* of the argument at `address`, in bytes, in place of a number */
    uint64_t number;           /* the entry, frame, reference or domain it asked for */
    const struct frame *frame; /* that the broken rule is about */
};

/* A request of this vCPU was refused. Rate-limited and filtered by the environment. */
void port_explain_refusal(const struct vcpu *vcpu, enum status status,
                          const struct refusal *refusal);
/* A request of this vCPU names a command that the call (__HYPERVISOR_*) has not. The environment
 * says so, once for each. */
void port_explain_unknown(struct vcpu *vcpu, unsigned int call, uint64_t command);

#endif
