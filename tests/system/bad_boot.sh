#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Machines and modules the hypervisor cannot work with. Each boot ends in one message that names the
# thing, the value and the reason, and then "machine: panic", with the machine halted: no hang before
# it, no reset. QEMU is started from here, as `pinnace run` refuses most of these files itself.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/lib.bash"

hypervisor=$top/build/pinnace-hv
guest=$top/build/guests/image.elf
log=$scratch/log

start_machine() { # [QEMU ARGUMENT]...
    rm -f "$log"
    timeout 60 qemu-system-x86_64 -accel tcg,thread=single -display none -nodefaults -no-reboot \
        -serial "file:$log" -kernel "$hypervisor" "$@" >"$log.qemu" 2>&1 </dev/null &
    runner=$!
}

# Until it has said how it ended, in a whole line, or is gone; it has a time limit.
await_end() {
    for _ in {1..600}; do
        grep -qa $'^(PIN) machine: .*\r' "$log" 2>/dev/null && return
        kill -0 $runner 2>/dev/null || return
        sleep 0.1
    done
}

# panics NAME PATTERN [QEMU ARGUMENT]...: the line before the last matches, the last says "panic"
panics() {
    local name=$1 pattern=$2 message last
    shift 2
    start_machine "$@"
    await_end
    sleep 0.3 # time for a reset
    last=$(tr -d '\r' <"$log" | tail -n 1)
    message=$(tr -d '\r' <"$log" | tail -n 2 | head -n 1)
    if ! kill -0 $runner 2>/dev/null; then
        fail "$name" "the machine did not stay halted" "$log" "$log.qemu"
    elif [ "$last" != "(PIN) machine: panic" ]; then
        fail "$name" "its last line is \"$last\"" "$log" "$log.qemu"
    elif ! [[ $message =~ ^\(PIN\)\ $pattern$ ]]; then
        fail "$name" "its message is not \"$pattern\"" "$log" "$log.qemu"
    else
        pass "$name"
    fi
    kill $runner 2>/dev/null
    wait $runner 2>/dev/null
}

# goes_on NAME PATTERN [QEMU ARGUMENT]...: some line matches, and the machine powers off
goes_on() {
    local name=$1 pattern=$2 status
    shift 2
    start_machine "$@"
    wait $runner
    status=$?
    if ! tr -d '\r' <"$log" | grep -qxE -- "$pattern"; then
        fail "$name" "no line is \"$pattern\"" "$log" "$log.qemu"
    else
        expect_status "$name" 0 $status "$log" "$log.qemu"
    fi
}

# ---- modules ----

cd "$scratch" || exit 1 # short names in the messages
cp "$guest" guest.elf
"$pinnace" extract "$vmlinuz" vmlinux
printf 'not a kernel' >text
: >empty
cp "$vmlinuz" vmlinuz
head -c 40 guest.elf >header
head -c 100000 vmlinux >cut
cp "$fake" elf32
truncate -s 40M large

refused() { # NAME FILE SIZE REASON
    panics "$1" "boot module 0, \"$2\", $3 bytes, cannot be started: $4" -m 256 -initrd "$2"
}

panics no_domain_that_can_be_started_is_named \
    "of the domains that the boot modules describe, none can be started" -m 256 \
    -initrd "guest.elf domain name=a,,memory=1"
panics no_module_is_named "no boot module: the first one must be the first domain's kernel.*" -m 256
not_elf() { # NAME FILE
    panics "$1" "boot module 0, \"$2\": it is no ELF file, and there is no boot module with the word \
\"unpack\" \(pinnace-unpack\) to make one of it" -m 256 -initrd "$2"
}
not_elf text_is_no_kernel text
not_elf empty_module_is_no_kernel empty
not_elf compressed_kernel_gets_a_hint vmlinuz
refused header_cut_short_is_no_kernel header 40 'the kernel is not an ELF file \(is it still compressed\?\)'
refused kernel_cut_short_is_named cut 100000 \
    "the kernel's notes are not wholly inside its file; .* \(0x[0-9a-f]*, 0x[0-9a-f]*\)"
refused elf_of_32_bits_is_no_kernel elf32 "$(stat -c %s elf32)" "the kernel is not a 64-bit ELF file"
cp /bin/true program
refused kernel_without_xen_notes_is_named program "$(stat -c %s program)" \
    "the kernel has no Xen notes, so it cannot run paravirtualised"

# ---- memory ----

panics too_little_memory_for_the_kernel_says_how_much \
    "too little memory for the first domain: kernel and initrd need [0-9]+ MiB, it gets 8 MiB .*" \
    -m 256 -append dom0_mem=8M -initrd vmlinux
panics initrd_larger_than_the_domain_says_how_much \
    "the initrd is too large for the first domain: it has 40 MiB, the domain gets 1[0-9] MiB .*" \
    -m 64 -initrd guest.elf,large
panics module_outside_memory_is_named \
    "boot module 1 is not wholly in RAM: 0x2800000 bytes at 0x[0-9a-f]+, RAM ends at 0x1fe0000" \
    -m 32 -initrd guest.elf,large
panics machine_of_16_mib_says_what_the_kernel_needs \
    "boot module 0 is not wholly in RAM: 0x[0-9a-f]+ bytes at .*" -m 16 -initrd vmlinux
panics machine_of_4_mib_is_too_small \
    "too little memory for the hypervisor itself: [0-9]+ KiB of RAM, [0-9]+ KiB of it in use, .*" \
    -m 4 -initrd guest.elf
goes_on machine_of_16_mib_starts_a_small_kernel 'BEGIN xen-3.0-x86_64, 2[0-9]{3} pages, ""' \
    -m 16 -initrd guest.elf # which wants more, and says so
goes_on machine_of_32_mib_is_large_enough "END 7 passed, 0 failed, 1 skipped" -m 32 -initrd guest.elf

# ---- loaders ----

loader=$top/build/system/fake-loader
misled() { # NAME ACT PATTERN: a loader that does this is found out
    panics "$1" "$3" -m 256 -kernel "$loader" -append "do=$2" -initrd "pinnace-hv,guest.elf"
}

cp "$hypervisor" pinnace-hv
goes_on stand_in_for_a_loader_works "END 7 passed, 0 failed, 1 skipped" -m 256 \
    -kernel "$loader" -append do=right -initrd "pinnace-hv,guest.elf"
misled unknown_loader_is_named wrong-magic \
    "started by no multiboot or PVH loader: eax was 0x12345678 at the entry"
misled missing_memory_map_is_named no-map 'the boot loader gives no memory map \(multiboot 1\)'
misled empty_memory_map_is_named empty-map 'the boot loader gives no memory map \(multiboot 1\)'
misled memory_map_too_long_is_named long-map \
    "the loader's memory map has more entries than there is room for; the one at .* is too many"
misled module_in_the_hypervisor_is_named module-in-image \
    "boot module 0 overlaps the hypervisor: 0x1000 bytes at 0x110000"
misled module_that_ends_before_it_starts_is_named module-backwards \
    "boot module 0 ends before it starts: at 0x[0-9a-f]+, from 0x[0-9a-f]+"
misled information_out_of_reach_is_named info-at-the-end \
    "the multiboot information is not below 4 GiB: 0xfffffff0"

# ---- processors ----

boot=(-m 64 -initrd guest.elf)
panics processor_without_long_mode_is_named \
    "the processor lacks 64-bit mode \(CPUID .* bit 29\): Pinnace cannot run on it" \
    -cpu qemu64,lm=off "${boot[@]}"
panics processor_of_32_bits_is_named \
    "the processor lacks 64-bit mode \(CPUID .* bit 29\): Pinnace cannot run on it" \
    -cpu qemu32 "${boot[@]}"
panics processor_without_no_execute_pages_is_named \
    "the processor lacks no-execute pages \(CPUID .* bit 20\): Pinnace cannot run on it" \
    -cpu qemu64,nx=off "${boot[@]}"
panics processor_without_local_apic_is_named \
    "the processor lacks a local APIC: Pinnace cannot run on it" -cpu qemu64,apic=off "${boot[@]}"

leaky="this Intel processor, family 6, does not report RDCL_NO: it may let guests read all memory"
panics processor_with_meltdown_and_l1tf_is_refused \
    "$leaky \(Meltdown, L1TF\), .*; xpti=off pv-l1tf=off accepts the risk" \
    -cpu Skylake-Client "${boot[@]}"
panics processor_with_l1tf_is_refused "$leaky \(L1TF\), .*; pv-l1tf=off accepts the risk" \
    -cpu Skylake-Client -append xpti=off "${boot[@]}"
panics processor_with_meltdown_is_refused "$leaky \(Meltdown\), .*; xpti=off accepts the risk" \
    -cpu Skylake-Client -append pv-l1tf=off "${boot[@]}"
goes_on risk_can_be_accepted "END 7 passed, 0 failed, 1 skipped" -cpu Skylake-Client \
    -append "xpti=off pv-l1tf=off" "${boot[@]}"
