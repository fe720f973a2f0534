/* SPDX-License-Identifier: BSD-2-Clause */
/* Only a frame without any reference can be exchanged: so a guest sees what is still held. */
#ifndef GUESTS_HOSTILE_REFERENCES_H
#define GUESTS_HOSTILE_REFERENCES_H

/* Unmap a page and exchange its frame, which works only if nothing else holds it. */
void expect_no_reference_left(void *page);

#endif
