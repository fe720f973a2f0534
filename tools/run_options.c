/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/run_options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/memory_size.h"
#include "tools/qemu.h"
#include "tools/report.h"

#define MEMORY_DEFAULT_KIB (UINT64_C(1024) << 10)
#define MEMORY_MIN_KIB     (UINT64_C(16) << 10)
#define MEMORY_MAX_KIB     (UINT64_C(1) << 30)
#define TIMEOUT_MAX        (7 * 24 * 3600)

static const char help[] =
    "Usage: pinnace run [OPTION]...\n"
    "Boot a Linux kernel on Pinnace in QEMU, with the guest's console on this terminal.\n"
    "\n"
    "  --kernel FILE      Linux boot image (bzImage) or ELF kernel, compressed in any way that\n"
    "                     Linux has: gzip, bzip2, lzma, xz, lzo, lz4 or zstd\n"
    "                     [default: kernel/vmlinuz beside this program]\n"
    "  --initrd FILE      initial ramdisk, or \"none\"\n"
    "                     [default: initramfs.gz beside this program]\n"
    "  --append TEXT      more kernel options, after \"" RUN_KERNEL_OPTIONS "\"\n"
    "  --domain SPEC      a domain without privileges, and no first domain unless one of the three\n"
    "                     options above is given too; may be repeated. SPEC is KEY=VALUE,... with\n"
    "                       name=NAME       (needed)        memory=SIZE  [default: 128]\n"
    "                       kernel=FILE     [as above]      vcpus=N      [default: 1]\n"
    "                       ramdisk=FILE    [as above]      extra=TEXT   more kernel options\n"
    "                       serial=DEVICE   a serial port of its own, as QEMU's -serial has it\n"
    "  --memory SIZE      memory of the machine, in MiB or with K, M or G [default: 1024]\n"
    "  --timeout SECONDS  end the run after this time\n"
    "  --expect TEXT      succeed only if a line of the guest's output contains this text\n"
    "  --log FILE         write all the console's output to this file too\n"
    "  --cpu MODEL        QEMU's CPU model, for example max [default: QEMU's own]\n"
    "  --hypervisor FILE  Multiboot kernel [default: pinnace-hv beside this program]\n"
    "  --hv-append TEXT   more hypervisor options, after \"" RUN_HYPERVISOR_OPTIONS "\"\n"
    "  --help             show this text\n"
    "\n"
    "On a terminal all keys go to the guest, Ctrl-C too. Ctrl-a x ends the run;\n"
    "Ctrl-a a, or Ctrl-a twice, sends a Ctrl-a; three of those in a row switch the\n"
    "keyboard to the hypervisor and its debug keys (h lists them), and back.\n"
    "\n";

enum option_code {
    OPTION_KERNEL = 256, /* out of the way of characters */
    OPTION_INITRD,
    OPTION_APPEND,
    OPTION_DOMAIN,
    OPTION_MEMORY,
    OPTION_TIMEOUT,
    OPTION_EXPECT,
    OPTION_LOG,
    OPTION_CPU,
    OPTION_HYPERVISOR,
    OPTION_HV_APPEND,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"kernel", required_argument, NULL, OPTION_KERNEL},
    {"initrd", required_argument, NULL, OPTION_INITRD},
    {"append", required_argument, NULL, OPTION_APPEND},
    {"domain", required_argument, NULL, OPTION_DOMAIN},
    {"memory", required_argument, NULL, OPTION_MEMORY},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"log", required_argument, NULL, OPTION_LOG},
    {"cpu", required_argument, NULL, OPTION_CPU},
    {"hypervisor", required_argument, NULL, OPTION_HYPERVISOR},
    {"hv-append", required_argument, NULL, OPTION_HV_APPEND},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

void run_options_print_help(FILE *stream)
{
    fputs(help, stream);
    outcome_print_statuses(stream);
}

/* A decimal number; *end is what follows it. strtoull() alone would take signs and spaces. */
static bool parse_number(const char *text, uint64_t *value, char **end)
{
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    errno = 0;
    *value = strtoull(text, end, 10);
    return errno == 0;
}

bool memory_size_parse(const char *text, uint64_t *kib)
{
    return memory_size_read(text, kib) && *kib >= MEMORY_MIN_KIB && *kib <= MEMORY_MAX_KIB;
}

static enum outcome parse_memory(struct run_options *options, const char *text)
{
    if (!memory_size_parse(text, &options->memory_kib)) {
        report("--memory %s: must be a number of MiB, or one with K, M or G, from 16M to 1024G",
               text);
        return OUTCOME_BAD_USAGE;
    }
    return OUTCOME_SUCCESS;
}

static enum outcome parse_timeout(struct run_options *options, const char *text)
{
    uint64_t seconds;
    char *end;
    if (!parse_number(text, &seconds, &end) || *end != '\0' || seconds == 0 ||
        seconds > TIMEOUT_MAX) {
        report("--timeout %s: must be a number of seconds from 1 to %d", text, TIMEOUT_MAX);
        return OUTCOME_BAD_USAGE;
    }
    options->timeout_seconds = (unsigned)seconds;
    return OUTCOME_SUCCESS;
}

static unsigned count_serials(const struct run_options *options)
{
    unsigned count = 0;
    for (unsigned i = 0; i < options->domain_count; i++) {
        count += options->domains[i].serial != NULL ? 1 : 0;
    }
    return count;
}

static bool name_is_taken(const struct run_options *options, const char *name)
{
    for (unsigned i = 0; i < options->domain_count; i++) {
        if (strcmp(options->domains[i].name, name) == 0) {
            return true;
        }
    }
    return strcmp(name, FIRST_DOMAIN_NAME) == 0;
}

static enum outcome parse_domain(struct run_options *options, char *text)
{
    struct domain_problem problem;
    struct domain_spec spec;
    if (!domain_spec_parse(&spec, text, DOMAIN_SPEC_ON_HOST, &problem)) {
        report("--domain%s%s: %s", spec.name != NULL ? " " : "", spec.name != NULL ? spec.name : "",
               problem.text);
    } else if (name_is_taken(options, spec.name)) {
        report("--domain %s: there is a domain with this name already", spec.name);
    } else if (options->domain_count == BOOT_DOMAIN_LIMIT) {
        report("--domain %s: is one too many, the hypervisor starts %u", spec.name,
               BOOT_DOMAIN_LIMIT);
    } else if (spec.serial != NULL && count_serials(options) == QEMU_SERIALS_MAX) {
        report("--domain %s: serial=%s: a machine has %u serial ports besides the console's",
               spec.name, spec.serial, QEMU_SERIALS_MAX);
    } else {
        options->domains[options->domain_count++] = spec;
        return OUTCOME_SUCCESS;
    }
    return OUTCOME_BAD_USAGE;
}

/* Twice would look as if both were looked for, and a text of two lines could never be found. */
static enum outcome parse_expect(struct run_options *options, const char *text)
{
    if (options->expect != NULL) {
        report("--expect %s: is given a second time, and only one text can be expected", text);
    } else if (text[0] == '\0' || strpbrk(text, "\r\n") != NULL) {
        report("--expect %s: must be a text within one line", text);
    } else {
        options->expect = text;
        return OUTCOME_SUCCESS;
    }
    return OUTCOME_BAD_USAGE;
}

static enum outcome take_option(struct run_options *options, int code, char *value)
{
    switch (code) {
    case OPTION_KERNEL:
        options->kernel = value;
        return OUTCOME_SUCCESS;
    case OPTION_INITRD:
        options->initrd = value;
        return OUTCOME_SUCCESS;
    case OPTION_APPEND:
        options->append = value;
        return OUTCOME_SUCCESS;
    case OPTION_DOMAIN:
        return parse_domain(options, value);
    case OPTION_MEMORY:
        return parse_memory(options, value);
    case OPTION_TIMEOUT:
        return parse_timeout(options, value);
    case OPTION_EXPECT:
        return parse_expect(options, value);
    case OPTION_LOG:
        options->log = value;
        return OUTCOME_SUCCESS;
    case OPTION_CPU:
        options->cpu = value;
        return OUTCOME_SUCCESS;
    case OPTION_HYPERVISOR:
        options->hypervisor = value;
        return OUTCOME_SUCCESS;
    case OPTION_HV_APPEND:
        options->hypervisor_append = value;
        return OUTCOME_SUCCESS;
    case OPTION_HELP:
        options->help = true;
        return OUTCOME_SUCCESS;
    default:
        return OUTCOME_BAD_USAGE;
    }
}

/* getopt_long() refused `word`, and says with ':' that only its value is missing. */
static enum outcome refuse_option(int code, const char *word)
{
    if (code == ':') {
        report("%s: needs a value (see pinnace run --help)", word);
    } else {
        report("%s: unknown option (see pinnace run --help)", word);
    }
    return OUTCOME_BAD_USAGE;
}

enum outcome run_options_parse(struct run_options *options, int argc, char **argv)
{
    *options = (struct run_options){
        .hypervisor_append = "",
        .memory_kib = MEMORY_DEFAULT_KIB,
    };
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    for (;;) {
        int at = optind > 0 ? optind : 1;
        int code = getopt_long(argc, argv, "+:", long_options, NULL);
        if (code == -1) {
            break;
        }
        if (code == '?' || code == ':') {
            return refuse_option(code, argv[at]);
        }
        enum outcome outcome = take_option(options, code, optarg);
        if (outcome != OUTCOME_SUCCESS) {
            return outcome;
        }
    }
    if (optind < argc) {
        report("%s: unexpected argument (see pinnace run --help)", argv[optind]);
        return OUTCOME_BAD_USAGE;
    }
    options->has_first = options->domain_count == 0 || options->kernel != NULL ||
                         options->initrd != NULL || options->append != NULL;
    options->append = options->append != NULL ? options->append : "";
    return OUTCOME_SUCCESS;
}
