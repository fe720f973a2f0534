#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The console between a user, or a program, and the machine: all bytes, both ways. The stand-in for
# the hypervisor counts what it gets, up to a Ctrl-D.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

machine=("$pinnace" run --hypervisor "$fake" --kernel "$guest" --initrd none --timeout 100)
log=$scratch/log
errors=$scratch/errors

# The line that the stand-in prints for this input (without its Ctrl-D).
input_line() {
    od -An -v -tu1 | awk '
        { for (i = 1; i <= NF; i++) { count++; sum = (sum * 31 + $i) % 4294967296 } }
        END { printf "count %d sum %.0f\n", count, sum }'
}

seq 12000 | tr '\n' '\r' >"$scratch/input"
printf '\001\003\032\021\023' >>"$scratch/input" # keys that mean something to a terminal
{ cat "$scratch/input" && printf '\004'; } >"$scratch/all"

"${machine[@]}" --hv-append do=count-input <"$scratch/all" >"$log" 2>"$errors"
expect_line input_from_a_file_arrives_complete "$log" "$(input_line <"$scratch/input")"

{ sleep 1 && cat "$scratch/all"; } | "${machine[@]}" --hv-append do=count-input >"$log" 2>"$errors"
expect_line input_from_a_pipe_arrives_complete "$log" "$(input_line <"$scratch/input")"

for line in $(seq 5000); do
    printf 'line %s of a flood\r\n' "$line"
done >"$scratch/flood"
printf '(PIN) machine: power off\r\n' >>"$scratch/flood"
"${machine[@]}" --hv-append do=flood </dev/null 2>"$errors" | { sleep 1 && cat >"$log"; }
if cmp -s "$log" "$scratch/flood"; then
    pass output_reaches_a_slow_reader_complete
else
    fail output_reaches_a_slow_reader_complete "it is not what was sent" "$log"
fi

"${machine[@]}" --hv-append do=flood </dev/null 2>"$errors" | head -n 1 >"$log"
expect_status reader_that_leaves_ends_the_run 1 "${PIPESTATUS[0]}" "$errors"

"${machine[@]}" --hv-append do=power-off <&- >"$log" 2>"$errors"
expect_status closed_standard_input_is_no_trouble 0 $? "$errors"

# ---- on a terminal ----

"$dialog" 100 'expect:hanging' 'send:\x01x' -- "${machine[@]}" --hv-append do=hang >"$log" 2>"$errors"
expect_status control_a_x_ends_the_run_and_leaves_the_terminal_as_it_was 9 $? "$log" "$errors"

"$dialog" 100 'expect:ready' 'send:\x01a\x01\x01\x01b\x03\x1a\x1c\x11\x13\r\x04' \
    "expect:$(printf '\001\001\001b\003\032\034\021\023\r' | input_line)" \
    -- "${machine[@]}" --hv-append do=count-input >"$log" 2>"$errors"
expect_status all_keys_reach_the_guest 0 $? "$log" "$errors"
