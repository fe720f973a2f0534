/* SPDX-License-Identifier: BSD-2-Clause */
/* Put before every file of the hypervisor by the build: nothing is shared with other images, so
 * every symbol, also one that is only declared, is reached directly and not through a table. */
#ifndef __ASSEMBLY__
#pragma GCC visibility push(hidden)
#endif
