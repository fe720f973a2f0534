/* SPDX-License-Identifier: BSD-2-Clause */
/* What guests do without asking, between operations; and assists, which change how core answers. */
#ifndef TESTS_FUZZ_MMU_GUEST_H
#define TESTS_FUZZ_MMU_GUEST_H

/* Read or write through the vCPU's tables and its CPU's TLB. */
void guest_access(void);

/* A store into a table that is mapped read-only, which core emulates. */
void guest_store(void);

/* The processor looks for a descriptor in a page of the LDT that it has not seen yet. */
void guest_use_ldt(void);

/* An entry of its own grant table. */
void guest_write_grant(void);

/* Turn an assist on or off. */
void guest_assist(void);

#endif
