/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test cases and their verdicts. A kernel is a set of TEST()s; test_run_all() runs those that the
 * command line asks for (only=TEXT, skip=TEXT: parts of names) and prints one line for each:
 *
 *   PASS name
 *   FAIL name: reason (file:line)
 *   SKIP name: reason
 *   END n passed, n failed, n skipped
 *
 * With "trace", each name is printed before its test too, for those that never come back.
 *
 * An expectation that does not hold ends its test. After each test the runtime undoes what it did.
 */
#ifndef GUESTS_LIB_TEST_H
#define GUESTS_LIB_TEST_H

#include "guests/lib/trap.h"
#include "lib/compiler.h"

struct test {
    const char *name;
    void (*run)(void);
};

/* GCC would turn the order of variables around; clang keeps it and does not know the attribute. */
#ifdef __clang__
#define TEST_IN_ORDER
#else
#define TEST_IN_ORDER __attribute__((no_reorder))
#endif

#define TEST(name)                                                                                 \
    static void name(void);                                                                        \
    static const struct test test_of_##name TEST_IN_ORDER                                          \
        __attribute__((section(".tests"), used, aligned(8))) = {#name, name};                      \
    static void name(void)

/* End the running test. */
NORETURN void test_fail(const char *file, int line, const char *format, ...) PRINTF_FORMAT(3, 4);
NORETURN void test_fail_trap(const struct trap *trap);
NORETURN void test_skip(const char *reason);
/* For a test that says little without the audit behind it: where nobody audits, skip it. */
void test_needs_audit(void);
/* Skip the running test in a domain without the first domain's rights. */
void test_needs_first_domain(void);
/* Skip it in the first domain. */
void test_needs_ordinary_domain(void);

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            test_fail(__FILE__, __LINE__, "not so: %s", #condition);                               \
        }                                                                                          \
    } while (0)

#define EXPECT_EQUAL(actual, expected)                                                             \
    test_expect_equal(__FILE__, __LINE__, #actual, (uint64_t)(actual), (uint64_t)(expected))

/* For results of hypercalls: 0, a count, or a negative error number (-XEN_EINVAL). */
#define EXPECT_RESULT(call, expected)                                                              \
    test_expect_result(__FILE__, __LINE__, #call, (int64_t)(call), (int64_t)(expected))

#define EXPECT_NO_TRAP(attempt) test_expect_no_trap(__FILE__, __LINE__, #attempt, attempt)

#define EXPECT_TRAP(attempt, vector, error)                                                        \
    test_expect_trap(__FILE__, __LINE__, #attempt, attempt, vector, error)

/* #PF with this error code and this address in CR2. */
#define EXPECT_PAGE_FAULT(attempt, error, address)                                                 \
    test_expect_page_fault(__FILE__, __LINE__, #attempt, attempt, error, address)

void test_expect_equal(const char *file, int line, const char *what, uint64_t actual,
                       uint64_t expected);
void test_expect_result(const char *file, int line, const char *what, int64_t actual,
                        int64_t expected);
void test_expect_no_trap(const char *file, int line, const char *what, struct trap trap);
void test_expect_trap(const char *file, int line, const char *what, struct trap trap,
                      uint64_t vector, uint64_t error);
void test_expect_page_fault(const char *file, int line, const char *what, struct trap trap,
                            uint64_t error, uint64_t address);

/* Tests begun so far: with this one, the running test has a number. */
unsigned int test_number(void);

/* Run all tests, print the last line, and answer whether none failed. */
bool test_run_all(void);

#endif
