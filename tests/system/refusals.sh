#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Files and sizes that cannot work: each is refused before QEMU is started, with one line that names
# the thing, the value and the reason. tests/unit/test_tools_{unpack,check}.c have more of them.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

# kernel_refused NAME FILE MESSAGE
kernel_refused() { refused "$1" 3 "kernel $2: $3" run --initrd none --kernel "$2"; }

# ---- files that are not there ----

refused missing_kernel_is_named 3 "kernel $scratch/none: No such file or directory" \
    run --initrd none --kernel "$scratch/none"
refused missing_initrd_is_named 3 "initrd $scratch/none: No such file or directory" \
    run --initrd "$scratch/none"
refused folder_is_no_initrd 3 "initrd $scratch: not a regular file" run --initrd "$scratch"
refused folder_is_no_kernel 3 "kernel $scratch: neither a file nor a pipe" \
    run --initrd none --kernel "$scratch"
refused endless_device_is_no_kernel 3 "kernel /dev/zero: neither a file nor a pipe" \
    run --initrd none --kernel /dev/zero
refused missing_hypervisor_is_named 3 "hypervisor $scratch/none: No such file or directory" \
    run --hypervisor "$scratch/none"
refused hypervisor_must_be_multiboot 3 \
    "hypervisor $vmlinuz: not a Multiboot kernel, as a hypervisor is" run --hypervisor "$vmlinuz"

# ---- files that are no kernels ----

no_kernel="neither an x86 Linux boot image (bzImage) nor an ELF file"
: >"$scratch/empty"
kernel_refused empty_file_is_no_kernel "$scratch/empty" "the file is empty"
echo "not a kernel" >"$scratch/text"
kernel_refused text_is_no_kernel "$scratch/text" "$no_kernel"
gzip -c "$scratch/text" >"$scratch/text.gz"
kernel_refused compressed_text_is_no_kernel "$scratch/text.gz" "unpacked with gzip, $no_kernel"
kernel_refused initrd_is_no_kernel "$top/build/initramfs.gz" \
    "unpacked with gzip, $no_kernel, but an initial ramdisk (cpio)"
seq 200000 | gzip -9 | tail -c +1000 | head -c 100000 >"$scratch/random"
kernel_refused random_bytes_are_no_kernel "$scratch/random" "$no_kernel"
{ printf 'MZ' && head -c 54 /dev/zero && printf 'ARM\x64' && head -c 4096 /dev/zero; } >"$scratch/arm"
kernel_refused kernel_for_arm64_is_named "$scratch/arm" "$no_kernel, but a kernel for arm64"
kernel_refused elf_file_of_32_bits_is_named "$fake" "the kernel is not a 64-bit ELF file"
{ head -c 18 "$guest" && printf '\xb7\x00' && tail -c +21 "$guest"; } >"$scratch/elf-arm"
kernel_refused elf_file_for_arm64_is_named "$scratch/elf-arm" \
    "the kernel is for another machine than x86-64 (it is for arm64)"
kernel_refused program_is_no_kernel "$pinnace" \
    "the kernel has no Xen notes, so it cannot run paravirtualised"
head -c 40 "$guest" >"$scratch/elf-start"
kernel_refused start_of_an_elf_file_is_no_kernel "$scratch/elf-start" \
    "the kernel is not an ELF file (is it still compressed?)"

# ---- kernels that are damaged ----

head -c 4000000 "$vmlinuz" >"$scratch/short"
kernel_refused kernel_cut_short_is_named "$scratch/short" "a Linux boot image that is cut short: its \
payload goes to byte $(($(payload_offset "$vmlinuz") + $(number_at "$vmlinuz" 588 4))), but the file \
has 4000000"
payload=$(payload_offset "$vmlinuz")
cp "$vmlinuz" "$scratch/unknown"
printf '\x00\x01\x02\x03' | overwrite "$scratch/unknown" "$payload"
kernel_refused unknown_compression_shows_its_first_bytes "$scratch/unknown" \
    "the Linux boot image's payload is compressed in an unknown way: it begins with 00010203"
cp "$vmlinuz" "$scratch/debian"
printf '\x00\x00\x00\x00' | overwrite "$scratch/debian" $((payload + 1000000))
timeout 60 "$pinnace" run --initrd none --kernel "$scratch/debian" >"$scratch/log" 2>&1 </dev/null
expect_status damaged_debian_kernel_is_refused 3 $? "$scratch/log"
expect_text damaged_debian_kernel_is_named "$scratch/log" \
    "the xz payload of the Linux boot image is damaged: the data contradicts itself or its checksum"

# A few bytes in the middle; what each decoder says of it is its own.
for compression in gzip bzip2 xz lzo lz4 zstd; do
    pack "$compression" "$guest" >"$scratch/payload"
    head -c 2000 /dev/zero | tr '\0' '\377' | overwrite "$scratch/payload" 20000
    bzimage "$scratch/damaged" "$scratch/payload"
    timeout 60 "$pinnace" run --initrd none --kernel "$scratch/damaged" >"$scratch/log" 2>&1 </dev/null
    expect_status "damaged_${compression}_payload_is_refused" 3 $? "$scratch/log"
    expect_text "damaged_${compression}_payload_is_named" "$scratch/log" \
        "kernel $scratch/damaged: the $compression payload of the Linux boot image is damaged: "
done

# changed_elf FILE OFFSET BYTES: the guest kernel with some bytes changed.
changed_elf() {
    cp "$guest" "$1"
    printf '%b' "$3" | overwrite "$1" "$2"
}
# The first program header is at byte 64; in it are the physical address at 24, the size in the file
# at 32 and in memory at 40. The next one is 56 bytes on.
changed_elf "$scratch/overlap" $((64 + 56 + 24)) '\x00\x40\x10\x00'
kernel_refused segments_that_overlap_are_refused "$scratch/overlap" \
    "two segments of the kernel overlap; program headers: 0x0, 0x1"
changed_elf "$scratch/wrap" $((64 + 24)) '\x00\xf0\xff\xff\xff\xff\xff\xff'
timeout 60 "$pinnace" run --initrd none --kernel "$scratch/wrap" >"$scratch/log" 2>&1 </dev/null
expect_status segment_that_wraps_is_refused 3 $? "$scratch/log"
expect_text segment_that_wraps_is_named "$scratch/log" "a segment of the kernel goes past the end of \
the address space; physical address, size: 0xfffffffffffff000, "
changed_elf "$scratch/outside" $((64 + 8)) '\x00\x00\x00\x00\x01'
kernel_refused segment_outside_the_file_is_refused "$scratch/outside" "a segment of the kernel is \
not wholly inside its file; program header, file size: 0x0, 0x$(printf %x "$(stat -c %s "$guest")")"

# ---- sizes ----

initrd_mib=$((($(stat -c %s "$top/build/initramfs.gz") + 1048575) / 1048576))
too_little="kernel $top/build/kernel/vmlinuz: the first domain has too little memory: it takes at \
least"
# too_little_memory NAME TEXT ARGUMENT...: the numbers are the kernel's, and change with it.
too_little_memory() {
    timeout 60 "$pinnace" run "${@:3}" >"$scratch/log" 2>&1 </dev/null
    expect_status "$1_is_refused" 3 $? "$scratch/log"
    if grep -q "^pinnace: $too_little [1-9][0-9]* MiB for its kernel, $2" "$scratch/log"; then
        pass "$1_is_named"
    else
        fail "$1_is_named" "it does not say: $too_little ... $2" "$scratch/log"
    fi
}
too_little_memory too_small_a_machine \
    "its initrd of $initrd_mib MiB and its tables, and can have at most 0 MiB (the machine's 32 MiB" \
    --memory 32M
too_little_memory too_small_a_dom0_mem \
    "its initrd of $initrd_mib MiB and its tables, and can have at most 8 MiB (.*option dom0_mem)" \
    --hv-append dom0_mem=8M
truncate -s 2G "$scratch/huge-initrd"
too_little_memory initrd_larger_than_memory \
    "its initrd of 2048 MiB and its tables, and can have at most 0 MiB (the machine's 1024 MiB" \
    --initrd "$scratch/huge-initrd"
