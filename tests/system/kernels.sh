#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Kernels in every form that distributions ship them in.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

log=$scratch/log
errors=$scratch/errors

# extracts_to NAME FILE ELF
extracts_to() {
    if timeout 120 "$pinnace" extract "$2" "$scratch/out" >"$log" 2>&1 &&
        cmp -s "$scratch/out" "$3"; then
        pass "$1"
    else
        fail "$1" "what comes out is not what went in" "$log"
    fi
    rm -f "$scratch/out"
}

# ---- each compression, around a small kernel ----

for compression in gzip bzip2 lzma xz lzo lz4 zstd zstd-long; do
    pack "$compression" "$guest" >"$scratch/payload"
    bzimage "$scratch/$compression.bzimage" "$scratch/payload"
    extracts_to "boot_image_with_${compression}_is_unpacked" "$scratch/$compression.bzimage" "$guest"
done
gzip -c "$guest" >"$scratch/elf.gz"
extracts_to elf_file_compressed_by_itself_is_unpacked "$scratch/elf.gz" "$guest"
gzip -c "$scratch/zstd.bzimage" >"$scratch/bzimage.gz"
extracts_to compressed_boot_image_is_unpacked "$scratch/bzimage.gz" "$guest"
extracts_to elf_file_is_copied "$guest" "$guest"
mkfifo "$scratch/pipe"
cat "$scratch/lz4.bzimage" >"$scratch/pipe" &
extracts_to kernel_from_a_pipe_is_unpacked "$scratch/pipe" "$guest"

timeout 120 "$pinnace" run --kernel "$scratch/zstd-long.bzimage" --initrd none --timeout 100 \
    </dev/null >"$log" 2>"$errors"
expect_status kernel_of_a_new_boot_image_runs 0 $? "$log" "$errors"

# ---- Debian's kernels ----

unpacked_size() { # FILE: as the boot image has it in its last bytes
    number_at "$1" $(($(payload_offset "$1") + $(number_at "$1" 588 4) - 4)) 4
}

has_its_full_size() { # NAME FILE OUTPUT
    if "$pinnace" extract "$2" "$3" >"$log" 2>&1 &&
        [ "$(stat -c %s "$3")" = "$(unpacked_size "$2")" ]; then
        pass "$1"
    else
        fail "$1" "it should have $(unpacked_size "$2") bytes" "$log"
    fi
}

has_its_full_size debian_kernel_is_unpacked "$vmlinuz" "$scratch/vmlinux"
has_its_full_size debian_cloud_kernel_is_unpacked "$cloud_vmlinuz" "$scratch/cloud-vmlinux"
lz4 -q -d -c <(tail -c +$(($(payload_offset "$cloud_vmlinuz") + 1)) "$cloud_vmlinuz" |
    head -c $(($(number_at "$cloud_vmlinuz" 588 4) - 4))) >"$scratch/cloud-by-lz4"
if cmp -s "$scratch/cloud-vmlinux" "$scratch/cloud-by-lz4"; then
    pass cloud_kernel_is_what_the_lz4_program_makes_of_it
else
    fail cloud_kernel_is_what_the_lz4_program_makes_of_it "they differ"
fi

# Its notes say that it can be the first domain. Its configuration knows better.
config=$(dirname "$cloud_vmlinuz")/config-${cloud_vmlinuz##*/vmlinuz-}
line_number=$(grep -nx '# CONFIG_XEN_DOM0 is not set' "$config" | cut -d : -f 1)
refused cloud_kernel_is_refused_with_the_line_of_its_configuration 3 \
    "kernel $cloud_vmlinuz: the kernel was built without what it takes: it cannot be the first \
domain; line $line_number of $config is \"# CONFIG_XEN_DOM0 is not set\"" \
    run --kernel "$cloud_vmlinuz"

# Without the configuration it is tried; it starts, and then nothing is to be seen until it is ended.
"$pinnace" run --kernel "$scratch/cloud-vmlinux" --timeout 120 </dev/null >"$log" 2>"$errors" &
runner=$!
await_text "$log" "Run /init as init process" $runner
kill $runner
wait $runner
expect_status cloud_kernel_without_its_configuration_is_tried 143 $? "$log" "$errors"
expect_text cloud_kernel_starts "$log" "Run /init as init process"
expect_line console_that_is_never_opened_is_told_at_the_end "$errors" \
    "pinnace: until then the guest's kernel never opened its console, hvc0: what its programs \
write is not seen (it needs CONFIG_HVC_XEN, and CONFIG_XEN_DOM0 to be the first domain)"
