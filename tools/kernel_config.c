/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/kernel_config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/decompress.h"

#define CONFIG_SIZE_MAX (UINT64_C(4) << 20) /* ten times what there is */

/* Before and behind the gzip data of a copy that is built in (CONFIG_IKCONFIG). */
static const char built_in_start[] = "IKCFG_ST";

struct needed_option {
    const char *line; /* of a configuration that leaves it out */
    const char *consequence;
    bool first_only; /* only the first domain needs it */
};

/* The wider ones first. An option that is missing altogether tells nothing: its name may be older
 * or newer than the kernel. */
static const struct needed_option needed_options[] = {
    {"# CONFIG_HYPERVISOR_GUEST is not set", "it cannot run on a hypervisor of this kind", false},
    {"# CONFIG_PARAVIRT is not set", "it cannot run paravirtualised", false},
    {"# CONFIG_XEN is not set", "it cannot run on a hypervisor of this kind", false},
    {"# CONFIG_XEN_PV is not set", "it cannot run paravirtualised", false},
    {"# CONFIG_XEN_DOM0 is not set", "it cannot be the first domain", true},
};

/* The number of the line that is `wanted`, from 1; 0 if none is. */
static unsigned find_line(const uint8_t *text, size_t size, const char *wanted)
{
    size_t length = strlen(wanted);
    unsigned number = 1;
    while (size > 0) {
        const uint8_t *end = memchr(text, '\n', size);
        size_t line_size = end != NULL ? (size_t)(end - text) : size;
        if (line_size == length && memcmp(text, wanted, length) == 0) {
            return number;
        }
        size_t used = end != NULL ? line_size + 1 : line_size;
        text += used;
        size -= used;
        number++;
    }
    return 0;
}

bool kernel_config_scan(const uint8_t *text, size_t size, bool is_first, struct config_lack *lack)
{
    for (size_t i = 0; i < ARRAY_SIZE(needed_options); i++) {
        if (needed_options[i].first_only && !is_first) {
            continue;
        }
        unsigned number = find_line(text, size, needed_options[i].line);
        if (number != 0) {
            lack->line = needed_options[i].line;
            lack->consequence = needed_options[i].consequence;
            lack->line_number = number;
            return true;
        }
    }
    return false;
}

/* The file's path, with nothing said if there is none. */
static bool find_config_file(const char *kernel_path, const char *release, char place[PATH_MAX])
{
    char real[PATH_MAX]; /* the kernel may be a link to one in a package's folder */
    if (release[0] == '\0' || realpath(kernel_path, real) == NULL) {
        return false;
    }
    *strrchr(real, '/') = '\0';
    int length = snprintf(place, PATH_MAX, "%s/config-%s", real, release);
    return length > 0 && length < PATH_MAX && access(place, R_OK) == 0;
}

static bool scan_file(const char *path, bool is_first, struct config_lack *lack)
{
    bool found = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    uint8_t *text = fd >= 0 ? malloc(CONFIG_SIZE_MAX) : NULL;
    if (text != NULL) {
        ssize_t size = read(fd, text, CONFIG_SIZE_MAX);
        found = size > 0 && kernel_config_scan(text, (size_t)size, is_first, lack);
    }
    free(text);
    if (fd >= 0) {
        close(fd);
    }
    return found;
}

static bool scan_built_in(const struct unpacked_kernel *kernel, bool is_first,
                          struct config_lack *lack)
{
    size_t mark_size = strlen(built_in_start);
    const uint8_t *mark = memmem(kernel->elf, kernel->elf_size, built_in_start, mark_size);
    if (mark == NULL) {
        return false;
    }
    const uint8_t *packed = mark + mark_size;
    size_t left = kernel->elf_size - (size_t)(packed - kernel->elf);
    struct decompression job;
    if (compression_detect(packed, left) != COMPRESSION_GZIP ||
        decompress(COMPRESSION_GZIP, packed, left, CONFIG_SIZE_MAX, &job) != DECOMPRESS_OK) {
        return false;
    }
    bool found = kernel_config_scan(job.output, job.size, is_first, lack);
    free(job.output);
    return found;
}

bool kernel_config_find_lack(const char *path, const struct unpacked_kernel *kernel, bool is_first,
                             struct config_lack *lack)
{
    *lack = (struct config_lack){0};
    if (find_config_file(path, kernel->release, lack->place)) {
        return scan_file(lack->place, is_first, lack);
    }
    snprintf(lack->place, sizeof(lack->place), "the configuration built into it");
    return scan_built_in(kernel, is_first, lack);
}
