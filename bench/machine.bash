# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2054,SC2154
# The machine that counts instructions, runs on it, and rows of tables: what bench/run and
# bench/create/run share. Sourced after scripts/prepare.sh.

memory=1024
machine=(-accel tcg,thread=single -cpu max,-smap,-erms -smp 1 -m "$memory" -nic none -no-reboot
    -icount shift=0,sleep=off,align=off -rtc base=2020-01-01T00:00:00,clock=vm -seed 1)
time_limit=900

# Boot with the given last arguments and keep the console's lines: boot_once LOG ARGUMENT...
# How QEMU ended says nothing: what counts is whether the last line was reached.
boot_once() {
    local log=$1
    shift
    timeout "$time_limit" qemu-system-x86_64 "${machine[@]}" -display none -monitor none \
        -serial stdio "$@" </dev/null 2>&1 | tr -d '\r' >"$log" || true
}

# What a run says, without the hypervisor's and the kernel's own words.
figures() { grep -aE '^(BENCH|FAIL|PANIC|END|init:|[0-9a-f]{16}$)' "$1" || true; }

# Twice, side by side: boot NAME LAST_LINE ARGUMENT... leaves the figures in NAME.
boot() {
    local name=$1 last=$2
    shift 2
    say "running: $name"
    boot_once "$name.log" "$@" &
    boot_once "$name.again.log" "$@"
    wait $!
    figures "$name.log" >"$name"
    figures "$name.again.log" >"$name.again"
    if grep -qE '^(FAIL|PANIC)' "$name" || ! tail -n 1 "$name" | grep -qE "$last"; then
        tail -n 20 "$name.log" >&2
        die "$name went wrong: $work/$name.log"
    fi
    cmp -s "$name" "$name.again" || die "two runs differ: $work/$name and $work/$name.again"
}

# ---- tables ----

# A figure of a run: "N", "skipped", or nothing.
figure() { awk -v name="$2" '$1 == "BENCH" && $2 == name { print $3; exit }' "$1"; }

ratio() {
    awk -v a="$1" -v b="$2" \
        'BEGIN { if (a ~ /^[0-9]+$/ && b > 0) printf "%.2f", a / b; else print "-" }'
}

row() { # LABEL XEN PINNACE
    printf '| %s | %s | %s | %s |\n' "$1" "$(group "$2")" "$(group "$3")" "$(ratio "$3" "$2")"
}

# Digits in groups of three.
group() { sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"; }
