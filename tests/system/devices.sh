#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Debian's stock kernel drives hardware: disk controllers by DMA and network cards, each with its
# interrupts. On a PC of the first kind, whose PCI interrupts share ISA's lines, and on a q35.
# QEMU is started from here, as `pinnace run` gives a guest no devices.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"
. "$top/scripts/packages.sh"
. "$top/scripts/modules.sh"

# Bounds each boot; the slowest takes a fraction of this.
limit=240

# What the guest does. Its answers are put in brackets.
guest_init() {
    cat <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in $(cat /modules/order); do
    insmod "/modules/$module"
done
i=0
while [ ! -b /dev/sda ] && [ $i -lt 240 ]; do
    sleep 0.25
    i=$((i + 1))
done
echo "[read $(dd if=/dev/sda bs=64k count=64 2>/dev/null | md5sum)]"
dd if=/dev/sda of=/copy bs=64k count=64 2>/dev/null
dd if=/copy of=/dev/sda bs=64k seek=64 conv=fsync 2>/dev/null
echo 3 >/proc/sys/vm/drop_caches
echo "[read back $(dd if=/dev/sda bs=64k skip=64 count=64 2>/dev/null | md5sum)]"
ip link set eth0 up
i=0
while [ "$(cat /sys/class/net/eth0/carrier)" != 1 ] && [ $i -lt 240 ]; do
    sleep 0.25
    i=$((i + 1))
done
udhcpc -n -q -t 20 -T 2 -i eth0 -s /bin/true
echo "[received $([ "$(cat /sys/class/net/eth0/statistics/rx_packets)" -gt 0 ] && echo something)]"
sed -n 's/^ *[0-9]*:  *\([0-9]*\) .*xen-pirq.* \([^ ]*\)$/[interrupts \2 \1]/p' /proc/interrupts
poweroff -f
INIT
}

make_ramdisk() {
    local root=$scratch/root
    mkdir -p "$root"/{bin,dev,proc,sys}
    cp "$top/build/busybox/bin/busybox" "$root/bin/"
    copy_modules "$root/modules" "${device_modules[@]}" || return 1
    guest_init >"$root/init" && chmod +x "$root/init"
    (cd "$root" && find . | cpio --quiet -o -H newc) >"$scratch/ramdisk"
}

# At least one interrupt of a device: expect_interrupts NAME LOG DEVICE
expect_interrupts() {
    if grep -q "^\[interrupts $3 [1-9]" "$2"; then
        pass "$1"
    else
        fail "$1" "no interrupt of $3 was counted" "$2"
    fi
}

# devices_work NAME MACHINE [QEMU ARGUMENT]...
devices_work() {
    local name=$1 disk=$scratch/disk log=$scratch/$1.log sum status
    head -c 8M /dev/urandom >"$disk"
    sum=$(head -c 4M "$disk" | md5sum)

    # From the folder: QEMU takes what follows a space for the kernel's options. A message of the
    # kernel's could come in the middle of an answer's line.
    cd "$scratch" || exit
    timeout $limit qemu-system-x86_64 -accel tcg -machine "$2" -m 1024 -display none \
        -nodefaults -no-reboot -serial stdio \
        -kernel "$top/build/pinnace-hv" -append "console=com1 noreboot audit" \
        -initrd "vmlinux console=hvc0 quiet,ramdisk" \
        -drive if=none,id=disk,format=raw,file=disk \
        -netdev user,id=net,restrict=on -device e1000,netdev=net "${@:3}" \
        </dev/null 2>&1 | tr -d '\r' >"$log"
    status=${PIPESTATUS[0]}

    expect_status "${name}_powers_off" 0 "$status" "$log"
    expect_line "${name}_disk_is_read" "$log" "[read $sum]"
    expect_line "${name}_disk_is_read_back" "$log" "[read back $sum]"
    if [ "$(tail -c 4M "$disk" | md5sum)" = "$sum" ]; then
        pass "${name}_disk_is_written"
    else
        fail "${name}_disk_is_written" "the disk's image has other contents" "$log"
    fi
    expect_line "${name}_network_card_receives" "$log" "[received something]"
    expect_interrupts "${name}_network_card_interrupts" "$log" eth0
    expect_interrupts "${name}_keyboard_controller_interrupts" "$log" i8042
    if grep -q 'audit: .* 0 differences' "$log"; then
        pass "${name}_audit_finds_nothing"
    else
        fail "${name}_audit_finds_nothing" "differences, or no audit" "$log"
    fi
}

if ! have_modules; then
    fail modules_are_there "the kernel's package cannot be downloaded"
elif ! "$pinnace" extract "$vmlinuz" "$scratch/vmlinux" || ! make_ramdisk; then
    fail ramdisk_is_made "a file is missing"
else
    # PCI's lines are among ISA's, and above them.
    devices_work pc pc -device ahci,id=ahci -device ide-hd,drive=disk,bus=ahci.0
    devices_work pc_ide pc -device ide-hd,drive=disk,bus=ide.0
    devices_work q35 q35 -device ide-hd,drive=disk,bus=ide.0
fi
