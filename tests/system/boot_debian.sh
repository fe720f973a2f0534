#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Debian's stock kernel, started as a user would start it: with ./run, typing at its shell.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

# Bounds each boot; the slowest takes a fraction of this.
limit=180

# Each answer is put in brackets by the guest, so that the echo of the command is not taken for it.
# All of this is typed ahead, and the terminal may echo it anywhere between the answers.
typed_commands() {
    cat <<'COMMANDS'
echo "[kernel $(uname -r)]"
echo "[type $(cat /sys/hypervisor/type)]"
echo "[pipeline $(echo one two three | tr ' ' '\n' | sort | tail -n 1)]"
i=0; while [ $i -lt 25 ]; do /bin/true && i=$((i + 1)); done; echo "[forks $i]"
echo "[processors $(grep -c ^processor /proc/cpuinfo)]"
dd bs=1 count=3000 of=/tmp/pasted 2> /dev/null
COMMANDS
    cat "$scratch/block"
    cat <<'COMMANDS'
echo "[pasted $(md5sum < /tmp/pasted)]"
poweroff -f
COMMANDS
}

# expect_answer NAME FILE TEXT
expect_answer() {
    if grep -qF -- "$3" "$2"; then
        pass "$1"
    else
        fail "$1" "the answer \"$3\" is missing" "$2"
    fi
}

shell_answers_what_is_typed_on_a_pipe() {
    local log=$scratch/pipe.log block_sum status
    { seq 100000 | head -c 2999 && echo; } >"$scratch/block"
    block_sum=$(md5sum <"$scratch/block")

    typed_commands | "$top/run" --timeout $limit >"$log" 2>"$scratch/pipe.err"
    status=$?

    if grep -q '^init: Linux .* is up' "$log"; then
        pass stock_kernel_boots_to_its_shell
    else
        fail stock_kernel_boots_to_its_shell "init never spoke" "$log" "$scratch/pipe.err"
    fi
    expect_answer kernel_is_the_downloaded_one "$log" "[kernel ${vmlinuz##*/vmlinuz-}]"
    expect_answer kernel_runs_on_xen_interface "$log" "[type xen]"
    expect_answer pipeline_of_processes_works "$log" "[pipeline two]"
    expect_answer twenty_five_forks_work "$log" "[forks 25]"
    expect_answer proc_shows_one_processor "$log" "[processors 1]"
    expect_answer pasted_block_arrives_complete "$log" "[pasted $block_sum]"
    expect_status power_off_gives_status_0 0 $status "$log" "$scratch/pipe.err"
}

reboot_and_options() {
    local log=$scratch/reboot.log status
    printf '%s\n' 'cat /proc/cmdline | sed "s/^/cmdline: /"' \
        'awk "/MemTotal/ { print \"[memory \" (\$2 < 512 * 1024) \"]\" }" /proc/meminfo' \
        'reboot -f' |
        "$top/run" --timeout $limit --memory 512M --append 'test=a,b quiet' >"$log" 2>&1
    status=$?
    expect_answer kernel_options_arrive_with_their_commas "$log" \
        "cmdline: console=hvc0 earlyprintk=xen test=a,b quiet"
    expect_answer memory_option_bounds_the_guest "$log" "[memory 1]"
    expect_status reboot_has_a_status_of_its_own 5 $status "$log"
}

crash_of_the_guest() {
    local log=$scratch/crash.log status
    echo 'echo c > /proc/sysrq-trigger' | "$top/run" --timeout $limit >"$log" 2>&1
    status=$?
    expect_status crash_has_a_status_of_its_own 6 $status "$log"
}

# On a terminal: job control, a paste ended by Ctrl-D, and the shell's end as the machine's. What
# Ctrl-C is to interrupt speaks itself, so that it is in the foreground by then; and the paste's echo
# is not waited for: Linux keeps what goes beyond 256 bytes of it until the next key.
terminal_session() {
    local log=$scratch/terminal.log status
    "$dialog" $limit 'expect:/root # ' \
        'send:sh -c '\''echo "[sleeping for $((999 + 1))]"; exec sleep 1000'\''\r' \
        'expect:[sleeping for 1000]' 'send:\x03' 'expect:/root # ' \
        'send:echo "[interrupted $?]"; cat >/tmp/block\r' 'expect:[interrupted 130]' \
        "send:$(printf 'line %s of a paste\\n' {1..150})" 'send:\x04' \
        'expect:/root # ' 'send:wc -l </tmp/block | sed "s/^/lines: /"\r' \
        'expect:lines: 150' 'expect:/root # ' 'send:exit\r' \
        -- "$top/run" --timeout $limit >"$log" 2>"$scratch/terminal.err"
    status=$?
    expect_status control_c_interrupts_and_exit_powers_off 0 $status "$log" "$scratch/terminal.err"
}

time_limit() {
    local log=$scratch/limit.log status
    timeout 120 "$top/run" --timeout 4 >"$log" 2>&1 </dev/null
    status=$?
    expect_status time_limit_ends_a_boot 8 $status "$log"
}

shell_answers_what_is_typed_on_a_pipe
reboot_and_options
crash_of_the_guest
terminal_session
time_limit
