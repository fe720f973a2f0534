#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The consoles of several domains: on one serial line, where each line has its domain's tag and three
# Ctrl-a hand the input on (six on a terminal), and on serial ports of their own.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

limit=240
switch='send:\x01\x01\x01\x01\x01\x01'
quiet='extra="quiet"' # the lines of two starting kernels would only cost time

# No line of the file may match.
expect_no_match() { # NAME FILE PATTERN
    if tr -d '\r' <"$2" | grep -qaE -- "$3"; then
        fail "$1" "a line matches \"$3\"" "$2"
    else
        pass "$1"
    fi
}

# Until the text is in the file, but not for ever.
wait_for() { # TEXT FILE
    local i
    for ((i = 0; i < limit; i++)); do
        grep -qaF -- "$1" "$2" && return
        sleep 1
    done
}

# The numbers that d2 wrote in one flood: the first that began while d1 had the input again, so that
# none of its lines was shown before it was whole.
flood_beside_d1() {
    tr -d '\r' <"$1" | awk '/^\(PIN\) serial input: / { beside = / to d1 /; floods = 0 }
        beside && floods == 1 && /^\(d2\) [0-9]+$/ { print $2 }
        beside && /^\(d2\) end-42$/ { floods++ }'
}

# The circle without a first domain: d1, d2, hypervisor, d1. What d2 wrote before it had the input,
# its prompt, shows when it gets it. From then on it writes again and again, whoever has the input;
# at the end of d1 it gets the input back.
two_domains() {
    local log=$scratch/two.log
    "$dialog" $limit 'expect:serial input: to d1' 'expect:(d1) /root # ' \
        'send:echo one-$((40 + 2))\r' 'expect:(d1) one-42' \
        "$switch" 'expect:serial input: to d2' 'expect:(d2) /root # ' \
        'send:printf "(PIN) forged\012(d1) forged\012x\015(d1) forged\012"\r' \
        'send:echo two-$((40 + 2))\r' 'expect:(d2) two-42' \
        'send:(while sleep 1; do seq 100000 100600; printf "x\015(d1) forged\012end-$((40 + 2))\012"; done) &\r' \
        'expect:(d2) end-42' \
        "$switch" 'expect:to the hypervisor' 'send:e' \
        'expect:d1v0 port 1: to the hypervisor: console' \
        'expect:d2v0 port 1: to the hypervisor: console' \
        "$switch" 'expect:serial input: to d1' 'send:\r' 'expect:(d1) /root # ' \
        'expect:(d2) end-42' 'expect:(d2) end-42' \
        'send:echo three-$((40 + 2))\r' 'expect:(d1) three-42' \
        'send:poweroff -f\r' 'expect:serial input: to d2' \
        'send:poweroff -f\r' 'expect:machine: power off' \
        -- "$pinnace" run --timeout $limit --domain "name=a,$quiet" --domain "name=b,$quiet" \
        >"$log" 2>"$scratch/two.err"
    expect_status input_goes_round_two_domains_and_the_hypervisor 0 $? "$log" "$scratch/two.err"
    expect_no_match no_domain_begins_a_line_with_another_s_tag "$log" '^(\(PIN\)|\(d1\)) forged'
    if [ "$(flood_beside_d1 "$log")" = "$(seq 100000 100600)" ]; then
        pass lines_of_a_flood_come_out_whole_and_tagged
    else
        fail lines_of_a_flood_come_out_whole_and_tagged "not all numbers in their order" "$log"
    fi
}

# The first domain's lines stay as they are, and the hypervisor comes between it and the other.
first_and_another() {
    local log=$scratch/first.log
    "$dialog" $limit 'expect:/root # ' 'send:echo first-$((40 + 2))\r' 'expect:first-42' \
        "$switch" 'expect:to the hypervisor (h for help; three times Ctrl-a to switch on)' \
        "$switch" 'expect:serial input: to d1' 'expect:(d1) /root # ' \
        'send:echo other-$((40 + 2))\r' 'expect:(d1) other-42' \
        "$switch" 'expect:serial input: to d0' 'send:\r' 'expect:/root # ' \
        'send:poweroff -f\r' 'expect:machine: power off' \
        -- "$pinnace" run --timeout $limit --append quiet --domain "name=a,$quiet" \
        >"$log" 2>"$scratch/first.err"
    expect_status first_domain_shares_the_line_with_another 0 $? "$log" "$scratch/first.err"
    expect_line first_domain_s_lines_have_no_tag "$log" 'first-42'
}

# A port of its own has no tags, and input of its own.
own_port() {
    local log=$scratch/own.log
    mkfifo "$scratch/port.in" "$scratch/port.out"
    cat "$scratch/port.out" >"$scratch/port.log" &
    { wait_for 'root # ' "$scratch/port.log" && printf 'echo "(PIN) own-$((40 + 2))"; poweroff -f\n'; } \
        >"$scratch/port.in" &
    "$pinnace" run --timeout $limit --domain "name=a,$quiet,serial=pipe:$scratch/port" \
        >"$log" 2>"$scratch/own.err" </dev/null
    expect_status domain_with_a_port_of_its_own_runs 0 $? "$log" "$scratch/own.err" "$scratch/port.log"
    wait
    expect_line port_of_its_own_is_raw_both_ways "$scratch/port.log" '(PIN) own-42'
    expect_no_match nothing_of_it_is_on_the_shared_line "$log" 'root #|^\(d1\)'
}

two_domains
first_and_another
own_port
