#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Guests on a machine whose clock is its instruction count. Timers expire there at the very
# instruction, as on real hardware and unlike under plain emulation: a deadline that is set in the
# past again and again is a storm here. And shares of the CPU are the same in every run.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$(readlink -f "$0")")/lib.bash"

# run GUEST [GUEST ARGUMENTS]
run() {
    timeout 600 qemu-system-x86_64 -accel tcg,thread=single -icount shift=0,sleep=off -cpu max \
        -m 256 -nodefaults -display none -no-reboot -serial stdio -kernel "$top/build/pinnace-hv" \
        -append "console=com1 audit dom0_max_vcpus=$vcpus" \
        -initrd "$top/build/guests/$1.elf ${*:2}" </dev/null >"$scratch/log" 2>&1
    tr -d '\r' <"$scratch/log" >"$scratch/text"
}

# verdict NAME
verdict() {
    if grep -q '^END [1-9][0-9]* passed, 0 failed,' "$scratch/text"; then
        pass "$1"
    else
        fail "$1" "$(grep -m 1 '^FAIL' "$scratch/text" || echo 'no END line')" "$scratch/log"
    fi
}

vcpus=1
run conformance
verdict conformance_holds_when_the_clock_counts_instructions
name=audit_after_it_finds_no_difference
if grep -q '^(PIN) audit: .* 0 differences' "$scratch/text"; then
    pass "$name"
else
    fail "$name" "no audit without differences" "$scratch/log"
fi

run domains exact only=sched_
verdict cpu_is_shared_exactly_when_the_clock_counts_instructions

vcpus=32
run vcpus
verdict vcpus_take_turns_when_the_clock_counts_instructions
