#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What pinnace says to wrong options and files: one line that names the thing and the reason.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

log=$scratch/log

# refused NAME STATUS MESSAGE ARGUMENT...
refused() {
    local name=$1 wanted=$2 message=$3 status
    shift 3
    timeout 60 "$pinnace" "$@" >"$log" 2>&1 </dev/null
    status=$?
    if [ "$(cat "$log")" != "pinnace: $message" ]; then
        fail "$name" "it does not say just: $message" "$log"
    else
        expect_status "$name" "$wanted" $status "$log"
    fi
}

refused unknown_option_is_named 2 "--bogus: unknown option (see pinnace run --help)" run --bogus
refused missing_value_is_named 2 "--kernel: needs a value (see pinnace run --help)" run --kernel
refused stray_argument_is_named 2 "vmlinuz: unexpected argument (see pinnace run --help)" run vmlinuz
refused unknown_command_is_named 2 "boot: unknown command (see pinnace --help)" boot
for size in 0 -1 12 1T 1GB 99999999999999999999 ''; do
    refused "memory_size_\"$size\"_is_refused" 2 \
        "--memory $size: must be a number of MiB, or one with K, M or G, from 16M to 1024G" \
        run --memory "$size"
done
for seconds in 0 -1 5s 1e3 9999999; do
    refused "time_limit_\"$seconds\"_is_refused" 2 \
        "--timeout $seconds: must be a number of seconds from 1 to 604800" run --timeout "$seconds"
done

hypervisor=(--hypervisor "$fake")
refused missing_kernel_is_named 2 "$scratch/none: No such file or directory" \
    run "${hypervisor[@]}" --initrd none --kernel "$scratch/none"
refused missing_ramdisk_is_named 2 "$scratch/none: No such file or directory" \
    run "${hypervisor[@]}" --initrd "$scratch/none" --kernel "$vmlinuz"
refused folder_is_no_ramdisk 2 "$scratch: not a regular file" \
    run "${hypervisor[@]}" --initrd "$scratch" --kernel "$vmlinuz"
refused hypervisor_must_be_multiboot 3 "$vmlinuz: not a Multiboot kernel, as a hypervisor is" \
    run --hypervisor "$vmlinuz" --initrd none --kernel "$vmlinuz"

# ---- files that are no kernels ----

kernel_refused() { # NAME FILE MESSAGE
    refused "$1" 3 "$2: $3" run "${hypervisor[@]}" --initrd none --kernel "$2"
}

echo "not a kernel" >"$scratch/text"
kernel_refused text_is_no_kernel "$scratch/text" \
    "neither a Linux boot image (bzImage) nor an ELF file"
: >"$scratch/empty"
kernel_refused empty_file_is_no_kernel "$scratch/empty" "the file is empty"
gzip -c "$scratch/text" >"$scratch/text.gz"
kernel_refused compressed_file_is_named "$scratch/text.gz" \
    "neither a Linux boot image (bzImage) nor an ELF file, but gzip-compressed data"
kernel_refused elf_for_another_machine_is_no_kernel "$fake" \
    "an ELF file, but not a 64-bit x86 kernel"
head -c 4000000 "$vmlinuz" >"$scratch/short"
kernel_refused kernel_cut_short_is_named "$scratch/short" \
    "a Linux boot image that ends before its payload does"

# Where the payload begins: after the sectors of real-mode code, at the offset in the header.
number_at() { od -An -tu"$3" -j "$2" -N "$3" "$1" | tr -d ' '; }
payload=$((($(number_at "$vmlinuz" 497 1) + 1) * 512 + $(number_at "$vmlinuz" 584 4)))
overwritten() { # FILE OFFSET BYTES: a copy of the kernel with some bytes changed
    cp "$vmlinuz" "$1"
    printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
overwritten "$scratch/gzip" $payload '\x1f\x8b\x08'
kernel_refused compression_of_a_kernel_is_named "$scratch/gzip" \
    "the kernel is compressed with gzip; only xz can be unpacked (or give the ELF file)"
overwritten "$scratch/unknown" $payload '\x00\x01\x02\x03'
kernel_refused unknown_compression_shows_its_first_bytes "$scratch/unknown" \
    "the kernel is compressed in an unknown way: its data begins with 00010203"
overwritten "$scratch/damaged" $((payload + 100000)) '\x00\x00\x00\x00'
kernel_refused damaged_kernel_is_named "$scratch/damaged" \
    "the xz data in the Linux boot image is damaged"

# ---- extract ----

"$pinnace" extract "$vmlinuz" "$scratch/vmlinux"
expect_status kernel_is_unpacked 0 $? "$log"
size_at_end=$(number_at "$vmlinuz" $((payload + $(number_at "$vmlinuz" 588 4) - 4)) 4)
if [ "$(stat -c %s "$scratch/vmlinux")" = "$size_at_end" ]; then
    pass unpacked_kernel_has_its_full_length
else
    fail unpacked_kernel_has_its_full_length "it should have $size_at_end bytes"
fi
"$pinnace" extract "$scratch/vmlinux" "$scratch/copy"
if cmp -s "$scratch/vmlinux" "$scratch/copy"; then
    pass unpacked_kernel_is_copied
else
    fail unpacked_kernel_is_copied "the copy differs"
fi
refused output_that_cannot_be_made_is_named 1 "$scratch/no/file: No such file or directory" \
    extract "$scratch/vmlinux" "$scratch/no/file"

# ---- QEMU ----

mkdir "$scratch/no-programs"
PATH=$scratch/no-programs "$pinnace" run "${hypervisor[@]}" --initrd none \
    --kernel "$scratch/vmlinux" >"$log" 2>&1
expect_status missing_qemu_has_a_status_of_its_own 4 $? "$log"
expect_line missing_qemu_is_named_with_its_package "$log" \
    "pinnace: qemu-system-x86_64 is not installed: it is in the Debian package qemu-system-x86"
refused unknown_cpu_is_named 4 "QEMU failed: qemu-system-x86_64: unable to find CPU model 'nope'" \
    run "${hypervisor[@]}" --initrd none --kernel "$scratch/vmlinux" --cpu nope
