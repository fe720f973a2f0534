/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypercall page: for each hypercall number, a stub the guest kernel can call. */
#ifndef BUILDER_HYPERCALL_PAGE_H
#define BUILDER_HYPERCALL_PAGE_H

/* Write the stubs to the 4096 bytes at `page`. For those who define build_port_hypercall_page(). */
void hypercall_page_fill(void *page);

#endif
