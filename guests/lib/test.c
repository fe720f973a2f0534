/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/lib/test.h"

#include "guests/lib/console.h"
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/trap_stubs.h"
#include "guests/lib/user.h"
#include "lib/check.h"
#include "lib/format.h"
#include "lib/string.h"

extern const struct test _tests_start[], _tests_end[];

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_SKIP };

static unsigned int verdict_counts[3];
static unsigned int begun;
static enum verdict verdict;
static char reason[320];

/* The test ended itself, so the trap_try() around it has no trap to report. */
static bool ending;

static NORETURN void test_end(enum verdict how)
{
    verdict = how;
    ending = true;
    trap_unwind_all();
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text_v(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    if (length < sizeof(reason)) {
        format_text(reason + length, sizeof(reason) - length, " (%s:%d)", file, line);
    }
    test_end(VERDICT_FAIL);
}

void test_skip(const char *why)
{
    format_text(reason, sizeof(reason), "%s", why);
    test_end(VERDICT_SKIP);
}

void test_needs_first_domain(void)
{
    if ((start_info->flags & SIF_INITDOMAIN) == 0) {
        test_skip("only the first domain may do this");
    }
}

void test_needs_ordinary_domain(void)
{
    if ((start_info->flags & SIF_INITDOMAIN) != 0) {
        test_skip("only an ordinary domain can see this");
    }
}

static void trap_describe(char *buffer, size_t size, const struct trap *trap)
{
    if (!trap->raised) {
        format_text(buffer, size, "no trap");
        return;
    }
    const char *from = (trap->frame.cs & 3) == 3 ? "user " : "";
    format_text(buffer, size, "%s (vector %u) error %#lx cr2 %#lx at %srip %#lx",
                trap_name(trap->vector), (unsigned int)trap->vector, trap->error, trap->cr2, from,
                trap->frame.rip);
}

void test_fail_trap(const struct trap *trap)
{
    char text[160];
    trap_describe(text, sizeof(text), trap);
    test_fail("runtime", 0, "unexpected %s", text);
}

void test_expect_equal(const char *file, int line, const char *what, uint64_t actual,
                       uint64_t expected)
{
    if (actual != expected) {
        test_fail(file, line, "%s is %#lx, not %#lx", what, actual, expected);
    }
}

void test_expect_result(const char *file, int line, const char *what, int64_t actual,
                        int64_t expected)
{
    if (actual != expected) {
        test_fail(file, line, "%s answered %ld, not %ld", what, actual, expected);
    }
}

void test_expect_no_trap(const char *file, int line, const char *what, struct trap trap)
{
    if (trap.raised) {
        char text[160];
        trap_describe(text, sizeof(text), &trap);
        test_fail(file, line, "%s met %s", what, text);
    }
}

void test_expect_trap(const char *file, int line, const char *what, struct trap trap,
                      uint64_t vector, uint64_t error)
{
    if (!trap.raised || trap.vector != vector || trap.error != error) {
        char text[160];
        trap_describe(text, sizeof(text), &trap);
        test_fail(file, line, "%s met %s, not %s error %#lx", what, text, trap_name(vector), error);
    }
}

void test_expect_page_fault(const char *file, int line, const char *what, struct trap trap,
                            uint64_t error, uint64_t address)
{
    test_expect_trap(file, line, what, trap, TRAP_PAGE_FAULT, error);
    if (trap.cr2 != address) {
        test_fail(file, line, "%s: cr2 is %#lx, not %#lx", what, trap.cr2, address);
    }
}

/* Whether the command line's KEY=TEXT gives a part of `name`; `otherwise` if there is no KEY. */
static bool argument_matches(const char *key, const char *name, bool otherwise)
{
    const char *text = argument_find(key);
    if (text == NULL) {
        return otherwise;
    }
    size_t length = 0;
    while (text[length] != '\0' && text[length] != ' ') {
        length++;
    }
    for (; strlen(name) >= length; name++) {
        if (strncmp(name, text, length) == 0) {
            return true;
        }
    }
    return false;
}

static void test_action(void *argument)
{
    const struct test *test = argument;
    test->run();
}

/* A vCPU may begin with its periodic timer running. */
static void timers_stop(void)
{
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
    hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
}

/* Back to the state in which every test begins. */
static bool state_restore(void)
{
    trap_hook = NULL;
    trap_init();
    timers_stop();
    event_reset();
    user_init();
    hypercall_set_gdt(NULL, 0);
    struct mmuext_op no_ldt = {.cmd = MMUEXT_SET_LDT};
    hypercall_mmuext_op(&no_ldt, 1, NULL, DOMID_SELF);
    hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables);
    return memory_restore();
}

/*
 * Pinnace with the option `audit` recounts all references of the machine for us, on a hypercall
 * number that the ABI leaves free; other hypervisors know no such call, and an ordinary domain may
 * not make it.
 */
static int64_t audit(void)
{
    return hypercall(__HYPERVISOR_arch_7, 0, 0, 0, 0, 0);
}

void test_needs_audit(void)
{
    if (audit() == -XEN_ENOSYS) {
        test_skip("nobody audits");
    }
}

static void audit_machine(void)
{
    int64_t differences = audit();
    if (differences != -XEN_ENOSYS && differences != -XEN_EPERM && differences != 0 &&
        verdict != VERDICT_FAIL) {
        verdict = VERDICT_FAIL;
        format_text(reason, sizeof(reason), "the audit answers %ld", differences);
    }
}

unsigned int test_number(void)
{
    return begun;
}

static void test_run(const struct test *test)
{
    static const char *const words[] = {"PASS", "FAIL", "SKIP"};
    if (argument_find("trace") != NULL) {
        print("# %s\n", test->name);
    }
    begun++;
    verdict = VERDICT_PASS;
    ending = false;
    struct test copy = *test;
    struct trap trap = trap_try(test_action, &copy);
    if (trap.raised && !ending) {
        char text[160];
        trap_describe(text, sizeof(text), &trap);
        verdict = VERDICT_FAIL;
        format_text(reason, sizeof(reason), "unexpected %s", text);
    }
    if (!state_restore() && verdict != VERDICT_FAIL) {
        verdict = VERDICT_FAIL;
        format_text(reason, sizeof(reason), "left a page in use");
    }
    audit_machine();
    verdict_counts[verdict]++;
    if (verdict == VERDICT_PASS) {
        print("PASS %s\n", test->name);
    } else {
        print("%s %s: %s\n", words[verdict], test->name, reason);
    }
}

bool test_run_all(void)
{
    timers_stop();
    for (const struct test *test = _tests_start; test < _tests_end; test++) {
        if (argument_matches("only=", test->name, true) &&
            !argument_matches("skip=", test->name, false)) {
            test_run(test);
        }
    }
    print("END %u passed, %u failed, %u skipped\n", verdict_counts[VERDICT_PASS],
          verdict_counts[VERDICT_FAIL], verdict_counts[VERDICT_SKIP]);
    return verdict_counts[VERDICT_FAIL] == 0;
}
