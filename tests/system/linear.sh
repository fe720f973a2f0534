#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# With pv-linear-pt, entries of upper tables may name tables of their own level: the hostile and the
# conformance guest find nothing else changed, and what hostile/linear.c tries is refused.
. "$(dirname "$(readlink -f "$0")")/lib.bash"

# linear_run GUEST COMMAND-LINE: no test fails.
linear_run() {
    local name=$1_holds_with_tables_of_the_same_level
    timeout $((420 * patience)) "$pinnace" run --kernel "$top/build/guests/$1.elf" --initrd none \
        --append "$2" --hv-append 'audit pv-linear-pt' --timeout $((400 * patience)) </dev/null 2>&1 |
        tr -d '\r' >"$scratch/log"
    if ! grep -q '^END [1-9][0-9]* passed, 0 failed,' "$scratch/log"; then
        fail "$name" "$(grep -m 1 '^FAIL' "$scratch/log" || echo 'no END line')" "$scratch/log"
    else
        pass "$name"
    fi
}

linear_run conformance skip=choice_same_level # which says that they are refused
linear_run hostile ''
# That they were tried, and not skipped; the names are those of the guest's tests.
while IFS= read -r name; do
    expect_line "$name" "$scratch/log" "PASS $name"
done < <(sed -n 's/^TEST(\(.*\))$/\1/p' "$top/guests/hostile/linear.c")
