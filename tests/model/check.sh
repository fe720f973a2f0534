#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Check tests/model/mmu.pml with Spin, exhaustively for small numbers of calls: that every property
# holds, and that each variant with one step removed or in another place breaks one. Prints "PASS
# name" or "FAIL name: why".
set -u

here=$(readlink -f "$(dirname "$0")")
work=$here/../../build/model
megabytes=1500
seconds=100
rm -rf "$work"
mkdir -p "$work"
work=$(readlink -f "$work")

# Run Spin on the model: run NAME "CC FLAGS" "PAN FLAGS" [SPIN FLAG]... The output is NAME/log.
run() {
    local folder=$work/$1 compile=$2 options=$3
    shift 3
    mkdir "$folder"
    (
        cd "$folder" || exit
        # Optimising a verifier takes longer than running it.
        # shellcheck disable=SC2086
        spin -a "$@" "$here/mmu.pml" && gcc -O0 -w -DCOLLAPSE -DMEMLIM=$megabytes \
            -DVECTORSZ=2048 $compile -o pan pan.c && timeout $seconds ./pan -m200000 $options
    ) >"$folder/log" 2>&1
    rm -f "$folder"/pan*
}

# Every state was seen, and none breaks a property.
expect_proof() {
    local log=$work/$1/log
    if grep -q 'errors: 0' "$log" && ! grep -q -e 'max search depth too small' \
        -e 'Search not completed' -e 'reached' <(grep -v 'depth reached' "$log" | grep -v unreached); then
        printf 'PASS %s (%s states)\n' "$1" "$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$log")"
    else
        printf 'FAIL %s: %s\n' "$1" "$(grep -m 1 -e '^pan:' -e rror "$log")"
    fi
}

# The variant breaks the property that the text is about.
expect_error() {
    local log=$work/$1/log
    if grep -q 'errors: 1' "$log" && grep -q -e "^pan:1: .*$2" "$log"; then
        printf 'PASS %s\n' "$1"
    else
        printf 'FAIL %s: Spin does not find what is wrong: %s\n' "$1" \
            "$(grep -m 1 -e '^pan:' -e 'errors:' -e rror "$log")"
    fi
}

proofs() {
    run mmu_protocol_keeps_every_count_and_no_store_reaches_a_table -DSAFETY '-w24'
    run mmu_calls_all_end '-DNFAIR=4' '-a -f -w22' -DPROGRESS -DACCESSES=0 -DCHANGES=0
    expect_proof mmu_protocol_keeps_every_count_and_no_store_reaches_a_table
    expect_proof mmu_calls_all_end
}

store='assertion.*tlb_leaf'
table='assertion.*tlb_table'
count='assertion.*type_count'

variants() {
    local name flag property
    while read -r name flag property; do
        run "$name" -DSAFETY -w20 "-D$flag"
        expect_error "$name" "$property"
    done <<END
a_missing_flush_at_the_claim_is_caught NO_CLAIM_FLUSH $store
a_flush_before_the_claim_is_caught FLUSH_BEFORE_LOCK $table
a_validation_before_the_flush_is_caught VALIDATE_BEFORE_FLUSH $store
a_missing_stamp_of_a_writable_use_is_caught NO_WRITABLE_STAMP $store
a_missing_stamp_of_a_table_is_caught NO_TABLE_STAMP $table
a_stamp_of_the_same_time_taken_for_older_is_caught STALE_OFF_BY_ONE $store
a_tick_after_the_flush_is_caught TICK_AFTER_FLUSH $table
a_missing_flush_of_a_changed_table_is_caught NO_OWED_FLUSH $table
a_cancel_that_forgets_progress_is_caught CANCEL_FORGETS_PROGRESS $count
a_missing_lock_is_caught NO_LOCK assertion
a_release_that_leaves_the_frame_validated_is_caught RELEASE_LEAVES_VALIDATED $count
a_half_done_frame_taken_from_its_vcpu_is_caught IGNORE_HALF assertion
an_entry_stored_without_its_hold_is_caught STORE_BEFORE_TAKE $count
END
    run a_half_done_frame_that_is_left_is_caught '-DNFAIR=4' '-a -f -w22' -DPROGRESS \
        -DACCESSES=0 -DCHANGES=0 -DHALF_FRAME_LEFT
    expect_error a_half_done_frame_that_is_left_is_caught acceptance
}

proofs >"$work/proofs" &
variants
wait
cat "$work/proofs"
