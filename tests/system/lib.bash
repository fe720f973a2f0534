# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
# For the scripts beside this one: where things are, and how a test says what it found. Each test
# prints one line, "PASS name" or "FAIL name: why", which ./test counts.
set -u

top=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../..")
pinnace=$top/build/pinnace
dialog=$top/build/system/dialog
fake=$top/build/system/fake-hypervisor
vmlinuz=$(readlink -f "$top/build/kernel/vmlinuz")

scratch=$(mktemp -d "$top/build/system test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

pass() { printf 'PASS %s\n' "$1"; }

# What is known is shown before the verdict: fail NAME WHY [LOG FILE]...
fail() {
    local log
    for log in "${@:3}"; do
        printf -- '---- the end of %s:\n' "${log##*/}"
        tail -n 25 "$log" | tr -d '\r'
        printf -- '----\n'
    done
    printf 'FAIL %s: %s\n' "$1" "$2"
}

# expect_status NAME WANTED GOT [LOG FILE]...
expect_status() {
    if [ "$3" = "$2" ]; then
        pass "$1"
    else
        fail "$1" "exit status $3, not $2" "${@:4}"
    fi
}

# Whether a line of the file is this text; carriage returns do not count.
has_line() { tr -d '\r' <"$1" | grep -qxF -- "$2"; }

# expect_line NAME FILE TEXT
expect_line() {
    if has_line "$2" "$3"; then
        pass "$1"
    else
        fail "$1" "the line \"$3\" is missing" "$2"
    fi
}
