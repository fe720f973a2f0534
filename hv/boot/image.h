/* SPDX-License-Identifier: BSD-2-Clause */
/* Borders of the hypervisor's image, from the linker script; all but image_data_end on pages. */
#ifndef HV_BOOT_IMAGE_H
#define HV_BOOT_IMAGE_H

extern const char image_start[];
extern const char image_text_end[];
extern const char image_rodata_end[];
extern const char image_data_end[];
extern const char image_end[];

#endif
