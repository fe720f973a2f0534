#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Kernel files as boot modules just as distributions ship them: a guest of ours unpacks them first.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/lib.bash"

limit=240
cd "$scratch" || exit 1 # short names, and none with a space, which ends a name in QEMU
cp "$top/build/pinnace-unpack" unpacker
cp "$top/build/initramfs.gz" ramdisk
cp "$guest" guest
cp "$vmlinuz" vmlinuz
cp "$cloud_vmlinuz" cloud

machine() { # LOG [QEMU ARGUMENT]...
    local log=$1
    shift
    timeout $limit qemu-system-x86_64 -accel tcg,thread=single -display none -nodefaults \
        -no-reboot -serial "file:$log" "$@" >"$log.qemu" 2>&1 </dev/null
}

# boot LOG MEMORY MODULES: as QEMU has them.
boot() { machine "$1" -m "$2" -kernel "$top/build/pinnace-hv" -append 'console=com1 audit' -initrd "$3"; }

# expect_match NAME FILE PATTERN: a whole line.
expect_match() {
    if tr -d '\r' <"$2" | grep -qaxE -- "$3"; then
        pass "$1"
    else
        fail "$1" "no line matches \"$3\"" "$2"
    fi
}

not_started() { # NAME LOG DOMAIN MODULE REASON
    expect_match "$1" "$2" "\(PIN\) domain \"$3\" is not started: its kernel, boot module $4: $5"
}

# ---- Debian's own files ----

# Linux comes up, and its first program switches it off.
options='console=hvc0 rdinit=/bin/poweroff -- -f'

first_domain_from_grub() {
    mkdir -p iso/boot/grub
    cp "$top/build/pinnace-hv" unpacker vmlinuz ramdisk iso/boot
    cat >iso/boot/grub/grub.cfg <<GRUB
set timeout=0
menuentry pinnace {
    multiboot2 /boot/pinnace-hv console=com1 audit
    module2 /boot/vmlinuz $options
    module2 /boot/ramdisk
    module2 /boot/unpacker unpack
}
GRUB
    grub-mkrescue -d /usr/lib/grub/i386-pc -o grub.iso iso >mkrescue.log 2>&1 ||
        fail unpacking_grub_image_can_be_made "grub-mkrescue failed" mkrescue.log
    machine grub.log -m 512 -cdrom grub.iso
    expect_status debian_s_own_kernel_file_is_the_first_domain_s 0 $? grub.log grub.log.qemu
    expect_match file_that_was_unpacked_is_named_with_its_sizes grub.log \
        '\(PIN\) boot module 0: unpacked from 8[0-9]{3} KiB to 6[0-9]{4} KiB in [0-9]+ ms'
    expect_match first_domain_runs_what_was_unpacked grub.log '\(PIN\) d0 powers off'
    expect_match unpacking_leaves_frames_in_order grub.log '\(PIN\) audit: .*, 0 differences'
}

# Two domains with one file; it is unpacked once.
other_domains() {
    local count
    boot others.log 640 "vmlinuz domain name=a,,memory=96,,extra=\"$options\" domain \
name=b,,memory=32,cloud domain name=c,,memory=96,,extra=\"$options\",ramdisk ramdisk a c,\
unpacker unpack"
    expect_line domains_of_debian_s_kernel_files_end_well others.log "(PIN) machine: power off"
    expect_match domain_of_debian_s_kernel_file_runs others.log '\(PIN\) d1 powers off'
    expect_match domain_of_the_cloud_kernel_s_file_runs others.log '\(PIN\) d3 powers off'
    expect_match unpacked_kernel_that_does_not_fit_is_named others.log \
        '\(PIN\) domain "b" is not started: its kernel and ramdisk need [0-9]+ MiB, it gets 32 .*'
    count=$(grep -ac 'boot module 0: unpacked' others.log)
    if [ "$count" = 1 ]; then
        pass kernel_that_domains_share_is_unpacked_once
    else
        fail kernel_that_domains_share_is_unpacked_once "$count times" others.log
    fi
    expect_match unpacking_for_several_leaves_frames_in_order others.log \
        '\(PIN\) audit: .*, 0 differences'
}

# ---- each compression, around a small kernel ----

each_compression() {
    local compression modules=unpacker\ unpack number=0
    for compression in gzip bzip2 lzma xz lzo lz4 zstd; do
        pack $compression guest >payload
        bzimage $compression payload
        modules+=",$compression domain name=$compression,,memory=32,,extra=only=stub"
    done
    gzip -c guest >alone
    gzip -c zstd >twice
    modules+=",alone domain name=alone,,memory=32,,extra=only=stub"
    modules+=",twice domain name=twice,,memory=32,,extra=only=stub"
    boot each.log 512 "$modules"
    expect_line domains_of_each_compression_end_well each.log "(PIN) machine: power off"
    for compression in gzip bzip2 lzma xz lzo lz4 zstd alone twice; do
        number=$((number + 1))
        expect_match "kernel_file_with_${compression}_is_unpacked" each.log \
            "\(PIN\) boot module $number: unpacked from [0-9]+ KiB to $(($(stat -c %s guest) >> 10)) .*"
        expect_match "domain_of_a_kernel_file_with_${compression}_runs" each.log \
            "\(d$number\) END .*, 0 failed, 0 skipped"
    done
    expect_match each_compression_leaves_frames_in_order each.log '\(PIN\) audit: .*, 0 differences'
}

# ---- what cannot be unpacked ----

bad_files() {
    local payload
    cp xz damaged
    payload=$(payload_offset xz)
    printf 'nonsense' | overwrite damaged $((payload + 4000))
    head -c $((payload + 5000)) xz >short
    printf 'a text' >text
    pack gzip text >payload
    bzimage no-elf payload
    head -c 100 guest >header
    pack lz4 header >payload
    bzimage no-kernel payload
    boot bad.log 256 "unpacker unpack,damaged domain name=a,,memory=16,short domain name=b,,memory=16,\
text domain name=c,,memory=16,no-elf domain name=d,,memory=16,no-kernel domain name=e,,memory=16,\
xz domain name=good,,memory=32,,extra=only=stub"
    expect_line bad_kernel_files_are_not_the_outcome bad.log "(PIN) machine: power off"
    not_started damaged_kernel_file_is_named bad.log a 1 \
        'the xz payload of the Linux boot image is damaged: the data contradicts itself .*'
    not_started kernel_file_cut_short_is_named bad.log b 2 \
        'a Linux boot image that is cut short: its payload goes to byte [0-9]+, but the file has .*'
    not_started module_that_is_no_kernel_file_is_named bad.log c 3 \
        'neither an x86 Linux boot image \(bzImage\) nor an ELF file'
    not_started kernel_file_without_an_elf_file_is_named bad.log d 4 \
        'neither an x86 Linux boot image \(bzImage\) nor an ELF file'
    expect_match unpacked_elf_file_is_read_like_any_other bad.log \
        '\(PIN\) domain "e" is not started: its kernel, 100 bytes, cannot be started: .*'
    expect_match good_one_among_bad_kernel_files_runs bad.log '\(d6\) END .*, 0 failed, 0 skipped'
    expect_match bad_kernel_files_leave_frames_in_order bad.log '\(PIN\) audit: .*, 0 differences'
    boot first.log 256 'short console=hvc0,unpacker unpack' &
    local machine=$! timer
    await_text first.log 'machine: panic' $machine
    read -r timer _ <"/proc/$machine/task/$machine/children"
    kill "$timer" # it ends QEMU: the machine is halted, and would stay so
    wait $machine
    expect_match first_domain_that_cannot_be_unpacked_is_a_panic first.log \
        '\(PIN\) boot module 0, "short console=hvc0": a Linux boot image that is cut short: .*'
}

# ---- an unpacker that does not do its part ----

bad_unpacker() { # NAME MODULE TEXT REASON
    boot "$1.log" 256 "$2 unpack $3,gzip domain name=a,,memory=32,\
guest domain name=b,,memory=32,,extra=only=stub"
    expect_line "$1_is_not_the_outcome" "$1.log" "(PIN) machine: power off"
    not_started "$1_is_named" "$1.log" a 1 "$4"
    expect_match "$1_does_not_keep_others_from_running" "$1.log" '\(d2\) END .*, 0 failed, 0 skipped'
    expect_match "$1_leaves_frames_in_order" "$1.log" '\(PIN\) audit: .*, 0 differences'
}

first_domain_from_grub
other_domains
each_compression
bad_files
bad_unpacker unpacker_that_hangs guest 'timeout=1 only=none end=never' \
    'unpacking it took longer than 1 s'
bad_unpacker unpacker_that_crashes guest 'crash=early' 'the unpacker crashed'
bad_unpacker unpacker_without_a_result guest 'only=none' 'the unpacker left no report'
bad_unpacker unpacker_that_is_no_kernel ramdisk '' \
    'boot module 0, which is to unpack it, cannot be started: the kernel is not an ELF file .*'
