/* SPDX-License-Identifier: BSD-2-Clause */
/* The debug keys: what is typed while the serial input is switched to the hypervisor. */
#ifndef HV_DEBUG_KEYS_H
#define HV_DEBUG_KEYS_H

#include "lib/compiler.h"

/* Do what one key stands for, at once; as from the serial line. No lock is held. */
void debug_key_act(char key);

/* Act on the keys that wait. Called where cpu_work_perform() is. */
void debug_keys_handle(void);

#endif
