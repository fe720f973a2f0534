#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The conformance guest on a machine whose clock is its instruction count. Timers expire there at the
# very instruction, as on real hardware and unlike under plain emulation: a deadline that is set in
# the past again and again is a storm here.
. "$(dirname "$(readlink -f "$0")")/lib.bash"

timeout 300 qemu-system-x86_64 -accel tcg,thread=single -icount shift=0,sleep=off -cpu max -m 256 \
    -nodefaults -display none -no-reboot -serial stdio -kernel "$top/build/pinnace-hv" \
    -append "console=com1 audit" -initrd "$top/build/guests/conformance.elf" \
    </dev/null >"$scratch/log" 2>&1
tr -d '\r' <"$scratch/log" >"$scratch/text"

name=conformance_holds_when_the_clock_counts_instructions
if grep -q '^END [0-9]* passed, 0 failed,' "$scratch/text"; then
    pass "$name"
else
    fail "$name" "$(grep -m 1 '^FAIL' "$scratch/text" || echo 'no END line')" "$scratch/log"
fi
name=audit_after_it_finds_no_difference
if grep -q '^(PIN) audit: .* 0 differences' "$scratch/text"; then
    pass "$name"
else
    fail "$name" "no audit without differences" "$scratch/log"
fi
