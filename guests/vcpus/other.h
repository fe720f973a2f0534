/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another vCPU than the one that runs the tests. It does the jobs it is given, one after the other,
 * and yields in between. A vCPU is initialised once in its life, so each test takes a new one; the
 * kernel wants many (dom0_max_vcpus=, vcpus=).
 */
#ifndef GUESTS_VCPUS_OTHER_H
#define GUESTS_VCPUS_OTHER_H

/* Offsets in struct other, for other.S. */
#define OTHER_INFO      0
#define OTHER_UPCALLS   8
#define OTHER_FAILSAFES 16
#define OTHER_SELECTORS 24

#ifndef __ASSEMBLY__

#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/test.h"

struct other;
typedef void (*other_job_fn)(struct other *other);

/* Its GS base points here. What changes while it runs is volatile. */
struct other {
    volatile struct vcpu_info *info; /* other.S knows the first four */
    volatile uint64_t upcalls;
    volatile uint64_t failsafes;
    volatile uint64_t selectors[4]; /* ds es fs gs of the last failsafe callback */
    uint32_t id;
    volatile other_job_fn job; /* NULL: none */
    volatile uint64_t turns;   /* jobs count here whatever they like */
    volatile bool stop;        /* the end of a job that goes on until then */
    volatile int64_t result;
    uint64_t argument;
    uint8_t stack[8192] ALIGNED(16);
};

/* The number of a vCPU that no test has had; skips the test if there is none. */
uint32_t other_number(void);
/* The state in which it starts; static, valid until the next call. */
struct vcpu_guest_context *other_context(struct other *other);
/* A record of one that is not initialised yet; its events are open. */
struct other *other_new(void);
/* One that runs, without a job. */
struct other *other_start(void);

/* Give it a job, and wait for its end; or only until it has begun to count turns. */
void other_do(struct other *other, other_job_fn job);
void other_begin(struct other *other, other_job_fn job);
void other_wait(const struct other *other);
/* It yields until `stop`. */
void job_count(struct other *other);

/* Until the condition holds, but not for ever, letting others run. */
#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        for (unsigned int turn_ = 0; turn_ < 100000 && !(condition); turn_++) {                    \
            hypercall_sched_op(SCHEDOP_yield, NULL);                                               \
        }                                                                                          \
        EXPECT(condition);                                                                         \
    } while (0)

evtchn_port_t ipi_for(uint32_t vcpu);
int64_t port_send(evtchn_port_t port);

/* other.S */
void other_entry(void);
void other_event(void);
void other_failsafe(void);

#endif
#endif
