/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands about the hypervisor as a whole: info, dmesg, debug-keys, audit. */
#include "tools/control/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "tools/control/audit_text.h"
#include "tools/control/commands.h"
#include "tools/control/usage.h"
#include "tools/report.h"

#define CONSOLE_STEP 16384U

static bool report_result(const char *what, int result)
{
    if (result < 0) {
        report("%s: %s", what, strerror(-result));
    }
    return result >= 0;
}

/* Perform one of the commands below with the way to the hypervisor open. */
static enum outcome with_control(bool (*perform)(struct control *control, char **argv), char **argv)
{
    struct control control;
    if (!control_open(&control)) {
        return OUTCOME_FAILED;
    }
    bool done = perform(&control, argv);
    control_close(&control);
    return done ? OUTCOME_SUCCESS : OUTCOME_FAILED;
}

/* ---- info ---- */

static const char *scheduler_name(uint32_t scheduler)
{
    switch (scheduler) {
    case XEN_SCHEDULER_CREDIT:
        return "credit";
    case XEN_SCHEDULER_CREDIT2:
        return "credit2";
    case XEN_SCHEDULER_RTDS:
        return "rtds";
    case XEN_SCHEDULER_NULL:
        return "null";
    default:
        return "unknown";
    }
}

static void print_line(const char *key, const char *value)
{
    printf("%-22s : %s\n", key, value);
}

static void print_number(const char *key, uint64_t value)
{
    printf("%-22s : %" PRIu64 "\n", key, value);
}

static void print_host(void)
{
    struct utsname host;
    if (uname(&host) == 0) {
        print_line("host", host.nodename);
        print_line("release", host.release);
        print_line("version", host.version);
        print_line("machine", host.machine);
    }
}

static bool print_physinfo(struct control *control)
{
    struct xen_sysctl_physinfo info;
    uint32_t scheduler;
    if (!report_result("physinfo", machine_get_physinfo(control, &info)) ||
        !report_result("sched_id", machine_get_scheduler(control, &scheduler))) {
        return false;
    }
    print_number("nr_cpus", info.nr_cpus);
    print_number("nr_nodes", info.nr_nodes);
    print_number("cores_per_socket", info.cores_per_socket);
    print_number("threads_per_core", info.threads_per_core);
    printf("%-22s : %u.%03u\n", "cpu_mhz", info.cpu_khz / 1000, info.cpu_khz % 1000);
    print_number("total_memory", info.total_pages >> (20 - PAGE_SHIFT));
    print_number("free_memory", info.free_pages >> (20 - PAGE_SHIFT));
    print_line("xen_scheduler", scheduler_name(scheduler));
    return true;
}

static bool print_version(struct control *control)
{
    xen_extraversion_t extra = {0};
    xen_capabilities_info_t capabilities = {0};
    xen_commandline_t command_line = {0};
    int version = machine_get_version(control, XENVER_version, extra, sizeof(extra));
    if (!report_result("xen_version", version) ||
        !report_result("xen_version",
                       machine_get_version(control, XENVER_extraversion, extra, sizeof(extra))) ||
        !report_result("xen_version", machine_get_version(control, XENVER_capabilities,
                                                          capabilities, sizeof(capabilities))) ||
        !report_result("xen_version", machine_get_version(control, XENVER_commandline, command_line,
                                                          sizeof(command_line)))) {
        return false;
    }
    printf("%-22s : %d.%d%.*s\n", "xen_version", version >> 16, version & 0xffff,
           (int)sizeof(extra), extra);
    printf("%-22s : %.*s\n", "xen_caps", (int)sizeof(capabilities), capabilities);
    printf("%-22s : %.*s\n", "xen_commandline", (int)sizeof(command_line), command_line);
    return true;
}

static bool print_info(struct control *control, char **argv)
{
    (void)argv;
    print_host();
    return print_physinfo(control) && print_version(control);
}

enum outcome command_info(int argc, char **argv)
{
    static const char help[] = "Usage: pinnace info\n"
                               "The machine and the hypervisor, in the words of xl info.\n";
    enum outcome outcome;
    return usage_check(argc, argv, 0, help, &outcome) ? with_control(print_info, argv) : outcome;
}

/* ---- dmesg ---- */

/* Text of the hypervisor's console from *index on, handed to `take` piece by piece. */
static bool read_console(struct control *control, uint32_t *index,
                         void (*take)(void *context, const char *text, size_t size), void *context)
{
    char text[CONSOLE_STEP];
    int got;
    do {
        got = machine_read_console(control, index, text, sizeof(text));
        if (got > 0) {
            take(context, text, (size_t)got);
        }
    } while (got > 0);
    return report_result("the hypervisor's console cannot be read", got);
}

static void print_text(void *context, const char *text, size_t size)
{
    (void)context;
    fwrite(text, 1, size, stdout);
}

static bool print_console(struct control *control, char **argv)
{
    (void)argv;
    uint32_t index = 0;
    return read_console(control, &index, print_text, NULL);
}

enum outcome command_dmesg(int argc, char **argv)
{
    static const char help[] = "Usage: pinnace dmesg\n"
                               "What the hypervisor wrote to its console, as far as it keeps it.\n";
    enum outcome outcome;
    return usage_check(argc, argv, 0, help, &outcome) ? with_control(print_console, argv) : outcome;
}

/* ---- debug-keys ---- */

static bool press_keys(struct control *control, char **argv)
{
    return report_result("debug-keys", machine_press_keys(control, argv[1]));
}

enum outcome command_debug_keys(int argc, char **argv)
{
    static const char help[] =
        "Usage: pinnace debug-keys KEYS\n"
        "As if the keys were typed at the hypervisor's console, where the answers go (see pinnace\n"
        "dmesg). h lists the keys.\n";
    enum outcome outcome;
    return usage_check(argc, argv, 1, help, &outcome) ? with_control(press_keys, argv) : outcome;
}

/* ---- audit ---- */

static void skip_text(void *context, const char *text, size_t size)
{
    (void)context;
    (void)text;
    (void)size;
}

static void judge_text(void *context, const char *text, size_t size)
{
    print_text(NULL, text, size);
    audit_text_add(context, text, size);
}

/* The key's answer is what is new on the console. */
static bool audit(struct control *control, char **argv)
{
    (void)argv;
    static struct audit_text answer;
    uint32_t index = 0;
    if (!read_console(control, &index, skip_text, NULL) ||
        !report_result("audit", machine_press_keys(control, "V")) ||
        !read_console(control, &index, judge_text, &answer)) {
        return false;
    }
    switch (audit_text_judge(&answer)) {
    case AUDIT_CLEAN:
        return true;
    case AUDIT_DIFFERENCES:
        report("the audit found differences");
        return false;
    case AUDIT_NONE:
        break;
    }
    report("the hypervisor made no audit: it is not Pinnace, or it had no memory for one");
    return false;
}

enum outcome command_audit(int argc, char **argv)
{
    static const char help[] =
        "Usage: pinnace audit\n"
        "Have the hypervisor recount every reference (its debug key V) and show its answer.\n"
        "Succeeds if there were no differences.\n";
    enum outcome outcome;
    return usage_check(argc, argv, 0, help, &outcome) ? with_control(audit, argv) : outcome;
}
