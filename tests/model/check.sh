#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Check the models tests/model/*.pml with Spin, exhaustively for small numbers of calls: that every
# property holds, and that each variant with one step removed or in another place breaks one. Prints
# "PASS name" or "FAIL name: why".
set -u

here=$(readlink -f "$(dirname "$0")")
work=$here/../../build/model
megabytes=1500
seconds=300
rm -rf "$work"
mkdir -p "$work"
work=$(readlink -f "$work")

# Run Spin on a model: run NAME MODEL "CC FLAGS" "PAN FLAGS" [SPIN FLAG]... The output is NAME/log.
run() {
    local folder=$work/$1 model=$2 compile=$3 options=$4
    shift 4
    mkdir "$folder"
    (
        cd "$folder" || exit
        # Optimising a verifier takes longer than running it.
        # shellcheck disable=SC2086
        spin -a "$@" "$here/$model.pml" && gcc -O0 -w -DCOLLAPSE -DMEMLIM=$megabytes \
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

# prove NAME MODEL "CC FLAGS" "PAN FLAGS" [SPIN FLAG]...
prove() {
    run "$@"
    expect_proof "$1"
}

tables='-DTABLES -DCALLS_0=1 -DCALLS_2=1'

proofs() {
    prove mmu_protocol_keeps_every_count_and_no_store_reaches_a_table mmu -DSAFETY '-w24'
    prove mmu_calls_all_end mmu '-DNFAIR=4' '-a -f -w22' -DPROGRESS -DACCESSES=0 -DCHANGES=0
    prove what_reaches_a_foreign_frame_is_held_and_two_locks_do_not_block foreign -DSAFETY -w20 \
        -DCALLS_1=3
    prove a_table_is_cancelled_or_torn_down_by_the_other_domain foreign -DSAFETY -w20 -DTABLES
    # shellcheck disable=SC2086
    prove two_cpus_of_a_controller_and_the_owner_share_a_table foreign -DSAFETY -w22 -DPROGRESS \
        -DCALLS_1=1 $tables
    # shellcheck disable=SC2086
    prove no_call_stays_in_the_hypervisor foreign -DNP '-l -w20' -DPROGRESS -DCALLS_1=0 $tables
    prove no_call_stays_in_the_hypervisor_for_its_owner foreign -DNP '-l -w20' -DPROGRESS -DTABLES \
        -DCALLS_0=1 -DCALLS_1=1
    prove same_level_tables_form_no_chains same_level -DSAFETY -w22
}

store='assertion.*tlb_leaf'
table='assertion.*tlb_table'
count='assertion.*type_count'
held='assertion.*tlb_leaf.*allocated'
drops='assertion.*foreign_drop'
chain='assertion.*same_level'
stuck='invalid end state'

variants() {
    local name model flags property
    while read -r name model flags property; do
        # shellcheck disable=SC2086
        run "$name" "$model" -DSAFETY -w20 ${flags//,/ }
        expect_error "$name" "$property"
    done <<END
a_missing_flush_at_the_claim_is_caught mmu -DNO_CLAIM_FLUSH $store
a_flush_before_the_claim_is_caught mmu -DFLUSH_BEFORE_LOCK,-DCALLS_1=0 $table
a_validation_before_the_flush_is_caught mmu -DVALIDATE_BEFORE_FLUSH $store
a_missing_stamp_of_a_writable_use_is_caught mmu -DNO_WRITABLE_STAMP $store
a_missing_stamp_of_a_table_is_caught mmu -DNO_TABLE_STAMP $table
a_stamp_of_the_same_time_taken_for_older_is_caught mmu -DSTALE_OFF_BY_ONE $store
a_tick_after_the_flush_is_caught mmu -DTICK_AFTER_FLUSH,-DCALLS_0=1 $store
a_missing_flush_of_a_changed_table_is_caught mmu -DNO_OWED_FLUSH $table
a_cancel_that_forgets_progress_is_caught mmu -DCANCEL_FORGETS_PROGRESS $count
a_missing_lock_is_caught mmu -DNO_LOCK assertion
a_release_that_leaves_the_frame_validated_is_caught mmu -DRELEASE_LEAVES_VALIDATED $count
a_half_done_frame_taken_from_its_vcpu_is_caught mmu -DIGNORE_HALF assertion
an_entry_stored_without_its_hold_is_caught mmu -DSTORE_BEFORE_TAKE $count
two_locks_in_the_order_of_roles_are_caught foreign -DLOCK_IN_ORDER_OF_ROLES $stuck
a_foreign_leaf_dropped_at_once_is_caught foreign -DFOREIGN_LEAF_DROPPED_AT_ONCE $held
a_foreign_leaf_that_owes_no_flush_is_caught foreign -DFOREIGN_LEAF_OWES_NO_FLUSH $held
a_flush_after_the_foreign_drops_is_caught foreign -DFLUSH_AFTER_DROPS $held
a_grant_that_ends_before_its_mappers_flush_is_caught foreign -DGRANT_ENDS_BEFORE_FLUSH $held.*marked
foreign_drops_in_a_pause_without_a_flush_are_caught foreign -DTABLES,-DBREATHE_DROPS_UNFLUSHED $held
a_vcpu_settled_during_its_call_is_caught foreign -DTABLES,-DSETTLES_ONE_THAT_RUNS $drops
a_controller_that_waits_for_the_owner_is_caught foreign -DTABLES,-DOWNER_IS_WAITED_FOR $stuck
a_teardown_that_leaves_a_walk_is_caught foreign -DTABLES,-DTEARDOWN_LEAVES_WALK assertion.*walk_mode
a_named_table_that_names_is_caught same_level -DNAMED_TABLE_MAY_NAME assertion.*a_named
a_naming_table_that_is_named_is_caught same_level -DNAMING_TABLE_MAY_BE_NAMED assertion.*a_named
a_half_done_table_that_is_named_is_caught same_level -DHALF_DONE_IS_NAMED $count
an_entry_for_its_own_table_that_counts_is_caught same_level -DOWN_ENTRY_COUNTS $count
a_release_that_forgets_the_same_level_is_caught same_level -DRELEASE_FORGETS_SAME_LEVEL $chain
END
    run a_half_done_frame_that_is_left_is_caught mmu '-DNFAIR=4' '-a -f -w22' -DPROGRESS \
        -DACCESSES=0 -DCHANGES=0 -DHALF_FRAME_LEFT
    expect_error a_half_done_frame_that_is_left_is_caught acceptance
    # shellcheck disable=SC2086
    run a_wait_that_asks_again_for_ever_is_caught foreign -DNP '-l -w20' -DPROGRESS -DCALLS_1=0 \
        $tables -DNOTHING_SETTLED_IS_SETTLED
    expect_error a_wait_that_asks_again_for_ever_is_caught non-progress
}

proofs >"$work/proofs" &
variants
wait
cat "$work/proofs"
