/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's part of every address space: L4 slots 256 to 271. The public ABI fixes the first
 * (the read-only M2P); the others are the hypervisor's own and the same in every table.
 *
 *   slot  address              contents
 *   256   ffff800000000000     M2P, readable by guests
 *   257   ffff808000000000     descriptor windows: 128 KiB for each vCPU, GDT then LDT
 *   259   ffff818000000000     device registers, uncached
 *   260   ffff820000000000     the image, at its physical address
 *         ffff820040000000     CPU areas: 64 KiB for each CPU, its stacks; within reach of the
 *                              image's RIP-relative addresses
 *   262   ffff830000000000     direct map of all RAM, to the end of slot 271
 *
 * Also read by assembly and by the linker script.
 */
#ifndef HV_LAYOUT_H
#define HV_LAYOUT_H

#define WINDOW_BASE     0xffff808000000000
#define MMIO_BASE       0xffff818000000000
#define IMAGE_BASE      0xffff820000000000
#define CPU_AREA_BASE   0xffff820040000000 /* link.ld: cpu_area_base */
#define DIRECT_MAP_BASE 0xffff830000000000
#define DIRECT_MAP_END  0xffff880000000000

#define IMAGE_LOAD_ADDRESS 0x100000

/* One vCPU's window: 16 pages of GDT, of which the guest has 14, then 16 of LDT. */
#define WINDOW_SIZE       0x20000
#define WINDOW_LDT_OFFSET 0x10000
#define WINDOW_GDT_PAGES  16
#define WINDOW_PAGES      32

/*
 * One CPU's area. Every stack of the CPU is in it, so the area, and with it the CPU's data at its
 * end, is found by masking the stack pointer. Pages not named are not mapped.
 *
 *   page 2,4,6,8 stacks of NMI, #DF, #MC, #DB
 *   page 10-15   the main stack; struct cpu_info at its end
 */
#define CPU_AREA_SIZE       0x10000
#define CPU_AREA_NMI_PAGE   2
#define CPU_AREA_DF_PAGE    4
#define CPU_AREA_MC_PAGE    6
#define CPU_AREA_DB_PAGE    8
#define CPU_AREA_STACK_PAGE 10
#define CPU_AREA_PAGES      16

/* Selectors in the two reserved GDT pages (xen/arch-x86/xen-x86_64.h names the guest's). */
#define SELECTOR_HYPERVISOR_CODE 0xe008
#define SELECTOR_HYPERVISOR_DATA 0xe010
#define SELECTOR_USER_CODE32     0xe023
#define SELECTOR_USER_DATA       0xe02b
#define SELECTOR_USER_CODE64     0xe033
#define SELECTOR_TSS             0xe040
#define SELECTOR_LDT             0xe050

#endif
