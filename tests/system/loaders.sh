#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The ways in that `pinnace run` does not use: GRUB on a BIOS machine, through multiboot 1 and 2, and
# a PVH loader. The guest is the image kernel, which checks its arguments and its initrd.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/lib.bash"

hypervisor=$top/build/pinnace-hv
guest=$top/build/guests/image.elf
options="console=com1 noreboot audit"
limit=150

machine() { # LOG [QEMU ARGUMENT]...
    local log=$1
    shift
    timeout $limit qemu-system-x86_64 -accel tcg,thread=single -m 256 -display none -nodefaults \
        -no-reboot -serial "file:$log" "$@" >"$log.qemu" 2>&1 </dev/null
}

# expect_in NAME LOG PATTERN: a line of the log matches as a whole
expect_in() {
    if tr -d '\r' <"$2" | grep -qx -- "$3"; then
        pass "$1"
    else
        fail "$1" "no line is \"$3\"" "$2" "$2.qemu"
    fi
}

# expect_boot NAME LOG STATUS LOADER GUEST'S ARGUMENTS TESTS
expect_boot() {
    expect_in "$1_is_known_by_its_protocol" "$2" "(PIN) Pinnace .* ($4)"
    expect_in "$1_passes_on_the_options" "$2" "(PIN) command line: $options"
    expect_in "$1_passes_on_the_kernel_s_arguments" "$2" "BEGIN xen-3.0-x86_64, .*, \"$5\""
    expect_in "$1_boots_the_guest" "$2" "END $6, 0 failed, . skipped"
    expect_in "$1_leaves_frames_in_order" "$2" "(PIN) audit: .*, 0 differences"
    expect_status "$1_lets_the_machine_be_switched_off" 0 "$3" "$2" "$2.qemu"
}

# ---- GRUB ----

# make_iso FILE COMMAND MODULE_COMMAND
make_iso() {
    local folder=$scratch/iso
    rm -rf "$folder"
    mkdir -p "$folder/boot/grub"
    cp "$hypervisor" "$folder/boot/pinnace-hv"
    cp "$guest" "$folder/boot/guest.elf"
    printf 'the ramdisk' >"$folder/boot/ramdisk"
    {
        printf 'set timeout=0\nmenuentry pinnace {\n'
        printf '    %s /boot/pinnace-hv %s\n' "$2" "$options"
        printf '    %s /boot/guest.elf module=the first=1\n' "$3"
        printf '    %s /boot/ramdisk\n}\n' "$3"
    } >"$folder/boot/grub/grub.cfg"
    grub-mkrescue -d /usr/lib/grub/i386-pc -o "$1" "$folder" >"$scratch/mkrescue.log" 2>&1 ||
        fail "$2_image_can_be_made" "grub-mkrescue failed" "$scratch/mkrescue.log"
}

boot_with_grub() { # NAME COMMAND MODULE_COMMAND PROTOCOL
    local log=$scratch/$1.log
    make_iso "$scratch/$1.iso" "$2" "$3"
    machine "$log" -cdrom "$scratch/$1.iso"
    expect_boot "$1" "$log" $? "GRUB 2\\..*, $4" 'module=the first=1' "8 passed"
}

boot_with_grub grub_multiboot_1 multiboot module "multiboot 1"
boot_with_grub grub_multiboot_2 multiboot2 module2 "multiboot 2"

# ---- PVH ----

# QEMU takes an image with a multiboot header for a multiboot kernel. Without one it looks for the
# note of a PVH kernel.
without_multiboot() { # FILE: a copy of the hypervisor
    local magic offset
    cp "$hypervisor" "$1"
    for magic in '\x02\xb0\xad\x1b' '\xd6\x50\x52\xe8'; do
        offset=$(LC_ALL=C grep -abom1 -P -- "$magic" "$1" | head -n 1 | cut -d: -f1)
        if [ -z "$offset" ] || [ "$offset" -ge 32768 ]; then
            fail image_has_both_multiboot_headers "one is missing from the first 32 KiB"
            return
        fi
        printf '\0\0\0\0' | dd of="$1" bs=1 seek="$offset" conv=notrunc status=none
    done
    pass image_has_both_multiboot_headers
}

without_multiboot "$scratch/pvh"
machine "$scratch/pvh.log" -kernel "$scratch/pvh" -append "$options" -initrd "$guest"
expect_boot pvh_loader "$scratch/pvh.log" $? "PVH" "" "7 passed"

machine "$scratch/qemu.log" -kernel "$hypervisor" -append "$options" -initrd "$guest only=stub"
expect_in qemu_s_loader_is_known_by_its_protocol "$scratch/qemu.log" \
    "(PIN) Pinnace .* (qemu, multiboot 1)"
expect_in name_of_the_kernel_is_no_argument "$scratch/qemu.log" \
    "BEGIN xen-3.0-x86_64, .*, \"only=stub\""
