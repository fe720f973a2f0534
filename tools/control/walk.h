/* SPDX-License-Identifier: BSD-2-Clause */
/* Walking page tables that can be read an entry at a time. */
#ifndef TOOLS_CONTROL_WALK_H
#define TOOLS_CONTROL_WALK_H

#include "core/pte.h"

struct walk_step {
    unsigned int level;
    mfn_t table;
    unsigned int index;
    pte_t entry;
};

/* Entry `index` of a table. False: the table cannot be read. */
typedef bool (*walk_reader)(void *context, mfn_t table, unsigned int index, pte_t *entry);

/* From the L4 down to the last entry there is: the steps that could be made, up to four. *complete
 * is false if a table could not be read. */
unsigned int walk_address(mfn_t l4, uint64_t address, walk_reader read, void *context,
                          struct walk_step steps[4], bool *complete);

/* The names of an entry's bits, as "P W U A D". */
#define WALK_BITS_SIZE 96
void walk_name_bits(char text[WALK_BITS_SIZE], pte_t entry, unsigned int level);

/* Whether the entry maps memory itself, and where the address then is in the machine. */
NODISCARD bool walk_maps(const struct walk_step *step, uint64_t address, uint64_t *machine);

#endif
