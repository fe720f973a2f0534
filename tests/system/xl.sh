#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Debian's own tools make a domain in the first one: xl, as it is packaged for Xen 4.17.
# tests/system/xl-script says what is tried there, and first_domain.bash on what: HYPERVISOR=xen, where
# they come from, or without it on the image that measures.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/lib.bash"
. "$top/tests/system/first_domain.bash"

HYPERVISOR=${HYPERVISOR:-measured}
run_in_first_domain 800 "$top/tests/system/xl-script" "$top/build/kernel/vmlinuz-cloud" "$dialog" \
    "$top/build/guests/mini.elf"
