/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/run_inputs.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/file.h"
#include "tools/kernel_check.h"
#include "tools/kernel_file.h"
#include "tools/multiboot.h"
#include "tools/report.h"

/* A boot module in the making. Domains with the same file share the module, but not the first
 * domain: its modules have no words that say whose they are. */
struct input {
    const char *path;
    bool is_kernel;
    bool is_shared;
    struct kernel_file kernel;
    int fd;
    uint64_t size; /* as it is loaded */
    char *text;    /* from malloc() */
};

struct guest {
    const struct domain_spec *spec; /* NULL: the first domain */
    struct input *kernel;
    struct input *ramdisk; /* NULL: none */
    char *kernel_options;  /* from malloc() */
};

struct inputs {
    const struct run_options *options;
    struct qemu_config *config;
    char own_kernel[PATH_MAX]; /* the default files, as soon as they are needed */
    char own_ramdisk[PATH_MAX];
    size_t input_count;
    struct input inputs[QEMU_MODULES_MAX];
    size_t guest_count;
    struct guest guests[BOOT_DOMAIN_LIMIT + 1];
};

static enum outcome refuse_memory(void)
{
    report("out of memory");
    return OUTCOME_FAILED;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The path of `name` beside this program. */
static bool path_beside_program(const char *name, char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size);
    if (length < 0 || (size_t)length >= size) {
        report("cannot find this program's own folder: %s", strerror(errno));
        return false;
    }
    path[length] = '\0';
    char *file_name = strrchr(path, '/') + 1;
    if ((size_t)(file_name - path) + strlen(name) >= size) {
        report("this program's path is too long");
        return false;
    }
    strcpy(file_name, name);
    return true;
}

/* The path the user gave, or the default: in `own`, as long as the file is there. `option` is how
 * to give another one. */
static const char *choose_path(const char *given, const char *default_name, const char *option,
                               char own[PATH_MAX])
{
    if (given != NULL) {
        return given;
    }
    if (!path_beside_program(default_name, own, PATH_MAX)) {
        return NULL;
    }
    if (access(own, F_OK) != 0) {
        report("%s is not there: ./run makes it; or give %sFILE", own, option);
        return NULL;
    }
    return own;
}

/* QEMU tries other kinds of boot with a file that is not Multiboot, and its errors then mislead. */
static enum outcome open_hypervisor(const char *given, int *fd)
{
    char own[PATH_MAX];
    const char *path = choose_path(given, "pinnace-hv", "--hypervisor ", own);
    *fd = path != NULL ? file_open("hypervisor", path) : -1;
    if (*fd < 0) {
        return OUTCOME_INPUT_REFUSED;
    }
    uint8_t start[MULTIBOOT_SEARCH_SIZE];
    ssize_t size = pread(*fd, start, sizeof(start), 0);
    if (size < 0 || !multiboot_has_header(start, (size_t)size)) {
        report("hypervisor %s: not a Multiboot kernel, as a hypervisor is", path);
        return OUTCOME_INPUT_REFUSED;
    }
    return OUTCOME_SUCCESS;
}

static enum outcome open_kernel(struct input *input)
{
    enum outcome outcome = kernel_file_read(input->path, &input->kernel);
    if (outcome == OUTCOME_SUCCESS) {
        input->size = input->kernel.kernel.elf_size;
    }
    return outcome;
}

static enum outcome open_ramdisk(struct input *input)
{
    struct stat status;
    input->fd = file_open("initrd", input->path);
    if (input->fd < 0) {
        return OUTCOME_INPUT_REFUSED;
    }
    if (fstat(input->fd, &status) != 0) {
        report("initrd: %s", strerror(errno));
        return OUTCOME_FAILED;
    }
    input->size = (uint64_t)status.st_size;
    return OUTCOME_SUCCESS;
}

static struct input *find_shared(struct inputs *inputs, const char *path, bool is_kernel)
{
    for (size_t i = 0; i < inputs->input_count; i++) {
        struct input *input = &inputs->inputs[i];
        if (input->is_shared && input->is_kernel == is_kernel && strcmp(input->path, path) == 0) {
            return input;
        }
    }
    return NULL;
}

/* The module for a file: one that there is, if it may be shared, or another. */
static enum outcome take_input(struct inputs *inputs, const char *path, bool is_kernel, bool shared,
                               struct input **input)
{
    *input = shared ? find_shared(inputs, path, is_kernel) : NULL;
    if (*input != NULL) {
        return OUTCOME_SUCCESS;
    }
    if (inputs->input_count == QEMU_MODULES_MAX) {
        report("%s: more than %u kernels and ramdisks", path, QEMU_MODULES_MAX);
        return OUTCOME_INPUT_REFUSED;
    }
    *input = &inputs->inputs[inputs->input_count++];
    **input = (struct input){.path = path, .is_kernel = is_kernel, .is_shared = shared, .fd = -1};
    return is_kernel ? open_kernel(*input) : open_ramdisk(*input);
}

/* ---- domains -------------------------------------------------------------------------------- */

static char *join_options(const char *first, const char *more)
{
    char *joined = NULL;
    if (asprintf(&joined, "%s%s%s", first, more[0] != '\0' ? " " : "", more) < 0) {
        return NULL;
    }
    return joined;
}

/* One domain with its files. A ramdisk of "none" is none. */
static enum outcome add_guest(struct inputs *inputs, const struct domain_spec *spec,
                              const char *kernel, const char *ramdisk, const char *options)
{
    bool is_first = spec == NULL;
    struct guest *guest = &inputs->guests[inputs->guest_count++];
    *guest = (struct guest){
        .spec = spec,
        .kernel_options = join_options(RUN_KERNEL_OPTIONS, options != NULL ? options : ""),
    };
    if (guest->kernel_options == NULL) {
        return refuse_memory();
    }
    kernel = choose_path(kernel, "kernel/vmlinuz",
                         is_first ? "--kernel " : "kernel=", inputs->own_kernel);
    if (kernel == NULL) {
        return OUTCOME_INPUT_REFUSED;
    }
    enum outcome outcome = take_input(inputs, kernel, true, !is_first, &guest->kernel);
    if (outcome != OUTCOME_SUCCESS || (ramdisk != NULL && strcmp(ramdisk, "none") == 0)) {
        return outcome;
    }
    ramdisk = choose_path(ramdisk, "initramfs.gz",
                          is_first ? "--initrd " : "ramdisk=", inputs->own_ramdisk);
    if (ramdisk == NULL) {
        return OUTCOME_INPUT_REFUSED;
    }
    return take_input(inputs, ramdisk, false, !is_first, &guest->ramdisk);
}

static enum outcome add_guests(struct inputs *inputs)
{
    const struct run_options *options = inputs->options;
    enum outcome outcome = OUTCOME_SUCCESS;
    if (options->has_first) {
        outcome = add_guest(inputs, NULL, options->kernel, options->initrd, options->append);
    }
    for (unsigned i = 0; outcome == OUTCOME_SUCCESS && i < options->domain_count; i++) {
        const struct domain_spec *spec = &options->domains[i];
        outcome = add_guest(inputs, spec, spec->kernel, spec->ramdisk, spec->extra);
    }
    return outcome;
}

/* ---- checks --------------------------------------------------------------------------------- */

static uint64_t size_of_files(const struct inputs *inputs)
{
    uint64_t size = 0;
    for (size_t i = 0; i < inputs->input_count; i++) {
        size += inputs->inputs[i].size;
    }
    return size;
}

/* What the domains besides the first are to have. */
static uint64_t memory_of_domains(const struct inputs *inputs)
{
    uint64_t kib = 0;
    for (unsigned i = 0; i < inputs->options->domain_count; i++) {
        kib += inputs->options->domains[i].memory_kib;
    }
    return kib;
}

/* While domains are built, the files as loaded stay where they are. */
static enum outcome check_memory(const struct inputs *inputs)
{
    uint64_t machine = inputs->options->memory_kib;
    uint64_t domains = memory_of_domains(inputs);
    uint64_t files = size_of_files(inputs) >> 10;
    if (domains > 0 && (domains > machine || files > machine - domains)) {
        report("the domains have %" PRIu64 " MiB together, but the machine has %" PRIu64
               " MiB, less %" PRIu64 " MiB for kernels and ramdisks as they are loaded (--memory)",
               domains >> 10, machine >> 10, (files + 1023) >> 10);
        return OUTCOME_INPUT_REFUSED;
    }
    return OUTCOME_SUCCESS;
}

/* Whether the hypervisor could build it, with all that is given beside it. */
static enum outcome check_guest(const struct inputs *inputs, const struct guest *guest)
{
    const struct check_request request = {
        .kernel_path = guest->kernel->path,
        .kernel = &guest->kernel->kernel.kernel,
        .initrd_size = guest->ramdisk != NULL ? guest->ramdisk->size : 0,
        .kernel_options = guest->kernel_options,
        .is_first = guest->spec == NULL,
        .domain_kib = guest->spec != NULL ? guest->spec->memory_kib : 0,
        .hypervisor_options = inputs->config->hypervisor_options,
        .memory_kib = inputs->options->memory_kib,
        .others_kib = memory_of_domains(inputs),
        .files_size = size_of_files(inputs),
    };
    struct reason reason;
    if (kernel_check(&request, &reason)) {
        return OUTCOME_SUCCESS;
    }
    if (guest->spec != NULL) {
        report("domain %s: kernel %s: %s", guest->spec->name, guest->kernel->path, reason.text);
    } else {
        report("kernel %s: %s", guest->kernel->path, reason.text);
    }
    return OUTCOME_INPUT_REFUSED;
}

/* ---- the modules' texts --------------------------------------------------------------------- */

static bool append_text(struct input *input, const char *format, ...) PRINTF_FORMAT(2, 3);

static bool append_text(struct input *input, const char *format, ...)
{
    char *more = NULL;
    char *joined = NULL;
    va_list values;
    va_start(values, format);
    if (vasprintf(&more, format, values) < 0) {
        more = NULL;
    }
    va_end(values);
    if (more != NULL && input->text != NULL) {
        joined = join_options(input->text, more);
        free(more);
    } else {
        joined = more;
    }
    free(input->text);
    input->text = joined;
    return joined != NULL;
}

static char *format_spec(const struct domain_spec *spec)
{
    size_t size = domain_spec_format(spec, NULL, 0) + 1;
    char *text = malloc(size);
    if (text != NULL) {
        domain_spec_format(spec, text, size);
    }
    return text;
}

/* A serial port of its own is the machine's next one after the hypervisor's, com1. */
static unsigned int add_serial(struct qemu_config *config, const char *device)
{
    config->serials[config->serial_count++] = device;
    return 1 + config->serial_count;
}

static bool write_texts(struct inputs *inputs, const struct guest *guest)
{
    if (guest->spec == NULL) {
        return append_text(guest->kernel, "%s", guest->kernel_options);
    }
    struct domain_spec spec = *guest->spec;
    spec.extra = guest->kernel_options;
    if (spec.serial != NULL) {
        spec.console = add_serial(inputs->config, spec.serial);
    }
    char *text = format_spec(&spec);
    bool complete = text != NULL && append_text(guest->kernel, "domain %s", text);
    free(text);
    if (complete && guest->ramdisk != NULL) {
        complete = append_text(guest->ramdisk, "%s%s",
                               guest->ramdisk->text == NULL ? "ramdisk " : "", spec.name);
    }
    return complete;
}

static enum outcome make_modules(struct inputs *inputs)
{
    struct qemu_config *config = inputs->config;
    size_t texts = 0;
    for (size_t i = 0; i < inputs->input_count; i++) {
        struct input *input = &inputs->inputs[i];
        if (input->is_kernel) {
            const struct unpacked_kernel *kernel = &input->kernel.kernel;
            input->fd = file_in_memory("pinnace kernel", kernel->elf, kernel->elf_size);
            kernel_file_free(&input->kernel);
            if (input->fd < 0) {
                return OUTCOME_FAILED;
            }
        }
        config->modules[config->module_count++] = (struct qemu_module){
            .fd = input->fd,
            .text = input->text != NULL ? input->text : "",
        };
        texts += QEMU_MODULE_NAME_SIZE + strlen(config->modules[i].text);
    }
    if (texts > BOOT_MODULE_TEXTS) {
        report("the domains' keys and kernel options are too long: %zu bytes, of which the "
               "hypervisor takes %u",
               texts, BOOT_MODULE_TEXTS);
        return OUTCOME_INPUT_REFUSED;
    }
    return OUTCOME_SUCCESS;
}

/* ---- all together --------------------------------------------------------------------------- */

static enum outcome open_guests(struct inputs *inputs)
{
    enum outcome outcome = add_guests(inputs);
    if (outcome == OUTCOME_SUCCESS) {
        outcome = check_memory(inputs);
    }
    for (size_t i = 0; outcome == OUTCOME_SUCCESS && i < inputs->guest_count; i++) {
        outcome = check_guest(inputs, &inputs->guests[i]);
    }
    for (size_t i = 0; outcome == OUTCOME_SUCCESS && i < inputs->guest_count; i++) {
        outcome = write_texts(inputs, &inputs->guests[i]) ? OUTCOME_SUCCESS : refuse_memory();
    }
    return outcome == OUTCOME_SUCCESS ? make_modules(inputs) : outcome;
}

enum outcome run_inputs_open(const struct run_options *options, struct qemu_config *config)
{
    *config = (struct qemu_config){
        .cpu = options->cpu,
        .memory_kib = options->memory_kib,
        .hypervisor_options = join_options(RUN_HYPERVISOR_OPTIONS, options->hypervisor_append),
    };
    if (config->hypervisor_options == NULL) {
        return refuse_memory();
    }
    enum outcome outcome = open_hypervisor(options->hypervisor, &config->hypervisor_fd);
    if (outcome != OUTCOME_SUCCESS) {
        return outcome;
    }
    /* The paths and options that the modules have from here must outlive this function. */
    struct inputs *inputs = calloc(1, sizeof(*inputs));
    if (inputs == NULL) {
        return refuse_memory();
    }
    inputs->options = options;
    inputs->config = config;
    return open_guests(inputs);
}
