#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The serial input switched to the hypervisor and back, and its debug keys, while Debian's kernel
# runs and while nobody does. On a terminal `pinnace run` sends one Ctrl-a for two typed; from a pipe
# all bytes as they are.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

limit=180
mini=$top/build/guests/mini.elf
switch='send:\x01\x01\x01\x01\x01\x01'

expect_match() { # NAME FILE PATTERN
    if tr -d '\r' <"$2" | grep -qaE -- "$3"; then
        pass "$1"
    else
        fail "$1" "no line matches \"$3\"" "$2"
    fi
}

# Each key once, then audits while programs start and end: these may run only between the guest's
# calls, of which those are full. Even an idle guest works now and then, so whether it is idle is asked
# more than once.
keys_on_a_terminal() {
    local log=$scratch/terminal.log idle=() audits=() i
    for i in {1..8}; do
        idle+=('send:q' 'expect:d0v0: ' 'send:h' 'expect:input to d0 again')
        audits+=('send:V' 'expect:references counted' 'send:q' 'expect:d0v0: ')
    done
    "$dialog" $limit 'expect:/root # ' \
        'send:stty raw -echo; head -c 3 >/tmp/keys; stty sane; od -An -tx1 /tmp/keys; echo "[k$((1 + 1))]"\r' \
        'send:\x01a\x01ab' 'expect:[k2]' 'expect:/root # ' \
        "$switch" 'expect:serial input: to the hypervisor' \
        'send:h' 'expect:input to d0 again' \
        "${idle[@]}" 'send:m' 'expect:% of RAM' 'send:d' 'expect:vector' \
        'send:e' 'expect:VIRQ 2' 'send:v' 'expect:frames of no domain' \
        'send:k' 'expect:L1[' 'send:V' 'expect:audit: ' 'send:?' 'expect:key ?: unknown' \
        "$switch" 'expect:serial input: to d0' \
        'send:(while true; do /bin/true | /bin/true; done) & sleep 1; echo "[l$((1 + 1))]"\r' \
        'expect:[l2]' "$switch" 'expect:to the hypervisor' "${audits[@]}" "$switch" 'expect:to d0' \
        'send:poweroff -f\r' 'expect:machine: power off' \
        -- "$pinnace" run --timeout $limit >"$log" 2>"$scratch/terminal.err"
    expect_status keys_answer_and_the_guest_goes_on 0 $? "$log" "$scratch/terminal.err"

    expect_match one_control_a_and_two_reach_the_guest "$log" '^ 01 01 62$'
    expect_match help_names_every_key "$log" '^\(PIN\) key k: .*'
    expect_match domain_is_shown_with_its_frames "$log" \
        '^\(PIN\) d0: alive, [1-9][0-9]* frames \(no limit\), vCPUs: 1$'
    expect_match idle_vcpu_is_shown_as_blocked "$log" '^\(PIN\) d0v0: blocked, kernel mode, events '
    expect_match event_channels_are_counted "$log" \
        '^\(PIN\) d0: [1-9][0-9]* event channels open, [0-9]+ pending, [0-9]+ masked$'
    expect_match memory_is_shown "$log" '^\(PIN\) memory: 1023 MiB of RAM, [1-9][0-9]* frames free$'
    expect_match registers_are_the_guest_s "$log" '^\(PIN\) rip e033:ffffffff[0-9a-f]{8}  rsp e02b:'
    expect_match timer_event_channel_is_shown "$log" '^\(PIN\) d0v0 port [0-9]+: VIRQ 0'
    expect_match frame_table_has_page_tables "$log" \
        '^\(PIN\) d0( +[1-9][0-9]*){4}( +[0-9]+){2} +[1-9][0-9]* +[0-9]+ +[1-9][0-9]* +[0-9]+$'
    expect_match page_table_walk_goes_down "$log" '^\(PIN\)   L1\[ *[0-9]+\] = [0-9a-f]{16} present'
    if [ "$(grep -ac '(PIN) audit: .* 0 differences' "$log")" = 9 ]; then
        pass audits_find_no_difference_also_under_load
    else
        fail audits_find_no_difference_also_under_load "not nine audits without" "$log"
    fi
}

# Typed ahead, before the hypervisor has a guest: the keys wait.
keys_from_a_pipe() {
    local log=$scratch/pipe.log
    printf '\001\001\001qz\001\001\001poweroff -f\n' |
        "$pinnace" run --timeout $limit >"$log" 2>"$scratch/pipe.err"
    expect_status keys_typed_ahead_do_not_harm 0 $? "$log" "$scratch/pipe.err"
    expect_match keys_typed_ahead_are_answered "$log" '^\(PIN\) d0v0: '
    expect_match unknown_key_is_named "$log" '^\(PIN\) key z: unknown \(h for help\)$'
}

small() { printf 'name=%s,kernel=%s,ramdisk=none,memory=4,extra="%s"' "$1" "$mini" "$2"; }
lines() { tr -d '\r' <"$1" | grep -cE -- "$2"; }

# wait_for COUNT FILE PATTERN: until so many lines match, but not for ever.
wait_for() {
    local i
    for ((i = 0; i < limit * 10; i++)); do
        [ "$(lines "$2" "$3")" -lt "$1" ] || return
        sleep 0.1
    done
}

# How long the CPU was idle from the first to the last time it was asked, in milliseconds, and how
# many timer interrupts there were meanwhile.
idle_and_ticks() {
    tr -d '\r' <"$1" | awk '/^\(PIN\) CPU 0: / { if (!asked++) { idle = $6; ticks = $10 }
        now = $6; then = $10 } END { print now - idle, then - ticks }'
}

# Typed ahead: the registers of nobody. Then, with one domain asleep and one that has ended, what
# sleeping costs. The small kernel sets no timer, so that each interrupt would be our own. On a slow
# machine the answers themselves take their time, so it is asked until it has slept for long enough.
nobody_runs() {
    local log=$scratch/nobody.log keys=$scratch/keys idle=0 ticks asked process
    mkfifo "$keys"
    touch "$log"
    "$pinnace" run --timeout $limit --domain "$(small a '')" \
        --domain "$(small b end=poweroff)" <"$keys" >"$log" 2>&1 &
    process=$!
    exec 8>"$keys"
    printf '\001\001\001dk' >&8
    wait_for 1 "$log" '^\(PIN\) d2 powers off'
    printf q >&8
    wait_for 1 "$log" '^\(PIN\) CPU 0: .* timer interrupts'
    for ((asked = 1; asked < 10 && idle < 2500; asked++)); do
        sleep 3
        printf q >&8
        wait_for $((asked + 1)) "$log" '^\(PIN\) CPU 0: .* timer interrupts'
        read -r idle ticks < <(idle_and_ticks "$log")
    done
    kill $process
    exec 8>&-
    wait $process
    if [ "$(lines "$log" '^\(PIN\) no vCPU is on the CPU yet$')" = 2 ]; then
        pass registers_of_nobody_can_be_asked_for
    else
        fail registers_of_nobody_can_be_asked_for "keys d and k have no answer" "$log"
    fi
    expect_match ended_domain_is_shown_so "$log" '^\(PIN\) d2: shut down, 1024 frames'
    expect_match vcpu_of_an_ended_domain_is_shown_as_stopped "$log" '^\(PIN\) d2v0: stopped, '
    if [ "$idle" -ge 2500 ] && [ "$ticks" -le 2 ]; then
        pass machine_asleep_takes_no_timer_interrupts
    else
        fail machine_asleep_takes_no_timer_interrupts "ms idle and interrupts: $idle $ticks" "$log"
    fi
}

keys_on_a_terminal
keys_from_a_pipe
nobody_runs
