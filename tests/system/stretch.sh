#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# How long the hypervisor listens to nobody, over the whole of the guest test kernels, in
# instructions: the image is built with MEASURE=1, and the machine's clock counts instructions. The
# unit of work is the 512 entries of one table, at about a hundred instructions each. `domains` and
# `cycles` make and destroy domains, also one at all its limits.
. "$(dirname "$(readlink -f "$0")")/lib.bash"

limit_off=20000
limit_lock=80000

for kernel in conformance hostile image domains "cycles cycles=20"; do
    name=${kernel%% *}
    arguments=${kernel#"$name"}
    timeout 300 qemu-system-x86_64 -accel tcg,thread=single -icount shift=0,sleep=off -cpu max \
        -m 256 -nodefaults -display none -no-reboot -serial stdio \
        -kernel "$top/build/measure/pinnace-hv" -append "console=com1" \
        -initrd "$top/build/guests/$name.elf$arguments" </dev/null 2>&1 | tr -d '\r' >"$scratch/$name"
    read -r off lock < <(sed -nE 's/^\(PIN\) longest stretch: ([0-9]+) [a-z ]*, ([0-9]+) .*/\1 \2/p' \
        "$scratch/$name")
    printf '%s: %s instructions with interrupts off, %s with a lock held\n' "$name" "${off:--}" \
        "${lock:--}"
    test=${name}_longest_stretch_is_a_unit_of_work
    if [ -z "$off" ] || ! grep -q '^END [1-9][0-9]* passed, 0 failed,' "$scratch/$name"; then
        fail "$test" "it did not end regularly" "$scratch/$name"
    elif [ "$off" -gt $limit_off ] || [ "$lock" -gt $limit_lock ]; then
        fail "$test" "$off of $limit_off with interrupts off, $lock of $limit_lock with a lock held" \
            "$scratch/$name"
    else
        pass "$test"
    fi
done

# Debian's kernel boots and forks. It ends by itself: what stands behind "--" is its first program's.
name=stock_kernel
forks='mount -t proc proc /proc; i=0; while [ $i -lt 20 ]; do /bin/true | /bin/cat; i=$((i + 1)); done'
"$pinnace" extract "$vmlinuz" "$scratch/vmlinux"
cd "$scratch" || exit # QEMU takes what follows a space for the kernel's options
timeout 300 qemu-system-x86_64 -accel tcg,thread=single -icount shift=0,sleep=off -cpu max -m 512 \
    -nodefaults -display none -no-reboot -serial stdio \
    -kernel "$top/build/measure/pinnace-hv" -append "console=com1" \
    -initrd "vmlinux console=hvc0 rdinit=/bin/sh -- -c \"$forks; echo [forked]; poweroff -f\",$top/build/initramfs.gz" \
    </dev/null 2>&1 | tr -d '\r' >"$scratch/$name"
read -r off lock < <(sed -nE 's/^\(PIN\) longest stretch: ([0-9]+) [a-z ]*, ([0-9]+) .*/\1 \2/p' \
    "$scratch/$name")
printf '%s: %s instructions with interrupts off, %s with a lock held\n' "$name" "${off:--}" "${lock:--}"
test=stock_kernel_s_longest_stretch_is_a_unit_of_work
if [ -z "$off" ] || ! grep -q '^\[forked\]' "$scratch/$name"; then
    fail "$test" "it did not end regularly" "$scratch/$name"
elif [ "$off" -gt $limit_off ] || [ "$lock" -gt $limit_lock ]; then
    fail "$test" "$off of $limit_off with interrupts off, $lock of $limit_lock with a lock held" \
        "$scratch/$name"
else
    pass "$test"
fi
