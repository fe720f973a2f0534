#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Domains made from inside the first one: Debian's stock kernel with Debian's xenstored and
# xenconsoled, and our tool. tests/system/toolstack-script says what is tried there.
#
#   HYPERVISOR=xen  on Debian's Xen instead: what the tool does is the public interface's
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/rig.bash"

run_in_first_domain 400 "$top/tests/system/toolstack-script" "$top/build/kernel/vmlinuz-cloud"
