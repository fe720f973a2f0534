/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/kernel_check.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "builder/build.h"
#include "builder/kernel_notes.h"
#include "lib/options.h"
#include "tools/build_reason.h"
#include "tools/kernel_config.h"

/* ---- the kernel ---- */

/* Which machine, where that is the matter. */
static void add_machine(const struct unpacked_kernel *kernel, struct reason *reason)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {
        {EM_386, "32-bit x86"}, {EM_ARM, "32-bit ARM"}, {EM_AARCH64, "arm64"},
        {EM_PPC64, "PowerPC"},  {EM_RISCV, "RISC-V"},   {EM_S390, "S/390"},
        {EM_MIPS, "MIPS"},      {258, "LoongArch"},
    };
    Elf64_Ehdr header;
    if (kernel->elf_size < sizeof(header)) {
        return;
    }
    memcpy(&header, kernel->elf, sizeof(header));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].machine == header.e_machine) {
            reason_add(reason, " (it is for %s)", names[i].name);
            return;
        }
    }
    reason_add(reason, " (its ELF machine number is %u)", header.e_machine);
}

static void add_lack(const struct config_lack *lack, struct reason *reason)
{
    reason_add(reason, "line %u of %s is \"%s\"", lack->line_number, lack->place, lack->line);
}

static bool check_image(const struct check_request *request, const struct build_request *build,
                        struct kernel_image *image, struct reason *reason)
{
    struct build_detail detail = {0};
    enum build_status status = kernel_image_read(build, image, &detail);
    if (status != BUILD_OK) {
        build_reason_set(reason, status, &detail);
    }
    if (status == BUILD_ELF_NOT_X86_64) {
        add_machine(request->kernel, reason);
    }
    struct config_lack lack;
    if (kernel_config_find_lack(request->kernel_path, request->kernel, request->is_first, &lack)) {
        if (status == BUILD_OK) {
            reason_set(reason, "the kernel was built without what it takes: %s", lack.consequence);
        }
        reason_add(reason, "; ");
        add_lack(&lack, reason);
        return false;
    }
    return status == BUILD_OK;
}

/* ---- the memory ---- */

/* Options that are wrong are for the hypervisor to complain of. */
static void ignore_complaint(const char *parameter, const char *value)
{
    (void)parameter;
    (void)value;
}

/* What the first domain can have at most. While it is built, the files as loaded stay where they
 * are. */
static uint64_t memory_available(const struct check_request *request)
{
    uint64_t machine = request->memory_kib << 10;
    uint64_t used = (request->others_kib << 10) + request->files_size;
    return machine > used ? machine - used : 0;
}

static uint64_t to_mib(uint64_t bytes)
{
    return bytes / (1 << 20) + (bytes % (1 << 20) != 0);
}

static void explain_first_memory(const struct check_request *request,
                                 const struct hv_options *options, uint64_t needed, uint64_t given,
                                 struct reason *reason)
{
    char others[64] = "";
    if (request->others_kib > 0) {
        snprintf(others, sizeof(others), "%" PRIu64 " MiB of other domains and ",
                 request->others_kib >> 10);
    }
    reason_set(reason,
               "the first domain has too little memory: it takes at least %" PRIu64
               " MiB for its kernel, its initrd of %" PRIu64 " MiB and its tables, and can have at "
               "most %" PRIu64 " MiB (the machine's %" PRIu64 " MiB, less %s%" PRIu64
               " MiB for kernel and initrd as they are loaded%s)",
               to_mib(needed), to_mib(request->initrd_size), given >> 20, request->memory_kib >> 10,
               others, to_mib(request->files_size),
               options->dom0_mem.size.given || options->dom0_mem.max.given
                   ? ", bounded by the hypervisor's option dom0_mem"
                   : "");
}

static void explain_memory(const struct check_request *request, uint64_t needed,
                           struct reason *reason)
{
    reason_set(reason,
               "the domain has too little memory: it takes at least %" PRIu64
               " MiB for its kernel, its initrd of %" PRIu64
               " MiB and its tables, and gets %" PRIu64 " MiB (memory=)",
               to_mib(needed), to_mib(request->initrd_size), request->domain_kib >> 10);
}

static bool check_layout(const struct check_request *request, struct build_request *build,
                         const struct kernel_image *image, struct reason *reason)
{
    struct hv_options options;
    options_parse(&options, request->hypervisor_options, ignore_complaint);
    uint64_t bytes = request->is_first
                         ? options_dom0_bytes(&options.dom0_mem, memory_available(request))
                         : request->domain_kib << 10;
    build->page_count = bytes >> PAGE_SHIFT;

    struct build_layout layout;
    struct build_detail detail = {0};
    enum build_status status = layout_compute(image, build, &layout, &detail);
    if (status == BUILD_INITRD_TOO_LARGE || status == BUILD_TOO_LITTLE_MEMORY) {
        uint64_t needed = detail.value << PAGE_SHIFT;
        if (status == BUILD_INITRD_TOO_LARGE) {
            needed += round_up(image->end, PAGE_SIZE);
        }
        if (request->is_first) {
            explain_first_memory(request, &options, needed, bytes, reason);
        } else {
            explain_memory(request, needed, reason);
        }
    } else if (status != BUILD_OK) {
        build_reason_set(reason, status, &detail);
    }
    return status == BUILD_OK;
}

bool kernel_check(const struct check_request *request, struct reason *reason)
{
    static const uint8_t initrd; /* its contents do not matter here */
    struct build_request build = {
        .kernel = request->kernel->elf,
        .kernel_size = request->kernel->elf_size,
        .initrd = request->initrd_size > 0 ? &initrd : NULL,
        .initrd_size = request->initrd_size,
        .command_line = request->kernel_options,
        .start_flags = request->is_first ? SIF_PRIVILEGED | SIF_INITDOMAIN : 0,
        .has_rings = !request->is_first,
    };
    struct kernel_image image;
    return check_image(request, &build, &image, reason) &&
           check_layout(request, &build, &image, reason);
}
