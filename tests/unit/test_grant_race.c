/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A granting guest that changes its entry while the hypervisor looks at it. Other guests' CPUs do
 * that at any moment; here the moment is chosen: the processor's single step raises SIGTRAP after
 * each instruction of grant_pin(), and the handler is the guest.
 */
#include "tests/fake/fake_grants.h"

#include <signal.h>
#include <string.h>
#include <ucontext.h>

#define REF       8U
#define MAPPER    2U
#define TF        0x100
#define STEPS_MAX 20000U
#define STRIDE    7U /* of the moments: all of them take ten seconds */

static struct fake_grants grants;
static grant_entry_v1_t *entry;

/* ---- single steps ---------------------------------------------------------------------------- */

static void (*volatile guest)(unsigned int step); /* NULL: nobody is stepped */
static volatile unsigned int steps;

static void on_trap(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
    if (guest == NULL || steps == STEPS_MAX) {
        *flags &= ~(greg_t)TF;
        return;
    }
    *flags |= TF; /* the first trap is our own breakpoint's */
    guest(steps++);
}

static enum status pin_while(void (*acts)(unsigned int step), unsigned int uses)
{
    struct grant_active *active;
    steps = 0;
    guest = acts;
    __asm__ volatile("int3" ::: "memory");
    enum status status =
        grant_pin(grants.granter.domain->grants, REF, (uint16_t)MAPPER, uses, &active);
    guest = NULL;
    return status;
}

static void only_count(unsigned int step)
{
    (void)step;
}

static unsigned int moments; /* at which something can happen to a pin that nobody disturbs */

static int setup(void **state)
{
    (void)state;
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    assert_int_equal(sigaction(SIGTRAP, &action, NULL), 0);
    fake_grants_start(&grants);
    fake_grant(&grants.granter, REF, &grants.mapper, fake_give(grants.granter.domain),
               GTF_permit_access);
    entry = fake_grant_entry(&grants.granter, REF);
    assert_int_equal(pin_while(only_count, GRANT_HOST_READ), STATUS_OK);
    grant_unpin(grants.granter.domain->grants, REF, GRANT_HOST_READ);
    moments = steps;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    signal(SIGTRAP, SIG_DFL);
    fake_stop();
    return 0;
}

static bool is_pinned(void)
{
    return grant_is_pinned(grant_active(grants.granter.domain->grants, REF));
}

static void unpin(unsigned int uses)
{
    grant_unpin(grants.granter.domain->grants, REF, uses);
    assert_false(is_pinned());
}

/* ---- the guests ------------------------------------------------------------------------------ */

static unsigned int moment;

/* Steps are slow, and nothing happens any more. */
static void stop_behind_the_moment(unsigned int step)
{
    if (step >= moment) {
        guest = NULL;
    }
}

/* Bits 5 to 7 and 9 to 15, which say nothing here, have a new value after each instruction; not
 * the same one again before 1024 of them. */
static void keep_changing(unsigned int step)
{
    uint16_t said = entry->flags & (GTF_type_mask | GTF_readonly | GTF_reading | GTF_writing);
    entry->flags = (uint16_t)(said | (step & 7) << 5 | (step >> 3 & 0x7f) << 9);
}

static void change_until_the_moment(unsigned int step)
{
    keep_changing(step);
    stop_behind_the_moment(step);
}

static bool withdrawn;

/* As the ABI tells guests to: only while no mark is set, in one go. */
static void withdraw_at_the_moment(unsigned int step)
{
    uint16_t expected = GTF_permit_access;
    if (step == moment) {
        withdrawn = __atomic_compare_exchange_n(&entry->flags, &expected, 0, false,
                                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    stop_behind_the_moment(step);
}

static void make_read_only_at_the_moment(unsigned int step)
{
    uint16_t expected = GTF_permit_access;
    if (step == moment) {
        withdrawn =
            __atomic_compare_exchange_n(&entry->flags, &expected, GTF_permit_access | GTF_readonly,
                                        false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void an_entry_that_never_stays_the_same_is_refused(void **state)
{
    (void)state;
    static const unsigned int uses[] = {GRANT_HOST_READ, GRANT_HOST_WRITE, GRANT_DEVICE_READ,
                                        GRANT_HOST_WRITE | GRANT_DEVICE_WRITE};
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        assert_int_equal(pin_while(keep_changing, uses[i]), STATUS_GRANT_CHANGING);
        assert_true(steps < STEPS_MAX); /* it gave up, and not the guest */
        assert_false(is_pinned());
        assert_int_equal(entry->flags & (GTF_reading | GTF_writing), 0);
        assert_int_equal(status_to_grant(STATUS_GRANT_CHANGING), GNTST_general_error);
    }
}

static void an_entry_that_comes_to_rest_is_pinned_or_refused(void **state)
{
    (void)state;
    unsigned int pinned = 0;
    for (moment = 0; moment < moments; moment += STRIDE) {
        enum status status = pin_while(change_until_the_moment, GRANT_HOST_WRITE);
        uint16_t marks = entry->flags & (GTF_reading | GTF_writing);
        if (status == STATUS_OK) {
            pinned++;
            assert_int_equal(marks, GTF_reading | GTF_writing);
            unpin(GRANT_HOST_WRITE);
        } else {
            assert_int_equal(status, STATUS_GRANT_CHANGING);
            assert_int_equal(marks, 0);
            assert_false(is_pinned());
        }
    }
    assert_true(pinned > 0 && pinned < moments);
}

/* Either the guest has its entry back and nobody uses it, or it has seen the marks. */
static void a_grant_withdrawn_at_any_moment_is_used_or_withdrawn(void **state)
{
    (void)state;
    unsigned int won = 0;
    for (moment = 0; moment < moments; moment += STRIDE) {
        entry->flags = GTF_permit_access;
        withdrawn = false;
        enum status status = pin_while(withdraw_at_the_moment, GRANT_HOST_READ);
        assert_int_equal(status, withdrawn ? STATUS_GRANT_NOT_GIVEN : STATUS_OK);
        assert_int_equal(entry->flags, withdrawn ? 0 : GTF_permit_access | GTF_reading);
        won += withdrawn ? 1 : 0;
        if (!withdrawn) {
            unpin(GRANT_HOST_READ);
        }
    }
    assert_true(won > 0 && won < moments);
}

static void a_right_withdrawn_at_any_moment_is_used_or_withdrawn(void **state)
{
    (void)state;
    unsigned int won = 0;
    for (moment = 0; moment < moments; moment += STRIDE) {
        entry->flags = GTF_permit_access;
        withdrawn = false;
        enum status status = pin_while(make_read_only_at_the_moment, GRANT_HOST_WRITE);
        assert_int_equal(status, withdrawn ? STATUS_GRANT_READ_ONLY : STATUS_OK);
        won += withdrawn ? 1 : 0;
        if (!withdrawn) {
            assert_int_equal(entry->flags, GTF_permit_access | GTF_reading | GTF_writing);
            unpin(GRANT_HOST_WRITE);
        }
    }
    assert_true(won > 0 && won < moments);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_entry_that_never_stays_the_same_is_refused),
        TEST(an_entry_that_comes_to_rest_is_pinned_or_refused),
        TEST(a_grant_withdrawn_at_any_moment_is_used_or_withdrawn),
        TEST(a_right_withdrawn_at_any_moment_is_used_or_withdrawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
