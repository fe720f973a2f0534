#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# While Debian's kernel boots and forks, as the first domain and as an ordinary one, no call that is
# about memory is refused: each refusal is a line at guest_loglvl=warning. (As on Xen, the first
# domain asks nine times for memory below an address where there is none left before it gets its
# bounce buffers; that is a line at info.)
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$(readlink -f "$0")")/lib.bash"

limit=150

forks='i=0; while [ $i -lt 50 ]; do /bin/true | /bin/cat && i=$((i + 1)); done; echo "[forks $i]"'

# judge NAME LOG: it came to its end, and nothing was refused.
judge() {
    local log=$2 refused
    refused=$(tr -d '\r' <"$log" | grep -a '^(PIN) d[0-9]*v[0-9]* .*refused')
    if ! grep -qaF '[forks 50]' "$log" || ! grep -qa 'machine: power off' "$log"; then
        fail "$1" "it did not come to its end" "$log"
    elif grep -qa 'messages suppressed' "$log"; then
        fail "$1" "there may be refusals that were not shown" "$log"
    elif [ -n "$refused" ]; then
        fail "$1" "$(grep -c . <<<"$refused") refusals, the first: $(head -n 1 <<<"$refused")" "$log"
    else
        pass "$1"
    fi
}

printf '%s\npoweroff -f\n' "$forks" |
    timeout $((limit + 10)) "$top/run" --timeout $limit --hv-append guest_loglvl=warning \
        >"$scratch/first" 2>&1
judge stock_kernel_boots_and_forks_without_a_refusal "$scratch/first"

"$dialog" $limit 'expect:(d1) /root # ' "send:$forks\\r" 'expect:[forks 50]' 'send:poweroff -f\r' \
    'expect:machine: power off' -- "$pinnace" run --timeout $limit --hv-append guest_loglvl=warning \
    --domain name=ordinary >"$scratch/ordinary" 2>&1 </dev/null
judge stock_kernel_boots_and_forks_as_an_ordinary_domain_without_a_refusal "$scratch/ordinary"

# The lines are there to be seen: a kernel that is refused something leaves one.
timeout $((limit + 10)) "$pinnace" run --kernel "$top/build/guests/conformance.elf" --initrd none \
    --append only=frame_mapped_writable_cannot_be_pinned --hv-append guest_loglvl=warning \
    >"$scratch/refused" 2>&1 </dev/null
if grep -qa '^(PIN) d0v0 pin as L1 refused' "$scratch/refused"; then
    pass refusal_of_a_pin_is_a_line
else
    fail refusal_of_a_pin_is_a_line "there is none" "$scratch/refused"
fi
