#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Domains made from inside the first one: Debian's stock kernel with Debian's xenstored and
# xenconsoled, and our tool. tests/system/toolstack-script says what is tried there; with
# HYPERVISOR=xen it is tried on Debian's Xen.
# shellcheck disable=SC1091
. "$(dirname "$0")/lib.bash"
. "$top/tests/system/first_domain.bash"

run_in_first_domain 800 "$top/tests/system/toolstack-script" "$top/build/kernel/vmlinuz-cloud" \
    "$top/build/guests/mini.elf"
