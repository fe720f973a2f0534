/* SPDX-License-Identifier: BSD-2-Clause */
/* From the first instruction to the last test. */
#include "guests/lib/console.h"
#include "guests/lib/event.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/start.h"
#include "guests/lib/test.h"
#include "guests/lib/trap.h"
#include "guests/lib/user.h"
#include "lib/string.h"

struct boot_state boot_state = {.rax = UINT64_MAX};
start_info_t *start_info;

NORETURN void guest_main(void);

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

/*
 * "end=reboot" on the command line reboots instead of powering off: QEMU's -no-reboot then ends it
 * also under hypervisors that only halt when their first domain powers off.
 */
void guest_main(void)
{
    start_info = (start_info_t *)boot_state.rsi;
    print("BEGIN %s, %lu pages, \"%s\"\n", start_info->magic, start_info->nr_pages,
          (const char *)start_info->cmd_line);
    trap_init();
    event_init();
    user_init();
    memory_init();
    test_run_all();
    guest_shutdown(argument_find("end=reboot") != NULL ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}
