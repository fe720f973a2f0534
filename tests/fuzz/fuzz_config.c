/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A domain's configuration file. What is accepted must have what the tool relies on; what is
 * refused must name the file.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/control/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    struct reason reason;
    if (!config_read(&config, "file", (const char *)data, size, NULL, 0, &reason)) {
        require(strncmp(reason.text, "file: ", 6) == 0 && reason.text[6] != '\0');
        return 0;
    }
    require(config.name[0] != '\0' && strchr(config.name, '/') == NULL);
    require(config.kernel[0] != '\0');
    require(config.memory_mib >= 1 && config.memory_limit_mib >= config.memory_mib);
    require(config.vcpus >= 1 && config.vcpu_limit >= config.vcpus);
    return 0;
}
