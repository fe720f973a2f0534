#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Debian's stock kernel under load: stress-ng's processes and mappings for a minute, checking what
# they read back, and a thousand programs. Then the hypervisor counts all references anew, and as
# many frames are free as before.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

log=$scratch/load.log
errors=$scratch/load.err
touch "$log"

# await TEXT: in a line of the log by itself, or the end of the machine, which has a time limit.
await() {
    until has_line "$log" "$1"; do
        [ -d "/proc/$runner" ] || return
        sleep 0.1
    done
}

# To the hypervisor, its keys for free memory and an audit, back to the guest, and the line that it
# waits for.
ask_hypervisor() { printf '\001\001\001mV\001\001\001\n' >&3; }

mkfifo "$scratch/typed"
timeout $((600 * patience)) "$pinnace" run --initrd "$top/build/stress-initramfs.gz" --append quiet \
    --hv-append audit --timeout $((580 * patience)) --expect '[programs 1000]' \
    <"$scratch/typed" >"$log" 2>"$errors" &
runner=$!
exec 3>"$scratch/typed"
await '[before]'
ask_hypervisor
await '[after]'
ask_hypervisor
wait "$runner"
expect_status thousand_programs_run_and_the_guest_powers_off 0 $? "$log" "$errors"
expect_line stress_with_verification_succeeds "$log" "[stress-ng 0]"

for stressor in fork mmap mremap vm switch; do
    if grep -Eq "stress-ng: metrc: .* $stressor +[1-9]" "$log"; then
        pass "stressor_${stressor}_did_its_work"
    else
        fail "stressor_${stressor}_did_its_work" "it has no count of operations" "$log"
    fi
done

# Three: before, after, and the one at the end of the machine.
mapfile -t audits < <(tr -d '\r' <"$log" | sed -n 's/^(PIN) audit: //p')
counted='^[1-9][0-9]* frames examined, [1-9][0-9]* references counted, 0 differences$'
if [ ${#audits[@]} = 3 ] && ! printf '%s\n' "${audits[@]}" | grep -Eqv "$counted"; then
    pass audits_before_and_after_the_load_find_no_difference
else
    fail audits_before_and_after_the_load_find_no_difference "they say: ${audits[*]:-nothing}" "$log"
fi

# The first is from before the domain was built.
mapfile -t free < <(tr -d '\r' <"$log" | sed -n 's/^(PIN) .*[^0-9]\([0-9][0-9]*\) frames free.*/\1/p')
if [ ${#free[@]} = 3 ] && [ "${free[1]}" = "${free[2]}" ]; then
    pass as_many_frames_are_free_after_the_load_as_before
else
    fail as_many_frames_are_free_after_the_load_as_before "these were: ${free[*]:-none}" "$log"
fi
