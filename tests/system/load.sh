#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Debian's stock kernel under load: stress-ng's processes and mappings for a minute, checking what
# they read back, and a thousand programs; then the hypervisor counts all references anew.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

log=$scratch/load.log
errors=$scratch/load.err

timeout 300 "$pinnace" run --initrd "$top/build/stress-initramfs.gz" --append quiet \
    --hv-append audit --timeout 280 --expect '[programs 1000]' </dev/null >"$log" 2>"$errors"
expect_status thousand_programs_run_and_the_guest_powers_off 0 $? "$log" "$errors"
expect_line stress_with_verification_succeeds "$log" "[stress-ng 0]"

for stressor in fork mmap mremap vm switch; do
    if grep -Eq "stress-ng: metrc: .* $stressor +[1-9]" "$log"; then
        pass "stressor_${stressor}_did_its_work"
    else
        fail "stressor_${stressor}_did_its_work" "it has no count of operations" "$log"
    fi
done

audit=$(tr -d '\r' <"$log" | sed -n 's/^(PIN) audit: \([0-9]* frames examined.*\)/\1/p')
if [[ $audit =~ ^[1-9][0-9]*\ frames\ examined,\ [1-9][0-9]*\ references\ counted,\ 0\ differences$ ]]; then
    pass audit_after_the_load_finds_no_difference
else
    fail audit_after_the_load_finds_no_difference "it says: ${audit:-nothing}" "$log"
fi
