#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# How long the hypervisor listens to nobody, over the whole of the guest test kernels and while
# Debian's kernel boots, in instructions: the image is built with MEASURE=1, and the machine's clock counts instructions. The
# unit of work is the 512 entries of one table, at about a hundred instructions each.
. "$(dirname "$(readlink -f "$0")")/lib.bash"

limit_off=20000
limit_lock=80000

# measure NAME COMMAND-LINE MODULES END: boots, and judges when a line matches END.
measure() {
    local name=$1 off lock
    timeout 300 qemu-system-x86_64 -accel tcg,thread=single -icount shift=0,sleep=off -cpu max \
        -m 512 -nodefaults -display none -no-reboot -serial stdio \
        -kernel "$top/build/measure/pinnace-hv" -append "console=com1 $2" -initrd "$3" \
        </dev/null 2>&1 | tr -d '\r' >"$scratch/$name"
    read -r off lock < <(sed -nE 's/^\(PIN\) longest stretch: ([0-9]+) [a-z ]*, ([0-9]+) .*/\1 \2/p' \
        "$scratch/$name")
    printf '%s: %s instructions with interrupts off, %s with a lock held\n' "$name" "${off:--}" \
        "${lock:--}"
    test=${name}_longest_stretch_is_a_unit_of_work
    if [ -z "$off" ] || ! grep -q "$4" "$scratch/$name"; then
        fail "$test" "it did not end regularly" "$scratch/$name"
    elif [ "$off" -gt $limit_off ] || [ "$lock" -gt $limit_lock ]; then
        fail "$test" "$off of $limit_off with interrupts off, $lock of $limit_lock with a lock held" \
            "$scratch/$name"
    else
        pass "$test"
    fi
}

for name in conformance hostile image; do
    measure $name '' "$top/build/guests/$name.elf" '^END [1-9][0-9]* passed, 0 failed,'
done
# Its init forks some hundred times before there is a shell; at the end of input it powers off.
