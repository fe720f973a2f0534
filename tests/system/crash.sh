#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A guest that crashes: the hypervisor says which domain and vCPU, why, the registers, the walk of its
# tables and its stack; then the machine does what the option noreboot says.
. "$(dirname "$(readlink -f "$0")")/lib.bash"

image=$top/build/guests/image.elf

# crash_run HOW OPTIONS: leaves the console in $scratch/log, the exit status in $status.
crash_run() {
    status=0
    timeout 120 "$pinnace" run --kernel "$image" --initrd none --append "crash=$1" \
        --hv-append "$2" --timeout 60 </dev/null >"$scratch/log" 2>&1 || status=$?
    tr -d '\r' <"$scratch/log" >"$scratch/text"
}

# expect_text NAME PATTERN...: every pattern is on a line of the hypervisor's.
expect_text() {
    local name=$1 pattern
    shift
    for pattern; do
        if ! grep -q "^(PIN) .*$pattern" "$scratch/text"; then
            fail "$name" "no line with \"$pattern\"" "$scratch/log"
            return
        fi
    done
    pass "$name"
}

crash_run early noreboot
expect_text exception_without_a_handler_names_the_domain_and_the_reason \
    'd0v0 crashed in kernel mode: an exception for which it has no handler'
expect_text crash_shows_registers_walk_and_stack \
    'rip e033:' 'vector 14 ' 'walk of 0x0000000123456789' 'L4\[  0\]' 'stack from 0x'
expect_text crash_with_noreboot_halts_the_machine 'machine: halted after a crash of d0'
expect_status crash_with_noreboot_has_the_status_of_a_crash 6 "$status" "$scratch/log"

crash_run early ''
expect_text crash_reboots_the_machine 'machine: reboot after a crash of d0'
expect_status crash_with_reboot_has_the_status_of_a_crash 6 "$status" "$scratch/log"

crash_run stack noreboot
expect_text stack_that_cannot_take_a_frame_ends_the_domain \
    'd0v0 crashed in kernel mode: its kernel stack cannot take an exception frame'

crash_run user noreboot
expect_text user_mode_without_a_page_table_ends_the_domain \
    'd0v0 crashed in kernel mode: iret to user mode without a user page table'

# The frame of seven words would lie in the hypervisor's range, wholly or with its first word; eight
# words above it the frame is pushed, and what the handler pushes next faults.
crash_run hole:0 noreboot
expect_text xsa_215_exception_frame_is_not_pushed_into_the_hole \
    'its kernel stack cannot take an exception frame' 'vector 6 '
crash_run hole:6 noreboot
expect_text xsa_215_exception_frame_is_not_pushed_across_the_end_of_the_hole \
    'its kernel stack cannot take an exception frame' 'vector 6 '
crash_run hole:8 noreboot
expect_text xsa_215_exception_frame_that_ends_above_the_hole_is_pushed \
    'its kernel stack cannot take an exception frame' 'vector 14 '
