/* SPDX-License-Identifier: BSD-2-Clause */
/* The second domain dies in the middle of whatever it was doing, and is made anew. */
#ifndef TESTS_FUZZ_MMU_MORTAL_H
#define TESTS_FUZZ_MMU_MORTAL_H

/* What the first domain has of it, it keeps. Nothing happens if it is dead or has no life left. */
void mortal_destroy(void);

/* It comes back if it is dead, and all its frames came back before: the first domain lets go of
 * them. It stays dead while a handle cannot be ended. */
void mortal_revive(void);

#endif
