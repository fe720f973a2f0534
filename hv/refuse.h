/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a call of the running vCPU is refused: one sentence, given where the check is, that names the
 * thing with its value and the rule, and what would have been accepted where that is not plain. It
 * is printed when the call is over and no lock is held (at guest_loglvl info), with the call's
 * name, its first arguments and the error. The core tells its own refusals
 * (port_explain_refusal()).
 */
#ifndef HV_REFUSE_H
#define HV_REFUSE_H

#include "hv/vcpu.h"

/* Answers `error`, a negative number of <xen/errno.h>. Of several sentences the last counts. Any
 * lock may be held, and outside of calls nothing happens. */
COLD int refuse(int error, const char *format, ...) PRINTF_FORMAT(2, 3);
/* Put what the call is about before the sentence; answers `error`. */
COLD int refusal_name(int error, const char *format, ...) PRINTF_FORMAT(2, 3);
/* -EFAULT: so many bytes of the guest's could not be read, or not be written. */
COLD int refuse_unreadable(uint64_t address, uint64_t size);
COLD int refuse_unwritable(uint64_t address, uint64_t size);
/* -ESRCH: there is no domain of that number; -EINVAL: it is on its way out. */
COLD int refuse_domain(uint32_t id);
COLD int refuse_dying(const struct hv_domain *domain);
/* -ENOENT: the caller has named a vCPU that is not there. */
COLD int refuse_vcpu(const struct hv_domain *domain, uint32_t id);

/* How many reasons the running vCPU's calls have had: who compares it knows whether one was told.
 */
uint64_t refusal_count(void);
/* The refusal has been told elsewhere, or is not to be told. */
void refusal_mark_told(void);

/* A call is over with an error. `count` is what vcpu->reason.count was before it: who has not told
 * a reason by now has none, which is a mistake of ours. */
COLD void refusal_print(struct hv_vcpu *vcpu, const char *name, const uint64_t arg[], int error,
                        uint64_t count);
/* How many had none since this was asked last: the audit counts them as differences. */
uint64_t refusal_take_unexplained(void);

/* "multicall[2]: " while the running vCPU is in the third call of a multicall; else "". */
#define REFUSAL_PLACE_SIZE 32
void refusal_format_place(char place[REFUSAL_PLACE_SIZE]);

#endif
