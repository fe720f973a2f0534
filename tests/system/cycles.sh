#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Two thousand domains, each killed at a random point of what it does while another one works
# (guests/cycles): memory comes back to the frame, no event is lost, and all references are right at
# the end.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$(readlink -f "$0")")/lib.bash"

log=$scratch/log
timeout $((400 * patience)) "$pinnace" run --timeout $((380 * patience)) --hv-append audit \
    --kernel "$top/build/guests/cycles.elf" --initrd none --append 'cycles=2000' \
    </dev/null >"$log" 2>&1
status=$?
grep -aE '^(PASS|FAIL|[0-9]+ domains)' "$log" | tr -d '\r'
expect_status machine_ends_regularly 0 $status "$log"
expect_line all_of_it_was_done "$log" 'END 3 passed, 0 failed, 0 skipped'
expect_text machine_is_consistent_at_the_end "$log" ', 0 differences'
