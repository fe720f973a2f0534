#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What pinnace says to wrong options and files: one line that names the thing and the reason.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

log=$scratch/log

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

refused empty_text_cannot_be_expected 2 "--expect : must be a text within one line" run --expect ''
refused text_of_two_lines_cannot_be_expected 2 "--expect a
b: must be a text within one line" run --expect $'a\nb'
refused only_one_text_can_be_expected 2 \
    "--expect b: is given a second time, and only one text can be expected" run --expect a --expect b
refused log_that_cannot_be_made_is_named 1 "log $scratch/no/file: No such file or directory" \
    run --initrd none --kernel "$guest" --log "$scratch/no/file"
refused output_that_cannot_be_made_is_named 1 "$scratch/no/file: No such file or directory" \
    extract "$guest" "$scratch/no/file"

# ---- the commands in the first domain, outside one ----

if [ -e /dev/xen/privcmd ]; then
    fail commands_need_a_first_domain "this machine has one"
else
    refused commands_need_a_first_domain 1 "/dev/xen/privcmd is not there: this command works in \
the first domain of a hypervisor, with the kernel's module xen-privcmd" list
fi
refused argument_of_create_is_needed 2 "create: which file? (see pinnace create --help)" create
refused unknown_option_of_create_is_named 2 \
    "create: unknown option --bogus (see pinnace create --help)" create --bogus x
refused console_of_a_domain_without_a_store_is_refused 2 \
    "create: a domain without a store has no console to connect to" create --no-store -c x
refused missing_configuration_is_named 1 \
    "configuration $scratch/none: No such file or directory" create "$scratch/none"
refused arguments_are_counted 2 "pause takes 1 argument, not 0 (see pinnace pause --help)" pause
refused too_many_arguments_are_counted 2 \
    "list takes 0 arguments, not 1 (see pinnace list --help)" list all
refused option_of_a_simple_command_is_named 2 \
    "destroy: unknown option --all (see pinnace destroy --help)" destroy --all
refused address_must_be_a_number 1 \
    "walk: here is not an address, such as 0xffffffff81000000" walk 1 here
refused address_must_be_canonical 1 \
    "walk: 0x800000000000 is not canonical: bits 63 to 47 are not the same" walk 1 0x800000000000

# ---- QEMU ----

mkdir "$scratch/no-programs"
PATH=$scratch/no-programs "$pinnace" run --initrd none --kernel "$guest" >"$log" 2>&1
expect_status missing_qemu_has_a_status_of_its_own 4 $? "$log"
expect_line missing_qemu_is_named_with_its_package "$log" \
    "pinnace: qemu-system-x86_64 is not installed: it is in the Debian package qemu-system-x86"
refused unknown_cpu_is_named 4 "QEMU failed: qemu-system-x86_64: unable to find CPU model 'nope'" \
    run --initrd none --kernel "$guest" --cpu nope
