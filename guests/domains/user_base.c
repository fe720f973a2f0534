/* SPDX-License-Identifier: BSD-2-Clause */
/* By itself and last, for Xen 4.17 fails it and is left with a domain that never goes. */
#include "guests/domains/contexts.h"

#include "guests/lib/test.h"

TEST(m_context_on_a_user_base_that_is_no_table_of_the_domains_is_refused)
{
    struct child child = child_without_context();
    expect_bad_bases_refused(&child, 1);
}
