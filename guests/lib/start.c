/* SPDX-License-Identifier: BSD-2-Clause */
#include "guests/lib/start.h"

#include "lib/string.h"

struct boot_state boot_state = {.rax = UINT64_MAX};
start_info_t *start_info;

const char *argument_find(const char *word)
{
    const char *text = (const char *)start_info->cmd_line;
    size_t length = strlen(word);
    bool at_word = true;
    for (; *text != '\0'; text++) {
        if (at_word && strncmp(text, word, length) == 0) {
            return text + length;
        }
        at_word = *text == ' ';
    }
    return NULL;
}
