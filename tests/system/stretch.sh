#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# How long the hypervisor listens to nobody, over the whole of the guest test kernels and a boot of
# Debian's kernel, in instructions: the image is built with MEASURE=1, and the machine's clock counts
# instructions. The unit of work is the 512 entries of one table, at about a hundred instructions
# each. `domains` and `cycles` make and destroy domains, also one at all its limits.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$(readlink -f "$0")")/lib.bash"

limit_off=20000
limit_lock=80000
longest_off=0
longest_lock=0

# start NAME MEBIBYTES OPTIONS MODULE: the output is left in $scratch/NAME.
start() {
    timeout 600 qemu-system-x86_64 -accel tcg,thread=single -icount shift=0,sleep=off -cpu max \
        -m "$2" -nodefaults -display none -no-reboot -serial stdio \
        -kernel "$top/build/measure/pinnace-hv" -append "console=com1 $3" -initrd "$4" \
        </dev/null 2>&1 | tr -d '\r' >"$scratch/$1"
}

# judge NAME MARK: its output has a line that begins so, which a regular end alone leaves behind.
judge() {
    local off lock test=${1}_longest_stretch_is_a_unit_of_work
    read -r off lock < <(sed -nE \
        's/^\(PIN\) longest stretch: ([0-9]+) [a-z ]*, ([0-9]+) .*/\1 \2/p' "$scratch/$1")
    printf '%s: %s instructions with interrupts off, %s with a lock held\n' "$1" "${off:--}" \
        "${lock:--}"
    if [ -z "$off" ] || ! grep -q "^$2" "$scratch/$1"; then
        fail "$test" "it did not end regularly" "$scratch/$1"
        return
    fi
    longest_off=$((off > longest_off ? off : longest_off))
    longest_lock=$((lock > longest_lock ? lock : longest_lock))
    if [ "$off" -gt $limit_off ] || [ "$lock" -gt $limit_lock ]; then
        fail "$test" "$off of $limit_off with interrupts off, $lock of $limit_lock with a lock held" \
            "$scratch/$1"
    else
        pass "$test"
    fi
}

measure_guest() { # NAME OPTIONS [ARGUMENTS]
    start "$1" 256 "$2" "$top/build/guests/$1.elf${3:+ $3}"
    judge "$1" 'END [1-9][0-9]* passed, 0 failed,'
}

# It boots, forks, and ends by itself: what stands behind "--" is its first program's.
measure_stock_kernel() {
    local forks='mount -t proc proc /proc; i=0;'
    forks+=' while [ $i -lt 20 ]; do /bin/true | /bin/cat; i=$((i + 1)); done'
    "$pinnace" extract "$vmlinuz" "$scratch/vmlinux"
    # QEMU takes what follows a space for the kernel's options, and a comma for the next module.
    cd "$scratch" || exit
    local kernel="vmlinux console=hvc0 rdinit=/bin/sh -- -c \"$forks; echo [forked]; poweroff -f\""
    start stock_kernel 512 '' "$kernel,$top/build/initramfs.gz"
    judge stock_kernel '\[forked\]'
}

measure_guest conformance ''
measure_guest hostile ''
measure_guest image ''
measure_guest vcpus 'dom0_max_vcpus=32'
measure_guest bench ''
measure_guest domains ''
measure_guest cycles '' 'cycles=20'
measure_stock_kernel
printf 'longest stretch of all: %s instructions with interrupts off, %s with a lock held\n' \
    $longest_off $longest_lock
