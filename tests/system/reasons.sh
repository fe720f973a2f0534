#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Each refused call leaves one line at guest_loglvl=info: which call it is, where in a multicall, the
# error, and the reason with its values. A kernel asks for one bad thing of each
# (guests/conformance/refusals.c). That no refusal at all is without a reason is for the audit to
# find, after each test of every guest kernel.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$(readlink -f "$0")")/lib.bash"

# run NAME GUEST TESTS
run() {
    timeout 110 "$pinnace" run --timeout 100 --kernel "$top/build/guests/$2.elf" --initrd none \
        --append "only=$3" --hv-append 'audit guest_loglvl=info' >"$scratch/log" 2>&1 </dev/null
    tr -d '\r' <"$scratch/log" >"$scratch/text"
    if grep -q '^END [1-9][0-9]* passed, 0 failed,' "$scratch/text"; then
        pass "$1"
    else
        fail "$1" "the kernel's tests have failed" "$scratch/log"
    fi
}

# told NAME PATTERN: there is just one line of it.
told() {
    local count
    count=$(grep -cE "^\(PIN\) d0v0 $2\$" "$scratch/text")
    if [ "$count" = 1 ]; then
        pass "$1"
    else
        fail "$1" "$count lines are: $2" "$scratch/log"
    fi
}

arguments='\(0x[0-9a-f]+, 0x[0-9a-f]+\)'
no_page='at 0xffff[0-9a-f]{12} cannot be read: a page of them is not mapped'

# In the order of the kernel's list. What is not implemented is told once for each command.
run bad_requests_get_their_errors conformance each_call_refuses_what_it_cannot_do
index=0
while read -r call reason; do
    told "reason_${index}_of_$call" "$call$arguments refused: $reason"
    if [[ $reason != ENOSYS* ]]; then
        told "reason_${index}_of_${call}_in_a_multicall" \
            "multicall\[$index\]: $call$arguments refused: $reason"
    fi
    index=$((index + 1))
done <<EOF
event_channel_op EINVAL: VIRQ 99: there are 0 to 23
event_channel_op EINVAL: port 4000 is not open: sends go to inter-domain ports and IPIs
event_channel_op ESRCH: there is no domain 77
event_channel_op ENOSYS: command 99 is not implemented
sched_op EFAULT: 24 bytes $no_page
sched_op EFAULT: 4 bytes $no_page
vcpu_op ENOENT: d0 has no vCPU 77: it has 1, counted from 0
vcpu_op EINVAL: a period of 5 ns: periods are 1000000 ns and more
callback_op EINVAL: address 0x8000000000000 is not canonical
set_trap_table EINVAL: vector 3: address 0x8000000000000 is not canonical
set_segment_base EINVAL: base 0x8000000000000 is not canonical
set_debugreg EPERM: DR0 = 0xffff800000000000: the address is not the guest's
physdev_op EINVAL: I/O privilege level 4: there are 0 to 3
platform_op EACCES: interface version 0x1: it must be 0x3000001
xen_version EFAULT: 16 bytes at 0xffff[0-9a-f]{12} cannot be written: a page of them is not mapped writable
console_io EFAULT: 1 bytes $no_page
memory_op EFAULT: [0-9]+ bytes $no_page
memory_op ENOSYS: command 63 is not implemented
grant_table_op ENOSYS: command 99 is not implemented
domctl EFAULT: [0-9]+ bytes $no_page
sysctl EFAULT: [0-9]+ bytes $no_page
EOF

# What is about memory: the request, the number or the bytes, the rule, what would be accepted.
while IFS='|' read -r name reason; do
    told "memory_reason_${index}_of_$name" "$reason"
    told "memory_reason_${index}_of_${name}_in_a_multicall" "multicall\[$index\]: $reason"
    index=$((index + 1))
done <<EOF
vm_assist|vm_assist refused: type 0x6: there is no such assistance for a 64-bit guest; types are 0 to 5 and 32
set_gdt_count|set_gdt refused: count 0x1c01: no descriptor table has that many entries; a GDT has at most 7168, an LDT 8192
set_gdt_list|set_gdt refused: 16 bytes at 0xffff[0-9a-f]{12}: an argument could not be read or written; arguments are below 0x800000000000 or from 0xffff880000000000 on, and mapped
mmuext_op|mmuext_op refused: domain 0x0: there is no such domain; the caller calls itself DOMID_SELF
grant_count|grant table query refused: count 0x2: this operation has one element, not an array; call it once for each
exchange|exchange refused: count 0x2: as many frames are given as are taken; nr_extents << extent_order is the same for both
add_to_physmap|add_to_physmap refused: space 0x4: other domains' frames are added by a batch only; use add_to_physmap_batch
EOF

if grep -q '^(PIN) .*get_debugreg' "$scratch/text"; then
    fail value_of_a_register_is_no_refusal "a line says so" "$scratch/log"
else
    pass value_of_a_register_is_no_refusal
fi

run multicall_is_interrupted hostile last_call_of_an_interrupted_multicall_is_refused
# Once a second, for as long as no interruption comes.
place="multicall\[19999\]: vcpu_op$arguments refused: ENOENT: d0 has no vCPU 77: it has 1, counted from 0"
if grep -qE "^\(PIN\) d0v0 $place\$" "$scratch/text"; then
    pass place_in_a_multicall_outlasts_an_interruption
else
    fail place_in_a_multicall_outlasts_an_interruption "no line is: $place" "$scratch/log"
fi
