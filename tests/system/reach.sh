#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Fifty domains of 4 MiB beside Debian's first domain, in a machine of 1 GiB: tests/system/
# reach-script says what is tried there. With HYPERVISOR=xen it is tried on Debian's Xen.
# shellcheck disable=SC1091
. "$(dirname "$0")/lib.bash"
. "$top/tests/system/first_domain.bash"

run_in_first_domain 800 "$top/tests/system/reach-script" "$top/build/guests/mini.elf"
[ "${HYPERVISOR:-pinnace}" = xen ] ||
    expect_text machine_is_consistent_at_the_end "$log" ', 0 differences'
