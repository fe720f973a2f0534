#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# How `pinnace run` judges the end of a machine, with a stand-in for the hypervisor that plays each.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

play() { # ACT [ARGUMENT]...
    local act=$1
    shift
    timeout 120 "$pinnace" run --hypervisor "$fake" --kernel "$guest" --initrd none \
        --hv-append "do=$act" --timeout 100 "$@" </dev/null >"$scratch/$act.log" 2>"$scratch/$act.err"
}

# act_has_status ACT STATUS NAME
act_has_status() {
    play "$1"
    expect_status "$3" "$2" $? "$scratch/$1.log" "$scratch/$1.err"
}

act_has_status power-off 0 announced_power_off_is_success
act_has_status silent-power-off 7 unannounced_power_off_is_no_success
act_has_status reboot 5 announced_reset_is_a_reboot
act_has_status silent-reset 7 unannounced_reset_is_no_reboot
act_has_status triple-fault 7 triple_fault_is_no_reboot
act_has_status crash 6 crash_of_a_halted_machine_is_seen
act_has_status crash-reboot 6 crash_before_a_reset_is_seen
act_has_status panic 7 panic_is_seen
act_has_status announce-only 7 announced_end_that_does_not_come_is_a_failure
act_has_status pretend 7 guest_cannot_pretend_an_end

if [ ! -s "$scratch/power-off.err" ]; then
    pass success_says_nothing
else
    fail success_says_nothing "it says something" "$scratch/power-off.err"
fi
expect_line other_outcomes_are_named "$scratch/panic.err" "pinnace: the hypervisor panicked"

play hang --timeout 1
expect_status time_limit_ends_a_machine_that_hangs 8 $? "$scratch/hang.log" "$scratch/hang.err"

# ---- for programs that watch: --expect and --log ----

play hang --timeout 1 --expect hanging
expect_status expected_text_does_not_excuse_the_time_limit 8 $? "$scratch/hang.log" "$scratch/hang.err"
play inventory --expect "memory above 1 MiB, KiB: 1047424"
expect_status expected_text_in_the_output_is_success 0 $? "$scratch/inventory.log"
play inventory --expect "machine: power off"
expect_status hypervisor_cannot_say_what_the_guest_should 10 $? "$scratch/inventory.log"
expect_line missing_text_is_named "$scratch/inventory.err" \
    'pinnace: the guest powered off, but "machine: power off" is not in its output'
play reboot --expect nothing
expect_status reboot_without_the_expected_text_is_a_reboot 5 $? "$scratch/reboot.log"

play flood --log "$scratch/copy"
if [ "$(wc -l <"$scratch/copy")" = 5001 ] && cmp -s "$scratch/copy" "$scratch/flood.log"; then
    pass log_has_all_that_the_console_shows
else
    fail log_has_all_that_the_console_shows "it differs" "$scratch/copy"
fi
play flood --log /dev/full
expect_status log_that_cannot_be_written_ends_the_run 1 $? "$scratch/flood.err"

# ---- a guest that says nothing ----

play halt --timeout 1
expect_line guest_that_writes_nothing_is_told "$scratch/halt.err" \
    "pinnace: until then the guest wrote nothing to its console"

# ---- signals, and QEMU's life ----

# Start a machine that hangs; $runner is pinnace's process, $qemu QEMU's.
start_hanging() {
    rm -f "$scratch/live.log" # or what is awaited would be there from the last time
    "$pinnace" run --hypervisor "$fake" --kernel "$guest" --initrd none --hv-append do=hang \
        --timeout 100 </dev/null >"$scratch/live.log" 2>&1 &
    runner=$!
    await_text "$scratch/live.log" hanging $runner
    read -r qemu _ <"/proc/$runner/task/$runner/children"
}

expect_qemu_gone() { # NAME
    for _ in {1..300}; do
        if [ ! -d "/proc/$qemu" ]; then
            pass "$1"
            return
        fi
        sleep 0.1
    done
    fail "$1" "QEMU, process $qemu, still runs"
    kill -KILL "$qemu"
}

start_hanging
kill -TERM "$runner"
wait "$runner"
expect_status signal_shows_in_the_status 143 $? "$scratch/live.log"
expect_qemu_gone qemu_ends_when_pinnace_is_told_to

start_hanging
disown "$runner" # or bash would announce its death
kill -KILL "$runner"
expect_qemu_gone qemu_ends_when_pinnace_is_killed

start_hanging
kill -KILL "$qemu"
wait "$runner"
expect_status killed_qemu_is_a_failure_of_qemu 4 $? "$scratch/live.log"
